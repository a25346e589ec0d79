"""Part "negative": layers all of whose weights and biases are negative, which kill on any domain.

Signs of independent symmetric numbers are fair coins, whatever their law: one random bit is drawn
per parameter and set for a positive one. The law is
:func:`jaxlab.studies.collapse.laws.negative_layer`.
"""

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Key, UInt16

from jaxlab.studies._parts import Part, Variable, named_key
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell, Values
from jaxlab.studies.collapse.birth import blocks
from jaxlab.studies.collapse.config import Config

_WORD = 16  # bits

_bits = jax.jit(lambda key: jax.random.bits(key, (blocks.SIZE,), jnp.uint16))


def template(config: Config) -> xr.Dataset:
    """Counts per case, named by its width and its number of hidden layers: ``2x10``."""
    dims = ("negative_case",)
    return empty(
        {"negative_case": [f"{width}x{depth}" for width, depth in config.negative_cases]},
        {
            "negative_dead": Variable(dims, int, "networks with a layer of negative parameters"),
            "negative_networks": Variable(dims, int, "networks whose signs are drawn"),
        },
    )


def cells(config: Config) -> list[Cell]:
    """One cell per case."""
    return [
        Cell(f"{width}x{depth}", {"negative_case": i})
        for i, (width, depth) in enumerate(config.negative_cases)
    ]


def compute(config: Config, cell: Cell) -> Values:
    """Draw the signs of every hidden layer but the first."""
    width, depth = config.negative_cases[cell.index["negative_case"]]
    key = named_key(config.seed, f"negative, {cell.name}")
    return {
        "negative_dead": np.int64(count(key, width, depth, config.negative_networks)),
        "negative_networks": np.int64(config.negative_networks),
    }


def count(key: Key[Array, ""], width: int, depth: int, networks: int) -> int:
    """Networks, of so many, in which a hidden layer after the first has no positive parameter.

    Parameters
    ----------
    key
        Typed key.
    width, depth
        Of the hidden layers, and how many.
    networks
        How many are drawn; a block of :mod:`jaxlab.studies.collapse.birth.blocks` at a time.

    Examples
    --------
    Of a layer of width 1 both parameters are negative in 1 of 4 cases:

    >>> import jax
    >>> abs(count(jax.random.key(0), 1, 2, 4000) / 4000 - 0.25) < 0.03
    True
    """
    masks = _masks(width * (width + 1))
    if depth == 1:
        return 0
    drawn = blocks.blocks(_bits, key, networks, masks.size * (depth - 1))
    return sum(
        int(((block.reshape(masks.size, depth - 1, -1) & masks) == 0).all(axis=0).any(axis=0).sum())
        for block in drawn
    )


def _masks(signs: int) -> UInt16[np.ndarray, "words 1 1"]:
    """Which bits of the words of a layer are signs."""
    used = [min(_WORD, signs - first) for first in range(0, signs, _WORD)]
    return np.array([(1 << bits) - 1 for bits in used], np.uint16)[:, None, None]


PART = Part("negative", template, cells, compute)
