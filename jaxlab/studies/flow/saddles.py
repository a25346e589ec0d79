"""Part "saddles": how a zigzag saddle is left, by the exact flow and by rounding.

The flow that starts on a saddle stays. Displaced by ``delta`` along the most unstable eigenvector
it leaves after ``ln(1/delta)/|lambda|`` and a constant. Rounding displaces too: gradient descent
should leave after ``ln(1/u)/|lambda|`` and a constant, and it does where only the gradient is
rounded, or only the start. Where the update is rounded as well, every step near the saddle is lost:
it is smaller than half the spacing of the parameters within a distance of about ``u/(rate
|lambda|)``, which is more than the displacement.

Several draws are saddles of one network function: a neuron's ``(w, b)`` times ``s`` and ``v/s``.
Each has a Hessian, and roundings, of its own. Gradient descent grows by ``1 + rate |lambda|`` per
step; ``lambda`` in its time is therefore ``ln(1 + rate |lambda|)/rate``.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float
from scipy.interpolate import CubicHermiteSpline

from jaxlab import flows
from jaxlab.arithmetic import Format, round_to
from jaxlab.flows import relu_risk, zigzag
from jaxlab.flows.relu_risk import Shallow
from jaxlab.studies._arithmetics import format_of
from jaxlab.studies._parts import Part, Variable, named_key
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell, Values
from jaxlab.studies.flow.config import CONTROL, Config
from jaxlab.studies.flow.descents import descend, stored

PROBLEM = relu_risk.affine(1.0, 0.0)
EVERY = 4
"""Steps of gradient descent between two measurements."""
_SPREAD = 0.1  # of the logarithms of the factors s
_POINTS = 600  # times at which a flow is observed


def template(config: Config) -> xr.Dataset:
    """Flows per displacement; times of escape per arithmetic, draw and kind of rounding."""
    flow, run = ("saddle_breaks",), ("saddle_arithmetic", "saddle_draw")
    leaving = (*flow, "saddle_delta", "saddle_sign")
    multiple = ("saddle_arithmetic", "saddle_multiple")
    return empty(
        {
            "saddle_breaks": config.saddle_breaks,
            "saddle_delta": [10.0**-k for k in config.saddle_exponents],
            "saddle_sign": [1, -1],
            "saddle_arithmetic": config.saddle_arithmetics,
            "saddle_precision": config.saddle_precisions,
            "saddle_draw": range(config.saddle_draws),
            "saddle_multiple": config.saddle_multiples,
            "saddle_way": ("gradient rounded", "all rounded"),
            "saddle_time": config.saddle_rate
            * EVERY
            * np.arange(1, config.saddle_steps // EVERY + 1),
        },
        {
            "saddle_risk": Variable(flow, float, "risk of the saddle as stored"),
            "saddle_gradient": Variable(flow, float, "norm of its gradient"),
            "saddle_curvature": Variable(flow, float, "least eigenvalue of its Hessian"),
            "saddle_stay": Variable(flow, float, "half the time in which u grows to 1"),
            "saddle_drift": Variable(flow, float, "distance of the flow from the saddle by then"),
            "saddle_leaving": Variable(
                leaving, float, "time at which the displaced flow has half the saddle's risk"
            ),
            "saddle_final": Variable(leaving, float, "risk at the end of the displaced flow"),
            "saddle_growth": Variable(
                ("saddle_draw",), float, "ln(1 + rate |lambda|)/rate of a scaled saddle"
            ),
            "saddle_rounded": Variable(
                run, float, "time of escape if the gradient is rounded, inf for never"
            ),
            "saddle_narrow": Variable(
                run, float, "time of escape if update and start are rounded too, inf for never"
            ),
            "saddle_frozen": Variable(
                run, int, "whether the last steps of the latter change no parameter"
            ),
            "saddle_started": Variable(
                ("saddle_precision", "saddle_draw"),
                float,
                f"time of escape in {CONTROL} from the start rounded to some bits",
            ),
            "saddle_displaced": Variable(
                multiple, float, "as saddle_narrow, displaced by a multiple of u"
            ),
            "saddle_radius": Variable(
                ("saddle_arithmetic",), float, "displacement from which steps are not lost", "u"
            ),
            "saddle_path": Variable(
                ("saddle_arithmetic", "saddle_way", "saddle_time"),
                float,
                "risk along gradient descent, draw 1",
            ),
        },
    )


def cells(config: Config) -> list[Cell]:
    """The flows, the control, and every arithmetic."""
    return [
        Cell("flows", {}),
        Cell("starts", {}),
        *(
            Cell(name.replace("=", ""), {"saddle_arithmetic": i})
            for i, name in enumerate(config.saddle_arithmetics)
        ),
    ]


def compute(config: Config, cell: Cell) -> Values:
    """Flows, or gradient descent from every scaled saddle."""
    if cell.name == "flows":
        return _flows(config)
    if cell.name == "starts":
        return _starts(config)
    return _rounded(config, config.saddle_arithmetics[cell.index["saddle_arithmetic"]])


def _flows(config: Config) -> Values:
    """On the saddle and beside it. All networks are of one size: the rest of them is dead."""
    neurons = max(config.saddle_breaks)
    values = []
    for breaks in config.saddle_breaks:
        start = zigzag.saddle(breaks, PROBLEM, neurons)
        least, direction = (leaf[0] for leaf in unstable(jax.tree.map(lambda x: x[None], start)))
        stay = 0.5 * np.log(2.0**53) / -float(least)
        sizes = np.outer([10.0**-k for k in config.saddle_exponents], [1, -1]).ravel()
        sizes = np.append(sizes, 0.0)
        starts = _displaced(start, direction, jnp.asarray(sizes))
        stops = np.append(np.full(len(sizes) - 1, config.saddle_stop), stay)
        found = _flow(starts, jnp.asarray(np.linspace(0, stops, _POINTS, axis=1)))
        shape = (len(config.saddle_exponents), 2)
        risk = relu_risk.risk(start, PROBLEM)
        values.append(
            {
                "saddle_risk": risk,
                "saddle_gradient": found.gradient_norm[-1, 0],
                "saddle_curvature": least,
                "saddle_stay": stay,
                "saddle_drift": found.displacement[-1, -1],
                "saddle_leaving": _halving(found, float(risk))[:-1].reshape(shape),
                "saddle_final": found.loss[:-1, -1].reshape(shape),
            }
        )
    return {name: np.stack([np.asarray(v[name]) for v in values]) for name in values[0]}


@jax.jit
def _flow(starts: Shallow, times: Float[Array, "runs times"]) -> flows.Flow:
    def one(start_and_times) -> flows.Flow:
        return flows.integrate(
            lambda params: relu_risk.risk(params, PROBLEM),
            *start_and_times,
            solver=flows.explicit(),
            rtol=1e-10,
            atol=1e-13,
        )

    return jax.lax.map(one, (starts, times))


def _halving(found: flows.Flow, risk: float) -> np.ndarray:
    """When the risk is half of the saddle's, by cubic interpolation with its known slope."""
    return np.array(
        [
            next(iter(CubicHermiteSpline(t, loss - risk / 2, -(g**2)).roots(False, False)), np.inf)
            for t, loss, g in zip(
                *map(np.asarray, (found.times, found.loss, found.gradient_norm)), strict=True
            )
        ]
    )


