"""Part "targets": constant, polynomial and step target, or flows that must and must not diverge.

* *Constant*: the Lyapunov function bounds the norm, and ``L(t) <= V(0)/(8 t)``.
* *Polynomial* ``x**2``: flows that stay bounded converge, and their risk with rate 1 (Eberle,
  Jentzen, Riekert, Weiss, ERA 31 (2023) 2519, arXiv 2108.08106).
* *Step* ``1_{x > 1/2}`` and two neurons: the ramp of slope ``k`` has the risk ``1/(12 k)``, so the
  infimum 0 is not attained. Along balanced ramps the outer weight is ``A = sqrt(k) (5/4)**(1/4)``,
  the norm ``2 A`` and the risk ``C/A**2`` with ``C = sqrt(5/4)/12``; hence ``A' = C/(2 A**3)``,
  ``|theta|/t**(1/4) -> 2 (2 C)**(1/4)`` and ``L sqrt(t) -> sqrt(C/2)``.

The same ramp under gradient descent in a number format stops where its steps are lost: a step
``rate C/(2 A**3)`` of a parameter ``A`` is, once it is below ``u A/2`` or so. So a format follows
the ramp while ``A**4 < C rate/u`` (up to the place of ``A`` in its binade), and then converges to a
point that is not critical.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxlab import flows
from jaxlab.flows import invariants, relu_risk, verdicts
from jaxlab.flows.relu_risk import Polynomials, Problem, Shallow
from jaxlab.studies._parts import Part, Variable
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell, Values
from jaxlab.studies.flow.config import Config
from jaxlab.studies.flow.descents import descend, stored
from jaxlab.studies.flow.meter import TARGET, random_starts

PROBLEMS = {
    "constant": relu_risk.affine(0.0, TARGET),
    "polynomial": Problem(Polynomials((), ((0.0, 0.0, 1.0),))),
    "step": Problem(Polynomials((0.5,), ((0.0, 0.0), (1.0, 0.0)))),
}
VALLEY = float(np.sqrt(5 / 4)) / 12
"""``C``."""
NORM_LIMIT, LOSS_LIMIT = 2 * (2 * VALLEY) ** 0.25, (VALLEY / 2) ** 0.5
"""Limits of ``|theta|/t**(1/4)`` and of ``L sqrt(t)`` for the step target."""
NEURONS = {"constant": (4,), "polynomial": (2, 3, 4), "step": (2,)}
RATE = 2.0**-6
EVERY = 64
_SLOPE, _NOISE = 3.0, 0.1  # of the first ramps


def template(config: Config) -> xr.Dataset:
    """Flows of all targets at common times; the ramp in every format."""
    flow = ("target", "target_start")
    through = (*flow, "target_time")
    descent = ("target_format", "target_record")
    return empty(
        {
            "target": list(PROBLEMS),
            "target_start": range(config.target_starts),
            "target_time": times(config),
            "target_format": config.target_formats,
            "target_record": range(config.target_records),
        },
        {
            "target_loss": Variable(through, float, "risk along the flow"),
            "target_norm": Variable(through, float, "norm of the parameters"),
            "target_verdict": Variable(flow, int, "outcome, see jaxlab.flows.verdicts.Outcome"),
            "target_bound": Variable(
                ("target_start", "target_time"), float, "8 t L(t)/V(0), constant target"
            ),
            "ramp_slope": Variable(
                ("target_start", "target_time"), float, "largest slope of the network, step target"
            ),
            "target_defect": Variable(flow, float, "energy identity: what is missing at the end"),
            "descent_loss": Variable(descent, float, "risk along gradient descent, step target"),
            "descent_norm": Variable(descent, float, "norm along gradient descent, step target"),
        },
    )


def times(config: Config) -> np.ndarray:
    """Times of the flows, four per decade."""
    return flows.log_times(config.target_stop)


def cells(config: Config) -> list[Cell]:
    """One cell per target and per format."""
    return [
        *(Cell(name, {"target": i}) for i, name in enumerate(PROBLEMS)),
        *(Cell(f"step-{fmt}", {"target_format": i}) for i, fmt in enumerate(config.target_formats)),
    ]


def compute(config: Config, cell: Cell) -> Values:
    """Integrate the flows of one target, or descend from a ramp in one format."""
    if "target_format" in cell.index:
        return _descent(config, config.target_formats[cell.index["target_format"]])
    begin = ramps if cell.name == "step" else _random
    starts = begin(config, cell.name)
    at = times(config)
    found = _flow(starts, cell.name, config)
    loss = np.asarray(found.loss)
    seen = [np.asarray(x) for x in (found.norm, found.gradient_norm, found.moved)]
    outcomes = [verdicts.verdict(at, *one) for one in zip(*seen, strict=True)]
    values = {
        "target_loss": loss,
        "target_norm": seen[0],
        "target_verdict": np.array(outcomes, np.int64),
        "target_defect": np.asarray(found.defect[:, -1]),
    }
    if cell.name == "constant":
        start = np.asarray(jax.vmap(lambda one: invariants.lyapunov(one, TARGET))(starts))
        values["target_bound"] = 8 * at * loss / start[:, None]
    if cell.name == "step":
        values["ramp_slope"] = np.asarray(jnp.abs(found.params.weight * found.params.outer).max(2))
    return values


def _random(config: Config, target: str) -> Shallow:
    """Random starts of all sizes in turn; the smaller networks have dead neurons."""
    sizes = NEURONS[target]
    most = max(sizes)
    starts = random_starts(config.seed, target, config.target_starts, most)
    size = np.array(sizes)[np.arange(config.target_starts) % len(sizes)]
    alive = jnp.asarray(np.arange(most) < size[:, None])
    weight, bias, outer = (jnp.where(alive, x, jnp.zeros_like(x)) for x in starts[:3])
    return Shallow(weight, bias, outer, starts.shift)


def ramps(config: Config, target: str) -> Shallow:
    """Two neurons that make a ramp of slope 3 in the middle, the first exactly.

    Every other start is displaced by normal noise; leaves ``(starts, ...)``.
    """
    (neurons,) = NEURONS[target]
    size = _SLOPE**0.5
    noise = random_starts(config.seed, target, config.target_starts, neurons)
    ends = jnp.array([0.5 - 0.5 / _SLOPE, 0.5 + 0.5 / _SLOPE])
    exact = Shallow(
        jnp.full(2, size), -size * ends, jnp.array([size, -size]), jnp.zeros((), jnp.float64)
    )
    scale = _NOISE * (np.arange(config.target_starts) > 0)

    def displace(leaf: Array, noise: Array) -> Array:
        extent = jnp.asarray(scale.reshape(-1, *[1] * leaf.ndim))
        return leaf[None] + extent * noise

    return jax.tree.map(displace, exact, noise)


@functools.partial(jax.jit, static_argnames=("target", "config"))
def _flow(starts: Shallow, target: str, config: Config) -> flows.Flow:
    risk = functools.partial(relu_risk.risk, problem=PROBLEMS[target])
    rtol = config.target_rtol
    return jax.lax.map(
        lambda start: flows.integrate(risk, start, times(config), rtol=rtol, atol=rtol / 100),
        starts,
    )


def _descent(config: Config, name: str) -> Values:
    """From the exact ramp, everything rounded."""
    first = jax.tree.map(lambda leaf: leaf[:1], ramps(config, "step"))
    path, _ = descend(
        stored(first, name),
        jnp.ones(1, bool),
        name=name,
        problem=PROBLEMS["step"],
        rate=RATE,
        records=config.target_records,
        every=EVERY,
    )
    one = jax.tree.map(lambda leaf: leaf[0], path)
    squares = [np.asarray(leaf).reshape(config.target_records, -1) ** 2 for leaf in one]
    return {
        "descent_loss": np.asarray(_risks(one)),
        "descent_norm": np.sqrt(np.concatenate(squares, axis=1).sum(axis=1)),
    }


@jax.jit
def _risks(path: Shallow) -> Float[Array, " records"]:
    return jax.vmap(functools.partial(relu_risk.risk, problem=PROBLEMS["step"]))(path)


PART = Part("targets", template, cells, compute)
