"""Rounding by definition, for checking jaxlab against: exact rationals, MPFR and plain enumeration.

Nothing here looks at bits or borrows from the implementation. ``round_exactly`` computes with
:class:`fractions.Fraction`; ``enumerate_values`` lists a small format's numbers, from which
``round_by_enumeration`` picks by bisection; ``round_with_mpfr`` asks MPFR.
"""

import bisect
import functools
import math
from fractions import Fraction

import gmpy2
import numpy as np

DETERMINISTIC = ("nearest_even", "nearest_away", "toward_zero", "up", "down", "to_odd")
MPFR_MODES = {
    "nearest_even": gmpy2.RoundToNearest,
    "toward_zero": gmpy2.RoundToZero,
    "up": gmpy2.RoundUp,
    "down": gmpy2.RoundDown,
}


def power(exponent: int) -> Fraction:
    return Fraction(2) ** exponent


def largest(fmt) -> Fraction:
    return (2**fmt.precision - 1 - fmt.reserved) * power(fmt.emax - fmt.precision + 1)


def spacing_at(magnitude: Fraction, fmt) -> Fraction:
    """Distance between the neighbours of a positive rational, exponents unbounded above."""
    e = magnitude.numerator.bit_length() - magnitude.denominator.bit_length()
    if power(e) > magnitude:
        e -= 1
    if e >= fmt.emin:
        return power(e - fmt.precision + 1)
    return power(fmt.emin - fmt.precision + 1) if fmt.subnormals else power(fmt.emin)


def goes_up(lower_index: int, fraction: Fraction, negative: bool, rounding: str) -> bool:
    """Whether a magnitude this fraction of the gap above an (even or odd) number goes up."""
    if fraction == 0:
        return False
    half = Fraction(1, 2)
    odd = lower_index % 2 == 1
    return {
        "nearest_even": fraction > half or (fraction == half and odd),
        "nearest_away": fraction >= half,
        "toward_zero": False,
        "up": not negative,
        "down": negative,
        "to_odd": not odd,
    }[rounding]


def finish(rounded: Fraction, negative: bool, exact_zero: bool, fmt, rounding: str) -> float:
    """The rules for zero, overflow and sign, applied to a magnitude rounded without a limit."""
    if negative and not fmt.signed:
        return math.nan
    if rounded == 0 and not fmt.zero:
        if exact_zero:
            return math.nan
        rounded = power(fmt.emin if not fmt.subnormals else fmt.emin - fmt.precision + 1)
    if rounded > largest(fmt):
        stops = {"toward_zero": True, "to_odd": True, "up": negative, "down": not negative}
        magnitude = float(largest(fmt)) if stops.get(rounding, False) else beyond(fmt)
    else:
        magnitude = float(rounded)
    if magnitude == 0 and not fmt.negative_zero:
        return 0.0
    return -magnitude if negative else magnitude


def beyond(fmt) -> float:
    """What lies beyond the largest number of the format."""
    if fmt.saturate:
        return float(largest(fmt))
    if fmt.infinities:
        return math.inf
    return math.nan if fmt.nans else float(largest(fmt))


def _special(x: float, fmt) -> float | None:
    if math.isnan(x):
        return math.nan
    if math.isinf(x):
        return math.nan if x < 0 and not fmt.signed else math.copysign(beyond(fmt), x)
    return None


def round_exactly(x: float, fmt, rounding: str) -> float:
    special = _special(x, fmt)
    if special is not None:
        return special
    negative = math.copysign(1.0, x) < 0
    magnitude = abs(Fraction(x))
    if magnitude == 0:
        return finish(magnitude, negative, True, fmt, rounding)
    spacing = spacing_at(magnitude, fmt)
    index, fraction = divmod(magnitude / spacing, 1)
    index += goes_up(index, fraction, negative, rounding)
    return finish(index * spacing, negative, False, fmt, rounding)


@functools.cache
def enumerate_values(fmt) -> tuple[Fraction, ...]:
    """All nonnegative values in order, zero included, then the one that would follow the last."""
    p = fmt.precision
    values = {Fraction(0)}
    for e in range(fmt.emin, fmt.emax + 1):
        values |= {m * power(e - p + 1) for m in range(2 ** (p - 1), 2**p)}
    if fmt.subnormals:
        values |= {m * power(fmt.emin - p + 1) for m in range(1, 2 ** (p - 1))}
    following = max(values) + power(fmt.emax - p + 1)
    values = sorted(values | {following})
    return tuple(values) if fmt.reserved == 0 else tuple(values[: -fmt.reserved])


