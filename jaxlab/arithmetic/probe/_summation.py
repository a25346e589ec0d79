"""In which order is a sum taken? The tree of additions, revealed by masks.

The terms ``M, -M`` at positions ``i, j`` and a unit elsewhere, with ``M`` so large that it absorbs
every unit, leave exactly the units that are added after ``M`` and ``-M`` have met. Their number is
the number of leaves outside the smallest subtree with ``i`` and ``j``; these numbers determine the
tree. Method: FPRev (arXiv:2411.00442).
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

Total = Callable[[np.ndarray], float]
"""The sum under test: takes float64 terms on the host, each exact in the summed dtype."""

_EXACT = 256  # as many units as the narrowest probed dtype, bfloat16, counts exactly
_CHECKS = 32


class Tree(NamedTuple):
    """A tree of additions.

    Attributes
    ----------
    size
        Number of terms; they are the nodes ``0`` to ``size - 1``.
    nodes
        The children of node ``size``, ``size + 1``, ...; the last is the root. A node with more
        than two children adds them at once, as a tensor core does.
    """

    size: int
    nodes: tuple[tuple[int, ...], ...]


class Order(NamedTuple):
    """What a tree of additions looks like.

    Attributes
    ----------
    name
        ``sequential`` (one after the other, in either direction), ``pairwise`` (balanced binary),
        ``blocked`` (runs of ``block`` neighbours, each sequential), ``strided`` (sequential with
        the stride ``block``, as vector lanes do), ``exact`` (nothing absorbed),
        or ``irregular``.
    block
        See above; 0 where it has no meaning.
    fan_in
        The most terms added at once.
    depth
        The most roundings on the way from a term to the sum: the error bound grows with it.
    """

    name: str
    block: int
    fan_in: int
    depth: int


def summation_tree(total: Total, size: int, big: float, unit: float) -> Tree | None:
    """Reveal the tree of additions of a sum of ``size`` terms.

    Parameters
    ----------
    total
        The sum under test.
    size
        Number of terms, at least 3.
    big, unit
        Powers of two: ``size * unit`` must vanish beside ``big``, and up to 256 units must be
        counted exactly.

    Returns
    -------
    The tree, or None if nothing is absorbed: the sum is exact.

    Raises
    ------
    ValueError
        If a sum is not finite, the units are not counted exactly, or no tree explains the
        results, because the order changes from call to call, for example.

    Examples
    --------
    >>> def left_to_right(terms):
    ...     total = np.float32(0)
    ...     for term in terms:
    ...         total += np.float32(term)
    ...     return float(total)
    >>> summation_tree(left_to_right, 4, 2.0**60, 1.0)
    Tree(size=4, nodes=((0, 1), (2, 4), (3, 5)))
    """
    masks = _Masks(total, size, big, unit)
    everything = list(range(size))
    if masks.survivors(everything[: _EXACT - 1], {}) != min(size, _EXACT - 1):
        raise ValueError("units are not counted exactly")
    ends = ((0, 1), (0, size - 1), (size // 2, size - 1))
    if all(masks.shared(i, j, everything) == 2 for i, j in ends):
        return None
    nodes: list[tuple[int, ...]] = []
    _build(masks, everything, nodes)
    tree = Tree(size, tuple(nodes))
    _check(masks, tree)
    return tree


class _Masks(NamedTuple):
    """The sum under test with its masks."""

    total: Total
    size: int
    big: float
    unit: float

    def survivors(self, active: Sequence[int], signs: dict[int, int]) -> int:
        """How many of the units at ``active`` survive beside ``big`` at the ``signs``."""
        found = 0
        for start in range(0, len(active), _EXACT):
            terms = np.zeros(self.size)
            terms[list(active[start : start + _EXACT])] = self.unit
            for position, sign in signs.items():
                terms[position] = sign * self.big
            units = self.total(terms) / self.unit
            if not math.isfinite(units):
                raise ValueError("the sum of finite terms is not finite")
            found += round(units)
        return found

    def shared(self, i: int, j: int, active: Sequence[int]) -> int:
        """Active leaves in the smallest subtree with ``i`` and ``j``."""
        return len(active) - self.survivors(
            [at for at in active if at not in (i, j)], {i: 1, j: -1}
        )


def _build(masks: _Masks, leaves: list[int], nodes: list[tuple[int, ...]]) -> int:
    """Append the nodes of the subtree induced on ``leaves``; return its root."""
    if len(leaves) == 1:
        return leaves[0]
    middle = leaves[len(leaves) // 2]  # keeps the recursion shallow on chains
    levels: dict[int, list[int]] = {}
    for j in leaves:
        if j != middle:
            levels.setdefault(masks.shared(middle, j, leaves), []).append(j)
    root = middle
    for level in sorted(levels):
        others = levels[level]
        child = _build(masks, others, nodes)
        children = (child,)
        if child >= masks.size:
            # Do two branches of the child meet only together with the tree so far?
            branches = nodes[child - masks.size]
            i, j = (_a_leaf(branch, masks.size, nodes) for branch in branches[:2])
            if masks.shared(i, j, leaves) > len(others):
                children = branches
                nodes.pop()
        nodes.append(tuple(sorted((root, *children))))
        root = masks.size + len(nodes) - 1
    return root


def _a_leaf(node: int, size: int, nodes: Sequence[tuple[int, ...]]) -> int:
    while node >= size:
        node = nodes[node - size][0]
    return node


def leaf_sets(tree: Tree) -> list[list[int]]:
    """The sorted leaves below every node, by node.

    Examples
    --------
    >>> leaf_sets(Tree(3, ((0, 1), (3, 2))))
    [[0], [1], [2], [0, 1], [0, 1, 2]]
    """
    below = [[leaf] for leaf in range(tree.size)]
    for children in tree.nodes:
        below.append(sorted(leaf for child in children for leaf in below[child]))
    return below


def _check(masks: _Masks, tree: Tree) -> None:
    """Compare the tree with masks at random pairs of leaves."""
    everything = list(range(tree.size))
    below = [set(leaves) for leaves in leaf_sets(tree)]
    draw = np.random.default_rng(0)
    for _ in range(_CHECKS):
        i, j = (int(at) for at in draw.choice(tree.size, 2, replace=False))
        expected = next(len(leaves) for leaves in below if i in leaves and j in leaves)
        if masks.shared(i, j, everything) != expected:
            raise ValueError("no tree of additions explains the results")


def order_of(tree: Tree) -> Order:
    """Name the shape of a tree of additions.

    Examples
    --------
    >>> order_of(Tree(4, ((0, 1), (2, 3), (4, 5))))
    Order(name='pairwise', block=0, fan_in=2, depth=2)
    """
    fan_in = max(len(children) for children in tree.nodes)
    depths = [0] * tree.size
    for children in tree.nodes:
        depths.append(1 + max(depths[child] for child in children))
    name, block = _shape(tree, fan_in, depths[-1])
    return Order(name, block, fan_in, depths[-1])


def chains(tree: Tree) -> list[bool]:
    """Whether each node is a chain, by node: its terms are added one after the other.

    Examples
    --------
    >>> chains(Tree(4, ((0, 1), (2, 3), (4, 5))))
    [True, True, True, True, True, True, False]
    """
    found = [True] * tree.size
    for children in tree.nodes:
        inner = [child for child in children if child >= tree.size]
        found.append(len(inner) <= 1 and all(found[child] for child in inner))
    return found


def _shape(tree: Tree, fan_in: int, depth: int) -> tuple[str, int]:
    below, chained = leaf_sets(tree), chains(tree)
    if chained[-1] and all(_stride(leaves) <= 1 for leaves in below):
        return "sequential", 0
    if fan_in == 2 and depth == math.ceil(math.log2(tree.size)):
        return "pairwise", 0
    # The largest chains: what is added one after the other before it meets another chain.
    parents = {child: at for at, kids in enumerate(tree.nodes, tree.size) for child in kids}
    largest = [
        leaves
        for node, leaves in enumerate(below)
        if chained[node] and not (node in parents and chained[parents[node]])
    ]
    block = max(len(leaves) for leaves in largest)
    stride = max(_stride(leaves) for leaves in largest)
    regular = all(_stride(leaves) in (0, stride) for leaves in largest)
    full = sum(len(leaves) == block for leaves in largest)
    if regular and full >= tree.size // block:
        return ("blocked", block) if stride == 1 else ("strided", int(stride))
    return "irregular", 0


def _stride(leaves: Sequence[int]) -> float:
    """The distance of sorted leaves: 0 for one leaf, infinity if there is no common one."""
    steps = set(np.diff(leaves).tolist())
    if len(steps) > 1:
        return math.inf
    return steps.pop() if steps else 0
