"""Many networks and slices through the compiled kernel, in chunks on all cores."""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxlab.networks import mlp
from jaxlab.regions._line import ensembles as _count
from jaxlab.regions._line.host import HostLayer, HostParameters
from jaxlab.regions._plane import host as _plane_host
from jaxlab.regions._plane import kernel as _plane_kernel

# Bytes of values at vertices in a chunk (measured), and in one unit, beyond which arrays of the
# size needed are better.
_CHUNK_BYTES = 2**22
_LARGEST_UNIT = 2**28
_MOST_PILOTS = 8


class Ensemble(NamedTuple):
    """Units: networks on polygons ``(corners, inputs)``, made on demand by number."""

    unit: Callable[[int], tuple[HostParameters, np.ndarray]]
    units: int
    widths: tuple[int, ...]
    corners: int


class Counted(NamedTuple):
    """Regions of every unit, and whether it is certain; what is not goes to the host."""

    regions: np.ndarray
    certain: np.ndarray


def count(ensemble: Ensemble, compiled: bool | None, batch: int | None, limit: int) -> Counted:
    """Count regions in the kernel where that is asked for, or pays.

    A few units counted on the host say how much room to make. What overflows is counted again with
    twice the room if that pays for another compilation.
    """
    found = Counted(np.full(ensemble.units, -1), np.zeros(ensemble.units, bool))
    left = np.arange(ensemble.units)
    if not ensemble.units or not (_pays(ensemble, len(left)) if compiled is None else compiled):
        return found
    factor = _factor(ensemble, limit)
    while len(left):
        rooms = _plane_kernel.plan(ensemble.widths, ensemble.corners, factor)
        regions, certain, overflow = _run(ensemble, left, rooms, batch)
        found.regions[left] = regions
        found.certain[left] = certain & (regions <= limit)
        left, factor = left[overflow], 2 * factor
        if not _pays(ensemble, len(left), factor):
            break
    return found


def _pays(ensemble: Ensemble, units: int, factor: float = 1.0) -> bool:
    """Whether compiling takes less time than the host (measured on one core)."""
    layers = len(ensemble.widths) - 2
    host = units * (1.6e-3 + 1.3e-6 * _plane_kernel.expected(ensemble.widths) * factor)
    rooms = _plane_kernel.plan(ensemble.widths, ensemble.corners, factor)
    fits = _bytes(ensemble.widths, rooms) <= _LARGEST_UNIT
    return fits and 0.8 * host > max(4 * layers - 2.5, 1.5)


def _bytes(widths: tuple[int, ...], rooms: _plane_kernel.Plan) -> int:
    """Float64 values of the widest layer at all vertices."""
    return 8 * max(widths[1:-1], default=1) * (8 + sum(room.splits + room.points for room in rooms))


def _factor(ensemble: Ensemble, limit: int) -> float:
    """Room for the largest of some units: a power of sqrt(2), so that shapes come again."""
    number = min(max(ensemble.units // 32, 1), _MOST_PILOTS)
    pilots = np.linspace(0, ensemble.units - 1, number).astype(int).tolist()
    found = [_plane_host.count(*ensemble.unit(index), limit) for index in pilots]
    most = max((swept.regions for swept in found if swept is not None), default=1)
    share = most / (1.1 * _plane_kernel.expected(ensemble.widths))
    return math.sqrt(2.0) ** max(math.ceil(2 * math.log2(share)), -8)


def _run(ensemble: Ensemble, index: np.ndarray, rooms: _plane_kernel.Plan, batch: int | None):
    """Regions, which of them are certain, and which units overflowed.

    All chunks are filled up to one size with their last unit, so that one shape is compiled.
    """
    size = batch or max(_CHUNK_BYTES // _bytes(ensemble.widths, rooms), 1)
    size = min(size, len(index))

    def run(first: int) -> np.ndarray:
        units = index[np.minimum(np.arange(first, first + size), len(index) - 1)]
        with np.errstate(all="ignore"), jax.enable_x64(True):
            made = [ensemble.unit(unit) for unit in units.tolist()]
            layers = zip(*(params for params, _ in made), strict=True)
            params = [HostLayer(*map(np.stack, zip(*layer, strict=True))) for layer in layers]
            given = tuple(params), np.stack([corners for _, corners in made])
            counted = _chunk(*jax.tree.map(jnp.asarray, given), rooms)
            return np.stack([np.asarray(field) for field in counted])[:, : len(index) - first]

    done = [run(0)]  # compiles, before the threads start
    with ThreadPoolExecutor(max_workers=_count.workers()) as pool:
        done += pool.map(run, range(size, len(index), size))
    regions, certain, overflow = np.concatenate(done, axis=1)
    return regions, certain != 0, overflow != 0


@partial(jax.jit, static_argnames="rooms")
def _chunk(params, corners, rooms: _plane_kernel.Plan):
    def one(params, corners):
        plane = _plane_kernel.sweep(params, corners, rooms)
        certain = plane.finite & ~plane.overflow & (plane.undecided == 0)
        return plane.regions, certain.astype(jnp.int32), plane.overflow.astype(jnp.int32)

    return jax.vmap(one)(tuple(mlp.Layer(*layer) for layer in params), corners)
