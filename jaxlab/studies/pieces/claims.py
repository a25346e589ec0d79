"""What study `pieces` says about the published claims, judged on its data alone."""

import xarray as xr

from jaxlab.studies._study import Claim
from jaxlab.studies.pieces import claims_emulated, claims_trained, claims_untrained
from jaxlab.studies.pieces.judging import KARNER, Missing


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Every claim of the study; those whose data are missing are inconclusive."""
    judged = []
    parts = (claims_untrained, claims_trained, claims_emulated)
    for judge in (judge for part in parts for judge in part.JUDGES):
        try:
            judged.extend(judge(dataset))
        except Missing as missing:
            judged.append(
                Claim(str(missing), KARNER, "data", "cells missing", "none", "inconclusive")
            )
    return judged
