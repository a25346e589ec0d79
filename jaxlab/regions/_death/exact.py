"""The death test in rational arithmetic, for the few networks that floats leave in doubt."""

import itertools
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from jaxlab.regions._line.host import HostLayer

_Rows = list[list[Fraction]]


def first_dead(hidden: Sequence[HostLayer], ends: np.ndarray, *, cut: bool) -> int:
    """The first dead hidden layer of one network, -1 if it is alive.

    Parameters
    ----------
    hidden
        Hidden layers in float64, finite.
    ends
        ``(2, inputs)``: the ends of a segment (``cut``), or two points.
    """
    rows = _fractions(ends)
    for depth, (weight, bias) in enumerate(hidden):
        rows = _affine(rows, _fractions(weight.T), _fractions(bias[None])[0])
        if max(map(max, rows)) <= 0:
            return depth
        if cut:
            rows = _with_zeros(rows)
        rows = [[max(value, Fraction(0)) for value in row] for row in rows]
    return -1


def _fractions(values: np.ndarray) -> _Rows:
    return [[Fraction(float(value)) for value in row] for row in values]


def _affine(rows: _Rows, columns: _Rows, bias: list[Fraction]) -> _Rows:
    return [
        [
            shift + sum(value * weight for value, weight in zip(row, column, strict=True))
            for column, shift in zip(columns, bias, strict=True)
        ]
        for row in rows
    ]


def _with_zeros(rows: _Rows) -> _Rows:
    """The knots where a neuron changes sign inserted."""
    out = rows[:1]
    for left, right in itertools.pairwise(rows):
        shares = {a / (a - b) for a, b in zip(left, right, strict=True) if a * b < 0}
        out += [
            [a + share * (b - a) for a, b in zip(left, right, strict=True)]
            for share in sorted(shares)
        ]
        out.append(right)
    return out
