"""Scattered sums: updates that collide are accumulated as asked."""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from jaxlab.arithmetic.contractions._linear import straight_through
from jaxlab.arithmetic.contractions._orders import push, start, value
from jaxlab.arithmetic.contractions._summation import Summation, fold_in, resolve
from jaxlab.arithmetic.rounding import Rounding


def scatter_add(
    operand: Float[Array, "*shape"],
    indices: Int[Array, "..."],
    updates: Float[Array, "..."],
    dimension_numbers: jax.lax.ScatterDimensionNumbers,
    accumulator: Any,
    fmt: Any,
    rounding: Rounding = "nearest_even",
    key: Key[Array, ""] | None = None,
    *,
    mode: Any = None,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
) -> Float[Array, "*shape"]:
    """``jax.lax.scatter_add`` with a chosen accumulator for the updates that collide.

    Every entry of the result is the sum of the entry of ``operand`` and of the updates that hit it,
    in this order and the updates in row-major order of their indices, as :func:`reduce_sum` would
    take it. An accumulator narrower than ``fmt`` therefore rounds also the entries that nothing
    hits.

    Parameters
    ----------
    operand, updates
        Carriers of one dtype whose entries are numbers of ``fmt``.
    indices, dimension_numbers, mode, indices_are_sorted, unique_indices
        As for ``jax.lax.scatter_add``.
    accumulator, fmt, rounding, key
        As in :func:`dot_general`.

    Returns
    -------
    Array of the shape and dtype of ``operand``, every entry a number of ``fmt``.

    Raises
    ------
    TypeError, ValueError
        As in :func:`dot_general`.

    Examples
    --------
    >>> dims = jax.lax.ScatterDimensionNumbers((), (0,), (0,))
    >>> hits = jnp.zeros((5000, 1), jnp.int32)
    >>> scatter_add(jnp.zeros(2), hits, jnp.ones(5000), dims, "sequential", "bfloat16")
    Array([256.,   0.], dtype=float32)
    """
    how = resolve(accumulator, fmt, rounding, key, operand, updates, products=False)
    mode = jax.lax.GatherScatterMode.from_any(mode)
    facts = (("indices_are_sorted", indices_are_sorted), ("unique_indices", unique_indices))
    with jax.enable_x64(True):
        return _scatter_add(operand, indices, updates, key, dimension_numbers, mode, facts, how)


@functools.partial(jax.jit, static_argnums=(4, 5, 6, 7))
def _scatter_add(operand, indices, updates, key, numbers, mode, facts, how: Summation):
    def native(operand, indices, updates):
        return jax.lax.scatter_add(operand, indices, updates, numbers, mode=mode, **dict(facts))

    def emulated(key, operand, indices, updates):
        _, partial, result = how.keys(key)
        operand, updates = operand.astype(how.working), updates.astype(how.working)
        if how.accumulator.order == "exact":
            return how.finish(native(operand, indices, updates), result)
        targets = _targets(operand.shape, indices, updates.shape, numbers, mode)
        window = numbers.update_window_dims
        rows = [d for d in range(updates.ndim) if d not in window]
        size = math.prod(updates.shape[d] for d in window)
        targets, updates = (
            a.transpose(*rows, *window).reshape(-1, size) for a in (targets, updates)
        )
        total = _scatter_rows(operand.reshape(-1), targets, updates, how, partial)
        return how.finish(total.reshape(operand.shape), result)

    return straight_through(native, emulated, key, operand, indices, updates)


def _targets(shape, indices, update_shape, numbers, mode):
    """For every update the position of its entry in the flat operand; its size where dropped."""
    size = math.prod(shape)
    positions = jnp.arange(size, dtype=np.int32).reshape(shape)
    gone = (*numbers.inserted_window_dims, *numbers.operand_batching_dims)
    kept = iter(numbers.update_window_dims)
    sizes = [1 if d in gone else update_shape[next(kept)] for d in range(len(shape))]
    gather = jax.lax.GatherDimensionNumbers(
        offset_dims=numbers.update_window_dims,
        collapsed_slice_dims=numbers.inserted_window_dims,
        start_index_map=numbers.scatter_dims_to_operand_dims,
        operand_batching_dims=numbers.operand_batching_dims,
        start_indices_batching_dims=numbers.scatter_indices_batching_dims,
    )
    return jax.lax.gather(positions, indices, gather, sizes, mode=mode, fill_value=size)


def _scatter_rows(
    operand: Float[Array, " size"],
    targets: Int[Array, "rows window"],
    updates: Float[Array, "rows window"],
    how: Summation,
    key: Any,
) -> Float[Array, " size"]:
    """Add the rows one after the other; the targets of one row differ."""
    rows = len(updates)
    state = start(how, operand, rows + 1, fold_in(key, 0))
    counts = jnp.ones(operand.shape, np.int32)

    def body(r, carry):
        state, counts = carry
        target = jax.lax.dynamic_index_in_dim(targets, r, keepdims=False)
        term = jax.lax.dynamic_index_in_dim(updates, r, keepdims=False)
        hit, count = jax.tree.map(lambda a: a.at[target].get(mode="clip"), (state, counts))
        hit = push(how, hit, count, term, fold_in(key, r + 1))
        return jax.tree.map(
            lambda a, new: a.at[target].set(new, mode="drop"),
            (state, counts),
            (hit, count + np.int32(1)),
        )

    if updates.size:
        bounds = np.int32(0), np.int32(rows)
        state, counts = jax.lax.fori_loop(*bounds, body, (state, counts))
    return value(how, state, counts, fold_in(key, rows + 1))
