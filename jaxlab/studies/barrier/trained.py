"""Part "trained": a LISTA that learns the second problem perfectly, scored on the first one.

Ten layers ``x' = soft(x + (y - A x / (10 ||A||)) W_l, theta_l)``, from the demonstration's start.
They see solutions of the problem whose minimiser is ``e_2 / (alpha + eps)``, with random sparse
entries in the second block. Batches, rate and number of steps are this study's: the demonstration
takes 4,000 epochs where a few thousand small steps fit the data to rounding.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr
from jaxtyping import Array, Float, Key

from jaxlab.inverse import lista, noncomputable
from jaxlab.inverse.lista import Lista
from jaxlab.studies._parts import Part, Variable, named_key
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell, Values
from jaxlab.studies.barrier.config import Config
from jaxlab.training.updates import from_optax

LAYERS = 10
"""Of the network."""

TRAINING, VALIDATION, NONZEROS = 8000, 1000, 5
"""Samples, and their nonzero entries in the second block, N(0, 1) / ||A||."""

BATCH, RATE, DECAY = 64, 1e-3, 1e-2
"""Samples of a step of Adam; its rate for ``K = 1``, and the factor by which it falls to the end.

The rate, and the thresholds at the start, are proportional to ``10**-K`` as solutions are.
"""

RECORDS = 20
"""Measurements of the loss."""

_PRODUCT = jax.lax.Precision.HIGHEST


class Task(NamedTuple):
    """The problem that is learnt, and ``||A||``."""

    matrix: Float[Array, "rows columns"]
    minimiser: Float[Array, " columns"]
    size: Float[Array, ""]


def template(config: Config) -> xr.Dataset:
    """Losses and errors by ``K`` and ``n``."""
    each = ("trained_digits", "trained_gap")
    return empty(
        {
            "trained_digits": config.trained_digits,
            "trained_gap": config.trained_gaps,
            "trained_step": config.trained_steps // RECORDS * (1 + np.arange(RECORDS)),
        },
        {
            "trained_loss": Variable(
                (*each, "trained_step"), float, "squared error on new samples, relative"
            ),
            "trained_own": Variable(each, float, "distance from the minimiser of its own problem"),
            "trained_other": Variable(each, float, "distance from the other problem's minimiser"),
        },
    )


def cells(config: Config) -> list[Cell]:
    """One for each network."""
    return [
        Cell(f"K{k}-n{n}", {"trained_digits": i, "trained_gap": j})
        for i, k in enumerate(config.trained_digits)
        for j, n in enumerate(config.trained_gaps)
    ]


def compute(config: Config, cell: Cell) -> Values:
    """Train on the second problem; score against both."""
    digits = config.trained_digits[cell.index["trained_digits"]]
    n = config.trained_gaps[cell.index["trained_gap"]]
    seen, other = (noncomputable.problem(digits, n, which) for which in (2, 1))
    task = Task(
        jnp.asarray(seen.matrix),
        jnp.asarray(seen.minimiser),
        jnp.asarray(np.linalg.norm(seen.matrix, 2)),
    )
    start, samples = jax.random.split(named_key(config.seed, f"trained.{cell.name}"))
    network, unit = lista.init(start, seen.matrix, LAYERS), 10.0 ** (1 - digits)
    network = network._replace(thresholds=unit * network.thresholds)
    rate = jnp.asarray(unit * RATE)
    network, losses = _train(samples, network, task, rate, config.trained_steps)
    answer = np.asarray(_answers(network, task, jnp.asarray(seen.measured)[None])[0])
    return {
        "trained_loss": np.asarray(losses),
        "trained_own": np.linalg.norm(answer - seen.minimiser),
        "trained_other": np.linalg.norm(answer - other.minimiser),
    }


def _samples(
    key: Key[Array, ""], task: Task, number: int
) -> tuple[Float[Array, "samples columns"], Float[Array, "samples rows"]]:
    """Solutions with random entries in the second block, and their measurements."""
    places, sizes = jax.random.split(key)
    shape = (number, noncomputable.BLOCK)
    rank = jnp.argsort(jax.random.uniform(places, shape), axis=1)
    block = jnp.where(rank < NONZEROS, jax.random.normal(sizes, shape) / task.size, 0.0)
    ends = jnp.broadcast_to(task.minimiser[:2], (number, 2))
    x = jnp.concatenate([ends, block], axis=1)
    return x, jnp.matmul(x, task.matrix.T, precision=_PRODUCT)


def _answers(
    network: Lista, task: Task, y: Float[Array, "samples rows"]
) -> Float[Array, "samples columns"]:
    """The network's answers to many measurements."""
    scaled = task.matrix / (10 * task.size)
    return jax.vmap(lambda one: lista.apply(network, scaled, one))(y)


def _loss(network: Lista, task: Task, x: Array, y: Array) -> Float[Array, ""]:
    """Squared error, relative to the solutions."""
    return jnp.sum((_answers(network, task, y) - x) ** 2) / jnp.sum(x**2)


@functools.partial(jax.jit, static_argnames="steps")
def _train(
    key: Key[Array, ""], network: Lista, task: Task, rate: Float[Array, ""], steps: int
) -> tuple[Lista, Float[Array, " records"]]:
    """Adam on random batches, and the loss on new samples along the way."""
    training, checking, drawing = jax.random.split(key, 3)
    x, y = _samples(training, task, TRAINING)
    checked = _samples(checking, task, VALIDATION)
    optimiser = from_optax(optax.adam(optax.exponential_decay(rate, steps, DECAY)))
    every = steps // RECORDS

    def step(carry, index: Array):
        network, moments = carry
        key = jax.random.fold_in(drawing, index)
        batch = jax.random.randint(key, (BATCH,), 0, TRAINING)
        slope = jax.grad(_loss)(network, task, x[batch], y[batch])
        updates, moments = optimiser.step(slope, moments, network)
        network, _ = optimiser.apply(network, updates, ())
        return (network, moments), None

    def record(carry, number: Array):
        carry, _ = jax.lax.scan(step, carry, number * every + jnp.arange(every))
        return carry, _loss(carry[0], task, *checked)

    carry = network, optimiser.init(key, network)
    (network, _), losses = jax.lax.scan(record, carry, jnp.arange(RECORDS))
    return network, losses


PART = Part("trained", template, cells, compute)
