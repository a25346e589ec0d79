"""Worst-case bounds: against exact rational arrangements, literal formulas and exact counts."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlab.networks.mlp import Layer
from jaxlab.regions import bounds, line, patterns
from tests.regions import ensembles, networks

SMALL = st.lists(st.integers(1, 5), min_size=1, max_size=4)


def arrangement(planes):
    """Regions of hyperplanes ``a . x + c = 0``, given as rows ``(a, c)`` of Fractions.

    Deletion and restriction in exact arithmetic: a hyperplane adds as many regions as the others
    leave on it.
    """
    regions, kept = 1, set()
    for plane in planes:
        pivot = next((i for i, a in enumerate(plane[:-1]) if a), None)
        if pivot is None:
            continue
        plane = tuple(a / plane[pivot] for a in plane)
        if plane in kept:
            continue
        traces = [
            [
                a - other[pivot] * b
                for i, (a, b) in enumerate(zip(other, plane, strict=True))
                if i != pivot
            ]
            for other in kept
        ]
        regions += arrangement(traces)
        kept.add(plane)
    return regions


def planes(rng, neurons, inputs, size, central):
    rows = rng.integers(-size, size + 1, (neurons, inputs + 1)).tolist()
    return [[Fraction(a) for a in row[:-1]] + [Fraction(0 if central else row[-1])] for row in rows]


def test_the_arrangement_oracle_counts_known_arrangements():
    grid = [[1, 0, -1], [1, 0, -2], [0, 1, -1], [0, 1, -2], [0, 1, -2]]
    assert arrangement([[Fraction(x) for x in row] for row in grid]) == 9
    axes = [[Fraction(int(i == j)) for j in range(4)] for i in range(3)]
    assert arrangement(axes) == 8


@pytest.mark.parametrize("central", [False, True])
@pytest.mark.parametrize("inputs", [1, 2, 3, 4])
def test_zaslavsky_counts_generic_hyperplanes(inputs, central):
    rng = np.random.default_rng(inputs)
    for neurons in range(1, 8):
        exact = arrangement(planes(rng, neurons, inputs, 10**6, central))
        assert exact == bounds.zaslavsky(neurons, inputs, central=central)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.integers(1, 3), st.booleans(), st.integers(0, 2**32))
def test_no_arrangement_has_more_than_zaslavsky_says(neurons, inputs, central, seed):
    exact = arrangement(planes(np.random.default_rng(seed), neurons, inputs, 1, central))
    assert exact <= bounds.zaslavsky(neurons, inputs, central=central)


@settings(max_examples=60, deadline=None)
@given(SMALL, st.integers(1, 4))
def test_serra_s_bound_is_the_sum_over_its_index_set(hidden, inputs):
    total = 0
    for chosen in itertools.product(*(range(width + 1) for width in hidden)):
        free = [inputs] + [n - j for n, j in zip(hidden, chosen, strict=True)]
        if all(j <= min(free[: i + 1]) for i, j in enumerate(chosen)):
            total += math.prod(map(math.comb, hidden, chosen))
    assert bounds.serra_upper(hidden, inputs) == total


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=4), st.integers(1, 4))
def test_the_bounds_stand_in_order(hidden, inputs):
    upper = bounds.serra_upper(hidden, inputs)
    assert upper <= bounds.montufar_upper(hidden, inputs) <= 2 ** sum(hidden)
    if min(hidden) >= inputs:
        assert bounds.montufar_lower(hidden, inputs) <= upper
    if min(hidden) >= 3 * inputs:
        sharp = bounds.serra_lower(hidden, inputs)
        assert bounds.montufar_lower(hidden, inputs) <= sharp <= upper


@given(st.lists(st.integers(3, 20), min_size=1, max_size=6))
def test_along_a_line_serra_s_bounds_meet(hidden):
    assert bounds.serra_lower(hidden, 1) == bounds.serra_upper(hidden, 1)
    assert bounds.serra_upper(hidden, 1) == bounds.most_regions(hidden)


@given(st.integers(1, 30), st.integers(1, 5))
def test_for_one_layer_every_upper_bound_is_zaslavsky_s(width, inputs):
    exact = bounds.zaslavsky(width, inputs)
    assert bounds.serra_upper([width], inputs) == exact == bounds.montufar_upper([width], inputs)


def test_a_network_of_one_neuron_and_three_attains_serra_s_bound():
    # relu(x), then cuts at 1, 2 and 3: off | 4 intervals. The box of points meets every region.
    first = Layer(np.array([[1.0], [0.0]]), np.zeros(1))
    second = Layer(np.ones((1, 3)), np.array([-1.0, -2.0, -3.0]))
    grid = np.stack(np.meshgrid(np.arange(-4, 5), np.arange(-4, 5)), axis=-1).reshape(-1, 2) + 0.5
    out = Layer(np.ones((3, 1)), np.zeros(1))
    seen = patterns.distinct_patterns((first, second, out), grid)
    assert seen.distinct == bounds.serra_upper([1, 3], 2) == 5


def test_the_best_of_many_small_networks_lies_between_the_bounds():
    rng = np.random.default_rng(0)
    nets = [networks.he(rng, (1, 2, 2, 1), bias=1.0) for _ in range(2000)]
    most = int(line.count(networks.stack(nets), -100.0, 100.0).pieces.max())
    assert bounds.montufar_lower([2, 2], 1) == 6 <= most <= bounds.serra_upper([2, 2], 1) == 9


@pytest.mark.parametrize("name", ensembles.stored())
def test_no_stored_network_has_more_regions_than_the_bounds_allow(name):
    inputs, hidden, count = ensembles.stored()[name]
    assert count <= bounds.serra_upper(hidden, inputs)
    assert count <= bounds.montufar_upper(hidden, inputs)
    if inputs == 1:
        assert count <= bounds.most_regions(hidden)


@pytest.mark.parametrize(("generators", "depth"), [(2, 1), (3, 3), (5, 2)])
def test_arora_s_network_has_the_pieces_of_its_bound(generators, depth):
    # gauge |b_1 x| + ... in the plane, then the tent map; every cone up to gauge 1 is one sawtooth.
    rng = np.random.default_rng(generators)
    rays = rng.integers(1, 50, (2, generators)) * np.array([[1], [-1]]) ** np.arange(generators)
    gauge = Layer(np.concatenate([rays, -rays], axis=1) * 1.0, np.zeros(2 * generators))
    first = Layer(np.ones((2 * generators, 2)) * np.array([2.0, 4.0]), np.array([0.0, -2.0]))
    tents = networks.layers(networks.sawtooth(depth))
    angles = np.sort(np.arctan2(rays[0], -rays[1]) % np.pi)
    walls = np.concatenate([angles, angles + np.pi, angles[:1] + 2 * np.pi])
    middles = (walls[1:] + walls[:-1]) / 2
    pieces = 0
    for x in np.stack([np.cos(middles), np.sin(middles)], axis=1):
        stop = x / np.abs(x @ rays).sum()
        pieces += int(line.count((gauge, first, *tents[1:]), np.zeros(2), stop).pieces)
    assert pieces == bounds.zonotope(generators, 2, depth, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bounds.montufar_lower([4, 1], 2), "expected each at least 2"),
        (lambda: bounds.serra_lower([6, 5], 2), "expected each at least 6"),
        (lambda: bounds.serra_upper([], 2), r"hidden: got widths \[\]"),
        (lambda: bounds.zaslavsky(3, 0), "inputs: got 0, expected at least 1"),
        (lambda: bounds.zonotope(3, 1, 2, 2), "width, depth: got 1, 2"),
    ],
)
def test_arguments_outside_a_theorem_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
