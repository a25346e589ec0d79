"""jit, vmap, grad, the x64 switch and random keys: what they may change, and what they may not."""

import functools

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic import round_to
from jaxlab.arithmetic.accumulators import as_accumulator, kahan, sequential
from jaxlab.arithmetic.contractions import (
    conv_general_dilated,
    cumsum,
    dot_general,
    reduce_sum,
    scatter_add,
)
from tests.products import every

ORDERS = ["exact", "sequential", "blocked(4)", "tensor_core(4)", "pairwise", "kahan"]
MATRIX_PRODUCT = (((1,), (0,)), ((), ()))
CONV = {
    "window_strides": (2,),
    "padding": ((1, 2),),
    "lhs_dilation": (1,),
    "rhs_dilation": (1,),
    "dimension_numbers": jax.lax.ConvDimensionNumbers((0, 1, 2), (0, 1, 2), (0, 1, 2)),
}
HITS = np.random.default_rng(0).integers(0, 5, (12, 1)).astype(np.int32)
NUMBERS = jax.lax.ScatterDimensionNumbers((1,), (0,), (0,))


def dot(x, y, how, **kw):
    return dot_general(x, y, MATRIX_PRODUCT, how, "bf16", **kw)


def total(x, y, how, **kw):
    return reduce_sum(x, (1,), how, "bf16", **kw)


def running(x, y, how, **kw):
    return cumsum(x, 0, True, how, "bf16", **kw)


def convolution(x, y, how, **kw):
    kernel = y.reshape(7, 6, 2)
    return conv_general_dilated(x[None], kernel, **CONV, accumulator=how, fmt="bf16", **kw)


def scatter(x, y, how, **kw):
    return scatter_add(y[:5], jnp.asarray(HITS), y, NUMBERS, how, "bf16", **kw)


OPERATIONS = [dot, total, running, convolution, scatter]
# Every order in a dot and term by term, and every operation in one order at least.
CASES = [
    *[(dot, order) for order in ORDERS],
    *[(scatter, order) for order in ORDERS],
    *[(operation, "sequential") for operation in (total, running, convolution)],
]


def inputs(seed, dtype=jnp.float32, batch=()):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((*batch, 6, 12)), rng.standard_normal((*batch, 12, 7))
    with jax.enable_x64(True):
        return tuple(round_to(jnp.asarray(a.astype(dtype)), "bf16") for a in (x, y))


def same(got, expected):
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.dtype == expected.dtype
    return np.array_equal(got, expected)


