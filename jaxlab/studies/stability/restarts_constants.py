"""Part "constants": what the error of a long enough FIRENET is proportional to, and when.

With ``delta`` the error stops at a constant times ``delta``; with noise ``e`` at a constant times
``||e||``. A dual vector certifies ``lam_max``. Measurements wrong by an ``e`` in the range of
``A_S``, the columns of the support, move the solution by ``pinv(A_S) e``, by at most
``||e|| / sigma_min(A_S)``. Of other ``e`` that bound says nothing: for small ``lam`` the minimiser
fits every measurement, ``A z = y + e``, and needs coefficients off the support for that. So the
search for the worst perturbation runs twice, in the range of ``A_S`` and among all measurements.
What bounds all of them is :meth:`jaxlab.inverse.certificates.Certificate.bound`, far from sharp.

Above ``lam_max`` no minimiser has the signs of the truth on all its support, so a real one is wrong
by at least the smallest coefficient: recovery does not fail gradually.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Inexact

from jaxlab.inverse.certificates import certify
from jaxlab.inverse.firenets import firenet
from jaxlab.inverse.perturbations import sphere, worst_case
from jaxlab.inverse.proximal import norm
from jaxlab.studies._parts import Part, Variable, named_key
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell, Values
from jaxlab.studies.stability.config import Config
from jaxlab.studies.stability.problems import LAM, Problem, problem
from jaxlab.studies.stability.restarts import DELTA, ITERATIONS, distances

DELTAS = tuple(10.0**-k for k in range(1, 8))
NOISES = (1e-1, 1e-3, 1e-5)
STEPS = (0.25, 0.6, 1.0, 1.2, 2.0)
"""``tau = sigma``, for an operator of norm 1."""

RATIOS = (0.5, 0.9, 0.99, 1.01, 1.1, 2.0, 10.0)
"""``lam / lam_max``."""

DIRECTIONS = ("worst of A_S", "random")
SPACES = ("range of A_S", "all measurements")

RESTARTS = 28
"""So that ``nu**k ||y||`` is 1e-4 of the smallest ``delta``, for measurements of norm 13."""

LONG = 1000
"""Iterations of a restart near ``lam_max``, where constants are large."""

SEARCHED, SEARCH_ITERATIONS = 16, 20
"""Restarts and iterations of the FIRENETs whose worst perturbations are searched."""


def template(config: Config) -> xr.Dataset:
    """Errors by problem and by what is varied; quotients by problem, space and radius."""
    search = ("constant_searched", "constant_space", "constant_radius")
    each = ("constant_problem",)
    return empty(
        {
            "constant_problem": config.problem_names,
            "constant_delta": DELTAS,
            "constant_direction": DIRECTIONS,
            "constant_noise": NOISES,
            "constant_step": STEPS,
            "constant_ratio": RATIOS,
            "constant_searched": config.constant_searched,
            "constant_space": SPACES,
            "constant_radius": config.constant_radii,
        },
        {
            "constant_delta_error": Variable((*each, "constant_delta"), float, "error"),
            "constant_noise_error": Variable(
                (*each, "constant_direction", "constant_noise"), float, "error"
            ),
            "constant_step_error": Variable((*each, "constant_step"), float, "relative error"),
            "constant_forms": Variable(
                each, float, "largest difference of the two forms, relative, over all restarts"
            ),
            "constant_stability": Variable(each, float, "1 / sigma_min(A_S)"),
            "constant_lam_max": Variable(each, float, "1 / ||v||"),
            "constant_off_support": Variable(each, float, "largest |A^H v| / w off the support"),
            "constant_bound": Variable(
                each, float, "upper bound of every quotient, infinite if not certified"
            ),
            "constant_least": Variable(each, float, "smallest coefficient of the support"),
            "constant_ratio_error": Variable(("constant_ratio",), float, "error, tiny problem"),
            "constant_quotient": Variable(search, float, "largest quotient found by ascent"),
        },
    )


def cells(config: Config) -> list[Cell]:
    """Sweeps and forms per problem, ``lam`` beyond its limit, and the searches."""
    return [
        *(
            Cell(f"{kind}-{name}", {"constant_problem": i})
            for i, name in enumerate(config.problem_names)
            for kind in ("sweeps", "forms")
        ),
        Cell("limit", {}),
        *(
            Cell(f"search-{name}", {"constant_searched": i})
            for i, name in enumerate(config.constant_searched)
        ),
    ]


def compute(config: Config, cell: Cell) -> Values:
    """One of them."""
    if cell.name == "limit":
        return _limit(problem("tiny"))
    ((dim, place),) = cell.index.items()
    names = {
        "constant_problem": config.problem_names,
        "constant_searched": config.constant_searched,
    }[dim]
    given = problem(names[place], config.problem_side, config.seed)
    return _EXPERIMENTS[cell.name.split("-")[0]](config, given)


def solve(given: Problem, y: Inexact[Array, "..."], **changed: Any) -> Inexact[Array, "..."]:
    """The FIRENET of this part, or one that differs in some arguments."""
    arguments = {
        "lam": LAM,
        "weights": given.weights,
        "restarts": RESTARTS,
        "iterations": ITERATIONS,
        "delta": DELTA,
    }
    return firenet(given.operator, y, **(arguments | changed)).solution


def _sweeps(config: Config, given: Problem) -> Values:
    """One program: every row has its own measurements, ``delta`` and step."""
    y, size = given.measurements, np.linalg.norm(given.truth)
    key = named_key(config.seed, "noise")
    drawn = np.asarray(sphere(key, jnp.zeros(int(given.mask.sum()), y.dtype), 1.0))
    random = np.zeros_like(y)
    random[given.mask] = drawn
    certificate = certify(given.operator, given.truth, given.weights)
    worst = certificate.worst_measurement
    noisy = [y + level * e for e in (worst, random) for level in NOISES]
    data = np.stack([*[y] * len(DELTAS), *noisy, *[y] * len(STEPS)])
    rest = len(noisy) + len(STEPS)
    deltas = np.array([*DELTAS, *[DELTA] * rest])
    steps = np.array([*[1.0] * (len(data) - len(STEPS)), *STEPS])

    def row(arguments: tuple[Array, Array, Array]) -> Array:
        y, delta, step = arguments
        return solve(given, y, delta=delta, tau=step, sigma=step)

    rows = tuple(map(jnp.asarray, (data, deltas, steps)))
    errors = distances(jax.jit(jax.vmap(row))(rows), given)
    by_delta, by_noise, by_step = np.split(errors, [len(DELTAS), len(DELTAS) + len(noisy)])
    return {
        "constant_delta_error": by_delta * size,
        "constant_noise_error": by_noise.reshape(len(DIRECTIONS), -1) * size,
        "constant_step_error": by_step,
        "constant_stability": np.float64(certificate.stability),
        "constant_lam_max": np.float64(certificate.lam_max),
        "constant_off_support": np.float64(certificate.off_support),
        "constant_bound": np.float64(certificate.bound(LAM)),
        "constant_least": np.abs(given.truth.ravel()[certificate.support]).min(),
    }


def _forms(config: Config, given: Problem) -> Values:
    """Both forms of one network, after every restart."""

    def recorded(y: Array, form: Any) -> Array:
        return firenet(
            given.operator,
            y,
            lam=LAM,
            weights=given.weights,
            restarts=RESTARTS,
            iterations=SEARCH_ITERATIONS,
            delta=DELTA,
            form=form,
            record=lambda z: z,
        ).recorded

    both = jax.jit(lambda y: (recorded(y, "step"), recorded(y, "data")))
    step, data = map(np.asarray, both(jnp.asarray(given.measurements)))
    apart = distances(step - data + given.truth, given)
    return {"constant_forms": apart.max()}


def _limit(given: Problem) -> Values:
    """Below and above ``lam_max``, with restarts long enough for the constants there."""
    found = certify(given.operator, given.truth, given.weights)
    lams = found.lam_max * np.array(RATIOS)
    y = jnp.asarray(given.measurements)
    run = jax.jit(jax.vmap(lambda lam: solve(given, y, lam=lam, iterations=LONG, restarts=25)))
    errors = distances(run(jnp.asarray(lams)), given) * np.linalg.norm(given.truth)
    return {"constant_ratio_error": errors}


def _search(config: Config, given: Problem) -> Values:
    """Ascent from random perturbations, by space and radius, in one program.

    A perturbation is projected on its space before it is added; its quotient is that of what was
    added.
    """
    y = jnp.asarray(given.measurements)
    places = np.nonzero(given.mask)
    identity = np.eye(len(places[0]), dtype=y.dtype)
    spaces = jnp.stack([_range(given), identity])
    key = named_key(config.seed, "search")

    def search(arguments: tuple[Array, Array]) -> Array:
        number, radius = arguments
        space = spaces[number]

        def network(r: Array) -> Array:
            e = jnp.zeros_like(y).at[places].set(_product(space, r))
            return solve(given, y + e, restarts=SEARCHED, iterations=SEARCH_ITERATIONS)

        found = worst_case(
            key,
            network,
            jnp.zeros(len(places[0]), y.dtype),
            radius=radius,
            steps=config.constant_steps,
            restarts=config.constant_starts,
        )
        return found.change / norm(_product(space, found.perturbation))

    radii = jnp.array(config.constant_radii)
    rows = jnp.repeat(jnp.arange(len(SPACES)), radii.size), jnp.tile(radii, len(SPACES))
    quotients = jax.jit(lambda rows: jax.lax.map(search, rows))(rows)
    return {"constant_quotient": np.asarray(quotients).reshape(len(SPACES), -1)}


def _range(given: Problem) -> np.ndarray:
    """The orthogonal projection on the range of ``A_S``, as a matrix on the measured places."""
    support = np.flatnonzero(given.truth)
    units = np.zeros((support.size, given.truth.size), given.truth.dtype)
    units[np.arange(support.size), support] = 1
    shaped = jnp.asarray(units.reshape(-1, *given.truth.shape))
    columns = jax.jit(lambda z: jax.lax.map(given.operator.forward, z))(shaped)
    basis = np.linalg.qr(np.asarray(columns)[:, given.mask].T)[0]
    return basis @ basis.conj().T


def _product(a: Array, v: Array) -> Array:
    return jnp.matmul(a, v, precision=jax.lax.Precision.HIGHEST)


_EXPERIMENTS = {"sweeps": _sweeps, "forms": _forms, "search": _search}

PART = Part("constants", template, cells, compute)
