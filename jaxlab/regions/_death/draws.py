"""Random networks by number: entry ``e`` of network ``n`` is a function of ``(key, n, e)`` alone.

Any network can be drawn again by itself, whatever the chunks were, and the leading layers do not
depend on how many follow. The generator is Threefry-2x32 with 20 rounds, that of ``jax.random``,
written out so that XLA fuses it: 4 ns of a core for 64 bits in place of 34 (measured).

References
----------
Salmon, Moraes, Dror, Shaw, Parallel random numbers: as easy as 1, 2, 3, SC 2011,
doi 10.1145/2063384.2063405.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Key, UInt32

from jaxlab.arithmetic import Format, round_to
from jaxlab.networks.initialisers import Initialiser
from jaxlab.networks.mlp import Layer

WIDEST, DEEPEST = 1000, 4096  # a counter has 10 bits for a row, 10 for a column, 12 for a layer
_SPARE = 3  # uniform numbers per neuron beyond its weights: see `initialisers.Initialiser`
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = np.uint32(0x1BD11BDA)


def words(key: Key[Array, ""]) -> UInt32[Array, " 2"]:
    """The cipher's key, for a typed key of any generator."""
    return jax.random.bits(key, (2,), np.uint32)


def threefry(
    key: UInt32[Array, " 2"], first: UInt32[Array, "*shape"], second: UInt32[Array, "*shape"]
) -> tuple[UInt32[Array, "*shape"], UInt32[Array, "*shape"]]:
    """Encrypt the counters ``(first, second)``: two uniform words."""
    keys = key[0], key[1], key[0] ^ key[1] ^ _PARITY
    first, second = first + keys[0], second + keys[1]
    for group in range(5):
        for rotation in _ROTATIONS[group % 2]:
            first = first + second
            left = second << np.uint32(rotation)
            second = first ^ (left | (second >> np.uint32(32 - rotation)))
        first = first + keys[(group + 1) % 3]
        second = second + keys[(group + 2) % 3] + np.uint32(group + 1)
    return first, second


@partial(jax.jit, static_argnames=("shape", "law", "fmt"))
def layer(
    key: UInt32[Array, " 2"],
    numbers: UInt32[Array, " batch"],
    depth: UInt32[Array, ""],
    shape: tuple[int, int],
    law: Initialiser,
    fmt: Format,
) -> Layer:
    """Layer ``depth`` of the networks ``numbers``, rounded to ``fmt``, in float64.

    The axis of the networks is the last one of both leaves. Call it with x64 on.
    """
    inputs, outputs = shape
    places = (inputs + _SPARE, outputs, numbers.size)
    row, column = (lax.broadcasted_iota(jnp.uint32, places, axis) for axis in (0, 1))
    entry = (depth << np.uint32(20)) | (row << np.uint32(10)) | column
    high, low = threefry(key, lax.broadcast_in_dim(numbers, places, (2,)), entry)
    word = (high.astype(jnp.uint64) << np.uint64(32)) | low.astype(jnp.uint64)
    odd = (word >> np.uint64(11)) | np.uint64(1)
    uniform = odd.astype(jnp.float64) * 2.0**-53
    drawn = jax.vmap(law, in_axes=-1, out_axes=-1)(uniform)
    return Layer(*(round_to(leaf, fmt) for leaf in drawn))
