"""When a network died in training, and which neurons can come back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.networks import initialisers, mlp
from jaxlab.regions import death


def deaths(layers):
    layers = jnp.asarray(layers, jnp.int32)
    return death.Death(layers, (), (), jnp.zeros(layers.shape, bool))


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([-1, -1, -1], (-1, -1, 0)),
        ([2, 2, 2], (0, 2, 0)),
        ([-1, 1, 0], (1, 1, 0)),
        ([0, -1, 3], (2, 3, 1)),
        ([0, -1, 3, -1], (-1, -1, 2)),
        ([1], (0, 1, 0)),
    ],
)
def test_a_report_says_since_when_where_and_how_often_in_vain(layers, expected):
    assert tuple(int(x) for x in death.report(deaths(layers))) == expected


def test_reports_are_made_for_many_networks_at_once():
    found = jax.vmap(death.report)(deaths([[-1, 1], [0, -1], [0, 0]]))
    assert found.checkpoint.tolist() == [1, -1, 0]
    assert found.revivals.tolist() == [0, 1, 0]


@pytest.fixture(scope="module")
def trained():
    """The data tests of 200 networks at every step of gradient descent: axes (network, step)."""
    law = initialisers.gaussian()
    nets = death.networks(jax.random.key(3), (1, 3, 3, 3, 1), law, range(200), fmt="float32")
    xs = jnp.linspace(-1, 1, 17)[:, None]

    @jax.jit
    @jax.vmap
    def train(params):
        gradient = jax.grad(lambda p: jnp.square(mlp.apply(p, xs) - abs(xs)).mean())

        def step(p, _):
            return jax.tree.map(lambda a, g: a - 0.1 * g, p, gradient(p)), (death.on_data(p, xs), p)

        return jax.lax.scan(step, params, length=60)[1]

    return train(nets)


def test_permanently_dead_neurons_stay_inactive_and_tentatively_dead_ones_may_not(trained):
    found, _ = trained
    sure = jax.vmap(jax.vmap(death.permanent))(found)
    back = 0
    for bits, stays in zip(found.inactive, sure, strict=True):
        assert not (stays & ~bits).any()
        assert not (stays[:, :-1] & ~bits[:, 1:]).any()
        back += int((bits[:, :-1] & ~bits[:, 1:]).sum())
    assert back > 0


def test_gradient_descent_revives_no_network_and_freezes_it_up_to_the_dead_layer(trained):
    found, params = trained
    reports = jax.vmap(death.report)(found)
    assert (reports.revivals == 0).all()
    assert (reports.checkpoint > 0).any()  # some die in training, others are born dead
    assert (reports.checkpoint == 0).any()
    for net in np.flatnonzero(reports.checkpoint >= 0):
        since, layer = int(reports.checkpoint[net]), int(reports.layer[net])
        for leaf in jax.tree.leaves(params[: layer + 1]):
            states = np.asarray(leaf[net, since:])
            assert (states == states[:1]).all()
