"""At which depth the features of bias-free networks underflow: a law without fitted constants."""

import math

import numpy as np
from scipy import special

from jaxlab.arithmetic import as_format


def shrinkage(width: int) -> float:
    """Mean binary logarithm of the factor by which one layer of He's law scales alive features.

    Features ``h`` become ``relu(W h)`` with ``W`` of variance ``2 / N``, so ``|relu(W h)|**2`` is
    ``|h|**2 (2 / N)`` times a chi-squared number of ``k`` degrees of freedom, ``k`` the number of
    active neurons. That is binomial, and positive as long as the layer is alive; the mean
    logarithm of the chi-squared number is ``digamma(k / 2) + log(2)``.

    References
    ----------
    Derived for jaxlab.

    Examples
    --------
    >>> round(shrinkage(2), 3), round(shrinkage(1000), 3)
    (-0.583, -0.002)
    """
    k = np.arange(1, width + 1)
    active = special.binom(width, k) / (2.0**width - 1)
    mean = float(active @ (special.digamma(k / 2) + math.log(2))) + math.log(2 / width)
    return mean / 2 / math.log(2)


def onset(fmt: str, width: int, gain: float) -> float:
    """Depth at which the typical features of a bias-free network on [-1, 1] round to zero.

    The input 1 becomes features of size ``sqrt(N) (gain 2**shrinkage)**H`` (the root, because the
    first layer has one input), and half the smallest positive number of the format rounds to zero.
    Infinite where features do not shrink.

    References
    ----------
    Derived for jaxlab, to leading order: the logarithm of the size is a random walk, taken at its
    mean.

    Examples
    --------
    >>> round(onset("float16", 2, 0.25), 1), round(onset("bfloat16", 2, 0.25), 1)
    (9.9, 52.1)
    """
    step = math.log2(gain) + shrinkage(width)
    bits = math.log2(as_format(fmt).smallest_positive) - 1 - math.log2(width) / 2
    return bits / step if step < 0 else math.inf


def measured(killed: np.ndarray, alive: np.ndarray, least: int = 100) -> float:
    """Depth at which half of the networks that the control leaves alive are dead, interpolated.

    Parameters
    ----------
    killed, alive
        Counts at the depths 1, 2, ...: alive in the control, and those of them that are dead.
    least
        Depths with fewer alive networks are left out.

    Returns
    -------
    NaN if there is no such depth.

    Examples
    --------
    >>> measured(np.array([0, 200, 600]), np.array([1000, 800, 800]))
    2.5
    """
    enough = alive >= least
    share = np.concatenate([[0.0], killed[enough] / alive[enough]])
    beyond = np.flatnonzero(share >= 0.5)
    if not beyond.size:
        return math.nan
    at = int(beyond[0])
    return float(at - (share[at] - 0.5) / (share[at] - share[at - 1]))
