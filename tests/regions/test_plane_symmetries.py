"""What changes the network or the polygon but not the counts: exactly, in degenerate networks."""

import numpy as np
import pytest

from jaxlab.regions import line, plane
from tests.regions import networks, plane_oracle

DYADIC = ("integer", "tripled_dyadic", "concurrent", "mixed")
FAMILIES = pytest.mark.parametrize("family", DYADIC)


def proved(params, polygon):
    """Regions and pieces, certified, and counted alike."""
    layers = networks.layers(params)
    found = plane.certify(layers, polygon, pieces=True)
    assert found.certified
    counted = plane.count(layers, polygon, pieces=True)
    assert (counted.regions, counted.pieces) == (found.lower, found.pieces_lower)
    return found.lower, found.pieces_lower


def moved(params, linear, shift):
    """The network as a function of ``y`` where ``x = y @ linear + shift``."""
    (weight, bias), *rest = params
    return [(linear @ weight, shift @ weight + bias), *rest]


@FAMILIES
def test_moving_the_network_with_the_polygon(family):
    quarter, mirror = np.array([[0.0, 1], [-1, 0]]), np.array([[0.0, 1], [1, 0]])
    shear, stretch = np.array([[1.0, 2], [0, 1]]), np.diag([0.25, 8])
    shift = np.array([-0.75, 2.5])
    for seed in range(3):
        params, polygon, exact = plane_oracle.sample(family, seed)
        for linear in (np.eye(2), quarter, mirror, shear, stretch):
            there = (polygon - shift) @ np.linalg.inv(linear)
            assert np.array_equal(there @ linear + shift, polygon)
            assert proved(moved(params, linear, shift), there) == exact[:2]


@FAMILIES
def test_permuting_neurons_and_scaling_them_by_powers_of_two(family):
    for seed in range(3):
        params, polygon, exact = plane_oracle.sample(family, seed)
        rng = np.random.default_rng(seed)
        changed = [(weight.copy(), bias.copy()) for weight, bias in params]
        for level in range(len(params) - 1):
            weight, bias = changed[level]
            order = rng.permutation(bias.size)
            scale = 2.0 ** rng.integers(-20, 20, bias.size)
            after, last = changed[level + 1]
            changed[level] = weight[:, order] * scale, bias[order] * scale
            changed[level + 1] = after[order] / scale[:, None], last
        assert proved(changed, polygon) == exact[:2]


@FAMILIES
def test_starting_the_polygon_elsewhere_or_clockwise_or_with_corners_on_its_sides(family):
    for seed in range(3):
        params, polygon, exact = plane_oracle.sample(family, seed)
        middles = 0.5 * (polygon + np.roll(polygon, -1, axis=0))
        with_middles = np.stack([polygon, middles], axis=1).reshape(-1, 2)
        for other in (np.roll(polygon, 1, axis=0), polygon[::-1], with_middles):
            assert proved(params, other) == exact[:2]


@FAMILIES
def test_neurons_that_do_not_matter_make_no_pieces(family):
    for seed in range(3):
        params, polygon, exact = plane_oracle.sample(family, seed)
        (weight, bias), (after, last), *rest = params
        wider = np.concatenate([weight, [[8.0, 1], [-1, 16]]], axis=1)
        ignored = np.concatenate([after, np.zeros((2, after.shape[1]))])
        changed = [(wider, np.append(bias, [0.375, 0.625])), (ignored, last), *rest]
        regions, pieces = proved(changed, polygon)
        assert pieces == exact.pieces
        assert regions > exact.regions


def test_random_networks_may_be_turned_by_any_angle():
    for seed in range(10):
        params, polygon, exact = plane_oracle.sample("he", seed)
        cos, sin = np.cos(seed + 1.0), np.sin(seed + 1.0)
        turn, shift = np.array([[cos, sin], [-sin, cos]]), np.array([0.3, -0.7])
        there = (polygon - shift) @ turn.T
        assert proved(moved(params, turn, shift), there) == exact[:2]


def test_cutting_the_polygon_in_two_counts_the_regions_along_the_cut_twice():
    for seed in range(10):
        params, _, _ = plane_oracle.sample("he", seed)
        layers = networks.layers(params)
        a, b = [-1.0, -0.3], [1.0, 0.4]
        low = np.array([[-1.0, -1], [1, -1], b, a])
        high = np.array([a, b, [1.0, 1], [-1, 1]])
        parts = plane.count(layers, np.stack([low, high])).regions.sum()
        whole = plane.count(layers, plane.box(-1.0, 1.0)).regions
        assert parts - whole == line.count(layers, a, b).regions


def test_a_larger_polygon_has_no_fewer_regions_and_no_more_than_lines_can_make():
    for seed in range(10):
        params, _, _ = plane_oracle.sample("he", seed)
        layers = networks.layers(params)
        counts = [int(plane.count(layers, plane.box(-s, s)).regions) for s in (0.1, 1.0, 10.0)]
        assert counts == sorted(counts)
        most = 1
        for _, bias in params[:-1]:
            most *= 1 + bias.size + bias.size * (bias.size - 1) // 2
        assert counts[-1] <= most
