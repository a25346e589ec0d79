"""Networks of other libraries come in with their values, their order and their dtypes."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxlab as jl


def test_an_equinox_mlp_is_the_same_function():
    mlp = eqx.nn.MLP(2, 3, 8, 2, key=jax.random.key(0))
    params = jl.networks.from_pytree(mlp)
    x = jax.random.normal(jax.random.key(1), (2,))
    assert jl.networks.widths(params) == (2, 8, 8, 3)
    np.testing.assert_allclose(jl.networks.apply(params, x), mlp(x), rtol=1e-6)


def test_an_equinox_sequential_may_lack_biases_and_hold_lambdas():
    keys = jax.random.split(jax.random.key(0))
    net = eqx.nn.Sequential(
        [
            eqx.nn.Linear(2, 4, use_bias=False, key=keys[0]),
            eqx.nn.Lambda(jax.nn.relu),
            eqx.nn.Linear(4, 1, key=keys[1]),
        ]
    )
    x = jnp.array([0.3, -0.7])
    np.testing.assert_allclose(
        jl.networks.apply(jl.networks.from_pytree(net), x), net(x), rtol=1e-6
    )


def test_flax_modules_are_read_in_natural_order():
    rng = np.random.default_rng(0)
    kernels = [rng.standard_normal((3, 3)).astype(np.float32) for _ in range(11)]
    tree = {
        f"Dense_{i}": {"kernel": k, "bias": np.zeros(3, np.float32)} for i, k in enumerate(kernels)
    }
    shuffled = {name: tree[name] for name in sorted(tree)}  # Dense_10 before Dense_2
    params = jl.networks.from_pytree({"params": shuffled})
    for layer, kernel in zip(params, kernels, strict=True):
        np.testing.assert_array_equal(layer.weight, kernel)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_a_state_dict_is_transposed_and_keeps_its_dtype(dtype):
    rng = np.random.default_rng(0)
    state = {
        "net.0.weight": rng.standard_normal((4, 2)).astype(dtype),
        "net.0.bias": np.ones(4, dtype),
        "net.2.weight": rng.standard_normal((1, 4)).astype(dtype),
    }
    first, second = jl.networks.from_pytree(state)
    np.testing.assert_array_equal(first.weight, state["net.0.weight"].T)
    assert first.weight.dtype == first.bias.dtype == second.bias.dtype == dtype
    np.testing.assert_array_equal(second.bias, np.zeros(1))


def test_native_parameters_pass_unchanged():
    params = jl.networks.constructions.sawtooth(2)
    assert jl.networks.from_pytree(params) is params


def test_what_is_no_sequential_dense_network_is_refused():
    with pytest.raises(TypeError, match="network: got list"):
        jl.networks.from_pytree([1, 2])
    with pytest.raises(TypeError, match="network: got dict"):
        jl.networks.from_pytree({"scale": np.ones(3)})
    with pytest.raises(ValueError, match="expected a matrix"):
        jl.networks.from_pytree({"conv.weight": np.ones((4, 3, 3, 3))})
    with pytest.raises(ValueError, match="expected 4"):
        jl.networks.from_pytree({"0.weight": np.ones((4, 2)), "1.weight": np.ones((1, 3))})
