"""Part (c): one gradient step whose bias updates carry relative noise.

Two of the networks are *landing points*: the exact step of size 1 in every bias would arrive
precisely at the sawtooth, and the noise (1 + epsilon U) is all that keeps it from doing so. They
are the best case for gradient descent, and show what assumption (B) is about. The third is trained
by gradient descent from He's start, and its step is a genuine one.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from jaxlab import training
from jaxlab.arithmetic.draws import uniform64
from jaxlab.networks import Parameters, apply, constructions, initialisers, widths
from jaxlab.regions import bounds
from jaxlab.studies._parts import Part, Variable, named_key
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell, Values
from jaxlab.studies.pieces.config import Config
from jaxlab.studies.pieces.counting import count

NETWORKS = ("sawtooth", "slope-normalised sawtooth", "trained from He")
SAMPLES = 2049
"""Points of the example curves; they are stored for the depth nearest to 6."""
_TRAINED = 8  # trained networks among which the draws are shared out


def template(config: Config) -> xr.Dataset:
    """Counts per network, depth, noise level and draw; assumptions (A) and (B), and the bound."""
    cell = ("step_network", "step_depth")
    by_noise = (*cell, "epsilon")
    return empty(
        {
            "step_network": NETWORKS,
            "step_depth": config.step_depths,
            "epsilon": [2.0**-k for k in config.step_exponents],
            "draw": range(config.step_draws),
            "sample": np.linspace(0, 1, SAMPLES),
        },
        {
            "step_pieces": Variable((*by_noise, "draw"), int, "affine pieces after the step"),
            "step_regions": Variable((*by_noise, "draw"), int, "activation regions after the step"),
            "control_pieces": Variable((*cell, "draw"), int, "affine pieces after the exact step"),
            "mean_reciprocal": Variable(cell, float, "(A): mean reciprocal bias update"),
            "zero_updates": Variable(cell, float, "share of bias updates that are exactly zero"),
            "steepest": Variable(by_noise, float, "(B): largest internal slope after the step"),
            "step_bound": Variable(by_noise, float, "bound on the expected regions"),
            "step_example": Variable(
                ("step_network", "epsilon", "sample"), float, "network function after the step"
            ),
            "control_example": Variable(
                ("step_network", "sample"), float, "network function after the exact step"
            ),
        },
    )


def cells(config: Config) -> list[Cell]:
    """One cell per network and depth."""
    return [
        Cell(f"{name}-depth{depth}".replace(" ", "-"), {"step_network": i, "step_depth": j})
        for i, name in enumerate(NETWORKS)
        for j, depth in enumerate(config.step_depths)
    ]


def example_depth(depths: Sequence[int]) -> int:
    """The depth whose functions are stored for the figures."""
    return min(depths, key=lambda depth: abs(depth - 6))


class _Steps(NamedTuple):
    """Exact steps: leading axis ``network`` on both fields."""

    arrival: Parameters
    updates: tuple[np.ndarray, ...]


def compute(config: Config, cell: Cell) -> Values:
    """Take the exact step and the noisy ones, and count."""
    name = NETWORKS[cell.index["step_network"]]
    depth = config.step_depths[cell.index["step_depth"]]
    key = named_key(config.seed, cell.name)
    steps = _trained_steps(config, depth) if "He" in name else _landing_steps(name, depth)
    owner = np.arange(config.step_draws) % len(steps.updates[0])
    epsilons = np.array([2.0**-k for k in config.step_exponents])
    noisy = _noisy_arrivals(key, steps, owner, epsilons)
    exact = count(steps.arrival, 0.0, 1.0)
    after = count(jax.tree.map(_flatten_two, noisy), 0.0, 1.0)
    shape = (len(epsilons), config.step_draws)
    steepest = after.steepest.reshape(shape).max(axis=1)
    result = {
        "step_pieces": after.pieces.reshape(shape),
        "step_regions": after.regions.reshape(shape),
        "control_pieces": exact.pieces[owner],
        "steepest": steepest,
        "step_bound": _bounds(steps, epsilons, steepest),
        **_assumption_a(steps.updates),
    }
    if depth == example_depth(config.step_depths):
        result = {**result, **_examples(steps, noisy)}
    return result


def _landing_steps(name: str, depth: int) -> _Steps:
    build = {
        "sawtooth": constructions.sawtooth,
        "slope-normalised sawtooth": constructions.slope_normalised_sawtooth,
    }[name]
    arrival = jax.tree.map(lambda leaf: leaf[None], build(depth))
    return _Steps(arrival, tuple(np.ones((1, n)) for n in widths(arrival)[1:-1]))


def _trained_steps(config: Config, depth: int) -> _Steps:
    """Train in float64 on x**2, then take one more exact step and keep its bias updates.

    Starts of different depths are nested: the first hidden layers of the deepest, and its last.
    """
    policy = training.Policy.native("float64")
    keys = jax.random.split(named_key(config.seed, "step-start"), min(_TRAINED, config.step_draws))
    *hidden, last = _deepest_starts(config)(keys)
    start = (*hidden[:depth], last)
    x = jnp.linspace(0.0, 1.0, config.training_points + 1, dtype=jnp.float64)[:, None]
    history = training.ensemble(
        training.mean_squared_error(policy),
        start,
        (x, x * x),
        training.gradient_descent,
        policy=policy,
        checkpoints=(0, config.step_training_steps, config.step_training_steps + 1),
        metrics={"biases": _hidden_biases},
        keys=keys,
        learning_rate=jnp.full(keys.shape, config.step_learning_rate, jnp.float64),
    )
    biases = history.metrics["biases"]
    return _Steps(history.params, tuple(np.asarray(b[:, 2] - b[:, 1]) for b in biases))


@functools.lru_cache(maxsize=8)
def _deepest_starts(config: Config):
    shape = (1, *[config.step_width] * max(config.step_depths), 1)
    law = initialisers.he(initialisers.fan_in_bias())
    return jax.jit(jax.vmap(lambda key: initialisers.initialise(key, shape, law)))


def _hidden_biases(snapshot: training.Snapshot) -> tuple[jax.Array, ...]:
    return tuple(layer.bias for layer in snapshot.params[:-1])


def _noisy_arrivals(
    key: jax.Array, steps: _Steps, owner: np.ndarray, epsilons: np.ndarray
) -> Parameters:
    """Leading axes (epsilon, draw); one draw of U serves all noise levels.

    The noise ``db * epsilon * U`` is added to the exact arrival, which rounds once: computing
    ``b - db (1 + epsilon U)`` instead would round epsilon below 2**-52 away.
    """
    layers = []
    for index, layer in enumerate(steps.arrival):
        weight, bias = (np.asarray(leaf)[owner] for leaf in layer)
        noise = np.zeros((len(epsilons), *bias.shape))
        if index < len(steps.updates):
            uniform = uniform64(jax.random.fold_in(key, index), bias.shape)
            step = steps.updates[index][owner] * (2 * np.asarray(uniform) - 1)
            noise = epsilons[:, None, None] * step
        layers.append(
            type(layer)(
                jnp.asarray(np.broadcast_to(weight, (len(epsilons), *weight.shape))),
                jnp.asarray(bias + noise),
            )
        )
    return tuple(layers)


def _bounds(steps: _Steps, epsilons: np.ndarray, steepest: np.ndarray) -> np.ndarray:
    """The bound per noise level, averaged over the networks; the slope is the measured one."""
    networks = range(len(steps.updates[0]))
    return np.array(
        [
            np.mean([bounds.perturbed_step([u[n] for u in steps.updates], e, c) for n in networks])
            for e, c in zip(epsilons, steepest, strict=True)
        ]
    )


def _assumption_a(updates: tuple[np.ndarray, ...]) -> Values:
    size = np.abs(np.concatenate(updates, axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        reciprocal = np.where(size > 0, 1 / size, 0).sum() / (size > 0).sum()
    return {
        "mean_reciprocal": np.float64(reciprocal),
        "zero_updates": np.float64(np.mean(size == 0)),
    }


def _examples(steps: _Steps, noisy: Parameters) -> Values:
    x = jnp.linspace(0.0, 1.0, SAMPLES, dtype=jnp.float64)[:, None]
    curve = jax.jit(lambda params: apply(params, x)[:, 0])
    first = jax.tree.map(lambda leaf: leaf[:, 0], noisy)
    return {
        "control_example": np.asarray(curve(jax.tree.map(lambda leaf: leaf[0], steps.arrival))),
        "step_example": np.asarray(jax.vmap(curve)(first)),
    }


def _flatten_two(leaf: jax.Array) -> jax.Array:
    return leaf.reshape(-1, *leaf.shape[2:])


PART = Part("step", template, cells, compute)
