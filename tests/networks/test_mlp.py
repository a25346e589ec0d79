"""The multilayer perceptron is the function it says, in the dtype it is given."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxlab as jl
from jaxlab.networks.mlp import affine, check_widths


def network(key, widths, dtype=jnp.float32):
    return jl.networks.initialise(
        key, widths, jl.networks.initialisers.gaussian(), jnp.dtype(dtype).name
    )


def test_apply_equals_the_composition_written_in_numpy(x64):
    params = network(jax.random.key(0), (3, 5, 4, 2), jnp.float64)
    x = jax.random.normal(jax.random.key(1), (7, 3), jnp.float64)
    h = np.asarray(x)
    for weight, bias in params[:-1]:
        h = np.maximum(h @ np.asarray(weight) + np.asarray(bias), 0)
    expected = h @ np.asarray(params[-1].weight) + np.asarray(params[-1].bias)
    np.testing.assert_allclose(jl.networks.apply(params, x), expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32])
def test_apply_keeps_the_dtype_whatever_the_accumulator(dtype):
    params = network(jax.random.key(0), (2, 4, 1), dtype)
    x = jnp.ones((3, 2), dtype)
    assert jl.networks.apply(params, x).dtype == dtype
    assert jl.networks.apply(params, x, accumulate=jnp.float32).dtype == dtype


def test_one_example_equals_its_row_of_a_batch():
    params = network(jax.random.key(0), (2, 4, 1))
    x = jax.random.normal(jax.random.key(1), (5, 2))
    rows = jnp.stack([jl.networks.apply(params, row) for row in x])
    np.testing.assert_allclose(jl.networks.apply(params, x), rows, rtol=1e-6, atol=1e-6)


def test_the_dot_states_the_highest_precision():
    jaxpr = str(jax.make_jaxpr(affine)(network(jax.random.key(0), (2, 4))[0], jnp.ones(2)))
    assert "HIGHEST" in jaxpr


def test_relu_has_derivative_zero_at_zero():
    params = jl.networks.cast(jl.networks.constructions.sawtooth(1), jnp.float32)
    slope = jax.grad(lambda x: jl.networks.apply(params, x[None])[0])(jnp.float32(0.0))
    assert slope == 0.0


def test_widths_that_do_not_chain_are_named():
    first, second = network(jax.random.key(0), (2, 4, 1))
    with pytest.raises(ValueError, match=r"params\[1\].weight: got 4 inputs, expected 1"):
        check_widths((first._replace(weight=jnp.ones((2, 1)), bias=jnp.ones(1)), second))
    with pytest.raises(ValueError, match=r"params\[0\].bias: got 3 entries, expected 4"):
        check_widths((first._replace(bias=jnp.ones(3)), second))
    with pytest.raises(ValueError, match="x: got 3 features, expected 2"):
        jl.networks.apply((first, second), jnp.ones(3))
    with pytest.raises(ValueError, match="empty tuple"):
        jl.networks.widths(())


def test_widths_ignore_ensemble_axes():
    params = jax.vmap(lambda k: network(k, (2, 4, 1)))(jax.random.split(jax.random.key(0), 6))
    assert params[0].weight.shape == (6, 2, 4)
    assert jl.networks.widths(params) == (2, 4, 1)
