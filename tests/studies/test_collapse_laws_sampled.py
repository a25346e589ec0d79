"""Random bias-free networks die as often as the laws say: exact binomial intervals, fixed seeds."""

import functools

import jax
import jax.numpy as jnp
import pytest
from scipy import stats

from jaxlab.studies.collapse import laws

FALSE_ALARM = 1e-6  # of each assertion
NETWORKS = 100_000


@functools.partial(jax.jit, static_argnums=(1, 2, 3))
def dead(key, hidden, both, law):
    """Dead bias-free networks: on [0, b], or on [-a, b] if ``both``.

    Features of the rays x > 0 and x < 0 are arrays ``(ray, neuron, network)``; their scale does not
    matter, so each network's is kept near 1. The inputs of a layer are added up one by one: the
    sum of a broadcast product is wrong under jaxlib 0.10.2 (github.com/jax-ml/jax/issues/39103).
    """
    options = {"minval": -1.0} if law == "uniform" else {}
    first, *keys = jax.random.split(key, len(hidden))
    weight = getattr(jax.random, law)(first, (hidden[0], NETWORKS), **options)
    rays = jax.nn.relu(jnp.stack([weight, -weight] if both else [weight]))
    for k, n in zip(keys, hidden[1:], strict=True):
        inputs = rays.shape[1]
        weights = getattr(jax.random, law)(k, (inputs, 1, n, NETWORKS), **options)
        rays = jax.nn.relu(sum(weights[i] * rays[:, i, None] for i in range(inputs)))
        scale = rays.max((0, 1), keepdims=True)
        rays = rays / jnp.where(scale > 0, scale, jnp.ones_like(scale))
    return (rays.max((0, 1)) == 0).sum()


def interval(count, level=1 - FALSE_ALARM):
    """Clopper and Pearson's interval."""
    found = stats.binomtest(int(count), NETWORKS).proportion_ci(level)
    return found.low, found.high


@pytest.mark.parametrize("law", ["normal", "uniform"])
@pytest.mark.parametrize("hidden", [(2,), (2,) * 9, (3, 1, 4), (5,) * 9])
def test_one_ray_is_exact_on_a_positive_interval(hidden, law):
    low, high = interval(dead(jax.random.key(0), hidden, False, law))
    assert low <= laws.one_ray(hidden).probability <= high


@pytest.mark.parametrize("law", ["normal", "uniform"])
@pytest.mark.parametrize("depth", [2, 4])
def test_width_one_is_exact_on_both_sides_of_zero(depth, law):
    low, high = interval(dead(jax.random.key(1), (1,) * depth, True, law))
    assert low <= laws.two_rays((1,) * depth).probability <= high


@pytest.mark.parametrize("hidden", [(2, 2), (3, 3), (2, 4), (4, 2)])
def test_three_layers_are_exact_for_normal_weights(hidden):
    low, high = interval(dead(jax.random.key(2), hidden, True, "normal"))
    assert low <= float(laws.three_layers(*hidden)) <= high


@pytest.mark.parametrize("hidden", [(2,) * 4, (2,) * 9, (3,) * 9, (5,) * 4, (4, 2, 3)])
def test_deeper_networks_lie_strictly_between_the_bounds(hidden):
    low, high = interval(dead(jax.random.key(3), hidden, True, "normal"))
    assert laws.negative_layer(hidden, biases=False).probability < low
    assert laws.two_rays(hidden).probability < low
    assert high < laws.surviving_ray(hidden).probability


@pytest.mark.parametrize(
    ("hidden", "estimate"),
    [((2,) * 3, 0.339911), ((2,) * 9, 0.879621), ((3,) * 9, 0.578533), ((5,) * 9, 0.128262)],
)
def test_the_estimates_of_the_reference_hold(hidden, estimate):
    low, high = interval(dead(jax.random.key(4), hidden, True, "normal"))
    assert low - 1e-3 <= estimate <= high + 1e-3  # the reference's own error, at 3 s.e. <= 3e-4
