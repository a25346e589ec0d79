"""Constructed networks are the functions they name, exactly."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxlab as jl
from jaxlab.networks import constructions as made


def evaluate(params, xs):
    """The network in rational arithmetic at rational points."""
    layers = [
        ([[Fraction(float(w)) for w in row] for row in np.asarray(weight)], list(np.asarray(bias)))
        for weight, bias in params
    ]
    values = []
    for x in xs:
        h = [Fraction(x)]
        for index, (weight, bias) in enumerate(layers):
            h = [
                sum((a * row[j] for a, row in zip(h, weight, strict=True)), Fraction(float(b)))
                for j, b in enumerate(bias)
            ]
            if index < len(layers) - 1:
                h = [max(v, Fraction(0)) for v in h]
        values.append(h[0])
    return values


def hat(x, times):
    for _ in range(times):
        x = 2 * x if x <= Fraction(1, 2) else 2 - 2 * x
    return x


GRID = [Fraction(k, 96) for k in range(97)]


@pytest.mark.parametrize("depth", [1, 2, 5, 9])
def test_the_sawtooth_is_the_iterated_hat(depth):
    assert evaluate(made.sawtooth(depth), GRID) == [hat(x, depth) for x in GRID]


@pytest.mark.parametrize("depth", [1, 2, 5, 9])
def test_the_normalised_sawtooth_is_the_sawtooth_of_height_two_to_minus_depth(depth):
    expected = [hat(x, depth) / 2**depth for x in GRID]
    assert evaluate(made.slope_normalised_sawtooth(depth), GRID) == expected


@pytest.mark.parametrize("depth", [1, 2, 5, 9])
def test_yarotskys_square_interpolates_the_square_at_dyadic_points(depth):
    nodes = [Fraction(k, 2**depth) for k in range(2**depth + 1)]
    assert evaluate(made.yarotsky_square(depth), nodes) == [x * x for x in nodes]
    middles = [Fraction(2 * k + 1, 2 ** (depth + 1)) for k in range(2**depth)]
    errors = [
        s - x * x
        for s, x in zip(evaluate(made.yarotsky_square(depth), middles), middles, strict=True)
    ]
    assert set(errors) == {Fraction(1, 4 ** (depth + 1))}


def test_milkert_hyde_laine_with_central_peaks_is_yarotskys_square(x64):
    x = jnp.linspace(0.0, 1.0, 65, dtype=jnp.float64)[:, None]
    ours = jl.networks.apply(made.milkert_hyde_laine(jnp.full(6, 0.5, jnp.float64)), x)
    np.testing.assert_array_equal(x - ours, jl.networks.apply(made.yarotsky_square(6), x))


def test_milkert_hyde_laine_follows_its_definition(x64):
    peaks = [0.3, 0.7, 0.45, 0.6]
    x = np.linspace(0, 1, 101)
    t, scale, expected = x, 1.0, np.zeros_like(x)
    for a, following in zip(peaks, [*peaks[1:], 0.5], strict=True):
        t = np.minimum(t / a, (1 - t) / (1 - a))
        scale *= (1 - a) * following
        expected += scale * t
    params = made.milkert_hyde_laine(jnp.array(peaks, jnp.float64))
    got = jl.networks.apply(params, jnp.asarray(x)[:, None])[:, 0]
    np.testing.assert_allclose(got, expected, atol=1e-14)


def test_milkert_hyde_laine_is_differentiable_in_its_peaks():
    def value(peaks):
        return jl.networks.apply(made.milkert_hyde_laine(peaks), jnp.array([0.2]))[0]

    at, step = jnp.array([0.4, 0.6]), 1e-2
    gradient = jax.grad(value)(at)
    for i in range(2):
        e = jnp.zeros(2).at[i].set(step)
        difference = (value(jnp.array([0.4, 0.6]) + e) - value(jnp.array([0.4, 0.6]) - e)) / (
            2 * step
        )
        np.testing.assert_allclose(gradient[i], difference, rtol=2e-3)


@pytest.mark.parametrize(
    "build", [made.sawtooth, made.slope_normalised_sawtooth, made.yarotsky_square]
)
def test_constructions_are_float64_whatever_x64_says(build, x64_both):
    assert {leaf.dtype for leaf in jax.tree.leaves(build(3))} == {np.dtype("float64")}
    with pytest.raises(ValueError, match="depth: got 0"):
        build(0)
