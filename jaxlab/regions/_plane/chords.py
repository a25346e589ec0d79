"""Where lines cut the edges and the faces of a planar subdivision."""

from typing import NamedTuple

import numpy as np

from jaxlab.regions._plane.judge import Judge, Points
from jaxlab.regions._ragged import spread, starts


class Splits(NamedTuple):
    """Points on edges where a form changes sign; in order along each edge, edge by edge.

    Attributes
    ----------
    edges, fractions, widths, ranks
        Of each split: its edge, its place along it, how uncertain that is, and its number on it
        (from 0).
    per_edge
        Number of splits of each edge.
    item_edges, item_forms, of_item
        The sign changes: edge, form, and split (one split for coincident ones).
    doubts
        Coincidences that were not exact.
    """

    edges: np.ndarray
    fractions: np.ndarray
    widths: np.ndarray
    ranks: np.ndarray
    per_edge: np.ndarray
    item_edges: np.ndarray
    item_forms: np.ndarray
    of_item: np.ndarray
    doubts: int


class Chords(NamedTuple):
    """Zero lines of forms in faces, face by face; forms with the same line share a chord.

    Vertices are numbered on: ``V + s`` is split ``s``.

    Attributes
    ----------
    faces, forms, starts, ends
        Of each chord: its face, one of its forms, and the vertices at its ends.
    per_face, first
        Number of chords of each face, and the first of them.
    members, member_forms
        All pairs of a chord and a form that is zero on it.
    """

    faces: np.ndarray
    forms: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    per_face: np.ndarray
    first: np.ndarray
    members: np.ndarray
    member_forms: np.ndarray


def crossings(
    plane, signs: np.ndarray, values: np.ndarray, bounds: np.ndarray, judge: Judge
) -> Splits:
    """The strict sign changes along edges."""
    edge, form = _sign_changes(plane.edges, signs)
    tail, head = plane.edges[edge].T
    ends = [(values[vertex, form], bounds[vertex, form]) for vertex in (tail, head)]
    fraction, width = judge.zero(*ends)
    per_edge = np.bincount(edge, minlength=len(plane.edges))
    if per_edge.max(initial=0) <= 1:
        number = np.arange(len(edge))
        return Splits(edge, fraction, width, 0 * number, per_edge, edge, form, number, 0)
    face, line = plane.sides[edge].max(axis=1), plane.lines[edge]
    points = Points(edge, fraction, width, face, form, signs[tail, form], line, 0 * line - 1)
    order, joins, doubts = judge.arrange(points)
    edge, form, fraction, width = (entry[order] for entry in (edge, form, fraction, width))
    of_item = np.cumsum(~joins) - 1
    per_edge = np.bincount(edge[~joins], minlength=len(plane.edges))
    kept = edge[~joins], fraction[~joins], width[~joins], spread(per_edge)[1]
    return Splits(*kept, per_edge, edge, form, of_item, doubts)


