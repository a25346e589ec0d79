"""A convex polygon cut by many lines at once, in every face of a subdivision: exact combinatorics.

State: vertices, edges, and the two faces beside each edge. A *form* is a function that is affine on
every face and continuous across edges (the pre-activations of a layer); its zero set in a face is a
chord. All faces are cut by all forms of a layer at once:

1. signs of the forms at the vertices; an edge with strictly opposite signs at its ends is split;
2. a face with vertices of both strict signs of a form has a chord: its two ends are split points,
   or vertices where the form is zero;
3. two chords of a face cross where the ends of one lie strictly on opposite sides of the other:
   this follows from the signs and from the order of the split points along the edges;
4. the faces of the arrangement of ``k`` chords number ``1 + k + sum(m - 1)`` over the crossing
   points, ``m`` the number of chords through a point. Counting a last layer ends here.
5. New faces are told apart by sums of random words over the chords they lie above; a collision
   would give fewer faces than (4) and be noticed.

Only two kinds of decision are numerical: the sign of a form at a vertex, and the order of points
along an edge or chord. A :class:`Judge` makes both, so that a certificate can make them exact.
"""

from typing import NamedTuple

import numpy as np

from jaxlab.regions._plane.chords import Chords, Splits, crossings, find_chords
from jaxlab.regions._plane.faces import rebuild
from jaxlab.regions._plane.judge import TOLERANT, Judge
from jaxlab.regions._plane.meetings import Meetings, find_meetings

# Rows interpolated at a time: in all at once their copies would be the largest arrays there are.
_BLOCK = 2**12


class Subdivision(NamedTuple):
    """A subdivision of a convex polygon into convex faces.

    Attributes
    ----------
    edges
        ``(E, 2)``: vertices at the ends.
    sides
        ``(E, 2)``: faces on both sides, -1 outside the polygon.
    lines
        ``(E,)``: the straight line of the edge, by number: the polygon's sides, then all chords.
    vertices, faces, used_lines
        How many there are.
    """

    edges: np.ndarray
    sides: np.ndarray
    lines: np.ndarray
    vertices: int
    faces: int
    used_lines: int


class Between(NamedTuple):
    """New vertices ``tail + fraction (head - tail)``, and how uncertain the fractions are."""

    tails: np.ndarray
    heads: np.ndarray
    fractions: np.ndarray
    widths: np.ndarray


class Refinement(NamedTuple):
    """Where the new vertices lie.

    Attributes
    ----------
    on_edges, on_chords
        First the points on old edges, then those on chords, whose ends are among the vertices so
        far.
    zeros
        ``(2, n)``: vertices and forms that are zero there by construction.
    """

    on_edges: Between
    on_chords: Between
    zeros: np.ndarray

    def rows(self, values: np.ndarray) -> np.ndarray:
        """Values at all vertices, from those at the old ones (leading axis)."""
        stages, done = (self.on_edges, self.on_chords), len(values)
        out = np.empty((done + sum(len(s.tails) for s in stages), *values.shape[1:]))
        out[:done] = values
        for tails, heads, fractions, _ in stages:
            along = fractions.reshape(-1, *[1] * (values.ndim - 1))
            for first in range(0, len(tails), _BLOCK):
                some = slice(first, first + _BLOCK)
                start = out[tails[some]]
                step = out[heads[some]]
                step -= start
                step *= along[some]
                step += start
                out[done : done + len(step)] = step
                done += len(step)
        return out


class Found(NamedTuple):
    """What cuts the faces, and what that makes.

    Attributes
    ----------
    signs, splits, chords, meetings
        Signs at the vertices; points on edges, lines through faces, points where these cross.
    regions
        Number of faces after the cut.
    undecided
        Decisions within the tolerance, ties included.
    consistent
        False if the numerical decisions contradict each other: no arrangement of lines has them.
    """

    signs: np.ndarray
    splits: Splits
    chords: Chords
    meetings: Meetings
    regions: int
    undecided: int
    consistent: bool


class Cut(NamedTuple):
    """The subdivision after a cut.

    Attributes
    ----------
    plane, refinement, parents
        The subdivision, where its new vertices lie, and the old face of each face.
    found
        What cut it; its chords are the new lines, in order.
    consistent
        As in :class:`Found`, and whether there are as many faces as counted.
    """

    plane: Subdivision
    refinement: Refinement
    parents: np.ndarray
    found: Found
    consistent: bool


def polygon(corners: int) -> Subdivision:
    """A polygon with its corners in order."""
    number = np.arange(corners)
    return Subdivision(
        edges=np.stack([number, (number + 1) % corners], axis=1),
        sides=np.stack([np.zeros(corners, int), np.full(corners, -1)], axis=1),
        lines=number,
        vertices=corners,
        faces=1,
        used_lines=corners,
    )


def find(
    plane: Subdivision, values: np.ndarray, bounds: np.ndarray, judge: Judge = TOLERANT
) -> Found:
    """What cuts every face along the zero lines of all forms, and the number of faces after.

    Parameters
    ----------
    plane
        The subdivision so far.
    values
        ``(V, n)`` float64: the forms at the vertices.
    bounds
        ``(V, n)`` or ``(n,)``: sizes below which a value says nothing.
    judge
        Who decides.
    """
    if bounds.ndim == 1:
        bounds = np.broadcast_to(bounds, values.shape)
    signs, near = judge.signs(values, bounds)
    splits = crossings(plane, signs, values, bounds, judge)
    chords, sound = find_chords(plane, signs, splits)
    meetings = find_meetings(plane, signs, values, bounds, splits, chords, judge)
    regions = plane.faces + len(chords.faces) + int((meetings.chords_through - 1).sum())
    undecided = near + splits.doubts + meetings.doubts
    return Found(signs, splits, chords, meetings, regions, undecided, sound)


def cut(plane: Subdivision, values: np.ndarray, bounds: np.ndarray, judge: Judge = TOLERANT) -> Cut:
    """Cut every face along the zero lines of all forms: :func:`find`, carried out."""
    found = find(plane, values, bounds, judge)
    parts = found.signs, found.splits, found.chords, found.meetings
    new, parents = rebuild(plane, *parts)
    refinement = _refinement(plane, *parts[1:])
    return Cut(new, refinement, parents, found, found.consistent and new.faces == found.regions)


def _refinement(plane: Subdivision, splits: Splits, chords: Chords, meetings: Meetings):
    tails, heads = plane.edges[splits.edges].T
    chord = meetings.chord
    own_splits = np.stack([plane.vertices + splits.of_item, splits.item_forms])
    first = plane.vertices + len(splits.edges)
    own_points = np.stack([first + meetings.zero_points, meetings.zero_forms])
    return Refinement(
        Between(tails, heads, splits.fractions, splits.widths),
        Between(chords.starts[chord], chords.ends[chord], meetings.fractions, meetings.widths),
        np.concatenate([own_splits, own_points], axis=1),
    )
