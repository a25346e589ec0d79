"""Random networks drawn, tested for death and forgotten, chunk by chunk, on all cores.

A chunk goes layer by layer: XLA draws the layer for the networks still alive, NumPy propagates
their knots. Sign decisions within the tolerance are not taken: those networks are drawn again and
decided in rational arithmetic.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, UInt32

from jaxlab.arithmetic import Format
from jaxlab.networks.initialisers import Initialiser
from jaxlab.regions._death import draws as _death_draws
from jaxlab.regions._death import exact as _death_exact
from jaxlab.regions._death import ragged as _death_ragged
from jaxlab.regions._line.host import HostLayer

_PARTS = 4  # a chunk's draws have one of 4 sizes, so that few shapes are compiled
_ENTRIES = 2**17  # weights of a layer per chunk: 1 MB, a core's cache (measured)


@dataclass(frozen=True)
class Family:
    """What is drawn, and where it is tested: a segment, or (``cut`` False) its two ends alone."""

    widths: tuple[int, ...]
    law: Initialiser
    fmt: Format
    cut: bool


class Tally(NamedTuple):
    """Networks by the hidden layer in which they died, by inactive neurons, and redone."""

    by_layer: np.ndarray
    inactive: np.ndarray
    in_doubt: int


def chunk_size(widths: Sequence[int]) -> int:
    """Networks per chunk."""
    return max(_ENTRIES // max(widths[:-1]) ** 2, 2 * _PARTS)


def count(
    family: Family, key: UInt32[Array, " 2"], ends: np.ndarray, networks: int, workers: int
) -> Tally:
    """Tally of the networks numbered from 0."""
    size = chunk_size(family.widths)
    with ThreadPoolExecutor(workers) as pool:
        parts = pool.map(
            lambda first: _chunk(family, key, ends, first, min(first + size, networks), size),
            range(0, networks, size),
        )
        by_layer, inactive, in_doubt = zip(*parts, strict=True)
    return Tally(np.sum(by_layer, axis=0), np.sum(inactive, axis=0), sum(in_doubt))


def draw(family: Family, key: UInt32[Array, " 2"], numbers: np.ndarray, depth: int) -> HostLayer:
    """One layer of the networks with these numbers; the axis of the networks is the last."""
    shape = family.widths[depth], family.widths[depth + 1]
    with jax.enable_x64(True):
        drawn = _death_draws.layer(
            key, jnp.asarray(numbers), jnp.asarray(depth, jnp.uint32), shape, family.law, family.fmt
        )
        return HostLayer(*map(np.asarray, drawn))


def _chunk(family: Family, key, ends, first: int, stop: int, size: int) -> Tally:
    depths = len(family.widths) - 2
    by_layer = np.zeros(depths, np.int64)
    inactive = np.zeros(family.widths[1] + 1, np.int64)
    numbers = np.arange(first, stop, dtype=np.uint32)
    lines, in_doubt = _death_ragged.segment(ends, numbers.size), []
    for depth in range(depths):
        weight, bias = _drawn(family, key, numbers, depth, size)
        if not family.cut and bias.any():
            raise ValueError("law: got nonzero biases, expected none with rays=True")
        values, highest = _death_ragged.preactivations(lines, weight, bias)
        if depth == 0:
            off = (highest.largest <= 0).sum(axis=0)
            inactive += np.bincount(off, minlength=inactive.size)
        dead, doubtful = highest.dead(), highest.doubtful()
        by_layer[depth] += np.count_nonzero(dead & ~doubtful)
        in_doubt += numbers[doubtful].tolist()
        alive = ~(dead | doubtful)
        numbers = numbers[alive]
        if numbers.size == 0 or depth == depths - 1:
            break
        lines = lines._replace(hidden=values, most=highest.largest)
        lines = _death_ragged.bend(_death_ragged.keep(lines, alive), cut=family.cut)
    for number in in_doubt:
        layer = _decide(family, key, number, ends)
        by_layer[layer] += layer >= 0
    return Tally(by_layer, inactive, len(in_doubt))


def _drawn(family: Family, key, numbers: np.ndarray, depth: int, size: int) -> HostLayer:
    """As :func:`draw`, in one of few sizes."""
    part = -(-size // _PARTS)
    padded = np.zeros(-(-numbers.size // part) * part, np.uint32)
    padded[: numbers.size] = numbers
    weight, bias = draw(family, key, padded, depth)
    return HostLayer(weight[..., : numbers.size], bias[..., : numbers.size])


def _decide(family: Family, key, number: int, ends: np.ndarray) -> int:
    """The first dead layer of one network, in rational arithmetic."""
    numbers = np.array([number], np.uint32)
    hidden = [draw(family, key, numbers, depth) for depth in range(len(family.widths) - 2)]
    one = [HostLayer(weight[..., 0], bias[..., 0]) for weight, bias in hidden]
    return _death_exact.first_dead(one, ends, cut=family.cut)
