"""Every mode lowers for CPU, CUDA, ROCm and TPU, wherever the tests happen to run."""

import typing

import jax
import jax.export
import jax.numpy as jnp
import pytest

from jaxlab.arithmetic import Rounding, round_to

PLATFORMS = ("cpu", "cuda", "rocm", "tpu")


@pytest.mark.parametrize("fmt", ["bfloat16", "float8_e8m0fnu"])
@pytest.mark.parametrize("rounding", typing.get_args(Rounding))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_mode_lowers(dtype, rounding, fmt):
    def f(x, seed):
        key = jax.random.key(seed) if rounding.startswith("stochastic") else None
        return round_to(x, fmt, rounding, key)

    with jax.enable_x64(dtype == "float64"):
        x = jax.ShapeDtypeStruct((8,), jnp.dtype(dtype))
        exported = jax.export.export(jax.jit(f), platforms=PLATFORMS)(x, jnp.uint32(0))
    assert exported.platforms == PLATFORMS
    assert exported.out_avals[0].dtype == dtype


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_sixteen_bit_carriers_and_gradients_lower(dtype):
    def f(x):
        return jax.vjp(lambda x: round_to(x, "float8_e5m2"), x)[1](x)[0]

    x = jax.ShapeDtypeStruct((8,), jnp.dtype(dtype))
    exported = jax.export.export(jax.jit(f), platforms=PLATFORMS)(x)
    assert exported.out_avals[0].dtype == dtype
