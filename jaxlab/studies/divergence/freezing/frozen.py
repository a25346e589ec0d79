"""Part "frozen": the two-parameter flow to infinity, followed by gradient descent in few bits.

Native formats compute everything in one dtype, :meth:`jaxlab.training.Policy.native`, with three
formulas of the same network and Gauss's rule with 40 nodes. The iterates are exact numbers of their
format; what they are worth (risk, gradient, curvature) is measured in float64 by the formula
``2 a log(cosh(b x / 2))``. Beside them runs the true flow.
"""

import functools
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float, Int

from jaxlab import flows, training
from jaxlab.studies._parts import Part, Variable, named_key
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell, Values
from jaxlab.studies.divergence.config import CONTROL, Config
from jaxlab.studies.divergence.freezing.frozen_descent import Descent, descend
from jaxlab.studies.divergence.problems import Pair, PairOutput, pair_output, pair_risk


def _log_cosh(params: Pair, x: Float[Array, " points"]) -> Float[Array, " points"]:
    return params.weight * (2 * jnp.log(jnp.cosh(params.slope * x / 2)))


def _stable(params: Pair, x: Float[Array, " points"]) -> Float[Array, " points"]:
    size = jnp.abs(params.slope * x)
    rest = 2 * jnp.log1p(jnp.exp(-size)) - jnp.asarray(2 * np.log(2), x.dtype)
    return params.weight * (size + rest)


FORMS: Mapping[str, PairOutput] = {
    "log cosh": _log_cosh,
    "softplus": pair_output,
    "stable": _stable,
}
"""One network: ``2 a log(cosh(b x / 2))``, two softpluses, ``|b x| + 2 log(1 + exp(-|b x|))``."""

MAIN = "log cosh"
"""The formula by which iterates are judged, and of the phase portrait."""

START = (1.0, 1.0)
PARAMETERS = ("a", "b")


def checkpoints(last: int, per_decade: int = 4) -> Int[np.ndarray, " checkpoints"]:
    """Numbers of steps up to ``last``, even in their logarithm, and its decades among them.

    Examples
    --------
    >>> checkpoints(200, 1).tolist()
    [0, 2, 20, 200]
    """
    back = np.arange(int(np.log10(last) * per_decade), -1, -1) / per_decade
    return np.concatenate([[0], np.unique(np.rint(last * 10.0**-back).astype(np.int64))])


def template(config: Config) -> xr.Dataset:
    """Iterates of every formula and format at common times, the flow, and the phase portrait."""
    run = ("frozen_form", "frozen_format")
    at = (*run, "frozen_time")
    each = "frozen_parameter"
    path = ("frozen_format", "frozen_start", "frozen_point", each)
    return empty(
        {
            "frozen_form": config.frozen_forms,
            "frozen_format": config.frozen_formats,
            "frozen_rate": [config.frozen_rate],
            "frozen_time": config.frozen_rate * checkpoints(config.frozen_steps),
            "frozen_parameter": PARAMETERS,
            "frozen_start": range(len(config.frozen_starts)),
            "frozen_point": config.frozen_portrait_steps,
        },
        {
            "frozen_iterate": Variable((*at, each), float, "parameters after the steps"),
            "frozen_risk": Variable(at, float, "risk of the iterate, in float64"),
            "frozen_gradient": Variable((*at, each), float, "gradient there, in float64"),
            "frozen_curvature": Variable(at, float, "largest Hessian eigenvalue there, in float64"),
            "frozen_computed": Variable(
                (*at, each), float, "gradient there, as the format computes it"
            ),
            "frozen_moved": Variable(run, int, "steps until the last one that moved a parameter"),
            "frozen_period": Variable(
                run, int, "period of the cycle that was found, 1 at a fixed point, 0 if none"
            ),
            "frozen_flow": Variable(("frozen_time", each), float, "parameters on the true flow"),
            "frozen_flow_risk": Variable(("frozen_time",), float, "risk on the true flow"),
            "frozen_flow_gradient": Variable(
                ("frozen_time",), float, "norm of the gradient on the true flow"
            ),
            "frozen_flow_defect": Variable(
                ("frozen_time",), float, "loss of risk minus energy on the computed flow"
            ),
            "frozen_path": Variable(path, float, "iterates from many starts"),
            "frozen_streams": Variable(
                ("frozen_start", "frozen_time", each), float, "flows from many starts"
            ),
        },
    )


def cells(config: Config) -> list[Cell]:
    """The flow, and one cell per formula and format."""
    return [
        Cell("flow", {}),
        *(
            Cell(f"{form.replace(' ', '-')}-{fmt}", {"frozen_form": i, "frozen_format": j})
            for i, form in enumerate(config.frozen_forms)
            for j, fmt in enumerate(config.frozen_formats)
        ),
    ]


