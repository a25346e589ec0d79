"""Estimates with intervals: means, proportions, exponents and power laws."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

LEVEL = 0.99
"""Confidence level of every interval in the claims unless stated otherwise."""


class Estimate(NamedTuple):
    """A number, its confidence interval and the level."""

    value: float
    low: float
    high: float
    level: float

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"


def mean(samples: ArrayLike, level: float = LEVEL) -> Estimate:
    """Mean of independent samples with Student's t interval.

    Parameters
    ----------
    samples
        Any shape; all entries are used. Fewer than two samples give an infinite interval.
    level
        Confidence level.

    Examples
    --------
    >>> print(mean([1.0, 2.0, 3.0]))
    2 [-3.73, 7.73]
    """
    values = np.asarray(samples, np.float64).ravel()
    centre = float(values.mean()) if values.size else np.nan
    if values.size < 2:
        return Estimate(centre, -np.inf, np.inf, level)
    error = float(values.std(ddof=1)) / np.sqrt(values.size)
    half = _t_quantile(level, values.size - 1) * error
    return Estimate(centre, centre - half, centre + half, level)


def _t_quantile(level: float, freedom: int) -> float:
    """Half width, in standard errors, of a two-sided Student interval."""
    return float(special.stdtrit(freedom, (1 + level) / 2))


def geometric_mean(samples: ArrayLike, level: float = LEVEL) -> Estimate:
    """Geometric mean of independent samples, with Student's t interval on their logarithms.

    Examples
    --------
    >>> geometric_mean([2.0, 8.0]).value
    4.0
    """
    estimate = mean(np.log(np.asarray(samples, np.float64)), level)
    value, low, high = (float(np.exp(v)) for v in estimate[:3])
    return Estimate(value, low, high, level)


def proportion(successes: int, trials: int, level: float = LEVEL) -> Estimate:
    """Probability of success with its exact (Clopper-Pearson) interval, never too short.

    Parameters
    ----------
    successes, trials
        Counts; no trials at all give [0, 1] around NaN.
    level
        Least confidence level, whatever the probability.

    Raises
    ------
    ValueError
        Unless ``0 <= successes <= trials``.

    References
    ----------
    Clopper, Pearson, Biometrika 26 (1934) 404, doi 10.1093/biomet/26.4.404.

    Examples
    --------
    >>> print(proportion(50, 100))
    0.5 [0.3689, 0.6311]
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"successes: got {successes} of {trials} trials")
    tail = (1 - level) / 2
    failures = trials - successes
    low = float(special.betaincinv(successes, failures + 1, tail)) if successes else 0.0
    high = float(special.betaincinv(successes + 1, failures, 1 - tail)) if failures else 1.0
    return Estimate(successes / trials if trials else np.nan, low, high, level)


def simultaneous(number: int, level: float = LEVEL) -> float:
    """Level of each of several intervals that hold all at once with ``level`` (Bonferroni).

    Examples
    --------
    >>> simultaneous(2, 0.9)
    0.95
    """
    return 1 - (1 - level) / number


def exponent(
    x: tuple[float, float], samples: tuple[ArrayLike, ArrayLike], level: float = LEVEL
) -> Estimate:
    """Exponent of ``E[y] ~ x**exponent`` between two places, from independent samples at each.

    The interval is the sampling error of the two means, carried to their log ratio to first order
    (delta method); it says nothing about curvature in between. NaN if a place has less than two
    samples.

    Examples
    --------
    >>> round(exponent((1.0, 4.0), ([1.0, 3.0, 2.0], [8.0, 9.0, 7.0])).value, 6)
    1.0
    """
    values = [np.asarray(sample, np.float64).ravel() for sample in samples]
    if min(value.size for value in values) < 2:
        return Estimate(np.nan, -np.inf, np.inf, level)
    means = [float(value.mean()) for value in values]
    relative = [
        float(value.var(ddof=1)) / value.size / centre**2
        for value, centre in zip(values, means, strict=True)
    ]
    span = np.log(x[1] / x[0])
    slope = float(np.log(means[1] / means[0]) / span)
    quantile = _t_quantile(level, min(value.size for value in values) - 1)
    half = quantile * float(np.sqrt(sum(relative))) / abs(float(span))
    return Estimate(slope, slope - half, slope + half, level)


class PowerLaw(NamedTuple):
    """Least-squares fit of ``y = c x**exponent`` in logarithms.

    Attributes
    ----------
    exponent
        With its interval (Student's t, independent errors of equal variance in ``log y``).
    residual
        Root mean square residual in ``log y``: relative scatter about the law.
    points
        Number of points.
    """

    exponent: Estimate
    residual: float
    points: int


def power_law(x: ArrayLike, y: ArrayLike, level: float = LEVEL) -> PowerLaw:
    """Fit a power law to positive data.

    Raises
    ------
    ValueError
        If fewer than two points are given.

    Examples
    --------
    >>> power_law([1, 2, 4, 8], [3, 6, 12, 24]).exponent.value
    1.0
    """
    log_x, log_y = (np.log(np.asarray(v, np.float64).ravel()) for v in (x, y))
    if log_x.size < 2:
        raise ValueError(f"x: got {log_x.size} points, expected at least 2")
    (slope, intercept), half = np.polyfit(log_x, log_y, 1), np.inf
    if log_x.size > 2:
        covariance = np.polyfit(log_x, log_y, 1, cov=True)[1]
        half = _t_quantile(level, log_x.size - 2) * float(np.sqrt(covariance[0, 0]))
    exponent = Estimate(float(slope), float(slope - half), float(slope + half), level)
    residual = float(np.sqrt(np.mean((log_y - intercept - slope * log_x) ** 2)))
    return PowerLaw(exponent, residual, log_x.size)
