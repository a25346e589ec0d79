"""Part (d): real training in every native format, beside its same-seed float64 control."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from jaxlab import regions, training
from jaxlab.arithmetic import round_to
from jaxlab.networks import Parameters, apply
from jaxlab.studies._parts import Part, Variable, named_key
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell
from jaxlab.studies.pieces.config import FORMATS, Config
from jaxlab.studies.pieces.models import GRID, MODELS, TARGETS, loss

POLICIES = {fmt: training.Policy.native(fmt) for fmt in FORMATS} | {
    f"{fmt} gradients": training.Policy.gradient(fmt, parameters="float64")
    for fmt in ("float16", "bfloat16")
}
"""All four dtypes in one format; and the paper's setting, where only the gradient is rounded."""

CONTROL = FORMATS[0]
_SAMPLES = 257


def checkpoints(config: Config) -> tuple[int, ...]:
    """Steps at which everything is measured."""
    return training.log_checkpoints(config.training_steps, per_decade=2)


def template(config: Config) -> xr.Dataset:
    """Counts and errors per model, policy, target, rate, seed and checkpoint."""
    run = ("model", "policy", "target", "learning_rate", "seed")
    through = (*run, "checkpoint")
    neurons = [config.training_depth * model.width(config) for model in MODELS.values()]
    dataset = empty(
        {
            "model": list(MODELS),
            "policy": list(POLICIES),
            "target": list(TARGETS),
            "learning_rate": config.training_learning_rates,
            "seed": range(config.training_seeds),
            "checkpoint": checkpoints(config),
            "abscissa": np.linspace(0, 1, _SAMPLES),
        },
        {
            "trained_pieces": Variable(through, int, "affine pieces on [0, 1]"),
            "trained_regions": Variable(through, int, "activation regions on [0, 1]"),
            "rmse": Variable(through, float, "root mean square error of the stored network"),
            "stagnated": Variable(through, float, "share of nonzero updates that are lost"),
            "zero_gradient": Variable(through, float, "share of gradient entries that are zero"),
            "failed_at": Variable(run, int, "step that became nonfinite (-1: none)", "steps"),
            "trained_example": Variable(
                ("model", "policy", "target", "learning_rate", "abscissa"),
                float,
                "network function of seed 0 after training",
            ),
        },
    )
    return dataset.assign_coords(hidden_neurons=("model", neurons))


def cells(config: Config) -> list[Cell]:
    """One cell per model and policy."""
    return [
        Cell(f"{model}-{policy}".replace(" ", "-"), {"model": i, "policy": j})
        for i, model in enumerate(MODELS)
        for j, policy in enumerate(POLICIES)
    ]


def compute(config: Config, cell: Cell) -> Mapping[str, np.ndarray]:
    """Train all targets, rates and seeds at once; count at every checkpoint in float64."""
    name = list(MODELS)[cell.index["model"]]
    policy = POLICIES[list(POLICIES)[cell.index["policy"]]]
    model = MODELS[name]
    grid = (len(TARGETS), len(config.training_learning_rates), config.training_seeds)
    with jax.enable_x64(True):
        x, y = _data(config, model.complement)
        # Seeds vary fastest, then rates, then targets; every format asks for the same keys.
        keys = jax.random.split(named_key(config.seed, f"train-{name}"), config.training_seeds)
        start = jax.vmap(lambda key: model.start(key, config))(keys)
        keys, start = jax.tree.map(
            lambda leaf: jnp.tile(leaf, (grid[0] * grid[1], *[1] * (leaf.ndim - 1))), (keys, start)
        )
        rates = jnp.asarray(config.training_learning_rates, policy.update)
        history = training.ensemble(
            loss(name, policy),
            jax.tree.map(lambda leaf: leaf.astype(policy.parameters), start),
            (x, jnp.repeat(y, grid[1] * grid[2], axis=0)),
            training.gradient_descent,
            policy=policy,
            checkpoints=checkpoints(config),
            metrics=_METRICS,
            keys=keys,
            learning_rate=jnp.tile(jnp.repeat(rates, grid[2]), grid[0]),
            data_axes=(None, 0),
        )
        networks = jax.vmap(jax.vmap(model.network))(history.metrics["trainable"])
        measured = _measure(networks, x, y, grid, model.complement)
        stagnated, zero = history.metrics["stagnated"], history.metrics["zero_gradient"]
        return measured | {
            "stagnated": np.asarray(stagnated).reshape(*grid, -1),
            "zero_gradient": np.asarray(zero).reshape(*grid, -1),
            "failed_at": np.asarray(history.failed_at, np.int64).reshape(grid),
        }


def _trainable(snapshot: training.Snapshot):
    return snapshot.params


_METRICS = {
    "trainable": _trainable,
    "stagnated": training.metrics.stagnated_share,
    "zero_gradient": training.metrics.gradient_zero_share,
}


def _data(config: Config, complement: bool):
    """Abscissae ``(points, 1)`` and labels ``(targets, points, 1)`` on the common grid."""
    points = config.training_points
    x = jnp.arange(points + 1, dtype=jnp.float64)[:, None] / points  # exact in every format
    y = jnp.stack([target(x) for target in TARGETS.values()])
    return x, round_to(x - y if complement else y, GRID)


def _measure(networks: Parameters, x, y, grid, complement: bool) -> dict[str, np.ndarray]:
    """Exact counts and float64 errors of networks with leading axes (run, checkpoint)."""
    count = regions.line.count(
        jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), networks), 0.0, 1.0
    )
    exact = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), networks)
    values = jax.jit(jax.vmap(jax.vmap(lambda p: apply(p, x))))(exact)
    values = values.reshape(*grid, -1, *x.shape)
    labels = y[:, None, None, None]
    rmse = jnp.sqrt(jnp.mean((values - labels) ** 2, axis=(-2, -1)))
    abscissa = jnp.linspace(0.0, 1.0, _SAMPLES, dtype=jnp.float64)[:, None]
    last = jax.tree.map(lambda leaf: leaf[:, -1].reshape(*grid, *leaf.shape[2:])[:, :, 0], exact)
    curves = jax.vmap(jax.vmap(lambda p: apply(p, abscissa)[:, 0]))(last)
    return {
        "trained_pieces": count.pieces.reshape(*grid, -1),
        "trained_regions": count.regions.reshape(*grid, -1),
        "rmse": np.asarray(rmse),
        "trained_example": np.asarray(abscissa[:, 0] - curves if complement else curves),
    }


PART = Part("trained", template, cells, compute)
