"""A policy names four dtypes, refuses what cannot hold, and every conversion rounds once."""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from jaxlab.networks import mlp
from jaxlab.training import Policy, mean_squared_error
from jaxlab.training.precision import add_update, convert, require_available


@pytest.mark.parametrize(
    ("short", "long"),
    [("bf16", "bfloat16"), ("fp16", "float16"), ("fp32", "float32"), ("fp64", "float64")],
)
def test_short_and_long_names_are_one_policy(short, long):
    assert Policy.native(short) == Policy.native(long) == Policy.native(jnp.dtype(long))
    assert hash(Policy.native(short)) == hash(Policy.native(long))


def test_constructors_fill_the_four_fields():
    assert Policy.gradient("fp16") == Policy("fp64", "fp16", "fp16", "fp64")
    assert Policy.mixed("bf16") == Policy("fp32", "bf16", "fp32", "fp32")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (("float8", "fp16", "fp16", "fp16"), r"policy\.parameters: got 'float8'"),
        (("fp32", "int32", "fp32", "fp32"), r"policy\.compute: got 'int32'"),
        (("fp32", "fp16", "bf16", "fp32"), r"policy\.accumulate.*policy\.compute"),
        (("fp32", "fp16", "fp16", "fp16"), r"policy\.update.*policy\.parameters"),
    ],
)
def test_a_bad_policy_names_the_field(fields, message):
    with pytest.raises(ValueError, match=message):
        Policy(*fields)


def test_float64_needs_x64_and_the_error_names_the_field():
    dtypes = {f"policy.{name}": dtype for name, dtype in vars(Policy.gradient("fp16")).items()}
    with pytest.raises(ValueError, match=r"policy\.parameters: got float64 while x64 is off"):
        require_available(dtypes)
    with jax.enable_x64(True):
        require_available(dtypes)


def test_float64_to_bfloat16_rounds_once(x64):
    low = np.arange(0x3F00, 0x4000, dtype=np.uint16).view(ml_dtypes.bfloat16).astype(np.float64)
    middle = (low[:-1] + low[1:]) / 2
    tiny = 2.0**-45
    upper, lower = middle * (1 + tiny), middle * (1 - tiny)
    for sign in (1.0, -1.0):
        np.testing.assert_array_equal(
            convert(jnp.array(sign * upper), jnp.bfloat16), sign * low[1:]
        )
        np.testing.assert_array_equal(
            convert(jnp.array(sign * lower), jnp.bfloat16), sign * low[:-1]
        )
    special = np.array([np.inf, -np.inf, 1e300, 0.0, -0.0, np.nan])
    expected = np.array([np.inf, -np.inf, np.inf, 0.0, -0.0, np.nan])
    got = np.asarray(convert(jnp.array(special), jnp.bfloat16)).astype(np.float64)
    np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(np.signbit(got[:5]), np.signbit(expected[:5]))


def test_the_update_is_rounded_before_it_is_added():
    key_p, key_g = jax.random.split(jax.random.key(0))
    p, g = jax.random.normal(key_p, (4000,)), jax.random.normal(key_g, (4000,))
    rate = jnp.full(4000, 0.3)
    fused = jax.jit(lambda p, g, rate: add_update(p, -(rate * g)))(p, g, rate)
    update = np.asarray(rate) * np.asarray(g)
    np.testing.assert_array_equal(fused, np.asarray(p) - update)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
@pytest.mark.parametrize("accumulate", ["same", "float32"])
def test_the_loss_and_its_gradient_stay_in_the_compute_dtype(dtype, accumulate):
    accumulate = dtype if accumulate == "same" else accumulate
    loss = mean_squared_error(Policy(dtype, dtype, accumulate, dtype))
    ones = jnp.ones((3, 3), dtype)
    params = (mlp.Layer(ones, ones[0]), mlp.Layer(ones[:, :1], ones[0, :1]))
    value, gradient = jax.value_and_grad(loss)(params, (ones, ones[:, :1]))
    assert {leaf.dtype for leaf in jax.tree.leaves((value, gradient))} == {jnp.dtype(dtype)}
