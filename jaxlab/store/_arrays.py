"""The Zarr group of a run: one set of chunks per cell, written whole, checksummed and flushed."""

import itertools
import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
import zarr
import zarr.codecs

from jaxlab.studies._study import Cell

_COMPRESSORS = (zarr.codecs.ZstdCodec(level=3, checksum=True),)


def write_template(path: pathlib.Path, template: xr.Dataset, cells: Sequence[Cell]) -> None:
    """Create the group: coordinates in full, every variable at fill, chunked by cells.

    Parameters
    ----------
    path
        The group's directory; must not exist.
    template
        The study's template.
    cells
        All cells. A dimension that some cell pins has chunks of size one.

    Raises
    ------
    TypeError
        If a variable is not of a float, signed integer or bool dtype.
    """
    pinned = {dim for cell in cells for dim in cell.index}
    group = zarr.create_group(path, zarr_format=3)
    attributes = jsonable(template.attrs)
    auxiliary = [str(name) for name in template.coords if name not in template.dims]
    if auxiliary:
        attributes["coordinates"] = " ".join(auxiliary)
    attributes["variables"] = [str(name) for name in template.data_vars]
    group.update_attributes(attributes)
    for name, variable in template.variables.items():
        values = np.asarray(variable.values)
        is_coordinate = name in template.coords
        if values.dtype.kind in "UO":
            values = values.astype(np.dtypes.StringDType())
        chunks = tuple(
            1 if dim in pinned and not is_coordinate else max(1, size)
            for dim, size in variable.sizes.items()
        )
        array = group.create_array(
            str(name),
            shape=values.shape,
            dtype=values.dtype,
            chunks=chunks,
            fill_value=None if is_coordinate else fill_of(str(name), values.dtype),
            dimension_names=[str(dim) for dim in variable.dims],
            attributes=jsonable(variable.attrs),
            compressors=_COMPRESSORS,
        )
        if is_coordinate:
            array[...] = values


def write_cell(path: pathlib.Path, cell: Cell, values: Mapping[str, Any]) -> None:
    """Write a cell's arrays into their slots and flush them to the disk.

    Parameters
    ----------
    path
        The group's directory.
    cell
        Which positions to fill.
    values
        An array per variable, shaped like the variable without the pinned dimensions.

    Raises
    ------
    ValueError
        If a variable is unknown, or an array's shape or dtype does not fit, or the cell shares a
        slot with another cell and disagrees about its contents.
    """
    group = zarr.open_group(path, mode="r+", zarr_format=3)
    for name, value in values.items():
        value = np.asarray(value)
        array = group.get(name)
        if not isinstance(array, zarr.Array):
            raise ValueError(f"cell {cell.name}: got variable {name!r}, which the template lacks")
        array = array.with_config({"write_empty_chunks": True})
        dims = dims_of(array)
        slot = slot_of(dims, cell)
        expected = tuple(n for n, at in zip(array.shape, slot, strict=True) if at == slice(None))
        where = f"cell {cell.name}, variable {name}"
        if value.shape != expected:
            raise ValueError(f"{where}: got shape {value.shape}, expected {expected}")
        if not np.can_cast(value.dtype, array.dtype, "safe"):
            raise ValueError(f"{where}: got dtype {value.dtype}, expected {array.dtype}")
        value = value.astype(array.dtype)
        if any(dim not in dims for dim in cell.index):
            _check_agreement(where, np.asarray(array[slot]), value, array.fill_value)
        array[slot] = value
        for chunk in _chunk_files(path / name, array, slot):
            sync(chunk)
            sync(chunk.parent)


def read(path: pathlib.Path, written: Iterable[tuple[Cell, Iterable[str]]] | None) -> xr.Dataset:
    """Read the group into memory.

    Parameters
    ----------
    path
        The group's directory.
    written
        Cells with the variables each of them wrote: everything else is returned at fill, so that
        half-written cells do not show. None takes everything as it is.

    Returns
    -------
    A Dataset equal to the template where nothing was written.
    """
    dataset = xr.open_zarr(
        path, chunks=None, consolidated=False, mask_and_scale=False, decode_times=False
    ).load()
    order = dataset.attrs.pop("variables")
    dataset = dataset[order].assign_coords(dataset.coords)  # those of no variable, too
    if written is not None:
        group = zarr.open_group(path, mode="r", zarr_format=3)
        kept = {
            str(name): np.full_like(variable.values, group[str(name)].fill_value)  # pyright: ignore
            for name, variable in dataset.data_vars.items()
        }
        for cell, names in written:
            for name in names:
                slot = slot_of([str(dim) for dim in dataset[name].dims], cell)
                kept[name][slot] = dataset[name].values[slot]
        dataset = dataset.assign(
            {name: (dataset[name].dims, kept[name], dataset[name].attrs) for name in kept}
        )
    for name, variable in dataset.variables.items():
        if variable.dtype.kind == "T":
            text = (variable.dims, np.array(variable.values.tolist(), str), variable.attrs)
            dataset = dataset.assign_coords({name: text})
    for variable in dataset.variables.values():
        variable.encoding.clear()
    return dataset


def slot_of(dims: Sequence[str], cell: Cell) -> tuple[Any, ...]:
    """The cell's slot in an array with these dimensions: positions where pinned, else all."""
    return tuple(cell.index.get(dim, slice(None)) for dim in dims)


def dims_of(array: zarr.Array) -> tuple[str, ...]:
    """The dimension names that the array's metadata carries."""
    return tuple(str(dim) for dim in getattr(array.metadata, "dimension_names", None) or ())


def fill_of(name: str, dtype: np.dtype) -> float | int | bool:
    """What an unwritten entry holds: NaN, -1 or False."""
    fills = {"f": float("nan"), "i": -1, "b": False}
    if dtype.kind not in fills:
        raise TypeError(f"variable {name}: got dtype {dtype}, expected float, signed int or bool")
    return fills[dtype.kind]


def jsonable(value: Any) -> Any:
    """Attributes as JSON values: NumPy scalars and arrays become Python's, tuples lists."""
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    return value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value


def sync(path: pathlib.Path) -> None:
    """Flush a file or a directory's entries to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_agreement(where: str, old: np.ndarray, new: np.ndarray, fill: Any) -> None:
    untouched = np.full_like(old, fill).tobytes()
    if old.tobytes() not in (untouched, new.tobytes()):
        raise ValueError(f"{where}: cells that share this slot disagree about its contents")


def _chunk_files(directory: pathlib.Path, array: zarr.Array, slot: tuple[Any, ...]) -> list[Any]:
    """The chunk files that a slot covers."""
    positions = [
        range(-(-size // chunk)) if at == slice(None) else (at,)
        for at, size, chunk in zip(slot, array.shape, array.chunks, strict=True)
    ]
    keys = itertools.product(*positions)
    return [directory.joinpath("c", *(str(position) for position in key)) for key in keys]
