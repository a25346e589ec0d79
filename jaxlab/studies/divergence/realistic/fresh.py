"""Regression on fresh samples: every step draws new points, and labels with the solution as mean.

The two partial differential equations are solved through Feynman and Kac: ``u(x) = E[label | x]``.
The loss is the root mean square of ``label - N(x)`` in units of that of the labels. By Pythagoras
its square, over fresh samples, is ``floor**2 + (1 - floor**2) r**2``, with ``r`` the error of the
network relative to ``u`` in L2, and ``floor**2`` the labels' share of noise.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, UInt32

from jaxlab.networks import mlp
from jaxlab.studies.divergence.realistic.scenario import Problem, activation, network
from jaxlab.training.precision import Policy, convert

MEASURES = {
    "loss": "loss on a fresh sample that all networks share, in float64",
    "loss_error": "its standard error",
    "test": "error relative to the solution in L2, on the points of this sample",
}
"""What the problems measure."""

Draw = Callable[[Key[Array, ""], int], tuple[Float[Array, "n inputs"], Float[Array, " n"]]]


class Law(NamedTuple):
    """Exact figures of the law of a label.

    Attributes
    ----------
    floor
        Least loss that any function has: root of the share of ``E[label**2]`` that is noise.
    constant
        Relative L2 error of the best constant.
    """

    floor: float
    constant: float


def problem(
    policy: Policy,
    key: Key[Array, ""],
    *,
    draw: Draw,
    solution: Callable[[np.ndarray], np.ndarray],
    batch: int,
    sample: int,
    widths: tuple[int, ...],
) -> Problem:
    """The problem of a scenario, with ``batch`` fresh examples per step and ``sample`` to judge.

    Training takes its data as an array and draws from it with replacement. Here the array holds
    all words of 16 bits, and the four that a step draws are the key of its batch: the samples of a
    step depend on the run's key and the step's number alone, and 64 bits make it
    unlikely that any comes twice.
    """
    x, label = _sampled(draw, sample)(key)
    exact = solution(np.asarray(x))
    return Problem(
        _loss(policy, widths, draw, batch),
        np.arange(2**16, dtype=np.uint32),
        4,
        lambda vectors: _measure(_evaluate(vectors, x, widths), label, exact),
    )


def batch_key(words: UInt32[Array, "4"]) -> Key[Array, ""]:
    """The key made of four words of 16 bits.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> key = batch_key(jnp.array([0, 0, 0, 7], jnp.uint32))
    >>> bool(key == jax.random.key(7, impl="threefry2x32"))
    True
    """
    return jax.random.wrap_key_data(words[::2] << 16 | words[1::2], impl="threefry2x32")


@functools.lru_cache(maxsize=64)
def _loss(policy: Policy, widths, draw: Draw, batch: int):
    """Relative root mean square on a fresh batch, its data rounded once from float64."""

    def loss(vector, words: UInt32[Array, "4"]) -> Float[Array, ""]:
        x, label = draw(batch_key(words), batch)
        scale = convert(jnp.sqrt(jnp.mean(label * label)), policy.compute)
        x, label = (convert(a, policy.compute) for a in (x, label))
        outputs = mlp.apply(network(vector, widths), x, activation, accumulate=policy.accumulate)
        residual = outputs[:, 0] - label
        mean = jnp.mean(residual * residual, dtype=policy.accumulate).astype(policy.compute)
        return jnp.sqrt(mean) / scale

    return loss


@functools.lru_cache(maxsize=8)
def _sampled(draw: Draw, number: int):
    """The compiled draw of a sample."""
    return jax.jit(lambda key: draw(key, number))


def _measure(values, label, exact) -> dict[str, np.ndarray]:
    """The :data:`MEASURES` of outputs with leading axes (start, checkpoint)."""
    values, label = np.asarray(values), np.asarray(label)
    noisy, size = (values - label) ** 2, label**2
    loss = np.sqrt(noisy.mean(axis=-1) / size.mean())
    # First-order error of the ratio of two means over the same sample.
    relative = noisy / noisy.mean(axis=-1, keepdims=True) - size / size.mean()
    error = np.sqrt(((values - exact) ** 2).mean(axis=-1) / (exact**2).mean())
    return {
        "loss": loss,
        "loss_error": loss / 2 * relative.std(axis=-1) / np.sqrt(label.size),
        "test": error,
    }


@functools.partial(jax.jit, static_argnums=2)
def _evaluate(vectors, x, widths):
    """Outputs ``(starts, checkpoints, points)``, one network at a time."""

    def one(vector):
        return mlp.apply(network(vector, widths), x, activation)[:, 0]

    return jax.lax.map(lambda start: jax.lax.map(one, start), vectors)
