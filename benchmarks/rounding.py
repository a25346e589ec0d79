"""Rounding to a format: time and wrong bits, jaxlab and its peers on the same array.

A row's ``ratio_to_jaxlab`` is its time over jaxlab's in the same case: above 1, jaxlab is faster.
``mismatches`` counts the float32 bit patterns which the contender rounds otherwise than NumPy or
ml_dtypes (the sign and payload of NaN aside). Slow contenders are timed fewer times than asked.
"""

import contextlib
import importlib
import io
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxlab.arithmetic import as_format, round_to

CASES = ("bfloat16", "float16", "float8_e4m3fn")
ELEMENTWISE = "x * 1.5"
PATIENCE = 10.0  # seconds after which a contender is not timed again
GFLOAT = {
    "bfloat16": "format_info_bfloat16",
    "float16": "format_info_binary16",
    "float8_e4m3fn": "format_info_ocp_e4m3",
}

Contender = tuple[str, Callable[[], Callable[[Any], Any]]]


def main(size: int = 10_000_000, repeats: int = 7, dry: bool = False) -> dict:
    """Measure every case; ``dry`` shrinks the arrays so that it ends in seconds."""
    size, repeats, patterns = (10_000, 1, 5_000) if dry else (size, repeats, 1_000_000)
    rng = np.random.default_rng(0)
    data = rng.standard_normal(size, dtype=np.float32)
    noise = rng.integers(0, 2**32, patterns, dtype=np.uint32).view(np.float32)
    rows = []
    for name in CASES:
        rows += _case(f"{name} nearest", _nearest(name), data, noise, repeats, name)
    for name in CASES[:1]:
        rows += _case(f"{name} stochastic", _stochastic(name), data, noise, repeats, None)
    return {
        "title": f"Rounding {size:,} float32 numbers to a format (median of {repeats})",
        "rows": rows,
        "notes": [
            "targets: nearest within 1.5 of the elementwise pass; 10x pychop; 3x gfloat",
            "compile_s: the first call less a later one; for eager contenders whatever they cache",
            "pychop's stochastic mode stays eager: jitted, it draws the same noise at every call",
            "pychop has no OCP E4M3: its (4, 3) is the IEEE-like format with infinities",
        ],
    }


def _case(case, contenders, data, noise, repeats, name) -> list[dict[str, Any]]:
    """Measure the contenders in turn, round after round, so that a busy machine hits them alike."""
    on_device = jnp.asarray(data)
    reference = None if name is None else _reference(noise, name)
    rows, racers = [], []
    with _quietly():
        for contender, make in contenders:
            row = {"case": case, "contender": contender}
            rows.append(row)
            try:
                f = make()
                argument = on_device if getattr(f, "on_jax", False) else data
                first = _seconds(f, argument)
                if reference is not None and contender != ELEMENTWISE:
                    row["mismatches"] = _differing(np.asarray(f(noise), np.float32), reference)
                racers.append((row, f, argument, first, []))
            except ImportError:
                row["note"] = "not installed"
            except Exception as error:  # a peer that breaks is a result, not the end
                row["note"] = f"{type(error).__name__}: {str(error).splitlines()[0][:60]}"
        for _ in range(repeats):
            for _, f, argument, _, times in racers:
                if not times or sum(times) < PATIENCE:
                    times.append(_seconds(f, argument))
    for row, _, _, first, times in racers:
        seconds = statistics.median(times)
        row["seconds"] = seconds
        row["melt_per_s"] = data.size / seconds / 1e6
        row["compile_s"] = max(first - seconds, 0.0)
        if "seconds" in rows[0]:
            row["ratio_to_jaxlab"] = seconds / rows[0]["seconds"]
        row["mismatches"] = row.pop("mismatches", None)
    return rows


def _seconds(f: Callable, argument: Any) -> float:
    start = time.perf_counter()
    jax.block_until_ready(f(argument))
    return time.perf_counter() - start


