"""Gradient flows that are known in closed form: what an integrator and a format are tested on.

All of them are derived for jaxlab (``shared/reference/divergence.md``, A.4, and
``shared/reference/flow.md``, B.3) and computed in float64 NumPy.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import special


def exponential(start: float, times: Float[np.ndarray, " times"]) -> Float[np.ndarray, " times"]:
    """``theta(t)`` for ``L = exp(-theta)``: ``log(exp(theta_0) + t)``, to infinity.

    Examples
    --------
    >>> float(exponential(0.0, np.array([0.0]))[0])
    0.0
    """
    return np.log(np.exp(start) + times)


def logistic(start: float, times: Float[np.ndarray, " times"]) -> Float[np.ndarray, " times"]:
    """``theta(t)`` for ``L = log(1 + exp(-theta))``: ``theta + exp(theta) = t + const``.

    Solved by Wright's omega function, ``omega(z) + log(omega(z)) = z``.

    Examples
    --------
    >>> logistic(0.0, np.array([1.0])).round(10).tolist()
    [0.442854401]
    """
    return np.log(special.wrightomega(times + start + np.exp(start)))


class Asymptote(NamedTuple):
    """How the two-parameter softplus network runs to infinity.

    Attributes
    ----------
    weight
        ``a(t) / t**(1/4)`` in the limit.
    loss
        ``L(t) sqrt(t)`` in the limit.
    """

    weight: float
    loss: float


def pair_asymptote() -> Asymptote:
    """For ``N = a (softplus(b x) + softplus(-b x) - 2 log 2)`` and ``x**2``, uniform on [-1, 1].

    In the valley ``a b**2 = 4`` the risk is ``1/(3969 a**2)``; ``b`` tends to 0 and ``a`` to
    infinity.

    Examples
    --------
    >>> round(pair_asymptote().weight, 10), round(pair_asymptote().loss, 13)
    (0.2118859803, 0.0056119585808)
    """
    return Asymptote((8 / 3969) ** 0.25, 1 / (63 * 8**0.5))


def dead(
    shift: float, slope: float, offset: float, times: Float[np.ndarray, " times"]
) -> tuple[Float[np.ndarray, " times"], Float[np.ndarray, " times"]]:
    """Output ``c(t)`` and risk of a network without active neurons, for ``slope x + offset``.

    On [0, 1] with density 1. The risk tends to ``slope**2 / 12``, a local minimum.

    Parameters
    ----------
    shift
        ``c(0)``.
    slope, offset
        Of the target.
    times
        Times.

    Examples
    --------
    >>> float(dead(0.5, 1.0, 0.0, np.array([3.0]))[1][0] * 12)
    1.0
    """
    best = slope / 2 + offset
    far = (shift - best) * np.exp(-2 * times)
    return best + far, slope**2 / 12 + far**2


def bias_free_pair(
    product: float, slope: float, times: Float[np.ndarray, " times"]
) -> tuple[Float[np.ndarray, " times"], Float[np.ndarray, " times"]]:
    """Product ``p = v w`` and risk of ``v (relu(w x) - relu(-w x))``, ``v = w``, for ``slope x``.

    Two neurons with weights of their own, ``(w, v)`` and ``(-w, -v)``, and uniform probability on
    [-1, 1]: ``p' = -2/3 p (p - slope)``.

    Parameters
    ----------
    product
        ``p(0)``, positive.
    slope
        Of the target, positive.
    times
        Times.

    Examples
    --------
    >>> round(float(bias_free_pair(0.2, 1.3, np.array([5.0]))[0][0]), 10)
    1.2124824041
    """
    products = slope / (1 + (slope / product - 1) * np.exp(-2 * slope * times / 3))
    return products, (products - slope) ** 2 / 3
