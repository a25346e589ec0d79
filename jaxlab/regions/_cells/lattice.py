"""The face lattice of a polyhedral complex: faces of every dimension, and which bounds which.

The complex is a box subdivided into convex cells. Its faces of dimension ``k`` are numbered from 0;
a face of dimension ``k`` is bounded by faces of dimension ``k - 1``. Both directions are kept, in
arrays that only grow:

* upwards, row ``f`` of ``above`` names the faces that ``f`` bounds, one a slot, -1 where free. The
  place of a slot in the flat array, ``f * width + slot``, is a *link*;
* downwards, face ``g`` owns the links of the faces that bound it, a stretch of one pool. When a
  face is split both parts get new stretches at the end of the pool.

So a link gives the bounding face by a shift, and the slot in which to write a new number when the
face above is split.
"""

import itertools
from dataclasses import dataclass, field

import numpy as np

from jaxlab.regions import _ragged

INDEX = np.int32


def roomy(array: np.ndarray, used: int, rows: int) -> np.ndarray:
    """The array with space for ``rows`` rows: doubled if it is too short, new rows undefined."""
    if rows <= len(array):
        return array
    larger = np.empty((max(rows, 2 * len(array)), *array.shape[1:]), array.dtype)
    larger[:used] = array[:used]
    return larger


def _none() -> np.ndarray:
    return np.empty(0, INDEX)


@dataclass
class Faces:
    """The faces of one dimension ``k >= 1``; arrays are longer than ``count``.

    Attributes
    ----------
    shift, used
        ``above`` has ``2**shift`` slots a row, of which no row uses more than the first ``used``.
    corner
        A vertex of the face; for an edge, its first end.
    end
        The other end of an edge; unused for other faces.
    above
        ``(faces, 2**shift)``: faces of dimension ``k + 1`` that this one bounds.
    start, length, pool, filled
        Links of the faces below: ``pool[start : start + length]``; not for edges.
    place
        Number of the face among those being split, -1 for all others.
    """

    shift: int
    used: int
    count: int = 0
    filled: int = 0
    corner: np.ndarray = field(default_factory=_none)
    end: np.ndarray = field(default_factory=_none)
    start: np.ndarray = field(default_factory=_none)
    length: np.ndarray = field(default_factory=_none)
    place: np.ndarray = field(default_factory=_none)
    pool: np.ndarray = field(default_factory=_none)
    above: np.ndarray = field(init=False)

    def __post_init__(self):
        self.above = np.empty((0, 1 << self.shift), INDEX)

    def reserve(self, extra: int) -> None:
        """Make room for more faces."""
        rows = self.count + extra
        if max(rows << self.shift, 2 * self.filled) > np.iinfo(INDEX).max:
            raise MemoryError(f"{rows} faces of one dimension are more than 32-bit links can tell")
        for name in ("corner", "end", "start", "length", "place", "above"):
            setattr(self, name, roomy(getattr(self, name), self.count, rows))
        self.place[self.count : rows] = self.above[self.count : rows] = -1

    def store(self, faces: np.ndarray, sizes: np.ndarray, links: np.ndarray) -> None:
        """Give faces their links below, in the order of the faces."""
        total = self.filled + len(links)
        self.pool = roomy(self.pool, self.filled, total)
        self.pool[self.filled : total] = links
        self.start[faces] = self.filled + _ragged.starts(sizes)
        self.length[faces] = sizes
        self.filled = total

    def links(self, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Links below of some faces, the position in ``faces`` of each link, first position."""
        sizes = self.length[faces]
        first = _ragged.starts(sizes)
        owner = np.repeat(np.arange(len(faces), dtype=INDEX), sizes)
        where = np.arange(len(owner)) + np.repeat(self.start[faces] - first, sizes)
        return self.pool[where], owner, first

    def widen(self, used: int, owners: "Faces | None") -> None:
        """Let rows use more slots; the links, which the ``owners`` above hold, are renumbered."""
        self.used = max(used, self.used)
        shift = (self.used - 1).bit_length()
        if shift > self.shift:
            wide = np.full((len(self.above), 1 << shift), -1, INDEX)
            wide[:, : 1 << self.shift] = self.above
            if owners is not None:
                links = owners.pool[: owners.filled]
                face, slot = links >> self.shift, links & ((1 << self.shift) - 1)
                owners.pool[: owners.filled] = (face << shift) + slot
            self.above, self.shift = wide, shift


Lattice = list[Faces]
"""Faces of dimension 1 to ``d``: ``lattice[k - 1]`` has dimension ``k``."""


def cube(dimension: int) -> tuple[Lattice, np.ndarray]:
    """The lattice of a cube, and its vertices ``(2**d, d)`` with coordinates 0 and 1.

    A face is a word over ``0``, ``1`` and ``*`` (free): its dimension is the number of stars.
    """
    words: list[list[tuple[int, ...]]] = [[] for _ in range(dimension + 1)]
    for word in itertools.product((0, 1, 2), repeat=dimension):
        words[word.count(2)].append(word)
    numbers = [{word: number for number, word in enumerate(group)} for group in words]
    lattice = []
    for k in range(1, dimension + 1):
        slots = max(2 * (dimension - k), 1)
        faces = Faces(shift=(slots - 1).bit_length(), used=slots)
        faces.reserve(len(words[k]))
        faces.count = len(words[k])
        lattice.append(faces)
        below = [
            [
                numbers[k - 1][(*word[:i], bit, *word[i + 1 :])]
                for i in _stars(word)
                for bit in (0, 1)
            ]
            for word in words[k]
        ]
        if k == 1:
            faces.corner[: faces.count], faces.end[: faces.count] = np.array(below).T
        else:
            _bound(lattice[k - 2], faces, below)
    return lattice, np.array(words[0], float).reshape(-1, dimension)


def _stars(word: tuple[int, ...]) -> list[int]:
    return [i for i, letter in enumerate(word) if letter == 2]


def _bound(lower: Faces, faces: Faces, below: list[list[int]]) -> None:
    """Enter the faces of the cube below each face, in both directions."""
    free = np.zeros(lower.count, int)
    links = []
    for number, bounds in enumerate(below):
        for face in bounds:
            lower.above[face, free[face]] = number
            links.append((face << lower.shift) + free[face])
            free[face] += 1
        faces.corner[number] = lower.corner[bounds[0]]
    sizes = np.array([len(bounds) for bounds in below])
    faces.store(np.arange(faces.count), sizes, np.array(links, INDEX))
