"""Scattered sums: the right targets in every geometry, colliding updates in the order asked."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic import bfloat16
from jaxlab.arithmetic.accumulators import blocked, kahan, pairwise, sequential, tensor_core
from jaxlab.arithmetic.contractions import scatter_add
from tests.arithmetic import accumulation_oracle as oracle
from tests.products import every

ORDERS = ["exact", "sequential", "blocked(2)", "pairwise", "kahan"]
PARAMETERS = ("indices_are_sorted", "unique_indices", "mode")


def scatters(fn, *args):
    """The scatter-add of a program, its operands and what it gives."""
    closed = jax.make_jaxpr(fn)(*args)
    for eqn in closed.jaxpr.eqns:
        if eqn.primitive.name == "scatter-add":
            return eqn.params
    raise AssertionError(closed)


def integers(shape, seed, low=-2, high=3):
    return np.random.default_rng(seed).integers(low, high, shape)


@every(mode=["clip", "drop", "promise_in_bounds"], order=ORDERS)
def test_windows_may_overlap_and_stick_out(mode, order):
    # Windows of 2 x 2 anywhere in a 5 x 6 operand, the last dimension of the updates first.
    operand = jnp.asarray(integers((5, 6), 0).astype(np.float32))
    low, high = (-2, 7) if mode != "promise_in_bounds" else (0, 4)
    indices = jnp.asarray(integers((3, 4, 2), 1, low, high).astype(np.int32))
    updates = jnp.asarray(integers((2, 3, 2, 4), 2).astype(np.float32))
    numbers = jax.lax.ScatterDimensionNumbers(
        update_window_dims=(0, 2), inserted_window_dims=(), scatter_dims_to_operand_dims=(1, 0)
    )
    expected = jax.lax.scatter_add(operand, indices, updates, numbers, mode=mode)
    got = scatter_add(operand, indices, updates, numbers, order, "float16", mode=mode)
    assert not np.array_equal(expected, operand)
    assert np.array_equal(got, expected)


@pytest.mark.parametrize("order", ORDERS)
def test_the_gradient_of_a_batched_lookup_is_right(order):
    # vmap makes batching dimensions of the operand.
    table = jnp.asarray(integers((3, 5, 2), 3).astype(np.float32))
    rows = jnp.asarray(integers((3, 7), 4, 0, 5).astype(np.int32))
    cotangent = jnp.asarray(integers((3, 7, 2), 5).astype(np.float32))

    def gradient(table, rows, cotangent):
        def lookup(table):
            return jax.vmap(lambda t, r: t[r])(table, rows)

        return jax.vjp(lookup, table)[1](cotangent)[0]

    def emulated(table, rows, cotangent):
        numbers = scatters(gradient, table, rows, cotangent)
        assert numbers["dimension_numbers"].operand_batching_dims
        parameters = {name: numbers[name] for name in PARAMETERS}
        return scatter_add(
            jnp.zeros_like(table),
            rows[:, :, None],
            cotangent,
            numbers["dimension_numbers"],
            order,
            "float16",
            **parameters,
        )

    expected = gradient(table, rows, cotangent)
    assert np.array_equal(emulated(table, rows, cotangent), expected)


@pytest.mark.parametrize(
    "how",
    [
        sequential(),
        blocked(3),
        blocked(3, inner="sequential"),
        pairwise(),
        kahan(),
        tensor_core(2),
        sequential("float8_e5m2", "up"),
    ],
    ids=str,
)
def test_an_entry_is_the_sum_of_itself_and_of_the_updates_that_hit_it(how):
    spread = 6 if how.inner == "exact" or how.format else 20
    operand = oracle.numbers(bfloat16, (6,), 6, spread)
    updates = oracle.numbers(bfloat16, (60,), 7, spread)
    targets = np.random.default_rng(8).integers(0, 5, 60)  # nothing hits the last entry
    numbers = jax.lax.ScatterDimensionNumbers((), (0,), (0,))
    with jax.enable_x64(True):
        x, u = jnp.asarray(operand), jnp.asarray(updates)
    hits = jnp.asarray(targets[:, None].astype(np.int32))
    got = np.asarray(scatter_add(x, hits, u, numbers, how, "bfloat16"))
    rows = [np.concatenate([operand[i : i + 1], updates[targets == i]]) for i in range(6)]
    assert np.array_equal(got, oracle.sums(rows, how, bfloat16))


@pytest.mark.parametrize("order", ORDERS)
def test_scattering_nothing_changes_nothing(order):
    operand = jnp.asarray(integers((5,), 9).astype(np.float32))
    numbers = jax.lax.ScatterDimensionNumbers((), (0,), (0,))
    indices, updates = jnp.zeros((0, 1), jnp.int32), jnp.zeros((0,))
    assert np.array_equal(scatter_add(operand, indices, updates, numbers, order, "bf16"), operand)
