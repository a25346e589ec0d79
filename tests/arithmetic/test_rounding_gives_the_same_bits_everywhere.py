"""Eager, jitted, vmapped, scanned, differentiated, with x64 on or off: always the same bits."""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from jaxlab.arithmetic import Format, round_to
from tests.arithmetic import oracle

CARRIERS = {
    "float32": (np.float32, "float16"),
    "float64": (np.float64, "bfloat16"),
    "bfloat16": (ml_dtypes.bfloat16, "float8_e5m2"),
    "bfloat16 with its subnormals": (ml_dtypes.bfloat16, Format("p4", 4, -126, 127)),
    "float16": (np.float16, "float8_e4m3fn"),
}
MODES = ["nearest_even", "stochastic"]


def inputs(dtype) -> np.ndarray:
    with np.errstate(all="ignore"):
        if np.dtype(dtype).itemsize == 2:
            return np.arange(2**16, dtype=np.uint16).view(dtype).reshape(4, -1)
        xs = oracle.samples(Format("near", 11, -14, 15), seed=11, size=8192, dtype=dtype)
        return xs.reshape(4, -1)


def key_for(rounding):
    return jax.random.key(5) if rounding == "stochastic" else None


def same(got, expected) -> bool:
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.dtype == expected.dtype
    return np.array_equal(got.view(f"u{got.itemsize}"), expected.view(f"u{got.itemsize}"))


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("rounding", MODES)
def test_transformations_and_the_x64_switch_change_no_bit(carrier, rounding):
    dtype, fmt = CARRIERS[carrier]
    key = key_for(rounding)
    results = []
    for wide in (False, True):
        with jax.enable_x64(True):
            x = jnp.asarray(inputs(dtype))
        assert x.dtype == dtype
        with jax.enable_x64(wide):

            def rounder(x):
                return round_to(x, fmt, rounding, key)

            def scanned(x):
                return jax.lax.scan(lambda _, x: (None, rounder(x)), None, x[None])[1][0]

            results += [rounder(x), jax.jit(rounder)(x), jax.jit(scanned)(x)]
            results += [jax.jit(lambda x: jax.vjp(rounder, x)[0])(x)]
            if key is None:
                results += [jax.vmap(rounder)(x), jax.jit(jax.vmap(rounder))(x)]
                results += [jnp.stack([rounder(row) for row in x])]
    assert results[0].dtype == dtype
    for i, result in enumerate(results):
        assert same(result, results[0]), i


@pytest.mark.parametrize("rounding", oracle.DETERMINISTIC)
@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, np.float16])
def test_sixteen_bit_carriers_agree_with_the_definition_on_all_codes(dtype, rounding):
    fmt = Format("p4", 4, -126, 127) if dtype == ml_dtypes.bfloat16 else Format("p4", 4, -14, 15)
    xs = np.arange(0, 2**16, 7, dtype=np.uint16).view(dtype)
    with np.errstate(invalid="ignore"):
        exact = xs.astype(np.float64)
    got = np.asarray(jax.jit(lambda x: round_to(x, fmt, rounding))(xs))
    assert got.dtype == dtype
    with np.errstate(invalid="ignore"):
        got = got.astype(np.float64)
    assert not oracle.mismatches(got, oracle.round_all(exact, fmt, rounding))


@pytest.mark.parametrize("size", [1, 15, 1000, 10_007, 1_000_003])
def test_bfloat16_subnormals_survive_in_the_tail_of_every_vector(size):
    x = np.full(size, 3e-39, ml_dtypes.bfloat16)
    got = np.asarray(jax.jit(lambda x: round_to(x, Format("p7", 7, -126, 127)))(x))
    assert np.array_equal(got.view(np.uint16), np.full(size, 0x0020, np.uint16))


def test_float64_arrays_keep_their_dtype_and_bits_with_x64_off():
    third = round_to(np.float64(1 / 3), "float32")
    assert third.dtype == np.float64
    assert float(third) == float(np.float32(1 / 3))
    assert round_to(1 / 3, "float64").dtype == np.float64
    assert not jax.config.jax_enable_x64


def test_a_format_that_holds_the_carrier_returns_the_very_same_values():
    x = jnp.asarray(np.arange(2**16, dtype=np.uint16).view(ml_dtypes.bfloat16))
    assert round_to(x, "float32") is x


def test_empty_arrays_and_scalars_keep_their_shape():
    assert round_to(jnp.zeros((0, 3)), "bf16").shape == (0, 3)
    assert round_to(jnp.float32(1.0), "bf16").shape == ()
