"""Part "solvable": flows to infinity that are known exactly, and what the integrator makes of them.

Two losses of one parameter, ``exp(-theta)`` and ``log(1 + exp(-theta))``, whose flows grow like
``log t``; and the two-parameter softplus network, which grows like ``t**(1/4)``. Each is followed
at two tolerances, whose difference estimates the error, and the last one in float32 too.

None of these flows is in the paper: they are derived for jaxlab (divergence.md, A.4).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxlab import flows
from jaxlab.flows import verdicts
from jaxlab.studies._parts import Part, Variable
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell, Values
from jaxlab.studies.divergence import problems
from jaxlab.studies.divergence.certificates import LONG_NAMES, certificate
from jaxlab.studies.divergence.config import Config
from jaxlab.studies.divergence.problems import Pair

STARTS = (
    (1.0, 1.0),
    (0.5, 0.5),
    (2.0, 1.0),
    (0.5, 2.0),
    (1.0, -1.0),
    (2.0, 3.0),
    (0.1, 0.1),
    (-0.5, 1.0),
)
"""Starts ``(a, b)`` of the pair; the first is the one with printed values."""

STEADY = 1e-3
"""Relative tolerance of the steady-state test that calls a divergent flow converged."""

_STOP = 1e12
_FLOAT32_RTOL = 1e-5


class Scalars(NamedTuple):
    """The two flows of one parameter side by side; their losses add.

    Attributes
    ----------
    exponential
        ``theta`` of ``exp(-theta)``.
    logistic
        ``theta`` of ``log(1 + exp(-theta))``.
    """

    exponential: Float[Array, ""]
    logistic: Float[Array, ""]


def scalar_losses(params: Scalars) -> Scalars:
    """The two losses.

    Examples
    --------
    >>> [round(float(loss), 6) for loss in scalar_losses(Scalars(jnp.zeros(()), jnp.zeros(())))]
    [1.0, 0.693147]
    """
    return Scalars(jnp.exp(-params.exponential), jax.nn.softplus(-params.logistic))


def times() -> np.ndarray:
    """Times of all flows: 0, and 1e-2 to 1e12."""
    return flows.log_times(_STOP)


@jax.jit
def _follow_scalars(rtol: Array) -> flows.Flow:
    def loss(params: Scalars) -> Array:
        exponential, logistic = scalar_losses(params)
        return exponential + logistic

    zero = jnp.zeros((), jnp.float64)
    # Their step is bounded by the time itself, not by stiffness: an explicit method serves.
    return flows.integrate(
        loss, Scalars(zero, zero), times(), rtol=rtol, atol=1e-2 * rtol, solver=flows.explicit()
    )


@jax.jit
def _follow_pair(start: Pair, rtol: Array) -> flows.Flow:
    dtype = start.weight.dtype
    return flows.integrate(
        problems.pair_risk,
        start,
        times().astype(dtype),
        rtol=rtol,
        atol=1e-2 * rtol,
        max_steps=4096,
    )


def follow_pair(start: tuple[float, float], rtol: float, dtype: str = "float64") -> flows.Flow:
    """The pair's flow from ``(a, b)``, as NumPy arrays. Needs 64-bit types.

    Parameters
    ----------
    start
        ``a`` and ``b``.
    rtol
        Tolerance; the absolute one is a hundredth of it.
    dtype
        "float64" or "float32", in which everything is computed.
    """
    pair = Pair(*(jnp.asarray(value, dtype) for value in start))
    return jax.device_get(_follow_pair(pair, jnp.asarray(rtol, dtype)))


def _judged(flow: flows.Flow) -> verdicts.Outcome:
    times, norm, slope, moved = (
        np.asarray(part) for part in (flow.times, flow.norm, flow.gradient_norm, flow.moved)
    )
    return verdicts.verdict(times, norm, slope, moved)


_PAIR = ("solvable_start", "solvable_tolerance")
_SINGLE = ("solvable_quantity", "solvable_time")


def _template(config: Config) -> xr.Dataset:
    path, one = (*_PAIR, "solvable_time"), _PAIR
    return empty(
        {
            "solvable_time": times(),
            "solvable_start": [f"({a:g}, {b:g})" for a, b in STARTS],
            "solvable_tolerance": config.solvable_tolerances,
            "solvable_loss": ["exponential", "logistic"],
            "solvable_quantity": ["weight", "slope", "loss", "norm"],
        },
        {
            "solvable_theta": Variable(
                ("solvable_tolerance", "solvable_loss", "solvable_time"), float, "theta from 0"
            ),
            "solvable_weight": Variable(path, float, "a of the pair"),
            "solvable_slope": Variable(path, float, "b of the pair"),
            "solvable_risk": Variable(path, float, "risk of the pair"),
            "solvable_norm": Variable(path, float, "norm of (a, b)"),
            **{
                f"solvable_{name}": Variable(one, float, long_name)
                for name, long_name in LONG_NAMES.items()
            },
            "solvable_verdict": Variable(one, int, "0 undecided, 1 critical point, 2 divergent"),
            "solvable_float32": Variable(_SINGLE, float, "the pair from (1, 1) in float32"),
        },
    )


def _cells(config: Config) -> list[Cell]:
    pairs = [
        Cell(f"tolerance{i}", {"solvable_tolerance": i})
        for i in range(len(config.solvable_tolerances))
    ]
    return [Cell("float32", {}), *pairs]


def _compute(config: Config, cell: Cell) -> Values:
    if not cell.index:
        flow = follow_pair(STARTS[0], _FLOAT32_RTOL, "float32")
        rows = (flow.params.weight, flow.params.slope, flow.loss, flow.norm)
        return {"solvable_float32": np.stack(rows).astype(np.float64)}
    rtol = config.solvable_tolerances[cell.index["solvable_tolerance"]]
    followed = [follow_pair(start, rtol) for start in STARTS]
    scalars = jax.device_get(_follow_scalars(jnp.float64(rtol)))
    certificates = [certificate(flow) for flow in followed]
    return {
        "solvable_theta": np.stack(scalars.params),
        "solvable_weight": np.stack([flow.params.weight for flow in followed]),
        "solvable_slope": np.stack([flow.params.slope for flow in followed]),
        "solvable_risk": np.stack([flow.loss for flow in followed]),
        "solvable_norm": np.stack([flow.norm for flow in followed]),
        **{
            f"solvable_{name}": np.array([one[name] for one in certificates])
            for name in certificates[0]
        },
        "solvable_verdict": np.array([_judged(flow) for flow in followed]),
    }


PART = Part("solvable", _template, _cells, _compute)
