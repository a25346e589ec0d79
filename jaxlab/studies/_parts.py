"""A study made of parts: each part brings its own variables and its own cells."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
import xarray as xr

from jaxlab.studies._study import Cell, Values


class Part(NamedTuple):
    """One experiment of a study.

    Attributes
    ----------
    name
        Prefix of the names of its cells.
    template, cells, compute
        As in :class:`jaxlab.studies.Study`, with the part's own variables and cells only.
    """

    name: str
    template: Callable[[Any], xr.Dataset]
    cells: Callable[[Any], Sequence[Cell]]
    compute: Callable[[Any, Cell], Values]


class Variable(NamedTuple):
    """Declaration of one variable of a template: dims, kind, and what it means."""

    dims: tuple[str, ...]
    kind: type
    long_name: str
    units: str = "1"


def template(
    coords: Mapping[str, Sequence | np.ndarray], variables: Mapping[str, Variable]
) -> xr.Dataset:
    """A Dataset whose float variables are all NaN and whose integer variables are all -1.

    Parameters
    ----------
    coords
        Values along every dimension.
    variables
        Declarations; kinds are ``float`` (stored as float64) or ``int`` (int64).

    Examples
    --------
    >>> empty = template({"depth": [1, 2]}, {"pieces": Variable(("depth",), int, "affine pieces")})
    >>> empty.pieces.values
    array([-1, -1])
    """
    arrays = {}
    for name, variable in variables.items():
        shape = tuple(len(coords[dim]) for dim in variable.dims)
        if variable.kind is int:
            values = np.full(shape, -1, np.int64)
        else:
            values = np.full(shape, np.nan, np.float64)
        attrs = {"long_name": variable.long_name, "units": variable.units}
        arrays[name] = xr.DataArray(values, dims=variable.dims, attrs=attrs)
    return xr.Dataset(arrays, {name: list(values) for name, values in coords.items()})


def combine(parts: Sequence[Part]) -> Part:
    """Join parts into one: variables side by side, cells one after another.

    Raises
    ------
    ValueError
        If two parts declare the same variable, or one dimension with different coordinates.
    """
    by_name = {part.name: part for part in parts}

    def joined_template(config: Any) -> xr.Dataset:
        return xr.merge(
            [part.template(config) for part in parts], compat="no_conflicts", join="exact"
        )

    def joined_cells(config: Any) -> list[Cell]:
        return [
            cell._replace(name=f"{part.name}.{cell.name}")
            for part in parts
            for cell in part.cells(config)
        ]

    def joined_compute(config: Any, cell: Cell) -> Values:
        prefix, name = cell.name.split(".", 1)
        return by_name[prefix].compute(config, cell._replace(name=name))

    return Part("+".join(by_name), joined_template, joined_cells, joined_compute)


def named_key(seed: int, name: str) -> jax.Array:
    """A typed key that depends on the seed and the name alone.

    Cells that must see the same draw (one start in several formats) ask by the same name.

    Examples
    --------
    >>> bool(named_key(0, "a") == named_key(0, "a")), bool(named_key(0, "a") == named_key(0, "b"))
    (True, False)
    """
    return jax.random.fold_in(jax.random.key(seed), zlib.crc32(name.encode()))
