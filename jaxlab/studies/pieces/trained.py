"""Part (d): real training in every native format, beside its same-seed float64 control."""

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from jaxlab import training
from jaxlab.networks import Parameters, apply
from jaxlab.studies._parts import Part, Variable, named_key
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell, Values
from jaxlab.studies.pieces.config import Config
from jaxlab.studies.pieces.counting import NO_COUNT, count
from jaxlab.studies.pieces.models import MODELS, TARGETS, data, loss, repeated, starts

_SAMPLES = 257
_COUNTS = ("trained_pieces", "trained_regions")


def checkpoints(config: Config) -> tuple[int, ...]:
    """Steps at which everything is measured."""
    return training.log_checkpoints(config.training_steps, per_decade=2)


def template(config: Config) -> xr.Dataset:
    """Counts and errors per model, policy, target, rate, seed and checkpoint."""
    run = ("model", "policy", "target", "learning_rate", "seed")
    through = (*run, "checkpoint")
    neurons = [
        config.training_depth * model.width(config)
        for model in (MODELS[name] for name in config.training_models)
    ]
    dataset = empty(
        {
            "model": config.training_models,
            "policy": config.training_policies,
            "target": list(TARGETS),
            "learning_rate": config.training_learning_rates,
            "seed": range(config.training_seeds),
            "checkpoint": checkpoints(config),
            "abscissa": np.linspace(0, 1, _SAMPLES),
        },
        {
            "trained_pieces": Variable(
                through, int, "affine pieces on [0, 1], -2 where there is no count: see steps_taken"
            ),
            "trained_regions": Variable(through, int, "activation regions on [0, 1], -2 likewise"),
            "trained_undecided": Variable(
                through, int, "decisions of the counter within its tolerance"
            ),
            "rmse": Variable(through, float, "root mean square error of the stored network"),
            "stagnated": Variable(through, float, "share of nonzero updates that are lost"),
            "steps_taken": Variable(
                run, int, "gradient steps before one was not finite and the run was frozen", "steps"
            ),
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
        for i, model in enumerate(config.training_models)
        for j, policy in enumerate(config.training_policies)
    ]


def compute(config: Config, cell: Cell) -> Values:
    """Train all targets, rates and seeds at once; count at every checkpoint in float64.

    A run that is frozen before a checkpoint, because a step was not finite, has no count there.
    """
    name = config.training_models[cell.index["model"]]
    policy = _policy(config.training_policies[cell.index["policy"]])
    model = MODELS[name]
    grid = (len(TARGETS), len(config.training_learning_rates), config.training_seeds)
    x, y = data(config, model)
    # Seeds vary fastest, then rates, then targets; every format asks for the same keys.
    keys = jax.random.split(named_key(config.seed, f"train-{name}"), config.training_seeds)
    keys, start = repeated((keys, starts(name, config)(keys)), grid[0] * grid[1])
    rates = jnp.asarray(config.training_learning_rates, policy.update)
    history = training.ensemble(
        loss(name, policy),
        jax.tree.map(lambda leaf: leaf.astype(policy.parameters), start),
        (jnp.asarray(x), jnp.asarray(np.repeat(y, grid[1] * grid[2], axis=0))),
        training.gradient_descent,
        policy=policy,
        checkpoints=checkpoints(config),
        metrics=_METRICS,
        keys=keys,
        learning_rate=jnp.tile(jnp.repeat(rates, grid[2]), grid[0]),
        data_axes=(None, 0),
    )
    networks = jax.jit(jax.vmap(jax.vmap(model.network)))(history.metrics["trainable"])
    measured = _measure(networks, x, y, grid, model.complement)
    stagnated = history.metrics["stagnated"]
    failed = np.asarray(history.failed_at, np.int64)
    taken = np.where(failed < 0, config.training_steps, failed).reshape(grid)
    frozen = np.asarray(checkpoints(config)) > taken[..., None]
    counts = {name: np.where(frozen, NO_COUNT, measured[name]) for name in _COUNTS}
    return {
        **measured,
        **counts,
        "stagnated": np.asarray(stagnated).reshape(*grid, -1),
        "steps_taken": taken,
    }


def _policy(name: str) -> training.Policy:
    fmt, *only = name.split(" ")
    if only:
        return training.Policy.gradient(fmt, parameters="float64")
    return training.Policy.native(fmt)


def _trainable(snapshot: training.Snapshot):
    return snapshot.params


_METRICS = {
    "trainable": _trainable,
    "stagnated": training.metrics.stagnated_share,
}


def _measure(networks: Parameters, x, y, grid, complement: bool) -> Values:
    """Exact counts and float64 errors of networks with leading axes (run, checkpoint)."""
    networks = jax.tree.map(lambda leaf: np.asarray(leaf).astype(np.float64), networks)  # exact
    found = count(jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), networks), 0.0, 1.0)
    values = np.asarray(_evaluate(networks, x)).reshape(*grid, -1, *x.shape)
    with np.errstate(over="ignore", invalid="ignore"):
        rmse = np.sqrt(np.mean((values - y[:, None, None, None]) ** 2, axis=(-2, -1)))
    abscissa = np.linspace(0.0, 1.0, _SAMPLES)[:, None]
    last = jax.tree.map(lambda leaf: leaf[:, -1].reshape(*grid, *leaf.shape[2:])[:, :, 0], networks)
    curves = np.asarray(_evaluate(last, abscissa))[..., 0]
    return {
        "trained_pieces": found.pieces.reshape(*grid, -1),
        "trained_regions": found.regions.reshape(*grid, -1),
        "trained_undecided": found.undecided.reshape(*grid, -1),
        "rmse": rmse,
        "trained_example": abscissa[:, 0] - curves if complement else curves,
    }


@jax.jit
def _evaluate(networks: Parameters, x):
    """Networks with two leading axes at the points ``x``."""
    return jax.vmap(jax.vmap(lambda params: apply(params, x)))(networks)


PART = Part("trained", template, cells, compute)
