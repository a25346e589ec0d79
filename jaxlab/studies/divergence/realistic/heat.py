"""The heat equation in 10 dimensions: ``u_t = Laplace u``, ``u(0, x) = |x|**2``, at time 1."""

import math
from fractions import Fraction

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from jaxlab.arithmetic.draws import normal_quantile, uniform64
from jaxlab.studies.divergence.config import Config
from jaxlab.studies.divergence.realistic import fresh
from jaxlab.studies.divergence.realistic.scenario import Problem, Scenario, part
from jaxlab.training.precision import Policy

DIMENSIONS = 10

WIDTHS = (DIMENSIONS, 50, 50, 50, 1)


def draw(key: Key[Array, ""], number: int) -> tuple[Float[Array, "n inputs"], Float[Array, " n"]]:
    """Points ``x`` uniform in ``[-1, 1]**10`` and labels ``|x + sqrt(2) W|**2``, W normal."""
    uniform = uniform64(key, (2, number, DIMENSIONS))
    x = 2 * uniform[0] - 1
    moved = x + math.sqrt(2.0) * normal_quantile(uniform[1])
    return x, jnp.sum(moved * moved, axis=1)


def solution(x: Float[np.ndarray, "n inputs"]) -> Float[np.ndarray, " n"]:
    """``u(1, x) = |x|**2 + 20``, the mean of the label at ``x``.

    Examples
    --------
    >>> solution(np.zeros((1, 10)))
    array([20.])
    """
    return (x * x).sum(axis=1) + 2 * DIMENSIONS


def law() -> fresh.Law:
    """Floor and best constant, from rational moments.

    Given ``x`` the label has variance ``8 |x|**2 + 8 d``; ``|x|**2`` has mean ``d / 3`` and
    variance ``4 d / 45``.

    Examples
    --------
    >>> [round(figure, 6) for figure in law()]
    [0.404474, 0.040373]
    """
    d = DIMENSIONS
    mean, variance = Fraction(d, 3), Fraction(4 * d, 45)
    noise = 8 * mean + 8 * d
    signal = variance + (mean + 2 * d) ** 2
    return fresh.Law(float(noise / (noise + signal)) ** 0.5, float(variance / signal) ** 0.5)


def _problem(config: Config, policy: Policy, key: Key[Array, ""]) -> Problem:
    return fresh.problem(
        policy,
        key,
        draw=draw,
        solution=solution,
        batch=config.heat_batch,
        sample=config.heat_sample,
        widths=WIDTHS,
    )


SCENARIO = Scenario("heat", WIDTHS, 5e-3, _problem, fresh.MEASURES)
PART = part(SCENARIO)
