"""Best of K measured: runs are cut into groups of K, and the least empirical risk wins each.

This is the selection of Cheridito, Jentzen and Rossmannek (arXiv 2006.07075): over the K random
starts and over the steps at which the risk was recorded. Groups do not overlap, so that they are
independent and their counts are binomial.
"""

import numpy as np
from jaxtyping import Bool, Float


def best_error(
    risk: Float[np.ndarray, "runs checkpoints"],
    error: Float[np.ndarray, "runs checkpoints"],
    starts: int,
) -> Float[np.ndarray, " groups"]:
    """The error, in each group, where the empirical risk is least.

    Parameters
    ----------
    risk, error
        Of every run at every checkpoint; the first where several risks are equal.
    starts
        ``K``; runs beyond the last full group are left out.

    Examples
    --------
    >>> risk = np.array([[3.0, 1.0], [2.0, 2.0], [5.0, 4.0], [4.0, 9.0], [0.0, 0.0]])
    >>> best_error(risk, risk + 0.5, 2)
    array([1.5, 4.5])
    """
    groups = len(risk) // starts
    risks, errors = (
        values[: groups * starts].reshape(groups, starts * values.shape[1])
        for values in (risk, error)
    )
    chosen = risks.argmin(axis=1)
    return errors[np.arange(groups), chosen]


def all_of_group(flags: Bool[np.ndarray, " runs"], starts: int) -> Bool[np.ndarray, " groups"]:
    """Whether all runs of a group have a property, for the groups of :func:`best_error`.

    Examples
    --------
    >>> all_of_group(np.array([True, True, False, True, True]), 2)
    array([ True, False])
    """
    groups = len(flags) // starts
    return np.all(flags[: groups * starts].reshape(groups, starts), axis=1)
