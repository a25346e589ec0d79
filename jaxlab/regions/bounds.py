"""How many regions a network can have, and how many rounding noise leaves it: theorems.

*Upper bounds* hold for every network of the given widths, *lower bounds* for the best one: some
network of these widths has at least so many. Both speak of all of the input space; a box or a
segment has at most as many regions. ``hidden`` are the widths of the hidden layers, ``inputs`` is
the dimension of the input. Upper bounds are for activation regions, hence hold for affine pieces;
lower bounds are for affine pieces, hence hold for activation regions.

All functions work on plain numbers and NumPy arrays; bounds that are integers are exact. What
random networks have on average is in :mod:`jaxlab.regions.laws`.
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


def zaslavsky(neurons: int, inputs: int, *, central: bool = False) -> int:
    """Regions of one layer in general position: ``sum_{j <= d} C(n, j)``.

    The most that ``n`` hyperplanes can cut ``d`` dimensions into, attained by all but a null set of
    them. It is an upper bound for any one hidden layer.

    Parameters
    ----------
    neurons, inputs
        ``n`` and ``d``.
    central
        True for zero biases, when all hyperplanes go through the origin:
        ``2 sum_{j < d} C(n - 1, j)``.

    References
    ----------
    Zaslavsky, Facing up to arrangements, Mem. Amer. Math. Soc. 154, 1975; the formulas are
    Schläfli's.

    Examples
    --------
    Three lines in the plane, and three through one point:

    >>> zaslavsky(3, 2), zaslavsky(3, 2, central=True)
    (7, 6)
    """
    _check([neurons], inputs)
    if not central:
        return sum(math.comb(neurons, j) for j in range(inputs + 1))
    return 2 * sum(math.comb(neurons - 1, j) for j in range(inputs))


def montufar_upper(hidden: Sequence[int], inputs: int) -> int:
    """Upper bound ``prod_l sum_{j <= d_l} C(n_l, j)`` with ``d_l = min(d, n_1, ..., n_l)``.

    Every layer is an arrangement on a space whose dimension no earlier layer exceeds. For equal
    widths ``n`` it is ``O(n**(d L))``, the asymptotic form of Raghu et al.

    References
    ----------
    Montúfar, Notes on the number of linear regions of deep neural networks, SampTA 2017. Raghu,
    Poole, Kleinberg, Ganguli, Sohl-Dickstein, ICML 2017, arXiv 1606.05336.

    Examples
    --------
    >>> montufar_upper([1, 3], 2)
    8
    """
    _check(hidden, inputs)
    total = 1
    for width in hidden:
        inputs = min(inputs, width)
        total *= zaslavsky(width, inputs)
    return total


def serra_upper(hidden: Sequence[int], inputs: int) -> int:
    """Upper bound ``sum_{j in J} prod_l C(n_l, j_l)``, never above :func:`montufar_upper`.

    ``J`` holds the ``(j_1, ..., j_L)`` with ``0 <= j_l <= min(d, n_1 - j_1, ..., n_{l-1} - j_{l-1},
    n_l)``: a region in which ``j`` neurons of a layer are off has at most ``n - j`` dimensions
    after it. Attained by one layer (:func:`zaslavsky`), and along a line by layers of three or more
    (:func:`most_regions`). Computed layer by layer in ``O(L d**2)`` products.

    References
    ----------
    Serra, Tjandraatmadja, Ramalingam, ICML 2018, arXiv 1711.02114, Theorem 1.

    Examples
    --------
    One neuron, then three: they cut only where the first is active, and there in one dimension. So
    1 + 4, which is attained:

    >>> serra_upper([1, 3], 2)
    5
    """
    _check(hidden, inputs)
    below = [1] * (inputs + 1)  # regions that the layers after this one make of d dimensions
    for width in reversed(hidden):
        below = [
            sum(math.comb(width, j) * below[min(d, width - j)] for j in range(min(d, width) + 1))
            for d in range(inputs + 1)
        ]
    return below[inputs]


def montufar_lower(hidden: Sequence[int], inputs: int) -> int:
    """Lower bound ``prod_{l < L} floor(n_l / d)**d * sum_{j <= d} C(n_L, j)``, for ``n_l >= d``.

    Each layer but the last folds the input space onto itself, along every axis ``floor(n_l / d)``
    times.

    Raises
    ------
    ValueError
        If a layer is narrower than ``inputs``.

    References
    ----------
    Montúfar, Pascanu, Cho, Bengio, NeurIPS 2014, arXiv 1402.1869.

    Examples
    --------
    >>> montufar_lower([4, 4], 2)
    44
    """
    _check(hidden, inputs, narrowest=inputs)
    folds = math.prod((width // inputs) ** inputs for width in hidden[:-1])
    return folds * zaslavsky(hidden[-1], inputs)


def serra_lower(hidden: Sequence[int], inputs: int) -> int:
    """Lower bound ``prod_{l < L} (floor(n_l / d) + 1)**d * sum_{j <= d} C(n_L, j)``.

    For ``n_l >= 3 d``. Along a line (``d = 1``) it equals :func:`serra_upper`.

    Raises
    ------
    ValueError
        If a layer is narrower than ``3 * inputs``.

    References
    ----------
    Serra, Tjandraatmadja, Ramalingam, ICML 2018, arXiv 1711.02114.

    Examples
    --------
    >>> serra_lower([6, 6], 2), serra_upper([6, 6], 2)
    (352, 484)
    """
    _check(hidden, inputs, narrowest=3 * inputs)
    folds = math.prod((width // inputs + 1) ** inputs for width in hidden[:-1])
    return folds * zaslavsky(hidden[-1], inputs)


def zonotope(generators: int, width: int, depth: int, inputs: int) -> int:
    """Lower bound of Arora et al.'s construction: ``2 sum_{i < d} C(m - 1, i) * w**k``.

    A first layer of ``2 m`` neurons gives the gauge ``sum_i |b_i x|``, which is linear on the cones
    of ``m`` generic hyperplanes through the origin; ``k`` layers of ``w`` neurons put a sawtooth of
    ``w**k`` pieces on it, so the hidden widths are ``[2 m] + [w] * k``. (The number of cones is
    exact here; the paper states the product in a simpler form.)

    Parameters
    ----------
    generators, width, depth, inputs
        ``m >= 1``, ``w >= 2``, ``k >= 0`` and ``d``.

    References
    ----------
    Arora, Basu, Mianjy, Mukherjee, ICLR 2018, arXiv 1611.01491.

    Examples
    --------
    >>> zonotope(3, 2, 4, inputs=2), serra_upper([6, 2, 2, 2, 2], 2)
    (96, 1870)
    """
    if width < 2 or depth < 0:
        raise ValueError(f"width, depth: got {width}, {depth}, expected at least 2 and 0")
    return zaslavsky(generators, inputs, central=True) * width**depth


def _check(hidden: Sequence[int], inputs: int, narrowest: int = 1) -> None:
    if inputs < 1:
        raise ValueError(f"inputs: got {inputs}, expected at least 1")
    if not hidden or min(hidden) < narrowest:
        raise ValueError(f"hidden: got widths {list(hidden)}, expected each at least {narrowest}")


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
