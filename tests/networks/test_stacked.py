"""A stacked network is the same function as the tuple of its layers, and has the same gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxlab as jl
from jaxlab.networks import mlp, stacked


def network(hidden, dtype="float32", inputs=2, width=3):
    law = jl.networks.initialisers.he(jl.networks.initialisers.fan_in_bias())
    widths = (inputs, *[width] * hidden, 2)
    return jl.networks.initialise(jax.random.key(hidden), widths, law, dtype)


X = np.linspace(-1, 1, 14).reshape(7, 2)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_values_and_gradients_are_those_of_the_layers_one_by_one(dtype):
    params, x = network(4, dtype), jnp.asarray(X, dtype)

    def total(evaluate, p):
        return evaluate(p, x).astype(jnp.float32).sum()

    value, gradient = jax.jit(jax.value_and_grad(lambda p: total(mlp.apply, p)))(params)
    same, stack = jax.jit(jax.value_and_grad(lambda p: total(stacked.apply, p)))(
        stacked.stack(params)
    )
    assert value == same
    for one, other in zip(gradient, stacked.unstack(stack), strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("hidden", [1, 2, 5])
def test_unstacking_undoes_stacking_with_and_without_an_ensemble_axis(hidden):
    one = network(hidden)
    many = jax.tree.map(lambda leaf: jnp.stack([leaf, 2 * leaf]), one)
    for params in (one, many):
        back = stacked.unstack(stacked.stack(params))
        jax.tree.map(np.testing.assert_array_equal, back, params)


def test_one_hidden_layer_is_a_loop_of_no_turns():
    params = network(1)
    np.testing.assert_array_equal(
        stacked.apply(stacked.stack(params), jnp.float32(X)), mlp.apply(params, jnp.float32(X))
    )


def test_an_ensemble_is_evaluated_under_vmap():
    one = network(3)
    many = stacked.stack(jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), one))
    got = jax.vmap(lambda p: stacked.apply(p, jnp.float32(X)))(many)
    np.testing.assert_array_equal(got[1], stacked.apply(stacked.stack(one), jnp.float32(X)))


@pytest.mark.parametrize("widths", [(2, 1), (2, 3, 4, 1)])
def test_networks_without_one_common_width_are_refused(widths):
    params = jl.networks.initialise(jax.random.key(0), widths, jl.networks.initialisers.he())
    with pytest.raises(ValueError, match="params: got hidden layers of widths"):
        stacked.stack(params)
