"""What does a sum accumulate in? Order of additions, significand bits and rounding inside."""

from typing import NamedTuple

import numpy as np

from jaxlab.arithmetic.probe._summation import (
    Order,
    Total,
    Tree,
    chains,
    leaf_sets,
    order_of,
    summation_tree,
)

_LEAST = -14  # exponent of the smallest term: normal in every probed dtype
_MOST_BITS = 64
_ROUNDINGS: dict[tuple[bool, ...], str] = {
    (True, False, True, False): "nearest",
    (False, False, False, False): "toward_zero",
    (True, True, False, False): "up",
    (False, False, True, True): "down",
}


class Accumulator(NamedTuple):
    """How a sum is computed.

    Attributes
    ----------
    order
        The :class:`Order` of the additions.
    bits
        Significand bits kept by the first additions.
    outer_bits
        Significand bits kept by the largest partial sum that is added to something else; None
        where only the last addition joins blocks: what it keeps beyond the result is not seen.
    limit
        The most bits that terms in the range of the dtype can show. Bits equal to ``limit`` are a
        lower bound.
    rounding
        How the first additions round: ``nearest_even``, ``nearest_away``, ``toward_zero``, ``up``,
        ``down``, ``other``, or ``unseen`` where ``bits`` is only a lower bound.
    """

    order: Order
    bits: int
    outer_bits: int | None
    limit: int
    rounding: str


def accumulator(total: Total, size: int, lowest: int, highest: int) -> Accumulator:
    """Find out how a sum is computed, from its results alone.

    Parameters
    ----------
    total
        The sum under test, of float64 terms on the host.
    size
        Number of terms, at least 3.
    lowest, highest
        Exponents of the smallest and the largest term that the summed dtype holds.

    Returns
    -------
    An :class:`Accumulator`, whose ``limit`` is ``highest + 14``, at most 64. A sum in which
    nothing is lost has the order ``exact``.

    Raises
    ------
    ValueError
        If small terms are lost, or no tree of additions explains the results.

    Examples
    --------
    >>> import numpy as np
    >>> def left_to_right(terms):
    ...     total = np.float16(0)
    ...     for term in terms:
    ...         total += np.float16(term)
    ...     return float(total)
    >>> accumulator(left_to_right, 8, -14, 15)
    Accumulator(order=Order(name='sequential', block=0, fan_in=2, depth=7), bits=11, outer_bits=11,
    limit=29, rounding='nearest_even')
    """
    tree = summation_tree(total, size, 2.0**highest, 2.0**lowest)
    limit = min(_MOST_BITS, highest - _LEAST)
    if tree is None:
        three = _Three(total, size, (0, 1, 2))
        bits = _bits(three, limit)
        return Accumulator(
            Order("exact", 0, size, 1), bits, bits, limit, _rounding(three, bits, limit)
        )
    first, last = (_Three(total, size, where) for where in _witnesses(tree))
    bits = _bits(first, limit)
    outer = None if _joins_only_chains(tree) else _bits(last, limit)
    return Accumulator(order_of(tree), bits, outer, limit, _rounding(first, bits, limit))


def _witnesses(tree: Tree) -> list[tuple[int, int, int]]:
    """Three leaves, two of which meet before the third: in the smallest and in the largest sum."""
    below = leaf_sets(tree)
    inside = range(tree.size, len(below) - 1) or [len(below) - 1]
    found = []
    for choose in (min, max):
        node = choose(inside, key=lambda at: len(below[at]))
        first, second = tree.nodes[node - tree.size][:2]
        i, j = below[first][0], below[second][0]
        others = set(range(tree.size)) - set(below[node]) or set(below[node]) - {i, j}
        found.append((i, j, min(others)))
    return found


def _joins_only_chains(tree: Tree) -> bool:
    """Whether the last addition is the only one of partial sums."""
    *inside, root = chains(tree)
    return not root and all(inside)


class _Three(NamedTuple):
    """A sum of three terms, the other terms zero."""

    total: Total
    size: int
    positions: tuple[int, int, int]

    def residue(self, sign: int, numerator: int, k: int) -> float:
        """``(1 + part) - 1`` over the part, ``part = numerator * 2**-k``; negated for sign -1."""
        one = sign * 2.0 ** max(0, k + _LEAST)  # keeps the middle term normal
        part = one * numerator * 2.0**-k
        terms = np.zeros(self.size)
        terms[list(self.positions)] = one, part, -one
        return self.total(terms) / part


def _bits(three: _Three, limit: int) -> int:
    """The largest p up to the limit for which ``1 + 2**(1-p)`` is exact."""
    return next((k for k in range(1, limit) if three.residue(1, 1, k) != 1), limit)


def _rounding(three: _Three, bits: int, limit: int) -> str:
    """Where 1 + u/2 and 1 + 3u/2, u = 2**-bits, go, and their negatives; then the tie 1 + u."""
    if bits == limit:
        return "unseen"
    signs = (1, -1)
    seen = [three.residue(sign, part, bits + 1) != 0 for sign in signs for part in (3, 1)]
    found = _ROUNDINGS.get(tuple(seen), "other")
    if found == "nearest":
        return "nearest_away" if three.residue(1, 1, bits) else "nearest_even"
    return found
