"""Whole gradients, op by op: reverse mode, control flow and sums as NumPy would compute them."""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from jaxlab.arithmetic import rounded, sequential
from tests.arithmetic import numpy_interpreter, oracle

DTYPES = {
    "bfloat16": ml_dtypes.bfloat16,
    "float16": np.float16,
    "float8_e4m3fn": ml_dtypes.float8_e4m3fn,
    "float32": np.float32,
}
STANDARD = sequential(product=None)  # every product and every sum rounded, in order


def normal(seed, *shapes):
    rng = np.random.default_rng(seed)
    return [jnp.asarray(rng.standard_normal(shape), jnp.float32) for shape in shapes]


def mlp_loss(params, x, y):
    h = x
    for weight, bias in params[:-1]:
        h = jax.nn.relu(jnp.matmul(h, weight, precision="highest") + bias)
    weight, bias = params[-1]
    out = jnp.matmul(h, weight, precision="highest") + bias
    return jnp.mean((out - y) ** 2) / 3.0


def mlp(seed):
    weights = normal(seed, (3, 5), (5, 1))
    biases = normal(seed + 1, (1, 5), (1, 1))
    x, y = normal(seed + 2, (7, 3), (7, 1))
    return list(zip(weights, biases, strict=True)), x, y


def recurrent_loss(weights, state, xs):
    """Shared weights, a branch and a loop in the body of a scan."""

    @jax.checkpoint
    def step(h, x):
        h = jnp.matmul(weights, h, precision="highest") + x
        h = h / (1.0 + jnp.abs(h))
        h = jax.lax.cond(x[0] > 0, lambda h: h * 1.1, lambda h: h - x, h)
        return jax.lax.fori_loop(0, 2, lambda i, h: h * h + x / 3.0, h), h

    last, states = jax.lax.scan(step, state, xs)
    return jnp.sum(last) + jnp.sum(jnp.where(states > 0.2, states, 0.3 * states))


def recurrent(seed):
    weights, state, xs = normal(seed, (4, 4), (4,), (6, 4))
    return weights / 4, state, xs


def collatz(x):
    """A while loop whose length depends on rounded values."""

    def body(state):
        x, steps = state
        return jnp.where(x < 1, x * 3.3 + 0.7, x / 1.7), steps + 1

    return jax.lax.while_loop(lambda s: (jnp.abs(s[0] - 1.0) > 0.1) & (s[1] < 50), body, (x, 0))


@jax.custom_vjp
def clipped(x):
    return x / 3.0


clipped.defvjp(lambda x: (clipped(x), x), lambda x, g: (g * x / 1.3 - 0.1,))


@jax.custom_jvp
def smooth(x):
    return x * x / 7.0


smooth.defjvp(lambda p, t: (smooth(*p), t[0] * p[0] / 3.7))


def polynomial(x):
    total = jnp.sum(x)
    return jnp.sum(total * x * x / (1.3 + total * x) - 0.3 * x)


PROGRAMS = {
    "gradient of an MLP": (jax.value_and_grad(mlp_loss), mlp(1)),
    "gradient of a recurrent network": (jax.grad(recurrent_loss, (0, 1, 2)), recurrent(2)),
    "nested jit": (jax.jit(jax.grad(jax.jit(mlp_loss))), mlp(3)),
    "while": (collatz, (jnp.float32(7.3),)),
    "custom_vjp": (jax.grad(lambda x: jnp.sum(clipped(x * 1.1) * x)), normal(4, (5,))),
    "custom_jvp": (jax.grad(lambda x: jnp.sum(smooth(x * 1.1) / x)), normal(5, (5,))),
    "jvp": (lambda x, t: jax.jvp(polynomial, (x,), (t,)), normal(6, (3,), (3,))),
    "gradient of a gradient": (
        jax.grad(lambda x: jnp.sum(jax.grad(polynomial)(x) * x)),
        normal(7, (3,)),
    ),
    "Hessian": (jax.jacfwd(jax.jacrev(polynomial)), normal(8, (3,))),
    "vmap": (jax.vmap(jax.grad(polynomial)), normal(9, (4, 3))),
}


@pytest.mark.parametrize("name", DTYPES)
def test_the_gradient_of_an_mlp_agrees_in_every_dtype(name):
    check("gradient of an MLP", name)


@pytest.mark.parametrize("case", list(PROGRAMS)[1:])
def test_every_kind_of_program_agrees_in_bfloat16(case):
    check(case, "bfloat16")


def check(case, name):
    fn, args = PROGRAMS[case]
    got = jax.tree.leaves(jax.jit(rounded(fn, name, accumulate=STANDARD))(*args))
    expected = numpy_interpreter.run(fn, DTYPES[name], *args)
    for x, y in zip(got, expected, strict=True):
        x = np.asarray(x)
        assert not oracle.mismatches(x, y.astype(x.dtype)) if x.dtype == np.float32 else x == y
