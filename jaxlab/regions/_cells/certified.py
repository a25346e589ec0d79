"""The subdivision of a box with proved signs: bounds of all errors, and integers where they fail.

The numbers at the vertices carry rigorous bounds. A sign that the bounds leave open is settled in
integers: the vertex is the point of an edge where a known neuron vanishes, between two vertices
that are found the same way, down to the corners of the box. The lattice asks for nothing but signs,
so that the whole subdivision is then that of the network with its binary weights.
"""

import math

import numpy as np

from jaxlab.regions import _exact, _merging, _running_error
from jaxlab.regions._cells import lattice as _lattice
from jaxlab.regions._cells.sweep import Subdivision
from jaxlab.regions._ledger import Ledger
from jaxlab.regions._line.host import HostLayer, HostParameters


class Unsettled(Exception):
    """A sign is open and may not or cannot be settled; the ledger says why."""


class CertifiedSubdivision(Subdivision):
    """A box subdivided with proved signs.

    Attributes
    ----------
    errors
        ``(at least vertices, width)``: bounds of the errors of the values in ``rows``.
    births
        ``(at least vertices, 5)``: the ends of the edge on which the vertex was born, the layer and
        neuron that vanish there, and a cell at the edge; -1 for the corners of the box.
    homes
        ``(at least vertices,)``: a cell at the vertex when the layer was entered, or at its birth.
    """

    def __init__(
        self, params: HostParameters, lower: np.ndarray, upper: np.ndarray, ledger: Ledger
    ):
        super().__init__(params, lower, upper)
        self.params, self.ledger, self.layer = params, ledger, -1
        self.offsets = np.cumsum([0, *(bias.size for _, bias in params[:-1])])
        self.errors = np.zeros_like(self.hidden)
        self.births = np.full((self.vertices, 5), -1, _lattice.INDEX)
        self._points: dict[int, _exact.Point] = {}
        self._forms: dict[bytes, _exact.Matrix] = {}
        self._net: _exact.Slice | None = None

    def enter(self, layer: HostLayer) -> None:
        """Compute the next layer's values, with bounds, at all vertices."""
        self.layer += 1
        values, self.errors = _running_error.affine(self.hidden, self.errors, *layer)
        self.rows = np.concatenate([self.points, values], axis=1)
        edges = self.lattice[0]
        cells = self._cells(np.arange(edges.count))
        self.homes = np.empty(self.vertices, _lattice.INDEX)
        self.homes[edges.corner[: edges.count]] = cells
        self.homes[edges.end[: edges.count]] = cells
        self.settle(0, 0)

    def _cells(self, edges: np.ndarray) -> np.ndarray:
        """A cell at each edge: the first slot of a face is never free."""
        faces = edges
        for lower in self.lattice[:-1]:
            faces = lower.above[faces, 0]
        return faces

    def between(self, edges: np.ndarray, neuron: int) -> None:
        """Append the vertices where ``neuron`` is zero on the edges that it splits, and settle."""
        ends = self.lattice[0].corner[edges], self.lattice[0].end[edges]
        start, stop = [(self.rows[end, self.inputs :], self.errors[end]) for end in ends]
        left, right = [(values[:, neuron], bounds[:, neuron]) for values, bounds in (start, stop)]
        fraction, least, most = (x[:, None] for x in _running_error.crossing(left, right))
        blur = np.maximum(fraction - least, most - fraction)
        values, bounds = _running_error.between(start, stop, fraction, blur)
        values[:, neuron] = bounds[:, neuron] = 0
        points, others = (self.rows[end, : self.inputs] for end in ends)
        old, total = self.vertices, self.vertices + len(edges)
        self.append(np.concatenate([points + fraction * (others - points), values], axis=1))
        cells = self._cells(edges)
        layer, number = np.full_like(cells, self.layer), np.full_like(cells, neuron)
        for name, new in [
            ("errors", bounds),
            ("homes", cells),
            ("births", np.stack([*ends, layer, number, cells], axis=1)),
        ]:
            setattr(self, name, _lattice.roomy(getattr(self, name), old, total))
            getattr(self, name)[old:total] = new
        self.settle(old, neuron + 1)

    def settle(self, vertex: int, neuron: int) -> None:
        """Decide the neurons' signs, from ``neuron`` on, at the vertices from ``vertex`` on."""
        values = self.rows[vertex : self.vertices, self.inputs + neuron :]
        errors = self.errors[vertex : self.vertices, neuron:]
        doubtful = ~(np.abs(values) > errors) & (errors != 0)
        if not self.ledger.allows(int(doubtful.sum())):
            raise Unsettled
        for number in (vertex + np.flatnonzero(doubtful.any(axis=1))).tolist():
            self._settle_one(number)

    def _settle_one(self, vertex: int) -> None:
        """The exact values of the whole layer at one vertex, rounded once."""
        point, forms = self._point(vertex), self._form(self.layer, int(self.homes[vertex]))
        exact = _exact.at(point, forms)
        values = _exact.rounded(exact, point[0], self.net.scales[self.layer])
        signs = np.array([(value > 0) - (value < 0) for value in exact])
        smallest = np.nextafter(0.0, signs)
        values = np.where(values == 0, smallest, values)
        self.rows[vertex, self.inputs :] = values
        self.errors[vertex] = _running_error.rounded_once(values, signs)

    def leave(self) -> None:
        """Apply the ReLU: certainly inactive values are exactly 0."""
        super().leave()
        values = self.rows[: self.vertices, self.inputs :]
        errors = self.errors[: self.vertices]
        self.errors = np.where(values < -errors, 0, errors)

    @property
    def net(self) -> _exact.Slice:
        """The network in integers."""
        if self._net is None:
            identity = np.eye(self.inputs)
            self._net = _exact.restrict(self.params, np.zeros(self.inputs), identity)
        return self._net

    def _form(self, layer: int, cell: int) -> _exact.Matrix:
        """The pre-activations of a layer on a cell, in integers."""
        bits = self.patterns[cell, : self.offsets[layer]]
        key = bits.tobytes()
        if key not in self._forms:
            if layer == 0:
                self._forms[key] = _exact.forms(self.net, [])
            else:
                mask = bits[self.offsets[layer - 1] :]
                self._forms[key] = _exact.extend(self.net, layer, self._form(layer - 1, cell), mask)
        return self._forms[key]

    def _point(self, vertex: int) -> _exact.Point:
        """The exact place of a vertex."""
        waiting = [vertex]
        while waiting:
            number = waiting[-1]
            tail, head, layer, neuron, cell = self.births[number].tolist()
            if number in self._points:
                waiting.pop()
            elif tail < 0:
                self._points[number] = _corner(self.rows[number, : self.inputs])
            elif missing := [end for end in (tail, head) if end not in self._points]:
                waiting += missing
            else:
                form = _exact.column(self._form(layer, cell), neuron)
                self._points[number] = _zero(self._points[tail], self._points[head], form)
        return self._points[vertex]


