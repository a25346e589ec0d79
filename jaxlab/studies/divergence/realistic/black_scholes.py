"""A European call on the largest of 10 assets that follow Black and Scholes.

``u(x) = exp(-r) E max(max_i X_i - K, 0)`` one year ahead, each ``X_i`` lognormal with start
``x_i``. The assets are assumed independent. Then the law of their maximum is a product, and every
figure is an integral of one or two variables: no Monte Carlo reference is needed.
"""

import functools

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key
from scipy import special

from jaxlab.arithmetic.draws import normal_quantile, uniform64
from jaxlab.studies.divergence.config import Config
from jaxlab.studies.divergence.realistic import fresh
from jaxlab.studies.divergence.realistic.scenario import Problem, Scenario, part
from jaxlab.training.precision import Policy

RATE, CARRY, STRIKE = 0.05, 0.1, 100.0
LOWEST, HIGHEST = 90.0, 110.0
VOLATILITIES = (0.1, 0.1444, 0.1889, 0.2333, 0.2778, 0.3222, 0.3667, 0.4111, 0.4556, 0.5)
_DRIFTS = tuple(RATE - CARRY - v * v / 2 for v in VOLATILITIES)
_FARTHEST = 9.0  # standard deviations; the second moment beyond is below 1e-15 of it
_NODES = 256
_STARTS = 16

WIDTHS = (len(VOLATILITIES), 200, 300, 200, 1)


def draw(key: Key[Array, ""], number: int) -> tuple[Float[Array, "n inputs"], Float[Array, " n"]]:
    """Standardised prices and discounted payoffs.

    Prices are uniform in ``[90, 110]``. The authors' network begins with a batch normalisation;
    here the law of the inputs is known, and they come with mean 0 and variance 1.
    """
    uniform = uniform64(key, (2, number, len(VOLATILITIES)))
    z = np.sqrt(12.0) * (uniform[0] - 0.5)
    drift, volatility = (jnp.asarray(v)[None] for v in (_DRIFTS, VOLATILITIES))
    last = prices(z) * jnp.exp(drift + volatility * normal_quantile(uniform[1]))
    return z, np.exp(-RATE) * jnp.maximum(jnp.max(last, axis=1) - STRIKE, 0.0)


def prices(z):
    """Prices of standardised inputs.

    Examples
    --------
    >>> prices(np.array([-np.sqrt(3.0), 0.0]))
    array([ 90., 100.])
    """
    return (LOWEST + HIGHEST) / 2 + (HIGHEST - LOWEST) / np.sqrt(12.0) * z


def solution(z: Float[np.ndarray, "n inputs"]) -> Float[np.ndarray, " n"]:
    """``u`` at standardised inputs: the discounted integral of ``1 - prod_i F_i`` above the strike.

    Examples
    --------
    >>> solution(np.zeros((1, 10))).round(6)
    array([50.64816])
    """
    level, weight = _levels()
    below = sum(
        special.log_ndtr((np.log(level) - np.log(x)[:, None] - drift) / volatility)
        for x, drift, volatility in zip(prices(z).T, _DRIFTS, VOLATILITIES, strict=True)
    )
    return np.exp(-RATE) * (-np.expm1(below) @ weight)


@functools.cache
def law() -> fresh.Law:
    """Floor and best constant.

    ``E u``, ``E u**2`` and ``E label**2`` are integrals over the level ``m`` of the maximum (over
    two levels for ``E u**2``) of products over the assets, since the starts are independent too.

    Examples
    --------
    >>> [round(figure, 6) for figure in law()]
    [0.612155, 0.05913]
    """
    level, weight = _levels()
    nodes, masses = np.polynomial.legendre.leggauss(_STARTS)
    start = np.log((LOWEST + HIGHEST) / 2 + (HIGHEST - LOWEST) / 2 * nodes)
    once, twice = np.ones(level.size), np.ones((level.size, level.size))
    for drift, volatility in zip(_DRIFTS, VOLATILITIES, strict=True):
        below = special.ndtr((np.log(level)[:, None] - start - drift) / volatility)
        once = once * (below @ masses / 2)
        twice = twice * ((below * masses / 2) @ below.T)
    mean = weight @ (1 - once)
    signal = weight @ (1 - once[:, None] - once + twice) @ weight
    total = weight @ (2 * (level - STRIKE) * (1 - once))
    return fresh.Law(float(np.sqrt(1 - signal / total)), float(np.sqrt(1 - mean**2 / signal)))


def _levels() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of Gauss and Legendre for levels above the strike, in their logarithm."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    low = np.log(STRIKE)
    high = np.log(HIGHEST) + max(
        d + _FARTHEST * v for d, v in zip(_DRIFTS, VOLATILITIES, strict=True)
    )
    level = np.exp((low + high) / 2 + (high - low) / 2 * nodes)
    return level, (high - low) / 2 * weights * level


def _problem(config: Config, policy: Policy, key: Key[Array, ""]) -> Problem:
    return fresh.problem(
        policy,
        key,
        draw=draw,
        solution=solution,
        batch=config.pricing_batch,
        sample=config.pricing_sample,
        widths=WIDTHS,
    )


SCENARIO = Scenario("pricing", WIDTHS, 5e-3, _problem, fresh.MEASURES)
PART = part(SCENARIO)
