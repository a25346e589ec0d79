"""What a study is: a configuration, independent cells, and claims judged on their data."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import jax
import matplotlib.figure
import numpy as np
import xarray as xr

Verdict = Literal["supported", "refuted", "inconclusive", "not comparable"]


class Claim(NamedTuple):
    """One statement, what was expected, what was measured, and the verdict.

    Attributes
    ----------
    statement
        One sentence that the data can refute.
    source
        Where it comes from (theorem, paper, DOI or arXiv id; "reconstruction" where it is ours).
    expected
        The value or relation claimed.
    measured
        What this run measured.
    interval
        The uncertainty of the measurement and its confidence level; "exact" for exact counts.
    verdict
        ``supported``, ``refuted``, ``inconclusive`` or ``not comparable``.
    """

    statement: str
    source: str
    expected: str
    measured: str
    interval: str
    verdict: Verdict


class Figure(NamedTuple):
    """A finished picture with the name of its file and its caption."""

    name: str
    caption: str
    figure: matplotlib.figure.Figure


class Cell(NamedTuple):
    """One independent unit of work, written to disk whole.

    Attributes
    ----------
    name
        Unique within the study; letters, digits, ``.``, ``_``, ``+`` and ``-`` only.
    index
        For each dimension that the cell pins, the position along it. The cell fills, in every
        variable it returns, the slice at these positions.
    """

    name: str
    index: Mapping[str, int]


class Study(NamedTuple):
    """A published result as a computation: ``Config -> cells -> Dataset -> claims and figures``.

    Attributes
    ----------
    name, summary, source
        What ``jaxlab list`` prints.
    presets
        Named configurations (frozen dataclasses of one type); the first is the default.
    template
        ``config -> Dataset`` with every coordinate in place and every variable filled with NaN
        (float64) or -1 (int64); units and long names are attributes.
    cells
        ``config -> cells``; together they fill the template.
    compute
        ``(config, cell) -> {variable: array}``; each array has the variable's shape without the
        dimensions that the cell pins. Pure: the result depends on the arguments alone.
    claims, figures
        Judgements and pictures from a (possibly incomplete) Dataset.
    """

    name: str
    summary: str
    source: str
    presets: Mapping[str, Any]
    template: Callable[[Any], xr.Dataset]
    cells: Callable[[Any], Sequence[Cell]]
    compute: Callable[[Any, Cell], Mapping[str, np.ndarray]]
    claims: Callable[[xr.Dataset], list[Claim]]
    figures: Callable[[xr.Dataset], list[Figure]]


def evaluate(
    study: Study, config: Any, cells: Sequence[Cell]
) -> Iterator[tuple[Cell, Mapping[str, np.ndarray]]]:
    """Compute the cells one after another, yielding each as soon as it is finished."""
    for cell in cells:
        yield cell, study.compute(config, cell)


def run(study: Study, config: Any) -> xr.Dataset:
    """Run a whole study in memory and return its Dataset.

    Parameters
    ----------
    study
        The study.
    config
        A configuration of the study's type.

    Returns
    -------
    The filled template.

    Raises
    ------
    TypeError
        If ``config`` is not of the study's configuration type.
    """
    check_config(study, config)
    dataset = study.template(config).load()
    with jax.enable_x64(True):
        for cell, values in evaluate(study, config, study.cells(config)):
            place(dataset, cell, values)
    return dataset


def place(dataset: xr.Dataset, cell: Cell, values: Mapping[str, np.ndarray]) -> None:
    """Write a cell's values into an in-memory Dataset, in place.

    Raises
    ------
    ValueError
        If a variable is unknown, or an array does not have the shape of its slot.
    """
    for name, value in values.items():
        if name not in dataset:
            raise ValueError(f"cell {cell.name}: got variable {name!r}, which the template lacks")
        index = {dim: at for dim, at in cell.index.items() if dim in dataset[name].dims}
        slot = dataset[name].isel(index)
        if slot.shape != np.shape(value):
            raise ValueError(
                f"cell {cell.name}, variable {name}: got shape {np.shape(value)}, "
                f"expected {slot.shape}"
            )
        dataset[name][index] = value


def check_config(study: Study, config: Any) -> None:
    """Raise TypeError unless ``config`` is a configuration of ``study``."""
    expected = type(next(iter(study.presets.values())))
    if not (dataclasses.is_dataclass(config) and isinstance(config, expected)):
        raise TypeError(f"config: got {type(config).__name__}, expected {expected.__name__}")
