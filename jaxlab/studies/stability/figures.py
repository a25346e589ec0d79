"""The pictures of study `stability`: each shows one thing, from stored data alone."""

import xarray as xr

from jaxlab.studies._drawing import drawn
from jaxlab.studies._study import Figure
from jaxlab.studies.stability import (
    figures_accuracy,
    figures_attack,
    figures_floor,
    figures_restarts,
)

_PICTURES = (
    *figures_restarts.PICTURES,
    *figures_floor.PICTURES,
    *figures_accuracy.PICTURES,
    *figures_attack.PICTURES,
)


def figures(dataset: xr.Dataset) -> list[Figure]:
    """All figures whose data are complete."""
    return drawn(_PICTURES, dataset)
