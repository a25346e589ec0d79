"""The pictures of study `flow`: each shows one thing, from stored data alone."""

import xarray as xr

from jaxlab.studies._drawing import drawn
from jaxlab.studies._study import Figure
from jaxlab.studies.flow import figures_limits, figures_meter, figures_saddles, figures_targets

_PICTURES = (
    *figures_limits.PICTURES,
    *figures_targets.PICTURES,
    *figures_saddles.PICTURES,
    *figures_meter.PICTURES,
)


def figures(dataset: xr.Dataset) -> list[Figure]:
    """All figures whose data are complete."""
    return drawn(_PICTURES, dataset)
