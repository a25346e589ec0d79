"""Part "family": what the closed forms of the problems that cannot be solved promise, checked.

Matrices and measurements carry the cosine transform and are float64, as in the demonstration; how
near the two minimisers are to a tie is computed in rational arithmetic: it may be less than float64
resolves.
"""

import numpy as np
import xarray as xr

from jaxlab.inverse import noncomputable
from jaxlab.studies._parts import Part, Variable
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell, Values
from jaxlab.studies.barrier.config import Config


def template(config: Config) -> xr.Dataset:
    """Distances and certificates by ``K`` and ``n``."""
    each = ("family_digits", "family_gap")
    return empty(
        {"family_digits": config.family_digits, "family_gap": config.family_gaps},
        {
            "family_matrices": Variable(each, float, "norm of the difference of the two matrices"),
            "family_minimisers": Variable(each, float, "distance of the two minimisers"),
            "family_norm": Variable(each, float, "norm of a minimiser, larger of two"),
            "family_residual": Variable(each, float, "residual at a minimiser, larger of two"),
            "family_dual": Variable(each, float, "norm of the dual certificate, larger of two"),
            "family_slope": Variable(
                each, float, "|A^T q + sign| on the support of a minimiser, larger of two"
            ),
            "family_margin": Variable(
                each,
                float,
                "1 - |A^T q| off the support, exact: also the objective at the other "
                "minimiser less the least",
            ),
            "family_off": Variable(
                each, float, "|A^T q| off the support as computed, largest of two"
            ),
        },
    )


def cells(config: Config) -> list[Cell]:
    """One for each ``K``."""
    return [Cell(f"K{k}", {"family_digits": i}) for i, k in enumerate(config.family_digits)]


def compute(config: Config, cell: Cell) -> Values:
    """All gaps of one ``K``."""
    digits = config.family_digits[cell.index["family_digits"]]
    rows = [_facts(digits, n) for n in config.family_gaps]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _facts(digits: int, n: int) -> dict[str, float]:
    """Everything about one pair of problems."""
    pair = [noncomputable.problem(digits, n, which) for which in (1, 2)]
    first, second = pair
    # y is a unit vector and A x = y: q = -|x|_1 y satisfies A^T q = -sign(x) on the support.
    duals = [-problem.minimiser.sum() * problem.measured for problem in pair]
    slopes = np.array([problem.matrix.T @ q for problem, q in zip(pair, duals, strict=True)])
    own = np.array([0, 1]), np.array([0, 1])
    support = np.abs(slopes[own] + 1).max()
    slopes[own] = 0
    small, large = noncomputable.row(digits, noncomputable.gap(n), 2)
    return {
        "family_matrices": float(np.linalg.norm(first.matrix - second.matrix, 2)),
        "family_minimisers": float(np.linalg.norm(first.minimiser - second.minimiser)),
        "family_norm": max(float(np.linalg.norm(problem.minimiser)) for problem in pair),
        "family_residual": max(
            float(np.linalg.norm(problem.matrix @ problem.minimiser - problem.measured))
            for problem in pair
        ),
        "family_dual": max(float(np.linalg.norm(q)) for q in duals),
        "family_slope": float(support),
        "family_off": float(np.abs(slopes).max()),
        "family_margin": float(1 - small / large),
    }


PART = Part("family", template, cells, compute)
