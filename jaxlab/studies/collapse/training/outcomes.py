"""What study `collapse` keeps of training runs: one set of variables for every experiment."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxlab.regions import death
from jaxlab.studies._parts import Variable
from jaxlab.studies._study import Values
from jaxlab.studies.collapse.training.runs import Runs

ALIVE = -2
"""Stands for the step of a death that did not happen (-1: not computed)."""

_LAYER = "first dead hidden layer as computed, counted from 1; 0 if none is dead, "


def variables(name: str, dims: tuple[str, ...], checkpoint: str) -> dict[str, Variable]:
    """The variables of one experiment.

    Parameters
    ----------
    name
        Prefix of their names.
    dims
        Dimensions of the experiment, the runs last.
    checkpoint
        Dimension of the checkpoints.
    """
    through = (*dims, checkpoint)
    declared = {
        "born": Variable(dims, int, _LAYER + "at the start"),
        "dead": Variable(dims, int, _LAYER + "at the end"),
        "died": Variable(
            dims,
            int,
            f"steps at the checkpoint from which on it is dead; {ALIVE} if alive at the end",
            "steps",
        ),
        "revivals": Variable(dims, int, "times it was dead at a checkpoint and alive at the next"),
        "broken": Variable(
            dims,
            int,
            "checkpoints at which a network that was born dead is not constant, or its parameters "
            "up to the dead layer have changed a bit",
        ),
        "permanent": Variable(dims, int, "inactive neurons that cannot come back, at the end"),
        "tentative": Variable(dims, int, "other inactive neurons, at the end"),
        "still": Variable(dims, int, "1 if the next step after the end changes no parameter"),
        "taken": Variable(dims, int, "steps before one was not finite, or all of them", "steps"),
        "level": Variable(dims, float, "mean output on the training points, at the end"),
        "spread": Variable(dims, float, "largest output minus smallest there, at the end"),
        "risk": Variable(through, float, "root mean square error on the training points, clipped"),
        "rmse": Variable(through, float, "root mean square error on the domain, clipped"),
        "absolute": Variable(through, float, "mean absolute error on the domain, clipped"),
        "label_mean": Variable(dims[:-1], float, "mean of the training labels"),
        "label_median": Variable(dims[:-1], float, "median of the training labels"),
    }
    return {f"{name}_{variable}": declaration for variable, declaration in declared.items()}


def values(name: str, experiments: Sequence[Runs], shape: tuple[int, ...]) -> Values:
    """The values of :func:`variables` from runs of several experiments.

    Parameters
    ----------
    name
        Prefix of the variables' names.
    experiments
        In the order of the dimensions before the runs, the last varying fastest.
    shape
        Sizes of these dimensions.
    """
    measured = [_values(runs) for runs in experiments]
    return {
        f"{name}_{variable}": np.stack([one[variable] for one in measured]).reshape(
            (*shape, *np.shape(measured[0][variable]))
        )
        for variable in measured[0]
    }


_reports = jax.jit(jax.vmap(death.report))


def _values(runs: Runs) -> Values:
    dead = runs.layer >= 0
    born = dead[:, :1]
    never = jnp.zeros(dead.shape, bool)
    report = _reports(death.Death(jnp.asarray(runs.layer), (), (), never))
    checkpoint, revivals = np.asarray(report.checkpoint), np.asarray(report.revivals)
    return {
        "born": runs.layer[:, 0] + 1,
        "dead": runs.layer[:, -1] + 1,
        "died": np.where(checkpoint < 0, ALIVE, np.asarray(runs.steps)[checkpoint]),
        "revivals": revivals,
        "broken": (born & ~(runs.kept & runs.constant)).sum(axis=1),
        "permanent": runs.permanent[:, -1],
        "tentative": runs.tentative[:, -1],
        "still": runs.still[:, -1].astype(np.int64),
        "taken": runs.taken,
        "level": runs.level[:, -1],
        "spread": runs.spread[:, -1],
        "risk": runs.risk,
        "rmse": runs.rmse,
        "absolute": runs.absolute,
        "label_mean": np.float64(runs.label_mean),
        "label_median": np.float64(runs.label_median),
    }