def _sign_changes(edges: np.ndarray, signs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges and forms of opposite signs, edge by edge; 8 forms are compared at a time."""
    above = np.packbits(signs > 0, axis=1, bitorder="little")
    below = np.packbits(signs < 0, axis=1, bitorder="little")
    tail, head = edges.T
    words = (above[tail] & below[head]) | (below[tail] & above[head])
    edge, byte = np.nonzero(words)
    bits = np.unpackbits(words[edge, byte][:, None], axis=1, bitorder="little")
    item, bit = np.nonzero(bits)
    return edge[item], 8 * byte[item] + bit


def find_chords(plane, signs: np.ndarray, splits: Splits) -> tuple[Chords, bool]:
    """The chords, and False if some (face, form) has not exactly two boundary points."""
    sides = plane.sides[splits.item_edges]
    point = plane.vertices + splits.of_item
    inside = sides >= 0
    face = np.concatenate([sides[inside[:, 0], 0], sides[inside[:, 1], 1]])
    form = np.concatenate([splits.item_forms[inside[:, side]] for side in (0, 1)])
    point = np.concatenate([point[inside[:, side]] for side in (0, 1)])
    at_vertices = _zeros_of_cut_faces(plane, signs)
    if at_vertices is not None:
        face, form, point = (
            np.concatenate(both) for both in zip((face, form, point), at_vertices, strict=True)
        )
    key = face * signs.shape[1] + form
    order = np.argsort(key)
    key, point = key[order], point[order]
    begins = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])[: len(key)])
    sizes = np.diff(np.append(begins, len(key)))
    sound = bool((sizes == 2).all())
    begins, sizes = begins[sizes > 1], sizes[sizes > 1]
    face, form = np.divmod(key[begins], signs.shape[1])
    low = np.minimum(point[begins], point[begins + sizes - 1])
    high = np.maximum(point[begins], point[begins + sizes - 1])
    merged = at_vertices is not None or len(splits.edges) < len(splits.of_item)
    return _unite(face, form, low, high, plane.faces, merged), sound


def _zeros_of_cut_faces(plane, signs):
    """Faces, forms, vertices: the form is 0 at the vertex and has both signs in its face."""
    if np.count_nonzero(signs) == signs.size:
        return None
    columns = np.flatnonzero((signs > 0).any(axis=0) & (signs < 0).any(axis=0))
    vertex, column = np.nonzero(signs[:, columns] == 0)
    if not len(vertex):
        return None
    form = columns[column]
    flags = np.zeros(plane.vertices, bool)
    flags[vertex] = True
    touching = np.flatnonzero(flags[plane.edges].any(axis=1))
    corner = np.repeat(plane.edges[touching], 2, axis=1).ravel()  # tail tail head head
    side = np.tile(plane.sides[touching], 2).ravel()
    wanted = flags[corner] & (side >= 0)
    incidence = np.unique(corner[wanted] * plane.faces + side[wanted])
    corner, side = np.divmod(incidence, plane.faces)
    per_vertex = np.bincount(corner, minlength=plane.vertices)
    item, number = spread(per_vertex[vertex])
    face = side[starts(per_vertex)[vertex[item]] + number]
    form, vertex = form[item], vertex[item]
    both = _has_both_signs(plane, signs, face, form)
    return face[both], form[both], vertex[both]


def _has_both_signs(plane, signs, face, form):
    """Whether a form is somewhere positive and somewhere negative on a face."""
    wanted = np.zeros(plane.faces, bool)
    wanted[face] = True
    rows = np.cumsum(wanted) - 1
    edge, side = np.nonzero(wanted[plane.sides] & (plane.sides >= 0))
    row = rows[plane.sides[edge, side]]
    order = np.argsort(row, kind="stable")
    edge, row = edge[order], row[order]
    begins = np.searchsorted(row, np.arange(int(wanted.sum())))

    def anywhere(mask):
        bits = np.packbits(mask, axis=1, bitorder="little")
        found = bits[plane.edges[edge, 0]] | bits[plane.edges[edge, 1]]
        found = np.bitwise_or.reduceat(found, begins, axis=0)
        return (found[rows[face], form // 8] >> (form % 8).astype(np.uint8)) & 1 != 0

    return anywhere(signs > 0) & anywhere(signs < 0)


def _unite(face, form, low, high, faces: int, merged: bool) -> Chords:
    """Chords of one face with the same ends become one."""
    member = np.arange(len(face))
    chosen = member
    if merged:
        order = np.lexsort((high, low, face))
        ends = np.stack([face, low, high])[:, order]
        fresh = np.concatenate([[True], (ends[:, 1:] != ends[:, :-1]).any(axis=0)])[: len(order)]
        chosen, member = order[fresh], np.empty(len(order), int)
        member[order] = np.cumsum(fresh) - 1
    per_face = np.bincount(face[chosen], minlength=faces)
    return Chords(
        face[chosen],
        form[chosen],
        low[chosen],
        high[chosen],
        per_face,
        starts(per_face),
        member,
        form,
    )
