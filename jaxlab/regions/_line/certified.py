"""The certified sweep of a line: floats with bounds, and integers where the bounds do not settle.

Layer by layer, as :mod:`jaxlab.regions.line`: values at the knots carry rigorous bounds of their
errors; a neuron crosses in an interval where its signs at the two ends are strictly opposite. Three
kinds of decisions can be doubtful: the sign of a pre-activation at a knot, the order (or
coincidence) of two crossings of one interval, and the equality of two slopes. All else follows from
these without arithmetic; in particular the activation bits, which are flipped at the crossings.
"""

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Array

from jaxlab.networks import mlp
from jaxlab.regions import _exact, _running_error
from jaxlab.regions._ledger import Found, Ledger
from jaxlab.regions._line import ensembles as _count
from jaxlab.regions._line.intervals import Tree
from jaxlab.regions.certificates import Certificate


def certify(
    params: mlp.Parameters,
    start: Array | np.ndarray | Sequence[float] | float,
    stop: Array | np.ndarray | Sequence[float] | float,
    *,
    pieces: bool = True,
    effort: int = 2**18,
    limit: int = 2**22,
) -> Certificate:
    """Certify the number of regions and pieces of one ReLU network along a segment.

    What is proved: regions are the intervals between the *strict* sign changes of the hidden
    pre-activations on the open segment, as in :func:`jaxlab.regions.line.count`: touching zero, or
    being zero on an interval, makes no boundary; crossings that coincide make one. Coincident,
    touching and vanishing are decided exactly. Assumed is that NumPy evaluates in IEEE 754
    binary64, rounded to nearest; a matrix product may sum in any order, with or without fused
    multiply-adds, and results below the normal range may be flushed to zero. Overflow is no
    obstacle: where a magnitude is not finite in float64 the decisions are exact ones.

    Where a layer needs more than can be settled, the interval is the regions that are certain, to
    all that are possible in this layer times ``neurons + 1`` for each hidden layer after it.

    For networks in general position it costs 1.3 to 2.5 times :func:`jaxlab.regions.line.count`
    (without pieces 2 to 4 times; both measured), and python-flint is not needed. In degenerate ones
    a doubtful knot costs about 50 microseconds at width 2, and a new activation pattern an integer
    matrix product per layer: 0.1 ms at width 64, 2 ms at 256.

    Parameters
    ----------
    params
        Layers of one network, any format; converted exactly.
    start, stop
        Ends of the segment, scalars or ``(inputs,)``, taken as the binary numbers they are.
    pieces
        False certifies regions only.
    effort
        Largest number of decisions to settle exactly.
    limit
        Give up when a layer before the last has more regions than this.

    Returns
    -------
    Certificate

    Raises
    ------
    ValueError
        If widths disagree, an end does not fit the inputs, or ``params`` is an ensemble.

    Examples
    --------
    A neuron and its triple, which three tenths only nearly is: the boundaries are apart.

    >>> import numpy as np
    >>> from jaxlab.networks.mlp import Layer
    >>> hidden = Layer(np.array([[1.0, 3.0]]), np.array([-0.1, -0.3]))
    >>> params = (hidden, Layer(np.array([[1.0], [1.0]]), np.zeros(1)))
    >>> found = certify(params, 0.0, 1.0)
    >>> found.lower, found.upper, found.settled, found.certified
    (3, 3, 1, True)

    Exactly tripled they are one:

    >>> params = (Layer(np.array([[1.0, 3.0]]), np.array([-0.25, -0.75])), params[1])
    >>> certify(params, 0.0, 1.0).upper
    2
    """
    leaves, single = _count.to_host(params)
    if not single:
        raise ValueError("params: got an ensemble, expected one network")
    inputs = mlp.widths(params)[0]
    ends = _count.end_point("start", start, inputs), _count.end_point("stop", stop, inputs)
    net = _count.pick(leaves, 0)
    if not all(np.isfinite(entry).all() for entry in (*ends, *(x for pair in net for x in pair))):
        reason = "params, start, stop: got a number that is not finite, expected finite ones"
        return Certificate(-1, -1, -1, -1, 0, 0, reason)
    ledger = Ledger(effort)
    with np.errstate(all="ignore"):
        found = sweep(Tree(net, *ends), ledger, limit, pieces)
    if not pieces:
        found = found._replace(pieces_lower=-1, pieces_upper=-1)
    return Certificate(*found, ledger.settled, ledger.doubtful, ledger.reason)


class _Knots(NamedTuple):
    """A row per knot: values with bounds, and the neuron that made it (:meth:`Tree.knot`)."""

    values: np.ndarray
    errors: np.ndarray
    layer: np.ndarray
    neuron: np.ndarray


