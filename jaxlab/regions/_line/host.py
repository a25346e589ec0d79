"""The propagation in NumPy, in arrays of the size needed: many segments side by side, or one.

No compilation and no capacity. Knots are stored ``(rows, units, width)``; a unit is one network on
one segment, and units with fewer knots repeat their last. Comparisons and interpolations then run
over all units at once, and products go to BLAS. The decisions (tolerances, merging) are those of
the fixed-shape kernel; the tests hold the two together.
"""

from typing import NamedTuple

import numpy as np

TOLERANCE = 2.0**-42
_TOLERANCES = {np.dtype(np.float64): TOLERANCE, np.dtype(np.float32): 2.0**-22}

# Units whose knots together take more bytes than this go on in two halves, so that one network of
# many regions does not pad all others to its length.
_MOST_BYTES = 2**26
# A maximum over many short rows takes this many at a time.
_FOLD = 64
# Multiplications below which OpenBLAS neither repacks nor shares a product (it does from 10^6 on).
_BLOCK = 2**19


class HostLayer(NamedTuple):
    """A layer of one network, or of an ensemble with a leading axis, as NumPy arrays."""

    weight: np.ndarray
    bias: np.ndarray


HostParameters = tuple[HostLayer, ...]


class Counts(NamedTuple):
    """One entry per unit; the fields of :class:`jaxlab.regions.line.LineCount`."""

    regions: np.ndarray
    pieces: np.ndarray
    steepest: np.ndarray
    undecided: np.ndarray
    exact: np.ndarray


class Traced(NamedTuple):
    """Knots ``(n + 1,)``, the network there and on the intervals, counts of the one unit.

    ``reached`` is the number of regions so far, also where the limit was hit or nothing is finite.
    """

    positions: np.ndarray
    values: np.ndarray
    slopes: np.ndarray
    patterns: np.ndarray
    counts: Counts
    reached: int


class Knots(NamedTuple):
    """The state between layers; rows of a unit from ``total`` on are copies of its last knot.

    Attributes
    ----------
    hidden
        ``(rows, units, width)``: output of the layer before at the knots.
    tangents
        ``(rows - 1, units, width)``: d(hidden)/dt on the intervals, zero beyond the last knot;
        empty where only regions are asked for.
    total, undecided, steepest
        ``(units,)``: knots, doubtful decisions, largest slope of a pre-activation so far.
    finite, complete
        ``(units,)``: False stops the unit: a magnitude is not finite, or the limit is hit.
    positions, active
        For :func:`trace` alone: ``(rows, units)``, and ``(rows - 1, units, neurons)`` of all layers
        done. Otherwise empty.
    """

    hidden: np.ndarray
    tangents: np.ndarray
    total: np.ndarray
    undecided: np.ndarray
    steepest: np.ndarray
    finite: np.ndarray
    complete: np.ndarray
    positions: np.ndarray
    active: np.ndarray


class _Crossings(NamedTuple):
    """Distinct crossings, unit by unit and in order along each segment.

    ``cell`` is ``interval * units + unit``, the row of its left knot in flattened arrays.
    """

    cell: np.ndarray
    unit: np.ndarray
    fraction: np.ndarray


def count(
    params: HostParameters, starts: np.ndarray, stops: np.ndarray, limit: int, *, pieces: bool
) -> Counts:
    """Count along the segments ``(units, inputs)``, all of one dtype, float32 or float64.

    A leading axis of ``units`` gives every segment a network of its own; one of 1 is shared.

    A unit stops after the first layer with more than ``limit`` regions: ``regions`` is then a lower
    bound, as later layers only refine, and ``pieces`` is 1.
    """
    return _count_from(params, _first_knots(starts, stops, pieces, False), limit)


def trace(params: HostParameters, start: np.ndarray, stop: np.ndarray, limit: int) -> Traced:
    """Everything about one network (leading axis 1) along one segment."""
    knots = _first_knots(start[None], stop[None], True, True)
    for layer in params[:-1]:
        knots = _through_layer(knots, layer, limit)
    values, slopes = _outputs(knots, params[-1])
    counts = _finish(knots, params[-1])
    return Traced(
        positions=knots.positions[:, 0],
        values=values[:, 0],
        slopes=slopes[:, 0],
        patterns=knots.active[:, 0],
        counts=counts,
        reached=int(knots.total[0]) - 1,
    )


