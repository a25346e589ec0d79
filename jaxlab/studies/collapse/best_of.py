"""Best of K random starts: how many it takes until one of them is alive.

A network that is born dead stays constant under every gradient method without weight decay or
noise, so the best of ``K`` independent starts is stuck if all of them are dead. The number ``K`` is
any positive number, also one far too large to try; nothing here cancels or overflows.

Source: independence (``shared/reference/collapse.md``, D3 and D4). That depth must not outgrow the
number of starts is the theorem of Cheridito, Jentzen, Rossmannek, arXiv 2006.07075.
"""

import math

from jaxlab.studies.collapse.laws import BornDead


def all_dead(born: BornDead, starts: float) -> float:
    """Probability that all ``K`` starts are dead: ``p**K``.

    Parameters
    ----------
    born
        Law of one start, for example ``laws.one_ray([2] * 10)``.
    starts
        ``K >= 1``.

    Raises
    ------
    ValueError
        If ``starts`` is less than 1.

    Examples
    --------
    >>> from jaxlab.studies.collapse.laws import one_ray
    >>> round(all_dead(one_ray([2] * 10), 100), 6)
    0.003039
    """
    return math.exp(_exponent(born, starts))


def some_alive(born: BornDead, starts: float) -> float:
    """Probability that one of ``K`` starts is alive: ``1 - p**K``, also where it is tiny.

    Examples
    --------
    >>> from jaxlab.studies.collapse.laws import one_ray
    >>> some_alive(one_ray([2] * 200), 1e12)
    1.028...e-13
    """
    return -math.expm1(_exponent(born, starts))


def _exponent(born: BornDead, starts: float) -> float:
    if starts < 1:
        raise ValueError(f"starts: got {starts}, expected at least 1")
    return starts * born.log_probability


def quantile(born: BornDead, level: float = 0.5) -> float:
    """Number ``K`` of starts, a real number, at which ``p**K`` has fallen to a level.

    ``ln(level) / ln(p)``; the median for 1/2. Infinite where a float cannot hold it.

    Raises
    ------
    ValueError
        If ``level`` is not strictly between 0 and 1.

    Examples
    --------
    >>> from jaxlab.studies.collapse.laws import one_ray
    >>> round(quantile(one_ray([2] * 10)), 1)
    12.0
    """
    if not 0 < level < 1:
        raise ValueError(f"level: got {level}, expected strictly between 0 and 1")
    log_dead = born.log_probability
    return math.log(level) / log_dead if log_dead < 0 else math.inf


def frontier(born: BornDead) -> float:
    """Number of starts ``1 / (1 - p)`` at which success turns likely as the depth grows.

    If ``K`` over this tends to 0 all starts are dead with probability tending to 1, if it tends to
    infinity one is alive with probability tending to 1, and if it tends to ``c`` all are dead with
    probability tending to ``exp(-c)``. For bias-free networks of width ``N`` on ``[0, b]`` it is
    ``(1 - 2**-N)**-H``. Infinite where a float cannot hold it; its logarithm is
    ``-born.log_alive``.

    Examples
    --------
    >>> from jaxlab.studies.collapse.laws import one_ray
    >>> round(frontier(one_ray([2] * 10)), 4)
    17.7577
    """
    return math.exp(-born.log_alive) if born.log_alive > -709 else math.inf


def error_floor(born: BornDead, starts: float, floor: float) -> float:
    """Lower bound ``p**K * floor`` on the expected error of the best of ``K`` starts.

    Holds for every rule of selection and every training that leaves dead networks constant, since
    a constant has at least the error ``floor``.

    Parameters
    ----------
    born, starts
        As in :func:`all_dead`.
    floor
        Least error of a constant, in the same norm: ``rmse`` or ``absolute`` of
        :class:`jaxlab.studies.collapse.targets.States`.

    Examples
    --------
    >>> from jaxlab.studies.collapse.laws import one_ray
    >>> round(error_floor(one_ray([2] * 20), 100, 0.5), 6)
    0.363938
    """
    return all_dead(born, starts) * floor
