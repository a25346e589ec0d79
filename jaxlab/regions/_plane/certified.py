"""The certified sweep of a polygon: floats with bounds, integers where the bounds do not settle.

The combinatorics are those of ``_plane/subdivision.py``; only its two kinds of numerical decision
are made here with proof. The sign of a form at a vertex is taken from its float64 value where that
exceeds its error bound. Points on a segment whose uncertainties overlap are put in order
by exact signs: of two points the first is the one where the other's form still has the sign that it
has at the segment's tail. What was settled exactly is rounded once and goes on with that bound.
"""

import functools
import itertools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Array

from jaxlab.networks import mlp
from jaxlab.regions import _exact, _merging, _running_error
from jaxlab.regions._ledger import Found, Ledger
from jaxlab.regions._line import ensembles as _count
from jaxlab.regions._line.host import HostLayer, HostParameters
from jaxlab.regions._plane import subdivision as _planar
from jaxlab.regions._plane.facts import Facts, Layer
from jaxlab.regions._plane.frame import Frame, frame
from jaxlab.regions._plane.host import face_bits
from jaxlab.regions._plane.judge import Judge, Located, Points, along_segments
from jaxlab.regions.certificates import Certificate


def certify(
    params: mlp.Parameters,
    polygon: Array | np.ndarray | Sequence,
    *,
    pieces: bool = False,
    effort: int = 2**18,
    limit: int = 2**24,
) -> Certificate:
    """Certify the number of regions, and of pieces, of one ReLU network on a convex polygon.

    What is proved is the number of open sets of constant activation pattern of the function in real
    arithmetic whose weights are the binary numbers given, on the polygon whose corners have the
    given binary coordinates; for more than two inputs the corners are replaced, at the scale of
    rounding, by points that lie in a plane exactly. Lines through vertices, concurrent and
    overlapping lines, neurons that vanish on a region, and equality of affine maps are decided
    exactly. The assumptions are those of :func:`jaxlab.regions.line.certify`.

    Where a layer needs more than can be settled, the interval goes from the regions that are
    certain to those that lines in general position would make, ``1 + n + n (n - 1) / 2`` in each.

    Costs 1 to 3 times :func:`jaxlab.regions.plane.count` with the same ``pieces`` in general
    position (measured from 2-[16]^2-1 to 2-[256]^3-1), and about 0.1 ms per doubtful vertex of a
    narrow network.

    Parameters
    ----------
    params
        Layers of one network, any format; converted exactly.
    polygon
        Corners in order, ``(corners, inputs)``.
    pieces
        Certify the number of pieces, too.
    effort
        Largest number of decisions to settle exactly.
    limit
        Give up beyond this many regions.

    Returns
    -------
    Certificate

    Raises
    ------
    ValueError
        If shapes disagree, ``params`` is an ensemble, or the corners are no convex polygon.

    Examples
    --------
    Three lines through one point make six regions, if they do; with 0.1 rounded they do not:

    >>> import numpy as np
    >>> from jaxlab.networks.mlp import Layer
    >>> from jaxlab.regions.plane import box
    >>> weight, last = np.array([[1.0, 0, 1], [0, 1, 1]]), Layer(np.ones((3, 1)), np.zeros(1))
    >>> exact = (Layer(weight, np.array([-0.125, -0.25, -0.375])), last)
    >>> close = (Layer(weight, np.array([-0.1, -0.2, -0.3])), last)
    >>> [certify(params, box(0.0, 1.0)).lower for params in (exact, close)]
    [6, 7]
    """
    leaves, single = _count.to_host(params)
    if not single:
        raise ValueError("params: got an ensemble, expected one network")
    network = _count.pick(leaves, 0)
    place = frame(np.asarray(polygon).astype(np.float64), mlp.widths(params)[0])
    if not all(np.isfinite(leaf).all() for layer in network for leaf in layer):
        reason = "params: got a number that is not finite, expected finite ones"
        return Certificate(-1, -1, -1, -1, 0, 0, reason)
    ledger = Ledger(effort)
    with np.errstate(all="ignore"):
        found = sweep(network, place, ledger, limit, pieces)
    if not pieces:
        found = found._replace(pieces_lower=-1, pieces_upper=-1)
    return Certificate(*found, ledger.settled, ledger.doubtful, ledger.reason)


