"""Part "table": the table of the theorem's demonstration, as its script behaves and corrected.

FIRENET sees the problem whose minimiser is ``e_2 / (alpha + eps)`` and is scored against the other
one's, ``e_1 / (alpha + eps)``. The script differs in two ways. Its loop over ``K`` overwrites the
index of the problem, so that the truth has its entry at position ``loop - 2``: for the first two
``K`` that is at the end of the vector. And its steps ``1 / sqrt(||A||) - 1e-4`` violate
``tau sigma ||A||**2 <= 1``.
"""

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxlab.inverse import noncomputable, operators
from jaxlab.inverse.firenets import firenet
from jaxlab.inverse.primal_dual import objective
from jaxlab.studies._parts import Part, Variable
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell, Values
from jaxlab.studies.barrier.config import Config

DIGITS = (1, 3, 6)
"""``K`` of the rows, in the order of the script's loop."""

GAPS = (10, 20, 30)
"""``n`` of the rows."""

STEPS = ("script", "1/||A||")
"""Rules for ``tau = sigma``."""

TRUTHS = ("script", "right")
"""What a solution is scored against."""

PUBLISHED_LISTA = (
    (0.2999690, 0.3000000, 0.3000000),
    (0.0030000, 0.0030000, 0.0030000),
    (0.0000030, 0.0000030, 0.0000030),
)
"""Scores of LISTA by ``K`` and ``n``, as printed in the paper; recalled, not read."""

PUBLISHED_FIRENET = (
    (0.2597827, 0.2598050, 0.2598052),
    (0.0025980, 0.0025980, 0.0025980),
    (0.0000015, 0.0000015, 0.0000015),
)
"""Scores of FIRENET, likewise."""

RESTARTS, ITERATIONS, DELTA = 30, 50, 1e-6
"""The script's settings."""


def template(config: Config) -> xr.Dataset:
    """Scores by steps, truth, ``K`` and ``n``."""
    del config
    each = ("table_steps", "table_digits", "table_gap")
    return empty(
        {"table_steps": STEPS, "table_truth": TRUTHS, "table_digits": DIGITS, "table_gap": GAPS},
        {
            "table_score": Variable((each[0], "table_truth", *each[1:]), float, "error of FIRENET"),
            "table_excess": Variable(each, float, "objective less its least value"),
            "table_step": Variable(each, float, "tau ||A||, at most 1 for convergence"),
            "table_separation": Variable(
                each[1:], float, "distance of the two minimisers: the score of a perfect LISTA"
            ),
        },
    )


def cells(config: Config) -> list[Cell]:
    """One for each ``K`` and ``n``."""
    del config
    return [
        Cell(f"K{k}-n{n}", {"table_digits": i, "table_gap": j})
        for i, k in enumerate(DIGITS)
        for j, n in enumerate(GAPS)
    ]


def compute(config: Config, cell: Cell) -> Values:
    """Both rules for the steps, against both truths."""
    del config
    loop = cell.index["table_digits"]
    digits, n = DIGITS[loop], GAPS[cell.index["table_gap"]]
    seen, other = (noncomputable.problem(digits, n, which) for which in (2, 1))
    mistaken = np.zeros_like(other.minimiser)
    mistaken[loop - 2] = other.minimiser.max()
    size = float(np.linalg.norm(seen.matrix, 2))
    taus = (size**-0.5 - 1e-4, 1 / size)
    found = [
        _solve(seen.matrix, seen.measured, seen.minimiser, *map(jnp.asarray, (tau, size)))
        for tau in taus
    ]
    truths = (mistaken, other.minimiser)
    return {
        "table_score": np.array(
            [[np.linalg.norm(np.asarray(z) - truth) for truth in truths] for z, _ in found]
        ),
        "table_excess": np.array([float(excess) for _, excess in found]),
        "table_step": np.array([tau * size for tau in taus]),
        "table_separation": np.linalg.norm(seen.minimiser - other.minimiser),
    }


@jax.jit
def _solve(
    matrix: Float[Array, "rows columns"],
    y: Float[Array, " rows"],
    minimiser: Float[Array, " columns"],
    tau: Float[Array, ""],
    size: Float[Array, ""],
) -> tuple[Float[Array, " columns"], Float[Array, ""]]:
    """FIRENET in data form, as published, and how much larger its objective is than the least."""
    operator = operators.matrix(matrix)
    z = firenet(
        operator,
        y,
        lam=1.0,
        restarts=RESTARTS,
        iterations=ITERATIONS,
        delta=DELTA,
        tau=tau,
        sigma=tau,
        norm=size,
        form="data",
    ).solution
    least = objective(operator, y, minimiser, jnp.ones_like(minimiser))
    return z, objective(operator, y, z, jnp.ones_like(z)) - least


PART = Part("table", template, cells, compute)
