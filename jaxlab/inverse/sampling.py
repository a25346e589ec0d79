"""Which measurements to take: random masks, denser where wavelet coefficients are seen.

Masks are boolean arrays on the whole grid of a transform, for
:func:`jaxlab.inverse.operators.restricted`: centred for Fourier, by sequency for Walsh.

References
----------
Colbrook, Antun, Hansen, doi 10.1073/pnas.2107151119. Adcock, Hansen, Poon, Roman,
doi 10.1017/fms.2016.32 (sampling in levels).
"""

import math
from typing import Literal, get_args

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from jaxlab.inverse.levels import first_of_each, places

Transform = Literal["fourier", "walsh"]
"""What is sampled."""


def uniform(key: Key[Array, ""], shape: tuple[int, ...], rate: float) -> Bool[np.ndarray, "..."]:
    """Exactly ``round(rate * size)`` places, every set of them equally likely.

    Parameters
    ----------
    key
        Typed key; the mask is a function of it.
    shape
        Of the grid.
    rate
        The share of all places, in [0, 1].

    Raises
    ------
    ValueError
        If ``rate`` is not in [0, 1].

    Examples
    --------
    >>> int(uniform(jax.random.key(0), (8, 8), 0.25).sum())
    16
    """
    counts = np.array([_total(shape, rate)])
    return _drawn(key, np.zeros(shape, int), counts)


def density_adapted(
    key: Key[Array, ""],
    shape: tuple[int, ...],
    rate: float,
    sparsities: tuple[int, ...],
    transform: Transform,
) -> Bool[np.ndarray, "..."]:
    """As many places in every dyadic band as its wavelets call for, uniformly within the band.

    A band is the product of one dyadic interval per axis; the first interval has the length of the
    coarsest approximation. A band with the density ``M`` of :func:`density` gets ``c M`` places,
    or all it has if these are fewer; what is not whole goes to the largest remainders.

    Parameters
    ----------
    key
        Typed key; the mask is a function of it.
    shape
        Of the grid: one or two axes, of one length.
    rate
        The share of all places, in [0, 1].
    sparsities
        Of the Haar coefficients in every level, coarsest first; not all zero. Their number sets
        that of the intervals. The paper's code adds up the two coarsest.
    transform
        Fourier intervals are symmetric around -1/2: {-1, 0}, {-2, 1}, {-4, -3, 2, 3} and so on.

    Returns
    -------
    Exactly ``round(rate * size)`` places are true. No band has its share of them by more than one
    place wrong.

    Raises
    ------
    ValueError
        If ``rate`` is not in [0, 1], a side cannot be split as often as there are levels, sides
        differ, all sparsities are zero, or the first Fourier interval were a single frequency.

    Examples
    --------
    >>> mask = density_adapted(jax.random.key(0), (16, 16), 0.25, (4, 6, 8), "walsh")
    >>> int(mask.sum()), int(mask[:4, :4].sum()), int(mask[8:, 8:].sum())
    (64, 6, 10)
    """
    if len(set(shape)) != 1:
        raise ValueError(f"shape: got {shape}, expected sides of one length")
    if min(sparsities, default=-1) < 0 or not sum(sparsities):
        raise ValueError(f"sparsities: got {sparsities}, expected positive numbers")
    count = len(sparsities)
    axes = [_intervals(shape[0], count - 1, transform)] * len(shape)
    band = np.ravel_multi_index(np.meshgrid(*axes, indexing="ij"), (count,) * len(shape))
    share = density(sparsities, len(shape), transform).ravel()
    return _drawn(key, band, _counts(np.bincount(band.ravel()), share, _total(shape, rate)))


def density(
    sparsities: tuple[int, ...], dimensions: int, transform: Transform
) -> Float[np.ndarray, "..."]:
    """How many measurements, up to a factor, each band needs for Haar wavelets.

    ``M(k) = sum_l s_l 2^(-sum_i |l - k_i|)``; for Fourier a term has another factor
    ``2^(-2 max(0, l - max_i k_i))``, and bands with a first interval are doubled, which stands for
    two dyadic intervals.

    Parameters
    ----------
    sparsities
        ``s_l``, coarsest first.
    dimensions
        Axes of the grid.
    transform
        What is sampled.

    Returns
    -------
    One axis per dimension, as long as there are sparsities.

    Raises
    ------
    ValueError
        If there is no such transform.

    Examples
    --------
    >>> density((4, 2), 1, "walsh").tolist(), density((4, 2), 1, "fourier").tolist()
    ([5.0, 4.0], [8.5, 4.0])
    """
    if transform not in get_args(Transform):
        raise ValueError(f"transform: got {transform!r}, expected one of {get_args(Transform)}")
    k = np.stack(np.meshgrid(*[np.arange(len(sparsities))] * dimensions, indexing="ij"))
    total = np.zeros(k.shape[1:])
    for level, sparsity in enumerate(sparsities):
        exponent = abs(level - k).sum(axis=0)
        if transform == "fourier":
            exponent = exponent + 2 * np.maximum(0, level - k.max(axis=0))
        total += sparsity * 2.0**-exponent
    return np.where((k.min(axis=0) == 0) & (transform == "fourier"), 2 * total, total)


def _intervals(side: int, levels: int, transform: Transform) -> Int[np.ndarray, " side"]:
    """The dyadic interval of every place on one axis."""
    line = places((side,), levels)
    if transform == "walsh":
        return line
    if side >> levels < 2:
        raise ValueError(
            f"sparsities: got {levels + 1} levels for {side} frequencies, "
            "expected at least two frequencies in the first interval"
        )
    frequency = np.arange(side) - side // 2
    return line[np.where(frequency < 0, -2 * frequency - 1, 2 * frequency)]


def _total(shape: tuple[int, ...], rate: float) -> int:
    if not 0 <= rate <= 1:
        raise ValueError(f"rate: got {rate}, expected a number in [0, 1]")
    return round(rate * math.prod(shape))


def _counts(sizes: np.ndarray, share: np.ndarray, total: int) -> np.ndarray:
    """``min(c share, sizes)`` in whole numbers of the given total."""
    order = np.argsort(sizes / share)
    before = np.cumsum(sizes[order]) - sizes[order]
    factors = (total - before) / np.cumsum(share[order][::-1])[::-1]
    # The bands that are full come first; one factor serves all others.
    c = factors[np.argmax(factors * share[order] <= sizes[order] * (1 + 1e-12))]
    wanted = np.minimum(c * share, sizes)
    counts = np.floor(wanted + 1e-9).astype(int)
    missing = np.argsort(counts - wanted, kind="stable")[: total - counts.sum()]
    counts[missing] += 1
    return counts


def _drawn(key: Array, band: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """A random set of ``counts[b]`` places in every band ``b``."""
    rank = np.asarray(jax.random.permutation(key, band.size)).reshape(band.shape)
    return first_of_each(rank, band, counts)
