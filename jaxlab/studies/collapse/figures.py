"""The pictures of study `collapse`: each shows one thing, from stored data alone."""

import xarray as xr

from jaxlab.studies._drawing import drawn
from jaxlab.studies._study import Figure
from jaxlab.studies.collapse import figure_underflow, figures_births


def figures(dataset: xr.Dataset) -> list[Figure]:
    """All figures whose data are complete."""
    return drawn((*figures_births.PICTURES, *figure_underflow.PICTURES), dataset)
