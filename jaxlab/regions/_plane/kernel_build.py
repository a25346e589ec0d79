"""The planar subdivision after a layer's cut, in fixed shapes.

Every old edge keeps its row and becomes the first of its parts; every split gets a row for the part
after it. Chords and the points on them likewise. So nothing moves, and faces are known by words.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Int32, UInt32, UInt64

from jaxlab.regions._line.select import prefix_sum
from jaxlab.regions._plane import packed as _plane_bits
from jaxlab.regions._plane.kernel_cut import Forms, Found, Plane, form_bits
from jaxlab.regions._plane.packed import take

_ODD = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)


class _Parts(NamedTuple):
    """Parts of edges or chords: vertices at their ends, and the old faces beside them."""

    ends: Int32[Array, "parts 2"]
    faces: UInt64[Array, "parts 2"]


def rebuild(plane: Plane, found: Found) -> Plane:
    """The subdivision after the cut: vertices old, then splits, then points; edges likewise."""
    forms = (found.at_vertices, found.at_splits, found.at_points)
    values = jnp.concatenate([part.values for part in forms])
    threshold = jnp.broadcast_to(found.threshold, values.shape)
    hidden = jnp.where(values > threshold, values, 0)  # both the ReLU and the snap
    words = found.chords.crossed.shape[1]
    signs = jnp.concatenate([part.signs[:, :words] for part in forms])
    edges = _along_edges(plane, found)
    chords, chord, lost = _along_chords(found)
    ends = jnp.concatenate([edges.ends, chords.ends])
    bits = take(signs, ends)
    bits = bits[:, 0] | bits[:, 1]
    own = _plane_bits.of_columns(take(found.chords.form, chord), words)
    own = jnp.concatenate([jnp.zeros((edges.ends.shape[0], words), jnp.uint32), own])
    faces = jnp.concatenate([edges.faces, chords.faces])
    sides = [_word(faces[:, 0], bits | own), _word(faces[:, 1], bits)]
    return plane._replace(
        hidden=hidden,
        ends=ends,
        sides=jnp.stack(sides, axis=1),
        undecided=plane.undecided + jnp.where(plane.overflow, 0, lost),
    )


def _word(face: UInt64[Array, " parts"], bits: UInt32[Array, "parts words"]):
    """The word of a new face: a hash of the old word and the signs; 0 stays 0, and only 0."""
    word = face
    for index in range(bits.shape[1]):
        word = (word ^ bits[:, index].astype(jnp.uint64)) * jnp.uint64(_ODD[0])
        word = (word ^ (word >> jnp.uint64(30))) * jnp.uint64(_ODD[1])
        word = (word ^ (word >> jnp.uint64(27))) * jnp.uint64(_ODD[2])
        word = word ^ (word >> jnp.uint64(31))
    return jnp.where(face == 0, face, word | jnp.uint64(1))


def _along_edges(plane: Plane, found: Found) -> _Parts:
    edge, form, valid, first, counts, _ = found.splits
    passed = _passed(found.at_vertices, found.split_tails, found.at_splits)
    place = take(first, edge) + _others(take(found.changed, edge) & passed, form)
    vertex = found.at_vertices.values.shape[0] + lax.iota(jnp.int32, edge.shape[0])
    (along,) = _placed(edge.shape[0], [(place, valid, (vertex,))])
    tails, heads = plane.ends[:, 0], plane.ends[:, 1]
    starts = jnp.concatenate([tails, along])
    stops = _next(along, first, counts, heads, edge)
    used = jnp.concatenate([jnp.ones(tails.shape[0], bool), valid])
    faces = jnp.concatenate([plane.sides, take(plane.sides, edge)])
    return _parts(starts, stops, used, faces)


def _along_chords(found: Found) -> tuple[_Parts, Int32[Array, " parts"], Int32[Array, ""]]:
    """The parts, the chord of each, and how many points are not found on their second chord."""
    chords, points = found.chords, found.points
    counts = _plane_bits.number(chords.crossed)
    ends = prefix_sum(counts)
    first = ends - counts
    offset = found.at_vertices.values.shape[0]
    slots = points.row.shape[0]
    vertex = offset + found.splits.row.shape[0] + lax.iota(jnp.int32, slots)
    second, lost = _second_chord(found)
    second_tails = take(chords.ends, second)[:, 0]
    runs = []
    for chord, tails, form in (
        (points.row, found.point_tails, points.column),
        (second, second_tails, take(chords.form, points.row)),
    ):
        passed = _passed(found.at_splits, tails, found.at_points)
        place = take(first, chord) + _others(take(chords.crossed, chord) & passed, form)
        runs.append((place, points.valid, (vertex, chord)))
    along, of_run = _placed(2 * slots, runs)
    number = lax.iota(jnp.int32, first.shape[0])
    starts = jnp.concatenate([offset + chords.ends[:, 0], along])
    stops = _next(along, first, counts, offset + chords.ends[:, 1], of_run)
    run = lax.iota(jnp.int32, 2 * slots)
    used = jnp.concatenate([chords.face != 0, run < ends[-1]])
    chord = jnp.concatenate([number, of_run])
    face = take(chords.face, chord)
    faces = jnp.stack([face, face], axis=1)
    return _parts(starts, stops, used, faces), chord, lost


def _second_chord(found: Found) -> tuple[Int32[Array, " points"], Int32[Array, ""]]:
    """The chord of each point's later form: in the same face, at most all forms further on."""
    chords, points = found.chords, found.points
    last = chords.group.shape[0] - 1
    ahead = points.column - take(chords.form, points.row)
    sought = take(chords.group, points.row) + ahead.astype(jnp.uint64)
    at = points.row
    for step in reversed(range(form_bits(found.at_vertices))):
        further = jnp.minimum(at + 2**step, last)
        at = jnp.where(take(chords.group, further) <= sought, further, at)
    lost = points.valid & (take(chords.group, at) != sought)
    return at, lost.sum(dtype=jnp.int32)


def _passed(at_vertices: Forms, tails: Int32[Array, " points"], at_points: Forms):
    """The forms that are above zero at just one of two ends; those that vanish: either way."""
    words = at_points.signs.shape[1] // 2
    return take(at_vertices.signs, tails)[:, :words] ^ at_points.signs[:, :words]


def _others(words: UInt32[Array, "rows words"], form: Int32[Array, " rows"]):
    """Number of forms in each row but one."""
    return _plane_bits.number(words & ~_plane_bits.of_columns(form, words.shape[1]))


def _placed(size: int, items):
    """New arrays with entries at given places."""
    made = [jnp.zeros(size, jnp.int32) for _ in items[0][2]]
    for place, valid, entries in items:
        at = jnp.where(valid, place, size)
        made = [old.at[at].set(new, mode="drop") for old, new in zip(made, entries, strict=True)]
    return made


def _next(along, first, counts, stops, segment):
    """Where the parts end: first those that begin segments, then those that begin inside them."""
    last = along.shape[0] - 1
    place = lax.iota(jnp.int32, last + 1)
    begin = jnp.where(counts > 0, take(along, jnp.minimum(first, last)), stops)
    ended = place + 1 == take(first + counts, segment)
    following = jnp.concatenate([along[1:], along[-1:]])
    return jnp.concatenate([begin, jnp.where(ended, take(stops, segment), following)])


def _parts(starts, stops, used, faces) -> _Parts:
    ends = jnp.where(used[:, None], jnp.stack([starts, stops], axis=1), 0)
    return _Parts(ends, jnp.where(used[:, None], faces, jnp.uint64(0)))