@jax.jit
def unstable(points: Shallow) -> tuple[Float[Array, " points"], Float[Array, "points size"]]:
    """Least eigenvalues of the risk's Hessians, and unit eigenvectors as flat parameters.

    Parameters
    ----------
    points
        Leaves with a leading axis ``points``.
    """

    def one(point: Shallow) -> tuple[Array, Array]:
        flat, unravel = ravel_pytree(point)
        hessian = jax.hessian(lambda x: relu_risk.risk(unravel(x), PROBLEM))(flat)
        values, vectors = jnp.linalg.eigh(hessian)
        return values[0], vectors[:, 0]

    return jax.vmap(one)(points)


def scaled(config: Config) -> Shallow:
    """Saddles with one residual: leaves ``(draws, ...)``, the first as in the reference."""
    point = zigzag.saddle(config.saddle_descended, PROBLEM)
    shape = (config.saddle_draws, config.saddle_descended)
    normal = jax.random.normal(named_key(config.seed, "saddles"), shape, jnp.float64)
    factor = jnp.exp(_SPREAD * normal).at[0].set(1.0)
    weight, bias, outer = (jnp.broadcast_to(leaf[None], shape) for leaf in point[:3])
    shift = jnp.broadcast_to(point.shift, shape[:1])
    return Shallow(weight * factor, bias * factor, outer / factor, shift)