def pieces(box: CertifiedSubdivision, neighbours: np.ndarray) -> tuple[int, int]:
    """At least and at most how many pieces the cells of a finished box make."""
    cells, d = box.cells, box.inputs
    patterns = box.patterns[:cells]
    slopes = np.broadcast_to(np.eye(d), (cells, d, d)), np.zeros((cells, d, d))
    *before, last = box.params
    masks = np.split(patterns, box.offsets[1:-1], axis=1) if before else []
    for layer, mask in zip(before, masks, strict=True):
        found, bounds = _running_error.derivative(slopes, layer.weight)
        slopes = found * mask[:, None], np.where(mask[:, None], bounds, 0)

    def same(one: int, other: int) -> bool:
        return box._form(len(before), one) == box._form(len(before), other)

    found = _running_error.derivative(slopes, last.weight)
    return _merging.certified(*found, neighbours, same, box.ledger)


def _corner(point: np.ndarray) -> _exact.Point:
    numbers, scale = _exact.integers(point)
    fmpz = _exact.flint().fmpz
    one = 1 << max(scale, 0)
    return (fmpz(one), *(fmpz(number << max(-scale, 0)) for number in numbers))


def _zero(first: _exact.Point, second: _exact.Point, form: _exact.Form) -> _exact.Point:
    """The point between two where a form of opposite signs there vanishes, in lowest terms."""
    one = sum(p * c for p, c in zip(first, form, strict=True))
    two = sum(p * c for p, c in zip(second, form, strict=True))
    point = [abs(two) * a + abs(one) * b for a, b in zip(first, second, strict=True)]
    divisor = point[0]
    for entry in point[1:]:
        divisor = divisor.gcd(entry)
    return tuple(entry // divisor for entry in point)


def most_cells(box: Subdivision, params: HostParameters) -> int:
    """A bound on the cells that the network has, from those found so far.

    ``n`` neurons cut a convex cell at most into ``sum_{i <= d} C(n, i)`` (Zaslavsky, Memoirs of the
    AMS 154, 1975).
    """
    most, seen = box.cells, box.done
    for _, bias in params[:-1]:
        left = bias.size - min(seen, bias.size)
        seen -= bias.size - left
        most *= sum(math.comb(left, i) for i in range(box.inputs + 1))
    return most
