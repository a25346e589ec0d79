"""What study `pieces` says about the published claims, judged on its data alone."""

import xarray as xr

from jaxlab.studies._study import Claim
from jaxlab.studies.pieces import claims_trained, claims_untrained
from jaxlab.studies.pieces.judging import KARNER, Missing


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Every claim of the study; those whose data are missing are inconclusive."""
    judged = []
    for judge in (*claims_untrained.JUDGES, *claims_trained.JUDGES):
        try:
            judged.extend(judge(dataset))
        except Missing as missing:
            judged.append(
                Claim(str(missing), KARNER, "data", "cells missing", "none", "inconclusive")
            )
    return judged
