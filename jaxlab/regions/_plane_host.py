"""A ReLU network on a polygon, layer by layer, in NumPy with arrays of the size needed."""

from typing import NamedTuple

import numpy as np

from jaxlab.regions import _planar
from jaxlab.regions._host import TOLERANCE, HostLayer, HostParameters
from jaxlab.regions._ragged import starts


class Tessellated(NamedTuple):
    """The subdivision by a network, everything in plane coordinates.

    ``sizes``: bounds on the terms that add up to each gradient. ``lines``: layer and form of each
    straight line, (-1, side) for the polygon's.
    """

    plane: _planar.Subdivision
    coordinates: np.ndarray
    values: np.ndarray
    gradients: np.ndarray
    sizes: np.ndarray
    patterns: np.ndarray
    lines: np.ndarray
    undecided: int
    exact: bool


class Swept(NamedTuple):
    """Counts along the way: a lower bound where ``complete`` is False."""

    regions: int
    undecided: int
    complete: bool


def restrict(params: HostParameters, origin: np.ndarray, axes: np.ndarray) -> HostParameters:
    """The network as a function of the plane coordinates ``u``: ``x = origin + u axes``."""
    if np.array_equal(axes, np.eye(len(axes))) and not origin.any():
        return params
    weight, bias = params[0]
    return (HostLayer(axes @ weight, origin @ weight + bias), *params[1:])


def count(params: HostParameters, corners: np.ndarray, limit: int) -> Swept | None:
    """Regions of a network of two inputs in a convex polygon; None if it is not finite."""
    plane, hidden, undecided = _planar.polygon(len(corners)), corners, 0
    if not all(np.isfinite(leaf).all() for leaf in params[-1]):
        return None
    for weight, bias in params[:-2]:
        layer = _forms(hidden, weight, bias)
        if layer is None:
            return None
        made = _planar.cut(plane, *layer)
        undecided += made.found.undecided - _known_zeros(hidden, weight, bias, layer[0])
        plane = made.plane
        if not made.consistent or plane.faces > limit:
            return Swept(plane.faces, undecided, False)
        hidden = _refined(made.refinement, *layer)
    if len(params) == 1:
        return Swept(1, 0, True)
    layer = _forms(hidden, *params[-2])
    if layer is None:
        return None
    found = _planar.find(plane, *layer)
    undecided += found.undecided - _known_zeros(hidden, *params[-2], layer[0])
    return Swept(found.regions, undecided, found.consistent and found.regions <= limit)


def tessellate(params: HostParameters, corners: np.ndarray) -> Tessellated | None:
    """The whole subdivision; None if the network is not finite."""
    plane, hidden, undecided, sound = _planar.polygon(len(corners)), corners, 0, True
    coordinates = corners
    gradients = np.eye(2)[None]
    patterns = np.zeros((1, 0), bool)
    lines = [np.stack([np.full(len(corners), -1), np.arange(len(corners))], axis=1)]
    for index, (weight, bias) in enumerate(params[:-1]):
        layer = _forms(hidden, weight, bias)
        if layer is None:
            return None
        made = _planar.cut(plane, *layer)
        undecided += made.found.undecided - _known_zeros(hidden, weight, bias, layer[0])
        plane = made.plane
        sound &= made.consistent
        hidden = _refined(made.refinement, *layer)
        coordinates = made.refinement.rows(coordinates)
        active = face_bits(plane, hidden > 0)
        gradients = (gradients @ weight)[made.parents] * active[:, None]
        patterns = np.concatenate([patterns[made.parents], active], axis=1)
        forms = made.found.chords.forms
        lines.append(np.stack([np.full(len(forms), index), forms], axis=1))
    weight, bias = params[-1]
    values = hidden @ weight + bias
    if not (np.isfinite(values).all() and np.isfinite(gradients).all()):
        return None
    sizes = np.abs(gradients) @ np.abs(weight)
    return Tessellated(
        plane,
        coordinates,
        values,
        gradients @ weight,
        sizes,
        patterns,
        np.concatenate(lines),
        undecided,
        sound,
    )


def cycles(plane: _planar.Subdivision, coordinates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The vertices of every face, counter-clockwise, and where each face begins ``(faces + 1,)``.

    Faces are convex, so that the angle around the mean of the corners gives their order.
    """
    edge, side = np.nonzero(plane.sides >= 0)
    face, vertex = _incidence(plane, edge, side)
    sizes = np.bincount(face, minlength=plane.faces)
    first = np.append(starts(sizes), len(face))
    centre = np.add.reduceat(coordinates[vertex], first[:-1], axis=0) / sizes[:, None]
    around = coordinates[vertex] - centre[face]
    order = np.lexsort((np.arctan2(around[:, 1], around[:, 0]), face))
    return vertex[order], first


def _incidence(plane, edge, side):
    """All pairs of a face and a vertex of it, face by face."""
    face = np.repeat(plane.sides[edge, side], 2)
    key = np.unique(face * plane.vertices + plane.edges[edge].ravel())
    return np.divmod(key, plane.vertices)


def _forms(hidden, weight, bias) -> tuple[np.ndarray, np.ndarray] | None:
    """Pre-activations at the vertices, and the size below which they say nothing."""
    scale = np.abs(hidden).max(axis=0) @ np.abs(weight) + np.abs(bias)
    if not np.isfinite(2 * scale).all():
        return None
    return hidden @ weight + bias, scale * TOLERANCE


def _known_zeros(hidden, weight, bias, values) -> int:
    """How many values are zero by construction: no term of the sum is anything else."""
    rows = np.flatnonzero((values == 0).any(axis=1))
    sizes = np.abs(hidden[rows]) @ np.abs(weight) + np.abs(bias)
    return int(np.count_nonzero((values[rows] == 0) & (sizes == 0)))


def _refined(refinement, values, thresholds) -> np.ndarray:
    """Hidden values at the vertices after the cut; small ones, and on the lines, exactly 0."""
    rows = refinement.rows(values)
    rows[tuple(refinement.zeros)] = 0
    return np.where(rows > thresholds, rows, 0)


def face_bits(plane: _planar.Subdivision, positive: np.ndarray) -> np.ndarray:
    """Activation bits of every face: a neuron is active if it is positive at some vertex."""
    edge, side = np.nonzero(plane.sides >= 0)
    face = plane.sides[edge, side]
    order = np.argsort(face)
    begins = np.searchsorted(face[order], np.arange(plane.faces))
    packed = np.packbits(positive, axis=1)
    packed = packed[plane.edges[:, 0]] | packed[plane.edges[:, 1]]
    bits = np.bitwise_or.reduceat(packed[edge[order]], begins, axis=0)
    return np.unpackbits(bits, axis=1, count=positive.shape[1]).view(bool)
