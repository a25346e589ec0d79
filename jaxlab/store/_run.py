"""Runs on disk: created whole, advanced cell by cell, killed at any moment, resumed bitwise equal.

A run is the directory ``runs/<study>/<name>/``:

``manifest.json``
    What was asked, where, and the list of cells; written once.
``data.zarr``
    A Zarr v3 group; every cell has its own chunks.
``cells/<cell>.json``
    One marker per finished cell, renamed into place after the cell's chunks are on the disk.
``figures/``, ``claims.json``, ``report.html``
    Written by :mod:`jaxlab.report`.

Any number of processes may advance one run at once: they share no file that they write.
"""

import errno
import json
import os
import pathlib
import shutil
import uuid
from collections.abc import Callable
from typing import Any

import xarray as xr

from jaxlab.arithmetic.probe import fingerprint, is_strict
from jaxlab.store import _arrays, _configs, _manifest
from jaxlab.store._errors import StoreError as StoreError
from jaxlab.store._manifest import Run as Run
from jaxlab.store._progress import Progress, reporting
from jaxlab.studies._study import Study, check_config, default_workers, evaluate


def create(
    study: Study,
    config: Any,
    path: str | os.PathLike[str],
    *,
    preset: str | None = None,
    join: bool = False,
    strict: bool = False,
) -> Run:
    """Create a run's directory, complete and atomically.

    The directory is prepared under a hidden name beside ``path`` and renamed: a process killed
    on the way leaves nothing at ``path``, and of several processes one wins.

    Parameters
    ----------
    study
        The study.
    config
        A configuration of the study's type.
    path
        The new directory; parents are made. An empty directory may stand there.
    preset
        Name of the preset from which ``config`` was made.
    join
        If a run of the same study, configuration and strictness is there already, return it.
    strict
        Record that this process runs in strict mode (:func:`jaxlab.arithmetic.probe.strict_flags`),
        with the full probe's measurement of what that left undone.

    Returns
    -------
    The :class:`Run`, no cell of which is finished unless it was joined.

    Raises
    ------
    StoreError
        If ``path`` is taken, or holds another run than the one to join.
    TypeError, ValueError
        If the configuration or the study's cells are malformed, or this process is not strict and
        should be.
    OSError
        If the disk is full or not writable; nothing is left behind.
    """
    path = pathlib.Path(path)
    check_config(study, config)
    if strict and not is_strict():
        raise ValueError("strict: got True, expected XLA_FLAGS to have the flags of strict mode")
    encoded = _configs.encode(config)
    if _is_taken(path):
        return _join(study, encoded, path, join, strict)
    template = study.template(config)
    cells = tuple(study.cells(config))
    _manifest.check_cells(cells, template)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
    run = _manifest.plan(study.name, encoded, draft, preset, cells, strict)
    try:
        _write_draft(run, template)
        os.rename(draft, path)
    except BaseException as error:
        shutil.rmtree(draft, ignore_errors=True)
        taken = isinstance(error, OSError) and error.errno in (errno.ENOTEMPTY, errno.EEXIST)
        if taken and _is_taken(path):
            return _join(study, encoded, path, join, strict)
        raise
    _arrays.sync(path.parent)
    return run._replace(path=path)


def _write_draft(run: Run, template: xr.Dataset) -> None:
    """Write all that a new run consists of, and flush it."""
    run.path.mkdir()
    (run.path / "cells").mkdir()
    (run.path / "figures").mkdir()
    _arrays.write_template(run.path / "data.zarr", template, run.cells)
    _manifest.write_manifest(run)
    for entry in run.path.rglob("*"):
        _arrays.sync(entry)


def open(path: str | os.PathLike[str]) -> Run:
    """Open the run at ``path``.

    Raises
    ------
    StoreError
        If there is no run, or its manifest is corrupt or of another format.
    """
    return _manifest.read_manifest(pathlib.Path(path))


def config_of(run: Run, study: Study) -> Any:
    """Rebuild the run's configuration through the study's own dataclass.

    Raises
    ------
    StoreError
        If the run is of another study, or a field is unknown, missing or of the wrong type.
    """
    if run.study != study.name:
        raise StoreError(f"{run.path}: a run of the study {run.study!r}, expected {study.name!r}")
    try:
        return _configs.decode(type(next(iter(study.presets.values()))), run.config)
    except (TypeError, ValueError) as error:
        raise StoreError(f"{run.path / 'manifest.json'}: {error}") from None


def finished(run: Run) -> frozenset[str]:
    """Names of the cells that have their marker."""
    present = {entry.name for entry in os.scandir(run.path / "cells")}
    return frozenset(cell.name for cell in run.cells if f"{cell.name}.json" in present)


def markers(run: Run) -> dict[str, dict[str, Any]]:
    """The markers of the finished cells by name.

    A marker has ``seconds``, ``finished``, ``host``, ``pid``, ``variables`` and ``numerics`` (the
    digest of :func:`jaxlab.arithmetic.probe.fingerprint` in the process that computed it).

    Raises
    ------
    StoreError
        If a marker is corrupt.
    """
    found = {}
    for name in sorted(finished(run)):
        file = run.path / "cells" / f"{name}.json"
        marker = _manifest.read_json(file)
        names = marker.get("variables")
        if not isinstance(names, list) or not isinstance(marker.get("seconds"), (int, float)):
            raise StoreError(f"{file}: corrupt: delete it and resume to compute the cell again")
        found[name] = marker
    return found


