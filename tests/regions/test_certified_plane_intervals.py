"""What cannot be settled on a polygon is an interval that holds the count, with the reason."""

import sys

import numpy as np
import pytest

from jaxlab.regions import plane
from tests.regions import networks, plane_oracle

FAMILIES = pytest.mark.parametrize("family", plane_oracle.FAMILIES)


def holds(found, exact):
    return (
        found.lower <= exact.regions <= found.upper
        and found.pieces_lower <= exact.pieces <= found.pieces_upper
    )


@FAMILIES
@pytest.mark.parametrize("effort", [0, 3, 20, 100])
def test_the_interval_holds_both_counts(family, effort):
    for seed in range(6):
        params, polygon, exact = plane_oracle.sample(family, seed)
        found = plane.certify(networks.layers(params), polygon, pieces=True, effort=effort)
        assert holds(found, exact)
        assert found.lower >= 1
        assert found.pieces_lower >= 1
        assert found.settled <= effort
        assert found.certified == (found.reason == "") == (found.settled == found.doubtful)
        if not found.certified:
            assert found.reason.startswith(f"effort: got {effort}, expected at least ")


@FAMILIES
def test_enough_effort_certifies_and_one_less_does_not(family):
    for seed in range(6):
        params, polygon, exact = plane_oracle.sample(family, seed)
        layers = networks.layers(params)
        settled = plane.certify(layers, polygon, pieces=True).settled
        again = plane.certify(layers, polygon, pieces=True, effort=settled)
        assert again.certified
        if settled:
            less = plane.certify(layers, polygon, pieces=True, effort=settled - 1)
            assert not less.certified
            assert holds(less, exact)


@FAMILIES
def test_without_flint_the_interval_holds_the_counts_and_the_reason_names_the_extra(
    family, monkeypatch
):
    monkeypatch.setitem(sys.modules, "flint", None)
    for seed in range(4):
        params, polygon, exact = plane_oracle.sample(family, seed)
        found = plane.certify(networks.layers(params), polygon, pieces=True)
        assert holds(found, exact)
        assert found.settled == 0
        assert ("jaxlab[balls]" in found.reason) == (found.doubtful > 0) == (not found.certified)


@pytest.mark.parametrize("name", ["p2_16x2_s0", "p2_32x3_s0", "p2_64x3_s0", "p2_16x8_s0"])
def test_clear_networks_are_certified_without_flint(monkeypatch, name):
    monkeypatch.setitem(sys.modules, "flint", None)
    params, lo, hi = networks.stored(name)
    polygon = plane.box(lo, hi)
    found = plane.certify(networks.layers(params), polygon, pieces=True)
    assert (found.certified, found.doubtful) == (True, 0)
    assert found.lower == plane.count(networks.layers(params), polygon).regions


STORED = {
    "p2_4x4_s0": (50, 34),
    "p2_int12x2_s0": (159, 145),
    "p2_32x3_zerob_s0": (184, 184),
    "p2_64x3_b1em3_s0": (18514, 18514),
}


@pytest.mark.parametrize("name", STORED)
def test_stored_networks_are_certified(name):
    params, lo, hi = networks.stored(name)
    found = plane.certify(networks.layers(params), plane.box(lo, hi), pieces=True)
    assert found.certified
    assert (found.lower, found.pieces_lower) == STORED[name]


def test_unsettled_maps_leave_the_regions_exact():
    # The kinks of two neurons cancel in the output, but not their bits.
    first = (np.array([[0.7, -0.7], [0.1, -0.1]]), np.array([-0.3, 0.3]))
    params = networks.layers([first, (np.array([[0.1], [-0.1]]), np.zeros(1))])
    settled = plane.certify(params, plane.box(0.0, 1.0), pieces=True)
    assert settled[:4] == (2, 2, 1, 1)
    found = plane.certify(params, plane.box(0.0, 1.0), pieces=True, effort=settled.settled - 1)
    assert found[:4] == (2, 2, 1, 2)
    assert not found.certified
    assert found.reason.startswith("effort")


@FAMILIES
def test_beyond_the_limit_the_interval_is_the_regions_so_far_to_all_that_can_come(family):
    for seed in range(6):
        params, polygon, exact = plane_oracle.sample(family, seed)
        found = plane.certify(networks.layers(params), polygon, pieces=True, limit=3)
        assert holds(found, exact)
        if exact.regions <= 3:
            assert found.certified
        else:
            assert found.lower > 3
            assert found.reason.startswith("limit: got 3")


def test_the_interval_after_the_first_layer_is_zaslavskys_bound_for_every_region():
    params, polygon, _ = plane_oracle.sample("integer", 0)
    params = [*networks.he(np.random.default_rng(0), (2, 4, 3, 5, 1))]
    first = plane.certify(networks.layers([params[0], (np.ones((4, 1)), np.zeros(1))]), polygon)
    found = plane.certify(networks.layers(params), polygon, limit=1)
    assert first.certified
    assert found.lower == first.lower > 1
    assert found.upper == first.lower * (1 + 3 + 3) * (1 + 5 + 10)
