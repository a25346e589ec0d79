"""Part "limits": thousands of gradient flows of the exact risk, and where each of them goes.

Shallow ReLU networks learn ``x`` on [0, 1]. Their starts are N(0, 1), or lie just below the
smallest critical risk (:mod:`jaxlab.studies.flow.starts`). Flows run in float64 with tolerances
``rtol`` and ``rtol / 100``; some are repeated with a tighter one.
"""

import functools
from collections.abc import Callable, Mapping

import jax
import numpy as np
import xarray as xr
from jaxtyping import Float, Int

from jaxlab.flows import Flow, integrate, log_times, verdicts
from jaxlab.flows.relu_risk import Shallow, gradient, risk
from jaxlab.studies._parts import Part, Variable
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell, Values
from jaxlab.studies.flow import starts
from jaxlab.studies.flow.config import Config

STARTS: Mapping[str, Callable[[int, int, int], starts.Starts]] = {
    "normal": starts.normal,
    "saddle": starts.beside_saddle,
    "target": starts.around_target,
}
"""Families of starts: ``(seed, neurons, count) -> starts``."""

PER_DECADE = 2
"""Output times per factor of ten."""

_FIRST = 0.1  # the first of them
_TIGHT = "tight"  # the cell that repeats flows with a tighter tolerance


def template(config: Config) -> xr.Dataset:
    """One row per network size, batch of starts, and flow."""
    batch, flow = ("limits_neurons", "limits_batch"), "limits_flow"
    each, checked = (*batch, flow), ("limits_checked_neurons", "limits_checked")
    return empty(
        {
            "limits_neurons": config.limits_neurons,
            "limits_batch": _batches(config),
            "limits_flow": range(config.limits_flows),
            "limits_time": times(config),
            "limits_checked_neurons": [config.limits_checked_neurons],
            "limits_checked": range(config.limits_checked),
        },
        {
            "limits_risk": Variable((*each, "limits_time"), float, "risk"),
            "limits_gradient": Variable(each, float, "norm of the gradient at the end"),
            "limits_norm": Variable(each, float, "largest norm of the parameters"),
            "limits_defect": Variable(each, float, "largest |L(0) - L(t) - energy| over L(0)"),
            "limits_displacement": Variable(
                each, float, "largest displacement over sqrt(t energy)"
            ),
            "limits_rise": Variable(each, float, "largest increase of the risk between two times"),
            "limits_steps": Variable(each, int, "accepted and rejected steps"),
            "limits_status": Variable(each, int, "0 if all times were reached"),
            "limits_born": Variable(each, int, "neurons active on the domain at the start"),
            "limits_active": Variable(each, int, "neurons active on the domain at the end"),
            "limits_breaks": Variable(each, int, "breakpoints inside the domain at the end"),
            "limits_verdict": Variable(each, int, "0 undecided, 1 critical point, 2 divergent"),
            "limits_drawn": Variable(batch, int, "starts drawn to find those of the batch"),
            "limits_tightened": Variable((), float, "tighter tolerance over the usual one"),
            "limits_tight_risk": Variable(checked, float, "final risk, tighter tolerance"),
            "limits_tight_defect": Variable(checked, float, "limits_defect, tighter tolerance"),
        },
    )


def times(config: Config) -> Float[np.ndarray, " times"]:
    """Output times of all flows."""
    return log_times(config.limits_stop, PER_DECADE, _FIRST)


def _batches(config: Config) -> list[str]:
    counts = {
        "normal": config.limits_batches,
        "saddle": config.limits_near_batches,
        "target": config.limits_near_batches,
    }
    return [f"{kind} {number}" for kind, count in counts.items() for number in range(count)]


def cells(config: Config) -> list[Cell]:
    """Every batch for every size, the largest networks first; then the check of the tolerance."""
    sizes = sorted(enumerate(config.limits_neurons), key=lambda pair: -pair[1])
    batches = [
        Cell(
            f"{neurons}-{batch.replace(' ', '-')}",
            {"limits_neurons": index, "limits_batch": number},
        )
        for number, batch in enumerate(_batches(config))
        for index, neurons in sizes
    ]
    return [*batches, Cell(_TIGHT, {"limits_checked_neurons": 0})]


