"""Parts "born" and "born_biased": random networks tested for death before any training.

Every network is decided exactly on its segment by :func:`jaxlab.regions.death.count`. One draw
serves all depths: leading layers do not depend on how many follow. So counts at two depths are of
the same networks, while widths and families have networks of their own.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy import special

from jaxlab.networks.initialisers import Initialiser
from jaxlab.regions import death
from jaxlab.studies._parts import Part, Variable, named_key
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell, Values
from jaxlab.studies.collapse.config import Config
from jaxlab.studies.collapse.initialisation import SYMMETRIC


class Family(NamedTuple):
    """Random networks of one input, and the segment on which they are tested.

    Attributes
    ----------
    law
        Law of every layer.
    start, stop
        Ends of the segment.
    """

    law: Initialiser
    start: float
    stop: float


FREE: Mapping[str, Family] = {
    "zero bias, [0, 1]": Family(SYMMETRIC["normal, zero bias"], 0.0, 1.0),
    "zero bias, [-1, 1]": Family(SYMMETRIC["normal, zero bias"], -1.0, 1.0),
    "uniform, zero bias, [-1, 1]": Family(SYMMETRIC["uniform, zero bias"], -1.0, 1.0),
}
"""Families without biases: two points decide for the segment."""

BIASED: Mapping[str, Family] = {
    "N(0, 1), [-1, 1]": Family(SYMMETRIC["normal, normal bias"], -1.0, 1.0),
    "N(0, 1), [0, 1]": Family(SYMMETRIC["normal, normal bias"], 0.0, 1.0),
    "PyTorch, [-1, 1]": Family(SYMMETRIC["PyTorch"], -1.0, 1.0),
}
"""Families with biases."""


def _part(name: str, families: Mapping[str, Family]) -> Part:
    """One experiment on some families; its sizes are the fields of Config named like it."""
    family_dim, width_dim, depth_dim = (f"{name}_{dim}" for dim in ("family", "width", "depth"))

    def template(config: Config) -> xr.Dataset:
        cell = (family_dim, width_dim)
        return empty(
            {
                family_dim: list(families),
                width_dim: getattr(config, width_dim + "s"),
                depth_dim: range(1, getattr(config, depth_dim) + 1),
            },
            {
                f"{name}_dead": Variable((*cell, depth_dim), int, "networks born dead"),
                f"{name}_networks": Variable(cell, int, "networks tested"),
                f"{name}_in_doubt": Variable(cell, int, "networks decided in rationals"),
                f"{name}_inactive": Variable(
                    cell, int, "networks with an inactive neuron in the first hidden layer"
                ),
            },
        )

    def cells(config: Config) -> list[Cell]:
        return [
            Cell(f"family{i}-width{width}", {family_dim: i, width_dim: j})
            for i in range(len(families))
            for j, width in enumerate(getattr(config, width_dim + "s"))
        ]

    def compute(config: Config, cell: Cell) -> Values:
        family = list(families)[cell.index[family_dim]]
        width = getattr(config, width_dim + "s")[cell.index[width_dim]]
        law, start, stop = families[family]
        found = death.count(
            named_key(config.seed, f"{family}, width {width}"),
            (1, *[width] * getattr(config, depth_dim), 1),
            law,
            start,
            stop,
            networks(config, width),
            rays=families is FREE,
        )
        return {
            f"{name}_dead": found.by_layer.cumsum(),
            f"{name}_networks": np.int64(found.networks),
            f"{name}_in_doubt": np.int64(found.in_doubt),
            f"{name}_inactive": found.networks - found.inactive[0],
        }

    return Part(name, template, cells, compute)


def networks(config: Config, width: int) -> int:
    """Networks of a width: fewer of the wider ones, whose time is as the square of the width.

    Examples
    --------
    >>> networks(Config(born_networks=1000), 2), networks(Config(born_networks=1000), 10)
    (1000, 40)
    """
    return max(1, round(config.born_networks * min(1.0, (2 / width) ** 2)))


FREE_PART, BIASED_PART = _part("born", FREE), _part("born_biased", BIASED)


def of(dataset: xr.Dataset, family: str) -> xr.Dataset:
    """Counts of one family: ``dead`` by width and depth; ``networks``, ``inactive`` by width."""
    name = (FREE_PART if family in FREE else BIASED_PART).name
    plain = {f"{name}_{short}": short for short in ("dead", "networks", "in_doubt", "inactive")}
    chosen = dataset[list(plain)].sel({f"{name}_family": family}, drop=True)
    return chosen.rename(plain | {f"{name}_width": "width", f"{name}_depth": "depth"})


def all_dead(dead: int, networks: int, starts: np.ndarray) -> np.ndarray:
    """Unbiased estimate of ``p**K``, that the best of ``K`` starts is dead, from counts.

    ``C(dead, K) / C(networks, K)``: the share of the sets of ``K`` of these networks in which all
    are dead. ``(dead / networks)**K`` would be biased.

    Parameters
    ----------
    dead, networks
        Counts.
    starts
        Numbers ``K``; NaN comes back for those above ``networks``, of which the counts say nothing.

    References
    ----------
    Halmos, Ann. Math. Statist. 17 (1946) 34, doi 10.1214/aoms/1177731020.

    Examples
    --------
    >>> all_dead(3, 4, np.array([1, 2, 4, 5])).round(12).tolist()
    [0.75, 0.5, 0.0, nan]
    """
    starts = np.asarray(starts, np.float64)
    known = np.where(starts <= dead, starts, 0.0)  # keeps the gammas away from their poles
    log_share = (
        special.gammaln(dead + 1)
        - special.gammaln(dead - known + 1)
        - special.gammaln(networks + 1)
        + special.gammaln(networks - known + 1)
    )
    share = np.where(starts <= dead, np.exp(log_share), 0.0)
    return np.where(starts <= networks, share, np.nan)
