"""Part "meter": what flows conserve measures an integrator; what steps conserve, an arithmetic.

For the constant target ``xi`` the flow keeps ``w**2 + b**2 - v**2`` of every neuron and loses ``8
L`` of the Lyapunov function per unit of time. A step of gradient descent changes both by known
amounts (:mod:`jaxlab.flows.invariants`), whatever its size. So the distance from these laws is
rounding alone, and should be proportional to the unit roundoff ``u``, with one factor for all
formats.

Laws are evaluated in float64 on the stored iterates, with the float64 gradient at them. A change is
summed as ``(a - b)(a + b)``, so that the evaluation's own error is a few ``2**-53`` times the size
of the *step*. The gradient's share is what the law misses if the step is taken in float64 with the
gradient as the arithmetic computed it.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxlab import flows
from jaxlab.flows import invariants, relu_risk
from jaxlab.flows.relu_risk import Shallow
from jaxlab.studies._parts import Part, Variable, named_key
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell, Values
from jaxlab.studies.flow.config import Config
from jaxlab.studies.flow.descents import descend, stored

TARGET = 0.75
"""A number of every format."""
PROBLEM = relu_risk.affine(0.0, TARGET)
LAWS = ("balancedness", "Lyapunov")
SHARES = ("all", "gradient")
TIMES = np.linspace(0.0, 50.0, 51)
RATE = 2.0**-3


def template(config: Config) -> xr.Dataset:
    """Drifts along flows; violations of both laws per arithmetic, start and step."""
    run = ("meter_neurons", "meter_start")
    return empty(
        {
            "meter_neurons": config.meter_neurons,
            "meter_start": range(config.meter_starts),
            "meter_time": TIMES,
            "meter_arithmetic": config.meter_arithmetics,
            "meter_law": LAWS,
            "meter_share": SHARES,
            "meter_step": range(config.meter_steps),
        },
        {
            "meter_balance": Variable(
                (*run, "meter_time"),
                float,
                "largest change of a neuron's balancedness along the flow",
            ),
            "meter_lyapunov": Variable(
                (*run, "meter_time"), float, "V(0) - V(t) - 8 integral of L"
            ),
            "meter_bound": Variable(run, float, "largest t L(t) / (V(0) / 8) along the flow"),
            "meter_violation": Variable(
                ("meter_arithmetic", "meter_law", "meter_share", "meter_start", "meter_step"),
                float,
                "how far a step of gradient descent is from the law (largest of all neurons)",
            ),
            "meter_change": Variable(
                ("meter_arithmetic", "meter_law", "meter_start", "meter_step"),
                float,
                "size of the largest term in the law, per step",
            ),
        },
    )


def cells(config: Config) -> list[Cell]:
    """The flows per number of neurons, and every arithmetic."""
    return [
        *(
            Cell(f"flows-{neurons}", {"meter_neurons": i})
            for i, neurons in enumerate(config.meter_neurons)
        ),
        *(
            Cell(name.replace("=", ""), {"meter_arithmetic": i})
            for i, name in enumerate(config.meter_arithmetics)
        ),
    ]


def compute(config: Config, cell: Cell) -> Values:
    """Integrate, or descend and hold every step against the laws."""
    if "meter_neurons" in cell.index:
        return _flows(config, config.meter_neurons[cell.index["meter_neurons"]])
    return _violations(config, config.meter_arithmetics[cell.index["meter_arithmetic"]])


def random_starts(seed: int, name: str, number: int, neurons: int) -> Shallow:
    """Standard normal weights, biases, outer weights and shifts; leaves ``(number, ...)``.

    Examples
    --------
    >>> with jax.enable_x64(True):
    ...     random_starts(0, "a", 2, 3).weight.shape
    (2, 3)
    """
    numbers = jax.random.normal(named_key(seed, name), (number, 3 * neurons + 1), jnp.float64)
    weight, bias, outer = jnp.split(numbers[:, 1:], 3, axis=1)
    return Shallow(weight, bias, outer, numbers[:, 0])


def _flows(config: Config, neurons: int) -> Values:
    """Smaller networks are larger ones with dead neurons, so that one program serves all."""
    starts = random_starts(config.seed, f"meter-{neurons}", config.meter_starts, neurons)
    dead = ((0, 0), (0, max(config.meter_neurons) - neurons))
    weight, bias, outer = (jnp.pad(leaf, dead) for leaf in starts[:3])
    starts = Shallow(weight, bias, outer, starts.shift)
    found = _constant_flows(starts, config.meter_rtol)
    balance = np.asarray(jax.vmap(jax.vmap(invariants.balancedness))(found.params))
    lyapunov = np.asarray(jax.vmap(jax.vmap(_lyapunov))(found.params))
    return {
        "meter_balance": np.abs(balance - balance[:, :1]).max(axis=2),
        "meter_lyapunov": lyapunov[:, :1] - lyapunov - 8 * np.asarray(found.integrals),
        "meter_bound": (8 * TIMES * np.asarray(found.loss) / lyapunov[:, :1]).max(axis=1),
    }


@functools.partial(jax.jit, static_argnames="rtol")
def _constant_flows(starts: Shallow, rtol: float) -> flows.Flow:
    """One after another, with the integral of the risk."""
    risk = functools.partial(relu_risk.risk, problem=PROBLEM)
    return jax.lax.map(
        lambda start: flows.integrate(
            risk,
            start,
            TIMES,
            solver=flows.explicit(),
            integrands=risk,
            rtol=rtol,
            atol=rtol / 100,
        ),
        starts,
    )


def _lyapunov(params: Shallow) -> Array:
    return invariants.lyapunov(params, TARGET)


def _violations(config: Config, name: str) -> Values:
    starts = random_starts(config.seed, "meter", config.meter_starts, config.meter_descended)
    first = stored(starts, name)
    path, slopes = descend(
        first,
        jnp.ones(config.meter_starts, bool),
        name=name,
        problem=PROBLEM,
        rate=RATE,
        records=config.meter_steps,
    )
    violation, change = broken(first, path, slopes)
    return {"meter_violation": np.asarray(violation), "meter_change": np.asarray(change)}


@jax.jit
def broken(
    starts: Shallow, path: Shallow, slopes: Shallow
) -> tuple[Float[Array, "laws shares runs steps"], Float[Array, "laws runs steps"]]:
    """How far every step is from both laws, and how large their terms are.

    Parameters
    ----------
    starts, path, slopes
        As given to, and returned by, :func:`jaxlab.studies.flow.descents.descend`, every step
        recorded.
    """

    def step(before: Shallow, after: Shallow, slope: Shallow):
        exact = relu_risk.gradient(before, PROBLEM)
        risk = relu_risk.risk(before, PROBLEM)
        laws = (
            invariants.balancedness_change(exact, RATE),
            invariants.lyapunov_change(risk, exact, RATE),
        )
        there = jax.tree.map(jnp.subtract, after, before), jax.tree.map(lambda g: -RATE * g, slope)
        far = [
            [
                jnp.abs(got - law).max()
                for got, law in zip(_changes(before, move), laws, strict=True)
            ]
            for move in there
        ]
        sizes = [jnp.abs(law).max() for law in laws]
        return jnp.array(far).T, jnp.array(sizes)

    before = jax.tree.map(lambda a, b: jnp.concatenate([a[:, None], b[:, :-1]], 1), starts, path)
    far, sizes = jax.vmap(jax.vmap(step))(before, path, slopes)
    return jnp.moveaxis(far, (2, 3), (0, 1)), jnp.moveaxis(sizes, 2, 0)


def _changes(before: Shallow, move: Shallow) -> tuple[Float[Array, " neurons"], Float[Array, ""]]:
    """What a move adds to balancedness and to the Lyapunov function."""
    squares = jax.tree.map(lambda p, d: d * (2 * p + d), before, move)
    balance = squares.weight + squares.bias - squares.outer
    whole = jnp.sum(squares.weight + squares.bias + squares.outer) + squares.shift
    return balance, whole + move.shift * (2 * before.shift + move.shift - 4 * TARGET)


PART = Part("meter", template, cells, compute)
