"""What study `collapse` says about the published claims, judged on its data alone."""

import xarray as xr

from jaxlab.studies._judging import judged
from jaxlab.studies._study import Claim
from jaxlab.studies.collapse import (
    claims_births,
    claims_formats,
    claims_ladder,
    claims_neurons,
    claims_rounding,
    claims_tables,
    claims_trained,
    claims_underflow,
)

_JUDGES = (
    *claims_births.JUDGES,
    *claims_trained.JUDGES,
    *claims_ladder.JUDGES,
    *claims_underflow.JUDGES,
    *claims_rounding.JUDGES,
    *claims_formats.JUDGES,
    *claims_tables.JUDGES,
    *claims_neurons.JUDGES,
)


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Every claim of the study; those whose data are missing are inconclusive."""
    return judged(_JUDGES, claims_ladder.CJR, dataset)
