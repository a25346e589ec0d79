"""Best constants of ``x sin(5 x)`` on ``[-r, r]``: level sets between its turning points."""

import itertools
import math
from collections.abc import Callable
from typing import NamedTuple, cast

from scipy import optimize


class Best(NamedTuple):
    """Mean, standard deviation, median, and the mean absolute errors of median and mean."""

    mean: float
    rmse: float
    median: float
    absolute: float
    absolute_at_mean: float


def best_constants(radius: float) -> Best:
    """Mean and deviation in closed form, the rest by root finding (the function is even)."""
    turns = _turning_points(radius)

    def below(c: float) -> tuple[float, float]:
        """Fraction of [0, r] where the function is below ``c``, and its integral there."""
        fraction = integral = 0.0
        for start, stop in itertools.pairwise(turns):
            values = _wave(start) - c, _wave(stop) - c
            if values[0] * values[1] < 0:
                crossing = _root(lambda x: _wave(x) - c, start, stop)
                start, stop = (start, crossing) if values[0] < 0 else (crossing, stop)
            elif max(values) > 0:
                continue
            fraction += (stop - start) / radius
            integral += (_integral(stop) - _integral(start)) / radius
        return fraction, integral

    def error(c: float) -> float:
        """Mean of ``|f - c|``."""
        fraction, integral = below(c)
        return mean - c + 2 * (c * fraction - integral)

    mean = _integral(radius) / radius
    sine, cosine = math.sin(10 * radius), math.cos(10 * radius)
    square = radius**2 / 6 - (radius * sine / 20 + cosine / 100 - sine / (1000 * radius))
    values = [_wave(x) for x in turns]
    median = _root(lambda c: below(c)[0] - 0.5, min(values), max(values))
    return Best(mean, math.sqrt(square - mean**2), median, error(median), error(mean))


def _wave(x: float) -> float:
    return x * math.sin(5 * x)


def _integral(x: float) -> float:
    """Integral of the function from 0 to ``x``."""
    return math.sin(5 * x) / 25 - x * math.cos(5 * x) / 5


def _turning_points(radius: float) -> list[float]:
    """0, the zeros of the derivative in (0, r), and ``r``."""
    turns = [0.0]
    for k in range(math.ceil(5 * radius / math.pi)):
        start, stop = (k + 0.5) * math.pi / 5, (k + 1) * math.pi / 5
        turns.append(_root(lambda x: math.sin(5 * x) + 5 * x * math.cos(5 * x), start, stop))
    return [x for x in turns if x < radius] + [radius]


def _root(function: Callable[[float], float], start: float, stop: float) -> float:
    return cast(float, optimize.brentq(function, start, stop, xtol=1e-15))
