"""Counts equal those of linear programs: layer by layer, which sign patterns have an interior.

The forms are exact rationals, so that a form that is zero is known to be; whether an open cell is
empty is left to HiGHS, on small networks whose cells are not thin.
"""

import numpy as np
import pytest
from scipy.optimize import linprog

from jaxlab.regions import cells
from tests.regions import degenerate, networks
from tests.regions.oracle import rational


def forms_of(rows, weight, bias):
    """Columns of forms: ``rows`` is a list of forms, each a list of d + 1 rationals."""
    out = []
    for column, shift in zip(np.transpose(weight), bias, strict=True):
        weights = [rational(w) for w in column]
        form = [
            sum(w * entry for w, entry in zip(weights, entries, strict=True))
            for entries in zip(*rows, strict=True)
        ]
        out.append([form[0] + rational(shift), *form[1:]])
    return out


def as_floats(form):
    numbers = np.array([int(x.p) / int(x.q) for x in form])
    return numbers / np.abs(numbers).max()


def has_interior(constraints, lower, upper):
    """Whether all forms can be positive at once inside the box."""
    d = len(constraints[0]) - 1
    left = np.array([[*-c[1:], 1.0] for c in constraints])
    right = np.array([c[0] for c in constraints])
    bounds = [(lower, upper)] * d + [(None, 1.0)]
    solved = linprog([0.0] * d + [-1.0], A_ub=left, b_ub=right, bounds=bounds, method="highs")
    return solved.status == 0 and solved.x[-1] > 1e-9


def programs(params, lower, upper):
    """The patterns of all cells, by depth-first search."""
    d = len(params[0][0])
    zero, one = rational(0.0), rational(1.0)
    inputs = [[zero] + [one if i == j else zero for j in range(d)] for i in range(d)]
    box = np.block([[np.full((d, 1), -lower), np.eye(d)], [np.full((d, 1), upper), -np.eye(d)]])
    found = [((), list(box), inputs)]
    for weight, bias in params[:-1]:
        entered = found
        found = []
        for bits, constraints, rows in entered:
            forms = forms_of(rows, weight, bias)
            parts = [((), constraints)]
            for form in forms:
                if not any(form):
                    parts = [((*new, False), held) for new, held in parts]
                    continue
                numbers = as_floats(form)
                parts = [
                    ((*new, active), [*held, sign * numbers])
                    for new, held in parts
                    for active, sign in ((False, -1), (True, 1))
                    if has_interior([*held, sign * numbers], lower, upper)
                ]
            for new, held in parts:
                kept = [f if on else [zero] * (d + 1) for f, on in zip(forms, new, strict=True)]
                found.append((bits + new, held, kept))
    return {bits for bits, _, _ in found}


CASES = [
    (networks.he, (3, 5, 4, 1)),
    (networks.he, (4, 5, 3, 1)),
    (degenerate.integer, (3, 4, 4, 1)),
    (degenerate.mixed, (3, 4, 3, 2, 1)),
    (degenerate.mixed, (4, 5, 4, 1)),
    (degenerate.zero_biases, (3, 5, 4, 1)),
    (degenerate.opposite, (3, 4, 4, 1)),
    (degenerate.concurrent, (3, 5, 3, 1)),
    (degenerate.cancelling, (4, 4, 4, 1)),
    (degenerate.dead_layer, (3, 4, 3, 3, 1)),
]


@pytest.mark.parametrize(("make", "widths"), CASES, ids=lambda x: getattr(x, "__name__", str(x)))
def test_cells_are_those_of_linear_programs(make, widths):
    params = make(np.random.default_rng(0), widths)
    expected = programs(params, -1.0, 2.0)
    found = cells.enumerate(networks.layers(params), -1.0, 2.0)
    assert len(found.patterns) == len(expected) > 4
    assert {tuple(bits) for bits in found.patterns.tolist()} == expected
