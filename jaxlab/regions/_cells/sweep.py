"""Subdivide a box by a ReLU network, neuron after neuron, with the numbers at the vertices."""

import numpy as np

from jaxlab.regions._cells import cut as _lattice_cut
from jaxlab.regions._cells import lattice as _lattice
from jaxlab.regions._line.host import TOLERANCE, HostLayer, HostParameters


class Subdivision:
    """A box subdivided by the neurons seen so far, and the network's values at its vertices.

    The combinatorics is the lattice's. The one kind of numerical decision, the sign of a neuron at
    a vertex, is made when the value is computed: what is taken as zero is set to zero
    (:meth:`close`). On the cut of a neuron its value is exactly 0.

    Attributes
    ----------
    lattice
        Faces of dimension 1 to ``d``.
    vertices
        How many there are.
    rows
        ``(at least vertices, d + width)``: points, and values of the layer at hand.
    patterns
        ``(at least cells, neurons)`` bool: activation bits of the neurons seen so far.
    f_vector
        Number of faces of every dimension, vertices first.
    done
        How many neurons have been seen.
    undecided
        Values taken as zero that are not zero by construction.
    """

    def __init__(self, params: HostParameters, lower: np.ndarray, upper: np.ndarray):
        self.inputs = len(lower)
        self.lattice, corners = _lattice.cube(self.inputs)
        self.points = np.where(corners > 0, upper, lower)
        self.hidden = self.points
        self.patterns = np.zeros((1, sum(bias.size for _, bias in params[:-1])), bool)
        self.done = self.undecided = 0
        self.vertices = len(self.points)
        self.f_vector = np.array([self.vertices, *[faces.count for faces in self.lattice]])

    @property
    def cells(self) -> int:
        """Number of cells."""
        return int(self.f_vector[-1])

    @property
    def euler(self) -> int:
        """The alternating sum of the f-vector: 1 if the signs fit together."""
        return int(self.f_vector[::2].sum() - self.f_vector[1::2].sum())

    def scale(self, layer: HostLayer) -> np.ndarray:
        """The largest possible size of each neuron of the next layer."""
        return np.abs(self.hidden).max(axis=0) @ np.abs(layer.weight) + np.abs(layer.bias)

    def enter(self, layer: HostLayer) -> None:
        """Compute the next layer's values at all vertices."""
        values = self.hidden @ layer.weight + layer.bias
        self.rows = np.concatenate([self.points, values], axis=1)
        self.threshold = self.scale(layer) * TOLERANCE
        vertex, column = self.close(self.rows, 0)
        if len(vertex):
            rows, which = np.unique(vertex, return_inverse=True)
            sizes = np.abs(self.hidden[rows]) @ np.abs(layer.weight) + np.abs(layer.bias)
            self.undecided += int(np.count_nonzero(sizes[which, column]))

    def close(self, rows: np.ndarray, neuron: int) -> tuple[np.ndarray, np.ndarray]:
        """Where values of the neurons from ``neuron`` on are within the tolerance: made zero."""
        values = rows[:, self.inputs + neuron :]
        vertex, column = np.nonzero(np.abs(values) <= self.threshold[neuron:])
        values[vertex, column] = 0
        return vertex, column

    def bend(self, neuron: int, column: int, *, build: bool = True) -> None:
        """Cut by one neuron of the layer; ``column`` is its place in the patterns.

        Without ``build`` only ``f_vector`` tells the result.
        """
        values = self.rows[: self.vertices, self.inputs + neuron].copy()
        signs = (values > 0).astype(np.int8)
        signs -= values < 0
        if signs.max() <= 0:
            return
        split = _lattice_cut.find(self.lattice, signs)
        old, parts = self.cells, [len(faces) for faces in split]
        self.patterns[:old, column] = signs[self.lattice[-1].corner[:old]] > 0
        f_vector = self.f_vector + np.array([0, *parts]) + np.array([*parts, 0])
        if parts[-1] and build:
            self.between(split[0], neuron)
            _lattice_cut.cut(self.lattice, signs, split, len(signs))
            twins = slice(old, int(f_vector[-1]))
            self.patterns = _lattice.roomy(self.patterns, old, twins.stop)
            self.patterns[twins] = self.patterns[split[-1]]
            self.patterns[twins, column] ^= True
        self.f_vector = f_vector

    def between(self, edges: np.ndarray, neuron: int) -> None:
        """Append the vertices where ``neuron`` is zero on the edges that it splits."""
        tails, heads = self.lattice[0].corner[edges], self.lattice[0].end[edges]
        start, stop = self.rows[tails], self.rows[heads]
        left, right = start[:, self.inputs + neuron], stop[:, self.inputs + neuron]
        new = start + (left / (left - right))[:, None] * (stop - start)
        new[:, self.inputs + neuron] = 0
        vertex, column = self.close(new, neuron + 1)
        column += self.inputs + neuron + 1
        both = (start[vertex, column] == 0) & (stop[vertex, column] == 0)
        self.undecided += int(np.count_nonzero(~both))
        self.append(new)

    def append(self, rows: np.ndarray) -> None:
        """Add vertices."""
        total = self.vertices + len(rows)
        self.rows = _lattice.roomy(self.rows, self.vertices, total)
        self.rows[self.vertices : total] = rows
        self.vertices = total

    def leave(self) -> None:
        """Apply the ReLU."""
        self.points = self.rows[: self.vertices, : self.inputs]
        self.hidden = np.maximum(self.rows[: self.vertices, self.inputs :], 0)


def sweep(box: Subdivision, params: HostParameters, limit: int, *, build: bool = True) -> str:
    """Subdivide by all hidden layers; what stopped it, or nothing.

    Without ``build`` the last neuron's cut is counted and not made.

    Returns
    -------
    str
        Empty, or why it stopped early: ``"finite"`` (a magnitude is not), ``"limit"`` (more cells),
        ``"contradiction"`` (signs that no network has).
    """
    neurons = sum(bias.size for _, bias in params[:-1])
    for layer in params[:-1]:
        if not np.isfinite(2 * box.scale(layer)).all():
            return "finite"
        box.enter(layer)
        for neuron in range(layer.bias.size):
            try:
                box.bend(neuron, box.done, build=build or box.done < neurons - 1)
            except _lattice_cut.Contradiction:
                return "contradiction"
            box.done += 1
            if box.cells > limit:
                return "limit"
        box.leave()
    return "" if np.isfinite(2 * box.scale(params[-1])).all() else "finite"
