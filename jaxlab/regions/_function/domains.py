"""A segment and a polygon, cut into cells on which a function is affine: one interface for both.

A *form* is affine on every cell and continuous. ``refine`` cuts all cells where forms change sign
strictly; ``join`` takes cuts back that turned out to decide nothing.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from jaxlab.regions._plane import host as _plane_host
from jaxlab.regions._plane import subdivision as _planar


class Change(NamedTuple):
    """How a domain changed: ``rows`` carries values at the old vertices (leading axis) to the new
    ones, ``parents`` is an old cell that holds, or is held by, each new cell."""

    rows: Callable[[np.ndarray], np.ndarray]
    parents: np.ndarray


class Line(NamedTuple):
    """A segment: its knots in order, and the age at which each came."""

    positions: np.ndarray
    births: np.ndarray
    age: int

    @property
    def cells(self) -> int:
        """The number of intervals."""
        return len(self.positions) - 1

    def refine(
        self, forms: np.ndarray, thresholds: np.ndarray
    ) -> "tuple[Line, Change, np.ndarray, int]":
        """Cut by forms ``(vertices, n)``, zero where at most ``thresholds`` ``(n,)`` in size.

        Returns
        -------
        The domain, the change, the forms at the new vertices with their zeros exactly 0, and the
        number of undecided signs and coincidences.
        """
        interval, fraction, undecided = _crossings(forms, thresholds)
        place = interval + 1 + np.arange(len(interval))
        is_new = np.zeros(len(forms) + len(interval), bool)
        is_new[place] = True
        source = np.cumsum(~is_new) - 1

        def rows(values: np.ndarray) -> np.ndarray:
            out = values[source]
            start = values[interval]
            along = fraction.reshape(-1, *[1] * (values.ndim - 1))
            out[place] = start + along * (values[interval + 1] - start)
            return out

        births = np.where(is_new, self.age + 1, self.births[source])
        line = Line(rows(self.positions), births, self.age + 1)
        forms = rows(forms)
        forms[np.abs(forms) <= thresholds] = 0
        return line, Change(rows, source[:-1]), forms, undecided

    def join(self, decisions: np.ndarray, age: int) -> "tuple[Line, Change]":
        """Join neighbours with equal ``decisions`` ``(cells, n)`` that were cut after an age."""
        differ = (decisions[1:] != decisions[:-1]).any(axis=1)
        kept = np.concatenate([[True], differ | (self.births[1:-1] <= age), [True]])
        line = Line(self.positions[kept], self.births[kept], self.age)
        return line, Change(lambda values: values[kept], np.flatnonzero(kept[:-1]))

    def touching(self, flags: np.ndarray) -> np.ndarray:
        """``(vertices, n)`` -> ``(cells, n)``: whether any vertex of a cell has the flag."""
        return flags[1:] | flags[:-1]

    def around(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """``(cells, n)`` -> twice ``(vertices, n)``: least and greatest among the cells there."""
        before = np.concatenate([values[:1], values])
        after = np.concatenate([values, values[-1:]])
        return np.minimum(before, after), np.maximum(before, after)

    def neighbours(self) -> np.ndarray:
        """``(pairs, 2)``: cells that share a boundary."""
        first = np.arange(self.cells - 1)
        return np.stack([first, first + 1], axis=1)


def _crossings(forms: np.ndarray, thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Interval and fraction of each distinct sign change, in order, and the number of doubts."""
    above, below = forms > thresholds, forms < -thresholds
    doubts = np.count_nonzero(~(above | below) & (forms != 0))
    interval, form = np.nonzero((above[:-1] & below[1:]) | (below[:-1] & above[1:]))
    left, right = 0.5 * forms[interval, form], 0.5 * forms[interval + 1, form]
    fraction = left / (left - right)
    order = np.lexsort((fraction, interval))
    blur = (0.5 * thresholds[form] / np.abs(left - right))[order]
    interval, fraction = interval[order], fraction[order]
    gap = np.diff(fraction)
    joins = (interval[1:] == interval[:-1]) & (gap <= blur[1:] + blur[:-1])
    kept = np.concatenate([np.ones(min(len(order), 1), bool), ~joins])
    doubts += np.count_nonzero(joins & (gap != 0))
    return interval[kept], fraction[kept], int(doubts)


class Plane(NamedTuple):
    """A polygon: its subdivision, its vertices, whether the decisions were; as :class:`Line`."""

    plane: _planar.Subdivision
    coordinates: np.ndarray
    consistent: bool = True

    @property
    def cells(self) -> int:
        """The number of faces."""
        return self.plane.faces

    @property
    def age(self) -> int:
        """A number that grows with every cut."""
        return self.plane.used_lines

    def refine(
        self, forms: np.ndarray, thresholds: np.ndarray
    ) -> "tuple[Plane, Change, np.ndarray, int]":
        """See :meth:`Line.refine`."""
        made = _planar.cut(self.plane, forms, thresholds)
        rows = made.refinement.rows
        plane = Plane(made.plane, rows(self.coordinates), self.consistent and made.consistent)
        near = np.count_nonzero((np.abs(forms) <= thresholds) & (forms != 0))
        undecided = int(near) + made.found.splits.doubts + made.found.meetings.doubts
        forms = rows(forms)
        forms[tuple(made.refinement.zeros)] = 0
        forms[np.abs(forms) <= thresholds] = 0
        return plane, Change(rows, made.parents), forms, undecided

    def join(self, decisions: np.ndarray, age: int) -> "tuple[Plane, Change]":
        """See :meth:`Line.join`; what is joined is convex, as the winner's cells are."""
        plane = self.plane
        inner = np.flatnonzero((plane.sides >= 0).all(axis=1) & (plane.lines >= age))
        one, other = plane.sides[inner].T
        inner = inner[(decisions[one] == decisions[other]).all(axis=1)]
        label = connected(plane.faces, plane.sides[inner])
        sides = np.where(plane.sides >= 0, label[plane.sides], -1)
        kept = np.flatnonzero(sides[:, 0] != sides[:, 1])
        used, ends = np.unique(plane.edges[kept], return_inverse=True)
        joined = plane._replace(
            edges=ends.reshape(-1, 2),
            sides=sides[kept],
            lines=plane.lines[kept],
            vertices=len(used),
            faces=int(label.max()) + 1,
        )
        parents = np.unique(label, return_index=True)[1]
        domain = Plane(joined, self.coordinates[used], self.consistent)
        return domain, Change(lambda values: values[used], parents)

    def touching(self, flags: np.ndarray) -> np.ndarray:
        """See :meth:`Line.touching`."""
        return _plane_host.face_bits(self.plane, flags)

    def around(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See :meth:`Line.around`."""
        edge, side = np.nonzero(self.plane.sides >= 0)
        face = np.repeat(self.plane.sides[edge, side], 2)
        vertex = self.plane.edges[edge].ravel()
        order = np.argsort(vertex, kind="stable")
        begins = np.searchsorted(vertex[order], np.arange(self.plane.vertices))
        there = values[face[order]]
        return np.minimum.reduceat(there, begins), np.maximum.reduceat(there, begins)

    def neighbours(self) -> np.ndarray:
        """See :meth:`Line.neighbours`."""
        return self.plane.sides[(self.plane.sides >= 0).all(axis=1)]


Domain = Line | Plane


def connected(cells: int, links: np.ndarray) -> np.ndarray:
    """Numbers from 0 of the connected parts that cells belong to, linked by pairs ``(n, 2)``."""
    graph = coo_array((np.ones(len(links)), tuple(links.T)), shape=(cells, cells))
    return connected_components(graph, directed=False)[1].astype(np.int64)
