"""Polygons in input space, and coordinates in their plane."""

import itertools
from fractions import Fraction

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


def points(frame: Frame) -> np.ndarray:
    """Coordinates in a plane as points of input space, ``(points, inputs)``."""
    origin, axes, coordinates = frame
    return coordinates @ axes + origin


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
    """The corners of a convex polygon, turned round if they are clockwise.

    Turns are exact. A corner without a turn, or that rounding alone keeps from being convex (the
    coordinates of a slice are rounded), is left out.
    """
    exponent = np.frexp(np.abs(corners).max())[1]
    exact = [[Fraction(x) for x in corner] for corner in np.ldexp(corners, -exponent).tolist()]
    if _area(exact) < 0:
        corners, exact = corners[::-1], exact[::-1]
    kept = list(range(len(exact)))
    while len(kept) > 3:
        turns = _turns([exact[corner] for corner in kept])
        worst = min(range(len(kept)), key=turns.__getitem__)
        if turns[worst] > 0 or turns[worst] < -Fraction(_ROUNDING) * _size(exact) ** 2:
            break
        del kept[worst]
    turns = _turns([exact[corner] for corner in kept])
    distinct = len(set(map(tuple, exact))) == len(exact)
    if not distinct or min(turns) <= 0 or not _once([exact[corner] for corner in kept]):
        raise ValueError(
            f"polygon: got corners {corners.tolist()}, expected distinct corners of a convex "
            "polygon in order"
        )
    return corners[kept].copy()


_Corners = list[list[Fraction]]


def _area(corners: _Corners) -> Fraction:
    """Twice the signed area."""
    after = corners[1:] + corners[:1]
    return sum((a * d - b * c for (a, b), (c, d) in zip(corners, after, strict=True)), Fraction(0))


def _turns(corners: _Corners) -> list[Fraction]:
    """Positive where a corner turns to the left."""
    before, after = corners[-1:] + corners[:-1], corners[1:] + corners[:1]
    return [_area(list(three)) for three in zip(before, corners, after, strict=True)]


def _size(corners: _Corners) -> Fraction:
    return max(max(column) - min(column) for column in zip(*corners, strict=True))


def _once(corners: _Corners) -> bool:
    """Whether a polygon that turns to the left at every corner goes round once only."""
    after = corners[1:] + corners[:1]
    rises = [d > b or (d == b and c < a) for (a, b), (c, d) in zip(corners, after, strict=True)]
    return sum(one != two for one, two in itertools.pairwise([*rises, rises[0]])) == 2
