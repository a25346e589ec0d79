"""Density of region boundaries along random segments: for inputs of any dimension.

The number of regions of a network of many inputs is out of reach, but along a line it is exact and
cheap; Hanin and Rolnick measure networks on images so. Laws beside it: :mod:`jaxlab.regions.laws`.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float64, Int64, Key
from scipy import special

from jaxlab.networks import mlp
from jaxlab.regions import line

Points = Callable[..., Array]
"""``(key, shape, dtype) -> points``, such as ``jax.random.normal`` or ``jax.random.uniform``."""


class Density(NamedTuple):
    """What :func:`density` returns.

    Attributes
    ----------
    regions
        Activation regions on each segment.
    lengths
        Euclidean length of each segment.
    mean
        Boundaries met per unit of length: ``sum(regions - 1) / sum(lengths)``.
    low, high
        Student's confidence interval of ``mean`` over the random segments, the network given.
    undecided
        Close decisions on each segment, as in :class:`jaxlab.regions.line.LineCount`.
    exact
        False where a count is a lower bound; then so is ``mean``.
    """

    regions: Int64[np.ndarray, " segments"]
    lengths: Float64[np.ndarray, " segments"]
    mean: float
    low: float
    high: float
    undecided: Int64[np.ndarray, " segments"]
    exact: Bool[np.ndarray, " segments"]


def segments(
    key: Key[Array, ""], inputs: int, number: int, length: float, law: Points = jax.random.normal
) -> tuple[Float64[np.ndarray, "segments inputs"], Float64[np.ndarray, "segments inputs"]]:
    """Draw random segments of one length: midpoints from a law, directions uniform on the sphere.

    Parameters
    ----------
    key
        Typed key.
    inputs, number
        Dimension and number of segments.
    length
        Length of each, greater than 0.
    law
        Draws the midpoints, given ``(key, shape, dtype)``; standard normal by default.

    Returns
    -------
    starts, stops
        Float64 ``(number, inputs)``.

    Raises
    ------
    ValueError
        If ``inputs``, ``number`` or ``length`` is not positive.

    Examples
    --------
    >>> import jax
    >>> starts, stops = segments(jax.random.key(0), inputs=3, number=5, length=2.0)
    >>> np.allclose(np.linalg.norm(stops - starts, axis=1), 2.0)
    True
    """
    for name, value in (("inputs", inputs), ("number", number), ("length", length)):
        if not value > 0:
            raise ValueError(f"{name}: got {value}, expected more than 0")
    with jax.enable_x64(True):
        keys = jax.random.split(key)
        middle = np.asarray(law(keys[0], (number, inputs), jnp.float64))
        arrow = np.asarray(jax.random.normal(keys[1], (number, inputs), jnp.float64))
    half = arrow * (0.5 * length / np.linalg.norm(arrow, axis=1, keepdims=True))
    return middle - half, middle + half


def density(
    params: mlp.Parameters,
    starts: Array | np.ndarray,
    stops: Array | np.ndarray,
    *,
    level: float = 0.99,
    limit: int = 2**22,
) -> Density:
    """Boundaries of activation regions per unit of length, over many segments of one network.

    Exact counts (:func:`jaxlab.regions.line.count`); the interval is that of a ratio of means,
    which for segments of equal length is the usual t interval of the mean.

    Parameters
    ----------
    params
        Layers of one network.
    starts, stops
        Ends of the segments ``(segments, inputs)``, for example from :func:`segments`.
    level
        Confidence level of the interval.
    limit
        Regions on one segment beyond which its count is a lower bound.

    Returns
    -------
    Density

    Raises
    ------
    ValueError
        If the shapes disagree, there are fewer than two segments, one has no length, or the network
        is not finite on one.

    References
    ----------
    Hanin, Rolnick, Complexity of linear regions in deep networks, ICML 2019, arXiv 1901.09021.

    Examples
    --------
    The function ``|x_1|`` has one boundary, met by one of these two segments:

    >>> from jaxlab.networks.mlp import Layer
    >>> hidden = Layer(np.array([[1.0, -1.0], [0.0, 0.0]]), np.zeros(2))
    >>> params = (hidden, Layer(np.ones((2, 1)), np.zeros(1)))
    >>> starts, stops = np.array([[-1.0, 0.0], [1.0, 0.0]]), np.array([[1.0, 0.0], [1.0, 2.0]])
    >>> found = density(params, starts, stops)
    >>> found.regions, found.mean
    (array([2, 1]), 0.25)
    """
    starts, stops = np.asarray(starts), np.asarray(stops)
    shape = (len(starts), mlp.widths(params)[0])
    if starts.shape != shape or stops.shape != shape or len(starts) < 2:
        raise ValueError(
            f"starts, stops: got shapes {starts.shape}, {stops.shape}, "
            f"expected twice (segments, {shape[1]}) with two segments or more"
        )
    lengths = np.linalg.norm(stops.astype(np.float64) - starts.astype(np.float64), axis=1)
    if not (lengths > 0).all():
        raise ValueError(f"stops[{np.argmin(lengths)}]: got its start, expected another point")
    counts = line.count(params, starts, stops, pieces=False, limit=limit)
    if (counts.regions < 0).any():
        raise ValueError(f"params: not finite on segment {np.argmin(counts.regions)}")
    mean, half = _ratio(counts.regions - 1, lengths, level)
    return Density(
        regions=counts.regions,
        lengths=lengths,
        mean=mean,
        low=mean - half,
        high=mean + half,
        undecided=counts.undecided,
        exact=counts.exact,
    )


def _ratio(events: np.ndarray, lengths: np.ndarray, level: float) -> tuple[float, float]:
    """Ratio of the means, and the half width of its interval (linearised)."""
    ratio, number = events.sum() / lengths.sum(), events.size
    spread = (events - ratio * lengths).std(ddof=1) / lengths.mean()
    return float(ratio), float(special.stdtrit(number - 1, (1 + level) / 2) * spread / number**0.5)