def advance(
    run: Run,
    study: Study,
    *,
    shard: tuple[int, int] = (0, 1),
    progress: Progress = True,
    stop: Callable[[], bool] = lambda: False,
) -> int:
    """Compute the cells that have no marker yet, on a CPU a few side by side.

    Each cell's chunks are written and flushed, then its marker is renamed into place; a cell cut
    off before that is computed again, to the same bytes. 64-bit types are enabled throughout.

    Parameters
    ----------
    run
        The run.
    study
        Its study.
    shard
        ``(i, n)`` takes the cells ``i, i + n, i + 2n, ...`` of the run.
    progress
        True for a tqdm bar; False for none; or a function, called with the numbers of done and of
        all cells of the shard at the start and after each cell.
    stop
        Asked after each cell; raises KeyboardInterrupt where it says True.

    Returns
    -------
    The number of cells computed.

    Raises
    ------
    StoreError
        If the run does not belong to the study, or the study's cells have changed.
    ValueError
        If the shard is impossible, or a cell's result does not fit the template.
    OSError
        If the disk is full or not writable; all finished cells are kept.
    """
    position, count = shard
    if not 0 <= position < count:
        raise ValueError(f"shard: got {position}/{count}, expected i/n with 0 <= i < n")
    config = config_of(run, study)
    cells = tuple(study.cells(config))
    if [(c.name, dict(c.index)) for c in cells] != [(c.name, dict(c.index)) for c in run.cells]:
        raise StoreError(f"{run.path}: the cells of {run.study!r} have changed since this run")
    done = finished(run)
    mine = cells[position::count]
    pending = [cell for cell in mine if cell.name not in done]
    if not pending:
        return 0
    numerics = fingerprint().digest
    workers = default_workers()
    with reporting(len(mine) - len(pending), len(mine), progress) as tick:
        for cell, values, seconds in evaluate(study, config, pending, workers):
            _arrays.write_cell(run.path / "data.zarr", cell, values)
            marker = {"seconds": seconds, "variables": sorted(values), "numerics": numerics}
            file = run.path / "cells" / f"{cell.name}.json"
            _manifest.write_json(file, {**marker, **_manifest.stamp()})
            tick()
            if stop():
                raise KeyboardInterrupt
    return len(pending)


def load(path: str | os.PathLike[str]) -> xr.Dataset:
    """Read a run's data into memory.

    Returns
    -------
    The study's template with the finished cells filled in. Attributes added: ``study``,
    ``preset``, ``config`` (JSON), ``created``, ``cells``, ``missing_cells``, ``numerics``.

    Raises
    ------
    StoreError
        If there is no run, or the data are corrupt.
    """
    run = open(path)
    done = markers(run)
    cells = [cell for cell in run.cells if cell.name in done]
    written = [(cell, done[cell.name]["variables"]) for cell in cells]
    try:
        dataset = _arrays.read(
            run.path / "data.zarr", written if len(cells) < len(run.cells) else None
        )
    except (KeyError, IndexError, ValueError, RuntimeError, FileNotFoundError) as error:
        raise StoreError(f"{run.path / 'data.zarr'}: corrupt: {str(error).strip()}") from error
    return dataset.assign_attrs(
        study=run.study,
        preset=run.preset or "",
        config=json.dumps(run.config),
        created=run.created,
        cells=len(run.cells),
        missing_cells=len(run.cells) - len(cells),
        numerics=str(run.environment.get("fingerprint", {}).get("digest", "")),
    )


def drift(run: Run) -> list[str]:
    """How this process differs from the one that created the run, where results may depend on it.

    Returns
    -------
    Lines such as ``"jax 0.10.2, now 0.11.0"``; empty if cells computed here are comparable.
    """
    here = _manifest.environment()
    keys = ("jaxlab", "jax", "jaxlib", "numpy", "platform", "device_kind", "xla_flags")
    pairs = [(key, run.environment.get(key), here[key]) for key in keys]
    old = run.environment.get("fingerprint", {}).get("digest")
    pairs.append(("numerics", old, here["fingerprint"]["digest"]))
    return [f"{key} {old or 'none'}, now {new or 'none'}" for key, old, new in pairs if old != new]


def _is_taken(path: pathlib.Path) -> bool:
    return path.exists() and not (path.is_dir() and not any(path.iterdir()))


def _join(
    study: Study, encoded: dict[str, Any], path: pathlib.Path, join: bool, strict: bool
) -> Run:
    if not join:
        kind = "directory" if path.is_dir() else "file"
        raise StoreError(
            f"{path}: this {kind} exists already; continue a run with `jaxlab resume {path}` "
            "or choose another directory"
        )
    run = open(path)
    if run.study != study.name or run.config != encoded:
        raise StoreError(f"{path}: holds a run of another study or configuration; cannot join it")
    if run.environment.get("strict", False) != strict:
        without = "without" if strict else "with"
        raise StoreError(f"{path}: holds a run {without} --strict; join it likewise")
    return run
