"""The decision boundary of a network on a plane: exact segments, their length, who meets whom."""

import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from jaxlab.regions._line.host import TOLERANCE
from jaxlab.regions._plane import subdivision as _planar
from jaxlab.regions.plane import Tessellation


class Boundary(NamedTuple):
    """What :func:`boundary` returns.

    Attributes
    ----------
    segments
        ``(segments, 2, 2)``: ends in plane coordinates; straight, one per region crossed.
    classes
        ``(segments, 2)``: the classes on the two sides, the smaller first; for a single output
        always (0, 1), 1 where it is above the level.
    length
        Total length in plane coordinates, which are orthonormal: a length in input space.
    undecided
        Decisions within the tolerance, ties included.
    """

    segments: Float64[np.ndarray, "segments 2 2"]
    classes: Int64[np.ndarray, "segments 2"]
    length: float
    undecided: int


def boundary(found: Tessellation, level: float = 0.0) -> Boundary:
    """Where a classifier changes its mind.

    With one output: where it equals ``level`` (a logit: 0). With several: where the largest two are
    equal, between the two classes. On every region the outputs are affine, so the boundary is made
    of straight segments; they are found by cutting the tessellation by all differences of outputs.
    A boundary along the edge of the polygon, or a tie on a whole region, is none.

    Parameters
    ----------
    found
        From :func:`jaxlab.regions.plane.tessellate`.
    level
        The value that separates the two classes of a single output.

    Returns
    -------
    Boundary

    Examples
    --------
    The network |x| + |y| equals 1 on a square of side sqrt(2):

    >>> import jax.numpy as jnp
    >>> from jaxlab.networks.mlp import Layer
    >>> from jaxlab.regions import plane
    >>> signs = jnp.array([[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0]])
    >>> params = (Layer(signs, jnp.zeros(4)), Layer(jnp.ones((4, 1)), jnp.zeros(1)))
    >>> edge = boundary(plane.tessellate(params, plane.box(-2.0, 2.0)), level=1.0)
    >>> len(edge.segments), round(edge.length, 6)
    (4, 5.656854)
    """
    outputs = found.values.shape[1]
    if outputs == 1:
        pairs, forms = np.array([[0, 1]]), found.values - level
        size = np.abs(found.values).max(axis=0) + abs(level)
    else:
        pairs = np.array(list(itertools.combinations(range(outputs), 2)))
        forms = found.values[:, pairs[:, 0]] - found.values[:, pairs[:, 1]]
        size = np.abs(found.values).max(axis=0)[pairs].sum(axis=1)
    made = _planar.cut(_subdivision(found), forms, size * TOLERANCE)
    values = made.refinement.rows(found.values)
    places = made.refinement.rows(found.coordinates)[made.plane.edges]
    vanish = made.refinement.rows(forms)
    vanish[tuple(made.refinement.zeros)] = 0
    vanish = np.where(np.abs(vanish) > size * TOLERANCE, vanish, 0)
    near = (vanish[made.plane.edges] == 0).all(axis=1)
    edge, pair = np.nonzero(near & (made.plane.sides.min(axis=1, keepdims=True) >= 0))
    if outputs > 1:
        middle = values[made.plane.edges[edge]].sum(axis=1)
        own = middle[np.arange(len(edge))[:, None], pairs[pair]].max(axis=1)
        best = middle.max(axis=1, initial=-np.inf)
        on_top = own >= best - 4 * np.abs(values).max(initial=0) * TOLERANCE
        edge, pair = edge[on_top], pair[on_top]
    switches = _changes(made, vanish, edge, pair)
    edge, pair = edge[switches], pair[switches]
    length = float(np.linalg.norm(places[edge, 1] - places[edge, 0], axis=1).sum())
    return Boundary(places[edge], pairs[pair], length, made.found.undecided)


def _subdivision(found: Tessellation) -> _planar.Subdivision:
    faces = len(found.patterns)
    lines = np.zeros(len(found.edges), int)
    return _planar.Subdivision(found.edges, found.sides, lines, len(found.points), faces, 1)


def _changes(made: _planar.Cut, forms: np.ndarray, edge: np.ndarray, pair: np.ndarray):
    """Whether a form has strictly opposite signs in the faces on both sides of an edge."""
    plane = made.plane
    wanted = np.unique(pair)
    sign = np.zeros((plane.faces, forms.shape[1]), np.int8)
    for number, side in np.ndindex(2, 2):
        inside = plane.sides[:, side] >= 0
        face, vertex = plane.sides[inside, side], plane.edges[inside, number]
        for form in wanted:
            value = forms[vertex, form]
            sign[face[value > 0], form] = 1
            sign[face[value < 0], form] = -1
    return sign[plane.sides[edge, 0], pair] * sign[plane.sides[edge, 1], pair] < 0
