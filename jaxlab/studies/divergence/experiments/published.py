"""The published experiments beside their true gradient flows, from the same starts.

The paper follows discrete optimisers for 500,000 steps of size 1e-3, time 500 of the flow. Here the
flow itself is integrated, in float64 and on the quadrature risk, and further where a preset asks
for it; the optimisers of :mod:`jaxlab.studies.divergence.experiments.schemes` run beside it.

References
----------
Kranz, Gallon, Dereich, Jentzen, arXiv 2505.09572.
"""

import functools
from collections.abc import Callable

import jax
import numpy as np
import xarray as xr

from jaxlab import flows
from jaxlab.networks import Parameters
from jaxlab.studies._parts import Part, Variable, named_key, template
from jaxlab.studies._study import Cell, Values
from jaxlab.studies.divergence import polynomials
from jaxlab.studies.divergence.config import Config
from jaxlab.studies.divergence.experiments import authors, schemes

_FLOW = ("published_problem", "published_activation", "published_start", "published_time")
_TIGHT = ("published_problem", "published_tight_activation", "published_time")
_RUN = ("published_problem", "published_activation", "published_scheme", "published_start")
_ALONG = {
    "loss": "risk along the flow",
    "norm": "norm of the parameters along the flow",
    "gradient_norm": "norm of the gradient along the flow",
    "displacement": "distance from the start along the flow",
    "energy": "integral of the squared norm of the gradient",
    "defect": "fall of the risk less the energy: error of the integrator",
    "largest": "largest eigenvalue of the Hessian along the flow",
    "least": "least eigenvalue of the Hessian along the flow",
}
_BESIDE = {
    "loss": "risk of the discrete optimiser, in float64 by quadrature",
    "norm": "norm of the parameters of the discrete optimiser",
    "gradient_norm": "norm of the gradient at the optimiser's parameters",
    "largest": "largest eigenvalue of the Hessian at the optimiser's parameters",
    "least": "least eigenvalue of the Hessian at the optimiser's parameters",
    "stagnated": "share of the nonzero updates of a step that change nothing",
}


def times(until: float) -> np.ndarray:
    """Times 0, 0.1, 0.2, 0.5, 1, ... up to ``until``, with the times 300 and 400 of the authors.

    Examples
    --------
    >>> times(5.0).tolist()
    [0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0]
    """
    series = [digit * 10.0**power for power in range(-1, 16) for digit in (1, 2, 5)]
    return np.array([0.0, *(t for t in sorted([*series, 300.0, 400.0]) if t <= until)])


def steps(config: Config) -> tuple[int, ...]:
    """Steps at which optimisers are measured: those at the times of the flow."""
    last = min(config.published_steps, round(config.published_until / authors.RATE))
    every = (round(t / authors.RATE) for t in times(config.published_until))
    return tuple(step for step in every if step <= last)


def _template(config: Config) -> xr.Dataset:
    coords = {
        "published_network": list(polynomials.PROBLEMS),
        "published_draw": range(config.published_draws),
        "published_problem": list(config.published_problems),
        "published_activation": list(config.published_activations),
        "published_start": range(config.published_starts),
        "published_time": times(config.published_until),
        "published_tight_activation": list(config.published_tight),
        "published_scheme": list(config.published_schemes),
        "published_step": steps(config),
    }
    variables = {
        "published_square": Variable(
            ("published_network", "published_draw"), float, "squared norm of a start"
        ),
        "published_refined": Variable(
            _FLOW[:-1], float, "last risk by a rule of 1.5 times the nodes, less the risk"
        ),
        "published_verdict": Variable(_FLOW[:-1], int, "verdict on the flow, see Outcome"),
        "published_allowed": Variable(
            _FLOW[:-1], float, "error granted to the integrator: tolerance times accepted steps"
        ),
        "published_tight_loss": Variable(_TIGHT, float, "risk, start 0, tolerance / 100"),
        "published_tight_norm": Variable(_TIGHT, float, "norm, start 0, tolerance / 100"),
    }
    variables |= {f"published_{k}": Variable(_FLOW, float, text) for k, text in _ALONG.items()}
    variables |= {
        f"published_run_{k}": Variable((*_RUN, "published_step"), float, text)
        for k, text in _BESIDE.items()
    }
    return template(coords, variables)


