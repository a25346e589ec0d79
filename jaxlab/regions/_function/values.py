"""What a value of a program is on a domain: affine on every cell, or a step."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from jaxlab.regions._function.domains import Change


class Affine(NamedTuple):
    """Affine on every cell and continuous, of any shape.

    Attributes
    ----------
    rows
        ``(vertices, ...)``: the values.
    slopes
        ``(cells, directions, ...)``: the derivatives along the domain's axes.
    size
        ``(1, ...)``: a bound on the terms that add up to the values; after the last switch of the
        program also ``(cells * directions, ...)`` on those that add up to the slopes.
    """

    rows: np.ndarray
    slopes: np.ndarray
    size: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the value."""
        return self.rows.shape[1:]

    def carry(self, change: Change) -> "Affine":
        """The same on the domain after a change."""
        return Affine(change.rows(self.rows), self.slopes[change.parents], self.size)

    def map(
        self,
        function: Callable[[np.ndarray], np.ndarray],
        bound: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> "Affine":
        """A linear function of rows; ``bound`` is that with the sizes of its weights."""
        cells, directions = self.slopes.shape[:2]
        slopes = function(self.slopes.reshape(cells * directions, *self.shape))
        slopes = slopes.reshape(cells, directions, *slopes.shape[1:])
        return Affine(function(self.rows), slopes, (bound or function)(self.size))

    def __neg__(self) -> "Affine":
        return Affine(-self.rows, -self.slopes, self.size)

    def plus(self, other: "Affine | ArrayLike") -> "Affine":
        """A sum, with a constant too."""
        if not isinstance(other, Affine):
            one = self.fit(np.ndim(other))
            first = np.zeros((len(one.size), *[1] * len(one.shape)))
            first[0] = 1
            size = one.size + first * np.abs(other)
            slopes = one.slopes
            if size.shape[1:] != one.shape:
                slopes = slopes + np.zeros(np.shape(other))
            return Affine(one.rows + other, slopes, size)
        ndim = max(len(self.shape), len(other.shape))
        return Affine(*(a + b for a, b in zip(self.fit(ndim), other.fit(ndim), strict=True)))

    def fit(self, ndim: int) -> "Affine":
        """A scalar as an array of so many axes."""
        if len(self.shape) >= ndim:
            return self
        return self.map(lambda x: x.reshape(len(x), *[1] * ndim))

    def broadcast(self, shape: tuple[int, ...]) -> "Affine":
        """A scalar as an array of equal entries."""
        value = self.fit(len(shape))
        return Affine(*(np.broadcast_to(x, x.shape[: x.ndim - len(shape)] + shape) for x in value))

    def settled(self) -> "Affine":
        """With sizes for the slopes, too."""
        slopes = np.abs(self.slopes).reshape(-1, *self.shape)
        return self._replace(size=np.concatenate([self.size, slopes]))


class Step(NamedTuple):
    """Constant on every cell: ``(cells, ...)``."""

    cells: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the value."""
        return self.cells.shape[1:]

    def carry(self, change: Change) -> "Step":
        """The same on the domain after a change."""
        return Step(self.cells[change.parents])

    def map(self, function: Callable[[np.ndarray], np.ndarray], bound: object = None) -> "Step":
        """A function of rows."""
        return Step(function(self.cells))

    def fit(self, ndim: int) -> "Step":
        """A scalar as an array of so many axes."""
        return Step(self.cells.reshape(-1, *[1] * ndim)) if not self.shape else self


Value = Affine | Step
Operand = Value | np.ndarray


def switched(rows: np.ndarray, slopes: np.ndarray) -> Affine:
    """What a switch returns: the size counts anew from the values."""
    return Affine(rows, slopes, np.abs(rows).max(axis=0, keepdims=True))


def where(cells: np.ndarray, rows: np.ndarray, first: Affine, second: Affine) -> Affine:
    """The first where true, by cell and by vertex."""
    slopes = np.where(cells[:, None], first.slopes, second.slopes)
    return switched(np.where(rows, first.rows, second.rows), slopes)
