"""How claims are judged: verdicts from intervals, and what to do when data are missing."""

import numpy as np
import xarray as xr

from jaxlab.studies._statistics import LEVEL, Estimate, ratio
from jaxlab.studies._study import Verdict

KARNER = "Karner, Kazeev, Petersen 2024, doi 10.1007/s10444-024-10106-x"
CONFIDENCE = f"{LEVEL:.0%} interval"


class Missing(Exception):
    """The cells that a claim needs have not been computed."""


def need(statement: str, *arrays: xr.DataArray) -> None:
    """Raise :class:`Missing` if a cell of one of the arrays has not been computed."""
    for array in arrays:
        empty = (array == -1) if array.dtype.kind == "i" else array.isnull()
        if bool(empty.any()):
            raise Missing(statement)


def judge(supported: bool | np.bool_, refuted: bool | np.bool_) -> Verdict:
    """The verdict from two mutually exclusive findings."""
    return "supported" if supported else "refuted" if refuted else "inconclusive"


def interval(estimate: Estimate, digits: int = 3) -> str:
    """The interval and its level as text."""
    return f"[{estimate.low:.{digits}f}, {estimate.high:.{digits}f}] ({CONFIDENCE})"


def kept_share(counts: xr.DataArray, reference: xr.DataArray, level: float = LEVEL) -> Estimate:
    """Geometric mean of the ratio of counts over the runs where both networks are finite."""
    both = ((counts > 0) & (reference > 0)).values
    return ratio(counts.values[both], reference.values[both], level)
