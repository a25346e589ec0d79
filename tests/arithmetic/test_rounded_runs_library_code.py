"""Functions of jnp, Equinox and optax are emulated as they are: same bits with x64 on and off."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxlab.arithmetic import rounded
from tests.arithmetic import oracle

RNG = np.random.default_rng(0)
X = RNG.standard_normal((4, 6)).astype(np.float32)


def flax_like(params, x):
    """A dictionary of parameters and a loss, as Flax's linen modules have them."""
    h = jnp.matmul(x, params["dense"]["kernel"], precision="highest") + params["dense"]["bias"]
    return -jnp.mean(jax.nn.log_softmax(jax.nn.gelu(h))[:, 0])


PARAMS = {"dense": {"kernel": X[:, :3].T @ X / 3, "bias": X[:1]}}
FUNCTIONS = {
    "var": lambda x: jnp.var(x, axis=0),
    "logsumexp": lambda x: jax.nn.logsumexp(x, axis=1),
    "softmax": jax.nn.softmax,
    "where": lambda x: jnp.where(x > 0, jnp.sqrt(jnp.abs(x)), x / 3.0),
    "sort": lambda x: (jnp.sort(x), jnp.argsort(x)),
    "layer norm": lambda x: jax.nn.standardize(x, axis=-1),
    "solve": lambda x: jnp.linalg.solve(x[:, :4] + 4.0 * jnp.eye(4, dtype=x.dtype), x[:, 4:]),
    "random": lambda x: x * jax.random.normal(jax.random.key(1), x.shape, x.dtype),
    "batch of loops": jax.vmap(
        lambda row: jax.lax.while_loop(lambda r: r[0] < 9, lambda r: r * r + 2, row)
    ),
    "Flax-like gradient": lambda x: jax.grad(flax_like)(PARAMS, x[:, :3]),
}


def in_bfloat16(x):
    x = np.asarray(x)
    return x.dtype != np.float32 or np.all(
        np.isnan(x) | ((x.view(np.uint32) & np.uint32(0xFFFF)) == 0)
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_results_are_near_the_native_ones_and_do_not_depend_on_x64(name):
    native = jax.jit(FUNCTIONS[name])(X)
    results = []
    for x64 in (False, True):
        with jax.enable_x64(x64):
            results.append(jax.jit(rounded(FUNCTIONS[name], "bf16"))(jnp.asarray(X)))
    leaves = map(jax.tree.leaves, (native, *results))
    for exact, off, on in zip(*leaves, strict=True):
        off, on = np.asarray(off), np.asarray(on)
        assert in_bfloat16(off)
        assert np.array_equal(off, on.astype(off.dtype), equal_nan=True)
        if off.dtype == np.float32:
            scale = np.max(np.abs(exact))
            np.testing.assert_allclose(off, exact, rtol=0.05, atol=0.02 * scale)
            assert np.any(off != exact)  # so something was rounded


def test_an_equinox_model_is_differentiated_by_its_own_tools():
    model = eqx.nn.MLP(6, 3, 5, 1, activation=jnp.tanh, key=jax.random.key(0))

    def loss(model, x):
        return jnp.mean(jax.vmap(model)(x) ** 2)

    x = jnp.asarray(X)
    native = eqx.filter_jit(eqx.filter_grad(loss))(model, x)
    outside = eqx.filter_jit(eqx.filter_grad(rounded(loss, "fp16")))(model, x)
    arrays, static = eqx.partition(model, eqx.is_inexact_array)
    inside = jax.jit(
        rounded(lambda arrays, x: eqx.filter_grad(loss)(eqx.combine(arrays, static), x), "fp16")
    )(arrays, x)
    for got, same, exact in zip(*map(jax.tree.leaves, (outside, inside, native)), strict=True):
        assert not oracle.mismatches(got, same)
        np.testing.assert_allclose(got, exact, atol=4e-3 * float(np.max(np.abs(exact))))
        assert np.array_equal(got, np.asarray(got).astype(np.float16).astype(np.float32))


def test_adam_fails_in_low_precision_where_its_constants_do():
    """float16 loses eps = 1e-8 (then 0 / 0), bfloat16 makes 0.999 one (then x / 0)."""
    optimiser = optax.adam(1e-3)

    def update(gradient, state):
        return optimiser.update(gradient, state)[0]

    gradient = jnp.array([0.5, -0.25, 0.0])
    with jax.numpy_dtype_promotion("standard"):  # optax is not strict
        state = optimiser.init(gradient)
        exact, fp16, bf16, tf32 = (
            np.asarray(jax.jit(fn)(gradient, state))
            for fn in (update, *(rounded(update, fmt) for fmt in ("fp16", "bf16", "tf32")))
        )
    np.testing.assert_allclose(fp16[:2], exact[:2], rtol=0.02)
    assert np.isnan(fp16[2])
    assert np.array_equal(bf16, [0.0, 0.0, np.nan], equal_nan=True)
    np.testing.assert_allclose(tf32, exact, rtol=0.02)


def test_a_mask_of_minus_infinity_is_nan_in_a_format_without_infinities():
    """``jax.nn.softmax`` holds a literal -inf, which OFP8's E4M3 makes NaN, as the cast does."""
    assert np.isnan(np.float32(np.array(-np.inf, np.float32).astype(jnp.float8_e4m3fn)))
    assert np.all(np.isnan(rounded(jax.nn.softmax, "e4m3")(jnp.arange(3.0))))
    assert np.all(np.isfinite(rounded(jax.nn.softmax, "e5m2")(jnp.arange(3.0))))
