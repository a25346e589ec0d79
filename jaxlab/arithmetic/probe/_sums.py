"""The sums of JAX, one by one: dot products, reductions, scans and scatters on this device."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxlab.arithmetic.probe import _programs
from jaxlab.arithmetic.probe._accumulators import Accumulator, accumulator
from jaxlab.arithmetic.probe._experiments import DTYPES, attempt
from jaxlab.arithmetic.probe._summation import Total

_TERMS = 256
_INNER = 1024  # a matrix product is blocked more coarsely
_SIDE = 64
_ONES = 5000

Range = tuple[int, int]
"""Exponents of the smallest and of the largest term of a sum."""

HALF_RANGE: Range = (-24, 15)  # all of float16, whose subnormals a wide accumulator calls for
WIDE_RANGE: Range = (-100, 100)


def accumulators(dtype: str) -> dict[str, Any]:
    """Find out how each sum of JAX is computed in one dtype.

    Returns
    -------
    An :class:`Accumulator`, or :class:`Unmeasured`, for each of ``dot`` (two vectors of 256
    entries), ``matmul`` (64 x 1024 by 1024 x 64; both at the highest precision, with results in
    the dtype), ``sum`` (``jnp.sum``), ``reduce_sum`` and ``cumsum`` (``jax.lax``), ``scan`` (the
    carry) and ``scatter_add`` (all into one entry).
    """
    within = HALF_RANGE if dtype == "float16" else WIDE_RANGE
    dot, kind = _programs.full_product, DTYPES[dtype]
    found = {
        "dot": attempt(lambda: of_dot(dot, kind, _TERMS, within)),
        "matmul": attempt(lambda: of_dot(dot, kind, _INNER, within, side=_SIDE)),
    }
    for name, program in SUMS.items():
        total = _total_of_sum(program, kind)
        found[name] = attempt(lambda total=total: accumulator(total, _TERMS, *within))
    return found


def of_dot(
    program: Callable[[Any, Any], Any], kind: np.dtype, terms: int, within: Range, side: int = 0
) -> Accumulator:
    """Find out how a dot program sums.

    Parameters
    ----------
    program
        The dot product of two vectors, or of two matrices if there is a ``side``.
    kind
        Dtype of its inputs.
    terms
        Length of the sum.
    within
        Exponents of the products; those of the factors are half as large.
    side
        Number of rows and columns of the result.

    Raises
    ------
    ValueError
        As :func:`accumulator`.
    """
    return accumulator(_total_of_dot(program, kind, side), terms, *within)


def ones(dtype: str) -> dict[str, Any]:
    """Add 5000 ones: 256 in bfloat16 steps, 2048 in float16 steps, more if the sum is wider.

    Returns
    -------
    The sum by operation, as an integer, or :class:`Unmeasured`.
    """
    return {"dot": dot_of_ones(dtype)} | {
        name: attempt(lambda program=program: int(_total_of_sum(program, DTYPES[dtype])(_ALL_ONES)))
        for name, program in SUMS.items()
    }


def dot_of_ones(dtype: str) -> Any:
    """The dot product of 5000 ones with 5000 ones, or :class:`Unmeasured`."""
    return attempt(lambda: int(_total_of_dot(_programs.full_product, DTYPES[dtype], 0)(_ALL_ONES)))


_ALL_ONES = np.ones(_ONES)


@jax.jit
def _reduce_sum(x: jax.Array) -> jax.Array:
    return jax.lax.reduce_sum(x, axes=(0,))


@jax.jit
def _cumsum(x: jax.Array) -> jax.Array:
    return jax.lax.cumsum(x)


@jax.jit
def _scan(x: jax.Array) -> jax.Array:
    return jax.lax.scan(lambda carry, term: (carry + term, None), jnp.zeros((), x.dtype), x)[0]


@jax.jit
def _scatter_add(x: jax.Array) -> jax.Array:
    return jnp.zeros(2, x.dtype).at[jnp.ones(x.shape, jnp.int32)].add(x)


SUMS = {
    "sum": _programs.total,
    "reduce_sum": _reduce_sum,
    "cumsum": _cumsum,
    "scan": _scan,
    "scatter_add": _scatter_add,
}
"""The sums of JAX that are no dot products, as programs of one vector."""


def _total_of_sum(program: Callable[..., jax.Array], dtype: np.dtype) -> Total:
    """Terms to the last entry of what the program returns."""
    return lambda terms: float(np.asarray(program(terms.astype(dtype))).flat[-1])


def _total_of_dot(program: Callable[..., jax.Array], dtype: np.dtype, side: int) -> Total:
    """Terms to the first entry of a dot product whose products are the terms.

    Both factors take half of the term's exponent, so that products may leave the dtype's range.
    """

    def total(terms: np.ndarray) -> float:
        significand, exponent = np.frexp(terms)
        half = exponent // 2
        x = np.ldexp(significand, exponent - half).astype(dtype)
        y = np.ldexp(1.0, half).astype(dtype)
        if side:
            x, y = np.tile(x, (side, 1)), np.tile(y[:, None], (1, side))
        return float(np.asarray(program(x, y)).flat[0])

    return total
