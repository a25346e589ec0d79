"""Well-conditioned problems whose last digits no algorithm can compute, in closed form.

Minimisers of ``|z|_1 + |A z - y|_2`` jump when the two entries of a row ``alpha (1, 1) + eps e_j``
change places: the matrices of ``j = 1`` and ``j = 2`` are ``eps sqrt(2)`` apart, their minimisers
``3 * 10**-K``. Whoever knows the matrix less well than that cannot give ``K`` digits. Everything
here is computed on the host, in rational arithmetic, and rounded once where it is rounded at all;
``alpha = sqrt(2) 10**K / 3`` itself is cut after 256 bits behind the point.

References
----------
Colbrook, Antun, Hansen, PNAS 119 (2022) e2107151119, doi 10.1073/pnas.2107151119,
arXiv 2101.08286, theorem 2. The closed forms are derived for jaxlab from the authors' formulas.
"""

import functools
import math
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from jaxlab.arithmetic import Format, as_format

BLOCK = 20
"""Entries of the second block, in which the matrix is a multiple of the identity."""

_BITS = 256

Row = tuple[Fraction, Fraction]
"""The two entries of a row on which a minimiser depends."""


class Problem(NamedTuple):
    """A member of the family: measurements ``y``, and where ``|z|_1 + |A z - y|_2`` is least.

    Attributes
    ----------
    matrix
        ``A``: ``1 + BLOCK`` rows and ``2 + BLOCK`` columns; all singular values but 0 are equal.
    measured
        ``y``.
    minimiser
        ``e_j / (alpha + eps)``, the only one.
    """

    matrix: Float[np.ndarray, "rows columns"]
    measured: Float[np.ndarray, " rows"]
    minimiser: Float[np.ndarray, " columns"]


