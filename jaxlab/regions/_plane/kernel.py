"""The fixed-shape kernel for planes: static sizes, all hidden layers, the last one counted only."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxlab.networks import mlp
from jaxlab.regions._plane import kernel_build as _plane_build
from jaxlab.regions._plane import kernel_cut as _plane_cut
from jaxlab.regions._plane.kernel_cut import Plane, Room

Plan = tuple[Room, ...]


def check(params: mlp.Parameters, corners: Array, capacity: int) -> None:
    """Raise ValueError unless shapes and dtypes agree."""
    inputs, dtype = mlp.widths(params)[0], params[0].weight.dtype
    if dtype not in (jnp.float32, jnp.float64):
        raise ValueError(
            f"params: got dtype {dtype}, expected float32 or float64 (cast up first: it is exact)"
        )
    if corners.ndim != 2 or corners.shape[0] < 3 or corners.shape[1] != inputs or inputs < 2:
        raise ValueError(
            f"corners: got shape {corners.shape}, expected (corners, {inputs}) with at least "
            "3 corners and 2 inputs"
        )
    leaves = [(f"params[{i}]", leaf) for i, layer in enumerate(params) for leaf in layer]
    for name, leaf in [("corners", corners), *leaves]:
        if leaf.dtype != dtype:
            raise ValueError(f"{name}: got dtype {leaf.dtype}, expected {dtype} (params[0].weight)")
    if capacity < 1:
        raise ValueError(f"capacity: got {capacity}, expected at least 1")


def expected(widths: tuple[int, ...]) -> int:
    """Regions of a network in which every neuron's line meets every other's once."""
    neurons = sum(widths[1:-1])
    return 1 + neurons + neurons * (neurons - 1) // 2


def plan(widths: tuple[int, ...], corners: int, factor: float) -> Plan:
    """Rooms for networks like random ones, with ``factor`` times their regions.

    In these, every line meets every other about once; narrow layers vary most. The first layer has
    room for all the ends that lines can have in a convex polygon.
    """
    rooms, before, edges = [], 0, corners
    for width in widths[1:-1]:
        lines, pairs = 0.95 + 7 / width, 1 + 10 / width
        if before:
            splits = min(math.ceil(factor * lines * width * (before + 2)), edges * width)
            chords = min(math.ceil(factor * lines * width * (before + 1)), splits)
        else:
            splits, chords = 2 * width, width
        points = min(math.ceil(factor * pairs * width * (width + 1) / 2), chords * (width - 1) // 2)
        rooms.append(Room(splits, chords, max(points, 1)))
        before, edges = before + width, edges + splits + chords + 2 * rooms[-1].points
    return tuple(rooms)


def sweep(params: mlp.Parameters, corners: Float[Array, "corners inputs"], rooms: Plan) -> Plane:
    """Counts after all hidden layers."""
    with jax.enable_x64(True):  # words of faces have 64 bits
        plane = _plane_cut.first_plane(corners)
        for index, (layer, room) in enumerate(zip(params[:-1], rooms, strict=True)):
            plane, found = _plane_cut.find(plane, layer, room)
            if index < len(rooms) - 1:
                plane = _plane_build.rebuild(plane, found)
        last = jnp.isfinite(params[-1].weight).all() & jnp.isfinite(params[-1].bias).all()
        return plane._replace(finite=plane.finite & last)
