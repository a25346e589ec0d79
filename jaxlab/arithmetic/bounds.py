"""How far rounding can take a sum from the truth: worst cases, and cases of given probability.

A bound here is a factor ``f`` with ``|computed - exact| <= f * sum_k |t_k|``, where the terms
``t_k`` are inputs (sums) or products ``x_k y_k`` (dots, so that the sum is ``|x|^T |y|``). It
holds without overflow and underflow, and is rounded outward. :func:`accumulation_bound` is the one
for jaxlab's accumulators; the ``gamma`` functions are those of the literature, to compare it with.
"""

import math
from fractions import Fraction
from typing import Any, get_args

from jaxlab.arithmetic.accumulators import Accumulator, as_accumulator
from jaxlab.arithmetic.carriers import working_dtype
from jaxlab.arithmetic.formats import Format, as_format, float64
from jaxlab.arithmetic.rounding import Rounding


def gamma(n: int, u: float) -> float:
    """``n u / (1 - n u)``, which bounds ``n`` factors ``1 + delta``; infinity if ``n u >= 1``.

    Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed. (2002), section 3.1. The error
    of a dot of ``n`` terms in any order is within ``gamma(n, u)``.

    Parameters
    ----------
    n
        Number of roundings in a row.
    u
        Unit roundoff; twice that for modes other than to nearest.

    Raises
    ------
    ValueError
        If ``n`` is negative or ``u`` is not in (0, 1).

    Examples
    --------
    >>> gamma(255, 2.0**-8), gamma(256, 2.0**-8)
    (255.0, inf)
    """
    _check(n, u)
    product = n * Fraction(u)
    return _upward(product / (1 - product)) if product < 1 else math.inf


