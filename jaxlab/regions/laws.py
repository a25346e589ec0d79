"""What random networks have on average: theorems that bound an expectation, and laws.

A *bound* is proved under the conditions in its docstring. A *law* describes what large random
networks do; it is exact only where its docstring says so. ``neurons`` is the number of hidden
neurons ``N`` of all layers together.

Two constants occur in the bounds. ``density``: the conditional density of every hidden bias, given
all weights and the biases of the other neurons, is at most this (``1 / (s sqrt(2 pi))`` for
independent normal biases of deviation ``s``; zero biases have none). ``gradient``: the gradient of
every hidden pre-activation with respect to the input has at most this expected norm everywhere.
"""

import math


def hanin_rolnick(neurons: int, inputs: int, constant: float, volume: float = 1.0) -> float:
    """Bound: the mean number of activation regions in a cube is at most ``(T N)**d / d!`` a volume.

    For untied weights, independent biases with a density, ``N >= d``, and cubes larger than some
    ``delta_0``; depth does not enter. ``T`` depends on the bounds for the density of the biases and
    for the moments of the gradients; the theorem is of use for its growth, not for its constant.

    Parameters
    ----------
    neurons, inputs
        ``N`` and ``d``.
    constant
        ``T > 0``.
    volume
        Volume of the cube.

    Raises
    ------
    ValueError
        If ``neurons < inputs``.

    References
    ----------
    Hanin, Rolnick, Deep ReLU networks have surprisingly few activation patterns, NeurIPS 2019,
    arXiv 1906.00904.

    Examples
    --------
    >>> hanin_rolnick(100, 2, 1.0)
    5000.0
    """
    if neurons < inputs:
        raise ValueError(f"neurons: got {neurons}, expected at least inputs = {inputs}")
    return (constant * neurons) ** inputs / math.factorial(inputs) * volume


def random_regions(neurons: int, inputs: int) -> float:
    """Law: a random network has about ``N**d / d!`` regions in the box of its data.

    Not a theorem: :func:`hanin_rolnick` with ``T = 1`` for the whole box. The exact counts of the
    stored networks with He's weights, normal biases and widths of 16 and more on ``[-1, 1]**d`` are
    0.71 to 1.07 of it (``d`` = 2, 3, 4; tested). Narrow layers have fewer (0.39 for 2-4-4-4-4-1),
    and zero biases far fewer (184 in place of 4,608 for 2-32-32-32-1: all regions are cones).

    Examples
    --------
    >>> random_regions(192, 2)
    18432.0
    """
    return neurons**inputs / math.factorial(inputs)


def crossings(neurons: int, gradient: float, density: float, length: float = 1.0) -> float:
    """Bound: a segment meets on average at most ``N gradient density length`` boundaries.

    A neuron's boundary is where its pre-activation without bias equals minus its bias, and a level
    of density ``rho`` is met ``integral rho(z) |dz/dt| dt`` times on average (Banach's indicatrix).
    The mean number of regions is at most one more. :func:`jaxlab.regions.bounds.random_bias_sharp`
    is this for a largest slope in place of a mean.

    References
    ----------
    Hanin, Rolnick, Complexity of linear regions in deep networks, ICML 2019, arXiv 1901.09021.

    Examples
    --------
    >>> crossings(100, gradient=1.0, density=0.5)
    50.0
    """
    return neurons * gradient * density * length


def angular_crossings(neurons: int, angle: float) -> float:
    """Law: with zero biases a segment seen from the origin under ``angle`` meets ``N angle / pi``.

    For weights normal with mean zero, equal variance within a layer, and no biases. Exact on
    average for the first layer: a random hyperplane through the origin separates two points with
    probability ``angle / pi``. For later layers it is the limit of infinite width (Kac and Rice's
    formula: ReLU's correlation map has derivative 1 at 1, so that every layer has the density of
    the first); means of He networks of 2 and 5 layers of 10 to 100 neurons were measured within 2%
    of it. A whole line has angle ``pi``: ``N`` crossings.

    Examples
    --------
    >>> angular_crossings(128, math.pi / 2)
    64.0
    """
    return neurons * angle / math.pi


def boundary_distance(neurons: int, gradient: float, density: float) -> float:
    """Bound: the mean distance to the nearest boundary is at least ``1 / (4 N gradient density)``.

    At any fixed input. The nearest boundary is at ``min_j |z_j| / |grad z_j|``; given everything
    but its bias, neuron ``j`` has this ratio below ``r`` with probability at most
    ``2 r density |grad z_j|``. So ``P(distance < r) <= 2 r N gradient density``, and the mean is at
    least ``integral max(0, 1 - 2 r N gradient density) dr``. The law: random networks follow this
    ``1 / N`` up to a constant.

    References
    ----------
    The scaling is Hanin and Rolnick's, ICML 2019, arXiv 1901.09021; constant and proof are this
    docstring's.

    Examples
    --------
    >>> boundary_distance(100, gradient=1.0, density=0.5)
    0.005
    """
    return 1 / (4 * crossings(neurons, gradient, density))
