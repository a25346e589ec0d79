"""Exact linear regions of any piecewise affine JAX function, along a line and on a plane.

The function is traced to its jaxpr, which is then evaluated on the whole segment or polygon at
once: what is affine in the input is known by its values at the knots, and every primitive that
switches (maximum, absolute value, comparison, pooling, ...) inserts the zeros of its *forms* as
knots: ``a - b`` for ``max(a, b)`` and for ``a < b``, ``x`` for ``abs(x)``. Nothing is sampled.

* *regions*: maximal intervals (or faces) on which every switch keeps its decision. The decision of
  a maximum over several entries (max pooling, ``argmax``) is which entry wins; ties and forms that
  only touch zero make no boundary, as in :mod:`jaxlab.regions.line`. Like the neurons of a network,
  switches count whether or not the output notices.
* *pieces*: maximal ones on which the output is affine. Neighbours with slopes that agree within
  the tolerance are one piece.

Refused are products of two values that depend on the input (other than a mask times a value that
is zero where the mask jumps), curved primitives, jumps on the domain, and branches or loops decided
by the input; infinite constants may only be bounds and padding. ``sort`` compares as a network of
``n^2 / 2`` exchanges does.

The function is taken as one of real numbers: every constant of its program (weights in any format)
is converted exactly, the roundings and conversions between floating dtypes in the program are left
out, and everything is computed in float64. Signs are decided with the tolerance of
:mod:`jaxlab.regions.line`.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float64, Int64, Shaped

from jaxlab.regions._function import walk as _affine_walk
from jaxlab.regions._function.domains import Domain, Line, Plane, connected
from jaxlab.regions._function.program import program
from jaxlab.regions._function.values import Affine, Step
from jaxlab.regions._line.host import TOLERANCE
from jaxlab.regions._plane import host as _plane_host
from jaxlab.regions._plane import subdivision as _planar
from jaxlab.regions._plane.frame import frame


class FunctionLine(NamedTuple):
    """What :func:`line` returns: float64 NumPy arrays of the size needed.

    Attributes
    ----------
    knots
        ``(regions + 1,)``: ``t`` from 0 to 1 in ``start + t (stop - start)``.
    values
        ``(regions + 1, ...)``: the function at the knots. If its values are integers or booleans
        (``argmax``), those on the intervals, ``(regions, ...)``.
    slopes
        ``(regions, ...)``: d(value)/dt.
    regions, pieces
        Counts, see the head of this module.
    undecided
        Decisions within the tolerance that were not exact: 0 means every one was clear.
    """

    knots: Float64[np.ndarray, " knots"]
    values: Shaped[np.ndarray, "_ *outputs"]
    slopes: Float64[np.ndarray, "regions *outputs"]
    regions: int
    pieces: int
    undecided: int


class FunctionPlane(NamedTuple):
    """What :func:`plane` returns: NumPy arrays of the size needed.

    Attributes
    ----------
    points
        ``(vertices, ...)``: the vertices in the input space of the function.
    coordinates
        ``(vertices, 2)``: orthonormal coordinates in the plane; for two inputs the inputs.
    values
        ``(vertices, ...)``: the function there. If its values are integers or booleans, those on
        the faces, ``(faces, ...)``.
    edges, sides
        ``(edges, 2)``: vertices at the ends; faces on both sides, -1 outside the polygon.
    corners, first_corner
        Vertices of all faces, counter-clockwise, face by face; where each face begins, ``(faces +
        1,)``.
    gradients
        ``(faces, 2, ...)``: derivatives of the function along the coordinates.
    pieces
        ``(faces,)``: number of the piece that the face belongs to, from 0.
    regions
        Number of faces, see the head of this module.
    undecided
        Decisions within the tolerance that were not exact.
    exact
        False where decisions within the tolerance contradicted each other.
    """

    points: Float64[np.ndarray, "vertices *inputs"]
    coordinates: Float64[np.ndarray, "vertices 2"]
    values: Shaped[np.ndarray, "_ *outputs"]
    edges: Int64[np.ndarray, "edges 2"]
    sides: Int64[np.ndarray, "edges 2"]
    corners: Int64[np.ndarray, " corners"]
    first_corner: Int64[np.ndarray, " faces_and_one"]
    gradients: Float64[np.ndarray, "faces 2 *outputs"]
    pieces: Int64[np.ndarray, " faces"]
    regions: int
    undecided: int
    exact: bool


def line(
    fn: Callable[..., Any],
    start: Array | np.ndarray | Sequence[Any] | float,
    stop: Array | np.ndarray | Sequence[Any] | float,
    *,
    limit: int = 2**22,
) -> FunctionLine:
    """Follow a piecewise affine function along a segment, on the host.

    Each live number of the program is kept at every knot: memory is ``regions`` times the largest
    layer, and the time that of one evaluation in float64 at two points per region.

    Parameters
    ----------
    fn
        From one array to one array, traced as the caller would call it (dtype of ``start``, x64
        flag): linear maps, convolutions, pooling, residual sums, normalisation with constant
        statistics, piecewise affine activations, comparisons, ``argmax``, ``sort``, ``scan``.
    start, stop
        Ends of the segment, in the shape that ``fn`` takes.
    limit
        Largest number of regions.

    Returns
    -------
    FunctionLine

    Raises
    ------
    TypeError
        If ``fn`` is not piecewise affine: names the primitive and its source line.
    ValueError
        If the shapes differ, ``fn`` is discontinuous or not finite on the segment, or has more than
        ``limit`` regions.

    Examples
    --------
    >>> found = line(lambda x: jax.nn.hard_tanh(3 * x).sum(), jnp.array([-1.0]), jnp.array([1.0]))
    >>> found.regions, found.knots.round(3).tolist(), found.slopes.tolist()
    (3, [0.0, 0.333, 0.667, 1.0], [0.0, 6.0, 0.0])
    """
    first, last = _point("start", start), _point("stop", stop)
    if first.shape != last.shape:
        raise ValueError(f"stop: got shape {last.shape}, expected {first.shape} (that of start)")
    traced = program(fn, first.shape, _dtype(start))
    rows = np.stack([first, last])
    begin = Affine(rows, (last - first)[None, None], np.abs(rows).max(axis=0, keepdims=True))
    domain = Line(np.array([0.0, 1.0]), np.zeros(2, int), 0)
    found = _affine_walk.walk(traced, domain, begin, limit)
    values, slopes = _values(found.output)
    pieces, doubts = _pieces(found.domain, found.output)
    return FunctionLine(
        knots=found.domain.positions,
        values=values,
        slopes=slopes[:, 0],
        regions=found.domain.cells,
        pieces=int(pieces.max()) + 1,
        undecided=found.undecided + doubts,
    )


def plane(
    fn: Callable[..., Any], polygon: Array | np.ndarray | Sequence[Any], *, limit: int = 2**20
) -> FunctionPlane:
    """Tessellate a convex polygon by a piecewise affine function, on the host.

    Parameters
    ----------
    fn
        As in :func:`line`.
    polygon
        Corners in order, ``(corners, ...)``, each in the shape that ``fn`` takes;
        :func:`jaxlab.regions.plane.box` and :func:`jaxlab.regions.plane.through` make some.
    limit
        Largest number of regions.

    Returns
    -------
    FunctionPlane

    Raises
    ------
    TypeError, ValueError
        As :func:`line`; and if the corners are no convex polygon in a plane.

    Examples
    --------
    The larger of two absolute values has a region for each of their four signs and two winners:

    >>> square = np.array([[-1.0, -1.0], [2.0, -1.0], [2.0, 1.0], [-1.0, 1.0]])
    >>> found = plane(lambda x: jnp.max(jnp.abs(x)), square)
    >>> found.regions, int(found.pieces.max()) + 1
    (8, 4)
    """
    corners = _point("polygon", polygon)
    shape = corners.shape[1:]
    origin, axes, coordinates = frame(corners.reshape(len(corners), -1), int(np.prod(shape)))
    traced = program(fn, shape, _dtype(polygon))
    rows = (origin + coordinates @ axes).reshape(-1, *shape)
    begin = Affine(rows, axes.reshape(1, 2, *shape), np.abs(rows).max(axis=0, keepdims=True))
    domain = Plane(_planar.polygon(len(coordinates)), coordinates)
    found = _affine_walk.walk(traced, domain, begin, limit)
    values, gradients = _values(found.output)
    pieces, doubts = _pieces(found.domain, found.output)
    subdivision, coordinates = found.domain.plane, found.domain.coordinates
    order, first = _plane_host.cycles(subdivision, coordinates)
    return FunctionPlane(
        points=(origin + coordinates @ axes).reshape(-1, *shape),
        coordinates=coordinates,
        values=values,
        edges=subdivision.edges,
        sides=subdivision.sides,
        corners=order,
        first_corner=first,
        gradients=gradients,
        pieces=pieces,
        regions=subdivision.faces,
        undecided=found.undecided + doubts,
        exact=found.domain.consistent,
    )


def _values(output: Affine | Step) -> tuple[np.ndarray, np.ndarray]:
    """Values at the vertices, or in the cells if they are steps; and slopes."""
    if isinstance(output, Affine):
        return output.rows, output.slopes
    return output.cells, np.zeros((len(output.cells), 2, *output.shape))


def _point(name: str, value: Any) -> np.ndarray:
    point = np.asarray(value).astype(np.float64)
    if not np.isfinite(point).all():
        raise ValueError(f"{name}: got a coordinate that is not finite, expected finite ones")
    return point


def _dtype(value: Any) -> Any:
    """The floating dtype in which JAX would take a point, here and now."""
    dtype = jax.dtypes.canonicalize_dtype(np.asarray(value).dtype)
    return dtype if jnp.issubdtype(dtype, jnp.floating) else jnp.result_type(float)


def _pieces(domain: Domain, output: Affine | Step) -> tuple[np.ndarray, int]:
    """The piece of every cell, and how many neighbours were joined that differ by rounding."""
    links = domain.neighbours()
    one, other = links.T
    if isinstance(output, Step):
        flat = output.cells.reshape(domain.cells, -1)
        return connected(domain.cells, links[(flat[one] == flat[other]).all(axis=1)]), 0
    slopes = output.slopes.reshape(domain.cells, -1)
    size = output.size[1:].reshape(slopes.shape)
    change = np.abs(slopes[one] - slopes[other])
    joint = (change <= (size[one] + size[other]) * TOLERANCE).all(axis=1)
    return connected(domain.cells, links[joint]), int((joint & change.any(axis=1)).sum())
