"""What the realistic scenarios share: Adam from the same starts in several formats, measured.

All are runs of a discrete optimiser. What grows in them says nothing about the gradient flow: Adam
at a constant rate does not settle.
"""

import functools
import itertools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Key, PyTree

from jaxlab import training
from jaxlab.networks import Parameters, initialisers
from jaxlab.networks.mlp import Layer
from jaxlab.studies._parts import Part, Variable, named_key
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell, Values
from jaxlab.studies.divergence.config import Config
from jaxlab.training.precision import Policy, convert

NOT_AVAILABLE = -2
"""Stands for the number of steps where the data are not installed."""

activation = functools.partial(jax.nn.gelu, approximate=False)
"""GELU with the error function itself, as in every scenario."""


def network(vector: Float[Array, " parameters"], widths: tuple[int, ...]) -> Parameters:
    """The network whose parameters are the entries of a vector, layer by layer.

    Training sees one vector: a program for eight arrays takes longer to compile.

    Examples
    --------
    >>> [layer.weight.shape for layer in network(jnp.zeros(21), (2, 5, 1))]
    [(2, 5), (5, 1)]
    """
    layers, at = [], 0
    for inputs, outputs in itertools.pairwise(widths):
        weight, bias = at + inputs * outputs, at + (inputs + 1) * outputs
        layers.append(Layer(vector[at:weight].reshape(inputs, outputs), vector[weight:bias]))
        at = bias
    return tuple(layers)


class Problem(NamedTuple):
    """What is trained, and how its networks are judged.

    Attributes
    ----------
    loss
        ``loss(vector, batch)``, the parameters as one vector; the same object for the same
        policy, so that programs are found again.
    data, batch
        As in :func:`jaxlab.training.train`.
    measure
        ``vectors -> {measure: (starts, checkpoints)}`` in float64.
    """

    loss: Callable[[Any, Any], Float[Array, ""]]
    data: PyTree
    batch: int
    measure: Callable[[Float[np.ndarray, "starts checkpoints parameters"]], Mapping[str, Any]]


class Scenario(NamedTuple):
    """A published experiment.

    Attributes
    ----------
    name
        Prefix of its variables, and of the fields of its configuration.
    widths
        Of the network.
    learning_rate
        Of Adam.
    problem
        ``(config, policy, key) -> Problem``, or None where the data are not installed.
    measures
        What its problem measures: names and what they mean.
    """

    name: str
    widths: tuple[int, ...]
    learning_rate: float
    problem: Callable[[Config, Policy, Key[Array, ""]], Problem | None]
    measures: Mapping[str, str]


_METRICS = {
    "norm": training.metrics.parameter_norm,
    "largest": training.metrics.parameter_largest,
    "batch_loss": training.metrics.loss,
    "lost": training.metrics.stagnated_share,
}
_MEANINGS = {
    "norm": "Euclidean norm of the parameters",
    "largest": "largest absolute value of a parameter",
    "batch_loss": "loss of the next step's batch, as the format computes it",
    "lost": "share of the next step's nonzero updates that change no parameter",
}


def part(scenario: Scenario) -> Part:
    """The part of a scenario: one cell per format."""
    return Part(
        scenario.name,
        functools.partial(_template, scenario),
        functools.partial(_cells, scenario),
        functools.partial(_compute, scenario),
    )


def formats(scenario: Scenario, config: Config) -> tuple[str, ...]:
    """Native formats that it is trained in, the control first."""
    return getattr(config, f"{scenario.name}_formats")


def checkpoints(scenario: Scenario, config: Config) -> tuple[int, ...]:
    """Numbers of steps after which everything is measured."""
    return training.log_checkpoints(getattr(config, f"{scenario.name}_steps"), per_decade=4)


def _template(scenario: Scenario, config: Config):
    name = scenario.name
    run = (f"{name}_format", "realistic_start")
    through = (*run, f"{name}_step")
    meanings = _MEANINGS | dict(scenario.measures)
    variables = {
        f"{name}_{measure}": Variable(through, float, meaning)
        for measure, meaning in meanings.items()
    }
    variables[f"{name}_taken"] = Variable(
        run,
        int,
        f"steps before one was not finite, or all; {NOT_AVAILABLE}: the data are not installed",
        "steps",
    )
    return empty(
        {
            f"{name}_format": formats(scenario, config),
            "realistic_start": range(config.realistic_starts),
            f"{name}_step": checkpoints(scenario, config),
        },
        variables,
    )


def _cells(scenario: Scenario, config: Config) -> list[Cell]:
    return [
        Cell(fmt, {f"{scenario.name}_format": i}) for i, fmt in enumerate(formats(scenario, config))
    ]


def _compute(scenario: Scenario, config: Config, cell: Cell) -> Values:
    """Train all starts of one format; starts and batches are the same float64 draws in each."""
    name = scenario.name
    policy = Policy.native(cell.name)
    start_key, run_key, measure_key = jax.random.split(named_key(config.seed, name), 3)
    problem = scenario.problem(config, policy, measure_key)
    if problem is None:
        return {f"{name}_taken": np.full(config.realistic_starts, NOT_AVAILABLE)}
    keys = jax.random.split(start_key, config.realistic_starts)
    steps = checkpoints(scenario, config)
    history = training.ensemble(
        problem.loss,
        _rounded(_starts(scenario.widths)(keys), policy.parameters),
        problem.data,
        _adam(scenario.learning_rate),
        policy=policy,
        checkpoints=steps,
        metrics=_METRICS | {"vector": _vector},
        keys=jax.random.split(run_key, config.realistic_starts),
        batch_size=problem.batch,
    )
    vectors = np.asarray(history.metrics["vector"]).astype(np.float64)
    measured = {key: history.metrics[key] for key in _METRICS} | dict(problem.measure(vectors))
    failed = np.asarray(history.failed_at, np.int64)
    return {f"{name}_{key}": np.asarray(value) for key, value in measured.items()} | {
        f"{name}_taken": np.where(failed < 0, steps[-1], failed)
    }


@functools.lru_cache(maxsize=8)
def _starts(widths: tuple[int, ...]) -> Callable[[Key[Array, " starts"]], Array]:
    """``keys -> vectors`` in float64: networks by Glorot's uniform law with zero biases."""

    def start(key):
        leaves = jax.tree.leaves(initialisers.initialise(key, widths, initialisers.xavier()))
        return jnp.concatenate([leaf.ravel() for leaf in leaves])

    return jax.jit(jax.vmap(start))


_rounded = jax.jit(convert, static_argnums=1)


@functools.lru_cache(maxsize=8)
def _adam(rate: float) -> training.Update:
    return training.from_optax(optax.adam(rate))


def _vector(snapshot: training.Snapshot) -> Float[Array, " parameters"]:
    return snapshot.params
