"""``rounded(grad(f))`` and ``grad(rounded(f))`` give the same bits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic import Arithmetic, rounded
from tests.arithmetic import oracle

RNG = np.random.default_rng(0)


def normal(*shape):
    return jnp.asarray(RNG.standard_normal(shape), jnp.float32)


def network(params, x):
    h = jnp.tanh(jnp.matmul(x, params["in"], precision="highest") + params["bias"][None])
    logits = jnp.matmul(h, params["out"], precision="highest")
    return -jnp.mean(jax.nn.log_softmax(logits)[:, 0]) + 0.1 * jnp.var(h)


def recurrent(weights, xs):
    @jax.checkpoint
    def step(h, x):
        h = jnp.tanh(jnp.matmul(weights, h, precision="highest") * x)
        return jax.lax.cond(x > 0, jnp.sin, lambda h: h * 1.7, h), h

    last, states = jax.lax.scan(step, weights[0], xs)
    return jnp.sum(last * last) + jax.nn.logsumexp(states)


def lookup(table, rows):
    x = table[rows]
    smoothed = jnp.convolve(x[:, 0], table[:2, 1], mode="same", precision="highest")
    return jnp.sum(jnp.cumsum(smoothed) * jnp.where(x[:, 1] > 0, jnp.sqrt(jnp.abs(x[:, 1])), 0.0))


PARAMS = {"in": normal(3, 4), "bias": normal(4), "out": normal(4, 2)}
CASES = {
    "network": (network, (PARAMS, normal(5, 3))),
    "recurrent": (recurrent, (normal(3, 3), normal(4))),
    "lookup": (lookup, (normal(4, 2), jnp.array([0, 2, 2, 1, 3, 2]))),
}
POLICIES = {
    "default": {},
    "sequential": {"accumulate": "sequential"},
    "pairwise": {"accumulate": "pairwise"},
    "narrow backward": {"backward": Arithmetic("e5m2", rounding="toward_zero")},
    "exact backward": {"backward": "straight_through"},
}


def same(first, second):
    for x, y in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        assert np.array_equal(x, y) if x.dtype == np.int32 else not oracle.mismatches(x, y)


@pytest.mark.parametrize(
    ("case", "policy"),
    [
        ("network", "default"),
        ("recurrent", "sequential"),
        ("recurrent", "exact backward"),
        ("lookup", "narrow backward"),
        pytest.param("recurrent", "pairwise", marks=pytest.mark.slow),
        pytest.param("network", "sequential", marks=pytest.mark.slow),
    ],
)
def test_value_and_gradient_agree(case, policy):
    fn, args = CASES[case]
    inside = jax.jit(rounded(jax.value_and_grad(fn), "bf16", **POLICIES[policy]))(*args)
    outside = jax.jit(jax.value_and_grad(rounded(fn, "bf16", **POLICIES[policy])))(*args)
    same(inside, outside)


def test_gradients_agree_one_operation_at_a_time():
    def fn(x, y):
        return jnp.sum(jnp.exp(x * y) / 3.0 - y)

    args = normal(4), normal(4)
    same(rounded(jax.grad(fn, (0, 1)), "fp16")(*args), jax.grad(rounded(fn, "fp16"), (0, 1))(*args))


def test_pullbacks_of_several_outputs_agree():
    def fn(x, y):
        return jnp.exp(x) / y, {"product": x * y}

    def pull(x, y, cotangents):
        return jax.vjp(fn, x, y)[1](cotangents)

    args = normal(6), normal(6)
    cotangents = normal(6), {"product": normal(6)}
    inside = jax.jit(rounded(pull, "bf16"))(*args, cotangents)
    outside = jax.jit(lambda *args: jax.vjp(rounded(fn, "bf16"), *args)[1](cotangents))(*args)
    same(inside, outside)


def test_an_auxiliary_output_of_infinite_slope_does_not_touch_the_gradient():
    def fn(x):
        return jnp.sum(x * x), {"logarithm": jnp.log(x), "count": x.size}

    x = jnp.array([0.0, 1.0, -2.0])
    inside = rounded(jax.grad(fn, has_aux=True), "bf16")(x)
    outside = jax.jit(jax.grad(rounded(fn, "bf16"), has_aux=True))(x)
    same(inside, outside)
    assert np.array_equal(outside[0], [0.0, 2.0, -4.0])


def test_checkpointing_changes_no_bit_whatever_the_backward_format():
    """What is computed again in the backward pass is still the forward pass."""

    def fn(x):
        return jnp.sum(jnp.sin(jnp.sin(x * 1.1) / 3.0) * x)

    x = normal(32)
    again = jax.checkpoint(fn)
    for backward in ("straight_through", "e5m2"):
        plain = jax.jit(rounded(jax.grad(fn), "bf16", backward=backward))(x)
        same(plain, jax.jit(rounded(jax.grad(again), "bf16", backward=backward))(x))
        same(plain, jax.jit(jax.grad(rounded(again, "bf16", backward=backward)))(x))


def test_gradients_through_a_rounded_function_in_a_native_scan_are_its_own():
    """The float64 residuals of the emulation live in a loop that was traced with x64 off."""

    def step(w, x):
        return jnp.tanh(w * x) + w / 3.0

    def through(step):
        def total(w, xs):
            return jax.lax.scan(lambda w, x: (step(w, x), None), w, xs)[0]

        return jax.jit(jax.grad(total, (0, 1)))

    args = jnp.float32(0.5), normal(4)
    got = through(rounded(step, "bf16"))(*args)

    states = [args[0]]
    for x in args[1]:
        states.append(rounded(step, "bf16")(states[-1], x))
    cotangent, expected = jnp.float32(1), []
    for w, x in zip(states[-2::-1], args[1][::-1], strict=True):
        cotangent, slope = jax.vjp(rounded(step, "bf16"), w, x)[1](cotangent)
        expected.append(slope)
    same(got, (cotangent, jnp.stack(expected[::-1])))
