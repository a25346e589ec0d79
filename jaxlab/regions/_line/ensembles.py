"""The host side of counting: exact conversion, chunks on all cores, what overflowed once more."""

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from threadpoolctl import threadpool_limits

from jaxlab.networks import mlp
from jaxlab.regions._line import host as _host
from jaxlab.regions._line import kernel as _kernel

# Bytes of knots a chunk may hold, so that its arrays stay in one core's cache (measured).
_CHUNK_BYTES = 2**20
# Lines through one network pay for a pass over its weights chunk by chunk, so they get larger ones.
_SHARED_BYTES = 2**23
# The C library keeps freed memory for the next array once it has freed an array of this size;
# before that, every chunk's large arrays are given back, and fetched again page by page.
_KEPT_BYTES = 2**25 - 2**13
_ALL = slice(None)
_POOL = threading.Lock()
_WIDE = {"i": np.int64, "f": np.float64, "b": np.bool_}


class Segments(NamedTuple):
    """Ends ``(lines, inputs)``, and whether only one line was given, without an axis."""

    starts: np.ndarray
    stops: np.ndarray
    single: bool


class Chunk(NamedTuple):
    """Units side by side: networks ``(units or 1, ...)``, ends ``(units, inputs)``."""

    params: _host.HostParameters
    starts: np.ndarray
    stops: np.ndarray


def to_host(params: mlp.Parameters) -> tuple[_host.HostParameters, bool]:
    """Float64 NumPy leaves with a leading network axis, and whether it had to be added.

    The conversion is exact and goes through NumPy: XLA on CPU flushes subnormal numbers to zero.
    """
    mlp.check_widths(params)
    host = [
        _host.HostLayer(*(np.asarray(leaf).astype(np.float64, copy=False) for leaf in pair))
        for pair in params
    ]
    single = host[0].weight.ndim == 2
    if single:
        host = [_host.HostLayer(weight[None], bias[None]) for weight, bias in host]
    nets = host[0].weight.shape[0]
    for index, (weight, bias) in enumerate(host):
        if weight.ndim != 3 or bias.ndim != 2 or len({nets, len(weight), len(bias)}) > 1:
            raise ValueError(
                f"params[{index}]: got weight {weight.shape[single:]} and bias "
                f"{bias.shape[single:]}, expected every leaf with the same leading network axis, "
                "or none with one"
            )
    return tuple(host), single


def pick(params: _host.HostParameters, index: int | slice | np.ndarray) -> _host.HostParameters:
    """One network of an ensemble, or some of them."""
    return tuple(_host.HostLayer(weight[index], bias[index]) for weight, bias in params)


def end_point(name: str, value, inputs: int) -> np.ndarray:
    """One end of the segment as float64 ``(inputs,)``."""
    point = np.asarray(value).astype(np.float64)
    if point.shape not in ((), (inputs,)):
        raise ValueError(f"{name}: got shape {point.shape}, expected () or ({inputs},)")
    return np.broadcast_to(point, (inputs,)).copy()


def segments(start, stop, inputs: int) -> Segments:
    """Both ends of one segment or of many, as float64."""
    ends = []
    for name, value in (("start", start), ("stop", stop)):
        point = np.asarray(value).astype(np.float64)
        if point.shape not in ((), (inputs,)) and point.shape[1:] != (inputs,):
            raise ValueError(
                f"{name}: got shape {point.shape}, expected (), ({inputs},) or (lines, {inputs})"
            )
        ends.append(point)
    single = max(point.ndim for point in ends) < 2
    lines = 1 if single else max(len(point) for point in ends if point.ndim == 2)
    for name, point in zip(("start", "stop"), ends, strict=True):
        if point.ndim == 2 and len(point) != lines:
            raise ValueError(f"{name}: got {len(point)} lines, expected {lines}")
    starts, stops = (np.array(np.broadcast_to(point, (lines, inputs))) for point in ends)
    return Segments(starts, stops, single)


def rounded(
    params: _host.HostParameters, ends: Segments, dtype: np.dtype | type
) -> tuple[_host.HostParameters, Segments]:
    """Networks and lines in float32."""
    if np.dtype(dtype) != np.float32:
        raise ValueError(f"dtype: got {np.dtype(dtype)}, expected float64 or float32")
    with np.errstate(over="ignore"):
        narrow = [_host.HostLayer(*(leaf.astype(dtype) for leaf in layer)) for layer in params]
        starts, stops = ends.starts.astype(dtype), ends.stops.astype(dtype)
    return tuple(narrow), ends._replace(starts=starts, stops=stops)


