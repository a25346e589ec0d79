"""Polygons in input space, and coordinates in their plane."""

import numpy as np
from jaxtyping import Float, Float64

_ROUNDING = 2.0**-40

Frame = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Origin, two axes, and the corners' coordinates in them."""


def box(lower: float, upper: float) -> Float64[np.ndarray, "4 2"]:
    """The square ``[lower, upper]^2``.

    Examples
    --------
    >>> box(0.0, 1.0).tolist()
    [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
    """
    return np.array([[lower, lower], [upper, lower], [upper, upper], [lower, upper]], np.float64)


def through(
    points: Float[np.ndarray, "three inputs"], margin: float = 0.25
) -> Float64[np.ndarray, "4 inputs"]:
    """A rectangle in the plane of three points that holds them all.

    Its first side is parallel to the line from the first to the second point.

    Parameters
    ----------
    points
        Three points not on a line, for example three images, ``(3, inputs)``.
    margin
        How far beyond the points it reaches, as a share of its sides without margin.

    Raises
    ------
    ValueError
        If there are not three points, or they lie on a line.

    Examples
    --------
    >>> through(np.array([[0.0, 0, 0], [2, 0, 0], [0, 0, 1]]), margin=0.0).tolist()
    [[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [2.0, 0.0, 1.0], [0.0, 0.0, 1.0]]
    """
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or len(points) != 3:
        raise ValueError(f"points: got shape {points.shape}, expected (3, inputs)")
    axes = _axes(points[1] - points[0], points[2:] - points[0], "points")
    inside = (points - points[0]) @ axes.T
    low, high = inside.min(axis=0), inside.max(axis=0)
    reach = margin * (high - low)
    (left, lower), (right, upper) = low - reach, high + reach
    corners = np.array([[left, lower], [right, lower], [right, upper], [left, upper]])
    return points[0] + corners @ axes


def frame(polygon: np.ndarray, inputs: int) -> Frame:
    """Origin, two axes, and the corners' coordinates, counter-clockwise: ``origin + u axes``.

    For two inputs the coordinates are the inputs. Otherwise the axes are orthonormal to rounding,
    and the plane is by definition that of the origin and axes as they are: a corner is replaced by
    the nearest point with float64 coordinates.
    """
    if polygon.ndim != 2 or polygon.shape[1] != inputs or len(polygon) < 3 or inputs < 2:
        raise ValueError(
            f"polygon: got shape {polygon.shape}, expected (corners, {inputs}) with at least "
            "3 corners and 2 inputs"
        )
    if not np.isfinite(polygon).all():
        raise ValueError("polygon: got a corner that is not finite, expected finite corners")
    if inputs == 2:
        origin, axes, corners = np.zeros(2), np.eye(2), polygon
    else:
        origin = polygon[0]
        away = polygon - origin
        axes = _axes(away[np.argmax((away**2).sum(axis=1))], away, "polygon")
        corners = away @ axes.T
        error = np.abs(away - corners @ axes).max()
        if error > 1e-6 * np.abs(away).max():
            raise ValueError(
                f"polygon: got corners {error:.2g} off a plane, expected a flat polygon"
            )
    return origin, axes, _counter_clockwise(corners)


def _axes(along: np.ndarray, others: np.ndarray, name: str) -> np.ndarray:
    """Two orthonormal directions: that of ``along``, and towards the point farthest off it."""
    first = along / max(np.linalg.norm(along), np.finfo(float).tiny)
    off = others - (others @ first)[:, None] * first
    second = off[np.argmax((off**2).sum(axis=1))]
    second = second - (second @ first) * first
    length = np.linalg.norm(second)
    if not length > _ROUNDING * np.linalg.norm(along):
        raise ValueError(f"{name}: got points on a line, expected three that are not")
    return np.stack([first, second / length])


def _counter_clockwise(corners: np.ndarray) -> np.ndarray:
    """The corners of a convex polygon, turned round if they are clockwise."""
    sides = np.roll(corners, -1, axis=0) - corners
    following = np.roll(sides, -1, axis=0)
    turn = sides[:, 0] * following[:, 1] - sides[:, 1] * following[:, 0]
    if turn.sum() < 0:
        return _counter_clockwise(corners[::-1])
    angles = np.arctan2(turn, (sides * following).sum(axis=1))
    slack = _ROUNDING * np.abs(sides).max() ** 2
    once = abs(angles.sum() - 2 * np.pi) < 1e-6
    if not (once and (turn >= -slack).all() and turn.max() > slack and sides.any(axis=1).all()):
        raise ValueError(
            f"polygon: got corners {corners.tolist()}, expected distinct corners of a convex "
            "polygon in order"
        )
    return corners.copy()
