"""Where a gradient flow goes, judged from its trajectory: to a critical point or to infinity.

A finite trajectory proves nothing about the limit; a verdict says which of the two cases its last
three decades of time look like, and "undecided" where they look like neither. What is compared are
movements *per decade*: they stay of one size for logarithmic growth, grow for a power of ``t``, and
shrink geometrically on the way to a critical point. A test of the gradient relative to the
parameters, as usual for steady states, calls every slow divergence converged (diffrax#448).

References
----------
Kranz, Gallon, Dereich, Jentzen, arXiv 2505.09572, Theorem 2.8: one of the two cases holds.
"""

import enum

import numpy as np
from jaxtyping import Float

from jaxlab.flows.integration import Flow

_SETTLED = 1e-6
"""Movement per decade, relative to the norm, of a flow at rest."""
_SHRINKING, _LASTING = 0.7, 0.9
"""Ratios of movements in consecutive decades: convergence below, divergence above."""
_GROWING = 1e-3
"""Least growth per decade, relative to the norm, of a diverging flow; log t has 0.08 at 1e12."""
_NEAR = 0.1
"""What a converging flow may still have to go, relative to its norm."""


class Outcome(enum.IntEnum):
    """Verdict on a trajectory.

    Attributes
    ----------
    UNDECIDED
        Neither: a plateau, a transient, or a run that ended too early.
    CRITICAL
        Converges to a critical point.
    DIVERGENT
        Runs to infinity while the loss tends to an asymptotic critical value.
    """

    UNDECIDED = 0
    CRITICAL = 1
    DIVERGENT = 2


def verdict(
    times: Float[np.ndarray, " times"],
    norm: Float[np.ndarray, " times"],
    gradient_norm: Float[np.ndarray, " times"],
    moved: Float[np.ndarray, " times"],
    least_curvature: float = 0.0,
) -> Outcome:
    """Judge one trajectory by its last three decades.

    *Critical point*: in the last decade it moved by less than 1e-6 of its norm; or movements shrink
    by 0.7 or more from decade to decade, and their geometric sum is below a tenth of the norm. A
    point that it could have left in the time that passed, because the Hessian has an eigenvalue
    below ``-1/t``, is a plateau and undecided.

    *Divergence*: the norm grew in each of three decades, each time by at least 0.9 of the time
    before and in the last one by a thousandth or more, while ``|grad L| |theta|`` fell: then the
    loss tends to an asymptotic critical value. That can be true of a transient as well; ask when
    the early movements are over.

    Parameters
    ----------
    times, norm, gradient_norm, moved
        Of a :class:`jaxlab.flows.Flow`, at three decades or more, with the powers of ten counted
        back from the last time among them. NaN (not reached) makes the verdict undecided.
    least_curvature
        Least eigenvalue of the Hessian at the end.

    Returns
    -------
    :class:`Outcome`.

    Examples
    --------
    >>> t = np.array([0.0, 1.0, 10.0, 100.0, 1000.0])
    >>> log = np.log1p(t)
    >>> verdict(t, log, 1 / (1 + t), np.diff(log, prepend=0.0)).name
    'DIVERGENT'
    >>> near = 1 - 1 / (1 + t)
    >>> verdict(t, near, 1 / (1 + t) ** 2, np.diff(near, prepend=0.0)).name
    'CRITICAL'
    """
    marks = _decades(times)
    if marks is None or not np.all(np.isfinite([norm, gradient_norm, moved])):
        return Outcome.UNDECIDED
    path = np.diff(np.cumsum(moved)[marks])
    if path[-1] <= _SETTLED * norm[-1] or _converges(path, norm[-1]):
        escapes = -least_curvature * times[-1] > 1
        return Outcome.UNDECIDED if escapes else Outcome.CRITICAL
    growth = np.diff(norm[marks])
    lasting = np.all(growth > 0) and np.all(growth[1:] >= _LASTING * growth[:-1])
    lasting &= growth[-1] >= _GROWING * norm[-1]
    falling = np.all(np.diff((norm * gradient_norm)[marks]) < 0)
    return Outcome.DIVERGENT if lasting and falling else Outcome.UNDECIDED


def judge(flow: Flow, least_curvature: float = 0.0) -> Outcome:
    """:func:`verdict` on one flow, not a batch of them.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from jaxlab.flows.integration import integrate, log_times
    >>> times = log_times(1e3, 1)
    >>> judge(integrate(lambda p: jnp.exp(-p), jnp.zeros(()), times, rtol=1e-5, atol=1e-6)).name
    'DIVERGENT'
    """
    times, norm, gradient_norm, moved = (
        np.asarray(leaf, np.float64)
        for leaf in (flow.times, flow.norm, flow.gradient_norm, flow.moved)
    )
    return verdict(times, norm, gradient_norm, moved, least_curvature)


def local_exponents(
    times: Float[np.ndarray, " times"], values: Float[np.ndarray, "*batch times"]
) -> Float[np.ndarray, "*batch times"]:
    """``d log values / d log times`` by central differences (one-sided at the ends).

    NaN at time 0 and where a value or its neighbour is not positive.

    Examples
    --------
    >>> t = np.array([0.0, 1.0, 10.0, 100.0])
    >>> local_exponents(t, np.array([9.0, 1.0, 0.1, 0.01])).round(6).tolist()
    [nan, -1.0, -1.0, -1.0]
    """
    positive = times > 0
    safe = np.where(values > 0, values, np.nan)[..., positive]
    slopes = np.gradient(np.log(safe), np.log(times[positive]), axis=-1)
    result = np.full(values.shape, np.nan)
    result[..., positive] = slopes
    return result


def escape_class(loss_exponent: float, norm_exponent: float, tolerance: float = 0.03) -> int:
    """The order ``m`` of the valley along which a flow runs to infinity; 0 if none fits.

    Where the loss falls as ``A**(-2 m)`` along the valley with its growing weight ``A``, the norm
    grows as ``t**(1/(2 m + 2))`` and the loss falls as ``t**(-m/(m + 1))`` (derived for jaxlab,
    ``shared/reference/divergence.md``, A.4).

    Examples
    --------
    >>> escape_class(-0.5, 0.25), escape_class(-0.667, 0.166), escape_class(-0.1, 0.0)
    (1, 2, 0)
    """
    for order in range(1, 7):
        expected = -order / (order + 1), 1 / (2 * order + 2)
        if np.allclose((loss_exponent, norm_exponent), expected, rtol=0, atol=tolerance):
            return order
    return 0


def _decades(times: Float[np.ndarray, " times"]) -> np.ndarray | None:
    """Positions of the last time and of those one, two and three decades before it."""
    wanted = times[-1] * 10.0 ** np.arange(-3, 1)
    found = np.clip(np.searchsorted(times, wanted * (1 - 1e-6)), 0, len(times) - 1)
    return found if np.allclose(times[found], wanted, rtol=1e-5, atol=0) else None


def _converges(path: Float[np.ndarray, " decades"], norm: float) -> bool:
    if path[-2] == 0 or not np.all(path[1:] <= _SHRINKING * path[:-1]):
        return False
    ratio = path[-1] / path[-2]
    return bool(path[-1] * ratio / (1 - ratio) <= _NEAR * norm)
