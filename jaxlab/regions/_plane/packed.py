"""Masks packed along the columns, 32 to a word: bit ``b`` of word ``w`` is column ``32 w + b``."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Int32, Shaped, UInt32

from jaxlab.regions._line.select import count_below, nth_set_bit, popcount, prefix_sum
from jaxlab.regions.patterns import pack as pack

_WORD = 32
_WORD_BITS = 5


class Listed(NamedTuple):
    """The set bits of many rows of words, row by row, in a fixed number of slots.

    Attributes
    ----------
    row, column, valid
        Of each slot; row and column are 0 where the slot is not in use.
    first, counts
        Of each row: its first slot, its number of bits.
    total
        Number of bits, also when it exceeds the number of slots.
    """

    row: Int32[Array, " slots"]
    column: Int32[Array, " slots"]
    valid: Bool[Array, " slots"]
    first: Int32[Array, " rows"]
    counts: Int32[Array, " rows"]
    total: Int32[Array, ""]


def every(columns: int) -> UInt32[Array, "1 words"]:
    """All columns."""
    sizes = [min(columns - first, _WORD) for first in range(0, columns, _WORD)]
    return jnp.array([[2**size - 1 for size in sizes]], jnp.uint32)


def take(rows: Shaped[Array, "rows *rest"], index: Int32[Array, "*index"]):
    """``rows[index]`` for an index that is neither negative nor too large."""
    return rows.at[index].get(mode="promise_in_bounds", wrap_negative_indices=False)


def of_columns(column: Int32[Array, " rows"], words: int) -> UInt32[Array, "rows words"]:
    """One column in each row."""
    bit = jnp.uint32(1) << _bit_of(column)
    word = lax.broadcasted_iota(jnp.int32, (*column.shape, words), 1)
    return jnp.where(word == (column >> _WORD_BITS)[:, None], bit[:, None], jnp.uint32(0))


def beyond(column: Int32[Array, " rows"], words: int) -> UInt32[Array, "rows words"]:
    """All columns after a given one in each row."""
    bits = jnp.uint32(2**32 - 2) << _bit_of(column)
    word = lax.broadcasted_iota(jnp.int32, (*column.shape, words), 1)
    here = (column >> _WORD_BITS)[:, None]
    later = jnp.where(word > here, jnp.uint32(2**32 - 1), jnp.uint32(0))
    return jnp.where(word == here, bits[:, None], later)


def _bit_of(column: Int32[Array, " rows"]) -> UInt32[Array, " rows"]:
    return (column & (_WORD - 1)).astype(jnp.uint32)


def number(words: UInt32[Array, "rows words"]) -> Int32[Array, " rows"]:
    """Bits in each row."""
    return popcount(words).sum(axis=1, dtype=jnp.int32)


def total(words: UInt32[Array, "rows words"]) -> Int32[Array, ""]:
    """Bits in all rows."""
    return popcount(words).sum(dtype=jnp.int32)


def listed(words: UInt32[Array, "rows words"], slots: int) -> Listed:
    """List the set bits."""
    counts = number(words)
    ends = prefix_sum(counts)
    slot = lax.iota(jnp.int32, slots)
    valid = slot < ends[-1]
    row = jnp.where(valid, count_below(ends, slot + 1), 0)
    first = ends - counts
    column = jnp.where(valid, _nth_bit(take(words, row), slot - take(first, row)), 0)
    return Listed(row, column, valid, first, counts, ends[-1])


def _nth_bit(
    words: UInt32[Array, "rows words"], rank: Int32[Array, " rows"]
) -> Int32[Array, " rows"]:
    """The column of the ``rank``-th (from 0) bit of each row: first its word, then bisection."""
    word, found = words[:, 0], jnp.zeros_like(rank)
    for later in range(1, words.shape[1]):
        before = popcount(words[:, later - 1])
        beyond = (found == later - 1) & (rank >= before)
        rank = jnp.where(beyond, rank - before, rank)
        found = jnp.where(beyond, later, found)
        word = jnp.where(beyond, words[:, later], word)
    return found * _WORD + nth_set_bit(word, rank, _WORD)
