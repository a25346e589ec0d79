"""Errors of elementary functions are measured in ulps against a reference that is wide enough."""

import mpmath
import numpy as np
import pytest

from jaxlab.arithmetic.formats import as_format
from jaxlab.arithmetic.probe._functions import FUNCTIONS, _points, _reference, worst_ulps

ORACLES = {
    "logistic": lambda x: 1 / (1 + mpmath.exp(-x)),
    "rsqrt": lambda x: 1 / mpmath.sqrt(x),
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
}
needs_longdouble = pytest.mark.skipif(
    np.finfo(np.longdouble).nmant < 60, reason="longdouble is float64 here"
)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=needs_longdouble)])
def test_the_reference_is_a_hundredth_of_an_ulp_from_mpfr(name, dtype):
    points = _points(FUNCTIONS[name], dtype)[::40]
    oracle = ORACLES.get(name, getattr(mpmath, name, None))
    precision = as_format(dtype).precision
    with mpmath.workprec(160):
        for x, y in zip(points, _reference(FUNCTIONS[name], points), strict=True):
            exact = oracle(mpmath.mpf(float(x)))
            high = float(y)
            value = mpmath.mpf(high) + mpmath.mpf(float(y - type(y)(high)))
            assert abs(value - exact) <= abs(exact) * mpmath.mpf(2) ** (1 - precision) / 100


def test_ulps_are_counted_in_the_binade_of_the_exact_value():
    exact = np.array([1.0, 2.0, 4.0])
    computed = np.nextafter(exact.astype(np.float32), np.float32(9))
    assert worst_ulps(computed, exact, "float32") == 1.0
    below = np.nextafter(exact.astype(np.float32), np.float32(0))
    assert worst_ulps(below, exact, "float32") == 0.5


def test_subnormal_results_are_left_out_and_nan_is_data():
    exact = np.array([1.0, 2.0**-140])
    assert worst_ulps(np.float32([1.0, 0.0]), exact, "float32") == 0.0
    assert worst_ulps(np.float32([np.nan, 0.0]), exact, "float32") == "not finite"
