"""One layer's zero lines through all faces of a planar subdivision at once, in fixed shapes.

State: vertices with the hidden values there, and edges with the words of the faces beside them.
The steps are those of ``_plane/subdivision.py``, for lines in general position; whatever is not (a
value near zero at a vertex, two points that nearly coincide) is counted as undecided.

Signs are packed along the forms, and almost everything follows from them:

* an edge is split by the forms of opposite signs at its ends;
* two splits of one form in one face are the ends of a chord: one sort by (face, form) pairs them;
* a chord is crossed by the forms of opposite signs at its two ends;
* the place of a point on an edge or chord is the number of forms that changed sign on the way.

Faces need no numbers: a face is known by its word, a hash of the word of the old face and of the
signs in it. Two faces with one word are noticed where they would matter: a form then has more than
two splits in one word.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int32, UInt32, UInt64

from jaxlab.networks.mlp import Layer
from jaxlab.regions._line.sweep import matmul, tolerance
from jaxlab.regions._plane import packed as _plane_bits
from jaxlab.regions._plane.packed import Listed, take

# Host and kernel round differently, and on the host two points join that are closer than the sum
# of their widths: the kernel doubts whatever is within this many tolerances.
_BAND = 4.0


class Room(NamedTuple):
    """Static sizes for what one layer adds: points on edges, chords, points where these cross."""

    splits: int
    chords: int
    points: int


class Plane(NamedTuple):
    """A subdivision of a polygon; unused rows repeat a vertex in use, or the edge from 0 to 0.

    Attributes
    ----------
    hidden
        Output of the layer before (after its ReLU) at the vertices.
    ends, sides
        Vertices at the ends of each edge; words of the faces on both sides, 0 outside.
    regions
        Number of faces, of the layers before an overflow.
    undecided
        Decisions that were not clear so far.
    overflow, finite
        A layer found more than its room; every magnitude so far is finite.
    """

    hidden: Float[Array, "vertices width"]
    ends: Int32[Array, "edges 2"]
    sides: UInt64[Array, "edges 2"]
    regions: Int32[Array, ""]
    undecided: Int32[Array, ""]
    overflow: Bool[Array, ""]
    finite: Bool[Array, ""]


class Forms(NamedTuple):
    """Pre-activations at vertices; bits of those above zero, then of those below; how many are not
    clear.
    """

    values: Float[Array, "vertices forms"]
    signs: UInt32[Array, "vertices two_words"]
    unclear: Int32[Array, ""]


class Chords(NamedTuple):
    """Chords by (face, form), which is ``group``; splits at their ends, forms that cross them."""

    group: UInt64[Array, " chords"]
    form: Int32[Array, " chords"]
    face: UInt64[Array, " chords"]
    ends: Int32[Array, "chords 2"]
    crossed: UInt32[Array, "chords words"]
    total: Int32[Array, ""]
    unpaired: Int32[Array, ""]


class Found(NamedTuple):
    """What cuts the faces.

    Attributes
    ----------
    threshold, at_vertices
        Sizes below which a form says nothing; the forms.
    changed
        The forms that change sign along each edge.
    splits, split_tails, at_splits
        Points on edges (row: edge, column: form), and the vertices at the tails of their edges.
    chords
        Lines through faces.
    points, point_tails, at_points
        Points where chords cross (row: the chord of the earlier form, column: the later form), and
        the splits where their chords start.
    """

    threshold: Float[Array, " forms"]
    at_vertices: Forms
    changed: UInt32[Array, "edges words"]
    splits: Listed
    split_tails: Int32[Array, " splits"]
    at_splits: Forms
    chords: Chords
    points: Listed
    point_tails: Int32[Array, " points"]
    at_points: Forms


def first_plane(corners: Float[Array, "corners inputs"]) -> Plane:
    """The polygon."""
    number = corners.shape[0]
    corner = lax.iota(jnp.int32, number)
    inside = jnp.ones(number, jnp.uint64)
    return Plane(
        hidden=corners,
        ends=jnp.stack([corner, (corner + 1) % number], axis=1),
        sides=jnp.stack([inside, 0 * inside], axis=1),
        regions=jnp.int32(1),
        undecided=jnp.int32(0),
        overflow=jnp.bool_(False),
        finite=jnp.isfinite(corners).all(),
    )


def find(plane: Plane, layer: Layer, room: Room) -> tuple[Plane, Found]:
    """What one hidden layer cuts, and the plane with the counts after it (its edges are old)."""
    forms, threshold, finite = _evaluate(plane.hidden, layer)
    changed = changes(forms, plane.ends)
    splits = _plane_bits.listed(changed, room.splits)
    ends = jnp.where(splits.valid[:, None], take(plane.ends, splits.row), 0)
    at_splits = _between(threshold, forms.values, ends, (splits.column,))
    chords = _pair(plane.sides, splits, at_splits, room.chords)
    later = _plane_bits.beyond(chords.form, forms.signs.shape[1] // 2)
    points = _plane_bits.listed(chords.crossed & later, room.points)
    chord_ends = jnp.where(points.valid[:, None], take(chords.ends, points.row), 0)
    vanish = points.column, take(chords.form, points.row)
    at_points = _between(threshold, at_splits.values, chord_ends, vanish)
    # Every crossing is seen from both of its chords.
    seen = _plane_bits.total(chords.crossed)
    unclear = forms.unclear + at_splits.unclear + at_points.unclear
    unclear += chords.unpaired + jnp.abs(seen - 2 * points.total)
    over = plane.overflow
    for needed, given in zip((splits, chords, points), room, strict=True):
        over |= needed.total > given
    counted = plane._replace(
        regions=plane.regions + jnp.where(over, 0, chords.total + points.total),
        undecided=plane.undecided + jnp.where(over, 0, unclear),
        overflow=over,
        finite=plane.finite & finite,
    )
    on_edges = splits, ends[:, 0], at_splits
    on_chords = points, chord_ends[:, 0], at_points
    return counted, Found(threshold, forms, changed, *on_edges, chords, *on_chords)


def changes(forms: Forms, ends: Int32[Array, "segments 2"]) -> UInt32[Array, "segments words"]:
    """The forms of strictly opposite signs at two vertices."""
    signs = take(forms.signs, ends)
    words = signs.shape[2] // 2
    above, below = signs[..., :words], signs[..., words:]
    return (above[:, 0] & below[:, 1]) | (below[:, 0] & above[:, 1])


def _evaluate(hidden, layer: Layer) -> tuple[Forms, Float[Array, " forms"], Bool[Array, ""]]:
    """Pre-activations, their thresholds, and whether all are finite."""
    weight, bias = layer
    values = matmul(hidden, weight)
    values = values + jnp.broadcast_to(bias, values.shape)
    scale = (jnp.abs(hidden).max(axis=0)[:, None] * jnp.abs(weight)).sum(axis=0) + jnp.abs(bias)
    threshold = scale * jnp.asarray(tolerance(values.dtype), values.dtype)
    return _signed(values, threshold, jnp.uint32(0)), threshold, jnp.isfinite(2 * scale).all()


def _signed(values, bound: Float[Array, " forms"], own: UInt32[Array, "..."]):
    """The signs of forms; those of size up to the bound are not clear, but for each row's own."""
    limit = jnp.broadcast_to(bound, values.shape)
    above, below = _plane_bits.pack(values > limit), _plane_bits.pack(values < -limit)
    zeros = _plane_bits.every(values.shape[1]) & ~(above | below | own)
    return Forms(values, jnp.concatenate([above, below], axis=1), _plane_bits.total(zeros))


