"""The numerical decisions of a planar subdivision, and how they are made with a tolerance."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Points(NamedTuple):
    """Points on segments (edges, or chords): each is the zero of a form there.

    Attributes
    ----------
    segments, fractions, widths
        The segment, the place along it from its tail (0) to its head (1), and its uncertainty.
    faces, forms, tails
        A face of the segment, the form that vanishes, and its sign at the segment's tail.
    lines, owns
        What the segment lies on: a line of the subdivision, or (where that is -1) a form of the
        face.
    """

    segments: np.ndarray
    fractions: np.ndarray
    widths: np.ndarray
    faces: np.ndarray
    forms: np.ndarray
    tails: np.ndarray
    lines: np.ndarray
    owns: np.ndarray


Located = tuple[np.ndarray, np.ndarray]
"""Numbers and their uncertainties."""


class Judge(NamedTuple):
    """How numerical decisions are made.

    Attributes
    ----------
    signs
        Values and uncertainties ``(V, n)`` -> int8 signs ``(V, n)``, and the number of doubts.
    zero
        Values at the tail and the head of a segment, of opposite signs -> fraction of the zero.
    between
        Values at the tail and the head, and a fraction -> value there.
    arrange
        :class:`Points` -> ``(order, joins, doubts)``: the permutation that sorts them along their
        segments; whether a point, so sorted, is the same as the one before it; and the number of
        doubts.
    """

    signs: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, int]]
    zero: Callable[[Located, Located], Located]
    between: Callable[[Located, Located, Located], Located]
    arrange: Callable[[Points], tuple[np.ndarray, np.ndarray, int]]


def _signs(values: np.ndarray, bounds: np.ndarray) -> tuple[np.ndarray, int]:
    found = (values > bounds).astype(np.int8)
    found -= values < -bounds
    return found, found.size - int(np.count_nonzero(found))


def _zero(tail: Located, head: Located) -> Located:
    # The signs are opposite, so that the sum does not cancel, and halves cannot overflow.
    (left, bound), (right, _) = tail, head
    left, right = 0.5 * np.abs(left), 0.5 * np.abs(right)
    total = left + right
    safe = np.where(total > 0, total, 1)
    return np.where(total > 0, left / safe, 0.5), np.minimum(0.5 * bound / safe, 1)


def _between(tail: Located, head: Located, at: Located) -> Located:
    (first, bound), (last, _) = tail, head
    return first + at[0] * (last - first), bound


def along_segments(segments: np.ndarray, fractions: np.ndarray) -> np.ndarray:
    """The permutation that sorts points by segment, then by fraction in [0, 1)."""
    order = np.argsort(segments + fractions)  # right unless two are 1e-10 apart
    segments_, fractions_ = segments[order], fractions[order]
    same = segments_[1:] == segments_[:-1]
    if (segments_[1:] < segments_[:-1]).any() or (same & (np.diff(fractions_) < 0)).any():
        return np.lexsort((fractions, segments))
    return order


def _arrange(points: Points) -> tuple[np.ndarray, np.ndarray, int]:
    """Points closer than their widths become one."""
    order = along_segments(points.segments, points.fractions)
    segments, fractions, widths = (entry[order] for entry in points[:3])
    gaps = np.diff(fractions)
    close = (segments[1:] == segments[:-1]) & (gaps <= widths[1:] + widths[:-1])
    joins = np.concatenate([np.zeros(min(1, len(order)), bool), close])
    return order, joins, int(np.count_nonzero(close))


TOLERANT = Judge(_signs, _zero, _between, _arrange)
"""Takes values up to their bounds as zero, and points closer than their widths as one."""