@pytest.mark.parametrize(("operation", "order"), CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_jit_and_the_x64_switch_change_no_bit(operation, order, dtype):
    x, y = inputs(1, dtype)
    run = functools.partial(operation, how=order)
    eager = run(x, y)
    assert eager.dtype == dtype
    for wide in (False, True):
        with jax.enable_x64(wide):
            assert same(run(x, y), eager)
            assert same(jax.jit(run)(x, y), eager)


@pytest.mark.parametrize(("operation", "order"), CASES)
def test_vmap_is_the_loop(operation, order):
    x, y = inputs(2, batch=(3,))
    run = jax.jit(functools.partial(operation, how=order))
    looped = jnp.stack([run(x[i], y[i]) for i in range(3)])
    assert same(jax.jit(jax.vmap(functools.partial(operation, how=order)))(x, y), looped)


@every(operation=OPERATIONS, order=["exact", "sequential", "kahan"], dtype=[np.float32, np.float64])
def test_derivatives_are_those_of_the_native_operation(operation, order, dtype):
    x, y = inputs(3, dtype)
    native = {
        dot: lambda x, y: jnp.dot(x, y, precision="highest"),
        total: lambda x, y: jnp.sum(x, 1),
        running: lambda x, y: jnp.cumsum(x[::-1], 0)[::-1],
        convolution: lambda x, y: jax.lax.conv_general_dilated(
            x[None], y.reshape(7, 6, 2), (2,), ((1, 2),), precision="highest"
        ),
        scatter: lambda x, y: y[:5].at[HITS[:, 0]].add(y),
    }[operation]
    with jax.enable_x64(dtype == np.float64):
        value, pull = jax.jit(functools.partial(jax.vjp, functools.partial(operation, how=order)))(
            x, y
        )
        assert same(value, operation(x, y, order))
        cotangent = jnp.asarray(np.random.default_rng(4).standard_normal(value.shape), dtype)
        for got, want in zip(pull(cotangent), jax.vjp(native, x, y)[1](cotangent), strict=True):
            assert got.dtype == dtype
            assert np.allclose(got, want, rtol=1e-5, atol=1e-5)


def test_gradients_of_float64_carriers_survive_with_x64_off():
    x, y = inputs(5, np.float64)
    assert not jax.config.jax_enable_x64
    value, pull = jax.vjp(lambda x, y: dot(x, y, "sequential"), x, y)
    assert [g.dtype for g in (value, *pull(value))] == [np.float64] * 3


@pytest.mark.parametrize(
    ("operation", "order"),
    [(operation, "sequential") for operation in OPERATIONS]
    + [(dot, order) for order in ORDERS[2:]],
)
def test_stochastic_sums_depend_on_the_key_alone(operation, order):
    x, y = inputs(6)
    run = jax.jit(lambda key: operation(x, y, order, rounding="stochastic", key=key))
    first, again, other = (run(jax.random.key(seed)) for seed in (0, 0, 1))
    eager = operation(x, y, order, rounding="stochastic", key=jax.random.key(0))
    assert same(first, again)
    assert same(first, eager)
    assert not same(first, other)
    assert same(round_to(first, "bf16"), first)


@pytest.mark.parametrize("how", [sequential(), kahan(), *map(as_accumulator, ORDERS[2:5])], ids=str)
def test_stochastic_sums_have_the_right_mean(how):
    # 2,000 sums of 61 terms: |mean error| within five standard errors, false alarm below 1e-6 each.
    x = jnp.asarray(np.float32(1 + np.random.default_rng(7).integers(0, 128, 61) / 128))

    def run(key):
        return reduce_sum(x, (0,), how, "bf16", "stochastic", key)

    sums = np.asarray(jax.jit(jax.vmap(run))(jax.random.split(jax.random.key(8), 2000)))
    error = sums.astype(np.float64) - np.asarray(x, np.float64).sum()
    assert error.std() > 0.01
    assert abs(error.mean()) < 5 * error.std() / np.sqrt(len(sums))


def test_an_accumulator_may_draw_while_the_result_does_not():
    how = sequential(rounding="stochastic")
    sums = [reduce_sum(jnp.ones(5000), (0,), how, "bf16", key=jax.random.key(s)) for s in range(3)]
    assert all(4000 < float(s) < 6000 for s in sums)
    assert len({float(s) for s in sums}) > 1


@pytest.mark.parametrize(("operation", "order"), CASES)
def test_every_operation_and_its_gradient_lower_for_every_platform(operation, order):
    platforms = ("cpu", "cuda", "tpu")

    def run(x, y, seed):
        def f(x, y):
            return operation(x, y, order, rounding="stochastic", key=jax.random.key(seed))

        value, pull = jax.vjp(f, x, y)
        return value, pull(value)

    shapes = [jax.ShapeDtypeStruct(s, jnp.float32) for s in ((6, 12), (12, 7))]
    exported = jax.export.export(jax.jit(run), platforms=platforms)(*shapes, jnp.uint32(0))
    assert exported.platforms == platforms
    assert {aval.dtype for aval in exported.out_avals} == {np.dtype(np.float32)}


@pytest.mark.parametrize("order", ["sequential", "blocked(16)", "pairwise", "kahan"])
def test_the_products_of_a_dot_are_never_all_in_memory(order):
    shapes = [jax.ShapeDtypeStruct(s, jnp.float32) for s in ((64, 512), (512, 128))]
    compiled = jax.jit(lambda x, y: dot(x, y, order)).lower(*shapes).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 64 * 512 * 128 * 4 / 10
