"""Handwritten digits, 8 by 8 pixels: the published experiment on MNIST, with data that a package
ships."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from jaxlab.networks import mlp
from jaxlab.studies.divergence.config import Config
from jaxlab.studies.divergence.realistic.scenario import (
    Problem,
    Scenario,
    activation,
    network,
    part,
)
from jaxlab.training.precision import Policy

CLASSES = 10
WIDTHS = (64, 64, 64, CLASSES)
_TRAINING = 1500  # of 1797 images; the others, by other writers, are for testing

MEASURES = {
    "loss": "mean cross-entropy of all training images, in float64",
    "test": "share of test images that are classified wrongly",
}


class Digits(NamedTuple):
    """Images as pixels in [0, 1], exact in every format, and their classes."""

    pixels: Float[np.ndarray, "images pixels"]
    classes: Int[np.ndarray, " images"]


def load() -> Digits:
    """scikit-learn's copy of the digits of the UCI repository, 1797 images.

    Raises
    ------
    ImportError
        If scikit-learn is not installed, naming the extra that brings it.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            "the digits data come with scikit-learn, which is not installed: "
            "pip install 'jaxlab[data]'"
        ) from error
    pixels, classes = load_digits(return_X_y=True)
    return Digits(np.asarray(pixels) / 16, np.asarray(classes, np.int32))


def _problem(config: Config, policy: Policy, key: Key[Array, ""]) -> Problem | None:
    try:
        pixels, classes = load()
    except ImportError:
        return None
    data = jnp.asarray(pixels), jnp.asarray(classes)
    train, test = (
        tuple(leaf[share] for leaf in data) for share in (slice(_TRAINING), slice(_TRAINING, None))
    )
    return Problem(
        _cross_entropy(policy),
        train,
        config.digits_batch,
        lambda vectors: _measure(vectors, train, test),
    )


@functools.lru_cache(maxsize=64)
def _cross_entropy(policy: Policy):
    """Mean cross-entropy, rounded as the policy says."""

    def loss(vector, batch) -> Float[Array, ""]:
        x, classes = batch
        scores = mlp.apply(network(vector, WIDTHS), x, activation, accumulate=policy.accumulate)
        likelihood = jnp.take_along_axis(jax.nn.log_softmax(scores), classes[:, None], axis=1)
        return -jnp.mean(likelihood, dtype=policy.accumulate).astype(policy.compute)

    return loss


@jax.jit
def _measure(vectors, train, test):
    """The :data:`MEASURES` of vectors with leading axes (start, checkpoint)."""
    entropy = _cross_entropy(Policy.native("float64"))

    def one(vector):
        scores = mlp.apply(network(vector, WIDTHS), test[0], activation)
        guess = jax.lax.argmax(scores, 1, jnp.int32)
        return {"loss": entropy(vector, train), "test": jnp.mean(guess != test[1])}

    return jax.lax.map(lambda start: jax.lax.map(one, start), vectors)


SCENARIO = Scenario("digits", WIDTHS, 1e-3, _problem, MEASURES)
PART = part(SCENARIO)