class _Signs(NamedTuple):
    """Certain signs of a layer at the knots; where neither is True the sign is zero or unknown."""

    above: np.ndarray
    below: np.ndarray
    unknown: np.ndarray


class _Crossings(NamedTuple):
    """Crossings in order along the segment; those that do not open a knot share the one before."""

    interval: np.ndarray
    neuron: np.ndarray
    fraction: np.ndarray
    blur: np.ndarray
    opens: np.ndarray


def sweep(tree: Tree, ledger: Ledger, limit: int, pieces: bool) -> Found:
    """Bounds of the counts of one finite network: equal where every decision was settled."""
    ends = np.stack([tree.start, tree.stop])
    knots = _Knots(ends, np.zeros_like(ends), np.array([-1, -1]), np.array([0, 1]))
    step = ends[1:] - ends[:1]  # rounded once
    tangents = step, _running_error.rounded_once(step, step != 0)
    hidden = tree.params[:-1]
    regions = 1
    for level, (weight, bias) in enumerate(hidden):
        values, errors = _running_error.affine(knots.values, knots.errors, weight, bias)
        knots = knots._replace(values=values, errors=errors)
        signs = _settle_signs(tree, ledger, level, knots)
        crossings = _settle_order(tree, ledger, level, knots, signs)
        before, regions = regions, regions + int(crossings.opens.sum())
        most = before + _possible(signs) if ledger.reason else regions
        last = level == len(hidden) - 1
        if not ledger.reason and regions > limit and not last:
            ledger.reason = f"limit: got {limit}, expected at least {regions} regions"
        if ledger.reason:
            upper = most * math.prod(layer.bias.size + 1 for layer in hidden[level + 1 :])
            return Found(regions, upper, 1, upper)
        if last and not pieces:
            break
        knots, parent, active = _refine(level, knots, signs, crossings, values=not last)
        tree.grow(parent, active)
        if pieces:
            slopes, bounds = _running_error.affine(*tangents, weight, np.zeros_like(bias))
            tangents = np.where(active, slopes[parent], 0), np.where(active, bounds[parent], 0)
    return Found(regions, regions, *(_pieces(tree, ledger, tangents) if pieces else (1, regions)))


def _settle_signs(tree: Tree, ledger: Ledger, level: int, knots: _Knots) -> _Signs:
    """The signs at all knots; a row with a doubt is evaluated exactly and rounded once, in place.

    The value at a knot is that of the interval on its left (of the first, at the start).
    """
    values, errors = knots.values, knots.errors
    above, below = values > errors, values < -errors
    rows = np.flatnonzero(~(above | below).all(axis=1))
    doubts = ~(above[rows] | below[rows] | ((values[rows] == 0) & (errors[rows] == 0)))
    unknown = np.zeros_like(above)
    if not ledger.allows(int(doubts.sum())):
        unknown[rows] = doubts
        return _Signs(above, below, unknown)
    rows = rows[doubts.any(axis=1)]
    for row in rows.tolist():
        interval = max(row - 1, 0)
        point = tree.knot(interval, int(knots.layer[row]), int(knots.neuron[row]))
        signs, values[row] = tree.row(level, interval, point)
        above[row], below[row] = signs > 0, signs < 0
    errors[rows] = _running_error.rounded_once(values[rows], above[rows] | below[rows])
    return _Signs(above, below, unknown)


def _possible(signs: _Signs) -> int:
    """How many crossings there can be at most, over all intervals."""
    may_rise = (signs.below | signs.unknown)[:-1] & (signs.above | signs.unknown)[1:]
    may_fall = (signs.above | signs.unknown)[:-1] & (signs.below | signs.unknown)[1:]
    return int((may_rise | may_fall).sum())


def _settle_order(
    tree: Tree, ledger: Ledger, level: int, knots: _Knots, signs: _Signs
) -> _Crossings:
    """The certain crossings in order; those that the bounds do not separate are compared exactly.

    If they cannot be, each group of them opens one knot.
    """
    above, below = signs.above, signs.below
    changes = (above[:-1] & below[1:]) | (below[:-1] & above[1:])
    interval, neuron = np.divmod(np.flatnonzero(changes), changes.shape[1])
    left, right = [
        (knots.values[row, neuron], knots.errors[row, neuron]) for row in (interval, interval + 1)
    ]
    fraction, lower, upper = _running_error.crossing(left, right)
    order = np.lexsort((lower, interval))
    interval, neuron, fraction = interval[order], neuron[order], fraction[order]
    lower, upper = lower[order], upper[order]
    blur = (1 + 8 * _running_error.UNIT) * np.maximum(upper - fraction, fraction - lower)
    opens = np.ones(len(order), bool)
    opens[1:] = (np.diff(interval) > 0) | (_running_maximum(interval, upper)[:-1] < lower[1:])
    if not ledger.reason and ledger.allows(int((~opens).sum())):
        for first, last in _groups(opens):
            points = [
                tree.zero(level, int(interval[first]), int(neuron[index]))
                for index in range(first, last)
            ]
            ranks = sorted(range(last - first), key=functools.cmp_to_key(_along(points)))
            moved = first + np.array(ranks)
            neuron[first:last], fraction[first:last] = neuron[moved], fraction[moved]
            blur[first:last] = blur[moved]
            opens[first + 1 : last] = [points[a] != points[b] for a, b in itertools.pairwise(ranks)]
    return _Crossings(interval, neuron, fraction, blur, opens)


