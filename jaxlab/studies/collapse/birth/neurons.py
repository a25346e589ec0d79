"""Part "neurons": neurons of the first hidden layer that are inactive on the whole domain.

Weight and bias alone decide: ``relu(w x + b)`` is off on the unit ball if ``b + |w| <= 0``, and on
a segment if it is off at both ends. The laws are in :mod:`jaxlab.studies.collapse.inactivity`.
"""

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Bool, Float

from jaxlab.studies._parts import Part, Variable, named_key
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell, Values
from jaxlab.studies.collapse.birth import blocks
from jaxlab.studies.collapse.config import Config

INTERVALS = {"[-1, 1]": (-1.0, 1.0), "[0, 1]": (0.0, 1.0)}
"""Where neurons with weights and biases U(-1, 1) are tested."""

_normal = jax.jit(lambda key: jax.random.normal(key, (blocks.SIZE,), jnp.float64))
_uniform = jax.jit(lambda key: jax.random.uniform(key, (blocks.SIZE,), jnp.float64, -1.0, 1.0))


def template(config: Config) -> xr.Dataset:
    """Counts per dimension of the ball, per interval, and per width of a layer."""
    ball, interval, layer = ("ball_inputs",), ("interval",), ("born_width",)
    return empty(
        {
            "ball_inputs": config.ball_inputs,
            "interval": list(INTERVALS),
            "born_width": config.born_widths,
        },
        {
            "ball_inactive": Variable(ball, int, "normal neurons inactive on the unit ball"),
            "ball_tested": Variable(ball, int, "normal neurons tested on the unit ball"),
            "interval_inactive": Variable(interval, int, "uniform neurons inactive"),
            "interval_tested": Variable(interval, int, "uniform neurons tested"),
            "layers_inactive": Variable(
                layer, int, "normal layers with a neuron that is inactive on [0, 1]"
            ),
            "layers_tested": Variable(layer, int, "normal layers tested on [0, 1]"),
        },
    )


def cells(config: Config) -> list[Cell]:
    """One cell per ball, interval and width of a layer."""
    return [
        *(Cell(f"ball-{d}", {"ball_inputs": i}) for i, d in enumerate(config.ball_inputs)),
        *(Cell(f"interval-{i}", {"interval": i}) for i in range(len(INTERVALS))),
        *(Cell(f"layers-{width}", {"born_width": i}) for i, width in enumerate(config.born_widths)),
    ]


def compute(config: Config, cell: Cell) -> Values:
    """Draw neurons, as many in every cell, and count the inactive ones or their layers."""
    key, tested = named_key(config.seed, f"neurons, {cell.name}"), config.ball_neurons
    kind = cell.name.split("-")[0]
    if kind == "ball":
        inputs = config.ball_inputs[cell.index["ball_inputs"]]
        drawn = blocks.blocks(_normal, key, tested, inputs + 1)
        off = [block[0] + np.linalg.norm(block[1:], axis=0) <= 0 for block in drawn]
    elif kind == "interval":
        start, stop = list(INTERVALS.values())[cell.index["interval"]]
        drawn = blocks.blocks(_uniform, key, tested, 2)
        off = [_off(weight, bias, start, stop) for weight, bias in drawn]
    else:
        width = config.born_widths[cell.index["born_width"]]
        tested = max(1, tested // width)
        drawn = blocks.blocks(_normal, key, tested, 2 * width)
        off = [_off(layer[:width], layer[width:], 0.0, 1.0).any(axis=0) for layer in drawn]
    inactive = sum(np.count_nonzero(block) for block in off)
    return {f"{kind}_inactive": np.int64(inactive), f"{kind}_tested": np.int64(tested)}


def _off(
    weight: Float[np.ndarray, "*shape"],
    bias: Float[np.ndarray, "*shape"],
    start: float,
    stop: float,
) -> Bool[np.ndarray, "*shape"]:
    """Whether neurons are inactive between two numbers of -1, 0, 1: so no product rounds."""
    return (bias + start * weight <= 0) & (bias + stop * weight <= 0)


PART = Part("neurons", template, cells, compute)
