"""How claims are judged: verdicts from intervals, and what to do when data are missing."""

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr

from jaxlab.studies._statistics import LEVEL, Estimate
from jaxlab.studies._study import Claim, Verdict

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


def judged(
    judges: Sequence[Callable[[xr.Dataset], list[Claim]]], source: str, dataset: xr.Dataset
) -> list[Claim]:
    """What every judge says; one whose data are missing says so in one inconclusive claim.

    Parameters
    ----------
    judges
        Functions from a Dataset to claims, which may raise :class:`Missing`.
    source
        What a claim with missing data gives as its source.
    dataset
        The study's, possibly incomplete.
    """
    claims = []
    for judge in judges:
        try:
            claims.extend(judge(dataset))
        except Missing as missing:
            claims.append(
                Claim(str(missing), source, "data", "cells missing", "none", "inconclusive")
            )
    return claims
