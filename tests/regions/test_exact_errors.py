"""The running error bounds are bounds, in rational arithmetic, and not much too large."""

from fractions import Fraction

import numpy as np
import pytest

from jaxlab.regions import _running_error


def exact(matrix):
    return np.array([[Fraction(x) for x in row] for row in matrix.tolist()], dtype=object)


def errors_of(found, true):
    return np.array(
        [
            [float(abs(a - b)) for a, b in zip(*rows, strict=True)]
            for rows in zip(exact(found), true, strict=True)
        ]
    )


def start(rng, rows, inputs, relative):
    """True rational values, their floats, and the bounds of the difference."""
    values = rng.normal(size=(rows, inputs))
    noise = relative * rng.uniform(-1, 1, values.shape)
    true = exact(values) + exact(values * noise)
    return true, values, np.abs(values) * relative * (1 + 1e-9)


@pytest.mark.parametrize("relative", [0.0, 1e-15, 1e-9])
@pytest.mark.parametrize("inputs", [1, 2, 16, 64])
def test_affine_maps_keep_their_bounds(inputs, relative):
    rng = np.random.default_rng(inputs)
    true, values, errors = start(rng, 8, inputs, relative)
    weight, bias = rng.normal(size=(inputs, 8)), rng.normal(size=8)
    found, bounds = _running_error.affine(values, errors, weight, bias)
    expected = true.dot(exact(weight)) + exact(bias[None])
    actual = errors_of(found, expected)
    assert (actual <= bounds).all()
    # Roundings add up like their worst case in the bound, and hardly at all in truth.
    assert np.median(bounds / np.maximum(actual, 1e-30)) < 8 * inputs + 16


def test_ten_layers_keep_their_bounds():
    rng = np.random.default_rng(1)
    true, values, errors = start(rng, 4, 12, 0.0)
    for _ in range(10):
        weight, bias = rng.normal(size=(12, 12)) / 3, rng.normal(size=12)
        values, errors = _running_error.affine(values, errors, weight, bias)
        true = true.dot(exact(weight)) + exact(bias[None])
        on = values > 0
        values, errors, true = np.where(on, values, 0), np.where(on, errors, 0), true * on
    actual = errors_of(values, true)
    assert (actual <= errors).all()
    assert errors.max() < 1e-11


@pytest.mark.parametrize("scale", [1e-312, 1e-300, 1e-160, 1e150])
def test_underflow_and_large_numbers_keep_their_bounds(scale):
    rng = np.random.default_rng(2)
    values, weight = rng.normal(size=(4, 6)) * scale, rng.normal(size=(6, 5)) * min(scale, 1e100)
    found, bounds = _running_error.affine(values, np.zeros_like(values), weight, np.zeros(5))
    assert (errors_of(found, exact(values).dot(exact(weight))) <= bounds).all()


def test_rows_and_columns_of_zeros_are_exact():
    values, weight = np.array([[0.0, 0.0], [0.1, 0.0]]), np.array([[0.1, 0.0], [0.3, 0.0]])
    found, bounds = _running_error.affine(values, np.zeros((2, 2)), weight, np.array([0.7, 0.0]))
    assert (bounds == 0).tolist() == [[True, True], [False, True]]
    assert found[0].tolist() == [0.7, 0.0]


def test_overflow_leaves_no_finite_bound():
    with np.errstate(all="ignore"):
        found, bounds = _running_error.affine(
            np.full((1, 2), 1e200), np.zeros((1, 2)), np.array([[1e200], [-1e200]]), np.zeros(1)
        )
    assert not (np.abs(found) > bounds).any()


@pytest.mark.parametrize("relative", [0.0, 1e-12])
def test_rows_between_two_rows_keep_their_bounds(relative):
    rng = np.random.default_rng(3)
    first, second = [start(rng, 6, 9, relative) for _ in range(2)]
    fraction, blur = rng.uniform(size=(6, 1)), np.full((6, 1), 1e-13)
    found, bounds = _running_error.between(first[1:], second[1:], fraction, blur)
    for sign in (-1, 0, 1):
        at = exact(fraction) + sign * exact(blur)
        expected = first[0] + at * (second[0] - first[0])
        actual = errors_of(found, expected)
        assert (actual <= bounds).all()
    assert np.median(bounds / np.maximum(actual, 1e-30)) < 10


def test_zero_between_zeros_is_exact():
    zero = np.zeros((1, 3))
    found, bounds = _running_error.between(
        (zero, zero), (zero, zero), np.full((1, 1), 0.3), np.full((1, 1), 0.1)
    )
    assert not found.any()
    assert not bounds.any()


@pytest.mark.parametrize("relative", [0.0, 1e-12, 1e-3])
def test_crossings_lie_between_their_bounds(relative):
    rng = np.random.default_rng(4)
    sizes = 2.0 ** rng.integers(-1010, 1000, (2, 400)) * rng.uniform(0.5, 1, (2, 400))
    sizes[:, :200] = rng.uniform(0.5, 1, (2, 200))
    noise = [exact(1 + relative * rng.uniform(-1, 1, (1, 400)))[0] for _ in range(2)]
    true = [exact(row[None])[0] * n for row, n in zip(sizes, noise, strict=True)]
    bounds = sizes * relative * (1 + 1e-9)
    fraction, lower, upper = _running_error.crossing((sizes[0], bounds[0]), (-sizes[1], bounds[1]))
    inside = true[0] / (true[0] + true[1])
    assert all(
        Fraction(a) <= t <= Fraction(b) for a, t, b in zip(lower, inside, upper, strict=True)
    )
    assert (upper - lower <= 2 * relative + 1e-14).all()
    assert ((fraction >= 0) & (fraction <= 1)).all()


def test_crossings_of_unknown_size_may_be_anywhere():
    with np.errstate(all="ignore"):
        for left, right in ((np.inf, np.inf), (1.0, np.nan), (5e-324, 5e-324)):
            bounds = np.array([left, right])
            _, lower, upper = _running_error.crossing(
                (np.array([left, 1.0]), bounds), (np.array([-right, -1.0]), bounds[::-1])
            )
            assert lower[0] == 0
            assert upper[0] == 1
