"""What study `pieces` says about the published claims, judged on its data alone."""

import xarray as xr

from jaxlab.studies._judging import judged
from jaxlab.studies._study import Claim
from jaxlab.studies.pieces import claims_emulated, claims_trained, claims_untrained
from jaxlab.studies.pieces.judging import KARNER

_JUDGES = (*claims_untrained.JUDGES, *claims_trained.JUDGES, *claims_emulated.JUDGES)


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Every claim of the study; those whose data are missing are inconclusive."""
    return judged(_JUDGES, KARNER, dataset)
