"""The interval, the data and the sampled test agree where they must; what death implies."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.networks import initialisers, mlp
from jaxlab.regions import death

NETS = 400
ENDS = (-jnp.ones(1), jnp.ones(1))


@pytest.fixture(scope="module")
def nets():
    law = initialisers.gaussian()
    return death.networks(jax.random.key(0), (1, 2, 2, 2, 2, 1), law, range(NETS), fmt="float32")


@pytest.fixture(scope="module")
def on_interval(nets):
    return jax.jit(jax.vmap(lambda p: death.on_interval(p, *ENDS)))(nets)


@pytest.fixture(scope="module")
def on_samples(nets):
    keys = jax.random.split(jax.random.key(1), NETS)
    return jax.jit(jax.vmap(lambda k, p: death.on_samples(k, p, *ENDS, 8)))(keys, nets)


def test_inactive_on_the_interval_implies_inactive_on_samples(on_interval, on_samples):
    for whole, some in zip(on_interval.inactive, on_samples.inactive, strict=True):
        assert not (whole & ~some).any()
    for whole, some in zip(on_interval.largest, on_samples.largest, strict=True):
        assert (some <= whole + 1e-5 * (1 + abs(whole))).all()


def test_samples_overestimate_death(on_interval, on_samples):
    sampled, sure = on_samples.layer >= 0, on_interval.layer >= 0
    assert not (sure & ~sampled).any()
    assert (sampled & ~sure).any()
    assert sure.any()


def test_the_vmapped_test_and_the_count_agree(nets, on_interval):
    # The same draws, rounded to the same format.
    law = initialisers.gaussian()
    widths = (1, 2, 2, 2, 2, 1)
    found = death.count(jax.random.key(0), widths, law, -1.0, 1.0, NETS, fmt="float32")
    layers = np.asarray(on_interval.layer)
    assert found.by_layer.tolist() == [(layers == depth).sum() for depth in range(4)]


def test_a_dead_network_is_constant_and_has_no_gradient_up_to_the_dead_layer(nets, on_interval):
    xs = jnp.linspace(-1, 1, 33)[:, None]

    @jax.jit
    @jax.vmap
    def facts(params):
        loss = lambda p: jnp.square(mlp.apply(p, xs) - xs).sum()  # noqa: E731
        sizes = jnp.stack([abs(g.weight).max() + abs(g.bias).max() for g in jax.grad(loss)(params)])
        return jnp.ptp(mlp.apply(params, xs)), sizes

    spread, sizes = facts(nets)
    layers = np.asarray(on_interval.layer)
    dead = layers >= 0
    assert (np.asarray(spread)[dead] == 0).all()
    assert (np.asarray(spread)[~dead] > 0).all()
    for size, layer in zip(np.asarray(sizes)[dead], layers[dead], strict=True):
        assert (size[: layer + 1] == 0).all()
        assert size[-1] > 0  # the output bias learns


def test_two_points_decide_a_bias_free_network_on_an_interval():
    law = initialisers.he()
    nets = death.networks(jax.random.key(2), (1, 2, 2, 2, 1), law, range(NETS), fmt="float32")
    whole = jax.jit(jax.vmap(lambda p: death.on_interval(p, *ENDS)))(nets)
    points = jax.jit(jax.vmap(lambda p: death.on_data(p, jnp.stack(ENDS))))(nets)
    assert np.array_equal(whole.layer, points.layer)
    assert 0 < (points.layer >= 0).sum() < NETS


def test_too_small_a_capacity_is_told_and_decides_nothing():
    hidden = mlp.Layer(jnp.ones((1, 4)), -jnp.array([0.2, 0.4, 0.6, 0.8]))
    middle = mlp.Layer(jnp.ones((4, 8)), jnp.linspace(-1.5, -0.1, 8))
    top = mlp.Layer(-jnp.ones((8, 1)), -jnp.ones(1))
    params = (hidden, middle, top, mlp.Layer(jnp.ones((1, 1)), jnp.zeros(1)))
    roomy = death.on_interval(params, *ENDS)
    assert (int(roomy.layer), bool(roomy.overflow)) == (2, False)
    tight = death.on_interval(params, *ENDS, capacity=2)
    assert (int(tight.layer), bool(tight.overflow)) == (-1, True)


@pytest.mark.parametrize("bad", [jnp.nan, jnp.inf])
def test_a_diverged_network_is_not_called_dead(bad):
    hidden = mlp.Layer(jnp.array([[bad, -1.0]]), -jnp.full(2, 5.0))
    params = (hidden, mlp.Layer(jnp.ones((2, 1)), jnp.zeros(1)))
    assert int(death.on_interval(params, *ENDS).layer) == -1
    assert int(death.on_data(params, jnp.stack(ENDS)).layer) == -1