def chunks(params: _host.HostParameters, ends: Segments, batch: int | None) -> list[Chunk]:
    """Networks along one line, line by line; or lines through one network, one by one.

    The units come in the order (lines, networks) or (networks, lines): see :func:`by_line`.
    """
    nets, lines = len(params[0].weight), len(ends.starts)
    most = _CHUNK_BYTES if by_line(nets, lines) else _SHARED_BYTES
    size = batch or max(most // _unit_bytes(params), 1)
    if by_line(nets, lines):
        parts = [
            (_slice(i, size), _slice(k, 1)) for k in range(lines) for i in range(0, nets, size)
        ]
    else:
        parts = [
            (_slice(k, 1), _slice(i, size)) for k in range(nets) for i in range(0, lines, size)
        ]
    return [_chunk(params, ends, net, line) for net, line in parts]


def _unit_bytes(params: _host.HostParameters) -> int:
    """The largest array of knots of one unit, at about one crossing per neuron."""
    rows, most = 2, 1
    for weight, _ in params[:-1]:
        most = max(most, rows * max(weight.shape[1:]))
        rows += weight.shape[2]
    return params[0].weight.itemsize * most


def _slice(first: int, size: int) -> slice:
    return slice(first, first + size)


def by_line(nets: int, lines: int) -> bool:
    """Whether units are ordered (lines, networks) rather than (networks, lines)."""
    return nets >= lines


def _chunk(params: _host.HostParameters, ends: Segments, net, line) -> Chunk:
    some, starts, stops = pick(params, net), ends.starts[line], ends.stops[line]
    units = max(len(some[0].weight), len(starts)), starts.shape[1]
    return Chunk(some, np.broadcast_to(starts, units), np.broadcast_to(stops, units))


def count(chunks: Sequence[Chunk], limit: int, pieces: bool) -> _host.Counts:
    """Count in NumPy, one thread per core."""

    def run(chunk: Chunk) -> _host.Counts:
        with np.errstate(all="ignore"):
            return _host.count(*chunk, limit, pieces=pieces)

    if len(chunks) == 1:
        return run(chunks[0])
    np.empty(_KEPT_BYTES, np.uint8)
    # One pool at a time: the limit belongs to the whole process, and leaves as it came.
    with _POOL, threadpool_limits(1, "blas"), ThreadPoolExecutor(workers()) as pool:
        return _joined(list(pool.map(run, chunks)))


def count_compiled(
    chunks: Sequence[Chunk], plan: _kernel.Plan, pieces: bool
) -> tuple[_host.Counts, np.ndarray]:
    """Count in the compiled kernel, one chunk per call, one thread per core; and what overflowed.

    All chunks are filled up to one size with their first unit, so that one shape is compiled.
    """
    size = max(len(chunk.starts) for chunk in chunks)

    def run(chunk: Chunk) -> tuple[_host.Counts, np.ndarray]:
        units = len(chunk.starts)
        index = np.arange(size) % units if units < size else _ALL
        nets = index if len(chunk.params[0].weight) > 1 else _ALL
        with jax.enable_x64(True):
            given = pick(chunk.params, nets), chunk.starts[index], chunk.stops[index]
            *counts, overflow = _kernel_chunk(*jax.tree.map(jnp.asarray, given), plan, pieces)
            wide = (np.asarray(x)[:units].astype(_WIDE[x.dtype.kind]) for x in counts)
            return _host.Counts(*wide), np.asarray(overflow)[:units]

    done = [run(chunks[0])]  # compiles, before the threads start
    with ThreadPoolExecutor(max_workers=workers()) as pool:
        done += pool.map(run, chunks[1:])
    return _joined([counts for counts, _ in done]), np.concatenate([more for _, more in done])


@partial(jax.jit, static_argnames=("plan", "pieces"))
def _kernel_chunk(params, starts, stops, plan: _kernel.Plan, pieces: bool):
    def one(params, start, stop):
        knots = _kernel.sweep(params, start, stop, plan)
        found, undecided = jnp.int32(-1), knots.undecided
        steepest = jnp.full_like(knots.steepest, jnp.nan)
        if pieces:
            out = _kernel.outputs(knots, params[-1])
            found, undecided = out.pieces, undecided + out.undecided
            steepest = jnp.where(knots.finite, knots.steepest, jnp.nan)
        undecided = jnp.where(knots.finite, undecided, 0)
        regions = _kernel.regions(knots)
        return regions, found, steepest, undecided, knots.finite, knots.overflow

    params = tuple(mlp.Layer(*layer) for layer in params)
    shared = len(params[0].weight) == 1
    if shared:
        params = jax.tree.map(lambda leaf: leaf[0], params)
    return jax.vmap(one, in_axes=(None if shared else 0, 0, 0))(params, starts, stops)


def units(
    params: _host.HostParameters, ends: Segments, index: np.ndarray, size: int
) -> list[Chunk]:
    """Chunks of some units, by their indices in the order of :func:`chunks`."""
    nets, lines = len(params[0].weight), len(ends.starts)
    line, net = np.divmod(index, nets) if by_line(nets, lines) else np.divmod(index, lines)[::-1]
    parts = [_slice(first, size) for first in range(0, len(index), size)]
    return [_chunk(params, ends, net[part] if nets > 1 else _ALL, line[part]) for part in parts]


def _joined(parts: Sequence[_host.Counts]) -> _host.Counts:
    return _host.Counts(*(np.concatenate(field) for field in zip(*parts, strict=True)))


def workers() -> int:
    """A chunk leaves most of its small steps on one core, so the cores take different chunks."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
