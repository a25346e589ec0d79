"""Exact linear regions of a ReLU network along a line segment, in any input dimension.

A ReLU network restricted to ``x(t) = start + t (stop - start)``, ``t`` in [0, 1], is piecewise
affine in ``t``. Layer by layer, the zeros of the pre-activations are inserted as knots: nothing is
sampled, so no piece is too narrow. Two things are counted:

* *regions*: maximal intervals of constant activation pattern (a neuron is active where its
  pre-activation is greater than 0). Only strict sign changes count: a pre-activation that touches
  zero, or is zero on an interval, makes no boundary; crossings that coincide make one.
* *pieces*: maximal intervals on which the network is affine, at most the number of regions.

Signs are decided in floating point with a stated tolerance: a pre-activation ``h w + b`` is taken
as zero where its size is at most ``2**-42`` (float64; ``2**-22`` in float32) of
``sum(max|h| |w|) + |b|``, its largest possible size on the segment. ``undecided`` counts the values
within the tolerance, and the coincidences, that were not exact in floating point. Where it is 0 no
decision was close to the rounding errors of its own layer; what cancelled in an earlier one, and an
exact tie of floats that is none of the numbers, it does not see. :func:`certify` sees everything.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float64, Int32, Int64, UInt32

from jaxlab.networks import mlp
from jaxlab.regions import patterns
from jaxlab.regions._line import ensembles as _count
from jaxlab.regions._line import host as _host
from jaxlab.regions._line import kernel as _kernel
from jaxlab.regions._line.certified import certify as certify

# Beyond this many knots the fixed shapes are slower than arrays of the size needed.
_LARGEST_ROOM = 2**13


_Points = Array | np.ndarray | Sequence[float] | Sequence[Sequence[float]] | float


class LinePieces(NamedTuple):
    """What :func:`breakpoints` returns: fixed shapes, ``rows >= capacity`` intervals.

    Attributes
    ----------
    positions
        ``(capacity + 1,)``: parameters t of the knots, ascending from 0, padded with 1.
    values
        ``(capacity + 1, outputs)``: the network at the knots.
    slopes
        ``(capacity, outputs)``: d(output)/dt on each interval, the product of the masked weights;
        rows from ``regions`` on are zero.
    patterns
        ``(capacity, words)`` uint32: activation bits of each interval, hidden layers concatenated,
        packed as in :func:`jaxlab.regions.patterns.pack`; rows from ``regions`` on are zero.
    regions
        Number of maximal intervals of constant activation pattern; -1 if a parameter or an
        intermediate magnitude is not finite.
    pieces
        Number of maximal intervals on which the function is affine; -1 likewise. Neighbouring
        regions are one piece if all their slopes agree within the tolerance.
    steepest
        Largest |d(pre-activation of a hidden neuron)/dt|.
    undecided
        Decisions within the tolerance that were not exact: 0 means every decision was clear.
    overflow
        More regions than ``capacity``: ``regions`` and ``pieces`` are lower bounds, and the arrays
        are not meaningful.
    """

    positions: Float[Array, " knots"]
    values: Float[Array, "knots outputs"]
    slopes: Float[Array, "capacity outputs"]
    patterns: UInt32[Array, "capacity words"]
    regions: Int32[Array, ""]
    pieces: Int32[Array, ""]
    steepest: Float[Array, ""]
    undecided: Int32[Array, ""]
    overflow: Bool[Array, ""]


class LineCount(NamedTuple):
    """What :func:`count` returns: NumPy arrays, ``()``, ``(nets,)``, ``(lines,)`` or both axes.

    With ``dtype=np.float32`` they describe the network whose parameters are rounded to float32, and
    decisions are made in float32, with the tolerance ``2**-22``.

    Attributes
    ----------
    regions, pieces
        Counts (int64); -1 where the network is not finite, or pieces were not asked for.
    steepest
        Largest |d(pre-activation)/dt| (float64), t in [0, 1]; NaN where ``pieces`` is -1.
    undecided
        Decisions within the tolerance that were not exact (int64).
    exact
        False where a limit was hit (the counts are lower bounds) or the network is not finite.
    capacity
        Regions the deciding run had room for; 0 where the arrays were sized as needed.
    """

    regions: Int64[np.ndarray, "*units"]
    pieces: Int64[np.ndarray, "*units"]
    steepest: Float64[np.ndarray, "*units"]
    undecided: Int64[np.ndarray, "*units"]
    exact: Bool[np.ndarray, "*units"]
    capacity: Int64[np.ndarray, "*units"]


class LineTrace(NamedTuple):
    """What :func:`trace` returns: float64 NumPy arrays of exactly the size needed.

    Attributes
    ----------
    points
        ``(regions + 1, inputs)``: the knots in input space, both ends included.
    positions
        ``(regions + 1,)``: arc length from ``start``.
    values
        ``(regions + 1, outputs)``: the network at the knots.
    slopes
        ``(regions, outputs)``: d(output) per unit of length.
    patterns
        ``(regions, neurons)`` bool: activation of every hidden neuron, layer 0 first.
    regions, pieces, undecided
        As in :class:`LineCount`.
    """

    points: Float64[np.ndarray, "knots inputs"]
    positions: Float64[np.ndarray, " knots"]
    values: Float64[np.ndarray, "knots outputs"]
    slopes: Float64[np.ndarray, "regions outputs"]
    patterns: Bool[np.ndarray, "regions neurons"]
    regions: int
    pieces: int
    undecided: int


@partial(jax.jit, static_argnames="capacity")
def breakpoints(
    params: mlp.Parameters,
    start: Float[Array, " inputs"],
    stop: Float[Array, " inputs"],
    capacity: int,
) -> LinePieces:
    """Breakpoints of one ReLU network along a segment: pure, fixed shapes, vmappable.

    Fields that the caller does not use cost nothing once compiled into the caller's program (dead
    code): asking for ``regions`` alone pays neither for slopes nor for the last layer's knots. It
    may be called at every step of a training ``lax.scan``, and vmapped over networks and lines.

    Parameters
    ----------
    params
        Layers of one network, float32 or float64; ReLU after all but the last.
    start, stop
        Ends of the segment, shape ``(inputs,)``, of the parameters' dtype.
    capacity
        Largest number of regions it can hold; static, at least 1.

    Returns
    -------
    LinePieces

    Raises
    ------
    ValueError
        If widths or dtypes disagree, ``capacity < 1``, or the dtype is narrower than float32: cast
        up first, the cast is exact.

    Examples
    --------
    The hat function rises and falls on [0, 1]:

    >>> import jax.numpy as jnp
    >>> from jaxlab.networks.mlp import Layer
    >>> hidden = Layer(jnp.array([[2.0, 4.0]]), jnp.array([0.0, -2.0]))
    >>> params = (hidden, Layer(jnp.array([[1.0], [-1.0]]), jnp.zeros(1)))
    >>> found = breakpoints(params, jnp.zeros(1), jnp.ones(1), capacity=2)
    >>> found.positions, found.slopes[:, 0]
    (Array([0. , 0.5, 1. ], dtype=float32), Array([ 2., -2.], dtype=float32))
    """
    _check(params, start, stop, capacity)
    plan = _kernel.even_plan(mlp.widths(params), capacity)
    knots = _kernel.sweep(params, start, stop, plan)
    out = _kernel.outputs(knots, params[-1])
    used = jnp.arange(capacity, dtype=jnp.int32)[:, None] < knots.total - 1
    bits = jnp.concatenate([jnp.zeros((knots.positions.size, 0), bool), *knots.active], axis=1)
    return LinePieces(
        positions=_rows(knots.positions, capacity + 1),
        values=_rows(out.values, capacity + 1),
        slopes=jnp.where(used, _rows(out.slopes, capacity), 0),
        patterns=jnp.where(used, _rows(patterns.pack(bits), capacity), jnp.uint32(0)),
        regions=_kernel.regions(knots),
        pieces=out.pieces,
        steepest=knots.steepest,
        undecided=knots.undecided + out.undecided,
        overflow=knots.overflow | (knots.total - 1 > capacity),
    )


def _rows(array: Array, rows: int) -> Array:
    """The first rows, the last one repeated where there are fewer."""
    return array[jnp.minimum(jnp.arange(rows, dtype=jnp.int32), array.shape[0] - 1)]


def _check(params: mlp.Parameters, start: Array, stop: Array, capacity: int) -> None:
    inputs = mlp.widths(params)[0]
    dtype = params[0].weight.dtype
    if dtype not in (jnp.float32, jnp.float64):
        raise ValueError(
            f"params: got dtype {dtype}, expected float32 or float64 (cast up first: it is exact)"
        )
    named = [("start", start), ("stop", stop)]
    for name, point in named:
        if point.shape != (inputs,):
            raise ValueError(f"{name}: got shape {point.shape}, expected ({inputs},)")
    leaves = [(f"params[{i}]", leaf) for i, layer in enumerate(params) for leaf in layer]
    for name, leaf in named + leaves:
        if leaf.dtype != dtype:
            raise ValueError(f"{name}: got dtype {leaf.dtype}, expected {dtype} (params[0].weight)")
    if capacity < 1:
        raise ValueError(f"capacity: got {capacity}, expected at least 1")


def count(
    params: mlp.Parameters,
    start: _Points,
    stop: _Points,
    *,
    pieces: bool = True,
    dtype: np.dtype | type = np.float64,
    compiled: bool = False,
    capacity: int | None = None,
    batch: int | None = None,
    limit: int = 2**22,
) -> LineCount:
    """Count regions and pieces of networks along segments, on the host.

    One network or an ensemble, along one line or many: every network is counted along every line.
    Parameters are converted exactly to float64 whatever their format and the caller's x64 flag.
    Chunks of them run in NumPy on all cores; nothing is compiled and nothing overflows. One network
    of R regions takes O(R width^2) per layer.

    Parameters
    ----------
    params
        Layers of one network, or of an ensemble (every leaf with the same leading axis).
    start, stop
        Ends of the segment: scalars or ``(inputs,)``; or of many, ``(lines, inputs)``.
    pieces
        False counts regions only, about twice as fast.
    dtype
        ``np.float32`` rounds parameters and ends to float32 and decides there: faster for wide
        networks, but a count may differ from that of the network given, and more is undecided.
    compiled
        True runs the fixed-shape kernel on the default device (its compilation takes seconds, once
        per process); what overflows is counted in NumPy. Both make the same decisions.
    capacity
        Regions to make room for in the compiled kernel; None derives it from the widths (about one
        crossing per neuron, as in random networks). Any value gives the same counts.
    batch
        Networks or lines per chunk; None fits a chunk into a core's cache. Does not change results.
    limit
        Give up beyond this many regions and return the lower bound with ``exact=False``.

    Returns
    -------
    LineCount

    Raises
    ------
    ValueError
        If widths disagree, ``start`` or ``stop`` does not fit the inputs or the other, or ``dtype``
        is neither float64 nor float32.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from jaxlab.networks.mlp import Layer
    >>> hidden = Layer(jnp.array([[2.0, 4.0]]), jnp.array([0.0, -2.0]))
    >>> params = (hidden, Layer(jnp.array([[1.0], [-1.0]]), jnp.zeros(1)))
    >>> result = count(params, 0.0, 1.0)
    >>> int(result.regions), int(result.pieces), bool(result.exact)
    (2, 2, True)
    >>> count(params, [[-1.0], [0.6]], [[1.0], [2.0]]).regions.tolist()
    [3, 1]
    """
    leaves, single = _count.to_host(params)
    widths = mlp.widths(params)
    ends = _count.segments(start, stop, widths[0])
    if np.dtype(dtype) != np.float64:
        leaves, ends = _count.rounded(leaves, ends, dtype)
    nets, lines = len(leaves[0].weight), len(ends.starts)
    plan = _plan(widths, capacity) if compiled else ()
    rows = max((room.rows for room in plan), default=2)
    chunks = _count.chunks(leaves, ends, batch)
    room = np.zeros(nets * lines, int)
    if compiled and rows <= min(limit, _LARGEST_ROOM):
        found, overflow = _count.count_compiled(chunks, plan, pieces)
        room[~overflow] = rows - 1
        left = np.flatnonzero(overflow)
        if len(left):
            again = _count.units(leaves, ends, left, len(chunks[0].starts))
            for field, value in zip(found, _count.count(again, limit, pieces), strict=True):
                field[left] = value
    else:
        found = _count.count(chunks, limit, pieces)
    return LineCount(
        *(_shaped(field, nets, lines, single, ends.single) for field in (*found, room))
    )


def _plan(widths: tuple[int, ...], capacity: int | None) -> _kernel.Plan:
    if capacity is None:
        return _kernel.growing_plan(widths, 1.0)
    return _kernel.even_plan(widths, capacity)


def _shaped(field: np.ndarray, nets: int, lines: int, one_net: bool, one_line: bool) -> np.ndarray:
    """``(nets, lines)`` without the axes that were not given."""
    if nets > 1 and lines > 1 and _count.by_line(nets, lines):
        field = field.reshape(lines, nets).T
    return field.reshape((nets,) * (not one_net) + (lines,) * (not one_line))


def trace(
    params: mlp.Parameters,
    start: Array | np.ndarray | Sequence[float] | float,
    stop: Array | np.ndarray | Sequence[float] | float,
    *,
    limit: int = 2**22,
) -> LineTrace:
    """Everything about one network along a segment, in float64 on the host, in units of length.

    Parameters
    ----------
    params
        Layers of one network, any format; converted exactly.
    start, stop
        Ends of the segment: scalars or ``(inputs,)``.
    limit
        Largest number of regions.

    Returns
    -------
    LineTrace

    Raises
    ------
    ValueError
        If shapes disagree, the ends coincide, the network is not finite on the segment, or it has
        more than ``limit`` regions.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from jaxlab.networks.mlp import Layer
    >>> params = (Layer(jnp.eye(2), jnp.zeros(2)), Layer(jnp.ones((2, 1)), jnp.zeros(1)))
    >>> found = trace(params, [-3.0, -4.0], [3.0, 4.0])
    >>> found.regions, found.positions.tolist(), found.slopes[:, 0].tolist()
    (2, [0.0, 5.0, 10.0], [0.0, 1.4])
    """
    leaves, single = _count.to_host(params)
    if not single:
        raise ValueError("params: got an ensemble, expected one network")
    inputs = mlp.widths(params)[0]
    ends = _count.end_point("start", start, inputs), _count.end_point("stop", stop, inputs)
    length = float(np.linalg.norm(ends[1] - ends[0]))
    if length == 0:
        raise ValueError(f"stop: got {ends[1].tolist()}, expected a point other than start")
    with np.errstate(all="ignore"):
        traced = _host.trace(leaves, *ends, limit)
    if traced.counts.regions[0] < 0:
        raise ValueError("params: not finite on the segment, expected finite parameters and values")
    if not traced.counts.exact[0]:
        raise ValueError(f"limit: got {limit}, expected at least {traced.reached} regions")
    along = traced.positions[:, None]
    return LineTrace(
        points=(1 - along) * ends[0] + along * ends[1],
        positions=traced.positions * length,
        values=traced.values,
        slopes=traced.slopes / length,
        patterns=traced.patterns,
        regions=int(traced.counts.regions[0]),
        pieces=int(traced.counts.pieces[0]),
        undecided=int(traced.counts.undecided[0]),
    )
