"""Bit-packed compaction: which (interval, neuron) pairs change sign, as a short list.

A dense mask of ``knots x neurons`` is almost empty (about one crossing per neuron), so it is packed
along the *knots*, 8 to a word. The packing is then a vector operation over the neurons, "the next
knot" is a shift by one bit, and the list is read off by population counts.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int32, UInt32

WORD = 8
# Up to this many comparisons a table of all pairs beats a sort or a binary search (measured).
ALL_PAIRS = 1 << 16


class Crossings(NamedTuple):
    """Sign changes as a list of ``slots`` entries; the entries beyond ``total`` are not valid.

    Attributes
    ----------
    interval, neuron
        Indices of the interval and of the neuron of each crossing.
    valid
        Whether the slot holds a crossing.
    total
        Number of crossings, also when it exceeds the number of slots.
    """

    interval: Int32[Array, " slots"]
    neuron: Int32[Array, " slots"]
    valid: Bool[Array, " slots"]
    total: Int32[Array, ""]


class Signs(NamedTuple):
    """Packed along the rows, 8 to a word: bit ``b`` of word ``w`` belongs to row ``8 w + b``."""

    positive: UInt32[Array, "words columns"]
    negative: UInt32[Array, "words columns"]
    near: UInt32[Array, "words columns"]


def pack_signs(
    product: Float[Array, "rows columns"],
    bias: Float[Array, " columns"],
    threshold: Float[Array, " columns"],
) -> Signs:
    """Where ``product + bias`` (rows: a multiple of 8) is above, below, or near but not zero.

    Slicing first, adding and comparing after, keeps the steps in one fused loop that reads the
    product once; the three masks share its one accumulator, 8 bits each.
    """
    rows, columns = product.shape
    grouped = product.reshape(rows // WORD, WORD, columns)
    limit = jnp.broadcast_to(threshold, (rows // WORD, columns))
    shift = jnp.broadcast_to(bias, limit.shape)
    bits = jnp.zeros((rows // WORD, columns), jnp.uint32)
    for bit in range(WORD):
        value = grouped[:, bit] + shift
        zero_or_near = jnp.where(value == 0, jnp.uint32(0), jnp.uint32(1 << (16 + bit)))
        below = jnp.where(value < -limit, jnp.uint32(1 << (8 + bit)), zero_or_near)
        bits |= jnp.where(value > limit, jnp.uint32(1 << bit), below)
    return Signs(*((bits >> jnp.uint32(field)) & jnp.uint32(0xFF) for field in (0, 8, 16)))


def leading_rows(words: int, count: Int32[Array, ""]) -> UInt32[Array, " words"]:
    """The packed mask of rows below ``count``."""
    left = jnp.clip(count - WORD * lax.iota(jnp.int32, words), 0, WORD)
    return (jnp.uint32(1) << left.astype(jnp.uint32)) - jnp.uint32(1)


def shift_rows(words: UInt32[Array, "words columns"]) -> UInt32[Array, "words columns"]:
    """The packed mask of the *next* row; the row after the last one reads as False."""
    following = jnp.concatenate([words[1:], jnp.zeros_like(words[:1])])
    return (words >> jnp.uint32(1)) | ((following & jnp.uint32(1)) << jnp.uint32(WORD - 1))


def popcount(words: UInt32[Array, "*shape"]) -> Int32[Array, "*shape"]:
    """Number of set bits of every word."""
    return lax.population_count(words).astype(jnp.int32)


def count_below(
    ascending: Int32[Array, " entries"], queries: Int32[Array, " queries"]
) -> Int32[Array, " queries"]:
    """For every query, the number of entries of an ascending array that are smaller."""
    if ascending.shape[0] * queries.shape[0] <= ALL_PAIRS:
        smaller = ascending[:, None] < queries[None, :]
        return smaller.astype(jnp.int32).sum(axis=0, dtype=jnp.int32)
    return jnp.searchsorted(ascending, queries, side="left").astype(jnp.int32)


def prefix_sum(terms: Int32[Array, " entries"]) -> Int32[Array, " entries"]:
    """Inclusive cumulative sum."""
    entries = terms.shape[0]
    if entries * entries > ALL_PAIRS // 4:
        return jnp.cumsum(terms, dtype=jnp.int32)
    index = lax.iota(jnp.int32, entries)
    table = jnp.where(index[:, None] <= index[None, :], terms[:, None], 0)
    return table.sum(axis=0, dtype=jnp.int32)


def select_bits(words: UInt32[Array, "words columns"], slots: int) -> Crossings:
    """List the set bits of a mask packed by :func:`pack_signs`, at most ``slots`` of them.

    Column by column; in each, first the word that holds the k-th bit, then the bit in the word.
    """
    height, columns = words.shape
    within = jnp.cumsum(popcount(words), axis=0, dtype=jnp.int32)
    ends = prefix_sum(within[-1])
    slot = lax.iota(jnp.int32, slots)
    neuron = jnp.minimum(count_below(ends, slot + 1), columns - 1)
    rank = slot - (ends[neuron] - within[-1, neuron])
    if height <= 64:
        word = (within[:, neuron] <= rank[None, :]).astype(jnp.int32).sum(axis=0, dtype=jnp.int32)
    else:
        flat = (ends[None] - within[-1:] + within).T.reshape(-1)
        word = count_below(flat, slot + 1) - neuron * height
    word = jnp.clip(word, 0, height - 1)
    bits = words[word, neuron]
    rank = rank - (within[word, neuron] - popcount(bits))
    # Gathers are scalar loops on a CPU; the barriers keep the bit arithmetic between them vector.
    bits, rank = lax.optimization_barrier((bits, rank))
    interval = lax.optimization_barrier(word * WORD + nth_set_bit(bits, rank))
    return Crossings(interval, neuron, slot < ends[-1], ends[-1])


def nth_set_bit(
    words: UInt32[Array, " slots"], rank: Int32[Array, " slots"], size: int = WORD
) -> Int32[Array, " slots"]:
    """Position of the ``rank``-th (from 0) set bit, by bisection on population counts.

    ``size`` is a power of two: the number of bits that a word can hold.
    """
    position = jnp.zeros_like(rank)
    width = size // 2
    while width:
        lower = popcount(words & jnp.uint32((1 << width) - 1))
        upper_half = rank >= lower
        rank = jnp.where(upper_half, rank - lower, rank)
        words = jnp.where(upper_half, words >> jnp.uint32(width), words)
        position = position + jnp.where(upper_half, jnp.int32(width), jnp.int32(0))
        width //= 2
    return position


def sort_order(interval: Int32[Array, " slots"], fraction: jax.Array) -> Int32[Array, " slots"]:
    """The permutation that sorts by ``(interval, fraction)``, stable."""
    slots = interval.shape[0]
    slot = lax.iota(jnp.int32, slots)
    if slots * slots > ALL_PAIRS:
        return lax.sort((interval, fraction, slot), num_keys=2, is_stable=True)[2]
    # rank[k] = how many l come before k; then order[r] = the k of rank r. Both are all-pairs
    # tables reduced over their major axis, which is what a CPU vectorises.
    before = (interval[:, None] < interval[None, :]) | (
        (interval[:, None] == interval[None, :])
        & (
            (fraction[:, None] < fraction[None, :])
            | ((fraction[:, None] == fraction[None, :]) & (slot[:, None] < slot[None, :]))
        )
    )
    rank = before.astype(jnp.int32).sum(axis=0, dtype=jnp.int32)
    here = rank[:, None] == slot[None, :]
    return jnp.where(here, slot[:, None], 0).sum(axis=0, dtype=jnp.int32)
