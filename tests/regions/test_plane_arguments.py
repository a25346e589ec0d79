"""Polygons and networks that are none are refused; limits and overflow are reported."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.networks.mlp import Layer
from jaxlab.regions import plane
from tests.regions import networks, plane_oracle

PARAMS = networks.layers(networks.he(np.random.default_rng(0), (2, 5, 4, 1)))
SQUARE = plane.box(-1.0, 1.0)
CALLS = pytest.mark.parametrize("call", [plane.count, plane.tessellate, plane.certify])
ANGLES = 4 * np.pi * np.arange(5) / 5
NOT_CONVEX = {
    "notch": [[0, 0], [2, 0], [2, 2], [1, 0.5]],
    "bow tie": [[0, 0], [1, 1], [1, 0], [0, 1]],
    "pentagram": np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1),
    "twice round": np.concatenate([SQUARE, SQUARE]),
    "on a line": [[0, 0], [1, 1], [2, 2]],
    "there and back": [[0, 0], [1, 0], [2, 0], [1, 0]],
    "corner twice": [[0, 0], [0, 0], [1, 0], [1, 1]],
    "one point": np.ones((3, 2)),
}


@CALLS
@pytest.mark.parametrize("name", NOT_CONVEX)
def test_polygons_that_are_not_convex_are_refused(call, name):
    with pytest.raises(ValueError, match=r"polygon: got .* expected distinct corners of a convex"):
        call(PARAMS, NOT_CONVEX[name])


@CALLS
def test_polygons_of_a_wrong_shape_or_not_finite_are_refused(call):
    for wrong in (SQUARE[:2], np.zeros((0, 2)), np.zeros((4, 3)), SQUARE[:, :1]):
        with pytest.raises(ValueError, match=r"polygon: got shape .* at least 3 corners"):
            call(PARAMS, wrong)
    for wrong in (SQUARE[0], np.zeros((1, 1, 4, 2))):
        with pytest.raises(ValueError, match="polygon: got shape"):
            call(PARAMS, wrong)
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="polygon: got a corner that is not finite"):
            call(PARAMS, np.where(SQUARE == 1, bad, SQUARE))


@CALLS
def test_polygons_in_space_must_be_flat_and_not_thin(call):
    params = networks.layers(networks.he(np.random.default_rng(0), (3, 5, 1)))
    flat = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    call(params, flat)
    bent = flat.copy()
    bent[2, 2] = 1e-3
    with pytest.raises(ValueError, match=r"polygon: got corners .* off a plane"):
        call(params, bent)
    with pytest.raises(ValueError, match="polygon: got points on a line"):
        call(params, flat[[0, 1, 1]])


def test_three_points_make_a_plane_or_are_refused():
    with pytest.raises(ValueError, match=r"points: got shape \(2, 3\), expected \(3, inputs\)"):
        plane.through(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="points: got points on a line"):
        plane.through(np.array([[0.0, 0, 0], [1, 1, 1], [3, 3, 3]]))


def test_networks_of_one_input_and_ensembles_where_one_is_expected_are_refused():
    one_input = networks.layers(networks.he(np.random.default_rng(0), (1, 5, 1)))
    with pytest.raises(ValueError, match="2 inputs"):
        plane.count(one_input, np.array([[0.0], [1], [2]]))
    ensemble = networks.stack([plane_oracle.sample("he", 0).params] * 2)
    for call in (plane.tessellate, plane.certify):
        with pytest.raises(ValueError, match="params: got an ensemble"):
            call(ensemble, SQUARE)
    with pytest.raises(ValueError, match="params"):
        plane.count((PARAMS[0], PARAMS[0]), SQUARE)


def test_corners_may_be_lists_integers_or_device_arrays_in_either_order():
    expected = plane.count(PARAMS, SQUARE)
    for same in (SQUARE.tolist(), SQUARE.astype(int), jnp.asarray(SQUARE, jnp.float32)):
        assert plane.count(PARAMS, same) == expected
    assert plane.count(PARAMS, SQUARE[::-1]) == expected
    turned = plane.tessellate(PARAMS, SQUARE[::-1])
    ahead = plane.tessellate(PARAMS, SQUARE)
    assert {*map(tuple, turned.patterns.tolist())} == {*map(tuple, ahead.patterns.tolist())}


@pytest.mark.parametrize("pieces", [False, True])
def test_beyond_the_limit_counts_are_lower_bounds_and_say_so(pieces):
    regions = int(plane.count(PARAMS, SQUARE).regions)
    for limit in (1, 5, regions - 1):
        found = plane.count(PARAMS, SQUARE, limit=limit, pieces=pieces)
        assert not found.exact
        assert limit < found.regions <= regions
        assert found.pieces == -1
    found = plane.count(PARAMS, SQUARE, limit=regions, pieces=pieces)
    assert (found.regions, found.exact) == (regions, True)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("leaf", [0, 1])
def test_networks_that_are_not_finite_have_no_count(value, level, leaf):
    pairs = [[np.array(entry) for entry in layer] for layer in PARAMS]
    pairs[level][leaf].flat[0] = value
    params = tuple(Layer(*pair) for pair in pairs)
    for pieces in (False, True):
        assert plane.count(params, SQUARE, pieces=pieces) == (-1, -1, 0, False)
        found = plane.certify(params, SQUARE, pieces=pieces)
        assert found[:4] == (-1, -1, -1, -1)
        assert not found.certified
        assert "finite" in found.reason
    with pytest.raises(ValueError, match="params: not finite on the polygon"):
        plane.tessellate(params, SQUARE)


def test_a_network_that_overflows_has_no_count_but_a_certificate():
    params = tuple(Layer(layer.weight * 1e308, layer.bias * 1e308) for layer in PARAMS)
    assert plane.count(params, SQUARE) == (-1, -1, 0, False)
    assert plane.certify(params, SQUARE).certified


def test_a_network_without_hidden_layers_is_one_region():
    params = (Layer(np.ones((2, 3)), np.zeros(3)),)
    assert plane.count(params, SQUARE, pieces=True) == (1, 1, 0, True)
    found = plane.tessellate(params, SQUARE)
    assert (len(found.points), len(found.edges), found.patterns.shape) == (4, 4, (1, 0))
    np.testing.assert_array_equal(found.gradients, np.ones((1, 2, 3)))