def compute(config: Config, cell: Cell) -> Values:
    """The flow from all starts, or one formula in one format; from all starts for the first one."""
    if cell.name == "flow":
        return _flows(config)
    form = config.frozen_forms[cell.index["frozen_form"]]
    fmt = config.frozen_formats[cell.index["frozen_format"]]
    run = functools.partial(_native(form, fmt), config.frozen_rate)
    found = run(START, checkpoints(config.frozen_steps))
    seen = observe(iterates(found))
    values: dict[str, np.ndarray] = {
        "frozen_iterate": iterates(found),
        "frozen_risk": seen["risk"],
        "frozen_gradient": seen["gradient"],
        "frozen_curvature": seen["curvature"],
        "frozen_computed": _computed(form, found.params),
        "frozen_moved": np.asarray(found.moved),
        "frozen_period": np.asarray(found.period),
    }
    if form == MAIN:
        steps = np.array(config.frozen_portrait_steps)
        paths = [iterates(run(start, steps)) for start in config.frozen_starts]
        values["frozen_path"] = np.stack(paths)
    return values


def iterates(found: Descent) -> Float[np.ndarray, "*checkpoints 2"]:
    """Parameters at the checkpoints, in float64."""
    return np.stack([np.asarray(leaf, np.float64) for leaf in found.params], axis=-1)


@functools.cache
def _native(form: str, fmt: str) -> Callable[..., Descent]:
    """``(rate, start, checkpoints) -> Descent``, compiled once per number of checkpoints."""
    slope = jax.grad(functools.partial(pair_risk, output=FORMS[form]))

    @jax.jit
    def run(rate: Array, start: Pair, steps: Array) -> Descent:
        return descend(slope, start, training.gradient_descent(rate), steps, named_key(0, fmt))

    def call(rate: float, start: tuple[float, float], steps: np.ndarray) -> Descent:
        return run(jnp.asarray(rate), Pair(*(jnp.asarray(p, fmt) for p in start)), steps)

    return call


@functools.cache
def _gradients(form: str) -> Callable[[Pair], Pair]:
    return jax.jit(jax.vmap(jax.grad(functools.partial(pair_risk, output=FORMS[form]))))


def _computed(form: str, params: Pair) -> np.ndarray:
    entries = _gradients(form)(params)
    return np.stack([np.asarray(entry, np.float64) for entry in entries], axis=-1)


def observe(points: Float[np.ndarray, "*points 2"]) -> dict[str, np.ndarray]:
    """Risk, gradient and largest curvature at some points, in float64.

    Parameters
    ----------
    points
        ``a`` and ``b``; NaN gives NaN.
    """
    seen = _observer()(jnp.asarray(points.reshape(-1, 2)))
    shapes = {"risk": (), "gradient": (2,), "curvature": ()}
    return {
        name: np.asarray(values).reshape(points.shape[:-1] + shapes[name])
        for name, values in seen.items()
    }


@functools.cache
def _observer() -> Callable[[Array], dict[str, Array]]:
    def value(point: Array) -> Array:
        return pair_risk(Pair(point[0], point[1]), output=FORMS[MAIN])

    def one(point: Array) -> dict[str, Array]:
        bends = jax.hessian(value)(point)
        middle = (bends[0, 0] + bends[1, 1]) / 2
        radius = jnp.hypot((bends[0, 0] - bends[1, 1]) / 2, bends[0, 1])
        return {
            "risk": value(point),
            "gradient": jax.grad(value)(point),
            "curvature": middle + radius,
        }

    return jax.jit(jax.vmap(one))


def _flows(config: Config) -> Values:
    """The flow from (1, 1), and those of the portrait."""
    times = config.frozen_rate * checkpoints(config.frozen_steps)
    follow = jax.jit(
        lambda start: flows.integrate(
            functools.partial(pair_risk, output=FORMS[MAIN]), start, times, rtol=1e-9, atol=1e-12
        )
    )

    def pair(start: tuple[float, float]) -> Pair:
        return Pair(*(jnp.asarray(p, CONTROL) for p in start))

    flow = follow(pair(START))
    streams = [np.stack(follow(pair(start)).params, -1) for start in config.frozen_starts]
    return {
        "frozen_flow": np.stack(flow.params, axis=-1),
        "frozen_flow_risk": np.asarray(flow.loss),
        "frozen_flow_gradient": np.asarray(flow.gradient_norm),
        "frozen_flow_defect": np.asarray(flow.defect),
        "frozen_streams": np.stack(streams),
    }


PART = Part("frozen", template, cells, compute)
