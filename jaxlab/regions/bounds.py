"""How many pieces a network can have, and how many rounding noise leaves it, along a segment.

All functions work on plain numbers and NumPy arrays; nothing here is random or approximate.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike


def most_regions(hidden: Sequence[int]) -> int:
    """Most regions along a segment of a ReLU network: ``prod_l (n_l + 1)``.

    Every layer cuts each interval, on which it is affine, at most once per neuron.

    Parameters
    ----------
    hidden
        Widths of the hidden layers.

    References
    ----------
    Serra, Tjandraatmadja, Ramalingam, ICML 2018, arXiv 1711.02114 (attained for widths >= 3).

    Examples
    --------
    >>> most_regions([2, 2, 2])
    27
    """
    return math.prod(n + 1 for n in hidden)


def telgarsky(hidden: Sequence[int]) -> float:
    """Telgarsky's bound ``(2 m / L)**L`` on the pieces of a network of ``m`` nodes in ``L`` layers.

    References
    ----------
    Telgarsky, COLT 2016, arXiv 1602.04485, Lemma 3.2.

    Examples
    --------
    >>> telgarsky([2, 2, 2])
    64.0
    """
    return (2 * sum(hidden) / len(hidden)) ** len(hidden)


def random_bias(hidden: Sequence[int], slope: float, window: float) -> float:
    """Petersen and Zech's bound on the expected pieces of a network with random biases.

    ``1 + d_1 + (C / delta) (1 + (L - 1) ln(2 w)) sum_{j >= 2} d_j`` along a segment of length 1,
    for biases iid uniform in a window of length ``delta``, ``L`` hidden layers of widths ``d_j`` at
    most ``w``, and internal slopes at most ``C``.

    Parameters
    ----------
    hidden
        Widths of the hidden layers.
    slope
        ``C``, largest derivative of a hidden pre-activation along the segment.
    window
        ``delta`` in (0, 1].

    References
    ----------
    Petersen, Zech, arXiv 2407.18384, Theorem 6.9.

    Examples
    --------
    >>> round(random_bias([2] * 10, 1.0, 2.0**-10), 1)
    248404.6
    """
    depth, logarithm = len(hidden), math.log(2 * max(hidden))
    return 1 + hidden[0] + slope / window * (1 + (depth - 1) * logarithm) * sum(hidden[1:])


def random_bias_sharp(hidden: Sequence[int], slope: float, window: float) -> float:
    """The same bound without its logarithm: ``1 + d_1 + (C / delta) sum_{j >= 2} d_j``.

    By Banach's indicatrix theorem a pre-activation of total variation ``V`` crosses a level that is
    uniform in a window of length ``delta`` at most ``V / delta`` times in expectation. (Derived for
    jaxlab; not a quoted theorem.)

    Parameters
    ----------
    hidden, slope, window
        As in :func:`random_bias`.

    Examples
    --------
    >>> random_bias_sharp([2] * 10, 1.0, 2.0**-10)
    18435.0
    """
    return 1 + hidden[0] + slope / window * sum(hidden[1:])


def perturbed_step(
    updates: Sequence[ArrayLike], epsilon: float, slope: float, length: float = 1.0
) -> float:
    """Bound on the expected regions after a gradient step whose bias updates carry rounding noise.

    With ``b <- b - db (1 + epsilon U)``, ``U`` uniform in [-1, 1] and independent, neuron ``i`` of
    layer ``j`` adds at most ``min(C s / (2 epsilon |db_i|), prod_{k<j} (n_k + 1))`` regions in
    expectation along a segment of length ``s``; the second term holds for any bias. Summed over all
    neurons this is ``1 + (C s / 2 epsilon) (number of neurons) mean(1 / |db|)`` where every first
    term is the smaller: linear in depth, inversely proportional to the noise.

    Parameters
    ----------
    updates
        For each hidden layer the exact bias updates ``db``, shape ``(n_j,)``. A zero update gives
        no noise and is bounded by the second term alone.
    epsilon
        Relative size of the noise, for example a unit roundoff.
    slope
        ``C``: largest derivative of a hidden pre-activation with respect to arc length.
    length
        Length ``s`` of the segment.

    Returns
    -------
    Bound on the expected number of activation regions, hence of affine pieces.

    References
    ----------
    A sharpened reconstruction of Karner, Kazeev, Petersen, Adv. Comput. Math. 50 (2024) 14,
    Theorem 3.4, doi 10.1007/s10444-024-10106-x; not the published constants.

    Examples
    --------
    >>> perturbed_step([np.ones(2)] * 10, 2.0**-4, 1.0)
    137.0
    """
    total, most = 1.0, 1.0
    for layer in updates:
        size = np.abs(np.asarray(layer, np.float64))
        with np.errstate(divide="ignore"):
            crossings = slope * length / (2 * epsilon * size)
        total += float(np.minimum(crossings, most).sum())
        most *= size.size + 1
    return total


def one_hidden_layer(width: int, start: float, stop: float) -> float:
    """Expected pieces of a random network with one hidden layer: ``1 + N p``.

    For weights and biases iid from one symmetric continuous law whose kink ``-b / w`` is standard
    Cauchy (the normal law), ``p`` is the probability that the kink falls inside ``(start, stop)``:
    1/2 on [-1, 1], 1/4 on [0, 1].

    Examples
    --------
    >>> one_hidden_layer(10, -1.0, 1.0), one_hidden_layer(10, 0.0, 1.0)
    (6.0, 3.5)
    """
    return 1 + width * (math.atan(stop) - math.atan(start)) / math.pi
