"""Sparsity in levels of wavelet coefficients, and the constants of the theorems that rest on it.

Level 0 is the coarsest approximation, level ``k`` the ``k``-th coarsest details. An array of
coefficients is sparse in levels if at most ``s_k`` of them are not zero in level ``k``.

References
----------
Colbrook, Antun, Hansen, doi 10.1073/pnas.2107151119 (the robust null space property in levels, the
constants, Theorem 3). Adcock, Hansen, Poon, Roman, doi 10.1017/fms.2016.32 (sparsity in levels).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Inexact, Int, Shaped

from jaxlab.inverse.transforms import last_axes


class Levels(NamedTuple):
    """Local sparsities and the weights that are constant on every level.

    Attributes
    ----------
    sparsities
        ``s_0, ..., s_(r - 1)``, all positive.
    weights
        One for every level, positive.
    """

    sparsities: tuple[int, ...]
    weights: tuple[float, ...]

    @property
    def xi(self) -> float:
        """``sum_k w_k^2 s_k``."""
        return math.fsum(w * w * s for w, s in zip(self.weights, self.sparsities, strict=True))

    @property
    def zeta(self) -> float:
        """``min_k w_k^2 s_k``."""
        return min(w * w * s for w, s in zip(self.weights, self.sparsities, strict=True))

    @property
    def kappa(self) -> float:
        """``xi / zeta``: the number of levels at best, for the weights of :func:`balanced`."""
        return self.xi / self.zeta


class Constants(NamedTuple):
    """What the robust null space property in levels gives.

    Attributes
    ----------
    sparse
        ``C_1``, the factor of the distance from sparse vectors.
    noise
        ``C_2``, the factor of the noise.
    """

    sparse: float
    noise: float


def places(shape: tuple[int, ...], levels: int) -> Int[np.ndarray, "..."]:
    """The level of every coefficient, in the order of :func:`jaxlab.inverse.wavelets.synthesis`.

    Parameters
    ----------
    shape
        Of a signal or an image.
    levels
        How often the approximation was split: there are ``levels + 1`` levels.

    Raises
    ------
    ValueError
        If ``shape`` has not 1 or 2 axes, or ``2**levels`` does not divide them.

    Examples
    --------
    >>> places((8,), 2).tolist()
    [0, 0, 1, 1, 2, 2, 2, 2]
    """
    last_axes(len(shape))
    if levels < 0 or any(side % 2**levels or not side for side in shape):
        raise ValueError(
            f"levels: got {levels} for sides {shape}, expected 2**levels to divide the sides"
        )
    # frexp: an index in [2^(e - 1), 2^e) times the coarsest side has the exponent e.
    axes = [np.frexp(np.arange(side) // (side >> levels))[1] for side in shape]
    return np.maximum.reduce(np.meshgrid(*axes, indexing="ij"))


def sparsities(
    coefficients: Inexact[np.ndarray, "..."], levels: int, threshold: float = 0.0
) -> tuple[int, ...]:
    """How many coefficients of every level are above the threshold in modulus; coarsest first.

    Parameters
    ----------
    coefficients
        Of a signal or an image; not a batch.
    levels
        As in :func:`places`.
    threshold
        Not negative.

    Examples
    --------
    >>> sparsities(np.array([4.0, -2.0, 0.0, 0.1]), 1)
    (2, 1)
    """
    where = places(coefficients.shape, levels)
    return tuple(np.bincount(where[abs(coefficients) > threshold], minlength=levels + 1).tolist())


def balanced(sparsities: tuple[int, ...]) -> Levels:
    """The weights ``sqrt(s / s_k)`` with ``s = sum_k s_k``: every level counts the same.

    Then ``xi = r s``, ``zeta = s`` and ``kappa = r``, for ``r`` levels.

    Parameters
    ----------
    sparsities
        Not negative; an empty level is taken to have one entry.

    Raises
    ------
    ValueError
        If there are none, or one is negative.

    Examples
    --------
    >>> balanced((1, 3, 0)).weights
    (2.23606797749979, 1.2909944487358056, 2.23606797749979)
    """
    if min(sparsities, default=-1) < 0:
        raise ValueError(f"sparsities: got {sparsities}, expected numbers that are not negative")
    at_least_one = tuple(max(1, s) for s in sparsities)
    total = sum(at_least_one)
    return Levels(at_least_one, tuple(math.sqrt(total / s) for s in at_least_one))


def weights(levels: Levels, shape: tuple[int, ...]) -> Float[np.ndarray, "..."]:
    """The weight of every coefficient, an array of the image's shape.

    Examples
    --------
    >>> weights(Levels((1, 1), (1.0, 2.0)), (4,)).tolist()
    [1.0, 1.0, 2.0, 2.0]
    """
    return np.asarray(levels.weights)[places(shape, len(levels.weights) - 1)]


def support(
    coefficients: Inexact[np.ndarray, "*shape"], sparsities: tuple[int, ...]
) -> Bool[np.ndarray, "*shape"]:
    """Where the ``s_k`` largest coefficients of every level are; of equal ones the first.

    Examples
    --------
    >>> support(np.array([4.0, -2.0, 0.0, 0.1]), (1, 1)).tolist()
    [True, False, False, True]
    """
    where = places(coefficients.shape, len(sparsities) - 1)
    return first_of_each(-abs(coefficients), where, sparsities)


def first_of_each(
    rank: Shaped[np.ndarray, "*shape"],
    part: Int[np.ndarray, "*shape"],
    counts: Sequence[int] | Int[np.ndarray, " parts"],
) -> Bool[np.ndarray, "*shape"]:
    """The ``counts[k]`` places of lowest rank in every part ``k``; of equal ones the first.

    Examples
    --------
    >>> first_of_each(np.array([3, 2, 1]), np.array([0, 0, 1]), (1, 0)).tolist()
    [False, True, False]
    """
    order = np.lexsort((rank.ravel(), part.ravel()))
    sorted_part = part.ravel()[order]
    place = np.arange(part.size) - np.searchsorted(sorted_part, sorted_part)
    kept = np.zeros(part.size, bool)
    kept[order] = place < np.asarray(counts)[sorted_part]
    return kept.reshape(part.shape)


def distance(coefficients: Inexact[np.ndarray, "..."], levels: Levels) -> float:
    """``sigma_(s, M)(x)_w``: the weighted l1 distance from the nearest vector sparse in levels.

    Examples
    --------
    >>> distance(np.array([4.0, -2.0, 0.0, 0.5]), Levels((1, 1), (1.0, 3.0)))
    2.0
    """
    off = ~support(coefficients, levels.sparsities)
    return math.fsum((weights(levels, coefficients.shape) * abs(coefficients))[off])


def constants(levels: Levels, rho: float, gamma: float) -> Constants:
    """The constants of an operator with the robust null space property in levels.

    The property: ``||x_D|| <= rho ||x_(not D)||_(1, w) / sqrt(xi) + gamma ||A x||`` for every ``x``
    and every set ``D`` with at most ``s_k`` places in level ``k``. Then for every ``x, z``

    ``||z - x|| <= C_2 (F(z) - F(x)) + 2 C_1 sigma(x) / sqrt(xi) + 2 C_2 ||A x - y||``

    with ``F(z) = lam ||z||_(1, w) + ||A z - y||`` and ``lam`` as in :func:`regularisation`.

    Parameters
    ----------
    levels
        Sparsities and weights.
    rho, gamma
        Of the property, ``0 < rho < 1``, ``gamma > 0``.

    Returns
    -------
    The constants for ``(1 + rho) / 2`` and ``2 gamma``, with which all operators close to ``A``
    have the property too: the algorithm only sees an approximation of ``A``.

    Raises
    ------
    ValueError
        If ``rho`` or ``gamma`` is out of its range.

    Examples
    --------
    >>> constants(Levels((1,), (1.0,)), 0.5, 1.0)
    Constants(sparse=11.375, noise=29.0)
    """
    if not 0 < rho < 1 or not gamma > 0:
        raise ValueError(f"rho, gamma: got {rho}, {gamma}, expected 0 < rho < 1 and gamma > 0")
    root = levels.kappa**0.25
    return Constants(
        ((1 + rho) / 2 + (3 + rho) * root / 4) * (3 + rho) / (1 - rho),
        2 * ((3 + rho) / (1 - rho) + (7 + rho) / (1 - rho) * root / 2) * gamma,
    )


def regularisation(levels: Levels, found: Constants) -> float:
    """``lam = C_1 / (C_2 sqrt(xi))``.

    Examples
    --------
    >>> regularisation(Levels((4,), (1.0,)), Constants(3.0, 2.0))
    0.75
    """
    return found.sparse / (found.noise * math.sqrt(levels.xi))


def iterations(found: Constants, norm: float, nu: float) -> int:
    """``p = ceil(3 C_2 ||A|| / nu)`` inner iterations, with which every restart gains ``nu``.

    Examples
    --------
    >>> iterations(Constants(1.0, 2.0), norm=1.0, nu=0.5)
    12
    """
    return math.ceil(3 * found.noise * norm / nu)


def error_bound(
    levels: Levels,
    found: Constants,
    *,
    distance: float,
    noise: float,
    size: float,
    nu: float,
    delta: float,
    restarts: int,
) -> float:
    """Theorem 3: an upper bound of ``||phi_n(y) - x||``.

    ``2 C_1 sigma(x) / sqrt(xi) + 2 C_2 ||A x - y|| + (1 + nu) / (1 - nu) C_2 delta + b C_2 nu^n``;
    it needs ``delta >= 2 C_1 sigma(x) / (C_2 sqrt(xi)) + 2 ||A x - y||``.

    Parameters
    ----------
    levels, found
        Of the property, see :func:`constants`.
    distance
        ``sigma(x)``, see :func:`distance`.
    noise
        ``||A x - y||``.
    size
        ``b``, at least ``||y||``.
    nu, delta, restarts
        Of the network; ``n`` restarts.

    Raises
    ------
    ValueError
        If ``delta`` is too small for the theorem.

    Examples
    --------
    >>> levels, found = Levels((1,), (1.0,)), Constants(1.0, 1.0)
    >>> error_bound(
    ...     levels, found, distance=0.0, noise=0.5, size=8.0, nu=0.5, delta=1.0, restarts=3
    ... )
    5.0
    """
    root = math.sqrt(levels.xi)
    needed = 2 * found.sparse * distance / (found.noise * root) + 2 * noise
    if delta < needed:
        raise ValueError(f"delta: got {delta}, expected at least {needed}")
    return found.noise * (needed + (1 + nu) / (1 - nu) * delta + size * nu**restarts)