def _between(threshold: Float[Array, " forms"], rows, ends, vanish) -> Forms:
    """Forms at the points between two vertices where the first of ``vanish`` is zero."""
    half = jnp.asarray(0.5, rows.dtype)
    own_ends = rows.at[ends, vanish[0][:, None]].get(mode="promise_in_bounds")
    left, right = half * jnp.abs(own_ends[:, 0]), half * jnp.abs(own_ends[:, 1])
    whole = left + right
    fraction = jnp.where(whole > 0, left / jnp.where(whole > 0, whole, 1), 0)
    first, last = take(rows, ends[:, 0]), take(rows, ends[:, 1])
    values = first + fraction[:, None] * (last - first)
    used = (ends[:, 0] != ends[:, 1])[:, None]
    column = lax.broadcasted_iota(jnp.int32, values.shape, 1)
    # A row not in use repeats one whose doubts are counted already.
    words = _plane_bits.every(values.shape[1]).shape[1]
    own = jnp.where(used, jnp.uint32(0), jnp.uint32(2**32 - 1))
    for form in vanish:
        values = jnp.where(used & (column == form[:, None]), 0, values)
        own |= _plane_bits.of_columns(form, words)
    return _signed(values, jnp.asarray(_BAND, rows.dtype) * threshold, own)


def _pair(sides, splits: Listed, at_splits: Forms, room: int) -> Chords:
    """Pair the splits of each form in each face: sort (face, form, side of split) in one word."""
    slots = splits.row.shape[0]
    side = jnp.where(splits.valid[:, None], take(sides, splits.row), jnp.uint64(0)).reshape(-1)
    split_bits = (2 * slots - 1).bit_length()
    low = jnp.uint64(split_bits + form_bits(at_splits))
    form = jnp.stack([splits.column, splits.column], axis=1).reshape(-1).astype(jnp.uint64)
    key = (side >> low << low) | (form << jnp.uint64(split_bits))
    outside = jnp.uint64(2**64 - 1)
    key = jnp.where(side == 0, outside, key | lax.iota(jnp.uint64, 2 * slots))
    key = lax.sort(key, is_stable=False)
    items = (side != 0).sum(dtype=jnp.int32)
    room = min(room, slots)
    key = jnp.pad(key, (0, 1), constant_values=outside)[: 2 * room + 1]
    group = key >> jnp.uint64(split_bits)
    first, second, third = group[:-1:2], group[1::2], group[2::2]
    valid = lax.iota(jnp.int32, room) < items // 2
    alone = valid & ((first != second) | (second == third))
    mask = jnp.uint64(2**split_bits - 1)
    pair = jnp.stack([key[:-1:2], key[1::2]], axis=1) & mask
    pair = jnp.where(valid[:, None], pair.astype(jnp.int32), 0)
    ends = pair >> 1
    return Chords(
        group=first,
        form=jnp.where(valid, take(splits.column, ends[:, 0]), 0),
        face=jnp.where(valid, take(side, pair[:, 0]), jnp.uint64(0)),
        ends=ends,
        crossed=changes(at_splits, ends),
        total=items // 2,
        unpaired=alone.sum(dtype=jnp.int32) + items % 2,
    )


def form_bits(forms: Forms) -> int:
    """Bits of the number of a form."""
    return max((forms.values.shape[1] - 1).bit_length(), 1)
