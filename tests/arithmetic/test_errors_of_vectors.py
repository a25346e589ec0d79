"""Forward errors, angles and signs agree with exact arithmetic; non-finite entries are data."""

import math
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic import errors


def pair(seed=0, n=500):
    rng = np.random.default_rng(seed)
    reference = rng.standard_normal(n) * 10.0 ** rng.integers(-3, 4, n)
    return (reference * (1 + 1e-3 * rng.standard_normal(n))).astype(np.float32), reference


def exact_norm(entries):
    square = sum((Fraction(float(x)) ** 2 for x in entries), Fraction(0))
    return Fraction(math.isqrt(int(square * 2**400)), 2**200)


def test_the_normwise_error_agrees_with_rationals_under_jit_and_in_any_tree(x64_both):
    value, reference = pair()
    difference = [Fraction(float(v)) - Fraction(r) for v, r in zip(value, reference, strict=True)]
    square = sum((d * d for d in difference), Fraction(0))
    expected = math.sqrt(square) / float(exact_norm(reference))
    assert float(errors.normwise_error(value, reference)) == pytest.approx(expected, rel=1e-14)
    with jax.enable_x64(True):  # a NumPy float64 argument of jit becomes float32 while x64 is off
        arrays = jnp.asarray(value), jnp.asarray(reference)
    got = float(jax.jit(errors.normwise_error)(*arrays))
    assert got == pytest.approx(expected, rel=1e-14)
    parts = np.split(value, 5), np.split(reference, 5)
    assert float(errors.normwise_error(*parts)) == pytest.approx(expected, rel=1e-14)


def test_the_normwise_error_neither_overflows_nor_underflows():
    for scale in (1e-200, 1e200):
        got = errors.normwise_error(np.array([3.0, 5.0]) * scale, np.array([3.0, 4.0]) * scale)
        assert float(got) == pytest.approx(0.2, rel=1e-12)


def test_componentwise_errors_agree_with_rationals():
    value, reference = pair(1)
    got = np.asarray(errors.relative_error(value, reference))
    for v, r, error in zip(value, reference, got, strict=True):
        assert float(abs(Fraction(float(v)) / Fraction(r) - 1)) == pytest.approx(error, rel=1e-9)


def test_the_mixed_error_is_relative_to_the_given_scale():
    got = errors.relative_error(np.array([1.5, 0.25]), np.array([1.0, 0.0]), np.array([4.0, 1.0]))
    assert np.array_equal(got, [0.125, 0.25])


def test_quantiles_are_order_statistics():
    x = np.random.default_rng(2).permutation(np.arange(1.0, 101.0))
    assert np.array_equal(errors.quantiles(x, (0.5, 0.9, 0.99, 1.0)), [50, 90, 99, 100])
    assert np.array_equal(errors.quantiles(np.zeros(0), (0.5, 1.0)), [0, 0])


def test_small_angles_are_resolved_beyond_the_inner_product():
    angle = 1e-10
    value, reference = np.array([np.cos(angle), np.sin(angle)]), np.array([1.0, 0.0])
    got = float(errors.cosine_deficit(value, reference))
    assert got == pytest.approx(angle**2 / 2, rel=1e-6)
    wide = float(errors.cosine_deficit(np.array([0.0, 2.0]), np.array([3.0, 3.0])))
    assert wide == pytest.approx(1 - math.sqrt(0.5), rel=1e-14)


def test_signs_are_compared_where_both_are_nonzero():
    value = np.array([1.0, -1.0, 0.0, -2.0, np.nan, -np.inf])
    reference = np.array([2.0, 3.0, 5.0, -1.0, 1.0, 1.0])
    assert float(errors.sign_agreement(value, reference)) == 0.5
    assert float(errors.sign_agreement(np.zeros(3), np.ones(3))) == 1.0


def test_matching_nonfinite_entries_are_no_error_and_others_an_infinite_one():
    value = np.array([np.inf, np.nan, np.inf, np.nan, 1.0, -np.inf])
    reference = np.array([np.inf, np.nan, 1.0, 1.0, np.nan, np.inf])
    got = errors.relative_error(value, reference)
    assert np.array_equal(got, [0, 0, np.inf, np.inf, np.inf, np.inf])
    assert float(errors.normwise_error(value, reference)) == np.inf
    assert float(errors.normwise_error(value[:2], reference[:2])) == 0.0


def test_zero_against_zero_is_no_error():
    assert float(errors.normwise_error(np.zeros(2), np.zeros(2))) == 0.0
    assert float(errors.normwise_error(np.ones(2), np.zeros(2))) == np.inf


def test_trees_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match="reference: got PyTreeDef"):
        errors.normwise_error((jnp.ones(1),), [jnp.ones(1)])
    with pytest.raises(ValueError, match=r"reference: got shapes \[\(2,\)\], expected \[\(1,\)\]"):
        errors.normwise_error((jnp.ones(1),), (jnp.ones(2),))
