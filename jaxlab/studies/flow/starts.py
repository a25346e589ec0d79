"""Starts of gradient flows for the target ``x`` on [0, 1]: N(0, 1), and just below the threshold.

N(0, 1) starts seldom have a risk below the smallest critical one (for eight neurons practically
never). Two families are made for it, with risks between half of it and all of it: networks beside
the lowest saddle, on its downhill side, and networks that are the target plus a scaled error.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from jaxlab.flows import zigzag
from jaxlab.flows.relu_risk import Shallow, affine, gradient, risk

PROBLEM = affine(1.0, 0.0)
"""The target ``x`` on [0, 1], density 1."""

_SIZES = (-3.0, -1.0)  # powers of ten between which perturbations of the saddle are drawn
_DRAWS = 2048  # perturbed saddles drawn at once
_ROUNDS = 64

_risks = jax.jit(jax.vmap(risk, (0, None)), static_argnums=1)
_gradient = jax.jit(gradient, static_argnums=1)


class Starts(NamedTuple):
    """Networks with a leading axis, in float64, and how many were drawn to find them."""

    params: Shallow
    drawn: int


def normal(seed: int, neurons: int, count: int) -> Starts:
    """Weights, biases, outer weights and shift from N(0, 1), by NumPy, one seed per start.

    Parameters
    ----------
    seed
        Of the first start; the others have the numbers after it. ``default_rng(seed)`` draws in
        the order ``w, b, v, c``, as in the reference.
    neurons, count
        Per network; networks.

    Examples
    --------
    >>> with jax.enable_x64(True):
    ...     normal(3, 2, 5).params.weight.shape
    (5, 2)
    """
    generators = [np.random.default_rng(seed + number) for number in range(count)]
    drawn = [(*(rng.normal(size=neurons) for _ in range(3)), rng.normal()) for rng in generators]
    return Starts(Shallow(*map(_stacked, zip(*drawn, strict=True))), count)


def beside_saddle(seed: int, neurons: int, count: int) -> Starts:
    """The lowest saddle, moved in directions of non-positive curvature by 0.001 to 0.1.

    A neuron that the saddle does not use gets N(0, 1) weight and bias and a small outer weight.
    Draws are kept if their risk is between half the threshold and all of it.

    Raises
    ------
    RuntimeError
        If too few of very many draws can be kept.

    Examples
    --------
    >>> with jax.enable_x64(True):
    ...     float(zigzag.threshold(2)) > float(_risks(beside_saddle(0, 2, 3).params, PROBLEM).max())
    True
    """
    used = 2 * (neurons // 2)
    flat, unravel = ravel_pytree(zigzag.saddle(used, PROBLEM, neurons))
    rng, threshold = np.random.default_rng([seed, neurons]), float(zigzag.threshold(neurons))
    downhill = _downhill(flat, unravel)
    kept, drawn, found = [], 0, 0
    for _ in range(_ROUNDS):
        size = 10 ** rng.uniform(*_SIZES, (_DRAWS, 1))
        step = size * rng.normal(size=(_DRAWS, downhill.shape[1]))
        moved = np.asarray(flat) + np.einsum("dk,pk->dp", step, downhill)
        for first in (used, neurons + used):  # unused weights, then unused biases
            moved[:, first : first + neurons - used] = rng.normal(size=(_DRAWS, neurons - used))
        risks = np.asarray(_risks(jax.vmap(unravel)(jnp.asarray(moved)), PROBLEM))
        below = np.flatnonzero((risks < threshold) & (risks > threshold / 2))[: count - found]
        kept.append(moved[below])
        found += below.size
        drawn += int(below[-1]) + 1 if found == count else _DRAWS
        if found == count:
            return Starts(jax.vmap(unravel)(_stacked(np.concatenate(kept))), drawn)
    raise RuntimeError(f"neurons: {neurons}, got {found} starts of {drawn} draws, wanted {count}")


def around_target(seed: int, neurons: int, count: int) -> Starts:
    """The target, by one neuron, plus a random error scaled to a risk below the threshold.

    The first neuron is active on the whole domain and represents ``x``; all outer weights and the
    shift then get N(0, 1) errors times the factor for which the risk is uniform between half the
    threshold and all of it. Every draw is kept.

    Examples
    --------
    >>> with jax.enable_x64(True):
    ...     float(zigzag.threshold(8)) > float(_risks(around_target(0, 8, 3).params, PROBLEM).max())
    True
    """
    rng = np.random.default_rng([seed, neurons])
    weight, bias, error = (rng.normal(size=(count, neurons)) for _ in range(3))
    shift, share = rng.normal(size=count), rng.uniform(0.5, 1.0, count)
    weight[:, 0], bias[:, 0] = np.exp(weight[:, 0] / 2), np.abs(bias[:, 0])
    wrong = Shallow(*map(jnp.asarray, (weight, bias, error, shift)))
    sizes = np.asarray(_risks(wrong, affine(0.0, 0.0)))
    factor = np.sqrt(share * float(zigzag.threshold(neurons)) / sizes)
    outer = factor[:, None] * error
    outer[:, 0] += 1 / weight[:, 0]
    exact = -bias[:, 0] / weight[:, 0]
    return Starts(
        wrong._replace(outer=jnp.asarray(outer), shift=exact + factor * wrong.shift), count
    )


def _stacked(rows) -> jax.Array:
    return jnp.asarray(np.stack(rows))


def _downhill(flat: jax.Array, unravel) -> np.ndarray:
    """Directions ``(parameters, directions)`` in which the risk does not curve upwards.

    From central differences of the exact gradient, which is smooth beside the saddle.
    """
    step = 1e-5
    columns = [
        (_slope(flat + shift, unravel) - _slope(flat - shift, unravel)) / (2 * step)
        for shift in step * np.eye(flat.size)
    ]
    curvature, directions = np.linalg.eigh((np.array(columns) + np.array(columns).T) / 2)
    return directions[:, curvature < 1e-8]


def _slope(flat: jax.Array, unravel) -> np.ndarray:
    return np.asarray(ravel_pytree(_gradient(unravel(flat), PROBLEM))[0])
