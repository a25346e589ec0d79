"""The pictures of study `collapse`: each shows one thing, from stored data alone."""

import xarray as xr

from jaxlab.studies._drawing import drawn
from jaxlab.studies._study import Figure
from jaxlab.studies.collapse.birth import figures_births
from jaxlab.studies.collapse.rounding import figure_underflow
from jaxlab.studies.collapse.training import figures_ladder, figures_trained

_PICTURES = (
    *figures_births.PICTURES,
    *figures_trained.PICTURES,
    *figures_ladder.PICTURES,
    *figure_underflow.PICTURES,
)


def figures(dataset: xr.Dataset) -> list[Figure]:
    """All figures whose data are complete."""
    return drawn(_PICTURES, dataset)
