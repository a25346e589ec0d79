"""How claims are judged: verdicts from intervals, and what to do when data are missing."""

from typing import NamedTuple

import numpy as np
import xarray as xr

from jaxlab.studies._statistics import LEVEL, Estimate, geometric_mean
from jaxlab.studies._study import Verdict

KARNER = "Karner, Kazeev, Petersen 2024, doi 10.1007/s10444-024-10106-x"
CONFIDENCE = f"{LEVEL:.0%} interval"


class Missing(Exception):
    """The cells that a claim needs have not been computed."""


def need(statement: str, *arrays: xr.DataArray, unfinished: bool = False) -> None:
    """Raise :class:`Missing` if a cell of one of the arrays has not been computed.

    Counts that are not there are missing too, unless ``unfinished`` runs are part of the result.
    """
    for array in arrays:
        absent = (array == -1) if unfinished else (array < 0)
        empty = absent if array.dtype.kind == "i" else array.isnull()
        if bool(empty.any()):
            raise Missing(statement)


def judge(supported: bool | np.bool_, refuted: bool | np.bool_) -> Verdict:
    """The verdict from two mutually exclusive findings."""
    return "supported" if supported else "refuted" if refuted else "inconclusive"


def interval(*estimates: Estimate, digits: int = 3) -> str:
    """The intervals and their level as text; a level above the usual one is that of several."""
    kind = CONFIDENCE if estimates[0].level == LEVEL else f"simultaneous {CONFIDENCE}s"
    return "; ".join(f"[{e.low:.{digits}f}, {e.high:.{digits}f}]" for e in estimates) + f" ({kind})"


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
