"""Rounding to no format changes no bit: values and gradients, compiled and not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic import rounded

RNG = np.random.default_rng(0)
X = RNG.standard_normal((5, 4)).astype(np.float32)


def mlp(x):
    h = jax.nn.relu(jnp.matmul(x, X.T, precision="highest"))
    h = jax.checkpoint(jnp.tanh)(jnp.matmul(h, X, precision="highest"))
    return jnp.mean(jax.nn.logsumexp(h, axis=1) / 3.0)


def loops(x):
    def step(c, row):
        c = jax.lax.cond(row[0] > 0, jnp.sin, lambda c: c / 3.0, c * row)
        return c, c.sum()

    last, sums = jax.lax.scan(jax.checkpoint(step), x[0], x)
    return jnp.sum(last) + jnp.var(sums)


def searching(x):
    def body(state):
        x, n = state
        return jnp.where(x > 1, x / 1.7, x * 3.3 + 0.1), n + 1

    return jax.lax.while_loop(lambda s: (s[1] < 9) & (jnp.sum(s[0]) < 9), body, (x, 0))


def kinds(x):
    bits = jax.lax.bitcast_convert_type(x, jnp.uint32)
    return {
        "contracted": x * x + x,
        "rewritten": (x / 3.0, (x + 1e8) - 1e8, x * 3.3 * 7.7),
        "half": (x.astype(jnp.bfloat16) * 3).astype(jnp.float16),
        "integers": (bits >> 3, jnp.argsort(x)),
        "keys": jax.random.split(jax.random.key(0), 2),
        "random": jax.random.normal(jax.random.key(0), x.shape, x.dtype),
        "sums": (jnp.cumsum(x), jnp.zeros(4).at[jnp.array([0, 1, 1])].add(x[:3, 0])),
        "fft": jnp.abs(jnp.fft.fft(x)),
        "solve": jnp.linalg.solve(x[:4] + 4.0 * jnp.eye(4, dtype=x.dtype), x[4]),
    }


CASES = {
    "MLP": mlp,
    "gradient of an MLP": jax.value_and_grad(mlp),
    "loops": loops,
    "gradient of loops": jax.grad(loops),
    "while": searching,
    "many kinds": kinds,
    "nested jit": jax.jit(lambda x: jax.jit(mlp)(x) * jax.jit(loops)(x)),
    "Hessian": jax.hessian(lambda x: jnp.sum(jnp.tanh(x[0]) ** 3)),
}


def same(first, second):
    assert jax.tree.structure(first) == jax.tree.structure(second)
    for x, y in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        assert isinstance(x, jax.Array)
        assert x.dtype == y.dtype
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            x, y = jax.random.key_data(x), jax.random.key_data(y)
        assert np.asarray(x).tobytes() == np.asarray(y).tobytes()


@pytest.mark.parametrize("case", CASES)
def test_compiled_values_are_those_of_the_function(case):
    fn = CASES[case]
    same(jax.jit(rounded(fn, None))(jnp.asarray(X)), jax.jit(fn)(jnp.asarray(X)))


@pytest.mark.parametrize("case", ["MLP", "gradient of an MLP", "gradient of loops", "many kinds"])
def test_values_one_operation_at_a_time_are_those_of_the_function(case):
    fn = CASES[case]
    same(rounded(fn, None)(jnp.asarray(X)), fn(jnp.asarray(X)))


@pytest.mark.parametrize("case", ["MLP", "loops"])
def test_gradients_around_it_are_those_of_the_function(case):
    fn = CASES[case]
    got = jax.jit(jax.value_and_grad(rounded(fn, None)))(jnp.asarray(X))
    same(got, jax.jit(jax.value_and_grad(fn))(jnp.asarray(X)))


def test_a_batch_around_it_is_that_of_the_function():
    x = jnp.stack([jnp.asarray(X), 2 * jnp.asarray(X)])
    same(jax.jit(jax.vmap(rounded(loops, None)))(x), jax.jit(jax.vmap(loops))(x))


def test_literal_results_are_arrays_as_from_a_compiled_function():
    def fn(x):
        return 7, 1.5, x

    same(rounded(fn, None)(jnp.asarray(X)), jax.jit(fn)(jnp.asarray(X)))


def test_the_program_is_the_same_when_compiled():
    """Not only on these numbers: XLA is handed the same operations."""
    x = jnp.asarray(X)

    def operations(fn):
        text = jax.jit(fn).lower(x).as_text()
        words = [word for word in text.split() if word.startswith("stablehlo.")]
        return sorted(words)

    assert operations(rounded(jax.grad(mlp), None)) == operations(jax.grad(mlp))