def _cells(config: Config) -> list[Cell]:
    """First one cell of every program, so that the other starts find it compiled."""
    pairs = [
        (f"{problem}-{activation}", {"published_problem": i, "published_activation": k})
        for i, problem in enumerate(config.published_problems)
        for k, activation in enumerate(config.published_activations)
    ]
    along = [
        Cell(f"flow-{name}-{number}", at | {"published_start": number})
        for number in range(config.published_starts)
        for name, at in pairs
    ]
    beside = [
        Cell(f"run-{name}-{scheme}".replace(" ", "_"), at | {"published_scheme": k})
        for k, scheme in enumerate(config.published_schemes)
        for name, at in pairs
    ]
    tight = [
        Cell(f"tight-{problem}-{activation}", {_TIGHT[0]: i, _TIGHT[1]: k})
        for i, problem in enumerate(config.published_problems)
        for k, activation in enumerate(config.published_tight)
    ]
    norms = [
        Cell(f"norms-{name}", {"published_network": i})
        for i, name in enumerate(polynomials.PROBLEMS)
    ]
    return [*along[: len(pairs)], *beside, *tight, *along[len(pairs) :], *norms]


def _compute(config: Config, cell: Cell) -> Values:
    return _KINDS[cell.name.split("-")[0]](config, cell)


def _norms(config: Config, cell: Cell) -> Values:
    problem = list(polynomials.PROBLEMS)[cell.index["published_network"]]
    key = named_key(config.seed, f"published norms {problem}")
    return {"published_square": polynomials.squared_norms(key, problem, config.published_draws)}


def _flow(config: Config, cell: Cell) -> Values:
    problem = config.published_problems[cell.index["published_problem"]]
    activation = config.published_activations[cell.index["published_activation"]]
    begin = polynomials.start(config.seed, problem, cell.index["published_start"])
    flow = _program(config, problem, activation, config.published_rtol)(begin)
    seen = schemes.observe(problem, activation, jax.tree.map(np.asarray, flow.params))
    found = flow._asdict() | {"largest": seen.largest, "least": seen.least}
    last = jax.tree.map(lambda leaf: leaf[-1], flow.params)
    finer = polynomials.quadrature_data(problem, 3 * polynomials.PROBLEMS[problem].nodes // 2)
    outcome = flows.verdicts.verdict(
        np.asarray(flow.times),
        np.asarray(flow.norm),
        np.asarray(flow.gradient_norm),
        np.asarray(flow.moved),
        float(seen.least[-1]),
    )
    return {f"published_{name}": np.asarray(found[name]) for name in _ALONG} | {
        "published_refined": np.asarray(polynomials.risk(activation)(last, finer) - flow.loss[-1]),
        "published_verdict": np.int64(outcome),
        "published_allowed": np.float64(config.published_rtol * int(flow.accepted)),
    }


def _tight(config: Config, cell: Cell) -> Values:
    problem = config.published_problems[cell.index["published_problem"]]
    activation = config.published_tight[cell.index["published_tight_activation"]]
    begin = polynomials.start(config.seed, problem, 0)
    flow = _program(config, problem, activation, config.published_rtol / 100)(begin)
    return {
        "published_tight_loss": np.asarray(flow.loss),
        "published_tight_norm": np.asarray(flow.norm),
    }


def _run(config: Config, cell: Cell) -> Values:
    found = schemes.run(
        config.seed,
        config.published_problems[cell.index["published_problem"]],
        config.published_activations[cell.index["published_activation"]],
        config.published_schemes[cell.index["published_scheme"]],
        config.published_starts,
        steps(config),
    )
    return {f"published_run_{name}": values for name, values in found.items()}


_KINDS = {"norms": _norms, "flow": _flow, "tight": _tight, "run": _run}


@functools.cache
def _program(
    config: Config, problem: str, activation: str, rtol: float
) -> Callable[[Parameters], flows.Flow]:
    """The flow from a start, compiled once per network, activation and tolerance."""
    data, risk = polynomials.quadrature_data(problem), polynomials.risk(activation)
    solver = flows.implicit() if config.published_implicit else flows.explicit()

    def flow(params: Parameters) -> flows.Flow:
        return flows.integrate(
            lambda p: risk(p, data),
            params,
            times(config.published_until),
            rtol=rtol,
            atol=rtol / 100,
            solver=solver,
            max_steps=1_000_000,
        )

    return jax.jit(flow)


PART = Part("published", _template, _cells, _compute)
