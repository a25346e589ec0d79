"""Entries that rounding zeroes, overflows or leaves where they were are counted."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic import as_format, errors, round_to
from tests.arithmetic import oracle


def test_underflow_counts_nonzero_entries_that_became_zero(x64_both):
    reference = np.array([1e-9, 1e-7, 0.0, 1.0])
    assert float(errors.underflowed_share(reference.astype(np.float16), reference)) == 1 / 3


def test_subnormals_have_not_underflowed():
    tiny = np.array([1e-40, 1.0], np.float32)
    assert float(errors.underflowed_share(tiny, tiny.astype(np.float64))) == 0.0


def test_overflow_counts_finite_entries_that_became_infinite_or_nan():
    value = np.array([np.inf, np.nan, np.inf, 1.0, 1.0])
    reference = np.array([1e5, 1e5, np.inf, 1.0, 1.0])
    assert float(errors.overflowed_share(value, reference)) == 0.5


@pytest.mark.parametrize("name", ["bfloat16", "float16", "float32", "float8_e4m3fn"])
def test_stagnation_agrees_with_exact_sums_rounded_once(name, x64_both):
    fmt = as_format(name)
    rng = np.random.default_rng(0)
    n = 2000
    w = np.asarray(round_to(rng.standard_normal(n), fmt))
    w = np.where(w == 0, 1.0, w)
    # Around half an ulp, a hair beside it too fine for a float64 sum, and exactly on it.
    half = np.array([float(oracle.spacing_at(abs(Fraction(x)), fmt)) / 2 for x in w])
    factor = rng.choice([0.5, 0.9, 1.0, 1.1, 2.0, 1 + 2.0**-50, 1 - 2.0**-50], n)
    u = half * factor * rng.choice([-1, 1], n)
    u[:10] = 0.0

    def lost(x, y):
        exact, spacing = Fraction(x) + Fraction(y), oracle.spacing_at(abs(Fraction(x)), fmt)
        inner = min(spacing, oracle.spacing_at(abs(Fraction(x)) * (1 - Fraction(1, 2**60)), fmt))
        gap = inner if abs(exact) < abs(Fraction(x)) else spacing
        even = (Fraction(x) / spacing).numerator % 2 == 0
        distance = abs(exact - Fraction(x))
        return distance < gap / 2 or (distance == gap / 2 and even)

    nonzero = [(x, y) for x, y in zip(w, u, strict=True) if y != 0]
    expected = sum(lost(x, y) for x, y in nonzero) / len(nonzero)
    with jax.enable_x64(True):  # a NumPy float64 argument of jit becomes float32 while x64 is off
        arrays = jnp.asarray(w), jnp.asarray(u)
    got = float(jax.jit(lambda w, u: errors.stagnated_share(w, u, fmt))(*arrays))
    assert got == pytest.approx(expected, abs=1e-12)
    assert 0.1 < got < 0.9


def test_in_float64_the_native_sum_decides(x64_both):
    w, u = np.ones(3), np.array([2.0**-53, 2.0**-52, 2.0**-54])
    assert float(errors.stagnated_share(w, u, "float64")) == pytest.approx(2 / 3)
    assert float(errors.stagnated_share(w, np.zeros(3), "float64")) == 0.0
