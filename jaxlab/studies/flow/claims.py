"""What study `flow` says about the published claims, judged on its data alone."""

import xarray as xr

from jaxlab.studies._judging import judged
from jaxlab.studies._study import Claim
from jaxlab.studies.flow import (
    claims_exact,
    claims_limits,
    claims_meter,
    claims_saddles,
    claims_targets,
)

_JUDGES = (
    *claims_limits.JUDGES,
    *claims_targets.JUDGES,
    *claims_saddles.JUDGES,
    *claims_meter.JUDGES,
    *claims_exact.JUDGES,
)
_SOURCE = "Jentzen, Riekert, arXiv 2107.04479"


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Every claim of the study; those whose data are missing are inconclusive."""
    return judged(_JUDGES, _SOURCE, dataset)
