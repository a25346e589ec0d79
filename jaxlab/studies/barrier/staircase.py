"""Part "staircase": digits that a perfect solver obtains from imperfect data, in exact integers.

Two axes, kept apart. In a *format* every number of the problem is rounded once to it, so that the
gap ``2**-(n + 1)`` is lost from some ``n`` on. In the *plane* the input is known to ``2**-m``
whatever its size, as in the theorem: read to the nearest multiple, or by an adversary. Arithmetic
is rational throughout, and the solver exact: no other error than that of the data remains.
"""

import itertools
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import xarray as xr

from jaxlab.arithmetic import Format
from jaxlab.inverse import noncomputable
from jaxlab.inverse.noncomputable import Row
from jaxlab.studies._arithmetics import format_of
from jaxlab.studies._parts import Part, Variable
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell, Values
from jaxlab.studies.barrier.config import Config

PLANE = 4
"""``K`` of the problems in the plane."""

READINGS = ("nearest", "adversary")
"""How the input is read to ``2**-m``: each entry to the nearest multiple, or as bad as allowed."""

GAPS = ("equal", "hidden")
"""The row for ``K`` has the gap of the row for ``K - 1``, or one that no input in the plane shows.
"""

PLANE_GAPS = 16
"""``n`` in the plane: 0, 1, ... up to this number."""

OVERFLOW = -np.inf
"""Stands for integers of problems whose numbers overflow."""


def template(config: Config) -> xr.Dataset:
    """Lost gaps by format, digits by format and ``n``, and digits in the plane."""
    plane = ("staircase_reading", "staircase_above", "staircase_row", "staircase_bits")
    return empty(
        {
            "staircase_format": config.staircase_formats,
            "staircase_rows": range(1, config.staircase_most + 1),
            "staircase_digits": config.staircase_digits,
            "staircase_gap": range(config.staircase_gaps),
            "staircase_reading": READINGS,
            "staircase_above": GAPS,
            "staircase_row": range(PLANE_GAPS),
            "staircase_bits": range(config.staircase_bits),
        },
        {
            "staircase_lost": Variable(
                ("staircase_format", "staircase_rows"),
                float,
                "smallest n at which the gap is lost; -inf: overflow",
            ),
            "staircase_obtained": Variable(
                ("staircase_format", "staircase_digits", "staircase_gap"),
                float,
                "correct digits, least of four problems; -inf: overflow",
            ),
            "staircase_plane": Variable(plane, float, "correct digits, least of four problems"),
        },
    )


def cells(config: Config) -> list[Cell]:
    """One for each format, and for each way to read the input."""
    formats = [
        Cell(f"format-{name}".replace("=", ""), {"staircase_format": i})
        for i, name in enumerate(config.staircase_formats)
    ]
    readings = [Cell(f"plane-{name}", {"staircase_reading": i}) for i, name in enumerate(READINGS)]
    return [*formats, *readings]


def compute(config: Config, cell: Cell) -> Values:
    """All integers of one format, or of one half of the plane."""
    if "staircase_reading" in cell.index:
        return {"staircase_plane": _plane(config, READINGS[cell.index["staircase_reading"]])}
    fmt = format_of(config.staircase_formats[cell.index["staircase_format"]])
    lost = [noncomputable.gap_lost_at(k, fmt) for k in range(1, config.staircase_most + 1)]
    return {
        "staircase_lost": np.array([OVERFLOW if n is None else n for n in lost]),
        "staircase_obtained": np.array(
            [
                [_in_format(digits, n, fmt) for n in range(config.staircase_gaps)]
                for digits in config.staircase_digits
            ]
        ),
    }


def _in_format(digits: int, n: int, fmt: Format) -> float:
    """Digits when both rows have the gap ``n`` and every number is rounded to the format."""
    gap = noncomputable.gap(n)
    try:
        return _worst(digits, (gap, gap), lambda row, *_: _stored(row, fmt))
    except OverflowError:
        return OVERFLOW


def _stored(row: Row, fmt: Format) -> Row:
    """A row in a format; OverflowError where that has no such numbers."""
    first, second = (noncomputable.nearest(entry, fmt) for entry in row)
    if first is None or second is None:
        raise OverflowError
    return first, second


def _plane(config: Config, reading: str) -> np.ndarray:
    """Digits by gaps, ``n`` and ``m``."""
    hidden = noncomputable.gap(PLANE_GAPS + config.staircase_bits + 4)

    def digits(gaps: str, n: int, bits: int) -> float:
        gap = noncomputable.gap(n)

        def read(row: Row, k: int, eps: Fraction, which: int) -> Row:
            if reading == "nearest":
                return noncomputable.to_grid(row[0], bits), noncomputable.to_grid(row[1], bits)
            return noncomputable.worst_reading(k, eps, which, bits)

        return _worst(PLANE, (gap if gaps == "equal" else hidden, gap), read)

    return np.array(
        [
            [[digits(gaps, n, m) for m in range(config.staircase_bits)] for n in range(PLANE_GAPS)]
            for gaps in GAPS
        ]
    )


def _worst(
    digits: int,
    gaps: tuple[Fraction, Fraction],
    read: Callable[[Row, int, Fraction, int], Row],
) -> int:
    """Least number of digits over the four problems, solved exactly from what is read."""

    def obtained(*which: int) -> int:
        truth = noncomputable.tiers(digits, gaps, (which[0], which[1]))
        seen = tuple(
            read(row, digits - tier, gaps[tier], which[tier]) for tier, row in enumerate(truth)
        )
        error = noncomputable.squared_distance(
            noncomputable.vertices(seen), noncomputable.vertices(truth)
        )
        return noncomputable.correct_digits(error)

    return min(obtained(*which) for which in itertools.product((1, 2), repeat=2))


PART = Part("staircase", template, cells, compute)
