"""Bounds are bounds: rounded outward, and counting every rounding on the longest way."""

import inspect
import math
from fractions import Fraction

import mpmath
import pytest

from jaxlab.arithmetic import bounds
from jaxlab.arithmetic.accumulators import blocked, pairwise, sequential

U = 2.0**-8


@pytest.mark.parametrize("u", [2.0**-4, 2.0**-8, 2.0**-11, 2.0**-24, 2.0**-53])
@pytest.mark.parametrize("n", [1, 2, 15, 16, 255, 10**4, 10**7])
def test_gamma_is_the_smallest_float_above_the_rational(n, u):
    got = bounds.gamma(n, u)
    if n * Fraction(u) >= 1:
        assert got == math.inf
        return
    exact = n * Fraction(u) / (1 - n * Fraction(u))
    assert Fraction(got) >= exact
    assert Fraction(math.nextafter(got, 0)) < exact


def test_no_roundings_make_no_error():
    assert bounds.gamma(0, U) == bounds.gamma_blocked(0, 4, U) == bounds.gamma_pairwise(0, U) == 0
    assert bounds.compensated(0, U) == bounds.accumulation_bound("kahan", 0, "bf16") == 0
    assert bounds.gamma_pairwise(1, U) == 0


def test_blocks_and_trees_count_their_longest_way():
    assert bounds.gamma_blocked(512, 16, U) == bounds.gamma(16 + 32 - 1, U)
    assert bounds.gamma_blocked(513, 16, U) == bounds.gamma(16 + 33 - 1, U)
    assert bounds.gamma_blocked(5, 16, U) == bounds.gamma(5, U)
    for n, levels in ((2, 1), (3, 2), (4, 2), (5, 3), (512, 9), (513, 10)):
        assert bounds.gamma_pairwise(n, U) == bounds.gamma(levels, U)


@pytest.mark.parametrize("n", [1, 7, 512, 5000])
@pytest.mark.parametrize("u", [2.0**-8, 2.0**-11, 2.0**-24])
def test_the_sequential_bound_exceeds_n_roundings_by_little(n, u):
    fmt = {8: "bfloat16", 11: "float16", 24: "float32"}[round(-math.log2(u))]
    with mpmath.workdps(60):
        exact = (1 + mpmath.mpf(u)) ** n - 1
        got = bounds.accumulation_bound("sequential", n, fmt)
        assert exact <= got
        assert got <= mpmath.exp(n * u) * (1 + mpmath.mpf(2) ** -40) - 1 + mpmath.mpf(2) ** -60


def test_every_rounding_on_the_way_is_counted():
    def units(accumulator, n=64, fmt="bf16", **kw):
        return math.log1p(bounds.accumulation_bound(accumulator, n, fmt, **kw)) / U

    close = {"abs": 0.01}
    assert units(sequential()) == pytest.approx(64, **close)
    assert units(sequential(product=None)) == pytest.approx(65, **close)
    assert units(pairwise()) == pytest.approx(6, **close)
    assert units(blocked(16)) == pytest.approx(4, **close)
    assert units(blocked(16, inner="sequential")) == pytest.approx(19, **close)
    assert units(sequential("float32")) == pytest.approx(1 + 64 * 2**-16, **close)
    assert units(sequential(), rounding="up") == pytest.approx(128, **close)
    assert units("exact") == pytest.approx(1, **close)


def test_the_compensated_bound_does_not_grow_with_n_at_first():
    u = 2.0**-24
    assert bounds.compensated(10**5, u) < 3.1 * u
    assert 3 * u < bounds.compensated(1, u)
    assert bounds.compensated(2**14, 2.0**-8) == math.inf
    assert bounds.compensated(2**13, 2.0**-8) < math.inf


def test_probabilities_and_their_bound_agree_with_the_formulas():
    n, u, confidence = 512, 2.0**-11, 5.0
    with mpmath.workdps(40):
        exponent = confidence * mpmath.sqrt(n) * u + n * mpmath.mpf(u) ** 2 / (1 - u)
        exact = mpmath.expm1(exponent)
        got = bounds.gamma_probabilistic(n, u, confidence)
        assert exact <= got <= exact * (1 + mpmath.mpf(2) ** -40)
        sure = 1 - 2 * n * mpmath.exp(-((confidence * (1 - u)) ** 2) / 2)
    assert bounds.probability(n, u, confidence) == pytest.approx(float(sure), rel=1e-12)
    assert bounds.probability(n, u, 0.1) == 0


def test_the_probabilistic_bound_is_the_smaller_one_for_long_sums():
    for n in (256, 10**4, 10**6):
        assert bounds.gamma_probabilistic(n, 2.0**-24, 6.0) < bounds.gamma(n, 2.0**-24)


unchecked = inspect.unwrap(bounds.accumulation_bound)  # the type checker would speak first


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bounds.gamma(-1, U), "n: got -1, expected a number of terms"),
        (lambda: bounds.gamma(1, 0.0), "u: got 0.0, expected a unit roundoff between 0 and 1"),
        (lambda: bounds.gamma_probabilistic(1, U, 0.0), "confidence: got 0.0, expected a positive"),
        (lambda: bounds.gamma_blocked(4, 0, U), "block: got 0, expected a positive number"),
        (lambda: unchecked("exact", 4, "bf16", "odd"), "rounding: got 'odd', expected one of"),
        (lambda: bounds.accumulation_bound("sorted", 4, "bf16"), "accumulator: got 'sorted'"),
    ],
)
def test_arguments_out_of_range_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
