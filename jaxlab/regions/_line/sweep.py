"""One hidden layer of exact breakpoint propagation along a segment, in fixed shapes.

State: knots in order along the segment with the hidden values there; between two knots everything
so far is affine. A layer evaluates its pre-activations at the knots, finds the intervals where a
neuron has strictly opposite signs at the two ends, and inserts those zeros as new knots.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int32

from jaxlab.networks.mlp import Layer
from jaxlab.regions._line import select as _select


class Knots(NamedTuple):
    """The state between layers; rows from ``total`` on are copies of the last knot.

    Attributes
    ----------
    positions
        Parameters in [0, 1], ascending.
    hidden
        Output of the layer before (after its ReLU) at the knots.
    tangents
        d(hidden)/dt on the interval to the right of each knot.
    active
        Activation bits of that interval, one array per hidden layer done.
    total
        Number of knots, both ends included.
    undecided
        Decisions within the tolerance so far that were not exact ties.
    steepest
        Largest |d(pre-activation)/dt| so far.
    overflow
        A layer had more knots than rows: nothing after it is counted.
    finite
        Whether every magnitude bound so far is finite.
    """

    positions: Float[Array, " knots"]
    hidden: Float[Array, "knots width"]
    tangents: Float[Array, "knots width"]
    active: tuple[Bool[Array, "knots _"], ...]
    total: Int32[Array, ""]
    undecided: Int32[Array, ""]
    steepest: Float[Array, ""]
    overflow: Bool[Array, ""]
    finite: Bool[Array, ""]


class _Merged(NamedTuple):
    """Crossings in order along the segment, coincident ones merged.

    ``target`` is the row among all knots where a crossing goes; crossings of one group share it.
    """

    interval: Int32[Array, " slots"]
    fraction: Float[Array, " slots"]
    target: Int32[Array, " slots"]
    rank: Int32[Array, " slots"]
    kept: Int32[Array, ""]
    undecided: Int32[Array, ""]


def tolerance(dtype: jnp.dtype) -> float:
    """Relative size below which a sign is not decided: 2^-42 in float64, 2^-22 in float32."""
    return 2.0**-42 if dtype == jnp.float64 else 2.0**-22


def matmul(x: Float[Array, "rows inputs"], weight: Float[Array, "inputs outputs"]):
    """Product at full precision (no TF32, no bfloat16 passes)."""
    return jnp.matmul(x, weight, precision=lax.Precision.HIGHEST)


def first_knots(start: Float[Array, " inputs"], stop: Float[Array, " inputs"]) -> Knots:
    """The two ends of the segment."""
    dtype = start.dtype
    direction = stop - start
    return Knots(
        positions=jnp.array([0, 1], dtype),
        hidden=jnp.stack([start, stop]),
        tangents=jnp.stack([direction, jnp.zeros_like(direction)]),
        active=(),
        total=jnp.int32(2),
        undecided=jnp.int32(0),
        steepest=jnp.zeros((), dtype),
        overflow=jnp.bool_(False),
        finite=jnp.isfinite(start).all() & jnp.isfinite(stop).all(),
    )


def through_layer(knots: Knots, layer: Layer, rows: int, slots: int) -> Knots:
    """Push the knots through one hidden layer, into ``rows`` rows, with ``slots`` new crossings."""
    weight, bias = layer
    product = matmul(knots.hidden, weight)
    # |z_j| <= scale_j at every knot, and the rounding of z_j is below (inputs) u scale_j. A value
    # within `threshold` of zero is taken to be zero: rounding alone could have given it its sign.
    nonnegative = bool(knots.active)  # after a ReLU; the absolute value would cost another pass
    largest = (knots.hidden if nonnegative else jnp.abs(knots.hidden)).max(axis=0)
    scale = (largest[:, None] * jnp.abs(weight)).sum(axis=0) + jnp.abs(bias)
    threshold = scale * jnp.asarray(tolerance(product.dtype), product.dtype)
    crossings, near = _crossings(product, bias, threshold, knots.total, slots)
    merged = _merge(product, bias, threshold, crossings)
    slopes = matmul(knots.tangents, weight)
    in_use = lax.iota(jnp.int32, product.shape[0]) < knots.total - 1
    steepest = jnp.where(in_use[:, None], jnp.abs(slopes), 0).max()
    # After an overflow the knots are incomplete, so later layers would be evaluated on wrong
    # values: what was counted up to and including the overflowing layer is the lower bound.
    total = jnp.where(knots.overflow, knots.total, knots.total + merged.kept)
    refined = _refine(knots, product, bias, slopes, threshold, merged, rows)
    return refined._replace(
        total=total,
        undecided=knots.undecided + near + merged.undecided,
        steepest=jnp.maximum(knots.steepest, jnp.where(knots.overflow, 0, steepest)),
        overflow=knots.overflow | (crossings.total > slots) | (total > rows),
        finite=knots.finite & jnp.isfinite(2 * scale).all(),
    )


def _crossings(
    product, bias, threshold, count, slots
) -> tuple[_select.Crossings, Int32[Array, ""]]:
    """The strict sign changes, and how many values are near zero without being zero."""
    if product.shape[0] == 2:  # one interval: every neuron has its own slot
        values = product + bias[None]
        positive, negative = values > threshold[None], values < -threshold[None]
        near = ~(positive | negative) & (values != 0)
        changes = (positive[0] & negative[1]) | (negative[0] & positive[1])
        neuron = lax.iota(jnp.int32, changes.shape[0])
        total = changes.sum(dtype=jnp.int32)
        found = _select.Crossings(jnp.zeros_like(neuron), neuron, changes, total)
        return found, near.sum(dtype=jnp.int32)
    positive, negative, near = _select.pack_signs(product, bias, threshold)
    changes = (positive & _select.shift_rows(negative)) | (negative & _select.shift_rows(positive))
    near &= jnp.broadcast_to(_select.leading_rows(near.shape[0], count)[:, None], near.shape)
    return _select.select_bits(changes, slots), _select.popcount(near).sum(dtype=jnp.int32)


def _merge(product, bias, threshold, crossings: _select.Crossings) -> _Merged:
    """Order the crossings along the segment and give coincident ones the same target."""
    padding = jnp.int32(product.shape[0])
    shift = bias[crossings.neuron]
    left = product[crossings.interval, crossings.neuron] + shift
    right = product[jnp.minimum(crossings.interval + 1, padding - 1), crossings.neuron] + shift
    # The signs are opposite, so left - right cannot cancel, and halves cannot overflow.
    half = jnp.asarray(0.5, left.dtype)
    drop = half * left - half * right
    fraction = jnp.where(crossings.valid, half * left / drop, half)
    # A perturbation of z by `threshold` moves its zero by threshold / |right - left|.
    blur = jnp.where(crossings.valid, half * threshold[crossings.neuron] / jnp.abs(drop), 0)
    interval = jnp.where(crossings.valid, crossings.interval, padding)
    order = _select.sort_order(interval, fraction)
    interval, fraction, blur = interval[order], fraction[order], blur[order]
    valid = interval < padding
    gap = fraction[1:] - fraction[:-1]
    joins = (interval[1:] == interval[:-1]) & (gap <= blur[1:] + blur[:-1]) & valid[1:]
    kept = valid & jnp.concatenate([jnp.ones(1, bool), ~joins])
    rank = _select.prefix_sum(kept.astype(jnp.int32)) - 1
    return _Merged(
        interval=interval,
        fraction=fraction,
        target=jnp.where(valid, interval + 1 + rank, jnp.int32(2**30)),
        rank=rank,
        kept=kept.sum(dtype=jnp.int32),
        undecided=(joins & (gap != 0)).sum(dtype=jnp.int32),
    )


def _refine(knots: Knots, product, bias, slopes, threshold, merged: _Merged, rows: int) -> Knots:
    """Insert the crossings as knots and apply the ReLU."""
    row = lax.iota(jnp.int32, rows)
    # The first crossing with target >= row; it sits in this row if equal, else an old knot does.
    found = _select.count_below(merged.target, row)
    last = merged.target.shape[0] - 1
    at = jnp.minimum(found, last)
    is_new = merged.target[at] == row
    inserted = jnp.where(found > 0, merged.rank[jnp.maximum(found - 1, 0)] + 1, 0)
    end = product.shape[0] - 1
    source = jnp.minimum(jnp.where(is_new, merged.interval[at], row - inserted), end)
    following = jnp.minimum(source + 1, end)
    fraction = jnp.where(is_new, merged.fraction[at], jnp.zeros((), product.dtype))

    def along(entries, fraction):
        return entries[source] + fraction * (entries[following] - entries[source])

    hidden = along(product, fraction[:, None])
    hidden = hidden + jnp.broadcast_to(bias, hidden.shape)
    # One comparison is both the ReLU and the snap; the crossing neuron's value here is its rounding
    # error, far below its threshold, so it becomes exactly zero.
    hidden = jnp.where(hidden > jnp.broadcast_to(threshold, hidden.shape), hidden, 0)
    after = jnp.concatenate([hidden[1:], hidden[-1:]])
    active = (hidden > 0) | (after > 0)
    return knots._replace(
        positions=along(knots.positions, fraction),
        hidden=hidden,
        tangents=jnp.where(active, slopes[source], 0),
        active=(*(bits[source] for bits in knots.active), active),
    )
