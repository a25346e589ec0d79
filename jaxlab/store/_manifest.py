"""The manifest of a run: what was asked, where it runs, which cells it has."""

import datetime
import importlib.metadata
import json
import os
import pathlib
import platform
import re
import socket
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import xarray as xr

import jaxlab
from jaxlab.arithmetic.probe import Probe, as_json, deviations, fingerprint, probe
from jaxlab.store._arrays import sync
from jaxlab.store._errors import StoreError
from jaxlab.studies._study import Cell

FORMAT = 1
_FIELDS = {
    "format": int,
    "study": str,
    "preset": (str, type(None)),
    "config": dict,
    "seed": (int, type(None)),
    "created": str,
    "environment": dict,
    "cells": list,
}
_CELL_NAME = re.compile(r"[A-Za-z0-9_+][A-Za-z0-9._+-]*")


class Run(NamedTuple):
    """A run on disk: its directory and its manifest.

    Attributes
    ----------
    path
        The directory.
    study, preset
        Names; ``preset`` is None where the configuration started from none.
    config
        The configuration as JSON values; ``store.config_of`` rebuilds it.
    seed
        The configuration's ``seed`` field, if it has one.
    created
        ISO 8601 time with offset.
    environment
        Versions, device, XLA flags and numerics fingerprint of the creating process. The
        fingerprint has the ``digest`` of the quick probe, its ``deviations`` from IEEE 754 in
        words, and the measured ``facts``; a run in ``strict`` mode has those of the full probe.
    cells
        Every cell of the run, finished or not.
    """

    path: pathlib.Path
    study: str
    preset: str | None
    config: Mapping[str, Any]
    seed: int | None
    created: str
    environment: Mapping[str, Any]
    cells: tuple[Cell, ...]


def environment() -> dict[str, Any]:
    """Versions, device, XLA flags and measured numerics of this process.

    Examples
    --------
    >>> sorted(environment())
    ['device_count', 'device_kind', 'fingerprint', 'jax', 'jaxlab', 'jaxlib', 'machine',
     'numpy', 'platform', 'python', 'strict', 'system', 'xla_flags']
    """
    device = jax.devices()[0]
    return {
        "jaxlab": jaxlab.__version__,
        "jax": jax.__version__,
        "jaxlib": importlib.metadata.version("jaxlib"),
        "numpy": importlib.metadata.version("numpy"),
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "platform": device.platform,
        "device_kind": device.device_kind,
        "device_count": jax.device_count(),
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
        "strict": False,
        "fingerprint": _record(fingerprint()),
    }


def strict_environment() -> dict[str, Any]:
    """:func:`environment` of a strict process, with all that the full probe finds.

    The digest stays that of the quick probe, so that it can be compared with any other run's.
    """
    there = environment()
    record = {**_record(probe()), "digest": there["fingerprint"]["digest"]}
    return {**there, "strict": True, "fingerprint": record}


def _record(measured: Probe) -> dict[str, Any]:
    facts = as_json(measured)
    del facts["system"], facts["digest"]  # the environment and the record have them
    return {"digest": measured.digest, "deviations": deviations(measured), "facts": facts}


def now() -> str:
    """The present time, ISO 8601 with offset, to the second."""
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


def stamp() -> dict[str, Any]:
    """When, where and by which process: what a cell's marker records."""
    return {"finished": now(), "host": socket.gethostname(), "pid": os.getpid()}


def plan(
    study: str,
    config: dict[str, Any],
    path: pathlib.Path,
    preset: str | None,
    cells: tuple[Cell, ...],
    strict: bool = False,
) -> Run:
    """The manifest of a new run in this process."""
    seed = config.get("seed")
    return Run(
        path=path,
        study=study,
        preset=preset,
        config=config,
        seed=seed if isinstance(seed, int) else None,
        created=now(),
        environment=strict_environment() if strict else environment(),
        cells=cells,
    )


def write_manifest(run: Run) -> None:
    """Write ``manifest.json`` of a run."""
    fields = {"format": FORMAT, **run._asdict()}
    del fields["path"]
    fields["cells"] = [{"name": cell.name, "index": dict(cell.index)} for cell in run.cells]
    write_json(run.path / "manifest.json", fields)


def read_manifest(path: pathlib.Path) -> Run:
    """Read and check ``manifest.json``.

    Raises
    ------
    StoreError
        If there is no run at ``path``, or its manifest is corrupt or of another format.
    """
    if not path.exists():
        raise StoreError(f"{path}: no such directory; `jaxlab run` starts a run")
    if not path.is_dir():
        raise StoreError(f"{path}: this is a file, expected the directory of a run")
    file = path / "manifest.json"
    if not file.exists():
        raise StoreError(f"{path}: not the directory of a run (no manifest.json)")
    fields = read_json(file)
    found = fields.pop("format", None)
    if found != FORMAT:
        raise StoreError(f"{file}: got manifest format {found!r}, expected {FORMAT}")
    for name, kind in _FIELDS.items():
        if name != "format" and not isinstance(fields.get(name, ...), kind):
            raise StoreError(f"{file}: corrupt: the field {name!r} is missing or malformed")
    cells = tuple(_read_cell(file, entry) for entry in fields["cells"])
    return Run(**{name: fields[name] for name in Run._fields[1:-1]}, path=path, cells=cells)


def check_name(name: str) -> None:
    """Raise ValueError unless ``name`` can stand in a file name on every system."""
    if not _CELL_NAME.fullmatch(name):
        raise ValueError(f"name: got {name!r}, expected letters, digits, '.', '_', '+' and '-'")


def check_cells(cells: Sequence[Cell], template: xr.Dataset) -> None:
    """Raise ValueError unless the cells have distinct file-safe names and lie in the template."""
    if not cells:
        raise ValueError("cells: got none, expected at least one")
    seen: set[str] = set()
    for cell in cells:
        check_name(cell.name)
        if cell.name in seen:
            raise ValueError(f"cells: the name {cell.name!r} occurs twice")
        seen.add(cell.name)
        for dim, at in cell.index.items():
            size = template.sizes.get(dim, 0)
            if not 0 <= at < size:
                raise ValueError(f"cell {cell.name}: got {dim}={at}, expected 0 <= {dim} < {size}")


def write_json(path: pathlib.Path, value: Any) -> None:
    """Write strict JSON atomically; see :func:`write_file`."""
    write_file(path, (json.dumps(value, indent=1, allow_nan=False) + "\n").encode())


def read_json(path: pathlib.Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    StoreError
        If the file is not JSON, or not an object.
    """
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path}: corrupt: not JSON ({error})") from None
    if not isinstance(value, dict):
        raise StoreError(f"{path}: corrupt: expected a JSON object")
    return value


def write_file(path: pathlib.Path, data: bytes) -> None:
    """Write a file that is at every moment either the old one or the new one, whole.

    The data goes to a temporary neighbour, is flushed to the disk, and replaces ``path`` by one
    rename.

    Raises
    ------
    OSError
        If the disk is full or not writable; ``path`` is then as it was.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


def _read_cell(file: pathlib.Path, entry: Any) -> Cell:
    name = entry.get("name") if isinstance(entry, dict) else None
    index = entry.get("index") if isinstance(entry, dict) else None
    if (
        not isinstance(name, str)
        or not _CELL_NAME.fullmatch(name)
        or not isinstance(index, dict)
        or not all(type(at) is int and at >= 0 for at in index.values())
    ):
        raise StoreError(f"{file}: corrupt: malformed cell {entry!r}")
    return Cell(name, index)
