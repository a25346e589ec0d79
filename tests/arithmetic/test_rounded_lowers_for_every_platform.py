"""Emulated programs lower for CPU, CUDA and TPU, with x64 off, in every order and mode."""

import typing

import jax
import jax.export
import jax.numpy as jnp
import pytest

from jaxlab.arithmetic import Rounding, rounded

PLATFORMS = ("cpu", "cuda", "tpu")
ORDERS = ("exact", "sequential", "pairwise", "kahan", "blocked(2)", "tensor_core(2)")


def everything(w, x):
    """A loss in which every summing primitive and every kind of nesting occurs."""

    @jax.checkpoint
    def step(c, row):
        c = jax.lax.cond(row[0] > 0, jnp.tanh, lambda c: c / 3.0, c * row)
        return c, jnp.cumsum(c)

    last, sums = jax.lax.scan(step, w, x)
    mixed = jnp.convolve(last, w, mode="same", precision="highest")
    loops = jax.lax.fori_loop(0, 3, lambda i, s: s * 1.1 + i.astype(s.dtype), mixed)
    fixed = jax.lax.stop_gradient(w)  # a while loop has no backward pass
    small = jax.lax.while_loop(lambda c: jnp.sum(c * c) > 1.0, lambda c: c / 3.0, fixed)
    looked_up = (w * small)[jnp.array([0, 1, 1])]
    return jnp.sum(jax.nn.softmax(sums)) + jnp.dot(loops[:3], looked_up, precision="highest")


def elementwise(w, x):
    return jnp.sum(jnp.sqrt(x * x + 1.0) / (1.0 - x) + jnp.exp(-x)) + jnp.sum(w)


def lower(fn, fmt, **options):
    def gradients(w, x, seed):
        key = jax.random.key(seed) if options.get("rounding", "").startswith("stoch") else None
        ask = jax.value_and_grad(rounded(fn, fmt, key=key, **options))
        return jax.vmap(ask, (None, 0))(w, x[None])

    shapes = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in ((4,), (3, 4))]
    exported = jax.export.export(jax.jit(gradients), platforms=PLATFORMS)(*shapes, jnp.uint32(0))
    assert exported.platforms == PLATFORMS
    assert all(aval.dtype == jnp.float32 for aval in exported.out_avals)


def test_sums_that_are_not_rounded_are_as_precise_as_the_carrier_on_every_platform():
    """A device may multiply float32 matrices in fewer bits unless it is told not to."""

    def fn(w, x):
        kernel = jnp.ones((1, 1, 2, 2))
        convolved = jax.lax.conv(x[None, None], kernel, (1, 1), "SAME")
        return convolved, x @ w, jnp.dot(x, w, precision="bfloat16")

    shapes = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in ((4, 4), (3, 4))]
    options = {"exempt": ["dot_general", "conv_general_dilated"], "carrier": "float32"}
    lowered = (
        jax.jit(rounded(fn, "fp16", **options)).trace(*shapes).lower(lowering_platforms=("cuda",))
    )
    lines = lowered.as_text().splitlines()
    sums = [line for line in lines if "dot_general" in line or "convolution" in line]
    assert len(sums) == 3
    assert all(line.count("HIGHEST") == 2 for line in sums)


@pytest.mark.parametrize("order", ORDERS)
def test_every_order_lowers(order):
    lower(everything, "bf16", accumulate=order)


@pytest.mark.parametrize("rounding", typing.get_args(Rounding))
def test_every_mode_lowers(rounding):
    lower(elementwise, "bf16", rounding=rounding)


@pytest.mark.parametrize("fmt", ["fp16", "e4m3", "tf32", "fp32"])
def test_every_carrier_lowers(fmt):
    lower(elementwise, fmt, backward="e5m2")
