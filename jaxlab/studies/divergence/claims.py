"""What study `divergence` says about the published claims, judged on its data alone."""

import xarray as xr

from jaxlab.studies._judging import judged
from jaxlab.studies._study import Claim
from jaxlab.studies.divergence.escape import claims_controls, claims_shallow, claims_solvable
from jaxlab.studies.divergence.experiments import claims_published, claims_schemes
from jaxlab.studies.divergence.freezing import claims_frozen
from jaxlab.studies.divergence.realistic import claims_realistic

_JUDGES = (
    *claims_shallow.JUDGES,
    *claims_controls.JUDGES,
    *claims_published.JUDGES,
    *claims_schemes.JUDGES,
    *claims_frozen.JUDGES,
    *claims_realistic.JUDGES,
    *claims_solvable.JUDGES,
)
_SOURCE = "Kranz, Gallon, Dereich, Jentzen, arXiv 2505.09572"


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Every claim of the study; those whose data are missing are inconclusive."""
    return judged(_JUDGES, _SOURCE, dataset)
