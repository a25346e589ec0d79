"""Part "shallow": flows of shallow networks to t = 1e12, with SAD activations and with controls.

The network is ``N(x) = c + sum_j v_j act(w_j x + b_j)``, the risk ``E (N(x) - f(x))**2`` with ``x``
uniform on [-1, 1]. For ``f(x) = x**2`` and a SAD activation the risk is positive everywhere and has
the infimum 0, so flows that start well run to infinity. Controls change one thing each: the target
is affine, the activation is not analytic (ELU) or piecewise affine (ReLU), or weights decay.

References
----------
Kranz, Gallon, Dereich, Jentzen, arXiv 2505.09572, Theorem 2.8, 3.4, 3.5 and Corollary 3.6. The
texts of proofs were not at hand.
"""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxlab import flows
from jaxlab.flows import relu_risk, spectrum, verdicts
from jaxlab.flows.relu_risk import Shallow
from jaxlab.studies._parts import Part, Variable
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell, Values
from jaxlab.studies.divergence import problems
from jaxlab.studies.divergence.certificates import LONG_NAMES, certificate
from jaxlab.studies.divergence.config import Config

SAD = ("softplus", "GELU", "tanh", "swish", "logistic")
"""Sublinear, analytic, definable."""

AFFINE = (0.5, 1.0, 0.0)
"""The target ``x + 1/2``."""


class Case(NamedTuple):
    """One kind of flow.

    Attributes
    ----------
    activation
        Key of :data:`problems.ACTIVATIONS`, or "ReLU".
    target
        Coefficients, ascending powers.
    decay
        ``lambda`` in ``L + lambda |theta|**2``.
    """

    activation: str
    target: tuple[float, ...] = problems.SQUARE
    decay: float = 0.0


DECAY = 1e-3
"""Weight decay of the controls."""

CASES: Mapping[str, Case] = {
    **{name: Case(name) for name in SAD},
    "ELU": Case("ELU"),
    "ReLU": Case("ReLU"),
    **{f"{name}, affine": Case(name, AFFINE) for name in (*SAD, "ELU")},
    **{f"{name}, decay": Case(name, decay=DECAY) for name in SAD},
}
"""By name: the five SAD activations for ``x**2`` first, then the controls."""

REFERENCES: Mapping[str, tuple[int, int]] = {
    f"H={neurons}, seed {seed}": (neurons, seed) for neurons in (2, 4) for seed in (0, 1)
}
"""Softplus flows with printed values: neurons and NumPy seed."""

_STOP = 1e12
_START = 1e-2
_PER_DECADE = 4
_STEPS = 6000
"""At most, accepted and rejected; 250 to 1800 are usual."""
_ROUNDING = 8
"""The gradient's rounding error in units of ``eps sqrt(L) (1 + |theta|)``; 1 to 3 are measured."""


class Followed(NamedTuple):
    """A flow, and the ends of the Hessian's spectrum at all its times."""

    flow: flows.Flow
    curvature: spectrum.Extremes


def times() -> np.ndarray:
    """Times of all flows: 0, and 1e-2 to 1e12."""
    return flows.log_times(_STOP, _PER_DECADE, _START)


def start(neurons: int, seed: int) -> Shallow:
    """A start of the printed kind: ``0.8 default_rng(seed).normal(3 H + 1)``, as (w, b, v, c)."""
    drawn = 0.8 * np.random.default_rng(seed).normal(size=3 * neurons + 1)
    weight, bias, outer = np.split(drawn[:-1], 3)
    return Shallow(*(jnp.asarray(part) for part in (weight, bias, outer, drawn[-1])))


def _case_risk(params: Shallow, setting: tuple[Array, Array, Array], names: tuple[str, ...]):
    """Penalised risk; the case is data, so that one program serves all of them."""
    chosen, target, decay = setting
    x, mass = problems.uniform(jnp.dtype(jnp.float64))
    choices = [problems.ACTIVATIONS[name] for name in names]
    output = relu_risk.network(params, x, lambda inside: jax.lax.switch(chosen, choices, inside))
    residual = output - jnp.polyval(target[::-1], x)
    return jnp.sum(mass * residual**2) + decay * sum(jnp.sum(leaf**2) for leaf in params)


def _relu_risk(params: Shallow, setting: tuple[Array, Array, Array]) -> Float[Array, ""]:
    """The exact risk of the ReLU network for ``x**2``."""
    square = relu_risk.Polynomials((), (problems.SQUARE,))
    half = relu_risk.Polynomials((), ((0.5,),))
    return relu_risk.risk(params, relu_risk.Problem(square, half, -1.0, 1.0))


@functools.partial(jax.jit, static_argnames="names")
def _follow(
    params: Shallow, setting: tuple[Array, Array, Array], rtol: Array, names: tuple[str, ...]
) -> Followed:
    """The flow of one start; ``names`` are the activations among which the setting chooses."""

    def loss(here: Shallow) -> Array:
        if names == ("ReLU",):
            return _relu_risk(here, setting)
        return _case_risk(here, setting, names)

    def gradient(here: Shallow) -> Shallow:
        value, slope = jax.value_and_grad(loss)(here)
        size, norm = (jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in tree)) for tree in (slope, here))
        error = _ROUNDING * jnp.finfo(jnp.float64).eps * jnp.sqrt(value) * (1 + norm)
        # Rounding errors, followed for 1e12 units of time, would be a random walk.
        return jax.tree.map(lambda leaf: jnp.where(size > error, leaf, jnp.zeros_like(leaf)), slope)

    flow = flows.integrate(
        loss, params, times(), rtol=rtol, atol=1e-2 * rtol, gradient=gradient, max_steps=_STEPS
    )
    size = sum(leaf.size for leaf in params)
    ends = functools.partial(spectrum.extremes, loss, key=jax.random.key(0), iterations=size)
    return Followed(flow, jax.lax.map(ends, flow.params))


