"""Part (a): affine pieces of random networks before any training, against depth and width.

Networks of different depths are nested: the one of depth H is the first H hidden layers of the
deepest one, with the last layer of that. Counts at one depth are independent draws; counts at two
depths are paired.
"""

import jax
import numpy as np
import xarray as xr

from jaxlab.networks import initialisers
from jaxlab.studies._parts import Part, Variable, named_key
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell, Values
from jaxlab.studies.pieces.config import Config
from jaxlab.studies.pieces.counting import count

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
    """One cell per law and width."""
    return [
        Cell(f"{law}-width{width}", {"law": i, "width": j})
        for i, law in enumerate(LAWS)
        for j, width in enumerate(config.initial_widths)
    ]


def compute(config: Config, cell: Cell) -> Values:
    """Draw the deepest networks in float64 and count all depths on both segments."""
    law = LAWS[list(LAWS)[cell.index["law"]]]
    width = config.initial_widths[cell.index["width"]]
    keys = jax.random.split(named_key(config.seed, cell.name), config.initial_networks)
    widths = (1, *[width] * max(config.initial_depths), 1)
    # Not under jit: the laws share nearly all their operations, and those compile only once.
    drawn = jax.vmap(lambda key: initialisers.initialise(key, widths, law))(keys)
    *hidden, last = jax.tree.map(np.asarray, drawn)
    counts = [
        [count((*hidden[:depth], last), *ends) for ends in SEGMENTS.values()]
        for depth in config.initial_depths
    ]
    return {
        "initial_pieces": np.array([[one.pieces for one in row] for row in counts]),
        "initial_regions": np.array([[one.regions for one in row] for row in counts]),
    }


PART = Part("initial", template, cells, compute)
