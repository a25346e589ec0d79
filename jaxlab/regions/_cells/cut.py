"""Cut a face lattice by the zero set of a form that is affine on every face and continuous.

All that a cut needs is the sign of the form at the vertices. A face is split if it has vertices of
both strict signs: it keeps its number for one part, its *twin* is the other, and its *cut*, a new
face of one dimension less, lies between. The cut is bounded by the cuts of the split faces that
bound it, and by faces of two dimensions less that lie in the zero set. Faces that only touch the
zero set, or lie in it, stay as they are; only faces near the zero set are visited.

This is the incremental construction of arrangements of hyperplanes (Edelsbrunner, Algorithms in
Combinatorial Geometry, 1987, chapter 7, doi 10.1007/978-3-642-61568-9), for a form that bends.
"""

import itertools
from typing import NamedTuple

import numpy as np

from jaxlab.regions import _ragged
from jaxlab.regions._cells.lattice import INDEX, Faces, Lattice

Split = list[np.ndarray]
"""Faces of dimension 1 to ``d`` that are split: ``split[k - 1]`` has dimension ``k``."""


class Contradiction(Exception):
    """Signs that no form has: a polygon whose boundary it does not cross twice."""


def find(lattice: Lattice, signs: np.ndarray) -> Split:
    """Faces with vertices of both strict signs.

    Afterwards the ``corner`` of every face has a sign other than 0, unless all its vertices have 0.

    Parameters
    ----------
    lattice
        Its corners are changed.
    signs
        int8 ``(vertices,)``: -1, 0 or 1.
    """
    edges = lattice[0]
    first, last = signs[edges.corner[: edges.count]], signs[edges.end[: edges.count]]
    split = [np.flatnonzero(first * last < 0)]
    near = split[0]
    touching = not signs.all()
    if touching:
        near = np.flatnonzero(first * last <= 0)
        turned = near[(first[near] == 0) & (last[near] != 0)]
        corner = edges.corner[turned]
        edges.corner[turned], edges.end[turned] = edges.end[turned], corner
    for lower, faces in itertools.pairwise(lattice):
        near = _above(lower, near, faces.count)
        split.append(_examine(lower, faces, near, split[-1], signs) if touching else near)
    return split


def _above(lower: Faces, chosen: np.ndarray, count: int) -> np.ndarray:
    """The faces that the chosen ones bound, ascending."""
    mark = np.zeros(count + 1, bool)
    mark[lower.above[chosen]] = True  # a free slot, -1, marks the last entry
    return np.flatnonzero(mark[:-1])


def _examine(
    lower: Faces, faces: Faces, near: np.ndarray, split_below: np.ndarray, signs
) -> np.ndarray:
    """Those of the faces near the zero set that are split; gives all of them strict corners."""
    if not len(near):
        return near
    links, owner, first = faces.links(near)
    below = links >> lower.shift
    corner = lower.corner[below]
    sign = signs[corner]
    strict = np.flatnonzero(sign)
    faces.corner[near[owner[strict]]] = corner[strict]
    halved = np.zeros(lower.count, bool)
    halved[split_below] = True
    positive = np.logical_or.reduceat((sign > 0) | halved[below], first)
    negative = np.logical_or.reduceat((sign < 0) | halved[below], first)
    return near[positive & negative]


def cut(lattice: Lattice, signs: np.ndarray, split: Split, vertices: int) -> None:
    """Split the faces that :func:`find` found.

    Parameters
    ----------
    lattice
        Changed.
    signs
        int8 ``(vertices,)``; the new vertices, not among them, have sign 0.
    split
        From :func:`find`, with the same signs. The new vertex on the edge ``split[0][i]`` has the
        number ``vertices + i``.
    vertices
        How many there were.

    Raises
    ------
    Contradiction
        If the signs contradict each other. The lattice is then of no further use.
    """
    parts = [len(faces) for faces in split] + [0]
    for k, (faces, chosen) in enumerate(zip(lattice, split, strict=True)):
        faces.reserve(parts[k] + parts[k + 1])
        faces.place[chosen] = np.arange(parts[k])
    touching = not signs.all()
    _split_edges(lattice[0], split[0], vertices)
    for k in range(1, len(lattice)):
        if parts[k]:
            _Step(lattice, split, k, signs, vertices).take(touching)
    for k, (faces, chosen) in enumerate(zip(lattice, split, strict=True)):
        faces.place[chosen] = -1
        faces.count += parts[k] + parts[k + 1]


def _split_edges(edges: Faces, chosen: np.ndarray, vertices: int) -> None:
    """Edge (a, b) keeps (a, v), its twin is (b, v)."""
    new = vertices + np.arange(len(chosen))
    twins = slice(edges.count, edges.count + len(chosen))
    edges.corner[twins] = edges.end[chosen]
    edges.end[twins] = new
    edges.end[chosen] = new


class _Below(NamedTuple):
    """The faces below the split ones, one entry for each such pair."""

    links: np.ndarray
    owner: np.ndarray
    face: np.ndarray
    far: np.ndarray
    halved: np.ndarray