def round_by_enumeration(x: float, fmt, rounding: str) -> float:
    """As ``round_exactly``, from the sorted values of a small format with precision above 1.

    With subnormals or without, the k-th value has an even significand when k is even: the
    2**(p-1) significands of a binade begin with an even one.
    """
    special = _special(x, fmt)
    if special is not None:
        return special
    values = enumerate_values(fmt)
    negative = math.copysign(1.0, x) < 0
    magnitude = abs(Fraction(x))
    if magnitude >= values[-1]:
        # The chosen neighbour overflows, or the number below it does: all the rules agree.
        return finish(magnitude, negative, False, fmt, rounding)
    k = bisect.bisect_right(values, magnitude) - 1
    lower, upper = values[k], values[k + 1]
    parity = k if fmt.subnormals or k == 0 else k - 1
    up = goes_up(parity, (magnitude - lower) / (upper - lower), negative, rounding)
    return finish(values[k + up], negative, magnitude == 0, fmt, rounding)


def round_with_mpfr(xs, fmt, rounding: str) -> np.ndarray:
    """The same by MPFR, for IEEE-like formats and the modes it has, as float64."""
    lowest = fmt.emin - fmt.precision + 2 if fmt.subnormals else fmt.emin + 1
    context = gmpy2.context(
        precision=fmt.precision,
        emin=lowest,
        emax=fmt.emax + 1,
        subnormalize=fmt.subnormals,
        round=MPFR_MODES[rounding],
    )
    wide = gmpy2.context(precision=53, emin=-1100, emax=1100)
    with wide:
        exact = [gmpy2.mpfr(x) for x in np.asarray(xs, np.float64).tolist()]
    return np.array([float(context.plus(x)) for x in exact])


def round_all(xs, fmt, rounding: str) -> np.ndarray:
    return np.array([round_exactly(x, fmt, rounding) for x in np.asarray(xs).tolist()])


def bits(values) -> np.ndarray:
    """The bit patterns of an array, every NaN made the same one."""
    values = np.array(values)
    values[np.isnan(values)] = np.nan
    return values.view(f"u{values.itemsize}")


def mismatches(got, expected) -> str:
    """Empty if the bits agree, else the first few disagreements (for ``assert not ...``)."""
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.dtype == expected.dtype, (got.dtype, expected.dtype)
    assert got.shape == expected.shape, (got.shape, expected.shape)
    bad = np.flatnonzero(bits(got).ravel() != bits(expected).ravel())
    pairs = [(int(i), str(got.ravel()[i]), str(expected.ravel()[i])) for i in bad[:5]]
    return f"{bad.size} of {got.size}: (index, got, expected) {pairs}" if bad.size else ""


@np.errstate(all="ignore")
def samples(fmt, seed: int, size: int = 512, dtype=np.float64) -> np.ndarray:
    """Where a format may err: near its numbers and midpoints, at its ends, and anywhere."""
    rng = np.random.default_rng(seed)
    p, n = fmt.precision, size // 4
    exponents = rng.integers(fmt.emin - p - 3, fmt.emax + 3, 2 * n, endpoint=True)
    anywhere = np.ldexp(rng.uniform(1, 2, n), exponents[:n])
    halves = rng.integers(0, 2 ** (p + 1), n, endpoint=True)  # numbers and midpoints
    near = np.ldexp(halves.astype(np.float64), exponents[n:] - p)
    near *= 1 + rng.integers(-1, 2, n) * 2.0**-52
    ends = [largest(fmt), *(power(fmt.emin - k) for k in range(p + 3))]
    ends = np.array([float(v) for v in ends])
    half_ulp = float(power(fmt.emax - p))
    ends = np.concatenate([ends, ends * 1.5, ends[:1] + [half_ulp, 2 * half_ulp]])
    ends = [ends, np.nextafter(ends, 0), np.nextafter(ends, np.inf), [0.0, np.inf, np.nan]]
    noise = rng.integers(0, 2**64, size, dtype=np.uint64).view(np.float64)
    xs = np.concatenate([*ends, anywhere, near, noise])[:size]
    return np.where(rng.random(size) < 0.5, xs, -xs).astype(dtype)
