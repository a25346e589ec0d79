"""How the counts of study `pieces` are compared."""

from typing import NamedTuple

import numpy as np
import xarray as xr

from jaxlab.studies._statistics import LEVEL, Estimate, geometric_mean

KARNER = "Karner, Kazeev, Petersen 2024, doi 10.1007/s10444-024-10106-x"


def exactness(undecided: xr.DataArray) -> str:
    """How sure counts are, from the decisions that the counter took within its tolerance."""
    close = int(undecided.where(undecided > 0, 0).sum())
    return f"exact but for {close} decisions within the tolerance" if close else "exact counts"


class Kept(NamedTuple):
    """The share that runs keep of their references' pieces.

    Attributes
    ----------
    share
        Over the pairs in which both have a count.
    used, pairs
        Number of these pairs, and of all.
    balanced
        Whether as many runs as references have a count. If not, the pairs that are left are a
        selection, and no finding of its own should rest on them.
    """

    share: Estimate
    used: int
    pairs: int
    balanced: bool

    def __str__(self) -> str:
        return f"{self.share.value:.3f} ({self.used} of {self.pairs} pairs)"


def kept_share(
    counts: xr.DataArray, reference: xr.DataArray, starts: str, level: float = LEVEL
) -> Kept:
    """Geometric mean of the ratio of counts over the pairs of runs that both end with one.

    Runs from one start are not independent: their logarithms are averaged first, so that every
    start is one sample.

    Parameters
    ----------
    counts, reference
        Counts of the same dimensions, not positive where there is none.
    starts
        The dimension of the random starts.
    level
        Confidence level.

    Examples
    --------
    >>> dims = ("rate", "seed")
    >>> one, two = xr.DataArray([[2, 4], [8, -2]], dims=dims), xr.DataArray([[1, 1]] * 2, dims=dims)
    >>> print(kept_share(one, two, "seed"))
    4.000 (3 of 4 pairs)
    """
    counted, referred = counts > 0, reference > 0
    both = counted & referred
    ratios = (counts / reference).where(both)
    logs = ratios.copy(data=np.log(ratios.values))
    per_start = logs.mean([dim for dim in logs.dims if dim != starts]).values
    return Kept(
        geometric_mean(np.exp(per_start[np.isfinite(per_start)]), level),
        int(both.sum()),
        both.size,
        int(counted.sum()) == int(referred.sum()),
    )
