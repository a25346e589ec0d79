"""Where the zero lines of forms meet inside the faces of a planar subdivision."""

from typing import NamedTuple

import numpy as np

from jaxlab.regions._plane.chords import Chords, Splits
from jaxlab.regions._plane.judge import Judge, Located, Points
from jaxlab.regions._ragged import pairs, spread, starts, united


class Meetings(NamedTuple):
    """Points inside faces where chords cross.

    Attributes
    ----------
    chord, other, fractions, widths
        Two chords through each point, the place along the first, and how uncertain that is.
    chords_through
        Number of chords through each point.
    pair_chords, pair_sides
        ``(2, P)``: all pairs of chords of a face; ``(4, P)``: the side of the first chord on which
        the second one starts and ends, and the same with the roles exchanged.
    pair_points
        ``(P,)``: the point where a pair crosses, -1 if it does not.
    run_chords, run_points
        The points along every chord, in order, chord by chord.
    zero_points, zero_forms
        The forms that vanish at each point.
    doubts
        Coincidences that were not exact.
    """

    chord: np.ndarray
    other: np.ndarray
    fractions: np.ndarray
    widths: np.ndarray
    chords_through: np.ndarray
    pair_chords: np.ndarray
    pair_sides: np.ndarray
    pair_points: np.ndarray
    run_chords: np.ndarray
    run_points: np.ndarray
    zero_points: np.ndarray
    zero_forms: np.ndarray
    doubts: int


def side_of(plane, signs, splits: Splits, chords: Chords, chord, vertex) -> np.ndarray:
    """On which side of a chord a vertex of its face's boundary lies: int8, 0 on it."""
    if not len(chord):
        return np.zeros(0, np.int8)
    old = vertex < plane.vertices
    if len(splits.edges):
        edge = np.where(old, -1, splits.edges[np.where(old, 0, vertex - plane.vertices)])
    else:
        edge = np.full(len(vertex), -1)
    tail = np.where(old, vertex, plane.edges[edge, 0])
    head = np.where(old, vertex, plane.edges[edge, 1])
    form = chords.forms[chord]
    first, last = signs[tail, form], signs[head, form]
    found = np.where(first != 0, first, last)
    for end in (chords.starts[chord], chords.ends[chord]):
        new = end >= plane.vertices
        if len(splits.edges):
            other = splits.edges[np.where(new, end - plane.vertices, 0)]
            here = new & ~old & (other == edge)
            found = np.where(here & (vertex > end), last, found)
        found = np.where(vertex == end, 0, found)
    return found.astype(np.int8)


def find_meetings(
    plane, signs, values, bounds, splits: Splits, chords: Chords, judge: Judge
) -> Meetings:
    """Where the chords of each face cross."""
    first, second = pairs(chords.per_face)

    def sides(chord, other):
        return [
            side_of(plane, signs, splits, chords, chord, end[other])
            for end in (chords.starts, chords.ends)
        ]

    relation = np.stack([*sides(first, second), *sides(second, first)])
    crossed = np.flatnonzero(relation[0] * relation[1] < 0)
    both = first[crossed], second[crossed]
    segment, other = np.concatenate(both), np.concatenate(both[::-1])
    form = chords.forms[other]
    ends = [
        _value(plane, values, bounds, splits, end[segment], form, judge)
        for end in (chords.starts, chords.ends)
    ]
    tails = np.concatenate([relation[2, crossed], relation[0, crossed]])
    located = judge.zero(*ends)
    own = chords.forms[segment]
    points = Points(segment, *located, chords.faces[segment], form, tails, 0 * own - 1, own)
    order, joins, doubts = judge.arrange(points)
    item = order % max(len(crossed), 1)  # the crossing that each entry along a chord belongs to
    again = np.flatnonzero(joins)  # crossings that coincide along some chord are one point
    point = united(item[again - 1], item[again], len(crossed))
    pair_points = np.full(len(first), -1)
    pair_points[crossed] = point
    chosen = np.empty(int(point.max(initial=-1)) + 1, int)
    chosen[point[::-1]] = np.arange(len(crossed))[::-1]
    run_chords, run_points = _runs(segment[order], point[item])
    return Meetings(
        segment[chosen],
        other[chosen],
        located[0][chosen],
        located[1][chosen],
        np.bincount(run_points, minlength=len(chosen)),
        np.stack([first, second]),
        relation,
        pair_points,
        run_chords,
        run_points,
        *_forms_at(chords, run_chords, run_points),
        doubts,
    )


def _runs(chord, point):
    """Each point once along each chord."""
    fresh = np.ones(len(chord), bool)
    fresh[1:] = (chord[1:] != chord[:-1]) | (point[1:] != point[:-1])
    return chord[fresh], point[fresh]


def _forms_at(chords: Chords, chord, point):
    """Points, and the forms that vanish on a chord through them."""
    per_chord = np.bincount(chords.members, minlength=len(chords.faces))
    by_chord = np.argsort(chords.members)
    entry, number = spread(per_chord[chord])
    return point[entry], chords.member_forms[by_chord[starts(per_chord)[chord[entry]] + number]]


def _value(plane, values, bounds, splits, vertex, form, judge: Judge) -> Located:
    """A form at an old vertex or a split point."""
    found, bound = values[np.minimum(vertex, plane.vertices - 1), form], np.empty(len(vertex))
    new = vertex >= plane.vertices
    bound[~new] = bounds[vertex[~new], form[~new]]
    split, form = vertex[new] - plane.vertices, form[new]
    tail, head = plane.edges[splits.edges[split]].T
    found[new], bound[new] = judge.between(
        (values[tail, form], bounds[tail, form]),
        (values[head, form], bounds[head, form]),
        (splits.fractions[split], splits.widths[split]),
    )
    return found, bound
