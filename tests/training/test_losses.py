"""Losses are the means they say, and one call with the same arguments is one function."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab import networks, training

POLICY = training.Policy.native("float32")
X, Y = np.linspace(-1, 1, 5)[:, None], np.ones((5, 2))


@pytest.mark.parametrize(
    ("loss", "size"),
    [(training.mean_squared_error, np.square), (training.mean_absolute_error, abs)],
)
def test_the_loss_is_the_mean_over_points_and_outputs_however_the_network_is_stored(loss, size):
    law = networks.initialisers.gaussian()
    params = networks.initialise(jax.random.key(0), (1, 3, 3, 2), law, "float32")
    expected = size(np.asarray(networks.apply(params, jnp.float32(X))) - Y).mean()
    assert loss(POLICY)(params, (jnp.float32(X), jnp.float32(Y))) == pytest.approx(
        expected, rel=1e-6
    )
    stacked = networks.stacked.stack(params)
    got = loss(POLICY, jax.nn.relu, networks.stacked.apply)(
        stacked, (jnp.float32(X), jnp.float32(Y))
    )
    assert got == pytest.approx(expected, rel=1e-6)


def test_a_residual_of_zero_has_no_absolute_gradient():
    layer = (networks.Layer(jnp.ones((1, 1)), jnp.zeros(1)),)
    loss = training.mean_absolute_error(POLICY)
    gradient = jax.grad(loss)(layer, (jnp.ones((1, 1)), jnp.ones((1, 1))))
    assert gradient[0].weight == 0


@pytest.mark.parametrize("loss", [training.mean_squared_error, training.mean_absolute_error])
def test_the_same_policy_gives_the_same_function(loss):
    assert loss(POLICY) is loss(training.Policy.native("float32"))
