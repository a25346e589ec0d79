"""What is known exactly about a planar subdivision by a network: its lines and points, on demand.

A line of the subdivision is the zero set of one neuron in one face of the subdivision before its
layer (or a side of the polygon); a vertex is where two lines meet. Both are computed in integers
when a decision asks for them, and kept.
"""

import functools
from typing import Any, NamedTuple

import numpy as np

from jaxlab.regions import _exact
from jaxlab.regions._line.host import HostParameters
from jaxlab.regions._plane.frame import Frame
from jaxlab.regions._plane.subdivision import Found, Subdivision


class Layer(NamedTuple):
    """One hidden layer that was cut: old faces of the faces after it, and their activation bits."""

    parents: np.ndarray
    active: np.ndarray


class Facts:
    """Exact forms, lines and points of one network on one polygon; grows layer by layer."""

    def __init__(self, params: HostParameters, frame: Frame):
        self._params, (self._origin, self._axes, corners) = params, frame
        self.layers: list[Layer] = []
        number = np.arange(len(corners))
        # Layer (-1: a side of the polygon), face and neuron of every line; two lines a vertex.
        self._lines = np.stack([0 * number - 1, 0 * number, number], axis=1)
        self._meet = np.stack([np.roll(number, 1), number], axis=1)
        self._forms: dict[tuple[int, int], Any] = {}
        self._points: dict[int, Any] = {}
        self._corners = corners

    @functools.cached_property
    def net(self) -> _exact.Slice:
        """The network in integers, made at the first doubt."""
        return _exact.restrict(self._params, self._origin, self._axes)

    def take(self, plane: Subdivision, found: Found) -> None:
        """Take in the lines and vertices by which ``plane`` is cut next."""
        chords, splits, meetings = found.chords, found.splits, found.meetings
        cut_by = np.empty(len(splits.edges), int)
        for end in (chords.starts, chords.ends):
            at = np.flatnonzero(end >= plane.vertices)
            cut_by[end[at] - plane.vertices] = plane.used_lines + at
        on_edges = np.stack([plane.lines[splits.edges], cut_by], axis=1)
        on_chords = plane.used_lines + np.stack([meetings.chord, meetings.other], axis=1)
        self._meet = np.concatenate([self._meet, on_edges, on_chords])
        level = np.full(len(chords.faces), len(self.layers))
        lines = np.stack([level, chords.faces, chords.forms], axis=1)
        self._lines = np.concatenate([self._lines, lines])

    def forms(self, level: int, face: int) -> Any:
        """Pre-activations of a layer on a face of the subdivision before it, ``(3, neurons)``."""
        key = level, face
        if key not in self._forms:
            if level == 0:
                self._forms[key] = _exact.forms(self.net, [])
            else:
                parents, active = self.layers[level - 1]
                before = self.forms(level - 1, int(parents[face]))
                self._forms[key] = _exact.extend(self.net, level, before, active[face])
        return self._forms[key]

    def form(self, level: int, face: int, neuron: int) -> _exact.Form:
        """One of them."""
        return _exact.column(self.forms(level, face), neuron)

    def line(self, number: int) -> _exact.Form:
        """The form that vanishes on a line of the subdivision."""
        level, face, neuron = self._lines[number].tolist()
        if level >= 0:
            return self.form(level, face, neuron)
        after = (neuron + 1) % len(self._corners)
        (a, b, c), (d, e, f) = (self._corner(corner) for corner in (neuron, after))
        return [b * f - c * e, c * d - a * f, a * e - b * d]

    def _corner(self, number: int) -> _exact.Point:
        return tuple(_exact.hyperplane(np.array([1.0, *self._corners[number]])))

    def point(self, vertex: int) -> _exact.Point:
        """A vertex of the subdivision."""
        if vertex not in self._points:
            if vertex < len(self._corners):
                found = self._corner(vertex)
            else:
                found = _exact.meet([self.line(line) for line in self._meet[vertex].tolist()])
            assert found is not None  # lines that cross are not parallel
            self._points[vertex] = found
        return self._points[vertex]
