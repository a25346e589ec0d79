"""The pictures of study `divergence`: each shows one thing, from stored data alone."""

import xarray as xr

from jaxlab.studies._drawing import drawn
from jaxlab.studies._study import Figure
from jaxlab.studies.divergence.escape import figures_shallow, figures_solvable
from jaxlab.studies.divergence.experiments import figures_published
from jaxlab.studies.divergence.freezing import figures_frozen
from jaxlab.studies.divergence.realistic import figures_realistic

_PICTURES = (
    *figures_shallow.PICTURES,
    *figures_published.PICTURES,
    *figures_frozen.PICTURES,
    *figures_realistic.PICTURES,
    *figures_solvable.PICTURES,
)


def figures(dataset: xr.Dataset) -> list[Figure]:
    """All figures whose data are complete."""
    return drawn(_PICTURES, dataset)