def compute(config: Config, cell: Cell) -> Values:
    """The flows of one batch, reduced to what is stored."""
    if cell.name == _TIGHT:
        drawn = starts.normal(config.seed, config.limits_checked_neurons, config.limits_checked)
        flow = _flows(drawn.params, config.limits_stop, config.limits_tight_rtol)
        return {
            "limits_tightened": np.float64(config.limits_tight_rtol / config.limits_rtol),
            "limits_tight_risk": np.asarray(flow.loss[:, -1]),
            "limits_tight_defect": _defect(flow),
        }
    neurons = config.limits_neurons[cell.index["limits_neurons"]]
    kind, number = _batches(config)[cell.index["limits_batch"]].split()
    first = config.seed + int(number) * config.limits_flows
    drawn = STARTS[kind](first, neurons, config.limits_flows)
    flow = jax.tree.map(np.asarray, _flows(drawn.params, config.limits_stop, config.limits_rtol))
    return _stored(flow) | {"limits_drawn": np.int64(drawn.drawn)}


@functools.partial(jax.jit, static_argnames=("stop", "rtol"))
def _flows(params: Shallow, stop: float, rtol: float) -> Flow:
    """All flows, one after the other."""
    at = log_times(stop, PER_DECADE, _FIRST)

    def one(start: Shallow) -> Flow:
        return integrate(
            lambda p: risk(p, starts.PROBLEM),
            start,
            at,
            rtol=rtol,
            atol=rtol / 100,
            gradient=lambda p: gradient(p, starts.PROBLEM),
        )

    return jax.lax.map(one, params)


def _stored(flow: Flow) -> dict[str, np.ndarray]:
    """What the template holds of flows ``(flows, times)``."""
    steps = flow.accepted + flow.rejected
    bound = np.sqrt(flow.times[:, 1:] * flow.energy[:, 1:])
    moved = np.divide(flow.displacement[:, 1:], bound, out=np.zeros_like(bound), where=bound > 0)
    judged = zip(flow.times, flow.norm, flow.gradient_norm, flow.moved, strict=True)
    end = jax.tree.map(lambda leaf: leaf[:, -1], flow.params)
    values = {
        "limits_risk": flow.loss,
        "limits_gradient": flow.gradient_norm[:, -1],
        "limits_norm": flow.norm.max(axis=1),
        "limits_defect": _defect(flow),
        "limits_displacement": moved.max(axis=1),
        "limits_rise": np.diff(flow.loss, axis=1).max(axis=1),
        "limits_steps": steps.astype(np.int64),
        "limits_status": flow.status.astype(np.int64),
        "limits_born": _active(jax.tree.map(lambda leaf: leaf[:, 0], flow.params)),
        "limits_active": _active(end),
        "limits_breaks": np.sum((end.bias > 0) != (end.weight + end.bias > 0), axis=1),
        "limits_verdict": np.array([verdicts.verdict(*one) for one in judged], np.int64),
    }
    return {name: np.asarray(value) for name, value in values.items()}


def _defect(flow: Flow) -> Float[np.ndarray, " flows"]:
    return np.asarray(np.abs(flow.defect).max(axis=1) / flow.loss[:, 0])


def _active(params: Shallow) -> Int[np.ndarray, " flows"]:
    """Neurons that are active somewhere on [0, 1]: at one of its ends."""
    return np.sum(np.maximum(params.bias, params.weight + params.bias) > 0, axis=1)


def of(dataset: xr.Dataset, neurons: int, *kinds: str) -> xr.Dataset:
    """All flows of one size from some families of starts, along one dimension ``flow``."""
    chosen = [
        number
        for number, batch in enumerate(dataset.limits_batch.values)
        if str(batch).split()[0] in kinds
    ]
    own = [name for name in dataset if {"limits_neurons", "limits_flow"} <= {*dataset[name].dims}]
    flows = dataset[own].sel(limits_neurons=neurons).isel(limits_batch=chosen)
    stacked = flows.stack(flow=("limits_batch", "limits_flow"), create_index=False)
    short = {name: str(name).removeprefix("limits_") for name in own}
    return stacked.rename(short).transpose("flow", ...)


PART = Part("limits", template, cells, compute)
