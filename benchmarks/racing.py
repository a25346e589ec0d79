"""Contenders timed in turn, round after round, so that a busy machine hits them all alike."""

import contextlib
import io
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

PATIENCE = 10.0  # seconds after which a contender is not timed again
TURN = 0.02  # seconds for which a fast contender is timed, call by call, when its turn comes


class Racer(NamedTuple):
    """What is timed, and what is to be said about its result besides."""

    run: Callable[[], Any]
    check: Callable[[Any], dict[str, Any]] = lambda result: {}
    share: float = 1.0  # of the work that the others do; the best and the median are extrapolated


Contender = tuple[str, Callable[[], Racer]]
"""A name, and what makes the racer: that is not timed, and may fail."""


def race(
    case: str, contenders: Sequence[Contender], repeats: int, ratio: str = "ratio"
) -> list[dict[str, Any]]:
    """One row per contender: the best time, the median, and the first call less the best.

    The column named by ``ratio`` has the best time over that of the first contender. A peer that
    is missing or breaks gets a note instead of times: that is a result, not the end. Slow
    contenders get fewer than ``repeats`` turns, fast ones make several calls in each.
    """
    rows, running = [], []
    with quietly():
        for name, make in contenders:
            row: dict[str, Any] = {"case": case, "contender": name}
            rows.append(row)
            try:
                racer = make()
                first, result = _timed(racer.run)
                row.update(racer.check(result))
                running.append((row, racer, first, []))
            except ImportError as error:
                row["note"] = f"not installed: {error.name or error}"
            except Exception as error:
                row["note"] = f"{type(error).__name__}: {str(error).split(chr(10))[0][:60]}"
        for _ in range(repeats):
            for _, racer, _, times in running:
                if sum(times) < PATIENCE:
                    times += _turn(racer.run)
    for row, racer, first, times in running:
        best = min(times) / racer.share
        facts = {"seconds": best, "median_s": statistics.median(times) / racer.share}
        facts["compile_s"] = max(first - min(times), 0.0)
        base = rows[0].get("seconds", best if row is rows[0] else None)
        if base is not None:
            facts[ratio] = best / base
        checked = {key: row.pop(key) for key in list(row) if key not in ("case", "contender")}
        row.update(facts | checked)  # times before other facts
    return rows


def _turn(run: Callable[[], Any]) -> list[float]:
    times = [_timed(run)[0]]
    while sum(times) < TURN:
        times.append(_timed(run)[0])
    return times


def _timed(run: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = jax.block_until_ready(run())
    return time.perf_counter() - start, result


@contextlib.contextmanager
def quietly():
    """Neither what peers print, nor their warnings, nor NumPy's about NaN and overflow."""
    with (
        contextlib.redirect_stdout(io.StringIO()),
        warnings.catch_warnings(action="ignore"),
        np.errstate(all="ignore"),
    ):
        yield
