"""The same propagation in NumPy with arrays of the size needed: for few networks, or huge counts.

No compilation and no capacity, one network at a time. The decisions (tolerances, merging) are those
of the fixed-shape kernel; the tests hold the two together.
"""

from typing import NamedTuple

import numpy as np

TOLERANCE = 2.0**-42


class HostLayer(NamedTuple):
    """A layer of one network, or of an ensemble with a leading axis, as float64 NumPy arrays."""

    weight: np.ndarray
    bias: np.ndarray


HostParameters = tuple[HostLayer, ...]


class Swept(NamedTuple):
    """Knots ``(n + 1,)``, the network there and on the intervals; incomplete if cut at a limit."""

    positions: np.ndarray
    values: np.ndarray
    slopes: np.ndarray
    patterns: np.ndarray
    regions: int
    pieces: int
    steepest: float
    undecided: int
    complete: bool


def sweep(
    params: HostParameters, start: np.ndarray, stop: np.ndarray, limit: int, *, codes: bool = True
) -> Swept | None:
    """Propagate one float64 network's knots; None if a magnitude is not finite.

    Without ``codes`` the activation patterns stay empty, which saves their copies.

    Stops after the first layer with more than ``limit`` regions: then ``regions`` is the count so
    far, a lower bound, as later layers only refine.
    """
    positions, hidden = np.array([0.0, 1.0]), np.stack([start, stop])
    tangents = (stop - start)[None]
    patterns = np.zeros((1, 0), bool)
    undecided, steepest = 0, 0.0
    for weight, bias in params[:-1]:
        values, slopes = hidden @ weight + bias, tangents @ weight
        scale = np.abs(hidden).max(axis=0) @ np.abs(weight) + np.abs(bias)
        if not (np.isfinite(2 * scale).all() and np.isfinite(slopes).all()):
            return None
        threshold = scale * TOLERANCE
        steepest = max(steepest, float(np.abs(slopes).max(initial=0)))
        interval, fraction, doubts = _crossings(values, threshold)
        undecided += doubts
        source, fraction = _insertion(len(positions), interval, fraction)
        after = np.minimum(source + 1, len(positions) - 1)
        positions = positions[source] + fraction * (positions[after] - positions[source])
        hidden = values[source] + fraction[:, None] * (values[after] - values[source])
        hidden = np.where(hidden > threshold, hidden, 0)
        active = (hidden[1:] > 0) | (hidden[:-1] > 0)
        tangents = np.where(active, slopes[source[:-1]], 0)
        if codes:
            patterns = np.concatenate([patterns[source[:-1]], active], axis=1)
        if len(tangents) > limit:
            empty = np.zeros((0, params[-1][1].size))
            regions = len(tangents)
            return Swept(positions, empty, empty, patterns, regions, 1, steepest, undecided, False)
    weight, bias = params[-1]
    values, slopes = hidden @ weight + bias, tangents @ weight
    if not (np.isfinite(values).all() and np.isfinite(slopes).all()):
        return None
    size = np.abs(tangents) @ np.abs(weight)
    change = np.abs(np.diff(slopes, axis=0))
    joint = change <= (size[1:] + size[:-1]) * TOLERANCE
    breaks = ~joint.all(axis=1)
    undecided += int(((change != 0).any(axis=1) & ~breaks).sum())
    pieces = 1 + int(breaks.sum())
    counts = len(slopes), pieces, steepest, undecided
    return Swept(positions, values, slopes, patterns, *counts, True)


def _crossings(values: np.ndarray, threshold: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Interval and fraction of each distinct crossing, in order, and the number of doubts."""
    above, below = values > threshold, values < -threshold
    doubts = int((~(above | below) & (values != 0)).sum())
    changes = (above[:-1] & below[1:]) | (below[:-1] & above[1:])
    flat = np.flatnonzero(changes)
    interval, neuron = np.divmod(flat, values.shape[1])
    left, right = 0.5 * values[interval, neuron], 0.5 * values[interval + 1, neuron]
    fraction = left / (left - right)
    if not (interval[1:] == interval[:-1]).any():
        return interval, fraction, doubts
    blur = 0.5 * threshold[neuron] / np.abs(left - right)
    order = np.lexsort((fraction, interval))
    interval, fraction, blur = interval[order], fraction[order], blur[order]
    gap = np.diff(fraction)
    joins = (interval[1:] == interval[:-1]) & (gap <= blur[1:] + blur[:-1])
    kept = np.concatenate([[True], ~joins])
    return interval[kept], fraction[kept], doubts + int((joins & (gap != 0)).sum())


def _insertion(knots: int, interval: np.ndarray, fraction: np.ndarray):
    """For every knot after the insertion: the old knot at or before it, and how far beyond."""
    rows = knots + len(interval)
    new = interval + 1 + np.arange(len(interval))
    is_new = np.zeros(rows, bool)
    is_new[new] = True
    source = np.cumsum(~is_new) - 1
    beyond = np.zeros(rows)
    beyond[new] = fraction
    return source, beyond