def _starts(config: Config) -> Values:
    """The control: every run in float64, from a start that was rounded."""
    points = scaled(config)
    formats = [Format.ieee(exponent_bits=8, precision=p) for p in config.saddle_precisions]
    rounded = [jax.tree.map(lambda x, f=fmt: round_to(x, f), points) for fmt in formats]
    starts = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *rounded)
    times, _, _ = _escapes(config, CONTROL, starts, np.zeros(len(starts.shift), bool))
    least = np.asarray(unstable(points)[0])
    return {
        "saddle_growth": np.log1p(-config.saddle_rate * least) / config.saddle_rate,
        "saddle_started": times.reshape(len(formats), -1),
    }


def _rounded(config: Config, name: str) -> Values:
    """All draws with rounded gradients; all draws, and draw 1 displaced, with rounded steps."""
    points, fmt = scaled(config), format_of(name)
    curvatures, directions = unstable(points)
    first, direction = jax.tree.map(lambda leaf: leaf[1], points), directions[1]
    sizes = fmt.unit_roundoff * jnp.asarray(config.saddle_multiples, jnp.float64)
    displaced = _displaced(first, direction, sizes)
    below = stored(jax.tree.map(lambda a, b: jnp.concatenate([a, b]), points, displaced), name)
    starts = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), points, below)
    draws = config.saddle_draws
    narrow = np.arange(len(starts.shift)) >= draws
    times, frozen, risks = _escapes(config, name, starts, narrow)
    return {
        "saddle_rounded": times[:draws],
        "saddle_narrow": times[draws : 2 * draws],
        "saddle_frozen": frozen[draws : 2 * draws].astype(np.int64),
        "saddle_displaced": times[2 * draws :],
        "saddle_radius": _radius(config, first, direction, float(curvatures[1])),
        "saddle_path": risks[[1, draws + 1]],
    }


def _displaced(point: Shallow, direction: Array, sizes: Float[Array, " runs"]) -> Shallow:
    flat, unravel = ravel_pytree(point)
    return jax.vmap(lambda size: unravel(flat + size * direction))(sizes)


def _radius(config: Config, point: Shallow, direction: Array, curvature: float) -> np.float64:
    """Least displacement, in u, whose step moves some parameter by half a spacing of it."""
    # The spacing of a parameter in [2**(e-1), 2**e) is u 2**e.
    spacing = 2.0 ** np.frexp(np.asarray(ravel_pytree(point)[0]))[1]
    moved = config.saddle_rate * abs(curvature * np.asarray(direction))
    return np.float64(np.min(spacing / 2 / moved))


def _escapes(
    config: Config, name: str, starts: Shallow, narrow: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times at which runs have half the saddle's risk; whether they end at rest; their risks."""
    path, _ = descend(
        starts,
        jnp.asarray(narrow),
        name=name,
        problem=PROBLEM,
        rate=config.saddle_rate,
        records=config.saddle_steps // EVERY,
        every=EVERY,
    )
    risks = np.asarray(_risks(path))
    low = risks < float(zigzag.risks(config.saddle_descended)[-1]) / 2
    first = config.saddle_rate * EVERY * (1 + np.argmax(low, axis=1))
    rests = [np.asarray(leaf[:, -1] == leaf[:, -2]).reshape(len(narrow), -1) for leaf in path]
    return (
        np.where(low.any(axis=1), first, np.inf),
        np.asarray(np.concatenate(rests, axis=1).all(axis=1)),
        risks,
    )


@jax.jit
def _risks(path: Shallow) -> Float[Array, "runs records"]:
    risk = functools.partial(relu_risk.risk, problem=PROBLEM)
    return jax.vmap(lambda run: jax.lax.map(risk, run))(path)


PART = Part("saddles", template, cells, compute)
