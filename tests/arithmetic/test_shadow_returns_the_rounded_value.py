"""The value beside the trace is that of ``rounded`` on a float64 carrier, bit for bit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic import rounded, shadow
from tests.arithmetic.faulty_code import HIGHEST, normal


def program(w, x, n):
    """Nested control flow, several outputs, an integer and a subnormal among them."""

    def step(h, x):
        h = jax.lax.cond(jnp.sum(h) > 0, jnp.tanh, lambda h: h / 3, jnp.matmul(h, w) + x)
        return h, jnp.exp(-h)

    h, ys = jax.lax.scan(step, x[0], x)
    h = jax.lax.while_loop(lambda h: jnp.sum(h * h) > 0.5, lambda h: h * 0.7, h)
    return {"h": h, "ys": ys, "tiny": h * 1e-7, "n": n + 1}


def loss(w, x):
    z = jax.nn.relu(jnp.matmul(x, w, precision=HIGHEST))
    return jnp.mean(jax.checkpoint(lambda z: jnp.log1p(z * z))(z))


def same_bits(a, b):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert x.dtype == y.dtype
        assert np.asarray(x).tobytes() == np.asarray(y).tobytes()


OPTIONS = {
    "fp16": {"fmt": "fp16"},
    "bf16, toward zero": {"fmt": "bf16", "rounding": "toward_zero"},
    "e4m3fn": {"fmt": "e4m3fn"},
    "fp32": {"fmt": "fp32", "accumulate": "pairwise"},
    "fp16, sequential, own backward": {
        "fmt": "fp16",
        "accumulate": "sequential",
        "backward": "e5m2",
    },
    "bf16, stochastic": {"fmt": "bf16", "rounding": "stochastic", "key": jax.random.key(3)},
}


SLOW = ("fp32", "bf16, stochastic")
CASES = [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in OPTIONS]


@pytest.mark.parametrize("name", CASES)
def test_gradients_have_the_same_bits(name):
    options = dict(OPTIONS[name])
    fn, fmt, args = jax.grad(loss), options.pop("fmt"), (normal(1, 5, 4), normal(2, 7, 5))
    value, trace = shadow(fn, fmt, **options)(*args)
    same_bits(value, jax.jit(rounded(fn, fmt, carrier="float64", **options))(*args))
    assert trace.measured > 0


@pytest.mark.parametrize("name", [CASES[0], CASES[-1]])
def test_control_flow_has_the_same_bits(name):
    options = dict(OPTIONS[name])
    fmt, args = options.pop("fmt"), (normal(1, 4, 4), normal(2, 6, 4), jnp.int32(3))
    value, trace = shadow(program, fmt, **options)(*args)
    same_bits(value, jax.jit(rounded(program, fmt, carrier="float64", **options))(*args))
    assert set(trace.errors) == {"['h']", "['tiny']", "['ys']"}
    assert any(row.total("subnormal") for row in trace.rows) or name != "fp16"


def test_with_x64_enabled_the_bits_are_the_same():
    x = normal(2, 7, 5)
    value, _ = shadow(jax.nn.softmax, "fp16")(x)
    with jax.enable_x64(True):
        again, _ = shadow(jax.nn.softmax, "fp16")(x)
    same_bits(value, again)