@functools.cache
def alpha(digits: int) -> Fraction:
    """``sqrt(2) 10**digits / 3``, cut after 256 bits behind the point.

    Examples
    --------
    >>> float(alpha(1))
    4.714045207910317
    """
    return Fraction(math.isqrt(2 * 100**digits * 4**_BITS // 9), 2**_BITS)


def gap(n: int) -> Fraction:
    """``eps = 2**-(n + 1)``: the matrices of ``j = 1, 2`` are then ``2**-n / sqrt(2)`` apart.

    Examples
    --------
    >>> gap(10)
    Fraction(1, 2048)
    """
    return Fraction(2) ** -(n + 1)


def row(digits: int, eps: Fraction, which: int) -> Row:
    """``alpha (1, 1) + eps e_which``, with ``which`` 1 or 2.

    Raises
    ------
    ValueError
        If ``which`` is neither, or ``digits`` not positive: ``alpha`` must exceed 1.
    """
    if which not in (1, 2):
        raise ValueError(f"which: got {which}, expected 1 or 2")
    if digits < 1:
        raise ValueError(f"digits: got {digits}, expected at least 1")
    base = alpha(digits)
    return (base + eps, base) if which == 1 else (base, base + eps)


def separation(digits: int, n: int) -> float:
    """Distance ``sqrt(2) / (alpha + eps)`` of the two minimisers, about ``3 * 10**-digits``.

    Examples
    --------
    >>> separation(1, 10)
    0.29996892918...
    """
    return math.sqrt(2) / float(alpha(digits) + gap(n))


def cosines(size: int) -> Float[np.ndarray, "size size"]:
    """The orthonormal cosine transform (DCT-II) as a matrix.

    Examples
    --------
    >>> cosines(2).round(4)
    array([[ 0.7071,  0.7071],
           [ 0.7071, -0.7071]])
    """
    k = np.arange(size)
    waves = np.cos(np.pi / size * k[:, None] * (k + 0.5)) * np.sqrt(2 / size)
    return np.where(k[:, None] == 0, np.sqrt(1 / size), waves)


def problem(
    digits: int, n: int, which: int, *, transformed: bool = True, fmt: Any = "float64"
) -> Problem:
    """A member of the family of the theorem's demonstration.

    Parameters
    ----------
    digits
        ``K``: the digits that cannot be computed.
    n
        The matrices of ``which = 1, 2`` are ``2**-n / sqrt(2)`` apart.
    which
        Where the minimiser is: entry 1 or entry 2.
    transformed
        Multiply ``A`` and ``y`` by :func:`cosines`, which hides the structure and rounds.
    fmt
        Format whose numbers ``A`` and ``y`` are: the two entries rounded once from the reals, the
        second block from float64; with the transform, its float64 result is rounded again. The
        minimiser is that of the reals, in float64.

    Returns
    -------
    The problem, as NumPy arrays of float64.

    Raises
    ------
    ValueError
        If ``which`` is neither 1 nor 2, ``digits`` is not positive, or a number overflows the
        format.

    Examples
    --------
    >>> problem(1, 10, 2, transformed=False).matrix[0, :3]
    array([4.71404521, 4.71453349, 0.        ])
    """
    entries = row(digits, gap(n), which)
    size = Fraction(math.sqrt(sum(float(entry) ** 2 for entry in entries)))
    matrix = np.zeros((1 + BLOCK, 2 + BLOCK))
    matrix[0, :2] = [_held(entry, fmt) for entry in entries]
    matrix[1:, 2:] = np.eye(BLOCK) * _held(size, fmt)
    measured, minimiser = np.zeros(1 + BLOCK), np.zeros(2 + BLOCK)
    measured[0] = 1.0
    minimiser[which - 1] = float(1 / max(entries))
    if transformed:
        turn, hold = cosines(1 + BLOCK), np.vectorize(lambda v: _held(Fraction(v), fmt))
        matrix, measured = hold(turn @ matrix), hold(turn @ measured)
    return Problem(matrix, measured, minimiser)


def nearest(x: Fraction, fmt: Any) -> Fraction | None:
    """A rational number rounded once to a format, to nearest even; None if it overflows.

    Parameters
    ----------
    x
        Any rational number.
    fmt
        A format with sign, zero and subnormals, or whatever :func:`jaxlab.arithmetic.as_format`
        takes.

    Examples
    --------
    >>> nearest(Fraction(1, 3), "bfloat16"), nearest(Fraction(65520), "float16")
    (Fraction(171, 512), None)
    """
    fmt = as_format(fmt)
    if x == 0:
        return x
    quantum = Fraction(2) ** (max(_exponent(x), fmt.emin) - fmt.precision + 1)
    rounded = round(x / quantum) * quantum
    return rounded if abs(rounded) <= _largest(fmt) else None


def _held(x: Fraction, fmt: Any) -> float:
    """``x`` in a format, as a float."""
    rounded = nearest(x, fmt)
    if rounded is None:
        raise ValueError(f"fmt: got {as_format(fmt).name}, in which {float(x):.6g} overflows")
    return float(rounded)


def _exponent(x: Fraction) -> int:
    """``floor(log2 |x|)``."""
    guess = abs(x.numerator).bit_length() - x.denominator.bit_length()
    return guess if abs(x) >= Fraction(2) ** guess else guess - 1


def _largest(fmt: Format) -> Fraction:
    """The largest finite number, also where it is beyond float64."""
    significand = 2**fmt.precision - 1 - fmt.reserved
    return significand * Fraction(2) ** (fmt.emax - fmt.precision + 1)


def gap_lost_at(digits: int, fmt: Any) -> int | None:
    """The smallest ``n`` for which ``alpha + 2**-(n + 1)`` and ``alpha`` round to one number.

    From there on the stored problem is the same for ``j = 1`` and ``j = 2``. May be negative.

    Returns
    -------
    ``n``, or None if ``alpha`` overflows: then there is no problem to store.

    Examples
    --------
    >>> gap_lost_at(1, "float32"), gap_lost_at(3, "bfloat16"), gap_lost_at(6, "float16")
    (23, -1, None)
    """
    base = alpha(digits)
    stored = nearest(base, fmt)
    if stored is None:
        return None
    n = -_exponent(base) - 3  # a gap of four times the binade is never lost
    while nearest(base + gap(n), fmt) != stored:
        n += 1
    return n


def tiers(digits: int, gaps: tuple[Fraction, Fraction], which: tuple[int, int]) -> tuple[Row, Row]:
    """The three-tier family: rows for ``digits`` and for ``digits - 1``, on columns of their own.

    With ``y = (1, 1)``. Its minimiser consists of those of the rows, since residual 0 is optimal
    if ``sum 1 / alpha**2 <= 1``. Gap 0 makes a tie: every point of a segment is a minimiser.

    Raises
    ------
    ValueError
        If an entry of ``which`` is neither 1 nor 2, or ``digits`` below 2.
    """
    return row(digits, gaps[0], which[0]), row(digits - 1, gaps[1], which[1])


def vertices(rows: tuple[Row, ...]) -> tuple[Fraction, ...]:
    """Minimiser of ``|z|_1 + |A z - 1|_2`` for rows of two entries; in a tie, the midpoint.

    Each row's solution has its mass on the larger entry. That is exact for positive rows whose
    larger entries ``a`` satisfy ``sum 1 / a**2 <= 1``: then a residual costs more than it saves.

    Examples
    --------
    >>> vertices(((Fraction(4), Fraction(5)), (Fraction(2), Fraction(2))))
    (Fraction(0, 1), Fraction(1, 5), Fraction(1, 4), Fraction(1, 4))
    """
    found = []
    for first, second in rows:
        share = Fraction(int(first > second) - int(first < second) + 1, 2)
        found += [share / max(first, second), (1 - share) / max(first, second)]
    return tuple(found)


def squared_distance(x: tuple[Fraction, ...], z: tuple[Fraction, ...]) -> Fraction:
    """``|x - z|_2 ** 2``."""
    return sum(((a - b) ** 2 for a, b in zip(x, z, strict=True)), Fraction(0))


def correct_digits(squared_error: Fraction) -> int:
    """The largest ``d`` with error at most ``10**-d``.

    Raises
    ------
    ValueError
        If the error is not positive: then there are infinitely many.

    Examples
    --------
    >>> correct_digits(Fraction(1, 10**6)), correct_digits(Fraction(1, 10**6) + Fraction(1, 10**9))
    (3, 2)
    """
    if squared_error <= 0:
        raise ValueError(f"squared_error: got {squared_error}, expected a positive number")
    digits = -math.ceil(math.log10(squared_error) / 2) - 1  # too small by one or two
    while squared_error <= Fraction(1, 100) ** (digits + 1):
        digits += 1
    return digits


def to_grid(x: Fraction, bits: int) -> Fraction:
    """The nearest multiple of ``2**-bits``: a number known to so many bits behind the point.

    Examples
    --------
    >>> to_grid(Fraction(1, 3), 4)
    Fraction(5, 16)
    """
    return Fraction(round(x * 2**bits), 2**bits)


def worst_reading(digits: int, eps: Fraction, which: int, bits: int) -> Row:
    """What an adversary who may change a row by ``2**-bits`` in norm says it is, in dyadic numbers.

    Half way to the other member of the family, which it calls by the same numbers, if that is
    within reach, that is if ``eps / sqrt(2) <= 2**-bits``, up to the rounding; as near as it can
    otherwise. What it says is a multiple of ``2**-(bits + 3)``, and its rounding is paid for.
    """
    fine = bits + 3
    # Both entries may be off by reach: (reach + half a grid)**2 * 2 <= 4**-bits.
    reach = Fraction(math.isqrt(4 ** (_BITS - bits) // 2), 2**_BITS) - gap(fine)
    first, second = row(digits, eps, which)
    shift = min(reach, eps / 2) * (1 if first < second else -1)
    return to_grid(first + shift, fine), to_grid(second - shift, fine)
