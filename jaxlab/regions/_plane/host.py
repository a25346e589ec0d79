"""A ReLU network on a polygon, layer by layer, in NumPy with arrays of the size needed."""

from typing import NamedTuple

import numpy as np

from jaxlab.regions._line.host import TOLERANCE, HostLayer, HostParameters
from jaxlab.regions._plane import subdivision as _planar
from jaxlab.regions._plane.frame import Frame, points
from jaxlab.regions._plane.judge import along_segments
from jaxlab.regions._ragged import starts

# Rounding errors of a layer, as a share of the largest size of its values: some units in the last
# place, with room for sums of many terms.
_ROUNDING = 2.0**-50


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


def count(params: HostParameters, corners: np.ndarray, limit: int) -> Swept | None:
    """Regions of a network in a convex polygon ``(corners, inputs)``; None if it is not finite."""
    plane, hidden, undecided = _planar.polygon(len(corners)), corners, 0
    noise = np.zeros(corners.shape[1])
    if not all(np.isfinite(leaf).all() for leaf in params[-1]):
        return None
    for layer in params[:-2]:
        forms = _forms(hidden, noise, layer)
        if forms is None:
            return None
        made = _planar.cut(plane, forms.values, forms.thresholds)
        undecided += made.found.undecided + forms.doubts
        plane, noise = made.plane, forms.noise
        if not made.consistent or plane.faces > limit:
            return Swept(plane.faces, undecided, False)
        hidden = _refined(made.refinement, forms)
    if len(params) == 1:
        return Swept(1, 0, True)
    forms = _forms(hidden, noise, params[-2])
    if forms is None:
        return None
    del hidden  # with the forms it is the largest array
    found = _planar.find(plane, forms.values, forms.thresholds)
    undecided += found.undecided + forms.doubts
    return Swept(found.regions, undecided, found.consistent and found.regions <= limit)


@np.errstate(all="ignore")
def tessellate(params: HostParameters, frame: Frame) -> Tessellated | None:
    """The whole subdivision; None if the network is not finite before its last layer."""
    _, axes, coordinates = frame
    plane, hidden = _planar.polygon(len(coordinates)), points(frame)
    gradients, undecided, sound = axes[None], 0, True
    noise = np.zeros(hidden.shape[1])
    patterns = np.zeros((1, 0), bool)
    lines = [np.stack([plane.lines * 0 - 1, plane.lines], axis=1)]
    for index, layer in enumerate(params[:-1]):
        forms = _forms(hidden, noise, layer)
        if forms is None:
            return None
        made = _planar.cut(plane, forms.values, forms.thresholds)
        undecided += made.found.undecided + forms.doubts
        plane, noise = made.plane, forms.noise
        sound &= made.consistent
        hidden = _refined(made.refinement, forms)
        coordinates = made.refinement.rows(coordinates)
        active = face_bits(plane, hidden > 0)
        gradients = (gradients @ layer.weight)[made.parents] * active[:, None]
        patterns = np.concatenate([patterns[made.parents], active], axis=1)
        neurons = made.found.chords.forms
        lines.append(np.stack([np.full(len(neurons), index), neurons], axis=1))
    weight, bias = params[-1]
    values = hidden @ weight + bias
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
    angle = np.arctan2(around[:, 1], around[:, 0]) / (2.1 * np.pi)
    order = along_segments(face, angle + 0.5)
    return vertex[order], first


def _incidence(plane, edge, side):
    """All pairs of a face and a vertex of it, face by face."""
    face = np.repeat(plane.sides[edge, side], 2)
    key = np.sort(face * plane.vertices + plane.edges[edge].ravel())
    return np.divmod(key[::2], plane.vertices)  # two edges of a face meet in each of its vertices


class _Forms(NamedTuple):
    """The pre-activations of a layer at the vertices.

    ``thresholds``: the size below which a value is taken as zero. ``noise``: an estimate of the
    errors that the layers so far have left, as independent ones; only ``doubts`` depend on it.
    """

    values: np.ndarray
    thresholds: np.ndarray
    noise: np.ndarray
    doubts: int


def _forms(hidden: np.ndarray, noise: np.ndarray, layer: HostLayer) -> _Forms | None:
    """Pre-activations from hidden values and their noise; None if they are not finite."""
    weight, bias = layer
    largest = np.maximum(hidden.max(axis=0), -hidden.min(axis=0))
    scale = largest @ np.abs(weight) + np.abs(bias)
    if not np.isfinite(2 * scale).all():
        return None
    values, thresholds = hidden @ weight, scale * TOLERANCE
    values += bias
    noise = np.sqrt(noise**2 @ weight**2 + (scale * _ROUNDING) ** 2)
    doubts = -_known_zeros(hidden, weight, bias, values)
    if (noise > thresholds).any():
        size = np.abs(values)
        doubts += int(np.count_nonzero((size > thresholds) & (size <= noise)))
    return _Forms(values, thresholds, noise, doubts)


def _known_zeros(hidden, weight, bias, values) -> int:
    """How many values are zero by construction: no term of the sum is anything else."""
    rows = np.flatnonzero((values == 0).any(axis=1))
    sizes = np.abs(hidden[rows]) @ np.abs(weight) + np.abs(bias)
    return int(np.count_nonzero((values[rows] == 0) & (sizes == 0)))


def _refined(refinement: _planar.Refinement, forms: _Forms) -> np.ndarray:
    """Hidden values at the vertices after the cut; small ones, and on the lines, exactly 0."""
    rows = refinement.rows(forms.values)
    rows[tuple(refinement.zeros)] = 0
    rows *= rows > forms.thresholds  # in place: the largest array there is
    return rows


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
