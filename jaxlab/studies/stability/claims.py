"""What study `stability` says about the published claims, judged on its data alone."""

import xarray as xr

from jaxlab.studies._judging import judged
from jaxlab.studies._study import Claim
from jaxlab.studies.stability import (
    claims_accuracy,
    claims_attack,
    claims_constants,
    claims_floor,
    claims_restarts,
)

_JUDGES = (
    *claims_restarts.JUDGES,
    *claims_constants.JUDGES,
    *claims_floor.JUDGES,
    *claims_accuracy.JUDGES,
    *claims_attack.JUDGES,
)
_SOURCE = "Colbrook, Antun, Hansen, PNAS 2022, arXiv 2101.08286"


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Every claim of the study; those whose data are missing are inconclusive."""
    return judged(_JUDGES, _SOURCE, dataset)
