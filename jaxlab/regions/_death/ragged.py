"""Breakpoint propagation for very many small networks: all their knots in one list.

The image of the segment under the layers so far is a polygonal line; its corners (knots) are all
that a later layer needs. They are stored ``(width, knots)``, network after network, so that a step
costs what the knots there are cost (about two per living network of width 2), and none is limited.
A network that died is left out.
"""

from typing import NamedTuple

import numpy as np

from jaxlab.regions._line.host import TOLERANCE

# Below this a tolerance times a magnitude would lose bits to underflow: all in doubt.
_SMALLEST = 2.0**-900


class Lines(NamedTuple):
    """The polygonal lines of some networks.

    Attributes
    ----------
    hidden
        ``(width, knots)``: output of the layer before.
    first
        ``(networks,)``: index of each network's first knot.
    most
        ``(width, networks)``: the largest ``|hidden|`` of each neuron.
    """

    hidden: np.ndarray
    first: np.ndarray
    most: np.ndarray


class Highest(NamedTuple):
    """Largest pre-activation by neuron and network, and below which size its sign is in doubt."""

    largest: np.ndarray
    threshold: np.ndarray

    def dead(self) -> np.ndarray:
        """Networks no neuron of which is active anywhere."""
        return np.logical_and.reduce(self.largest <= 0, axis=0)

    def doubtful(self) -> np.ndarray:
        """Networks for which :meth:`dead` hangs on a sign within the tolerance."""
        clear = (self.largest < -self.threshold) | (self.largest == 0)
        within = (self.largest <= self.threshold) & np.isfinite(self.threshold)
        return within.all(axis=0) & ~clear.all(axis=0)


def segment(ends: np.ndarray, networks: int) -> Lines:
    """The segment with these ends ``(2, inputs)`` itself, for every network."""
    most = np.abs(ends).max(axis=0)[:, None]
    hidden = np.tile(ends.T, networks)
    return Lines(hidden, np.arange(0, 2 * networks, 2), np.repeat(most, networks, axis=1))


def preactivations(
    lines: Lines, weight: np.ndarray, bias: np.ndarray
) -> tuple[np.ndarray, Highest]:
    """At the knots, and their maxima; ``weight`` is ``(inputs, outputs, networks)``."""
    inputs, outputs, _ = weight.shape
    knots = _numbers(lines)
    values = np.repeat(bias, knots, axis=1)
    size = np.abs(bias)
    for index in range(inputs):
        size += lines.most[index] * np.abs(weight[index])
        for neuron in range(outputs):
            values[neuron] += lines.hidden[index] * np.repeat(weight[index, neuron], knots)
    largest = np.maximum.reduceat(values, lines.first, axis=1)
    return values, Highest(largest, np.maximum(size, _SMALLEST) * TOLERANCE)


def keep(lines: Lines, networks: np.ndarray) -> Lines:
    """Only the networks of a mask."""
    knots = _numbers(lines)
    rows = np.repeat(networks, knots)
    kept = knots[networks]
    return Lines(lines.hidden[:, rows], np.cumsum(kept) - kept, lines.most[:, networks])


def bend(lines: Lines, *, cut: bool) -> Lines:
    """The ReLU: ``hidden`` holds pre-activations, whose zeros become knots (if ``cut``)."""
    if cut:
        lines = _cut(lines)
    lines = lines._replace(
        hidden=np.maximum(lines.hidden, 0, out=lines.hidden), most=np.maximum(lines.most, 0)
    )
    return _straighten(lines) if cut else lines


def _numbers(lines: Lines) -> np.ndarray:
    """Knots of each network."""
    return np.diff(lines.first, append=lines.hidden.shape[1])


def _cut(lines: Lines) -> Lines:
    """Insert a knot wherever a neuron changes sign between two knots of one network."""
    values = lines.hidden
    knots = values.shape[1]
    positive, negative = values > 0, values < 0
    changes = positive[:, :-1] & negative[:, 1:]
    changes |= negative[:, :-1] & positive[:, 1:]
    changes[:, lines.first[1:] - 1] = False
    flat = np.flatnonzero(changes)
    neuron, row = np.divmod(flat, max(knots - 1, 1))
    left, right = values[neuron, row], values[neuron, row + 1]
    share = left / (left - right)
    order = np.lexsort((share, row))
    neuron, row, share = neuron[order], row[order], share[order]
    new = values[:, row]
    new += share * (values[:, row + 1] - new)
    new[neuron, np.arange(row.size)] = 0
    added = np.bincount(row, minlength=knots)
    before = np.cumsum(added) - added
    hidden = np.empty((len(values), knots + row.size))
    hidden[:, np.arange(knots) + before] = values
    hidden[:, row + 1 + np.arange(row.size)] = new
    return lines._replace(hidden=hidden, first=lines.first + before[lines.first])


def _straighten(lines: Lines) -> Lines:
    """Take out the knots that repeat the one before, or lie between their two neighbours.

    Only what is exact is taken out: at most one coordinate differs, and it is strictly between.
    """
    values, first = lines.hidden, lines.first
    before, here, after = values[:, :-2], values[:, 1:-1], values[:, 2:]
    repeats = before == here
    rises, goes_on = before < here, here < after
    between = (rises & goes_on) | ~(rises | repeats | goes_on | (here == after))
    straight = ((repeats & (here == after)) | between).all(axis=0)
    straight &= np.count_nonzero(between, axis=0) <= 1
    out = np.zeros(values.shape[1], bool)
    out[1:-1] = straight | repeats.all(axis=0)
    out[first] = False
    out[first[1:] - 1] = False
    gone = np.cumsum(out)
    return lines._replace(hidden=values[:, ~out], first=first - gone[first])
