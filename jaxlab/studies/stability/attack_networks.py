"""The reconstructions that part "attack" compares, and how the learned ones are trained.

``zero-filled`` is the adjoint alone: linear, of norm one, so that its worst case is known.
"""

import functools
import threading
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Complex, Float, PyTree

from jaxlab.inverse import lista, operators, unet
from jaxlab.inverse.firenets import firenet
from jaxlab.studies._parts import named_key
from jaxlab.studies.stability import attack_scene
from jaxlab.studies.stability.attack_scene import Scene
from jaxlab.studies.stability.config import Config
from jaxlab.training import Policy, from_optax, train

NOISY = "U-Net + noise"
KINDS = ("zero-filled", "FIRENET", "LISTA", "U-Net", NOISY)
LEARNED = KINDS[2:]
UNET_LEVELS = 2
RATES = {"LISTA": 3e-2, "U-Net": 3e-3}
"""Of Adam at the start; they fall to zero like a cosine.

They, the layers and the steps were chosen in some seven runs by the error on ellipses, but on
others than those that a run is judged on. LISTA's stability depends on them: with 1e-2 it was
stable.
"""

_TRAINING = {kind: threading.Lock() for kind in LEARNED}


def design(kind: str) -> str:
    """Networks of one design differ in their parameters only.

    Examples
    --------
    >>> design("U-Net + noise")
    'U-Net'
    """
    return kind.split(" + ")[0]


def reconstruct(
    config: Config, kind: str, scene: Scene, params: PyTree, y: Complex[Array, "rows columns"]
) -> Float[Array, "rows columns"]:
    """The image that a network makes of the measurements, in the precision of ``y``."""
    measured = attack_scene.measurement(scene)
    if kind == "zero-filled":
        return measured.adjoint(y)
    if kind == "U-Net":
        return unet.apply(params, measured.adjoint(y))
    haar = attack_scene.haar()
    operator = operators.compose(measured, haar)
    if kind == "LISTA":
        return haar.forward(lista.apply_banded(params, operator, scene.bands, y))
    found = firenet(
        operator,
        y,
        lam=config.attack_lam,
        weights=scene.weights,
        restarts=config.attack_restarts,
        iterations=config.attack_iterations,
    )
    return haar.forward(found.solution)


def trained(config: Config, kind: str) -> PyTree:
    """Parameters, float32; None for what is not learned.

    They depend on the arguments alone. Each network is trained once and kept; who asks meanwhile
    waits.
    """
    if kind not in LEARNED:
        return None
    with _TRAINING[kind]:
        return _trained(config, kind)


@functools.lru_cache(maxsize=8)
def _trained(config: Config, kind: str) -> PyTree:
    clean = attack_scene.ellipses(config, "training", config.attack_examples)
    level = config.attack_noise if kind == NOISY else 0.0
    seen = attack_scene.noisy(config, clean, level)
    params = start(config, design(kind))
    return _train(config, design(kind), attack_scene.scene(config), params, (clean, seen))


def start(config: Config, kind: str) -> PyTree:
    """Parameters before training."""
    if kind == "LISTA":
        return lista.init_banded(config.attack_layers, attack_scene.LEVELS + 1)
    key = named_key(config.seed, f"attack-{kind}")
    return unet.init(key, features=config.attack_features, levels=UNET_LEVELS)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _train(config: Config, kind: str, scene: Scene, params: PyTree, data: Any) -> PyTree:
    """Adam on the mean squared error; the same minibatches for every network."""
    forward = attack_scene.measurement(scene).forward

    def loss(params: PyTree, batch: tuple[Array, Array]) -> Array:
        clean, seen = batch

        def one(image: Array) -> Array:
            return reconstruct(config, kind, scene, params, forward(image))

        return jnp.mean(jnp.square(jax.vmap(one)(seen) - clean))

    steps = config.attack_steps
    history = train(
        loss,
        params,
        data,
        from_optax(optax.adam(optax.cosine_decay_schedule(RATES[kind], steps))),
        policy=Policy.native("float32"),
        checkpoints=(0, steps),
        metrics={},
        key=named_key(config.seed, "attack-batches"),
        batch_size=config.attack_batch,
    )
    return history.params


def widened(tree: PyTree) -> PyTree:
    """Parameters in float64."""
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), tree)
