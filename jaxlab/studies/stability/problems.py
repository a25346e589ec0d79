"""The problems of study `stability`: one without any random number, and a phantom measured twice.

All are sparse exactly and measured without noise, in float64: what a reconstruction is wrong by is
its own error.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Inexact

from jaxlab.inverse import images, levels, operators, sampling, transforms, wavelets
from jaxlab.inverse.operators import Operator
from jaxlab.studies._parts import named_key

NAMES = ("tiny", "fourier", "walsh")
"""The problem of 64 coefficients; the phantom with Fourier and with Walsh measurements."""

THRESHOLD = 0.51
"""Coefficients of the phantom below this size are set to zero; many are 1/2, none is between."""

LAM = 0.01
"""``lam`` where it is not what an experiment varies."""

RATE = 0.35
"""Share of the phantom's transform that is measured."""

COARSEST = 4
"""Side of the coarsest approximation of the phantom."""

_TINY = {0: 4.0, 1: -2.0, 3: 1.5, 6: -1.0, 13: 0.75, 27: -0.5}
_TINY_SIZE = 64


class Problem(NamedTuple):
    """A sparse vector and how it is measured.

    Attributes
    ----------
    operator
        From Haar coefficients to measurements on the whole grid, zero off the mask; its norm is 1.
    mask
        Which places of the grid are measured.
    truth
        The coefficients, complex for Fourier measurements.
    weights
        Of the l1 norm, like the coefficients, float64.
    measurements
        ``operator.forward(truth)``.
    """

    operator: Operator
    mask: Bool[np.ndarray, "..."]
    truth: Inexact[np.ndarray, "..."]
    weights: Float[np.ndarray, "..."]
    measurements: Inexact[np.ndarray, "..."]


@functools.cache
def problem(name: str, side: int = 64, seed: int = 0) -> Problem:
    """One of the problems; 64-bit types must be enabled.

    Parameters
    ----------
    name
        One of :data:`NAMES`.
    side
        Pixels per side of the phantom, a power of two.
    seed
        Of the phantom's mask.

    Examples
    --------
    >>> with jax.enable_x64(True):
    ...     found = problem("tiny")
    ...     round(float(np.linalg.norm(found.measurements)), 9)
    4.825141401
    """
    if name == "tiny":
        frequency = np.arange(_TINY_SIZE) - _TINY_SIZE // 2
        mask = (abs(frequency) < 8) | (frequency % 3 == 0)
        truth = np.zeros(_TINY_SIZE)
        truth[list(_TINY)] = list(_TINY.values())
        return _measured(truth, _TINY_SIZE.bit_length() - 1, transforms.fourier(1), mask)
    transform = {"fourier": transforms.fourier, "walsh": transforms.walsh}[name](2)
    truth, split = sparse_phantom(side)
    mask = sampling.density_adapted(
        named_key(seed, f"mask-{name}"),
        truth.shape,
        RATE,
        levels.sparsities(truth, split),
        "fourier" if name == "fourier" else "walsh",
    )
    return _measured(truth, split, transform, mask)


def sparse_phantom(side: int) -> tuple[Float[np.ndarray, "side side"], int]:
    """The phantom's large Haar coefficients, and how often its approximation is split.

    Examples
    --------
    >>> with jax.enable_x64(True):
    ...     int((sparse_phantom(64)[0] != 0).sum())
    169
    """
    split = (side // COARSEST).bit_length() - 1
    analysis = jax.jit(wavelets.synthesis(1, split, 2).adjoint)
    coefficients = np.asarray(analysis(jnp.asarray(images.phantom(side))))
    return np.where(abs(coefficients) > THRESHOLD, coefficients, 0.0), split


def _measured(truth: np.ndarray, split: int, transform: Operator, mask: np.ndarray) -> Problem:
    """Haar coefficients seen through a part of a transform."""
    synthesis = wavelets.synthesis(1, split, truth.ndim)
    operator = operators.compose(operators.restricted(transform, mask), synthesis)
    coefficients = truth.astype(jax.eval_shape(operator.forward, truth).dtype)
    weights = levels.weights(levels.balanced(levels.sparsities(truth, split)), truth.shape)
    measurements = np.asarray(jax.jit(operator.forward)(coefficients))
    return Problem(operator, mask, coefficients, weights, measurements)
