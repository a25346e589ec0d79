"""Which bits of its inputs does a dot product use, and which algorithms does it honour?"""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxlab.arithmetic.formats import as_format
from jaxlab.arithmetic.probe._experiments import DTYPES, Unmeasured, attempt
from jaxlab.arithmetic.probe._sums import of_dot

_SIDE = 64
_TERMS = 32

Product = Callable[[np.ndarray, np.ndarray], Any]
"""A matrix product of 64 x 64 host arrays."""


class Definition(NamedTuple):
    """What an algorithm promises.

    Attributes
    ----------
    piece, pieces
        Each input becomes a sum of this many pieces of this many significand bits.
    accumulator
        Significand bits of the accumulator.
    """

    piece: int
    pieces: int
    accumulator: int


DEFINITIONS = {
    "F16_F16_F16": Definition(11, 1, 11),
    "F16_F16_F32": Definition(11, 1, 24),
    "BF16_BF16_BF16": Definition(8, 1, 8),
    "BF16_BF16_F32": Definition(8, 1, 24),
    "BF16_BF16_F32_X3": Definition(8, 2, 24),
    "BF16_BF16_F32_X6": Definition(8, 3, 24),
    "BF16_BF16_F32_X9": Definition(8, 3, 24),
    "TF32_TF32_F32": Definition(11, 1, 24),
    "TF32_TF32_F32_X3": Definition(11, 2, 24),
    "F32_F32_F32": Definition(24, 1, 24),
    "F64_F64_F64": Definition(53, 1, 53),
}
"""The presets of ``jax.lax.DotAlgorithmPreset`` that take float32 inputs, and what they promise."""


class Algorithm(NamedTuple):
    """What a dot algorithm does with float32 inputs.

    Attributes
    ----------
    verdict
        ``honoured`` (differs from the default as its definition says), ``as_default`` (its
        definition and the default give the same numbers), ``ignored`` (gives the default's numbers
        against its definition), ``partial`` (neither its definition's numbers nor the default's)
        or ``refused``.
    input_bits, accumulator_bits
        Measured significand bits, or :class:`Unmeasured`.
    """

    verdict: str
    input_bits: int | Unmeasured
    accumulator_bits: int | Unmeasured


def input_bits(dtype: str) -> dict[str, Any]:
    """Significand bits of its inputs that a matrix product uses, by ``jax.lax.Precision``.

    Returns
    -------
    For ``default``, ``high`` and ``highest`` the number of bits (24 for float32 done in full, 11
    for TF32, 8 for one bfloat16 pass), or :class:`Unmeasured`.
    """
    return {
        precision.name.lower(): attempt(
            lambda precision=precision: kept_bits(_product(precision), DTYPES[dtype])
        )
        for precision in jax.lax.Precision
    }


def default_input_bits(dtype: str) -> Any:
    """The ``default`` of :func:`input_bits` alone."""
    return attempt(lambda: kept_bits(_product(jax.lax.Precision.DEFAULT), DTYPES[dtype]))


def algorithms() -> dict[str, Algorithm]:
    """Judge every dot algorithm on float32 inputs, from numbers.

    Returns
    -------
    An :class:`Algorithm` for every name in :data:`DEFINITIONS`.
    """
    default = attempt(lambda: _measure(jax.lax.Precision.DEFAULT, wide=True))
    if isinstance(default, Unmeasured):
        return dict.fromkeys(DEFINITIONS, Algorithm("refused", default, default))
    return {
        name: judge(
            definition,
            attempt(
                lambda name=name, piece=definition.piece: _measure(
                    jax.lax.DotAlgorithmPreset[name], wide=not name.startswith("F16")
                )
            ),
            default,
        )
        for name, definition in DEFINITIONS.items()
    }


def judge(
    definition: Definition, measured: tuple[Any, Any] | Unmeasured, default: tuple[Any, Any]
) -> Algorithm:
    """Compare measured (input bits, accumulator bits) with the definition and with the default.

    Examples
    --------
    >>> judge(DEFINITIONS["TF32_TF32_F32"], (11, 24), (24, 24)).verdict
    'honoured'
    >>> judge(DEFINITIONS["TF32_TF32_F32"], (24, 24), (24, 24)).verdict
    'ignored'
    """
    if isinstance(measured, Unmeasured):
        return Algorithm("refused", measured, measured)
    if _promised(definition, measured):
        as_default = _promised(definition, default)
        return Algorithm("as_default" if as_default else "honoured", *measured)
    return Algorithm("ignored" if measured == default else "partial", *measured)


def _promised(definition: Definition, measured: tuple[Any, Any]) -> bool:
    """Whether the numbers are the definition's; pieces may be truncated or rounded."""
    least, most = definition.piece * definition.pieces, split_bits(definition)
    bits, accumulator = measured
    return min(24, least) <= bits <= min(24, most) and accumulator == definition.accumulator


def kept_bits(product: Product, dtype: np.dtype) -> int:
    """How many significand bits of both inputs a matrix product uses.

    Row (then column) k has the number 1.0101...1 of k bits, times 1: the largest k up to which all
    come out exactly is the answer.

    Examples
    --------
    >>> def truncated(x, y):
    ...     bits = x.view(np.uint32) & np.uint32(0xFFFFE000)
    ...     return bits.view(np.float32) @ y
    >>> kept_bits(truncated, np.dtype(np.float32))
    11
    """
    most = as_format(dtype).precision
    numbers = np.array([_pattern(k) for k in range(1, most + 1)])
    x, y = np.zeros((_SIDE, _SIDE), dtype), np.zeros((_SIDE, _SIDE), dtype)
    x[:most, 0], y[0] = numbers, 1
    left = np.asarray(product(x, y))[:most, 0]
    right = np.asarray(product(y.T.copy(), x.T.copy()))[0, :most]
    exact = (left.astype(np.float64) == numbers) & (right.astype(np.float64) == numbers)
    return most if exact.all() else int(np.argmin(exact))


def split_bits(definition: Definition) -> int:
    """The bits that :func:`kept_bits` finds if inputs are split into rounded pieces.

    Examples
    --------
    >>> [split_bits(DEFINITIONS[f"BF16_BF16_F32{suffix}"]) for suffix in ("", "_X3", "_X6")]
    [8, 17, 26]
    """

    def splits(x: float) -> bool:
        for _ in range(definition.pieces):
            x -= _nearest(x, definition.piece)
        return x == 0

    return next(k for k in range(1, 54) if k == 53 or not splits(_pattern(k + 1)))


def _pattern(bits: int) -> float:
    """1.0101...1 with this many significand bits."""
    return ((4 << (bits - 1)) // 3 | 1) / 2 ** (bits - 1)


def _nearest(x: float, precision: int) -> float:
    """To nearest even with this many bits; Python's round is to even."""
    significand, exponent = math.frexp(x)
    return math.ldexp(round(math.ldexp(significand, precision)), exponent - precision)


def _measure(precision: Any, *, wide: bool) -> tuple[Any, Any]:
    """Input and accumulator bits; terms stay in the range of float16 unless ``wide``."""
    program = _product(precision)
    inputs = kept_bits(program, DTYPES["float32"])
    sums = of_dot(program, "float32" if wide else "float16", _TERMS, side=_SIDE)
    return inputs, sums.bits


@functools.cache
def _product(precision: Any) -> Callable[[Any, Any], jax.Array]:
    """A compiled matrix product at a precision or algorithm, in the dtype of its inputs."""

    @jax.jit
    def product(x: jax.Array, y: jax.Array) -> jax.Array:
        return jnp.dot(x, y, precision=precision, preferred_element_type=x.dtype)

    return product
