"""Counts of born-dead networks lie in intervals about what is proved (error rate 1e-6 each)."""

import jax
import numpy as np
import pytest
from scipy import stats

from jaxlab.networks import initialisers
from jaxlab.regions import death

HE, GAUSSIAN = initialisers.he(), initialisers.gaussian()  # compiled once
NETWORKS = 40_000
ERROR = 1e-6  # two-sided error rate of each Clopper-Pearson interval


def interval(dead, networks):
    low = stats.beta.ppf(ERROR / 2, dead, networks - dead + 1) if dead else 0.0
    high = stats.beta.isf(ERROR / 2, dead + 1, networks - dead) if dead < networks else 1.0
    return low, high


def check(dead, probability, networks=NETWORKS):
    low, high = interval(int(dead), networks)
    assert low <= probability <= high


def count(seed, width, depth, law, start, **options):
    widths = (1,) + (width,) * depth + (1,)
    return death.count(jax.random.key(seed), widths, law, start, 1.0, NETWORKS, **options)


@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_bias_free_network_on_a_ray_dies_layer_by_layer(width):
    found = count(0, width, 6, HE, 0.0, rays=True)
    for depth, dead in enumerate(found.by_layer.cumsum(), 1):
        check(dead, 1 - (1 - 2.0**-width) ** depth)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_two_rays_in_three_layers_die_as_in_closed_form(width):
    # Lu et al. count 3 layers where there are 2 hidden ones.
    found = count(1, width, 2, HE, -1.0, rays=True)
    assert found.by_layer[0] == 0
    check(found.dead, 4.0**-width * (3 - 2.0 ** (1 - width)))


def test_width_one_on_two_rays_dies_geometrically():
    found = count(2, 1, 6, HE, -1.0, rays=True)
    for depth, dead in enumerate(found.by_layer.cumsum(), 1):
        check(dead, 1 - 2.0 ** -(depth - 1))


@pytest.mark.parametrize("law", [GAUSSIAN, initialisers.pytorch()])
@pytest.mark.parametrize(("start", "inactive"), [(-1.0, 1 / 4), (0.0, 3 / 8)])
def test_a_layer_with_biases_is_dead_with_the_square_of_one_neuron(law, start, inactive):
    found = count(3, 2, 1, law, start)
    check(found.dead, inactive**2)
    check(found.inactive[1], 2 * inactive * (1 - inactive))
    assert found.dead == found.inactive[2]


@pytest.mark.parametrize("start", [-1.0, 0.0])
@pytest.mark.parametrize("width", [2, 3])
def test_the_lower_and_the_upper_bound_hold(width, start):
    found = count(4, width, 8, GAUSSIAN, start)
    layers = np.arange(1, 9)
    sure = 1 - (1 - 2.0 ** -(width * (width + 1))) ** (layers - 1)
    most = 1 - (1 - 2.0**-width) ** layers
    for dead, least, largest in zip(found.by_layer.cumsum(), sure, most, strict=True):
        low, high = interval(int(dead), NETWORKS)
        assert least <= high
        assert low <= largest


def test_neurons_are_inactive_independently_in_two_dimensions_through_the_origin():
    # Along a segment of half length r through 0, w.u is N(0, 1): as on [-r, r].
    widths = (2, 3, 1)
    ends = [-1.0, 0.0], [1.0, 0.0]
    found = death.count(jax.random.key(6), widths, GAUSSIAN, *ends, NETWORKS)
    for number, seen in enumerate(found.inactive):
        check(seen, float(stats.binom.pmf(number, 3, 0.25)))


def test_rays_and_segments_agree_on_bias_free_networks():
    ray = count(7, 2, 5, HE, -1.0, rays=True)
    line = count(7, 2, 5, HE, -1.0)
    assert ray.by_layer.tolist() == line.by_layer.tolist()
