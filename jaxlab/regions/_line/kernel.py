"""The fixed-shape kernel: static sizes, all hidden layers, then the output layer."""

import math
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int32

from jaxlab.networks import mlp
from jaxlab.regions._line import select as _select
from jaxlab.regions._line import sweep as _sweep


class Room(NamedTuple):
    """Static sizes of one hidden layer: rows of knots after it, slots for its crossings."""

    rows: int
    slots: int


Plan = tuple[Room, ...]


def even_plan(widths: tuple[int, ...], capacity: int) -> Plan:
    """Rooms that hold any network of at most ``capacity`` regions."""
    plan, intervals = [], 1
    for width in widths[1:-1]:
        crossings = intervals * width
        after = min(intervals + crossings, capacity)
        # Coincident crossings of other neurons take slots of their own until they are merged.
        slots = width if intervals == 1 else min(crossings, after + width)
        plan.append(Room(_round_up(after + 1), slots))
        intervals = plan[-1].rows - 1
    return tuple(plan)


def growing_plan(widths: tuple[int, ...], factor: float) -> Plan:
    """Rooms for ``factor`` times the about one crossing per neuron of a random network.

    At factor 1, 1 of 1,000 He networks 1-[64]^3-1 overflows, and 16 of 1,000 1-[16]^5-1.
    """
    plan, intervals, expected = [], 1, 1.0
    for width in widths[1:-1]:
        if intervals == 1:
            slots, expected = width, expected + width
        else:
            slots = min(intervals * width, math.ceil(factor * (1.25 * width + 16)))
            expected += factor * (1.1 * width + 4)
        rows = min(intervals + slots, math.ceil(expected)) + 1
        plan.append(Room(_round_up(rows), slots))
        intervals = min(intervals + slots, plan[-1].rows - 1)
    return tuple(plan)


def _round_up(size: int) -> int:
    return -(-size // _select.WORD) * _select.WORD


def sweep(
    params: mlp.Parameters,
    start: Float[Array, " inputs"],
    stop: Float[Array, " inputs"],
    plan: Plan,
) -> _sweep.Knots:
    """Knots of the whole network: all hidden layers done."""
    knots = _sweep.first_knots(start, stop)
    for layer, room in zip(params[:-1], plan, strict=True):
        knots = _sweep.through_layer(knots, layer, *room)
    last = jnp.isfinite(params[-1].weight).all() & jnp.isfinite(params[-1].bias).all()
    return knots._replace(finite=knots.finite & last)


def regions(knots: _sweep.Knots) -> Int32[Array, ""]:
    """Number of regions, -1 where a magnitude was not finite."""
    return jnp.where(knots.finite, knots.total - 1, -1)


class Outputs(NamedTuple):
    """The output layer at the knots (values) and on the intervals (slopes), and what it merges."""

    values: Float[Array, "knots outputs"]
    slopes: Float[Array, "knots outputs"]
    pieces: Int32[Array, ""]
    undecided: Int32[Array, ""]


def outputs(knots: _sweep.Knots, layer: mlp.Layer) -> Outputs:
    """Apply the output layer and count the intervals on which the function is affine."""
    weight, bias = layer
    values = _sweep.matmul(knots.hidden, weight)
    values = values + jnp.broadcast_to(bias, values.shape)
    slopes = _sweep.matmul(knots.tangents, weight)
    # A slope is a sum of products of size `size`; differences below its rounding are none.
    size = _sweep.matmul(jnp.abs(knots.tangents), jnp.abs(weight))
    change = jnp.abs(slopes[1:] - slopes[:-1])
    joint = change <= (size[1:] + size[:-1]) * _sweep.tolerance(size.dtype)
    inner = lax.iota(jnp.int32, change.shape[0]) < knots.total - 2
    breaks = inner & ~joint.all(axis=1)
    doubts = inner & joint.all(axis=1) & (change != 0).any(axis=1)
    pieces = jnp.where(knots.overflow, 1, 1 + breaks.sum(dtype=jnp.int32))
    return Outputs(values, slopes, jnp.where(knots.finite, pieces, -1), doubts.sum(dtype=jnp.int32))
