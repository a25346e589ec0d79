"""A padded network is the shallow one in value and in training, and the padding stays."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxlab as jl
from jaxlab.networks import padded, stacked

X = np.linspace(-1, 1, 9)[:, None]


def network(hidden, dtype="float32", width=3):
    law = jl.networks.initialisers.he(jl.networks.initialisers.fan_in_bias())
    widths = (1, *[width] * hidden, 1)
    params = jl.networks.initialise(jax.random.key(hidden), widths, law, dtype)
    return stacked.stack(params)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_values_have_the_bits_of_the_shallow_network(dtype):
    shallow, x = network(2, dtype), jnp.asarray(X, dtype)
    np.testing.assert_array_equal(
        padded.apply(padded.pad(shallow, 5), x), stacked.apply(shallow, x)
    )


@pytest.mark.parametrize("hidden", [1, 3])
def test_training_is_that_of_the_shallow_network_and_leaves_the_padding(hidden, x64):
    policy = jl.training.Policy.native("float64")
    shallow, x = network(hidden, "float64"), jnp.asarray(X)

    def train(params, evaluate):
        return jax.jit(
            lambda p: (
                jl.training.train(
                    jl.training.mean_squared_error(policy, jax.nn.relu, evaluate),
                    p,
                    (x, x * x),
                    jl.training.from_optax(optax.adam(0.01)),
                    policy=policy,
                    checkpoints=(0, 20),
                    metrics={},
                    key=jax.random.key(0),
                ).params
            )
        )(params)

    alone = train(shallow, stacked.apply)
    deep = train(padded.pad(shallow, 5), padded.apply)
    assert not np.array_equal(alone.first.weight, shallow.first.weight)  # it did train
    expected = padded.pad(alone, 5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9), deep, expected)
    identity = jax.tree.map(lambda leaf: leaf[hidden - 1 :], deep.network.hidden)
    np.testing.assert_array_equal(identity.weight, [np.eye(3)] * (5 - hidden))
    assert not identity.bias.any()


def test_an_ensemble_is_padded_at_once():
    many = jax.tree.map(lambda leaf: jnp.stack([leaf, 2 * leaf]), network(2))
    got = padded.pad(many, 4)
    jax.tree.map(
        lambda a, b: np.testing.assert_array_equal(a[0], b), got, padded.pad(network(2), 4)
    )
    np.testing.assert_array_equal(got.own, [[1, 0, 0]] * 2)


def test_too_few_layers_are_refused():
    with pytest.raises(ValueError, match="hidden: got 2, expected at least the 3 hidden layers"):
        padded.pad(network(3), 2)
