"""What does a sum accumulate in? Order of additions, significand bits and rounding inside."""

from typing import NamedTuple

import numpy as np

from jaxlab.arithmetic.probe._experiments import Unmeasured, attempt
from jaxlab.arithmetic.probe._summation import (
    Order,
    Total,
    Tree,
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
        The :class:`Order` of the additions, or :class:`Unmeasured`.
    bits
        Significand bits kept by the first additions.
    outer_bits
        Significand bits kept by the last addition.
    rounding
        How the first additions round: ``nearest_even``, ``nearest_away``, ``toward_zero``, ``up``,
        ``down`` or ``other``.
    """

    order: Order | Unmeasured
    bits: int | Unmeasured
    outer_bits: int | Unmeasured
    rounding: str | Unmeasured


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
    An :class:`Accumulator`. An exact sum has the order ``exact`` and at least
    ``highest + 15`` bits.

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
    rounding='nearest_even')
    """
    try:
        tree = summation_tree(total, size, 2.0**highest, 2.0**lowest)
    except ValueError as error:
        return Accumulator(*[Unmeasured(str(error))] * len(Accumulator._fields))
    if tree is None:
        order, inner, outer = Order("exact", 0, size, 1), (0, 1, 2), (0, 1, 2)
    else:
        order, (inner, outer) = order_of(tree), _witnesses(tree)
    three = _Three(total, size, inner, highest)
    bits = _bits(three)
    rounding = attempt(lambda: _rounding(three, bits))
    return Accumulator(order, bits, _bits(three._replace(positions=outer)), rounding)


def _witnesses(tree: Tree) -> list[tuple[int, int, int]]:
    """Three leaves, two of which meet before the third: at the first and at the last addition."""
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


class _Three(NamedTuple):
    """A sum of three terms, the other terms zero."""

    total: Total
    size: int
    positions: tuple[int, int, int]
    highest: int

    def residue(self, sign: int, numerator: int, k: int) -> float:
        """``(1 + part) - 1`` over the part, ``part = numerator * 2**-k``; negated for sign -1."""
        scale = max(0, k + _LEAST)  # keeps the middle term normal
        if scale > self.highest:
            raise ValueError("nothing is rounded within the range of the dtype")
        one = sign * 2.0**scale
        part = one * numerator * 2.0**-k
        terms = np.zeros(self.size)
        terms[list(self.positions)] = one, part, -one
        return self.total(terms) / part


def _bits(three: _Three) -> int:
    """The largest p for which ``1 + 2**(1-p)`` is exact."""
    most = min(_MOST_BITS, three.highest - _LEAST)
    return next((k for k in range(1, most) if three.residue(1, 1, k) != 1), most)


def _rounding(three: _Three, bits: int) -> str:
    """Where 1 + u/2 and 1 + 3u/2, u = 2**-bits, go, and their negatives; then the tie 1 + u."""
    signs = (1, -1)
    seen = [three.residue(sign, part, bits + 1) != 0 for sign in signs for part in (3, 1)]
    found = _ROUNDINGS.get(tuple(seen), "other")
    if found == "nearest":
        return "nearest_away" if three.residue(1, 1, bits) else "nearest_even"
    return found
