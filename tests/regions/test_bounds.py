"""Bounds have their published values, hold, and are attained where they should be."""

import jax
import numpy as np
import pytest

import jaxlab as jl
from jaxlab.regions import bounds


def test_bounds_have_the_values_of_their_formulas():
    # L = 10, width 2, slopes at most 1, window 2**-10.
    assert bounds.random_bias([2] * 10, 1.0, 2.0**-10) == pytest.approx(248404.6, abs=0.05)
    assert bounds.random_bias_sharp([2] * 10, 1.0, 2.0**-10) == 18435
    assert bounds.telgarsky([2] * 10) == 4.0**10
    assert bounds.most_regions([2] * 10) == 3**10


def test_the_expected_pieces_of_one_layer_are_one_plus_half_or_a_quarter():
    assert bounds.one_hidden_layer(50, -1, 1) == pytest.approx(26)
    assert bounds.one_hidden_layer(10, 0, 1) == pytest.approx(3.5)


@pytest.mark.parametrize("depth", [1, 3, 6, 10])
def test_counts_stay_below_the_largest_possible(depth):
    hidden = [2] * depth
    for build in (
        jl.networks.constructions.sawtooth,
        jl.networks.constructions.slope_normalised_sawtooth,
    ):
        count = jl.regions.line.count(build(depth), -1.0, 2.0)
        assert count.regions <= bounds.most_regions(hidden)
        assert count.pieces <= bounds.telgarsky(hidden)


@pytest.mark.parametrize(("teeth", "window"), [(3, 2.0**-5), (6, 2.0**-3), (6, 2.0**-9)])
def test_a_random_level_crosses_a_triangle_wave_as_often_as_banach_says(teeth, window):
    # E #{x: z(x) = U} = min(2**j, 1 / window) for slopes +-1 and U uniform in a window that
    # contains the teeth, or lies inside them; 2,000 levels, 5 sigma, fixed seed.
    wave = jl.networks.constructions.slope_normalised_sawtooth(teeth)
    height = 2.0**-teeth
    low = (height - window) / 2
    levels = np.random.default_rng(0).uniform(low, low + window, 2000)
    weight, bias = (np.asarray(leaf) for leaf in wave[-1])
    crossing = (
        *(
            jl.networks.Layer(*(np.broadcast_to(x, (2000, *x.shape)) for x in layer))
            for layer in wave[:-1]
        ),
        jl.networks.Layer(np.broadcast_to(weight, (2000, *weight.shape)), (bias - levels)[:, None]),
        jl.networks.Layer(np.ones((2000, 1, 1)), np.zeros((2000, 1))),
    )
    added = jl.regions.line.count(crossing, 0.0, 1.0).regions - 2**teeth
    error = added.std() / np.sqrt(added.size)
    assert abs(added.mean() - min(2**teeth, 1 / window)) <= 5 * error


@pytest.mark.parametrize("epsilon", [2.0**-2, 2.0**-6])
def test_the_perturbed_step_bound_holds_on_average(epsilon):
    depth, draws = 7, 300
    saw = jl.networks.constructions.slope_normalised_sawtooth(depth)
    rng = np.random.default_rng(1)
    noisy = tuple(
        jl.networks.Layer(
            np.broadcast_to(weight, (draws, *weight.shape)),
            np.asarray(bias) + (index < depth) * epsilon * rng.uniform(-1, 1, (draws, bias.size)),
        )
        for index, (weight, bias) in enumerate(saw)
    )
    count = jl.regions.line.count(noisy, 0.0, 1.0)
    limit = bounds.perturbed_step([np.ones(2)] * depth, epsilon, float(count.steepest.max()))
    assert count.regions.mean() <= limit


def test_a_bias_without_an_update_is_bounded_by_the_architecture():
    assert bounds.perturbed_step([np.zeros(2), np.zeros(2)], 2.0**-8, 1.0) == 9.0


def test_bounds_accept_jax_arrays():
    assert bounds.perturbed_step([jax.numpy.ones(2)], 0.5, 1.0) == 3.0