class _Exhausted(Exception):
    """No more decisions can be settled; the ledger says why."""


def sweep(params: HostParameters, place: Frame, ledger: Ledger, limit: int, pieces: bool) -> Found:
    """Bounds of the counts of one finite network on ``origin + u axes``, ``u`` in a polygon."""
    origin, axes, corners = place
    facts = Facts(params, place)
    rows: Located = corners, np.zeros_like(corners)
    if origin.any() or not np.array_equal(axes, np.eye(len(axes))):
        rows = _running_error.affine(*rows, axes, origin)
    slopes: Located = axes[None], np.zeros_like(axes)[None]
    plane, regions, hidden = _planar.polygon(len(corners)), 1, params[:-1]
    for level, layer in enumerate(hidden):
        values = _running_error.affine(*rows, *layer)
        judge = _judge(facts, ledger, _face_of_vertex(plane))
        try:
            if level == len(hidden) - 1 and not pieces:
                found = _planar.find(plane, *values, judge)
                sound = found.consistent
            else:
                made = _planar.cut(plane, *values, judge)
                found, sound = made.found, made.consistent
                facts.take(plane, found)
                rows, active = _after(facts, ledger, made, values)
                slopes = _slopes(slopes, layer, made.parents, active)
                plane = made.plane
        except _Exhausted:
            return _upto(regions, hidden[level:])
        if not sound:
            ledger.reason = "exact decisions contradict each other: please report this network"
            return _upto(regions, hidden[level:])
        regions = found.regions
        if regions > limit:
            ledger.reason = f"limit: got {limit}, expected at least {regions}"
            return _upto(regions, hidden[level + 1 :])
    if not pieces:
        return Found(regions, regions, 1, regions)
    return Found(regions, regions, *_pieces(facts, ledger, plane, slopes, params[-1]))


def _upto(regions: int, layers: HostParameters) -> Found:
    """At least these regions; at most what lines in general position make of them."""
    most = regions
    for layer in layers:
        lines = layer.bias.size
        most *= 1 + lines + lines * (lines - 1) // 2
    return Found(regions, most, 1, most)


def _face_of_vertex(plane: _planar.Subdivision) -> np.ndarray:
    """One of the faces around each vertex."""
    face = np.empty(plane.vertices, int)
    face[plane.edges] = plane.sides.max(axis=1)[:, None]
    return face


def _judge(facts: Facts, ledger: Ledger, faces: np.ndarray) -> Judge:
    """Decides with proof; ``faces``: a face at each vertex in which this layer's forms hold."""

    def signs(values, bounds):
        return _settled_signs(facts, ledger, faces, values, bounds), 0

    def zero(tail, head):
        fraction, lower, upper = _running_error.crossing(tail, head)
        return fraction, np.maximum(fraction - lower, upper - fraction)

    def between(tail, head, at):
        return _running_error.between(tail, head, *at)

    return Judge(signs, zero, between, functools.partial(_arrange, facts, ledger))


def _allow(ledger: Ledger, decisions: int) -> None:
    if not ledger.allows(decisions):
        raise _Exhausted


def _settled_signs(facts: Facts, ledger: Ledger, faces, values, bounds) -> np.ndarray:
    """Signs of the next layer's forms; doubtful values become exact ones, rounded, in place."""
    found = (values > bounds).astype(np.int8)
    found -= values < -bounds
    doubtful = (found == 0) & ~((values == 0) & (bounds == 0))
    _allow(ledger, int(doubtful.sum()))
    level = len(facts.layers)
    for vertex in np.flatnonzero(doubtful.any(axis=1)).tolist():
        columns = np.flatnonzero(doubtful[vertex])
        point = facts.point(vertex)
        exact = _exact.at(point, facts.forms(level, int(faces[vertex])))
        chosen = [exact[column] for column in columns.tolist()]
        signs = np.array([(value > 0) - (value < 0) for value in chosen], np.int8)
        rounded = _exact.rounded(chosen, point[0], facts.net.scales[level])
        found[vertex, columns], values[vertex, columns] = signs, rounded
        bounds[vertex, columns] = _running_error.rounded_once(rounded, signs)
    return found


