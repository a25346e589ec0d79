"""Part (a): affine pieces of random networks before any training, against depth and width."""

from collections.abc import Mapping

import jax
import numpy as np
import xarray as xr

from jaxlab import regions
from jaxlab.networks import initialisers
from jaxlab.studies._parts import Part, Variable, named_key
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell
from jaxlab.studies.pieces.config import Config

LAWS = {
    "gaussian": initialisers.gaussian(),
    "he": initialisers.he(initialisers.fan_in_bias()),
    "pytorch": initialisers.pytorch(),
}
"""Weights and biases N(0, 1); He's with biases N(0, 2 / fan-in); PyTorch's default."""

SEGMENTS = {"[-1, 1]": (-1.0, 1.0), "[0, 1]": (0.0, 1.0)}


def template(config: Config) -> xr.Dataset:
    """Counts per law, width, number of hidden layers, segment and network."""
    dims = ("law", "width", "depth", "segment", "network")
    return empty(
        {
            "law": list(LAWS),
            "width": config.initial_widths,
            "depth": config.initial_depths,
            "segment": list(SEGMENTS),
            "network": range(config.initial_networks),
        },
        {
            "initial_pieces": Variable(dims, int, "affine pieces at initialisation"),
            "initial_regions": Variable(dims, int, "activation regions at initialisation"),
        },
    )


def cells(config: Config) -> list[Cell]:
    """One cell per law, width and depth."""
    return [
        Cell(f"{law}-width{width}-depth{depth}", {"law": i, "width": j, "depth": k})
        for i, law in enumerate(LAWS)
        for j, width in enumerate(config.initial_widths)
        for k, depth in enumerate(config.initial_depths)
    ]


def compute(config: Config, cell: Cell) -> Mapping[str, np.ndarray]:
    """Draw the networks in float64 and count on both segments."""
    law = list(LAWS)[cell.index["law"]]
    width = config.initial_widths[cell.index["width"]]
    depth = config.initial_depths[cell.index["depth"]]
    keys = jax.random.split(named_key(config.seed, cell.name), config.initial_networks)
    widths = (1, *[width] * depth, 1)
    params = jax.vmap(lambda key: initialisers.initialise(key, widths, LAWS[law]))(keys)
    counts = [regions.line.count(params, start, stop) for start, stop in SEGMENTS.values()]
    return {
        "initial_pieces": np.stack([count.pieces for count in counts]),
        "initial_regions": np.stack([count.regions for count in counts]),
    }


PART = Part("initial", template, cells, compute)
