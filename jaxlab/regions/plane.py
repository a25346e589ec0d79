"""Exact linear regions of a ReLU network on a convex polygon, in any input dimension.

The network restricted to a plane is piecewise affine; its regions are convex polygons. Layer by
layer, every face of the subdivision so far is cut by the zero lines of the next pre-activations:
nothing is sampled, so no region is too small. The sequence of decisions is described in
``_plane/subdivision.py``; counting needs no geometry for the last layer, since in a convex face

    regions = 1 + lines + sum over crossing points of (lines through it - 1),

which is Zaslavsky's theorem (Memoirs of the AMS 154, 1975) for lines in a convex set.

* *regions*: two-dimensional sets of constant activation pattern. Only strict signs count: a line
  that only touches a face, or a neuron that is zero on a whole face, makes no boundary.
* *pieces*: maximal connected sets on which the network is affine. Neighbouring regions with the
  same affine map are one piece: a neuron may switch where no output notices, for example in front
  of a dead layer, or where two neurons with opposite weights switch together.

Signs are decided as in :mod:`jaxlab.regions.line`: a pre-activation within ``2**-42`` of its
largest possible size is taken as zero, and ``undecided`` counts the decisions that this settled,
ties included, and values that the rounding errors of all layers so far may have made: where it is 0
no decision was close. :func:`certify` proves the count.

For ``N`` neurons a random network has about ``N**2 / 2`` regions; time and memory grow as the
regions before the last layer times its width (the matrix product), and ``N`` times that.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float64, Int32, Int64

from jaxlab.networks import mlp
from jaxlab.regions import _merging
from jaxlab.regions._line import ensembles as _count
from jaxlab.regions._line.host import HostParameters
from jaxlab.regions._plane import ensembles as _plane_ensemble
from jaxlab.regions._plane import host as _plane_host
from jaxlab.regions._plane import kernel as _plane_kernel
from jaxlab.regions._plane.certified import certify as certify
from jaxlab.regions._plane.frame import Frame, frame, points
from jaxlab.regions._plane.frame import box as box
from jaxlab.regions._plane.frame import through as through


class PlaneRegions(NamedTuple):
    """What :func:`regions` returns.

    Attributes
    ----------
    regions
        Number of regions; -1 if a parameter or an intermediate magnitude is not finite.
    undecided
        Values within the tolerance, and points and lines that coincide, exactly or nearly: only
        where it is 0 is the count meaningful, and then it is the one of :func:`count`.
    overflow
        More of something than there is room for: ``regions`` is a lower bound.
    """

    regions: Int32[Array, ""]
    undecided: Int32[Array, ""]
    overflow: Bool[Array, ""]


class PlaneCount(NamedTuple):
    """What :func:`count` returns: NumPy arrays, ``(nets, slices)``, each axis only if it was given.

    Attributes
    ----------
    regions, pieces
        Counts (int64); -1 where hidden layers (for pieces: outputs) are not finite, or pieces were
        not asked for.
    undecided
        Decisions within the tolerance, ties included (int64): 0 means every one was clear.
    exact
        False where ``limit`` was hit (the counts are lower bounds), where decisions within the
        tolerance contradicted each other, or the network is not finite.
    """

    regions: Int64[np.ndarray, "*batch"]
    pieces: Int64[np.ndarray, "*batch"]
    undecided: Int64[np.ndarray, "*batch"]
    exact: Bool[np.ndarray, "*batch"]


class Tessellation(NamedTuple):
    """What :func:`tessellate` returns: float64 and int64 NumPy arrays.

    Attributes
    ----------
    points
        ``(vertices, inputs)``: the vertices in input space.
    coordinates
        ``(vertices, 2)``: orthonormal coordinates in the plane; for two inputs the inputs.
    values
        ``(vertices, outputs)``: the network at the vertices.
    edges
        ``(edges, 2)``: vertices at the ends.
    sides
        ``(edges, 2)``: the faces on both sides, -1 outside the polygon. This is the adjacency.
    layers, neurons
        ``(edges,)``: whose zero line the edge lies on; layer -1 and the side for the polygon's own.
    corners, first_corner
        Vertices of all faces, counter-clockwise, face by face; where each face begins, ``(faces +
        1,)``.
    patterns
        ``(faces, neurons)`` bool: activation of every hidden neuron, layer 0 first.
    gradients, offsets
        ``(faces, 2, outputs)``, ``(faces, outputs)``: the affine map ``coordinates @ gradient +
        offset`` of each face.
    pieces
        ``(faces,)``: number of the piece that the face belongs to, from 0.
    undecided, exact
        As in :class:`PlaneCount`.
    """

    points: Float64[np.ndarray, "vertices inputs"]
    coordinates: Float64[np.ndarray, "vertices 2"]
    values: Float64[np.ndarray, "vertices outputs"]
    edges: Int64[np.ndarray, "edges 2"]
    sides: Int64[np.ndarray, "edges 2"]
    layers: Int64[np.ndarray, " edges"]
    neurons: Int64[np.ndarray, " edges"]
    corners: Int64[np.ndarray, " corners"]
    first_corner: Int64[np.ndarray, " faces_and_one"]
    patterns: Bool[np.ndarray, "faces neurons"]
    gradients: Float64[np.ndarray, "faces 2 outputs"]
    offsets: Float64[np.ndarray, "faces outputs"]
    pieces: Int64[np.ndarray, " faces"]
    undecided: int
    exact: bool


@partial(jax.jit, static_argnames="capacity")
def regions(
    params: mlp.Parameters, corners: Float[Array, "corners inputs"], capacity: int
) -> PlaneRegions:
    """Count the regions of one network on a convex polygon: pure, fixed shapes, vmappable.

    It may be called at every step of a training ``lax.scan``, and vmapped over networks and over
    polygons. It does not settle degenerate networks (zero or integer parameters, repeated neurons),
    but says so. Work and memory grow as ``capacity`` times the width, degenerate or not.

    Parameters
    ----------
    params
        Layers of one network, float32 or float64; ReLU after all but the last.
    corners
        Corners of a convex polygon in order, ``(corners, inputs)``, of the parameters' dtype. For
        more than two inputs they must lie in a plane; neither this nor convexity is checked.
    capacity
        Regions to make room for; static, at least 1. The room is shared among the layers as in
        random networks, where ``N`` neurons make about ``N**2 / 2`` regions: an unusual network may
        overflow below its capacity, and another fit beyond.

    Returns
    -------
    PlaneRegions

    Raises
    ------
    ValueError
        If widths, shapes or dtypes disagree, ``capacity < 1``, or the dtype is narrower than
        float32: cast up first, the cast is exact.

    Examples
    --------
    Two lines that cross:

    >>> import jax.numpy as jnp
    >>> from jaxlab.networks.mlp import Layer
    >>> params = (Layer(jnp.eye(2), jnp.zeros(2)), Layer(jnp.ones((2, 1)), jnp.zeros(1)))
    >>> found = regions(params, jnp.array([[-1.0, -1.0], [1.0, -1.0], [0.5, 1.0]]), 4)
    >>> int(found.regions), int(found.undecided)
    (4, 0)
    """
    widths = mlp.widths(params)
    _plane_kernel.check(params, corners, capacity)
    factor = capacity / _plane_kernel.expected(widths)
    found = _plane_kernel.sweep(
        params, corners, _plane_kernel.plan(widths, corners.shape[0], factor)
    )
    number = jnp.where(found.finite, found.regions, -1)
    return PlaneRegions(number, found.undecided, found.overflow)


def count(
    params: mlp.Parameters,
    polygon: Array | np.ndarray | Sequence,
    *,
    pieces: bool = False,
    compiled: bool | None = None,
    batch: int | None = None,
    limit: int = 2**24,
) -> PlaneCount:
    """Count the regions of networks on convex polygons, on the host or in the compiled kernel.

    Parameters are converted exactly to float64 whatever their format and the caller's x64 flag.
    Both ways make the same decisions.

    Parameters
    ----------
    params
        Layers of one network, or of an ensemble (every leaf with the same leading axis).
    polygon
        Corners in order: ``(corners, inputs)``, at least two inputs; or ``(slices, corners,
        inputs)`` for many polygons at once.
    pieces
        Count pieces, too: builds the last layer, several times the time; always on the host.
    compiled
        True runs the fixed-shape kernel on the default device, many networks and slices at once:
        several times faster, but compiled in seconds, once per process for each shape. What
        overflows, or is not certain there, is counted on the host. None chooses by the time that
        both are expected to take.
    batch
        Networks and slices per call of the kernel; None fits them into a core's cache. Does not
        change results.
    limit
        Give up beyond this many regions and return the lower bound with ``exact=False``.

    Returns
    -------
    PlaneCount

    Raises
    ------
    ValueError
        If widths disagree, the corners are no convex polygon, or do not lie in a plane, or
        ``pieces`` are to be counted in the kernel.

    Examples
    --------
    Three lines in general position make seven regions:

    >>> import jax.numpy as jnp
    >>> from jaxlab.networks.mlp import Layer
    >>> hidden = Layer(jnp.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]), jnp.array([0.0, 0.0, -0.5]))
    >>> found = count((hidden, Layer(jnp.ones((3, 1)), jnp.zeros(1))), box(-1.0, 1.0))
    >>> int(found.regions), bool(found.exact)
    (7, True)
    """
    leaves, single = _count.to_host(params)
    slices = np.asarray(polygon).astype(np.float64)
    frames = [frame(corners, mlp.widths(params)[0]) for corners in _as_slices(slices)]
    if pieces and compiled:
        raise ValueError("pieces: got True with compiled=True, expected compiled=False or None")
    nets, many = leaves[0].weight.shape[0], len(frames)

    def unit(index: int) -> tuple[HostParameters, np.ndarray]:
        return _count.pick(leaves, index // many), points(frames[index % many])

    found = np.zeros((4, nets * many), np.int64)
    with np.errstate(all="ignore"):
        ensemble = _plane_ensemble.Ensemble(
            unit, nets * many, mlp.widths(params), len(frames[0][2])
        )
        on_host = pieces or any(len(corners) != ensemble.corners for *_, corners in frames)
        done = _plane_ensemble.count(ensemble, False if on_host else compiled, batch, limit)
        found[:, done.certain] = np.array([0, -1, 0, 1])[:, None]
        found[0, done.certain] = done.regions[done.certain]
        for index in np.flatnonzero(~done.certain).tolist():
            network = _count.pick(leaves, index // many)
            found[:, index] = _count_one(network, frames[index % many], pieces, limit)
    found = found.reshape(4, nets, many)
    found = found[(slice(None), *([0] if single else [slice(None)]))]
    total, number, undecided, exact = found[..., 0] if slices.ndim == 2 else found
    return PlaneCount(*map(np.asarray, (total, number, undecided, exact != 0)))


def _as_slices(polygon: np.ndarray) -> np.ndarray:
    if polygon.ndim not in (2, 3):
        raise ValueError(
            f"polygon: got shape {polygon.shape}, expected (corners, inputs) or "
            "(slices, corners, inputs)"
        )
    return polygon if polygon.ndim == 3 else polygon[None]


def _count_one(network: HostParameters, place: Frame, pieces: bool, limit: int):
    swept = _plane_host.count(network, points(place), limit)
    if swept is None:
        return -1, -1, 0, False
    built = _plane_host.tessellate(network, place) if pieces and swept.complete else None
    if built is None or not _finite(built):
        return swept.regions, -1, swept.undecided, swept.complete
    label, doubts = _pieces(built)
    return built.plane.faces, label.max() + 1, built.undecided + doubts, built.exact


def _finite(built: _plane_host.Tessellated) -> bool:
    return bool(np.isfinite(built.values).all() and np.isfinite(built.sizes).all())


def tessellate(params: mlp.Parameters, polygon: Array | np.ndarray | Sequence) -> Tessellation:
    """Everything about one network on a convex polygon, in float64 on the host.

    Parameters
    ----------
    params
        Layers of one network, any format; converted exactly.
    polygon
        Corners in order, ``(corners, inputs)``.

    Returns
    -------
    Tessellation

    Raises
    ------
    ValueError
        If shapes disagree, the corners are no convex polygon in a plane, or the network is not
        finite there.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from jaxlab.networks.mlp import Layer
    >>> params = (Layer(jnp.eye(2), jnp.zeros(2)), Layer(jnp.ones((2, 1)), jnp.zeros(1)))
    >>> found = tessellate(params, box(-1.0, 1.0))
    >>> len(found.patterns), int(found.pieces.max()) + 1
    (4, 4)
    >>> found.gradients[found.patterns.all(axis=1), :, 0]
    array([[1., 1.]])
    """
    leaves, single = _count.to_host(params)
    if not single:
        raise ValueError("params: got an ensemble, expected one network")
    place = frame(np.asarray(polygon).astype(np.float64), mlp.widths(params)[0])
    built = _plane_host.tessellate(_count.pick(leaves, 0), place)
    if built is None or not _finite(built):
        raise ValueError("params: not finite on the polygon, expected finite parameters and values")
    plane = built.plane
    order, first = _plane_host.cycles(plane, built.coordinates)
    at = order[first[:-1]]
    inner = np.einsum("fi,fio->fo", built.coordinates[at], built.gradients)
    label, doubts = _pieces(built)
    lines = built.lines[plane.lines]
    return Tessellation(
        points=points((*place[:2], built.coordinates)),
        coordinates=built.coordinates,
        values=built.values,
        edges=plane.edges,
        sides=plane.sides,
        layers=lines[:, 0],
        neurons=lines[:, 1],
        corners=order,
        first_corner=first,
        patterns=built.patterns,
        gradients=built.gradients,
        offsets=built.values[at] - inner,
        pieces=label,
        undecided=built.undecided + doubts,
        exact=built.exact,
    )


def _pieces(built: _plane_host.Tessellated) -> tuple[np.ndarray, int]:
    """The piece of every face, and how many faces were joined that differ by rounding."""
    inner = built.plane.sides[(built.plane.sides >= 0).all(axis=1)]
    return _merging.tolerant(built.gradients, built.sizes, inner)
