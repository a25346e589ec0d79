"""Cells of one affine map are merged into pieces, with tolerance and with proof."""

import numpy as np
import pytest

from jaxlab.regions import cells, plane
from tests.regions import degenerate, networks

pytest.importorskip("flint")


def number(params):
    return int(cells.pieces(params, cells.enumerate(params, -1.0, 1.0)).max()) + 1


@pytest.mark.parametrize("name", ["p2_4x4_s0", "p2_int12x2_s0"])
def test_pieces_in_two_dimensions_are_those_of_the_plane(name):
    params, lower, upper = networks.stored(name)
    params = networks.layers(params)
    expected = plane.certify(params, plane.box(lower, upper), pieces=True)
    found = cells.certify(params, lower, upper, pieces=True)
    assert found[:4] == expected[:4]
    assert found.pieces_lower < found.lower
    assert found.certified
    assert number(params) == found.pieces_lower


@pytest.mark.parametrize("family", sorted(degenerate.NETWORKS))
@pytest.mark.parametrize("seed", range(3))
def test_pieces_equal_the_number_of_maps_met_across_facets(family, seed):
    params = networks.layers(degenerate.NETWORKS[family](np.random.default_rng(seed), (3, 4, 3, 1)))
    found = cells.certify(params, -1.0, 1.0, pieces=True)
    assert found.certified
    flat = networks.layers([(w, b) for w, b in params[:-1]] + [(0 * params[-1][0], params[-1][1])])
    assert cells.certify(flat, -1.0, 1.0, pieces=True).pieces_lower == 1
    assert 1 <= found.pieces_lower <= found.lower
    if family not in ("tripled", "nearly_concurrent"):
        assert number(params) == found.pieces_lower


def test_a_generic_network_has_as_many_pieces_as_regions():
    params = networks.layers(networks.he(np.random.default_rng(0), (3, 8, 8, 2)))
    found = cells.certify(params, -1.0, 1.0, pieces=True)
    assert found.lower == found.pieces_lower == number(params) > 100


def test_without_effort_the_number_of_pieces_is_an_interval():
    params, lower, upper = networks.stored("p2_4x4_s0")
    found = cells.certify(networks.layers(params), lower, upper, pieces=True, effort=0)
    assert (found.lower, found.upper) == (50, 50)
    assert found.pieces_lower <= 34 < found.pieces_upper == 50
    assert not found.certified
    assert "effort" in found.reason