def _arrange(facts: Facts, ledger: Ledger, points: Points) -> tuple[np.ndarray, np.ndarray, int]:
    order = along_segments(points.segments, points.fractions)
    segments, fractions, widths = (entry[order] for entry in points[:3])
    same = segments[1:] == segments[:-1]
    apart = fractions[1:] - widths[1:] > fractions[:-1] + widths[:-1]
    joins = np.zeros(len(order), bool)
    # Where all neighbours are apart, all points are.
    for segment in np.unique(segments[1:][same & ~apart]).tolist():
        here = slice(*np.searchsorted(segments, [segment, segment + 1]).tolist())
        _allow(ledger, here.stop - here.start)
        order[here], joins[here] = _in_order(facts, points, order[here])
    return order, joins, 0


def _in_order(facts: Facts, points: Points, items: np.ndarray) -> tuple[np.ndarray, list[bool]]:
    """The points of one segment in exact order, and which are the same as the one before."""
    level, first = len(facts.layers), items[0]
    faces, forms, tails = (entry[items].tolist() for entry in points[3:6])
    if points.lines[first] >= 0:
        through = facts.line(int(points.lines[first]))
    else:
        through = facts.form(level, faces[0], int(points.owns[first]))
    others = [facts.form(level, *at) for at in zip(faces, forms, strict=True)]
    places = [_exact.meet([through, other]) for other in others]

    def compare(one: int, two: int) -> int:
        place = places[one]
        assert place is not None  # the form has opposite signs at the segment's ends
        return -_exact.sign(place, others[two]) * tails[two]

    order = sorted(range(len(items)), key=functools.cmp_to_key(compare))
    joins = [False, *(compare(a, b) == 0 for a, b in itertools.pairwise(order))]
    return items[order], joins


def _after(facts: Facts, ledger: Ledger, made: _planar.Cut, values: Located):
    """Hidden values at all vertices after a cut, with bounds, and the faces' activation bits."""
    rows, bounds = values
    for tails, heads, fractions, widths in made.refinement[:2]:
        tail, head = (rows[tails], bounds[tails]), (rows[heads], bounds[heads])
        new = _running_error.between(tail, head, fractions[:, None], widths[:, None])
        rows, bounds = np.concatenate([rows, new[0]]), np.concatenate([bounds, new[1]])
    rows[tuple(made.refinement.zeros)] = 0
    bounds[tuple(made.refinement.zeros)] = 0
    old_faces = made.parents[_face_of_vertex(made.plane)]
    positive = _settled_signs(facts, ledger, old_faces, rows, bounds) > 0
    active = face_bits(made.plane, positive)
    facts.layers.append(Layer(made.parents, active))
    return (np.where(positive, rows, 0), np.where(positive, bounds, 0)), active


def _slopes(slopes: Located, layer: HostLayer, parents: np.ndarray, active: np.ndarray) -> Located:
    """Gradients of a layer's outputs on the faces after its cut, with bounds."""
    found, bounds = (slope[parents] for slope in _running_error.derivative(slopes, layer.weight))
    return np.where(active[:, None], found, 0), np.where(active[:, None], bounds, 0)


def _pieces(facts: Facts, ledger: Ledger, plane, slopes: Located, layer: HostLayer):
    """At least and at most how many sets of faces with one affine map there are."""
    inner = np.unique(np.sort(plane.sides[(plane.sides >= 0).all(axis=1)], axis=1), axis=0)
    level = len(facts.layers)

    def same(one: int, other: int) -> bool:
        return facts.forms(level, one) == facts.forms(level, other)

    found = _running_error.derivative(slopes, layer.weight)
    return _merging.certified(*found, inner, same, ledger)
