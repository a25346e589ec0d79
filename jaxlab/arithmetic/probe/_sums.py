"""The sums of JAX, one by one: dot products, reductions, scans and scatters on this device."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxlab.arithmetic.probe._accumulators import Accumulator, accumulator
from jaxlab.arithmetic.probe._experiments import DTYPES, attempt
from jaxlab.arithmetic.probe._summation import Total

_TERMS = 256
_INNER = 1024  # a matrix product is blocked more coarsely
_SIDE = 64
_ONES = 5000

# Exponents of the smallest and the largest term: float16 needs its subnormals in a sum, and not in
# a dot product, whose terms are products.
_SUM_RANGE = {"float16": (-24, 15)}
_DOT_RANGE = {"float16": (-14, 30)}
_RANGE = (-100, 100)


def accumulators(dtype: str) -> dict[str, Any]:
    """Find out how each sum of JAX is computed in one dtype.

    Returns
    -------
    An :class:`Accumulator`, or :class:`Unmeasured`, for each of ``dot`` (two vectors of 256
    entries), ``matmul`` (64 x 1024 by 1024 x 64; both at the highest precision, with results in
    the dtype), ``sum`` (``jnp.sum``), ``reduce_sum`` and ``cumsum`` (``jax.lax``), ``scan`` (the
    carry) and ``scatter_add`` (all into one entry).
    """
    found: dict[str, Accumulator | Any] = {
        "dot": attempt(lambda: of_dot(_dot, dtype, _TERMS)),
        "matmul": attempt(lambda: of_dot(_dot, dtype, _INNER, side=_SIDE)),
    }
    lowest, highest = _SUM_RANGE.get(dtype, _RANGE)
    for name, program in _SUMS.items():
        total = _total_of_sum(program, DTYPES[dtype])
        found[name] = attempt(lambda total=total: accumulator(total, _TERMS, lowest, highest))
    return found


def of_dot(program: Callable[..., jax.Array], dtype: str, terms: int, side: int = 0) -> Accumulator:
    """Find out how a dot program sums: two vectors, or two matrices with ``side`` rows, columns."""
    return accumulator(
        _total_of_dot(program, DTYPES[dtype], side), terms, *_DOT_RANGE.get(dtype, _RANGE)
    )


def ones(dtype: str) -> dict[str, Any]:
    """Add 5000 ones: 256 in bfloat16 steps, 2048 in float16 steps, more if the sum is wider.

    Returns
    -------
    The sum by operation, as an integer, or :class:`Unmeasured`.
    """
    return {"dot": dot_of_ones(dtype)} | {
        name: attempt(lambda program=program: int(_total_of_sum(program, DTYPES[dtype])(_ALL_ONES)))
        for name, program in _SUMS.items()
    }


def dot_of_ones(dtype: str) -> Any:
    """The dot product of 5000 ones with 5000 ones, or :class:`Unmeasured`."""
    return attempt(lambda: int(_total_of_dot(_dot, DTYPES[dtype], 0)(_ALL_ONES)))


_ALL_ONES = np.ones(_ONES)


@jax.jit
def _dot(x: jax.Array, y: jax.Array) -> jax.Array:
    highest = jax.lax.Precision.HIGHEST
    return jnp.dot(x, y, precision=highest, preferred_element_type=x.dtype)


@jax.jit
def _sum(x: jax.Array) -> jax.Array:
    return jnp.sum(x)


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


_SUMS = {
    "sum": _sum,
    "reduce_sum": _reduce_sum,
    "cumsum": _cumsum,
    "scan": _scan,
    "scatter_add": _scatter_add,
}


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
