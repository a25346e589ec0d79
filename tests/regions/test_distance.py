"""The distance to the nearest boundary: exact, attained, and as random networks have it."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxlab.networks import mlp
from jaxlab.networks.mlp import Layer
from jaxlab.regions import distance, laws
from tests.regions import degenerate, networks
from tests.regions.ensembles import five_sigma, gaussian

WIDTHS = [(1, 6, 5, 1), (2, 8, 8, 8, 1), (3, 12, 7, 2), (9, 4, 10, 1)]


def device(params):
    return tuple(Layer(jnp.asarray(w), jnp.asarray(b)) for w, b in params)


def hidden(params, xs):
    """All pre-activations ``(points, neurons)`` in NumPy, and whether they are clearly positive."""
    values, positive = [], []
    for weight, bias in params[:-1]:
        weight, bias = np.asarray(weight), np.asarray(bias)
        z, scale = xs @ weight + bias, np.abs(xs) @ np.abs(weight) + np.abs(bias)
        values.append(z)
        positive.append(z > scale * 2.0**-40)
        xs = np.maximum(z, 0)
    return np.concatenate(values, axis=-1), np.concatenate(positive, axis=-1)


@jax.jit
def slopes(params, x):
    """Gradients of all pre-activations at one point, by automatic differentiation."""
    layers = range(1, len(params))
    return jnp.concatenate(
        [jax.jacobian(lambda x, n=n: mlp.apply(params[:n], x))(x) for n in layers]
    )


def ball(rng, centres, radii, points):
    arrows = rng.normal(size=(len(centres), points, centres.shape[1]))
    arrows /= np.linalg.norm(arrows, axis=-1, keepdims=True)
    return centres[:, None] + radii[:, None, None] * arrows


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
def test_the_ball_has_one_pattern_and_its_nearest_point_is_on_the_boundary(x64, widths):
    rng = np.random.default_rng(widths[0])
    params, xs = device(networks.he(rng, widths)), rng.normal(size=(20, widths[0]))
    found = jax.jit(jax.vmap(partial(distance.boundary_distance, params)))(jnp.asarray(xs))
    radii = np.asarray(found.distance)
    values, here = hidden(params, xs)
    _, inside = hidden(params, ball(rng, xs, 0.999999 * radii, 200))
    assert (inside == here[:, None]).all()
    first = np.cumsum([0, *widths[1:-2]])
    for i, neuron in enumerate(first[np.asarray(found.layer)] + np.asarray(found.neuron)):
        slope = np.asarray(slopes(params, jnp.asarray(xs[i])))[neuron]
        step = -np.sign(values[i, neuron]) * slope / np.linalg.norm(slope) * radii[i]
        _, (before, after) = hidden(params, xs[i] + np.array([[1 - 1e-6], [1 + 1e-6]]) * step)
        assert (before == here[i]).all()
        assert after[neuron] != here[i, neuron]


def test_the_answer_is_the_smallest_quotient_of_all_neurons(x64):
    rng = np.random.default_rng(7)
    params, x = device(networks.he(rng, (4, 6, 7, 5, 1))), rng.normal(size=4)
    lengths = np.linalg.norm(slopes(params, jnp.asarray(x)), axis=1)
    bounding = lengths > 1e-12
    quotients = np.abs(hidden(params, x)[0][bounding]) / lengths[bounding]
    found = distance.boundary_distance(params, jnp.asarray(x))
    assert float(found.distance) == pytest.approx(quotients.min(), rel=1e-12)


def test_on_a_boundary_the_distance_is_zero_and_constant_neurons_bound_nothing():
    # Neuron 0: x - 1. Neuron 1: constant 0. Layer 1 sees x - 1 and 3 (x - 1), whose sum cancels.
    first = Layer(jnp.array([[1.0, 0.0, 3.0]]), jnp.array([-1.0, 0.0, -3.0]))
    second = Layer(jnp.array([[3.0], [1.0], [-1.0]]), jnp.zeros(1))
    params = (first, second, Layer(jnp.ones((1, 1)), jnp.zeros(1)))
    find = jax.jit(jax.vmap(partial(distance.boundary_distance, params)))
    found = find(jnp.array([[1.0], [3.0], [-0.5]]))
    assert found.distance.tolist() == [0.0, 2.0, 1.5]
    assert found.layer.tolist() == [0, 0, 0]
    assert found.neuron.tolist() == [0, 0, 0]


def test_gradients_that_cancel_but_for_roundings_bound_nothing(x64):
    # 0.1 + 0.2 - 0.3 leaves 5.6e-17 of a gradient where there is none, at a value of 0 or 4e-15:
    # taken at its word it would be at most 64 away. The first layer's boundaries are at x = -100.
    first = Layer(jnp.array([[0.1, 0.2, 0.3]]), jnp.array([10.0, 20.0, 30.0]))
    second = Layer(jnp.array([[1.0], [1.0], [-1.0]]), jnp.zeros(1))
    params = (first, second, Layer(jnp.ones((1, 1)), jnp.zeros(1)))
    assert float((first.weight @ second.weight)[0, 0]) != 0
    found = distance.boundary_distance(params, jnp.array([2.0]))
    assert (float(found.distance), int(found.layer)) == (pytest.approx(102.0, rel=1e-15), 0)


@pytest.mark.parametrize("make", degenerate.NETWORKS.values(), ids=degenerate.NETWORKS)
def test_degenerate_networks_keep_one_pattern_in_the_open_ball(x64, make):
    rng = np.random.default_rng(5)
    params = device(make(rng, (2, 6, 6, 1)))
    xs = rng.integers(-8, 9, (40, 2)) / 8 + 1 / 37
    found = jax.jit(jax.vmap(partial(distance.boundary_distance, params)))(jnp.asarray(xs))
    reach = 0.9999 * np.minimum(np.asarray(found.distance), 100)
    assert (hidden(params, ball(rng, xs, reach, 100))[1] == hidden(params, xs)[1][:, None]).all()


def test_a_network_that_is_constant_has_no_boundary():
    dead = Layer(jnp.zeros((3, 2)), jnp.array([1.0, -1.0]))
    found = distance.boundary_distance((dead, Layer(jnp.ones((2, 1)), jnp.zeros(1))), jnp.ones(3))
    assert (float(found.distance), int(found.layer), int(found.neuron)) == (math.inf, -1, -1)
    linear = (Layer(jnp.ones((3, 1)), jnp.ones(1)),)
    assert float(distance.boundary_distance(linear, jnp.ones(3)).distance) == math.inf


def test_float32_agrees_with_float64_and_wide_inputs_with_their_span(x64_both):
    rng = np.random.default_rng(8)
    params = networks.he(rng, (50, 10, 10, 1))
    xs = rng.normal(size=(30, 50)).astype(np.float32)
    single = tuple(
        Layer(jnp.asarray(w, jnp.float32), jnp.asarray(b, jnp.float32)) for w, b in params
    )
    found = jax.jit(jax.vmap(partial(distance.boundary_distance, single)))(jnp.asarray(xs))
    assert found.distance.dtype == jnp.float32
    with jax.enable_x64(True):
        wide = tuple(Layer(*(leaf.astype(jnp.float64) for leaf in layer)) for layer in single)
        find = jax.jit(jax.vmap(partial(distance.boundary_distance, wide)))
        exact = np.asarray(find(jnp.asarray(xs, jnp.float64)).distance)
    # z is of size 1 and in error by about 2**-23 times the sum of 50 products.
    np.testing.assert_allclose(found.distance, exact, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize(
    ("x", "message"), [(jnp.ones(2), r"x: got float32\[2\], expected float32\[1\]")]
)
def test_inputs_that_do_not_fit_are_named(x, message):
    params = (Layer(jnp.ones((1, 2)), jnp.ones(2)), Layer(jnp.ones((2, 1)), jnp.ones(1)))
    with pytest.raises(ValueError, match=message):
        distance.boundary_distance(params, x)
    half = jax.tree.map(lambda leaf: leaf.astype(jnp.float16), params)
    with pytest.raises(ValueError, match="params: got dtype float16"):
        distance.boundary_distance(half, jnp.ones(1, jnp.float16))


@pytest.mark.parametrize("inputs", [2, 9])
def test_the_kernel_lowers_for_every_platform_alone_and_batched(inputs):
    params = (Layer(jnp.ones((inputs, 4)), jnp.ones(4)), Layer(jnp.ones((4, 1)), jnp.ones(1)))
    batched = jax.jit(jax.vmap(distance.boundary_distance, in_axes=(None, 0)))
    platforms = ("cpu", "cuda", "tpu")
    jax.export.export(distance.boundary_distance, platforms=platforms)(params, jnp.ones(inputs))
    jax.export.export(batched, platforms=platforms)(params, jnp.ones((3, inputs)))


@jax.jit
def at_the_origin(params):
    """Distances of an ensemble, each from the origin."""
    find = jax.vmap(distance.boundary_distance, in_axes=(0, None))
    return find(params, jnp.zeros(params[0].weight.shape[1]))


def sample(seed, widths, nets):
    ensemble = gaussian(np.random.default_rng(seed), widths, nets, 1.0)
    single = jax.tree.map(lambda leaf: leaf.astype(np.float32), ensemble)
    return np.asarray(at_the_origin(single).distance, np.float64)


def test_one_layer_has_the_exact_law_of_the_smallest_of_independent_quotients():
    # |b| / |w| is |T_d| / sqrt(d) sigma; Kolmogorov-Smirnov at 1e-6.
    inputs, neurons = 3, 20
    found = sample(0, (inputs, neurons, 1), 4000)

    def law(r):
        quotient = r * math.sqrt(inputs) * math.sqrt(2 / inputs)
        return 1 - (2 * stats.t.sf(quotient, inputs)) ** neurons

    assert stats.kstest(found, law).pvalue > 1e-6


def test_deep_networks_keep_the_bound_and_the_law_of_one_over_their_neurons():
    # Normal biases have density 1 / sqrt(2 pi), He's gradients mean square 2: five sigma.
    mean = {}
    for width in (16, 64):
        found = sample(width, (4, width, width, width, 1), 1000)
        constants = math.sqrt(2), 1 / math.sqrt(2 * math.pi)
        assert found.mean() + five_sigma(found) >= laws.boundary_distance(3 * width, *constants)
        for radius in np.quantile(found, [0.05, 0.3]):
            share = (found < radius).mean()
            most = 2 * laws.crossings(3 * width, *constants, float(radius))
            assert share <= most + 5 * math.sqrt(share / found.size)
        mean[width] = found.mean()
    assert 3 <= mean[16] / mean[64] <= 5
