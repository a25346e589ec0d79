"""A batch is rounded as its examples are, whether ``vmap`` is inside or outside."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic import rounded
from tests.arithmetic import oracle


def elementwise(x):
    return jnp.exp(x) / (1.0 + x * x) - jnp.tanh(x) / 3.0


def sums(x):
    return jnp.cumsum(x) / jnp.sum(x) + jnp.dot(x, x, precision="highest") + jnp.var(x)


def looping(x):
    def body(state):
        return state[0] / 1.7, state[1] + 1

    y, count = jax.lax.while_loop(lambda s: jnp.abs(s[0][0]) > 0.3, body, (x, 0))
    return jax.lax.cond(y[0] > 0, lambda y: y * 3.3, lambda y: y / 3.3, y), count


def gradient(x):
    return jax.grad(lambda x: jnp.sum(jax.lax.scan(lambda c, y: (c * y + x[0], c), x[1], x)[1]))(x)


@pytest.mark.parametrize(
    ("fn", "order"),
    [
        (elementwise, "exact"),
        (sums, "sequential"),
        (looping, "exact"),
        (gradient, "exact"),
        (gradient, "pairwise"),
    ],
)
def test_inside_outside_and_one_by_one_agree(fn, order):
    x = jnp.asarray(np.random.default_rng(0).standard_normal((5, 4)), jnp.float32)

    def ask(fn):
        return rounded(fn, "bf16", accumulate=order)

    one = jax.jit(ask(fn))
    singles = jax.tree.map(lambda *rows: jnp.stack(rows), *(one(row) for row in x))
    for batched in (jax.jit(ask(jax.vmap(fn)))(x), jax.jit(jax.vmap(ask(fn)))(x)):
        for got, expected in zip(jax.tree.leaves(batched), jax.tree.leaves(singles), strict=True):
            if got.dtype == jnp.float32:
                assert not oracle.mismatches(got, expected)
            else:
                assert np.array_equal(got, expected)


def test_gradients_of_a_batch_are_those_of_its_examples():
    x = jnp.asarray(np.random.default_rng(1).standard_normal((5, 4)), jnp.float32)
    slope = jax.grad(rounded(lambda x: jnp.sum(elementwise(x)), "fp16"))
    one = jax.jit(slope)
    assert not oracle.mismatches(jax.jit(jax.vmap(slope))(x), jnp.stack([one(row) for row in x]))
