"""Exact rational breakpoint propagation on a network's actual binary weights.

Independent of the code under test: dynamic Python lists, one interval at a time, no tolerance.
python-flint's rationals where it is installed, else the standard library's.
"""

import itertools
from fractions import Fraction
from typing import NamedTuple

import numpy as np

try:
    from flint import fmpq
except ImportError:  # pragma: no cover
    fmpq = None


class Exact(NamedTuple):
    """Exact answer; positions in [0, 1] and slopes d/dt as rationals, patterns as bit tuples."""

    regions: int
    pieces: int
    positions: list
    slopes: list
    patterns: list


def rational(value):
    """The exact value of a binary floating-point number."""
    fraction = Fraction(float(value))
    return fmpq(fraction.numerator, fraction.denominator) if fmpq is not None else fraction


def _affine(rows, weight, bias):
    columns = list(zip(*weight, strict=True))
    return [
        [
            sum((x * w for x, w in zip(row, col, strict=True) if x and w), start=b)
            for col, b in zip(columns, bias, strict=True)
        ]
        for row in rows
    ]


def _insert_zeros(positions, rows):
    """Positions and rows with the interior zeros of all columns inserted."""
    new_positions, new_rows = [positions[0]], [rows[0]]
    for t0, t1, z0, z1 in zip(positions, positions[1:], rows, rows[1:], strict=False):
        inner = {a / (a - b) for a, b in zip(z0, z1, strict=True) if (a > 0 > b) or (a < 0 < b)}
        for fraction in sorted(inner):
            new_positions.append(t0 + fraction * (t1 - t0))
            new_rows.append([a + fraction * (b - a) for a, b in zip(z0, z1, strict=True)])
        new_positions.append(t1)
        new_rows.append(z1)
    return new_positions, new_rows


def _active(z0, z1):
    return tuple(a + b > 0 for a, b in zip(z0, z1, strict=True))


def line(params, start, stop) -> Exact:
    """Regions and affine pieces of a ReLU network on a segment, in exact arithmetic.

    ``params`` is a sequence of ``(weight (inputs, outputs), bias (outputs,))`` of binary floats.
    """
    params = [
        (
            [[rational(w) for w in row] for row in np.asarray(weight, np.float64)],
            [rational(b) for b in np.asarray(bias, np.float64)],
        )
        for weight, bias in params
    ]
    zero = rational(0.0)
    positions = [zero, rational(1.0)]
    rows = [[rational(x) for x in np.ravel(end)] for end in (start, stop)]
    history = []
    for weight, bias in params[:-1]:
        before = positions
        positions, rows = _insert_zeros(positions, _affine(rows, weight, bias))
        parents = [max(i for i, t in enumerate(before) if t <= p) for p in positions[:-1]]
        history = [history[p] for p in parents] if history else [()] * len(parents)
        active = map(_active, rows, rows[1:])
        history = [old + bits for old, bits in zip(history, active, strict=True)]
        rows = [[z if z > 0 else zero for z in row] for row in rows]
    values = _affine(rows, *params[-1])
    slopes = [
        tuple((b - a) / (t1 - t0) for a, b in zip(y0, y1, strict=True))
        for t0, t1, y0, y1 in zip(positions, positions[1:], values, values[1:], strict=False)
    ]
    pieces = 1 + sum(a != b for a, b in itertools.pairwise(slopes))
    return Exact(len(slopes), pieces, positions, slopes, history)
