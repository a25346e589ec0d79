"""Updates are pure functions; noise has the stated law; optax keeps its dtypes."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxlab.networks.mlp import Layer
from jaxlab.training import from_optax, gradient_descent, perturbed_gradient_descent


def layers(width=7, dtype=jnp.float32):
    key = jax.random.key(3)
    weight = jax.random.normal(key, (2, width), dtype)
    bias = jax.random.normal(jax.random.fold_in(key, 1), (width,), dtype)
    return (Layer(weight, bias),)


def test_without_noise_the_perturbed_update_is_bitwise_gradient_descent(x64_both):
    dtype = jnp.float64 if x64_both else jnp.float32
    params, key = layers(dtype=dtype), jax.random.key(0)
    plain, noisy = gradient_descent(0.3), perturbed_gradient_descent(0.3, 0.0, biases_only=False)
    expected, _ = jax.jit(plain.step)(params, plain.init(key, params), params)
    got, _ = jax.jit(noisy.step)(params, noisy.init(key, params), params)
    assert got[0].weight.dtype == dtype
    jax.tree.map(np.testing.assert_array_equal, got, expected)


def test_noise_touches_biases_only_unless_asked():
    params, key = layers(), jax.random.key(0)
    plain = gradient_descent(0.3)
    expected, _ = plain.step(params, plain.init(key, params), params)
    for biases_only in (True, False):
        noisy = perturbed_gradient_descent(0.3, 0.5, biases_only)
        got, _ = noisy.step(params, noisy.init(key, params), params)
        assert np.all(got[0].bias != expected[0].bias)
        assert np.all(got[0].weight == expected[0].weight) == biases_only


def test_noise_is_uniform_between_minus_and_plus_epsilon():
    # One Hoeffding bound for the mean and one for the second moment: each fails with probability
    # 2 exp(-2 n t^2 / range^2) = 2 exp(-2 * 2e5 * 0.007^2 / range^2) <= 2 exp(-4.9) at range 2 for
    # a random seed; the seed is fixed, so the test is deterministic.
    count, epsilon = 200_000, 0.25
    ones = {"bias": jnp.ones(count)}
    noisy = perturbed_gradient_descent(1.0, epsilon)
    updates, state = noisy.step(ones, noisy.init(jax.random.key(5), ones), ones)
    again, _ = noisy.step(ones, state, ones)
    noise = (-np.asarray(updates["bias"], np.float64) - 1) / epsilon
    assert np.abs(noise).max() <= 1
    assert noise.max() > 0.999
    assert noise.min() < -0.999
    assert abs(noise.mean()) < 0.007
    assert abs((noise**2).mean() - 1 / 3) < 0.007
    assert not np.array_equal(updates["bias"], again["bias"])


def test_biases_only_without_a_bias_is_refused():
    with pytest.raises(ValueError, match="biases_only: got params without"):
        perturbed_gradient_descent(0.1, 0.1).init(jax.random.key(0), jnp.ones(3))


def test_a_grid_of_rates_is_a_vmap():
    rates, ones = jnp.array([0.0, 0.5, 2.0]), jnp.ones(2)

    def step(rate):
        update = gradient_descent(rate)
        return update.step(ones, update.init(jax.random.key(0), ones), ones)[0]

    expected = -np.asarray(rates)[:, None] * np.ones(2)
    np.testing.assert_array_equal(jax.vmap(step)(rates), expected)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
@pytest.mark.parametrize("name", ["adam", "momentum"])
def test_optax_updates_and_state_keep_the_dtype(name, dtype):
    transformation = optax.adam(0.1) if name == "adam" else optax.sgd(0.1, momentum=0.9)
    update, params = from_optax(transformation), layers(dtype=dtype)
    updates, state = update.step(params, update.init(jax.random.key(0), params), params)
    floats = [a for a in jax.tree.leaves((updates, state)) if jnp.issubdtype(a.dtype, jnp.floating)]
    assert {leaf.dtype for leaf in floats} == {jnp.dtype(dtype)}
