"""``python -m benchmarks``: run the benchmarks and print their tables."""

import dataclasses
import importlib
import json
import os
import pathlib
import platform
import sys
from typing import Annotated, Any

import jax
import tyro

NAMES = (
    "rounding",
    "accumulation",
    "emulation",
    "shadow",
    "line",
    "regions",
    "death",
    "ensemble",
    "flows",
    "inverse",
)


@dataclasses.dataclass(frozen=True)
class Options:
    """Speed and accuracy against named peers, as ratios measured in one run."""

    names: Annotated[tuple[str, ...], tyro.conf.Positional] = NAMES
    """Benchmarks to run."""
    dry: bool = False
    """Tiny sizes: shows that the benchmarks work, in seconds; the times mean nothing."""
    json: pathlib.Path | None = None
    """Also write everything to this file."""


def table(rows: list[dict[str, Any]]) -> str:
    """Rows as aligned text; columns in order of first appearance."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    shown = [[_cell(row.get(column)) for column in columns] for row in rows]
    sizes = [max(map(len, column)) for column in zip(columns, *shown, strict=True)]
    lines = [columns, ["-" * size for size in sizes], *shown]
    return "\n".join(
        "  ".join(cell.ljust(size) for cell, size in zip(line, sizes, strict=True)).rstrip()
        for line in lines
    )


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def environment() -> dict[str, Any]:
    """What the numbers were measured on."""
    device = jax.devices()[0]
    return {
        "device": f"{device.platform}: {device.device_kind}",
        "devices": jax.device_count(),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "jax": jax.__version__,
    }


def main() -> None:
    """Run what the command line asks for."""
    options = tyro.cli(Options, prog="python -m benchmarks")
    unknown = set(options.names) - set(NAMES)
    if unknown:
        sys.exit(f"benchmarks: error: names: got {sorted(unknown)}, expected some of {NAMES}")
    report = {"environment": environment(), "dry": options.dry, "results": {}}
    print(", ".join(f"{key} {value}" for key, value in report["environment"].items()))
    for name in options.names:
        result = importlib.import_module(f"benchmarks.{name}").main(dry=options.dry)
        report["results"][name] = result
        print(f"\n{result['title']}\n{table(result['rows'])}", flush=True)
        for note in result.get("notes", ()):
            print(f"  {note}")
    if options.json is not None:
        options.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
