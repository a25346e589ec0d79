"""Cotangents are rounded like values, to a format of their own, or pass exactly."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic import Arithmetic, as_format, rounded
from tests.arithmetic import oracle

COTANGENT = 2.1
EXPECTED = {  # of d(-x) = -dx
    None: 2.09375,
    "straight_through": 2.1,
    "e5m2": 2.0,
    "e4m3": 2.0,
    "fp16": 2.099609375,
    Arithmetic("bf16", rounding="up"): 2.109375,  # storage: 2.109375, then its negative
    Arithmetic("e5m2", rounding="nearest_away"): 2.0,
}


@pytest.mark.parametrize("backward", EXPECTED, ids=str)
def test_a_cotangent_is_rounded_as_asked(backward):
    def pull(x, g):
        return jax.vjp(rounded(jnp.negative, "bf16", backward=backward), x)[1](g)[0]

    got = jax.jit(pull)(jnp.float32(1), jnp.float32(COTANGENT))
    assert float(got) == float(np.float32(-EXPECTED[backward]))


def test_straight_through_is_the_derivative_at_the_rounded_values():
    x = np.random.default_rng(0).standard_normal(64).astype(np.float32)
    slope = jax.grad(rounded(lambda x: jnp.sum(x * x * x), "bf16", backward="straight_through"))
    stored = oracle.round_all(x, as_format("bf16"), "nearest_even")
    squares = oracle.round_all(stored * stored, as_format("bf16"), "nearest_even")
    expected = (squares + 2 * stored * stored).astype(np.float32)
    assert not oracle.mismatches(jax.jit(slope)(jnp.asarray(x)), expected)


@pytest.mark.parametrize("where", ["inside", "outside"])
def test_the_passes_have_formats_of_their_own(where):
    """f = x * x / 3: values in bfloat16, slopes in e5m2."""

    def fn(x):
        return x * x / 3.0

    if where == "inside":
        ask = rounded(jax.value_and_grad(fn), "bf16", backward="e5m2")
    else:
        ask = jax.value_and_grad(rounded(fn, "bf16", backward="e5m2"))

    def bf16(x):
        return oracle.round_exactly(x, as_format("bf16"), "nearest_even")

    def e5m2(x):
        return oracle.round_exactly(x, as_format("e5m2"), "nearest_even")

    value, slope = ask(jnp.float32(1.3))
    x = bf16(float(np.float32(1.3)))
    assert float(value) == bf16(bf16(x * x) / 3)
    quotient = e5m2(1 / 3)
    assert float(slope) == e5m2(2 * e5m2(quotient * x))


def test_an_exact_forward_pass_may_have_a_rounded_backward_pass():
    value, slope = jax.value_and_grad(rounded(lambda x: x / 3.0, None, backward="bf16"))(
        jnp.float32(1.1)
    )
    assert float(value) == float(np.float32(1.1) / np.float32(3))
    assert float(slope) == 0.333984375


def test_accumulation_and_rounding_belong_to_the_pass():
    back = Arithmetic("bf16", accumulate="sequential")
    ask = rounded(jax.value_and_grad(lambda w: jnp.sum(w * jnp.ones(5000))), "bf16", backward=back)
    value, slope = jax.jit(ask)(jnp.float32(1))
    assert (float(value), float(slope)) == (4992.0, 256.0)