@contextlib.contextmanager
def _quietly():
    """Neither what peers print, nor their warnings, nor NumPy's about NaN and overflow."""
    with (
        contextlib.redirect_stdout(io.StringIO()),
        warnings.catch_warnings(action="ignore"),
        np.errstate(all="ignore"),
    ):
        yield


def _reference(noise: np.ndarray, name: str) -> np.ndarray:
    with _quietly():
        return noise.astype(as_format(name).dtype).astype(np.float64).astype(np.float32)


def _differing(got: np.ndarray, expected: np.ndarray) -> int:
    same = (got.view(np.uint32) == expected.view(np.uint32)) | (np.isnan(got) & np.isnan(expected))
    return int(np.count_nonzero(~same))


def _on_jax(f: Callable) -> Callable:
    """Mark a function that takes a JAX array (which is put on the device before timing)."""

    def call(x):
        return f(x if isinstance(x, jax.Array) else jnp.asarray(x))

    call.on_jax = True
    return call


def _nearest(name: str) -> list[Contender]:
    dtype = as_format(name).dtype
    return [
        ("jaxlab", lambda: _on_jax(jax.jit(lambda x: round_to(x, name)))),
        (ELEMENTWISE, lambda: _on_jax(jax.jit(lambda x: x * 1.5))),
        ("jnp.astype", lambda: _on_jax(jax.jit(lambda x: x.astype(dtype).astype(x.dtype)))),
        ("numpy/ml_dtypes astype", lambda: lambda x: x.astype(dtype).astype(np.float32)),
        ("gfloat, jax jit", lambda: _on_jax(jax.jit(_gfloat(name)))),
        ("gfloat, numpy", lambda: _gfloat(name)),
        ("pychop, jax jit", lambda: _on_jax(jax.jit(_pychop(name, "jax")))),
        ("pychop, numpy", lambda: _pychop(name, "numpy")),
    ]


def _stochastic(name: str) -> list[Contender]:
    def own(impl, **options):
        key = jax.random.key(0, impl=impl)
        rounded = jax.jit(lambda x, key: round_to(x, name, "stochastic", key, **options))
        return _on_jax(lambda x: rounded(x, key))

    def gfloat():
        rounded = _gfloat(name, stochastic=True)

        def f(x, key):
            return rounded(x, jax.random.bits(key, x.shape, np.uint32))

        compiled = jax.jit(f)
        return _on_jax(lambda x: compiled(x, jax.random.key(0)))

    return [
        ("jaxlab, threefry", lambda: own("threefry2x32")),
        ("jaxlab, rbg", lambda: own("rbg")),
        ("jaxlab, rbg, 8 random bits", lambda: own("rbg", random_bits=8)),
        (ELEMENTWISE, lambda: _on_jax(jax.jit(lambda x: x * 1.5))),
        ("gfloat, jax jit, threefry", gfloat),
        ("pychop, jax", lambda: _on_jax(_pychop(name, "jax", rmode=5))),
        ("pychop, numpy", lambda: _pychop(name, "numpy", rmode=5)),
    ]


def _gfloat(name: str, stochastic: bool = False) -> Callable:
    gfloat = importlib.import_module("gfloat")
    info = getattr(importlib.import_module("gfloat.formats"), GFLOAT[name])
    if not stochastic:
        return lambda x: gfloat.round_ndarray(info, x)
    mode = gfloat.RoundMode.Stochastic
    return lambda x, bits: gfloat.round_ndarray(info, x, mode, srbits=bits >> 16, srnumbits=16)


def _pychop(name: str, backend: str, rmode: int = 1) -> Callable:
    """A Chop of the format's widths; the choice of backend is global state of pychop."""
    pychop = importlib.import_module("pychop")
    pychop.backend(backend)
    fmt = as_format(name)
    exponent_bits = {"bfloat16": 8, "float16": 5, "float8_e4m3fn": 4}[name]
    chop = pychop.Chop(exp_bits=exponent_bits, sig_bits=fmt.precision - 1, rmode=rmode)

    def f(x):
        pychop.backend(backend)
        return chop(x)

    return f


if __name__ == "__main__":
    print(main())