def follow(params: Shallow, case: Case, rtol: float) -> Followed:
    """The flow of one start in one case, as NumPy arrays. Needs 64-bit types.

    Parameters
    ----------
    params
        The start, float64.
    case
        What is followed.
    rtol
        Tolerance; the absolute one is a hundredth of it.
    """
    # Two neurons: one program for all smooth activations. Others: one for each.
    both = params.weight.size == 2 and case.activation != "ReLU"
    names = tuple(problems.ACTIVATIONS) if both else (case.activation,)
    target = jnp.asarray(case.target, jnp.float64)
    setting = (jnp.int32(names.index(case.activation)), target, jnp.float64(case.decay))
    return jax.device_get(_follow(params, setting, jnp.float64(rtol), names))


def summary(found: Followed, smooth: bool = True) -> dict[str, Any]:
    """What is kept of a flow, by the short name of its variable.

    Parameters
    ----------
    found
        The flow.
    smooth
        Whether the risk is twice differentiable. If not, a curvature, which is that of one side,
        does not say that a critical point could be left, and is not judged.
    """
    flow, curvature = found
    # The gradient as the risk's decrease shows it: the integrator's errors across the valley, where
    # the curvature is large, hide the gradient along it, but hardly change the risk.
    decrease = np.maximum(-np.diff(flow.loss, prepend=flow.loss[0]), 0)
    slope = np.sqrt(decrease / np.diff(flow.times, prepend=-1.0))
    times, norm, moved = (np.asarray(part) for part in (flow.times, flow.norm, flow.moved))
    least = float(curvature.least[-1]) if smooth else 0.0
    return {
        "loss": flow.loss,
        "norm": flow.norm,
        "least": curvature.least,
        "largest": curvature.largest,
        "end": np.concatenate([np.ravel(leaf[-1]) for leaf in flow.params]),
        **certificate(flow),
        "steps": flow.accepted + flow.rejected,
        "verdict": verdicts.verdict(times, norm, slope, moved, least),
    }


_FLOW = ("shallow_case", "shallow_group", "shallow_start")
_LONG = {
    "loss": "risk (with penalty)",
    "norm": "norm of the parameters",
    "least": "least eigenvalue of the Hessian",
    "largest": "largest eigenvalue of the Hessian",
}
_ONE = {
    **{name: Variable(_FLOW, float, long_name) for name, long_name in LONG_NAMES.items()},
    "steps": Variable(_FLOW, int, "accepted and rejected steps"),
    "verdict": Variable(_FLOW, int, "0 undecided, 1 critical point, 2 divergent"),
    "end": Variable((*_FLOW, "shallow_parameter"), float, "parameters (w, b, v, c) at the end"),
}
_PRINTED = ("shallow_reference", "shallow_tolerance", "shallow_time")


def _template(config: Config) -> xr.Dataset:
    return empty(
        {
            "shallow_case": list(CASES),
            "shallow_group": range(config.shallow_groups),
            "shallow_start": range(config.shallow_group_starts),
            "shallow_time": times(),
            "shallow_parameter": range(3 * config.shallow_neurons + 1),
            "shallow_reference": list(REFERENCES),
            "shallow_tolerance": config.shallow_tolerances,
        },
        {f"shallow_{name}": variable for name, variable in _ONE.items()}
        | {
            f"shallow_{name}": Variable((*_FLOW, "shallow_time"), float, long_name)
            for name, long_name in _LONG.items()
        }
        | {
            f"shallow_reference_{name}": Variable(_PRINTED, float, f"{_LONG[name]}, printed starts")
            for name in ("loss", "norm")
        },
    )


def _cells(config: Config) -> list[Cell]:
    printed = [
        Cell(f"reference{i}", {"shallow_reference": i}) for i in reversed(range(len(REFERENCES)))
    ]
    grouped = [
        Cell(f"case{i}-group{j}", {"shallow_case": i, "shallow_group": j})
        for i in range(len(CASES))
        for j in range(config.shallow_groups)
    ]
    return printed + grouped


def _compute(config: Config, cell: Cell) -> Values:
    if "shallow_reference" in cell.index:
        begin = start(*list(REFERENCES.values())[cell.index["shallow_reference"]])
        found = [follow(begin, Case("softplus"), rtol) for rtol in config.shallow_tolerances]
        return {
            "shallow_reference_loss": np.stack([one.flow.loss for one in found]),
            "shallow_reference_norm": np.stack([one.flow.norm for one in found]),
        }
    case = list(CASES.values())[cell.index["shallow_case"]]
    each, neurons = config.shallow_group_starts, config.shallow_neurons
    # With the seed 0 these starts continue the printed ones; every case has the same.
    first = 1_000_000 * config.seed + cell.index["shallow_group"] * each
    found = [follow(start(neurons, first + i), case, config.shallow_rtol) for i in range(each)]
    kept = [summary(one, smooth=case.activation != "ReLU") for one in found]
    return {f"shallow_{name}": np.stack([one[name] for one in kept]) for name in kept[0]}


PART = Part("shallow", _template, _cells, _compute)