def _along(points: list) -> Callable[[int, int], int]:
    """Compares two of the points by their place on the segment."""
    return lambda a, b: _exact.compare_along((0, 1), points[a], points[b])


def _running_maximum(interval: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The largest value so far within each interval (ascending)."""
    order = np.argsort(values)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    largest = np.maximum.accumulate(interval * len(order) + rank)
    return values[order[largest - interval * len(order)]]


def _groups(opens: np.ndarray) -> Iterator[tuple[int, int]]:
    """First and one past the last index of each group of more than one."""
    firsts = np.flatnonzero(opens)
    lasts = np.append(firsts[1:], len(opens))
    several = lasts - firsts > 1
    return zip(firsts[several].tolist(), lasts[several].tolist(), strict=True)


def _refine(
    level: int, knots: _Knots, signs: _Signs, crossings: _Crossings, *, values: bool
) -> tuple[_Knots, np.ndarray, np.ndarray]:
    """Insert the crossings as knots and apply the ReLU.

    Returns the knots (without ``values``: as they were), the interval that holds each new interval,
    and the activation bits of the new intervals.
    """
    interval, opens = crossings.interval, crossings.opens
    at = interval[opens]
    new = at + 1 + np.arange(len(at))
    is_new = np.zeros(len(knots.values) + len(at), bool)
    is_new[new] = True
    old = np.flatnonzero(~is_new)
    source = np.cumsum(~is_new) - 1
    parent = source[:-1]
    # Bits at the left end of each interval, flipped from each crossing to the interval's end.
    active = (signs.above[:-1] | (signs.above[1:] & ~signs.below[:-1]))[parent]
    row = new[np.cumsum(opens) - 1]
    length = old[interval + 1] - row
    flipped = np.repeat(row, length) + np.arange(length.sum())
    flipped -= np.repeat(np.cumsum(length) - length, length)
    active[flipped, np.repeat(crossings.neuron, length)] ^= True
    if not values:
        return knots, parent, active
    positive = np.empty((len(is_new), active.shape[1]), bool)
    positive[old], positive[new] = signs.above, active[new - 1] & active[new]
    left, right = [(knots.values[ends], knots.errors[ends]) for ends in (at, at + 1)]
    inner = _running_error.between(
        left, right, crossings.fraction[opens, None], crossings.blur[opens, None]
    )
    hidden = [np.zeros(positive.shape), np.zeros(positive.shape)]
    for entries, at_old, at_new in zip(hidden, (knots.values, knots.errors), inner, strict=True):
        entries[old], entries[new] = at_old, at_new
        entries[~positive] = 0
    layer, neuron = knots.layer[source], knots.neuron[source]
    layer[new], neuron[new] = level, crossings.neuron[opens]
    return _Knots(hidden[0], hidden[1], layer, neuron), parent, active


def _pieces(tree: Tree, ledger: Ledger, tangents: tuple[np.ndarray, np.ndarray]) -> tuple[int, int]:
    """Bounds of the number of pieces: neighbours of equal slopes are one."""
    weight, bias = tree.params[-1]
    slopes, bounds = _running_error.affine(*tangents, weight, np.zeros_like(bias))
    change, doubt = np.abs(np.diff(slopes, axis=0)), bounds[1:] + bounds[:-1]
    breaks = (change > (1 + 8 * _running_error.UNIT) * doubt).any(axis=1)
    doubtful = np.flatnonzero(~breaks & ~((change == 0) & (doubt == 0)).all(axis=1))
    least = 1 + int(breaks.sum())
    if not ledger.allows(len(doubtful)):
        return least, least + len(doubtful)
    last = len(tree.params) - 1
    for interval in doubtful.tolist():
        one, two = (tree.forms(last, side).tolist()[1] for side in (interval, interval + 1))
        least += one != two
    return least, least
