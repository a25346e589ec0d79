"""What study `barrier` says about the published claims, judged on its data alone."""

import xarray as xr

from jaxlab.studies._judging import judged
from jaxlab.studies._study import Claim
from jaxlab.studies.barrier import (
    claims_family,
    claims_resolution,
    claims_staircase,
    claims_table,
    claims_trained,
)

_JUDGES = (
    *claims_family.JUDGES,
    *claims_table.JUDGES,
    *claims_trained.JUDGES,
    *claims_staircase.JUDGES,
    *claims_resolution.JUDGES,
)
_SOURCE = "Colbrook, Antun, Hansen, PNAS 2022, arXiv 2101.08286"


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Every claim of the study; those whose data are missing are inconclusive."""
    return judged(_JUDGES, _SOURCE, dataset)
