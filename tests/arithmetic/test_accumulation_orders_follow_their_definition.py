"""Every order, format and mode against exact rationals rounded once per addition."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic import Format, as_format, bfloat16, float16
from jaxlab.arithmetic.accumulators import (
    as_accumulator,
    blocked,
    kahan,
    pairwise,
    sequential,
    tensor_core,
)
from jaxlab.arithmetic.contractions import cumsum, dot_general, reduce_sum
from tests.arithmetic import accumulation_oracle as oracle
from tests.products import every

NARROW = Format("p5", 5, -126, 126)
LAST_BY_FIRST = (((1,), (0,)), ((), ()))
ORDERS = {
    "sequential": sequential(),
    "sequential, rounded products": sequential(product=None),
    "sequential in p5, truncating": sequential(NARROW, "toward_zero"),
    "sequential in float32": sequential("float32"),
    "blocked": blocked(4),
    "blocked, rounded products": blocked(4, product="bfloat16"),
    "blocked by sequential sums": blocked(4, inner="sequential"),
    "pairwise": pairwise(),
    "pairwise, rounded products": pairwise(product=None),
    "kahan": kahan(),
    "kahan, rounded products": kahan(product=None),
    "kahan in p5": kahan(NARROW),
    "tensor core": tensor_core(4),
    "tensor core to nearest": tensor_core(4, rounding="nearest_even"),
}


def reach(accumulator):
    """Exact blocks must fit in the carrier; all other sums may spread as they like."""
    return 6 if accumulator.inner == "exact" else 60


def inputs(fmt, shape, seed, reach):
    with jax.enable_x64(True):
        return jnp.asarray(oracle.numbers(as_format(fmt), shape, seed, reach))


@pytest.mark.parametrize("name", ORDERS)
def test_every_prefix_of_a_running_sum_is_the_sum_of_that_prefix(name):
    how = ORDERS[name]
    x = inputs(bfloat16, (4, 40), 1, reach(how))
    got = np.asarray(cumsum(x, 1, False, how, "bfloat16"))
    for n in range(1, 41):
        assert np.array_equal(got[:, n - 1], oracle.sums(np.asarray(x)[:, :n], how, bfloat16)), n


@every(name=ORDERS, n=[1, 8, 9, 101])
def test_sums_of_any_length_follow_the_definition(name, n):
    how = ORDERS[name]
    x = inputs(bfloat16, (n, 5), n, reach(how))
    got = np.asarray(reduce_sum(x, (0,), how, "bfloat16"))
    assert np.array_equal(got, oracle.sums(np.asarray(x).T, how, bfloat16))


@every(name=ORDERS, fmt=["bfloat16", "float8_e5m2"])
def test_dots_follow_the_definition(name, fmt):
    how = ORDERS[name]
    wide = fmt == "bfloat16"
    x = inputs(fmt, (3, 37), 3, reach(how) if wide else 2)
    y = inputs(fmt, (37, 4), 4, reach(how) if wide else 2)
    got = np.asarray(dot_general(x, y, LAST_BY_FIRST, how, fmt))
    assert np.array_equal(got, oracle.dot(x, y, how, as_format(fmt)))


@every(order=["sequential", "pairwise", "kahan", "blocked(4)"], rounding=oracle.MODES)
def test_every_rounding_mode_rounds_each_addition_once(order, rounding):
    how = as_accumulator(order)
    x, y = (inputs(bfloat16, s, 5, reach(how)) for s in ((3, 21), (21, 4)))
    got = np.asarray(dot_general(x, y, LAST_BY_FIRST, how, "bfloat16", rounding))
    assert np.array_equal(got, oracle.dot(x, y, how, bfloat16, rounding))


@every(
    order=["sequential", "pairwise", "kahan"],
    fmt=[bfloat16, float16],
    rounding=["nearest_even", "down"],
    ids=str,
)
def test_a_float32_carrier_gives_the_same_bits_as_a_float64_carrier(order, fmt, rounding):
    spread = 20 if fmt == bfloat16 else 3
    x, y = (inputs(fmt, s, 6, spread) for s in ((16, 65), (65, 16)))
    run = functools.partial(
        dot_general, dimension_numbers=LAST_BY_FIRST, accumulator=order, fmt=fmt, rounding=rounding
    )
    narrow = run(x.astype(jnp.float32), y.astype(jnp.float32))
    assert narrow.dtype == jnp.float32
    assert np.array_equal(np.asarray(narrow, np.float64), np.asarray(run(x, y)))


@pytest.mark.parametrize("reverse", [False, True])
def test_a_reversed_running_sum_begins_with_the_last_term(reverse):
    x = inputs(bfloat16, (9, 2), 7, 4)
    got = np.asarray(cumsum(x, 0, reverse, "sequential", "bfloat16"))
    rows = np.asarray(x).T[:, ::-1] if reverse else np.asarray(x).T
    expected = oracle.sums(rows, sequential(), bfloat16)
    assert np.array_equal(got[0 if reverse else -1], expected)
    assert np.array_equal(got[-1 if reverse else 0], np.asarray(x)[-1 if reverse else 0])


def test_a_product_halfway_between_two_numbers_is_decided_by_a_tiny_partial_sum():
    # 7 * 37 = 259 lies halfway between 258 and 260; the partial sum is far below the carrier's ulp.
    x, y = jnp.array([2.0**-40, 7.0]), jnp.array([1.0, 37.0])
    dims = (((0,), (0,)), ((), ()))
    for sign, expected in ((1.0, 260.0), (-1.0, 258.0)):
        got = dot_general(x * jnp.array([sign, 1.0]), y, dims, "sequential", "bfloat16")
        assert float(got) == expected
    assert float(dot_general(x, y, dims, sequential(product=None), "bfloat16")) == 260.0


def test_terms_of_several_axes_are_taken_in_row_major_order():
    x = inputs(bfloat16, (3, 2, 4, 5), 8, 8)
    got = np.asarray(reduce_sum(x, (3, 1), "sequential", "bfloat16"))
    rows = np.asarray(x).transpose(0, 2, 1, 3).reshape(12, 10)
    assert np.array_equal(got.ravel(), oracle.sums(rows, sequential(), bfloat16))


def test_contracted_dimensions_are_taken_in_the_order_they_are_listed():
    x, y = inputs(bfloat16, (3, 4, 5), 9, 8), inputs(bfloat16, (5, 2, 3), 10, 8)
    dims = (((2, 0), (0, 2)), ((), ()))
    got = np.asarray(dot_general(x, y, dims, "sequential", "bfloat16"))
    left = np.asarray(x).transpose(1, 2, 0).reshape(4, 15)
    right = np.asarray(y).transpose(0, 2, 1).reshape(15, 2)
    assert np.array_equal(got, oracle.dot(left, right, sequential(), bfloat16))


def test_batch_dimensions_come_first():
    x, y = inputs(bfloat16, (6, 3, 2), 11, 8), inputs(bfloat16, (2, 6, 4), 12, 8)
    dims = (((0,), (1,)), ((2,), (0,)))
    got = np.asarray(dot_general(x, y, dims, "sequential", "bfloat16"))
    for b in range(2):
        expected = oracle.dot(np.asarray(x)[:, :, b].T, np.asarray(y)[b], sequential(), bfloat16)
        assert np.array_equal(got[b], expected)


@pytest.mark.parametrize("order", ["exact", "sequential", "blocked(4)", "pairwise", "kahan"])
def test_empty_sums_are_zero(order):
    assert reduce_sum(jnp.ones((0, 2)), (0,), order, "bf16").tolist() == [0.0, 0.0]
    assert cumsum(jnp.ones((0, 2)), 0, False, order, "bf16").shape == (0, 2)
    got = dot_general(jnp.ones((2, 0)), jnp.ones((0, 3)), LAST_BY_FIRST, order, "bf16")
    assert np.array_equal(np.asarray(got), np.zeros((2, 3)))


@pytest.mark.parametrize("order", ["exact", "sequential", "blocked(2)", "pairwise"])
def test_overflow_and_nan_go_through_a_sum(order):
    big = jnp.array([[65504.0, 65504.0, 1.0], [1.0, jnp.nan, 1.0], [1.0, jnp.inf, 1.0]])
    got = np.asarray(reduce_sum(big, (1,), order, "float16"))
    assert np.array_equal(got, [np.inf, np.nan, np.inf], equal_nan=True)
    stopped = reduce_sum(big[0], (0,), order, "float16", "toward_zero")
    assert float(stopped) == 65504.0
    top = jnp.full(2, as_format("bf16").max, jnp.float32)
    assert float(reduce_sum(top, (0,), order, "bf16")) == np.inf
