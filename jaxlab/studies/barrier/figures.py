"""The pictures of study `barrier`: each shows one thing, from stored data alone."""

import xarray as xr

from jaxlab.studies._drawing import drawn
from jaxlab.studies._study import Figure
from jaxlab.studies.barrier import figures_resolution, figures_staircase, figures_table

_PICTURES = (
    *figures_table.PICTURES,
    *figures_staircase.PICTURES,
    *figures_resolution.PICTURES,
)


def figures(dataset: xr.Dataset) -> list[Figure]:
    """All figures whose data are complete."""
    return drawn(_PICTURES, dataset)
