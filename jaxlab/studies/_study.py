"""What a study is: a configuration, independent cells, and claims judged on their data."""

import dataclasses
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent import futures
from typing import Any, Literal, NamedTuple

import jax
import matplotlib.figure
import numpy as np
import xarray as xr

Verdict = Literal["supported", "refuted", "inconclusive", "not comparable"]


Values = Mapping[str, np.ndarray | np.generic]
"""What a cell computes: by variable, an array or a scalar."""


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
    index: Mapping[str, int]  # pyright: ignore[reportIncompatibleMethodOverride]


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
    notes
        What a reader of the report must know: what is published, what is reconstructed, what the
        controls are.
    """

    name: str
    summary: str
    source: str
    presets: Mapping[str, Any]
    template: Callable[[Any], xr.Dataset]
    cells: Callable[[Any], Sequence[Cell]]
    compute: Callable[[Any, Cell], Values]
    claims: Callable[[xr.Dataset], list[Claim]]
    figures: Callable[[xr.Dataset], list[Figure]]
    notes: str = ""


def evaluate(
    study: Study, config: Any, cells: Sequence[Cell], workers: int = 1
) -> Iterator[tuple[Cell, Values, float]]:
    """Compute cells, yielding each with its seconds as soon as it is finished.

    Parameters
    ----------
    study, config
        As in :class:`Study`. 64-bit types are enabled while a cell is computed.
    cells
        The cells; with more than one worker they finish in any order.
    workers
        Cells computed side by side, in threads: compilation and execution release the
        interpreter. A cell's values do not depend on what runs beside it.
    """

    def compute(cell: Cell) -> tuple[Cell, Values, float]:
        start = time.perf_counter()
        with jax.enable_x64(True):
            values = study.compute(config, cell)
        return cell, values, time.perf_counter() - start

    if workers == 1:
        yield from map(compute, cells)
        return
    pool = futures.ThreadPoolExecutor(workers)
    try:
        pending = [pool.submit(compute, cell) for cell in cells]
        for future in futures.as_completed(pending):
            yield future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def default_workers() -> int:
    """Cells to compute side by side: one on an accelerator, one more than cores on a CPU, up to 5.

    The spare one fills the pauses in which the others hold the interpreter.
    """
    return min(os.cpu_count() or 1, 4) + 1 if jax.default_backend() == "cpu" else 1


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
    for cell, values, _ in evaluate(study, config, study.cells(config), default_workers()):
        place(dataset, cell, values)
    return dataset


def runner(study: Study) -> Callable[..., xr.Dataset]:
    """A study's own ``run``: of a configuration, or of the study's first preset."""

    def run_in_memory(config: Any = None) -> xr.Dataset:
        """Run the study in memory.

        Parameters
        ----------
        config
            Sizes and seeds; the quick preset if None.

        Returns
        -------
        Dataset with all that was measured; its attributes say units and meanings.

        Raises
        ------
        TypeError
            If ``config`` is not a configuration of this study.
        """
        first = next(iter(study.presets.values()))
        return run(study, first if config is None else config)

    return run_in_memory


def place(dataset: xr.Dataset, cell: Cell, values: Values) -> None:
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
