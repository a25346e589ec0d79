"""Sums, dots and elementary functions of pairs against 400-bit MPFR."""

import functools
from fractions import Fraction

import gmpy2
import jax
import numpy as np
import pytest

from jaxlab.arithmetic import double_double as dd
from tests.arithmetic.pairs import WIDE, random_pair, rationals, worst_error

RNG = np.random.default_rng(0)
NEAR_ZERO = np.concatenate(
    [10.0 ** RNG.uniform(-5, 0, 300), -(10.0 ** RNG.uniform(-5, -0.05, 300))]
)
ANYWHERE = RNG.uniform(-9, 9, 600)
POSITIVE = np.concatenate([10.0 ** RNG.uniform(-9, 9, 300), 1 + RNG.uniform(-0.01, 0.01, 300)])

# Largest relative error allowed, in units of u**2. exp: |x| of the argument's own, and a few.
CASES = {
    "exp": (gmpy2.exp, ANYWHERE, 16),
    "expm1": (gmpy2.expm1, np.concatenate([ANYWHERE, NEAR_ZERO]), 16),
    "log": (gmpy2.log, POSITIVE, 8),
    "log1p": (gmpy2.log1p, NEAR_ZERO, 8),
    "tanh": (gmpy2.tanh, np.concatenate([ANYWHERE, NEAR_ZERO]), 12),
    "logistic": (lambda x: 1 / (1 + gmpy2.exp(-x)), ANYWHERE, 16),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CASES)
def test_elementary_functions_are_right_to_a_few_units(name, dtype):
    exact, points, allowed = CASES[name]
    x = random_pair(points, dtype, 1)
    with jax.enable_x64(True):
        got = jax.jit(getattr(dd, name))(x)
    with WIDE:
        expected = [exact(gmpy2.mpfr(gmpy2.mpq(p))) for p in rationals(x)]
    assert worst_error(got, expected) <= allowed


def test_float64_pairs_are_right_to_one_part_in_two_to_the_hundredth():
    with jax.enable_x64(True):
        thirds = jax.jit(lambda x: dd.tanh(dd.divide(x, dd.constant(3, x))))(dd.lift(ANYWHERE))
    with WIDE:
        expected = [gmpy2.tanh(gmpy2.mpfr(gmpy2.mpq(p / 3))) for p in rationals(dd.lift(ANYWHERE))]
    assert worst_error(thirds, expected) * 2.0**-106 < 2.0**-100


def test_overflow_underflow_and_special_values_are_those_of_the_float():
    @jax.jit
    def values(x, y):
        return dd.exp(x).hi, dd.tanh(x).hi, dd.log(y).hi

    with jax.enable_x64(True):
        exp, tanh, log = values(
            dd.lift(np.array([710.0, 1e6, np.inf, -1e6, -np.inf, np.nan])),
            dd.lift(np.array([0.0, np.inf, -1.0])),
        )
    assert np.array_equal(exp, [np.inf, np.inf, np.inf, 0, 0, np.nan], equal_nan=True)
    assert np.array_equal(tanh, [1, 1, 1, -1, -1, np.nan], equal_nan=True)
    assert np.array_equal(log, [-np.inf, np.inf, np.nan], equal_nan=True)


@pytest.mark.parametrize(("shape", "axes"), [((7,), (0,)), ((3, 5, 4), (0, 2)), ((2, 0), (1,))])
def test_sums_over_axes_agree_with_rationals(shape, axes):
    x = random_pair(np.random.default_rng(2).standard_normal(shape), np.float64, 3)
    with jax.enable_x64(True):
        got = jax.jit(functools.partial(dd.total, axes=axes))(x)
    exact = np.array([*rationals(x), None], dtype=object)[:-1].reshape(shape)
    for axis in sorted(axes, reverse=True):
        exact = np.sum(exact, axis=axis, initial=Fraction(0))
    size = float(np.sum(np.abs(np.asarray(x.hi)))) + 1
    exact = np.asarray(exact, dtype=object)
    assert got.shape == exact.shape
    for g, e in zip(rationals(got), exact.ravel(), strict=True):
        assert abs(g - e) <= Fraction(size) * 12 * Fraction(2) ** -106


@pytest.mark.parametrize(
    ("left", "right", "numbers"),
    [
        ((4, 6), (6, 3), (((1,), (0,)), ((), ()))),
        ((2, 4, 6), (6, 2, 3), (((2,), (0,)), ((0,), (1,)))),
        ((4, 2, 3), (3, 2), (((1, 2), (1, 0)), ((), ()))),
        ((3,), (2,), (((), ()), ((), ()))),
    ],
)
def test_dots_agree_with_rationals(left, right, numbers):
    rng = np.random.default_rng(4)
    x = random_pair(rng.standard_normal(left), np.float64, 5)
    y = random_pair(rng.standard_normal(right), np.float64, 6)
    with jax.enable_x64(True):
        got = jax.jit(functools.partial(dd.dot_general, dimension_numbers=numbers))(x, y)
        shape = jax.lax.dot_general(x.hi, y.hi, numbers).shape
    assert got.shape == shape
    a, b = (np.array(rationals(p), dtype=object).reshape(p.shape) for p in (x, y))
    exact = dense_dot(a, b, numbers)
    for g, e in zip(rationals(got), exact.ravel(), strict=True):
        assert abs(g - e) <= 200 * Fraction(2) ** -106


def dense_dot(a, b, numbers):
    """dot_general by einsum on objects."""
    (contract_a, contract_b), (batch_a, batch_b) = numbers
    letters = iter("abcdefgh")
    names_a, names_b = [""] * a.ndim, [""] * b.ndim
    for i, j in [*zip(batch_a, batch_b, strict=True), *zip(contract_a, contract_b, strict=True)]:
        names_a[i] = names_b[j] = next(letters)
    out = [names_a[i] for i in batch_a]
    for names in (names_a, names_b):
        for i, name in enumerate(names):
            if not name:
                names[i] = next(letters)
                out.append(names[i])
    return np.einsum(f"{''.join(names_a)},{''.join(names_b)}->{''.join(out)}", a, b)
