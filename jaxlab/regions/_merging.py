"""Regions with one affine map, beside each other, are one piece."""

from collections.abc import Callable

import numpy as np

from jaxlab.regions._ledger import Ledger
from jaxlab.regions._line.host import TOLERANCE
from jaxlab.regions._ragged import united


def tolerant(gradients: np.ndarray, sizes: np.ndarray, pairs: np.ndarray) -> tuple[np.ndarray, int]:
    """The piece of every cell, and how many neighbours were joined that differ by rounding.

    Parameters
    ----------
    gradients, sizes
        ``(cells, axes, outputs)``; bounds on the terms that add up to them.
    pairs
        ``(pairs, 2)``: neighbours. The function is continuous, so that neighbours of one gradient
        have one constant, too.
    """
    one, other = gradients[pairs[:, 0]], gradients[pairs[:, 1]]
    size = sizes[pairs].sum(axis=1)
    joint = (np.abs(one - other) <= size * TOLERANCE).all(axis=(1, 2))
    doubts = int((joint & (one != other).any(axis=(1, 2))).sum())
    return united(pairs[joint, 0], pairs[joint, 1], len(gradients)), doubts


def certified(
    gradients: np.ndarray,
    bounds: np.ndarray,
    pairs: np.ndarray,
    same: Callable[[int, int], bool],
    ledger: Ledger,
) -> tuple[int, int]:
    """At least and at most how many pieces there are: ``same`` decides what the bounds do not."""
    one, other = pairs.T
    apart = np.abs(gradients[one] - gradients[other]) > bounds[one] + bounds[other]
    left = np.flatnonzero(~apart.any(axis=(1, 2)))
    cells = len(gradients)
    settled = ledger.allows(len(left))
    if settled:
        left = [index for index in left.tolist() if same(int(one[index]), int(other[index]))]
    least = int(united(one[left], other[left], cells).max()) + 1
    return least, least if settled else cells
