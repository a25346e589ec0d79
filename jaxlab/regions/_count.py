"""The host side of counting: exact conversion, chunks on all cores, retries."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from jaxlab.networks import mlp
from jaxlab.regions import _host, _kernel

Ends = tuple[np.ndarray, np.ndarray]

# Bytes of knots a chunk may hold, so that it stays in one core's cache (measured).
_CHUNK_BYTES = 2**22


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


def pick(params: _host.HostParameters, index: int | np.ndarray) -> _host.HostParameters:
    """One network of an ensemble, or some of them."""
    return tuple(_host.HostLayer(weight[index], bias[index]) for weight, bias in params)


def end_point(name: str, value, inputs: int) -> np.ndarray:
    """One end of the segment as float64 ``(inputs,)``."""
    point = np.asarray(value).astype(np.float64)
    if point.shape not in ((), (inputs,)):
        raise ValueError(f"{name}: got shape {point.shape}, expected () or ({inputs},)")
    return np.broadcast_to(point, (inputs,)).copy()


@partial(jax.jit, static_argnames=("plan", "pieces"))
def _chunk(params, start, stop, plan: _kernel.Plan, pieces: bool):
    def one(params):
        knots = _kernel.sweep(params, start, stop, plan)
        counts = {"regions": _kernel.regions(knots), "overflow": knots.overflow}
        if not pieces:
            return counts | {"undecided": knots.undecided}
        out = _kernel.outputs(knots, params[-1])
        return counts | {
            "undecided": knots.undecided + out.undecided,
            "pieces": out.pieces,
            "steepest": knots.steepest,
        }

    return jax.vmap(one)(params)


def chunk_size(plan: _kernel.Plan) -> int:
    """Networks per chunk."""
    largest = max((rows * slots for rows, slots in plan), default=1)
    return min(max(_CHUNK_BYTES // (8 * largest), 1), 64)


def run_ensemble(
    params: _host.HostParameters, ends: Ends, plan: _kernel.Plan, batch: int | None, pieces: bool
) -> dict[str, np.ndarray]:
    """Run the kernel over all networks, one chunk per call, one thread per core on a CPU.

    The last chunk is filled up with its own first network, so that one shape is compiled.
    """
    nets = params[0].weight.shape[0]
    size = min(batch or chunk_size(plan), nets)

    def run(first: int) -> dict[str, np.ndarray]:
        index: slice | np.ndarray = slice(first, first + size)  # a view: no copy on the host
        if first + size > nets:
            index = np.arange(first, first + size)
            index[nets - first :] = first
        with jax.enable_x64(True):
            chosen = tuple(
                mlp.Layer(jnp.asarray(weight[index]), jnp.asarray(bias[index]))
                for weight, bias in params
            )
            result = _chunk(chosen, jnp.asarray(ends[0]), jnp.asarray(ends[1]), plan, pieces)
            return {name: np.asarray(field)[: nets - first] for name, field in result.items()}

    firsts = range(0, nets, size)
    parts = [run(firsts[0])]  # compiles, before the threads start
    if len(firsts) > 1:
        with ThreadPoolExecutor(max_workers=_workers()) as pool:
            parts += pool.map(run, firsts[1:])
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _workers() -> int:
    """A chunk leaves most of its small steps on one core, so the cores take different chunks."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_alone(params: _host.HostParameters, ends: Ends, limit: int) -> dict[str, float]:
    """Run one network (leaves without a network axis) in arrays of the size needed."""
    with np.errstate(all="ignore"):
        swept = _host.sweep(params, *ends, limit, codes=False)
    if swept is None:
        return {"regions": -1, "pieces": -1, "steepest": np.nan, "undecided": 0, "exact": False}
    return {
        "regions": swept.regions,
        "pieces": swept.pieces,
        "steepest": swept.steepest,
        "undecided": swept.undecided,
        "exact": swept.complete,
    }
