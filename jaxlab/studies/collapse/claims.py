"""What study `collapse` says about the published claims, judged on its data alone."""

import xarray as xr

from jaxlab.studies._judging import judged
from jaxlab.studies._study import Claim
from jaxlab.studies.collapse.birth import claims_births, claims_neurons, claims_tables
from jaxlab.studies.collapse.rounding import claims_rounding, claims_underflow
from jaxlab.studies.collapse.training import claims_formats, claims_ladder, claims_trained

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
