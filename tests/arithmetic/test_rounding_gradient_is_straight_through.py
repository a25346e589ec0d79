"""Derivatives pass through a rounding unchanged and unrounded."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic import round_to

MODES = [
    ("nearest_even", None),
    ("nearest_away", None),
    ("toward_zero", None),
    ("up", None),
    ("down", None),
    ("to_odd", None),
    ("stochastic", 3),
    ("stochastic_equal", 3),
]


def rounder(rounding, seed, fmt="bfloat16"):
    key = None if seed is None else jax.random.key(seed)
    return lambda x: round_to(x, fmt, rounding, key)


@pytest.mark.parametrize(("rounding", "seed"), MODES)
def test_grad_jvp_and_vjp_are_the_identity(rounding, seed):
    f = rounder(rounding, seed)
    x = jnp.float32(1.2345678)
    assert jax.grad(f)(x) == 1
    assert jax.jit(jax.grad(f))(x) == 1
    assert jax.jvp(f, (x,), (jnp.float32(0.3),))[1] == jnp.float32(0.3)
    assert jax.vjp(f, x)[1](jnp.float32(2.1))[0] == jnp.float32(2.1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_cotangent_is_not_rounded(dtype):
    with jax.enable_x64(dtype == np.float64):
        x = jnp.asarray([0.1, 7.3], dtype)
        for fmt in ("bfloat16", "float4_e2m1fn"):
            (gradient,) = jax.vjp(rounder("nearest_even", None, fmt), x)[1](
                jnp.asarray([2.1, -1e-30], dtype)
            )
            assert np.array_equal(gradient, np.asarray([2.1, -1e-30], dtype))


def test_float64_cotangents_pass_unrounded_with_x64_off():
    with jax.enable_x64(True):
        x, cotangent = jnp.float64(1 / 3), jnp.float64(2.1)
    (gradient,) = jax.vjp(rounder("nearest_even", None), x)[1](cotangent)
    assert gradient.dtype == np.float64
    assert float(gradient) == 2.1


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_sixteen_bit_carriers_pass_cotangents_of_their_own_dtype(dtype):
    x = jnp.asarray([0.1, 0.3], dtype)
    (gradient,) = jax.vjp(rounder("nearest_even", None, "float8_e5m2"), x)[1](x)
    assert gradient.dtype == dtype
    assert np.array_equal(gradient, x)


def test_vmapped_gradients_are_ones():
    x = jnp.linspace(-3.0, 3.0, 17)
    assert np.array_equal(jax.vmap(jax.grad(rounder("nearest_even", None)))(x), np.ones(17))


def test_the_second_derivative_is_that_of_the_function_around_the_rounding():
    f = rounder("nearest_even", None)
    x = jnp.float32(1.3)
    assert jax.grad(jax.grad(f))(x) == 0
    # d2/dx2 r(x)**3 = 6 r(x) when dr/dx = 1.
    second = jax.grad(jax.grad(lambda x: f(x) ** 3))(x)
    np.testing.assert_allclose(second, 6 * f(x), rtol=1e-6)
    assert jax.hessian(lambda x: f(x) * f(x))(x) == 2


def test_gradients_pass_where_the_value_overflowed_underflowed_or_is_nan():
    x = jnp.asarray([1e30, 1e-30, jnp.nan, jnp.inf])
    (gradient,) = jax.vjp(rounder("nearest_even", None, "float16"), x)[1](jnp.full(4, 0.7))
    assert np.array_equal(gradient, np.full(4, 0.7, np.float32))
