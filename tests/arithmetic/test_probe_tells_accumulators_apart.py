"""The probe recognises order, width and rounding of sums that are emulated on the host."""

import math

import numpy as np
import pytest

from jaxlab.arithmetic.probe import Order, accumulator, order_of, summation_tree
from jaxlab.arithmetic.probe._sums import HALF_RANGE, of_dot
from tests.arithmetic import summations as sums

N = 64


@pytest.mark.parametrize(
    ("total", "order", "bits", "rounding"),
    [
        (sums.sequential(), Order("sequential", 0, 2, 63), 24, "nearest_even"),
        (sums.sequential(np.float16), Order("sequential", 0, 2, 63), 11, "nearest_even"),
        (sums.sequential(np.float64), Order("sequential", 0, 2, 63), 53, "nearest_even"),
        (sums.backwards, Order("sequential", 0, 2, 63), 24, "nearest_even"),
        (sums.pairwise, Order("pairwise", 0, 2, 6), 24, "nearest_even"),
        (sums.by_halves, Order("pairwise", 0, 2, 6), 24, "nearest_even"),
        (sums.blocked(8), Order("blocked", 8, 2, 14), 24, "nearest_even"),
        (sums.blocked(7), Order("blocked", 7, 2, 15), 24, "nearest_even"),
        (sums.blocked(8, sums.pairwise), Order("blocked", 8, 2, 10), 24, "nearest_even"),
        (sums.strided(8), Order("strided", 8, 2, 10), 24, "nearest_even"),
        (sums.tensor_core(4, 24), Order("sequential", 0, 5, 16), 24, "toward_zero"),
        (sums.tensor_core(8, 14), Order("sequential", 0, 9, 8), 14, "toward_zero"),
        (sums.rounded(math.trunc, 20), Order("sequential", 0, 2, 63), 20, "toward_zero"),
        (sums.rounded(math.ceil, 20), Order("sequential", 0, 2, 63), 20, "up"),
        (sums.rounded(math.floor, 20), Order("sequential", 0, 2, 63), 20, "down"),
        (sums.rounded(sums.half_away, 20), Order("sequential", 0, 2, 63), 20, "nearest_away"),
        (sums.rounded(round, 20), Order("sequential", 0, 2, 63), 20, "nearest_even"),
    ],
)
def test_an_emulated_sum_is_recognised(total, order, bits, rounding):
    lowest, highest = (-24, 15) if bits == 11 else (-20, 100)  # the range of float16
    found = accumulator(total, N, lowest, highest)
    assert found.order == order
    assert (found.bits, found.outer_bits) == (bits, bits)
    assert found.rounding == rounding


def test_two_widths_in_one_sum_are_told_apart():
    # Like an fp8 tensor core: 14 bits inside a block, float32 across blocks.
    total = sums.blocked(16, sums.sequential(), sums.rounded(math.trunc, 14))
    found = accumulator(total, N, -20, 100)
    assert found.order.name == "blocked"
    assert (found.bits, found.outer_bits) == (14, 24)


def test_the_width_across_two_blocks_is_not_guessed():
    # Only the last addition joins them, and its result is the sum.
    found = accumulator(
        sums.blocked(32, sums.sequential(), sums.rounded(math.trunc, 14)), N, -9, 99
    )
    assert found.order == Order("blocked", 32, 2, 32)
    assert (found.bits, found.outer_bits) == (14, None)


@pytest.mark.parametrize(("inside", "bits"), [(np.float16, 11), (np.float32, 24)])
def test_a_half_precision_dot_is_recognised_whatever_it_accumulates_in(inside, bits):
    def dot(x, y):
        return np.float16(sums.sequential(inside)(x.astype(inside) * y.astype(inside)))

    found = of_dot(dot, np.dtype(np.float16), 32, HALF_RANGE)
    assert found.order == Order("sequential", 0, 2, 31)
    assert (found.bits, found.outer_bits, found.rounding) == (bits, bits, "nearest_even")


def test_an_exact_sum_is_called_exact_and_its_width_a_lower_bound():
    found = accumulator(math.fsum, N, -20, 100)
    assert found.order.name == "exact"
    assert found.bits == found.outer_bits == found.limit == 64
    assert found.rounding == "unseen"


def test_a_width_beyond_the_range_of_the_dtype_is_a_lower_bound():
    found = accumulator(sums.sequential(np.float64), N, *HALF_RANGE)
    assert found.bits == found.limit == 29
    assert found.rounding == "unseen"


@pytest.mark.parametrize(
    ("total", "reason"),
    [
        (sums.shuffled(), "no tree of additions explains the results"),
        (lambda terms: math.fsum(terms[np.abs(terms) > 1]), "units are not counted exactly"),
        (lambda terms: math.nan, "the sum of finite terms is not finite"),
    ],
)
def test_a_sum_that_makes_no_sense_is_not_given_an_order(total, reason):
    with pytest.raises(ValueError, match=reason):
        accumulator(total, N, -20, 100)


@pytest.mark.parametrize("seed", range(5))
def test_a_random_tree_of_additions_comes_back(seed):
    draw = np.random.default_rng(seed)
    size, roots = 24, list(range(24))
    expected = set()
    below = {leaf: frozenset([leaf]) for leaf in roots}
    program = []
    while len(roots) > 1:
        i, j = draw.choice(len(roots), 2, replace=False)
        pair = (roots[i], roots[j])
        node = size + len(program)
        program.append(pair)
        below[node] = below[pair[0]] | below[pair[1]]
        expected.add(below[node])
        roots = [root for root in roots if root not in pair] + [node]

    def total(terms):
        values = [np.float32(term) for term in terms]
        for i, j in program:
            values.append(values[i] + values[j])
        return float(values[-1])

    tree = summation_tree(total, size, 2.0**80, 1.0)
    found = [frozenset([leaf]) for leaf in range(size)]
    for children in tree.nodes:
        found.append(frozenset().union(*(found[child] for child in children)))
    assert set(found[size:]) == expected
    assert order_of(tree).fan_in == 2
