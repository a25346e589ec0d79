"""Which bits of its inputs does a dot product use, and which algorithms does it honour?"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxlab.arithmetic.formats import as_format
from jaxlab.arithmetic.probe._experiments import DTYPES, Unmeasured, attempt
from jaxlab.arithmetic.probe._programs import product
from jaxlab.arithmetic.probe._sums import HALF_RANGE, WIDE_RANGE, of_dot

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
    passes
        How many products of a piece with a piece are taken; the smallest ones are left out.
    accumulator
        Significand bits of the accumulator.
    """

    piece: int
    pieces: int
    passes: int
    accumulator: int


DEFINITIONS = {
    "F16_F16_F16": Definition(11, 1, 1, 11),
    "F16_F16_F32": Definition(11, 1, 1, 24),
    "BF16_BF16_BF16": Definition(8, 1, 1, 8),
    "BF16_BF16_F32": Definition(8, 1, 1, 24),
    "BF16_BF16_F32_X3": Definition(8, 2, 3, 24),
    "BF16_BF16_F32_X6": Definition(8, 3, 6, 24),
    "BF16_BF16_F32_X9": Definition(8, 3, 9, 24),
    "TF32_TF32_F32": Definition(11, 1, 1, 24),
    "TF32_TF32_F32_X3": Definition(11, 2, 3, 24),
    "F32_F32_F32": Definition(24, 1, 1, 24),
    "F64_F64_F64": Definition(53, 1, 1, 53),
}
"""The presets of ``jax.lax.DotAlgorithmPreset`` that take float32 inputs, and what they promise."""


class Measured(NamedTuple):
    """What a product does with float32 inputs, each a number or :class:`Unmeasured`.

    Attributes
    ----------
    input_bits
        Significand bits of the inputs that count.
    passes
        Products of a piece with a piece that count, pieces as in the definition.
    accumulator_bits
        Significand bits of the accumulator.
    """

    input_bits: Any
    passes: Any
    accumulator_bits: Any


class Algorithm(NamedTuple):
    """What a dot algorithm does with float32 inputs.

    Attributes
    ----------
    verdict
        ``honoured`` (differs from the default as its definition says), ``as_default`` (its
        definition and the default give the same numbers), ``ignored`` (gives the default's numbers
        against its definition), ``partial`` (neither its definition's numbers nor the default's),
        ``refused`` (the program with it raises) or ``unmeasured`` (a number is missing).
    input_bits, passes, accumulator_bits
        The numbers behind the verdict; see :class:`Measured`.
    """

    verdict: str
    input_bits: int | Unmeasured
    passes: int | Unmeasured
    accumulator_bits: int | Unmeasured


def input_bits(
    dtype: str, precisions: Sequence[jax.lax.Precision] = tuple(jax.lax.Precision)
) -> dict[str, Any]:
    """Significand bits of its inputs that a matrix product uses, by ``jax.lax.Precision``.

    Returns
    -------
    For each precision, by default ``default``, ``high`` and ``highest``, the number of bits (24
    for float32 done in full, 11 for TF32, 8 for one bfloat16 pass), or :class:`Unmeasured`.
    """
    return {
        precision.name.lower(): attempt(
            lambda precision=precision: kept_bits(product(precision), DTYPES[dtype])
        )
        for precision in precisions
    }


def algorithms() -> dict[str, Algorithm]:
    """Judge every dot algorithm on float32 inputs, from numbers.

    Returns
    -------
    An :class:`Algorithm` for every name in :data:`DEFINITIONS`.
    """
    default = product(jax.lax.Precision.DEFAULT)
    return {
        name: judge(
            definition,
            measure(product(jax.lax.DotAlgorithmPreset[name]), definition),
            measure(default, definition),
        )
        for name, definition in DEFINITIONS.items()
    }


def measure(program: Product, definition: Definition) -> Measured | Unmeasured:
    """The numbers that decide whether a product follows a definition.

    Returns
    -------
    :class:`Measured`, or :class:`Unmeasured` if the program itself raises. The terms of the sums
    stay within the range of float16 where the definition's pieces may be of that format.
    """
    ones = np.ones((_SIDE, _SIDE), np.float32)
    refused = attempt(lambda: np.asarray(program(ones, ones)))
    if isinstance(refused, Unmeasured):
        return refused
    within = HALF_RANGE if definition.piece == as_format("float16").precision else WIDE_RANGE
    return Measured(
        attempt(lambda: kept_bits(program, DTYPES["float32"])),
        attempt(lambda: passes(program, definition)),
        attempt(lambda: of_dot(program, DTYPES["float32"], _TERMS, within, side=_SIDE).bits),
    )


def judge(
    definition: Definition, measured: Measured | Unmeasured, default: Measured | Unmeasured
) -> Algorithm:
    """Compare what was measured of an algorithm with its definition and with the default.

    Examples
    --------
    >>> tf32, full = Measured(11, 1, 24), Measured(24, 1, 24)
    >>> judge(DEFINITIONS["TF32_TF32_F32"], tf32, full).verdict
    'honoured'
    >>> judge(DEFINITIONS["TF32_TF32_F32"], full, full).verdict
    'ignored'
    """
    if isinstance(measured, Unmeasured):
        return Algorithm("refused", measured, measured, measured)
    return Algorithm(_verdict(definition, measured, default), *measured)


def _verdict(definition: Definition, measured: Measured, default: Measured | Unmeasured) -> str:
    if isinstance(default, Unmeasured) or any(
        isinstance(number, Unmeasured) for number in (*measured, *default)
    ):
        return "unmeasured"
    if _promised(definition, measured):
        return "as_default" if _promised(definition, default) else "honoured"
    return "ignored" if measured == default else "partial"


def _promised(definition: Definition, measured: Measured) -> bool:
    """Whether the numbers are the definition's; pieces may be truncated or rounded."""
    least, most = definition.piece * definition.pieces, split_bits(definition)
    return (
        min(24, least) <= measured.input_bits <= min(24, most)
        and measured.passes == definition.passes
        and measured.accumulator_bits == definition.accumulator
    )


def passes(program: Product, definition: Definition) -> int:
    """How many products of a piece with a piece count in a product of float32 inputs.

    The factors are sums of pieces, ``X_i = x_0 + ... + x_i``, ``x_i = 2**-(piece+1)i``. Row i and
    column j hold ``(X_i - X_(i-1)) (X_j - X_(j-1))``, multiplied out into four terms that cancel
    in every pass but the one of ``x_i`` with ``x_j``.

    Examples
    --------
    >>> passes(np.matmul, DEFINITIONS["BF16_BF16_F32_X3"])
    4
    """
    pieces = definition.pieces
    x = np.cumsum(2.0 ** (-(definition.piece + 1) * np.arange(pieces)))
    before = np.concatenate([[0.0], x[:-1]])
    left, right = np.zeros((2, _SIDE, _SIDE), np.float32)
    left[:pieces, :4] = np.stack([x, -before, -x, before], axis=1)
    right[:4, :pieces] = np.stack([x, x, before, before])
    found = np.asarray(program(left, right))[:pieces, :pieces].astype(np.float64)
    return int(np.count_nonzero(found == np.outer(x - before, x - before)))


def kept_bits(program: Product, dtype: np.dtype) -> int:
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
    left = np.asarray(program(x, y))[:most, 0]
    right = np.asarray(program(y.T.copy(), x.T.copy()))[0, :most]
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
    """To nearest even with this many bits, by Python's integers: no device that is probed helps."""
    significand, exponent = math.frexp(x)
    return math.ldexp(round(math.ldexp(significand, precision)), exponent - precision)