class _Step:
    """Splitting the faces of one dimension, when the faces below have been split."""

    def __init__(self, lattice: Lattice, split: Split, k: int, signs: np.ndarray, vertices: int):
        self.lattice, self.k, self.signs = lattice, k, signs
        self.faces, self.lower = lattice[k], lattice[k - 1]
        self.chosen = split[k].astype(INDEX)
        number = np.arange(len(self.chosen), dtype=INDEX)
        self.twins = self.faces.count + number
        self.cuts = self.lower.count + len(split[k - 1]) + number
        # Number of the first cut among the faces two dimensions below; there, new vertices.
        self.ridges = vertices if k == 1 else lattice[k - 2].count + len(split[k - 2])

    def take(self, touching: bool) -> None:
        faces, lower = self.faces, self.lower
        links, owner, _ = faces.links(self.chosen)
        face = links >> lower.shift
        home = self.signs[faces.corner[self.chosen]]
        far = self.signs[lower.corner[face]] != home[owner]
        below = _Below(links, owner, face, far, np.flatnonzero(lower.place[face] >= 0))
        self._share(below)
        self._bound_cuts(below, touching)
        faces.corner[self.twins] = lower.corner[self.cuts]

    def _share(self, below: _Below) -> None:
        """Share the faces below among both parts; a halved one gives each part a half."""
        lower, links, owner, far = self.lower, below.links, below.owner, below.far
        above = lower.above.reshape(-1)
        halved = below.halved
        face, of, beyond = below.face[halved], owner[halved], far[halved]
        mine, other = self.chosen[of], self.twins[of]
        shift, mask = lower.shift, (1 << lower.shift) - 1
        twin = lower.count + lower.place[face]
        twin_links = (twin << shift) + (links[halved] & mask)
        above[links[far]] = self.twins[owner[far]]
        above[twin_links] = np.where(beyond, mine, other)
        near = ~far
        near[halved] = True
        whole = far.copy()
        whole[halved] = True
        old = links[halved]
        ours, theirs = links.copy(), links.copy()
        ours[halved] = np.where(beyond, twin_links, old)
        theirs[halved] = np.where(beyond, old, twin_links)
        cut_links = self.cuts << shift
        above[cut_links] = self.chosen
        above[cut_links + 1] = self.twins
        self._store(self.chosen, ours[near], owner[near], cut_links)
        self._store(self.twins, theirs[whole], owner[whole], cut_links + 1)

    def _store(self, parts: np.ndarray, links: np.ndarray, owner: np.ndarray, last: np.ndarray):
        """Store the links of all parts, after each the link of its cut."""
        sizes = np.bincount(owner, minlength=len(parts)) + 1
        stored = np.empty(len(links) + len(parts), INDEX)
        stored[np.arange(len(links)) + owner] = links
        stored[np.cumsum(sizes) - 1] = last
        self.faces.store(parts, sizes, stored)

    def _bound_cuts(self, below: _Below, touching: bool) -> None:
        """The cuts' own boundaries: cuts of the halved faces, and faces in the zero set."""
        halved, lower = below.halved, self.lower
        owner, place = below.owner[halved], lower.place[below.face[halved]]
        slot = 2 + (below.links[halved] & ((1 << lower.shift) - 1))
        ridge = self.ridges + place
        if touching:
            zero, zero_owner = self._zeros(below)
            owner = np.concatenate([owner, zero_owner])
            order = np.argsort(owner, kind="stable")
            slot = np.concatenate([slot, self._free_slots(zero)])[order]
            owner, ridge = owner[order], np.concatenate([ridge, zero])[order]
        sizes = np.bincount(owner, minlength=len(self.cuts))
        if sizes.min() < self.k + 1 or (self.k == 1 and sizes.max() > 2):
            raise Contradiction
        if self.k == 1:
            lower.corner[self.cuts], lower.end[self.cuts] = ridge.reshape(-1, 2).T
            return
        base = self.lattice[self.k - 2]
        links = (ridge << base.shift) + slot
        base.above.reshape(-1)[links] = self.cuts[owner]
        lower.store(self.cuts, sizes, links)
        lower.corner[self.cuts] = base.corner[ridge[_ragged.starts(sizes)]]

    def _zeros(self, below: _Below) -> tuple[np.ndarray, np.ndarray]:
        """Faces two dimensions below that lie in the zero set, and whose cuts they bound.

        Such a face lies between one near and one far face: it is found from the far one.
        """
        whole = below.far.copy()
        whole[below.halved] = False
        face, owner = below.face[whole], below.owner[whole]
        if self.k == 1:
            ridge = self.lower.end[face]
            zero = self.signs[ridge] == 0
        else:
            base = self.lattice[self.k - 2]
            links, which, _ = self.lower.links(face)
            ridge, owner = links >> base.shift, owner[which]
            zero = self.signs[base.corner[ridge]] == 0
        return ridge[zero], owner[zero]

    def _free_slots(self, ridge: np.ndarray) -> np.ndarray:
        """A free slot for every entry; makes the rows wider where they are full."""
        if self.k == 1 or not len(ridge):
            return np.zeros(len(ridge), INDEX)
        base = self.lattice[self.k - 2]
        order = np.argsort(ridge, kind="stable")
        _, sizes = np.unique(ridge, return_counts=True)
        rank = np.empty(len(ridge), INDEX)
        rank[order] = _ragged.spread(sizes)[1]
        taken = base.above[ridge, ::-1] >= 0
        slot = (1 << base.shift) - np.argmax(taken, axis=1) + rank
        base.widen(int(slot.max()) + 1, self.lower)
        for i in range(self.k - 3, -1, -1):
            self.lattice[i].widen(2 + self.lattice[i + 1].used, self.lattice[i + 1])
        return slot
