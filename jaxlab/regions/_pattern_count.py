"""Counting different 64-bit numbers exactly, of any number, in a fixed amount of memory.

The numbers come as a stream that can be read again. They are kept sorted in a buffer; where more
than it holds are different, the pass goes on with the lower half of their range, whose count stays
exact, and further passes count the rest. Hashes are uniform on their range, so the passes even out.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

_BLOCK = 2**20
_SMALLEST = 2**16


class Tally(NamedTuple):
    """Different numbers, numbers read in one pass, passes; a lower bound and an estimate if cut."""

    distinct: int
    points: int
    passes: int
    exact: bool
    estimate: float


def tally(
    stream: Callable[[], Iterator[np.ndarray]], repeatable: bool, memory: int, bits: int = 64
) -> Tally:
    """Number of different values of the top ``bits`` bits of a stream of uint64 arrays.

    Parameters
    ----------
    stream
        Makes an iterator over arrays ``(n,)``; the same numbers each time, in any order.
    repeatable
        False if it may be called once only.
    memory
        Bytes for the numbers kept.

    Raises
    ------
    ValueError
        If a later pass reads another number of numbers.

    Examples
    --------
    >>> tally(lambda: iter([np.array([2**63, 0, 5, 5], np.uint64)]), True, 2**20)
    Tally(distinct=3, points=4, passes=1, exact=True, estimate=3.0)
    """
    room, whole = np.empty(max(memory // 8, 4), np.uint64), 2**bits
    distinct = points = passes = low = 0
    width = whole
    while low < whole:
        part = _Part(room, low, min(low + width, whole))
        read = 0
        for numbers in stream():
            part.add(numbers >> np.uint64(64 - bits))
            read += numbers.size
        part.compact()
        if passes and read != points:
            raise ValueError(f"data: got {read} points in a later pass, expected {points}")
        points, passes = read, passes + 1
        if not repeatable and part.high < whole:
            return Tally(part.most, points, passes, False, part.kept * whole / part.high)
        distinct += part.kept
        # As wide as fits, if the numbers lie as densely as those counted in this pass.
        width = max((part.high - low) * part.full * 15 // (16 * max(part.kept, 1)), 1)
        low = part.high
    return Tally(distinct, points, passes, True, float(distinct))


class _Part:
    """The different numbers in ``[low, high)`` so far; ``high`` falls where they do not fit."""

    def __init__(self, room: np.ndarray, low: int, high: int):
        self.room, self.low, self.high = room, low, high
        self.filled = self.kept = self.most = 0  # the first `kept` are sorted and different
        self.full = room.size // 4 * 3
        self.limit = min(room.size, _SMALLEST)

    def add(self, numbers: np.ndarray) -> None:
        """Put numbers in, those of the range once each."""
        numbers = np.unique(numbers)
        while numbers.size:
            above, below = numbers >= np.uint64(self.low), numbers <= np.uint64(self.high - 1)
            numbers = numbers[above & below]
            new, numbers = np.split(numbers, [self.limit - self.filled])
            self.room[self.filled : self.filled + new.size] = new
            self.filled += new.size
            if numbers.size:
                self.compact()

    def compact(self) -> None:
        """Sort, keep one of each, and halve the range until they leave room for others."""
        filled = self.room[: self.filled]
        filled.sort()
        kept, last = 0, None
        for start in range(0, filled.size, _BLOCK):
            block = filled[start : start + _BLOCK]
            fresh = np.concatenate([[block[0] != last], block[1:] != block[:-1]])
            last, block = block[-1], block[fresh]
            filled[kept : kept + block.size] = block
            kept += block.size
        self.most = max(self.most, kept)
        while kept > self.full:
            self.high = self.low + (self.high - self.low) // 2
            kept = int(np.searchsorted(filled[:kept], np.uint64(self.high)))
        self.filled = self.kept = kept
        self.limit = min(self.room.size, max(2 * kept, _SMALLEST))
