"""Groups of unequal size in flat arrays: the index arithmetic that all the counters share."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def spread(sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For the members of all groups, one group after the other: their group, their number in it.

    Examples
    --------
    >>> spread(np.array([2, 0, 1]))
    (array([0, 0, 2]), array([0, 1, 0]))
    """
    group = np.repeat(np.arange(len(sizes)), sizes)
    return group, np.arange(len(group)) - starts(sizes)[group]


def starts(sizes: np.ndarray) -> np.ndarray:
    """Where each group begins.

    Examples
    --------
    >>> starts(np.array([2, 0, 1]))
    array([0, 2, 2])
    """
    return np.cumsum(sizes) - sizes


def pairs(sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All pairs ``first < second`` of members of the same group.

    Examples
    --------
    >>> pairs(np.array([1, 3]))
    (array([1, 1, 2]), array([2, 3, 3]))
    """
    ends = np.repeat(np.cumsum(sizes), sizes)
    first, later = spread(ends - np.arange(len(ends)) - 1)
    return first, first + 1 + later


def running_sums(terms: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Cumulative sums along axis 0 within each group; unsigned integers wrap around.

    Examples
    --------
    >>> running_sums(np.array([1, 2, 3, 4]), np.array([2, 2]))
    array([1, 3, 3, 7])
    """
    if not len(terms):
        return terms
    total = np.cumsum(terms, axis=0, dtype=terms.dtype)
    before = total - terms
    return total - np.repeat(before[starts(sizes)[sizes > 0]], sizes[sizes > 0], axis=0)


def united(first: np.ndarray, second: np.ndarray, number: int) -> np.ndarray:
    """Numbers of the classes of ``0 ... number - 1`` when ``first[i]`` joins ``second[i]``.

    Examples
    --------
    >>> united(np.array([0, 2]), np.array([2, 3]), 4)
    array([0, 1, 0, 0])
    """
    if not len(first):
        return np.arange(number)
    links = coo_array((np.ones(len(first)), (first, second)), (number, number))
    return connected_components(links, directed=False)[1].astype(np.int64)
