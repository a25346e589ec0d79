"""What is trained in study `pieces`: starts, realisations and targets."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PyTree

from jaxlab import training
from jaxlab.arithmetic import round_to
from jaxlab.arithmetic.draws import normal64
from jaxlab.networks import Parameters, constructions, initialisers
from jaxlab.studies.pieces.config import Config

GRID = "bfloat16"
"""Starts are rounded to this format first, so that every format starts from identical reals."""


class Model(NamedTuple):
    """A trainable network.

    Attributes
    ----------
    start
        ``(key, config) -> trainable`` in float64, on the common grid.
    network
        ``trainable -> Parameters``, in the dtype of the trainable.
    width
        ``config -> neurons`` in every hidden layer.
    complement
        Whether the network stands for ``x - f(x)`` instead of ``f(x)``.
    """

    start: Callable[[Key[Array, ""], Config], Any]
    network: Callable[[Any], Parameters]
    width: Callable[[Config], int]
    complement: bool = False


def _he_start(key: Key[Array, ""], config: Config) -> Parameters:
    shape = (1, *[config.training_width] * config.training_depth, 1)
    law = initialisers.he(initialisers.fan_in_bias())
    return initialisers.initialise(key, shape, law, grid=GRID)


def _jittered(
    build: Callable[[int], Parameters], key: Key[Array, ""], config: Config
) -> Parameters:
    """A construction with relative normal noise on every entry."""
    flat, unravel = jax.flatten_util.ravel_pytree(build(config.training_depth))
    return unravel(round_to(flat * (1 + config.training_jitter * normal64(key, flat.shape)), GRID))


def _peaks_start(key: Key[Array, ""], config: Config) -> Float[Array, " depth"]:
    return round_to(0.5 * normal64(key, (config.training_depth,)), GRID)


def _peaks_network(theta: Float[Array, " depth"]) -> Parameters:
    return constructions.milkert_hyde_laine(jax.nn.sigmoid(theta))


def _same(params: Parameters) -> Parameters:
    return params


MODELS = {
    "He": Model(_he_start, _same, lambda config: config.training_width),
    "sawtooth": Model(
        functools.partial(_jittered, constructions.sawtooth), _same, lambda config: 2
    ),
    "Yarotsky square": Model(
        functools.partial(_jittered, constructions.yarotsky_square), _same, lambda config: 3
    ),
    "Milkert-Hyde-Laine": Model(_peaks_start, _peaks_network, lambda config: 3, complement=True),
}

TARGETS = {
    "x^2": lambda x: x * x,
    "sawtooth": lambda x: 1 - abs(1 - (8 * x) % 2),
}
"""The square, and the sawtooth of 8 pieces (``h_3``)."""


@functools.lru_cache(maxsize=64)
def loss(name: str, policy: training.Policy) -> Callable[[Any, Any], Float[Array, ""]]:
    """Mean squared error of a model; the same arguments give the same function object."""
    error = training.mean_squared_error(policy)
    network = MODELS[name].network
    return lambda trainable, batch: error(network(trainable), batch)


@functools.lru_cache(maxsize=64)
def starts(name: str, config: Config) -> Callable[[Key[Array, " seeds"]], Any]:
    """``keys -> trainables`` with a leading axis: the compiled starts of a model."""
    return jax.jit(jax.vmap(lambda key: MODELS[name].start(key, config)))


def data(config: Config, model: Model) -> tuple[np.ndarray, np.ndarray]:
    """Abscissae ``(points, 1)`` and labels ``(targets, points, 1)`` on the common grid."""
    points = config.training_points
    x = np.arange(points + 1, dtype=np.float64)[:, None] / points  # exact in every format
    y = np.stack([target(x) for target in TARGETS.values()])
    return x, np.asarray(round_to(x - y if model.complement else y, GRID))


def repeated(tree: PyTree, times: int) -> PyTree:
    """Every leaf ``times`` over along its leading axis, which goes on varying fastest."""
    return jax.tree.map(lambda leaf: jnp.tile(leaf, (times, *[1] * (leaf.ndim - 1))), tree)