def _count_from(params: HostParameters, knots: Knots, limit: int) -> Counts:
    units = len(knots.total)
    for depth, layer in enumerate(params[:-1], 1):
        knots = _through_layer(knots, layer, limit, last=depth == len(params) - 1)
        if units > 1 and knots.hidden.nbytes > _MOST_BYTES:
            halves = slice(units // 2), slice(units // 2, units)
            done = [
                _count_from(_networks(params[depth:], half), _units(knots, half), limit)
                for half in halves
            ]
            return Counts(*map(np.concatenate, zip(*done, strict=True)))
    return _finish(knots, params[-1])


def _networks(params: HostParameters, units: slice) -> HostParameters:
    return tuple(HostLayer(*(x if len(x) == 1 else x[units] for x in layer)) for layer in params)


def _units(knots: Knots, units: slice) -> Knots:
    """Some of the units, with as many rows as these need."""
    rows = knots.total[units].max()
    some = Knots(*(x[units] if x.ndim == 1 else x[:, units] for x in knots))
    return some._replace(
        hidden=np.ascontiguousarray(some.hidden[:rows]),
        tangents=np.ascontiguousarray(some.tangents[: rows - 1]),
    )


def _first_knots(starts: np.ndarray, stops: np.ndarray, pieces: bool, record: bool) -> Knots:
    units = len(starts)
    return Knots(
        hidden=np.stack([starts, stops]),
        tangents=(stops - starts)[None] if pieces else np.zeros((0, units, 0)),
        total=np.full(units, 2),
        undecided=np.zeros(units, int),
        steepest=np.zeros(units),
        finite=np.ones(units, bool),
        complete=np.ones(units, bool),
        positions=np.array([[0.0], [1.0]]) if record else np.zeros((0, units)),
        active=np.zeros((int(record), units, 0), bool),
    )


def _all(mask: np.ndarray) -> bool:
    """The same as ``mask.all()``, in a tenth of the time for a small mask."""
    return bool(np.count_nonzero(mask) == mask.size)


def _largest(x: np.ndarray) -> np.ndarray:
    """Maximum over the rows; many short rows are first folded into few long ones."""
    short = len(x) // _FOLD * _FOLD
    if short > _FOLD * _FOLD:
        folded = x[:short].reshape(-1, _FOLD, *x.shape[1:]).max(axis=0)
        x = np.concatenate([folded, x[short:]])
    return x.max(axis=0)


def _product(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """``(rows, units, inputs)`` times ``(units or 1, inputs, outputs)``."""
    rows, units, inputs = x.shape
    if len(weight) == 1:
        return _tall_product(x.reshape(-1, inputs), weight[0]).reshape(rows, units, -1)
    out = np.empty((rows, units, weight.shape[2]), x.dtype)
    np.matmul(x.swapaxes(0, 1), weight, out=out.swapaxes(0, 1))
    return out


def _tall_product(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """A narrow product in blocks of rows that BLAS leaves to one thread and does not repack."""
    inputs, outputs = weight.shape
    block = min(_BLOCK // (inputs * outputs), 1024)
    whole = len(x) // block * block if block >= 16 else 0
    if whole <= block:
        return x @ weight
    out = np.empty((len(x), outputs), x.dtype)
    blocks = x[:whole].reshape(-1, block, inputs)
    np.matmul(blocks, weight, out=out[:whole].reshape(-1, block, outputs))
    np.matmul(x[whole:], weight, out=out[whole:])
    return out


def _through_layer(knots: Knots, layer: HostLayer, limit: int, last: bool = False) -> Knots:
    """Push the knots through one hidden layer; of the last, regions alone need no new knots."""
    weight, bias = layer
    values = _product(knots.hidden, weight)
    values += bias
    # After a ReLU nothing is negative; the absolute value would cost another pass.
    size = np.abs(knots.hidden) if len(knots.hidden) == 2 else knots.hidden
    largest = _largest(size)[None]
    scale = _product(largest, np.abs(weight))[0] + np.abs(bias)
    finite = knots.finite & np.isfinite(2 * scale.max(axis=1))
    slopes, steepest = None, knots.steepest
    if len(knots.tangents):
        slopes = _product(knots.tangents, weight)
        steepest = _largest(np.abs(slopes)).max(axis=1, initial=0)
        finite &= np.isfinite(steepest)
        steepest = np.where(knots.complete, np.maximum(knots.steepest, steepest), knots.steepest)
    going = finite & knots.complete
    if not _all(going):
        values[:, ~going] = 0  # no more crossings, and no doubts
    threshold = scale * scale.dtype.type(_TOLERANCES[scale.dtype])
    above, crossings, undecided = _crossings(values, threshold, knots.total)
    total = knots.total + np.bincount(crossings.unit, minlength=len(knots.total))
    knots = knots._replace(
        undecided=knots.undecided + undecided,
        steepest=steepest,
        finite=finite,
        complete=knots.complete & (total - 1 <= limit),
    )
    if last and slopes is None:
        return knots._replace(total=total)
    return _refine(knots, values, above, slopes, threshold, crossings, total)


def _crossings(
    values: np.ndarray, threshold: np.ndarray, total: np.ndarray
) -> tuple[np.ndarray, _Crossings, np.ndarray]:
    """Which values are positive, the crossings, and the number of doubts per unit."""
    rows, units, width = values.shape
    doubts = np.zeros(units, int)
    # One threshold for all is faster, and decides alike where it leaves nothing undecided.
    most = threshold.max()
    above, below = values > most, values < -most
    if _all(above | below):
        changes = above[:-1] != above[1:]
    else:
        above, below = values > threshold, values < -threshold
        doubtful = ~(above | below) & (values != 0)
        if np.count_nonzero(doubtful):
            doubts += (doubtful.sum(axis=2) * (np.arange(rows)[:, None] < total)).sum(axis=0)
        changes = (above[:-1] & below[1:]) | (below[:-1] & above[1:])
    flat = np.flatnonzero(changes)
    cell = flat // width
    neuron = flat - cell * width
    half = values.dtype.type(0.5)
    entries = values.reshape(-1)
    left, right = half * entries[flat], half * entries[flat + units * width]
    drop = left - right
    fraction = left / drop
    interval = cell // units
    unit = cell - interval * units
    key = unit * rows + interval
    if _all(key[1:] > key[:-1]):
        return above, _Crossings(cell, unit, fraction), doubts
    place = key + fraction.astype(np.float64)
    order = np.argsort(place)
    place = place[order]
    if (place[1:] == place[:-1]).any():
        order = np.lexsort((fraction, key))
    blur = half * threshold[unit, neuron] / np.abs(drop)
    cell, unit, key = cell[order], unit[order], key[order]
    fraction, blur = fraction[order], blur[order]
    gap = fraction[1:] - fraction[:-1]
    joins = (key[1:] == key[:-1]) & (gap <= blur[1:] + blur[:-1])
    if joins.any():
        doubts += np.bincount(unit[1:][joins & (gap != 0)], minlength=units)
        kept = np.concatenate([[True], ~joins])
        cell, unit, fraction = cell[kept], unit[kept], fraction[kept]
    return above, _Crossings(cell, unit, fraction), doubts


def _refine(knots, values, above, slopes, threshold, crossings: _Crossings, total) -> Knots:
    """Insert the crossings as knots and apply the ReLU."""
    before, units, width = values.shape
    rows = total.max()
    cell, unit, fraction = crossings
    added = total - knots.total
    rank = np.arange(len(cell)) - (np.cumsum(added) - added)[unit]
    place = cell + (1 + rank) * units
    is_new = np.zeros((rows, units), bool)
    is_new.reshape(-1)[place] = True
    source = np.minimum(np.arange(rows)[:, None] - is_new.cumsum(axis=0), before - 1)
    flat = values.reshape(-1, width)
    start = flat.take(cell, axis=0)
    new = flat.take(cell + units, axis=0)
    new -= start
    new *= fraction[:, None]
    new += start
    # The crossing neuron's value here is its rounding error, far below its threshold.
    new *= new > threshold.take(unit, axis=0)  # a mask multiplies faster than it selects
    values *= above
    unit_of = np.arange(units)
    hidden = flat.take((source * units + unit_of).reshape(-1), axis=0)
    hidden[place] = new
    knots = knots._replace(hidden=hidden.reshape(rows, units, width), total=total)
    if slopes is None:
        return knots
    positive = knots.hidden > 0
    active = positive[1:] | positive[:-1]
    if (total < rows).any():
        active &= (np.arange(1, rows)[:, None] < total)[..., None]
    interval = np.minimum(source[:-1], before - 2)
    slopes = slopes.reshape(-1, width).take((interval * units + unit_of).reshape(-1), axis=0)
    knots = knots._replace(tangents=slopes.reshape(active.shape) * active)
    if not len(knots.positions):
        return knots
    old = knots.positions[:, 0]
    positions = old[source[:, 0]]
    positions[place] += fraction * (old[cell + 1] - old[cell])
    codes = np.concatenate([knots.active[interval[:, 0]], active], axis=2)
    return knots._replace(positions=positions[:, None], active=codes)


def _finish(knots: Knots, layer: HostLayer) -> Counts:
    """Apply the output layer and count the intervals on which the function is affine."""
    weight, bias = layer
    units = len(knots.total)
    finite = knots.finite & np.isfinite(weight).all(axis=(1, 2)) & np.isfinite(bias).all(axis=1)
    pieces, undecided, steepest = np.full(units, -1), knots.undecided, np.full(units, np.nan)
    if len(knots.tangents):
        values, slopes = _outputs(knots, layer)
        finite &= np.isfinite(values).all(axis=(0, 2)) & np.isfinite(slopes).all(axis=(0, 2))
        size = _product(np.abs(knots.tangents), np.abs(weight))
        change = np.abs(slopes[1:] - slopes[:-1])
        tolerance = size.dtype.type(_TOLERANCES[size.dtype])
        joint = (change <= (size[1:] + size[:-1]) * tolerance).all(axis=2)
        inner = (np.arange(2, len(values))[:, None] < knots.total) & knots.complete
        pieces = np.where(finite, 1 + (inner & ~joint).sum(axis=0), -1)
        undecided = undecided + (inner & joint & (change != 0).any(axis=2)).sum(axis=0)
        steepest = np.where(finite, knots.steepest, np.nan)
    return Counts(
        regions=np.where(finite, knots.total - 1, -1),
        pieces=pieces,
        steepest=steepest.astype(np.float64),
        undecided=np.where(finite, undecided, 0),
        exact=finite & knots.complete,
    )


def _outputs(knots: Knots, layer: HostLayer) -> tuple[np.ndarray, np.ndarray]:
    """The network at the knots, and its slopes on the intervals."""
    weight, bias = layer
    return _product(knots.hidden, weight) + bias, _product(knots.tangents, weight)
