"""Every misuse raises the documented error, which names the argument, what it got and expected."""

import inspect

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from jaxlab.arithmetic import Format, round_to

KEY = jax.random.key(0)


@pytest.mark.parametrize(
    ("x", "dtype"),
    [
        (jnp.arange(3), "int32"),
        (np.array([True]), "bool"),
        (jnp.ones(2, jnp.complex64), "complex64"),
        (3, "int64"),
    ],
)
def test_only_real_floating_point_is_rounded(x, dtype):
    with pytest.raises(TypeError, match=f"^x: got dtype {dtype}, expected a real floating"):
        round_to(x, "bfloat16")


@pytest.mark.parametrize(
    ("dtype", "fmt"),
    [
        (jnp.float32, Format("precise but narrow", 30, -10, 10)),
        (jnp.float32, Format("long", 8, -126, 200)),
        (jnp.float32, Format("deep", 8, -160, 127)),
        (jnp.float32, Format("deep, flushing", 8, -148, 127, subnormals=False)),
        (jnp.float16, "bfloat16"),
        (jnp.bfloat16, "float16"),
        (ml_dtypes.float8_e4m3fn, "float8_e5m2"),
        (jnp.float32, Format("wide but coarse", 8, -16382, 16383)),
    ],
)
def test_a_carrier_that_cannot_hold_the_format_is_refused(dtype, fmt):
    with pytest.raises(ValueError, match=r"^x: got carrier \w+, which cannot hold every value of"):
        round_to(jnp.ones(2, dtype), fmt)


def test_an_unknown_rounding_mode_lists_the_known_ones():
    unchecked = inspect.unwrap(round_to)  # the tests' type checker would speak first
    with pytest.raises(ValueError, match=r"^rounding: got 'nearest', expected one of .*to_odd"):
        unchecked(jnp.ones(2), "bf16", "nearest")


@pytest.mark.parametrize("rounding", ["stochastic", "stochastic_equal"])
def test_random_modes_need_a_key(rounding):
    with pytest.raises(ValueError, match=f"^key: got None with rounding '{rounding}'"):
        round_to(jnp.ones(2), "bf16", rounding)


def test_other_modes_refuse_a_key():
    with pytest.raises(ValueError, match=r"^key: got a key with rounding 'up'"):
        round_to(jnp.ones(2), "bf16", "up", KEY)


@pytest.mark.parametrize("random_bits", [0, -1, 33])
def test_the_number_of_random_bits_has_limits(random_bits):
    with pytest.raises(ValueError, match=f"^random_bits: got {random_bits} .*expected 1 to 32"):
        round_to(jnp.ones(2), "bf16", "stochastic", KEY, random_bits=random_bits)


@pytest.mark.parametrize(("rounding", "key"), [("nearest_even", None), ("stochastic_equal", KEY)])
def test_random_bits_belong_to_the_stochastic_mode(rounding, key):
    with pytest.raises(ValueError, match=f"^random_bits: got 8 with rounding '{rounding}'"):
        round_to(jnp.ones(2), "bf16", rounding, key, random_bits=8)


@pytest.mark.parametrize("spec", ["float17", "", jnp.int32, object(), None])
def test_an_unknown_format_lists_the_known_ones(spec):
    with pytest.raises(ValueError, match=r"^format: got .*, expected a Format.*bfloat16"):
        round_to(jnp.ones(2), spec)


def test_errors_also_come_at_trace_time():
    with pytest.raises(ValueError, match=r"^key: got None"):
        jax.jit(lambda x: round_to(x, "bf16", "stochastic"))(jnp.ones(2))


@pytest.mark.parametrize(("exponent_bits", "precision"), [(15, 113), (11, 64), (15, 24)])
def test_formats_beyond_float64_are_no_error_where_nothing_is_to_be_rounded(
    exponent_bits, precision
):
    fmt = Format.ieee(exponent_bits=exponent_bits, precision=precision)
    assert round_to(jnp.float32(0.1), fmt) == jnp.float32(0.1)
