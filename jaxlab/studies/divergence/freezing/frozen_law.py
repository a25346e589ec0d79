"""Where gradient descent in few bits must stop on the two-parameter network: dry friction.

A parameter rounded to nearest does not move while ``lr |dL/dp|`` is at most half a gap ``h(p)``, as
a body on a rough floor does not while the force is too small. In the valley the weight ``a`` grows
and the slope ``b`` has to fall; ``b`` sticks first and follows only while it is pushed with
``lr dL/db = h(b)``. The descent ends where ``a`` sticks too, ``-lr dL/da <= h(a)``. To leading
order, from ``L = 1/(3969 a**2)`` along the valley ``a b**2 = 4``,

    2 lr / (3969 a**3) = h(a) + h(b) b / (2 a),    so that    a ~ (2 lr / (3969 u))**(1/4)

with the unit roundoff ``u``, up to the factor by which ``h(a) = u 2**floor(log2(a))`` is not
``u a``. Nothing is fitted. (Derived for jaxlab.)
"""

import functools
from collections.abc import Callable
from typing import cast

import numpy as np
from scipy import optimize

from jaxlab.studies.divergence.problems import NODES

_POINTS = 80
"""Along the valley, among which the first one is bracketed where everything sticks."""


def gradient(a: float, b: float) -> tuple[float, float]:
    """Of ``E (2 a log cosh(b x / 2) - x**2)**2``, float64 NumPy.

    Examples
    --------
    >>> [round(entry, 6) for entry in gradient(1.0, 1.0)]
    [-0.073563, -0.143044]
    """
    x, mass = _rule()
    shape = 2 * np.log(np.cosh(b * x / 2))
    residual = mass * (a * shape - x * x)
    return float(residual @ shape), float(residual @ (a * np.tanh(b * x / 2) * x))


def half_gap(value: float, precision: int) -> float:
    """Half the distance from a number of so many bits to the next larger one.

    Examples
    --------
    >>> half_gap(1.5, 11) == half_gap(1.0, 11) == 2.0**-11
    True
    """
    return float(2.0 ** (np.floor(np.log2(value)) - precision))


def stopping_weight(precision: int, rate: float, arrival: float) -> tuple[float, float]:
    """Bounds of ``a`` where gradient descent with exact gradients and rounded parameters stops.

    ``b`` moves by whole gaps, each of which lowers ``lr dL/db`` by at most ``2 lr L_bb h(b)``. The
    first bound is for a ``b`` that is about to move, the second for one that just has.

    Parameters
    ----------
    precision
        Significand bits.
    rate
        Learning rate.
    arrival
        ``a`` where the descent comes into the valley. If it sticks there, both bounds are NaN.

    Examples
    --------
    >>> [round(bound, 4) for bound in stopping_weight(20, 0.1, 1.45)]
    [2.7689, 2.7896]
    >>> stopping_weight(11, 0.1, 1.45)
    (nan, nan)
    """
    return (
        _first_stop(precision, rate, arrival, about_to_move=True),
        _first_stop(precision, rate, arrival, about_to_move=False),
    )


def _first_stop(precision: int, rate: float, arrival: float, about_to_move: bool) -> float:
    def missing(a: float) -> float:
        """What pushes ``a`` beyond its friction."""
        floor = _valley(a)
        pull = half_gap(floor, precision) / rate
        if not about_to_move:
            pull *= 1 - 2 * rate * _curvature(a, floor)
        b = _root(lambda b: gradient(a, b)[1] - pull, floor, 4 * floor)
        return -rate * gradient(a, b)[0] - half_gap(a, precision)

    furthest = max(8.0, 2 * asymptotic_weight(2.0**-precision, rate))
    weights = np.geomspace(arrival, furthest, _POINTS)
    stuck = next((i for i, a in enumerate(weights) if missing(a) <= 0), 0)
    if stuck == 0:
        return np.nan
    return _root(missing, weights[stuck - 1], weights[stuck])


def asymptotic_weight(unit_roundoff: float | np.ndarray, rate: float) -> float | np.ndarray:
    """``(2 lr / (3969 u))**(1/4)``.

    Examples
    --------
    >>> round(asymptotic_weight(2.0**-24, 0.1), 2)
    5.39
    """
    return (2 * rate / (3969 * unit_roundoff)) ** 0.25


@functools.cache
def _rule() -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(NODES)


def _valley(a: float) -> float:
    """``b`` on the floor of the valley, near ``2 / sqrt(a)``."""
    guess = 2 / np.sqrt(a)
    return _root(lambda b: gradient(a, b)[1], 0.7 * guess, 1.5 * guess)


def _curvature(a: float, b: float, step: float = 1e-5) -> float:
    return (gradient(a, b + step)[1] - gradient(a, b - step)[1]) / (2 * step)


def _root(function: Callable[[float], float], start: float, stop: float) -> float:
    return cast(float, optimize.brentq(function, start, stop))
