"""Part "restarts": the error falls by the factor ``nu`` per restart, if restarts are long enough.

Near a vector that is recovered exactly, the restarted iteration in variables divided by ``eps_k``
is one fixed map, because the objective is homogeneous: the error is a constant times ``eps_k``.
That needs enough iterations ``p``. In theory ``p = 2 C_2 ||A|| / nu`` is enough, with ``C_2``
such that ``||z - x|| <= C_2 (F(z) - F(x))``; every ``z`` seen gives a lower bound of that constant.
"""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float, Inexact

from jaxlab.inverse.firenets import firenet
from jaxlab.inverse.primal_dual import objective
from jaxlab.studies._parts import Part, Variable
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell, Values
from jaxlab.studies.stability.config import Config
from jaxlab.studies.stability.problems import LAM, Problem, problem

RESTARTS = 25
"""So many: enough for ten decades."""

ITERATIONS = 40
"""``p`` where it is not what an experiment varies."""

DELTA = 1e-15
"""The smallest gap aimed at: none."""


def template(config: Config) -> xr.Dataset:
    """Errors by problem, iterations, ``lam`` and restart; and by problem, ``nu`` and restart."""
    path = ("restart_problem", "restart_iterations", "restart_lam", "restart")
    return empty(
        {
            "restart_problem": config.problem_names,
            "restart_iterations": config.restart_iterations,
            "restart_lam": config.restart_lams,
            "restart_nu": config.restart_factors,
            "restart": range(1, RESTARTS + 1),
        },
        {
            "restart_error": Variable(path, float, "relative error, nu = 1/e"),
            "restart_gap": Variable(path, float, "F(z) - F(x), nu = 1/e"),
            "restart_nu_error": Variable(
                ("restart_problem", "restart_nu", "restart"), float, "relative error, p = 40"
            ),
            "restart_size": Variable(("restart_problem",), float, "norm of the truth"),
            "restart_data": Variable(("restart_problem",), float, "norm of the measurements"),
        },
    )


def cells(config: Config) -> list[Cell]:
    """One cell per problem and number of iterations, and per problem and factor."""
    return [
        cell
        for i, name in enumerate(config.problem_names)
        for cell in (
            Cell(f"{name}-sizes", {"restart_problem": i}),
            *(
                Cell(f"{name}-p{p}", {"restart_problem": i, "restart_iterations": j})
                for j, p in enumerate(config.restart_iterations)
            ),
            *(
                Cell(f"{name}-nu{nu:.3g}", {"restart_problem": i, "restart_nu": j})
                for j, nu in enumerate(config.restart_factors)
            ),
        )
    ]


def compute(config: Config, cell: Cell) -> Values:
    """The norms of a problem, or its reconstruction restart by restart."""
    name = config.problem_names[cell.index["restart_problem"]]
    given = problem(name, config.problem_side, config.seed)
    size = np.linalg.norm(given.truth)
    if "restart_iterations" in cell.index:
        p = config.restart_iterations[cell.index["restart_iterations"]]
        lams = jnp.array(config.restart_lams)
        z = jax.jit(lambda lams: jax.lax.map(lambda lam: path(given, lam=lam, iterations=p), lams))(
            lams
        )
        gaps = _gaps(z, lams, name=name, side=config.problem_side, seed=config.seed)
        return {"restart_error": distances(z, given), "restart_gap": np.asarray(gaps)}
    if "restart_nu" in cell.index:
        nu = config.restart_factors[cell.index["restart_nu"]]
        z = jax.jit(lambda lam: path(given, lam=lam, iterations=ITERATIONS, nu=nu))(LAM)
        return {"restart_nu_error": distances(z, given)}
    return {"restart_size": size, "restart_data": np.linalg.norm(given.measurements)}


def path(
    given: Problem, *, lam: Any, iterations: int, nu: float = math.exp(-1)
) -> Inexact[Array, "restarts ..."]:
    """The coefficients after every restart.

    Parameters
    ----------
    given
        The problem.
    lam, iterations, nu
        As in :func:`jaxlab.inverse.firenets.firenet`; ``lam`` may be traced.
    """
    return firenet(
        given.operator,
        jnp.asarray(given.measurements),
        lam=lam,
        weights=given.weights,
        restarts=RESTARTS,
        iterations=iterations,
        nu=nu,
        delta=DELTA,
        record=lambda z: z,
    ).recorded


def distances(z: Inexact[Any, "..."], given: Problem) -> Float[np.ndarray, "..."]:
    """Errors relative to the truth, of many arrays of coefficients at once."""
    axes = tuple(range(-given.truth.ndim, 0))
    wrong = np.asarray(z) - given.truth
    return np.sqrt((np.abs(wrong) ** 2).sum(axes)) / np.linalg.norm(given.truth)


@functools.partial(jax.jit, static_argnames=("name", "side", "seed"))
def _gaps(
    z: Inexact[Array, "lams restarts ..."],
    lams: Float[Array, " lams"],
    *,
    name: str,
    side: int,
    seed: int,
) -> Float[Array, "lams restarts"]:
    """``F(z) - F(x)``."""
    given = problem(name, side, seed)

    def gap(z: Array, lam: Array) -> Array:
        t = lam * given.weights
        data = jnp.asarray(given.measurements)
        return objective(given.operator, data, z, t) - jnp.sum(t * jnp.abs(given.truth))

    return jax.vmap(jax.vmap(gap, (0, None)))(z, lams)


PART = Part("restarts", template, cells, compute)
