"""Exact rational polygon splitting on a network's actual binary weights.

Independent of the code under test: one convex polygon at a time, a list of exact corners, cut by
one neuron after the other; no tolerance, no shared vertices, no adjacency kept.
"""

import functools
import itertools
from typing import NamedTuple

import numpy as np

from tests.regions import degenerate, networks
from tests.regions.oracle import rational

POLYGONS = {
    "square": np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1]]),
    "off-centre": np.array([[-2.0, -2], [1, -2], [1, 1], [-2, 1]]),
    "triangle": np.array([[-2.0, -1], [3, -1], [0, 2]]),
    "hexagon": np.array([[2.0, 0], [1, 2], [-1, 2], [-2, 0], [-1, -2], [1, -2]]),
}
FAMILIES = {"he": networks.he, **degenerate.NETWORKS}
# Boundaries that would coincide but for the rounding of the weights: float64 takes them as one.
ROUNDED = ("tripled", "nearly_concurrent")


class Exact(NamedTuple):
    """Exact answer, in the coordinates of the plane.

    ``polygons``: corners of every region; ``patterns``: its activation bits; ``maps``: its affine
    map, ``(x, y, 1)`` coefficients of each output; ``areas``: its area.
    """

    regions: int
    pieces: int
    polygons: list
    patterns: list
    maps: list
    areas: list


class Sample(NamedTuple):
    """A network, a polygon, and the answer."""

    params: list
    polygon: np.ndarray
    exact: Exact


@functools.cache
def sample(family: str, seed: int) -> Sample:
    """A small network of a family on a polygon: 1 to 4 layers of widths 2 to 8, 1 or 2 outputs."""
    rng = np.random.default_rng(seed)
    depth = int(rng.integers(1, 5))
    widths = rng.integers(2, {1: 9, 2: 8, 3: 6, 4: 5}[depth], depth).tolist()
    params = FAMILIES[family](rng, (2, *widths, int(rng.integers(1, 3))))
    polygon = list(POLYGONS.values())[int(rng.integers(len(POLYGONS)))]
    return Sample(params, polygon, plane(params, polygon))


class Region(NamedTuple):
    """A region on the way: forms of the last layer, ``(x, y, 1)`` coefficients of each neuron."""

    polygon: list
    forms: list
    pattern: tuple


def plane(params, corners, origin=None, axes=None) -> Exact:
    """Regions and affine pieces of a ReLU network on a convex polygon, in exact arithmetic.

    ``params``: ``(weight (inputs, outputs), bias (outputs,))`` of binary floats. ``corners``: ``(n,
    2)``, in either order; coordinates ``u`` of the inputs ``origin + u axes``, if these are given.
    """
    corners = [tuple(rational(x) for x in corner) for corner in np.asarray(corners, np.float64)]
    if _area(corners) < 0:
        corners = corners[::-1]
    axes = np.eye(2) if axes is None else axes
    origin = np.zeros(axes.shape[1]) if origin is None else origin
    inputs = [tuple(rational(x) for x in column) for column in np.stack([*axes, origin]).T]
    regions = [Region(corners, inputs, ())]
    for weight, bias in params[:-1]:
        regions = [part for region in regions for part in _cut(_affine(region, weight, bias))]
    maps = [tuple(_affine(region, *params[-1]).forms) for region in regions]
    polygons = [region.polygon for region in regions]
    patterns = [region.pattern for region in regions]
    areas = [_area(polygon) for polygon in polygons]
    return Exact(len(regions), _pieces(polygons, maps), polygons, patterns, maps, areas)


def _affine(region, weight, bias):
    """The forms of the next layer on a region."""
    forms = []
    for column, constant in zip(np.asarray(weight).T, np.asarray(bias), strict=True):
        pairs = [(f, rational(w)) for f, w in zip(region.forms, column, strict=True) if w]
        a, b, c = (sum((f[k] * w for f, w in pairs), start=rational(0.0)) for k in range(3))
        forms.append((a, b, c + rational(constant)))
    return region._replace(forms=forms)


def _cut(region):
    """A region cut by the zero lines of all its forms; the parts have the ReLU applied."""
    parts = [(region.polygon, ())]
    for a, b, c in region.forms:
        split = []
        for polygon, bits in parts:
            values = [a * x + b * y + c for x, y in polygon]
            above, below = any(v > 0 for v in values), any(v < 0 for v in values)
            if above and below:
                split.append((_half(polygon, values), (*bits, True)))
                split.append((_half(polygon, [-v for v in values]), (*bits, False)))
            else:
                split.append((polygon, (*bits, above)))
        parts = split
    zero = (rational(0.0),) * 3
    for polygon, bits in parts:
        forms = [form if on else zero for form, on in zip(region.forms, bits, strict=True)]
        yield Region(polygon, forms, region.pattern + bits)


def _half(polygon, values):
    """The part of a convex polygon where an affine function, given at its corners, is >= 0."""
    kept = []
    for index, (value, corner) in enumerate(zip(values, polygon, strict=True)):
        before, last = values[index - 1], polygon[index - 1]
        if (before > 0 > value) or (before < 0 < value):
            share = before / (before - value)
            kept.append(tuple(p + share * (q - p) for p, q in zip(last, corner, strict=True)))
        if value >= 0:
            kept.append(corner)
    return kept


def _area(polygon):
    following = polygon[1:] + polygon[:1]
    return sum(a * d - b * c for (a, b), (c, d) in zip(polygon, following, strict=True)) / 2


def _pieces(polygons, maps) -> int:
    """Connected sets of polygons of one map, neighbours along a segment of positive length."""
    count = 0
    order = sorted(range(len(maps)), key=maps.__getitem__)
    for _, group in itertools.groupby(order, maps.__getitem__):
        left = set(group)
        while left:
            count += 1
            reached = [left.pop()]
            for one in reached:
                near = {other for other in left if _touch(polygons[one], polygons[other])}
                left -= near
                reached.extend(near)
    return count


def _touch(one, other) -> bool:
    """Whether the boundaries of two polygons share a segment."""
    return any(_overlap(*pair) for pair in itertools.product(_sides(one), _sides(other)))


def _sides(polygon):
    return zip(polygon, polygon[1:] + polygon[:1], strict=True)


def _overlap(one, other) -> bool:
    """Whether two segments have more than a point in common."""
    (p, q), (r, s) = one, other
    across = [(q[0] - p[0]) * (x[1] - p[1]) - (q[1] - p[1]) * (x[0] - p[0]) for x in (r, s)]
    if any(across):
        return False
    axis = int(p[0] == q[0])
    (a, b), (c, d) = sorted((p[axis], q[axis])), sorted((r[axis], s[axis]))
    return max(a, c) < min(b, d)
