"""The subdivision after a cut: edges between the new vertices, and faces told apart by signs.

A face of the arrangement of chords in an old face is known by the set of chords that it lies above.
Every chord gets a random word; a face gets the sum, modulo 2^64, of the words of its set. Along an
edge the sum changes only where chords end or cross, by their words.
"""

import numpy as np

from jaxlab.regions._plane.chords import Chords, Splits
from jaxlab.regions._plane.meetings import Meetings
from jaxlab.regions._ragged import running_sums, spread, starts


def rebuild(plane, signs, splits: Splits, chords: Chords, meetings: Meetings):
    """The new subdivision, and the old face of each new face."""
    rng = np.random.default_rng(len(splits.edges))
    face_words = rng.integers(0, 2**64, plane.faces, np.uint64)
    chord_words = rng.integers(0, 2**64, len(chords.faces), np.uint64)
    ends, edge_of, words = _along_edges(plane, signs, splits, chords, chord_words)
    old_sides = plane.sides[edge_of]
    chord_ends, chord_of, above = _along_chords(plane, splits, chords, meetings, chord_words)
    chord_sides = np.stack([chords.faces[chord_of]] * 2, axis=1)
    sides = np.concatenate([old_sides, chord_sides])
    words = np.concatenate([words, above])
    inside = sides >= 0
    keys = words[inside] + face_words[sides[inside]]
    _, first, number = np.unique(keys, return_index=True, return_inverse=True)
    new_sides = np.full(sides.shape, -1)
    new_sides[inside] = number
    lines = np.concatenate([plane.lines[edge_of], plane.used_lines + chord_of])
    new = plane._replace(
        edges=np.concatenate([ends, chord_ends]),
        sides=new_sides,
        lines=lines,
        vertices=plane.vertices + len(splits.edges) + len(meetings.chord),
        faces=len(first),
        used_lines=plane.used_lines + len(chords.faces),
    )
    return new, sides[inside][first]


def _along_edges(plane, signs, splits: Splits, chords: Chords, chord_words):
    """Parts of the old edges: their ends, their edge, and the words of the faces on both sides."""
    parts = splits.per_edge + 1
    edge, number = spread(parts)
    first_split = plane.vertices + starts(splits.per_edge)[edge]
    tails = np.where(number == 0, plane.edges[edge, 0], first_split + number - 1)
    last = number == splits.per_edge[edge]
    heads = np.where(last, plane.edges[edge, 1], first_split + number)
    begin = starts(parts)
    words = np.zeros((len(edge), 2), np.uint64)
    for side in (0, 1):
        face = plane.sides[:, side]
        bounded = np.flatnonzero((face >= 0) & (chords.per_face[face] > 0))
        item, number = spread(chords.per_face[face[bounded]])
        chord = chords.first[face[bounded[item]]] + number
        at, form = bounded[item], chords.forms[chord]
        start = signs[plane.edges[at, 0], form]
        start = np.where(start != 0, start, signs[plane.edges[at, 1], form])
        np.add.at(words[:, side], begin[at], np.where(start > 0, chord_words[chord], 0))
    for end in (chords.starts, chords.ends):
        chord = np.flatnonzero(end >= plane.vertices)
        split = end[chord] - plane.vertices
        at = splits.edges[split]
        side = (plane.sides[at, 1] == chords.faces[chord]).astype(int)
        rises = signs[plane.edges[at, 1], chords.forms[chord]] > 0
        change = np.where(rises, chord_words[chord], 0 - chord_words[chord])
        np.add.at(words, (begin[at] + splits.ranks[split] + 1, side), change)
    return np.stack([tails, heads], axis=1), edge, running_sums(words, parts)


def _along_chords(plane, splits: Splits, chords: Chords, meetings: Meetings, chord_words):
    """Parts of the chords: their ends, their chord, and the words of the faces on both sides."""
    count = len(chords.faces)
    points = np.bincount(meetings.run_chords, minlength=count)
    parts = points + 1
    chord, number = spread(parts)
    begin, first_point = starts(parts), starts(points)
    vertices = plane.vertices + len(splits.edges) + meetings.run_points
    vertices = np.append(vertices, 0)
    tails = np.where(number == 0, chords.starts[chord], vertices[first_point[chord] + number - 1])
    heads = np.where(
        number == points[chord], chords.ends[chord], vertices[first_point[chord] + number]
    )
    words = np.zeros(len(chord), np.uint64)
    on_chord, rank = spread(points)
    # the place of a point along a chord, by (chord, point)
    total = max(len(meetings.chord), 1)
    key = on_chord * total + meetings.run_points
    order = np.argsort(key)
    sides = meetings.pair_sides
    for own, other, (start, end) in ((0, 1, sides[2:]), (1, 0, sides[:2])):
        chord_here, chord_there = meetings.pair_chords[own], meetings.pair_chords[other]
        word = chord_words[chord_there]
        from_above = np.where(start != 0, start, end) > 0
        np.add.at(words, begin[chord_here], np.where(from_above, word, 0))
        meets = np.flatnonzero(meetings.pair_points >= 0)
        here, word = chord_here[meets], word[meets]
        sought = here * total + meetings.pair_points[meets]
        place = rank[order[np.searchsorted(key, sought, sorter=order)]]
        change = np.where(end[meets] > 0, word, 0 - word)
        np.add.at(words, begin[here] + place + 1, change)
    words = running_sums(words, parts)
    above = np.stack([words + chord_words[chord], words], axis=1)
    return np.stack([tails, heads], axis=1), chord, above