def gamma_blocked(n: int, block: int, u: float) -> float:
    """Classical blocked summation, ``gamma(block + ceil(n / block) - 1, u)`` (dots of n terms).

    Raises
    ------
    ValueError
        If ``block`` is below 1, and as :func:`gamma`.

    Examples
    --------
    >>> gamma_blocked(512, 16, 2.0**-24) < gamma(512, 2.0**-24) / 10
    True
    """
    _check(n, u)
    if block < 1:
        raise ValueError(f"block: got {block}, expected a positive number of terms")
    block = min(block, n)
    return gamma(block + -(-n // block) - 1, u) if n else 0.0


def gamma_pairwise(n: int, u: float) -> float:
    """Pairwise summation, ``gamma(ceil(log2 n), u)`` (sums; with rounded products one more).

    Higham (1993, doi:10.1137/0914050).

    Examples
    --------
    >>> gamma_pairwise(512, 2.0**-8) == gamma(9, 2.0**-8)
    True
    """
    _check(n, u)
    return gamma(_levels(n), u)


def compensated(n: int, u: float) -> float:
    """Kahan's compensated sum of ``n`` terms, ``3 u + O(n u**2)``; infinity once ``4 n u**2 > 1``.

    The usual ``2 u + O(n u**2)`` (Higham 2002, section 4.3) leaves its second term open. This bound
    is explicit and asks no more of an operation than a relative error ``u``, in any mode. With
    ``S_k = s_k - c_k`` one finds ``S_k = S_(k-1) + t_k + e_k`` and
    ``|e_k| <= u |t_k - c| + u (1 + u) |y_k| + (2 u**2 + u**3) |s_(k-1) + y_k|``; then the largest
    ``|c|`` and ``|s + y|`` and the sum of the ``|e_k|`` bound each other linearly.

    Examples
    --------
    >>> 3 * 2.0**-24 < compensated(1000, 2.0**-24) < 3.01 * 2.0**-24
    True
    """
    _check(n, u)
    if n == 0:
        return 0.0
    e = Fraction(u)
    once = e * (1 + e) ** 2
    # In units of sum |t|: |c| <= carried * (|s + y| + 1) and
    # |s + y| <= 1 + (e + once) * (1 + n * |c|) + n * (2 e**2 + e**3) * |s + y|.
    carried = once / (1 - once)
    feedback = n * (e + once) * carried
    room = 1 - feedback - n * (2 * e**2 + e**3)
    if room <= 0:
        return math.inf
    largest = (1 + e + once + feedback) / room
    return _upward(largest * (1 + e) - 1)


def gamma_probabilistic(n: int, u: float, confidence: float) -> float:
    """``exp(l sqrt(n) u + n u**2 / (1 - u)) - 1``, about ``l sqrt(n) u``, with ``l = confidence``.

    Bounds the error of a dot of ``n`` terms, with at least :func:`probability`, if the rounding
    errors are independent random variables of mean zero. Higham and Mary (2019,
    doi:10.1137/18M1226312), theorems 2.4 and 3.1.

    Parameters
    ----------
    n, u
        As in :func:`gamma`.
    confidence
        ``lambda``, positive.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> round(gamma_probabilistic(512, 2.0**-8, 1.0) * 2**8, 1)  # in units of u
    25.9
    """
    _check(n, u, confidence)
    return _outward(math.expm1(_outward(confidence * math.sqrt(n) * u + n * u**2 / (1 - u))))


def probability(n: int, u: float, confidence: float) -> float:
    """``1 - 2 n exp(-l**2 (1 - u)**2 / 2)``, at least 0: how surely a dot obeys its bound.

    Examples
    --------
    >>> probability(512, 2.0**-8, 5.0) > 0.995
    True
    """
    _check(n, u, confidence)
    return max(0.0, 1.0 - 2 * n * math.exp(-((confidence * (1 - u)) ** 2) / 2))


def accumulation_bound(
    accumulator: Any,
    n: int,
    fmt: Any,
    rounding: Rounding = "nearest_even",
    carrier: Any = "float32",
) -> float:
    """The worst error of a dot (or sum) of ``n`` terms, as a factor of ``|x|^T |y|``.

    It counts the roundings on the longest way of a term to the result: of the product, of the
    partial sums, of the carrier where blocks or everything are summed exactly, and of the result.
    ``k`` of them with unit roundoff ``u`` make at most ``(1 + u)**k - 1 < exp(k u) - 1``, which
    unlike :func:`gamma` is finite for every ``k``. ``kahan`` is bounded by :func:`compensated`.

    Parameters
    ----------
    accumulator
        An :class:`Accumulator` or its name.
    n
        Number of terms.
    fmt
        Format of the operands and of the result.
    rounding
        Mode of the result, and of the partial sums where the accumulator names none.
    carrier
        Dtype of the operands.

    Returns
    -------
    The factor, a float, rounded outward. Infinity where no bound is known.

    Raises
    ------
    ValueError
        If an argument is out of range or unknown.

    Examples
    --------
    >>> u = 2.0**-8
    >>> [round(accumulation_bound(how, 512, "bf16") / u) for how in ("blocked(16)", "pairwise")]
    [34, 9]
    """
    accumulator, fmt = as_accumulator(accumulator), as_format(fmt)
    _check(n, fmt.unit_roundoff)
    if rounding not in get_args(Rounding):
        raise ValueError(f"rounding: got {rounding!r}, expected one of {get_args(Rounding)}")
    if n == 0:
        return 0.0
    partial = accumulator.format or fmt
    mode = accumulator.rounding or rounding
    rounded = None if accumulator.product == "exact" else accumulator.product or partial
    wide = as_format(working_dtype(carrier, fmt, partial, rounded or fmt) or float64)
    sums, inside = _roundings(accumulator, n)
    relative = sums * _unit(partial, mode) + inside * _unit(wide, "nearest_even")
    if rounded:
        relative += _unit(rounded, mode)
    if accumulator.order == "exact" or not fmt.holds(partial):
        relative += _unit(fmt, rounding)
    grown = _growth(relative)
    if accumulator.order == "kahan":
        kahan = compensated(n, float(_unit(partial, mode)))
        return _outward(grown + kahan * (1 + grown))
    return grown


def _roundings(accumulator: Accumulator, n: int) -> tuple[int, int]:
    """Most roundings of a term, to the format of the partial sums and inside the carrier."""
    match accumulator.order:
        case "exact":
            return 0, n
        case "sequential":
            return n, 0
        case "blocked":
            size = min(accumulator.block or n, n)
            blocks = -(-n // size)
            return (blocks, size) if accumulator.inner == "exact" else (size + blocks - 1, 0)
        case "pairwise":
            return max(_levels(n), 1), 0
        case _:
            return 0, 0


def _levels(n: int) -> int:
    return max(n - 1, 0).bit_length()


def _unit(fmt: Format, rounding: Rounding) -> Fraction:
    """Largest relative error of one rounding."""
    return Fraction(2) ** -(fmt.precision - (not rounding.startswith("nearest")))


def _growth(relative: Fraction) -> float:
    """At least ``exp(relative) - 1``."""
    try:
        return _outward(math.expm1(_upward(relative)))
    except OverflowError:
        return math.inf


def _upward(q: Fraction) -> float:
    """The smallest float that is not below a rational."""
    nearest = float(q)
    return nearest if Fraction(nearest) >= q else math.nextafter(nearest, math.inf)


def _outward(x: float) -> float:
    """Above whatever a few operations in double precision may have lost."""
    return x * (1 + 2.0**-48)


def _check(n: int, u: float, confidence: float = 1.0) -> None:
    if n < 0:
        raise ValueError(f"n: got {n}, expected a number of terms")
    if not 0 < u < 1:
        raise ValueError(f"u: got {u}, expected a unit roundoff between 0 and 1")
    if not confidence > 0:
        raise ValueError(f"confidence: got {confidence}, expected a positive number")
