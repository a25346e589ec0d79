"""Planes in spaces of many inputs, many planes at once, and many networks at once."""

import numpy as np
import pytest

from jaxlab.regions import line, plane
from jaxlab.regions._plane import frame as _frame
from tests.regions import networks, plane_oracle

INPUTS = pytest.mark.parametrize("inputs", [3, 5, 50])


def setting(inputs, seed=0, family="he"):
    """A network, a rectangle in its input space, and the rectangle's frame."""
    rng = np.random.default_rng(seed)
    params = plane_oracle.FAMILIES[family](rng, (inputs, 7, 6, 2))
    polygon = plane.through(2 * rng.normal(size=(3, inputs)), margin=0.5)
    return params, polygon, _frame.frame(polygon, inputs)


@INPUTS
def test_the_frame_of_a_slice_is_orthonormal_and_holds_the_corners(inputs):
    _, polygon, (origin, axes, corners) = setting(inputs)
    np.testing.assert_allclose(axes @ axes.T, np.eye(2), atol=1e-15)
    back = origin + corners @ axes
    back = back if np.abs(back[0] - polygon[0]).max() < 1e-6 else back[::-1]  # was clockwise
    np.testing.assert_allclose(back, polygon, atol=1e-13)


@INPUTS
@pytest.mark.parametrize("family", ["he", "zero_biases", "opposite", "dead_layer", "duplicated"])
def test_slices_are_counted_as_the_oracle_counts_on_the_binary_axes(inputs, family):
    for seed in range(4):
        params, polygon, (origin, axes, corners) = setting(inputs, seed, family)
        exact = plane_oracle.plane(params, corners, origin, axes)
        found = plane.count(networks.layers(params), polygon, pieces=True)
        assert (found.regions, found.pieces, found.exact) == (exact.regions, exact.pieces, True)
        assert exact.regions > 5


@INPUTS
def test_a_slice_is_the_network_reduced_by_hand(inputs):
    params, polygon, (origin, axes, corners) = setting(inputs)
    (weight, bias), *rest = params
    flat = networks.layers([(axes @ weight, origin @ weight + bias), *rest])
    whole = plane.tessellate(networks.layers(params), polygon)
    reduced = plane.tessellate(flat, corners)
    np.testing.assert_array_equal(whole.patterns, reduced.patterns)
    np.testing.assert_allclose(whole.coordinates, reduced.coordinates, atol=1e-12)
    np.testing.assert_allclose(whole.gradients, reduced.gradients, atol=1e-12)
    assert len(whole.patterns) > 20


@INPUTS
def test_points_lie_in_the_plane_and_values_are_the_networks_there(inputs):
    params, polygon, (origin, axes, _) = setting(inputs)
    found = plane.tessellate(networks.layers(params), polygon)
    np.testing.assert_allclose(found.points, origin + found.coordinates @ axes, atol=1e-13)
    values = found.points
    for weight, bias in params[:-1]:
        values = np.maximum(values @ weight + bias, 0)
    np.testing.assert_allclose(found.values, values @ params[-1][0] + params[-1][1], atol=1e-11)
    distance = np.abs(found.points[:, None] - polygon).max(axis=2)
    assert (distance.min(axis=0) < 1e-13).all()


def test_gradients_of_slices_are_along_orthonormal_axes():
    params, polygon, (_, axes, _) = setting(5)
    found = plane.tessellate(networks.layers(params), polygon)
    (first, _), (second, _), (last, _) = params
    for pattern, gradient in zip(found.patterns, found.gradients, strict=True):
        jacobian = (first * pattern[:7]) @ (second * pattern[7:]) @ last
        np.testing.assert_allclose(gradient, axes @ jacobian, atol=1e-12)


# A neuron that vanishes at a corner of the polygon in float64, and the truth on the binary axes.
@pytest.mark.parametrize("where", ["corner", "everywhere"])
def test_doubts_that_come_from_the_restriction_are_reported(where):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        polygon = plane.through(rng.normal(size=(3, 5)))
        origin, axes, corners = _frame.frame(polygon, 5)
        weight = rng.normal(size=(5, 4))
        if where == "everywhere":  # orthogonal to the plane
            weight[:, :3] = np.linalg.svd(axes)[2][2:].T
        params = [(weight, -(origin @ weight)), (np.ones((4, 1)), np.zeros(1))]
        exact = plane_oracle.plane(params, corners, origin, axes)
        found = plane.count(networks.layers(params), polygon)
        assert found.undecided or found.regions == exact.regions


@INPUTS
def test_a_slice_along_a_segment_agrees_with_the_line_counter(inputs):
    params, polygon, _ = setting(inputs)
    layers = networks.layers(params)
    start, stop = 0.5 * (polygon[0] + polygon[1]), 0.5 * (polygon[2] + polygon[3])
    halves = [
        np.stack([start, polygon[1], polygon[2], stop]),
        np.stack([polygon[0], start, stop, polygon[3]]),
    ]
    left, right = (plane.count(layers, half).regions for half in halves)
    crossed = line.count(layers, start, stop).regions
    assert left + right - crossed == plane.count(layers, polygon).regions
    assert crossed > 3


def test_many_networks_and_many_planes_give_what_one_at_a_time_gives():
    nets = [plane_oracle.FAMILIES["he"](np.random.default_rng(k), (3, 6, 5, 1)) for k in range(3)]
    rng = np.random.default_rng(9)
    slices = np.stack([plane.through(rng.normal(size=(3, 3))) for _ in range(4)])
    one_by_one = np.array(
        [
            [plane.count(networks.layers(net), polygon, pieces=True) for polygon in slices]
            for net in nets
        ]
    )
    together = plane.count(networks.stack(nets), slices, pieces=True)
    np.testing.assert_array_equal(np.stack(together, axis=-1), one_by_one)
    assert together.regions.shape == (3, 4)
    of_net = plane.count(networks.layers(nets[1]), slices, pieces=True)
    np.testing.assert_array_equal(np.stack(of_net, axis=-1), one_by_one[1])
    of_slice = plane.count(networks.stack(nets), slices[2], pieces=True)
    np.testing.assert_array_equal(np.stack(of_slice, axis=-1), one_by_one[:, 2])
    assert plane.count(networks.stack(nets[:1]), slices[:1]).regions.shape == (1, 1)
    assert plane.count(networks.layers(nets[0]), slices[0]).regions.shape == ()


def test_one_network_that_is_not_finite_spoils_no_other():
    nets = [plane_oracle.FAMILIES["he"](np.random.default_rng(k), (2, 6, 1)) for k in range(3)]
    good = plane.count(networks.stack(nets), plane.box(-1.0, 1.0))
    nets[1][0][0][0, 0] = np.nan
    found = plane.count(networks.stack(nets), plane.box(-1.0, 1.0))
    assert found.regions.tolist() == [good.regions[0], -1, good.regions[2]]
    assert found.exact.tolist() == [True, False, True]


def test_through_makes_a_rectangle_with_margins_around_three_points():
    points = np.random.default_rng(4).normal(size=(3, 6))
    corners = plane.through(points, margin=0.25)
    sides = np.roll(corners, -1, axis=0) - corners
    np.testing.assert_allclose((sides * np.roll(sides, 1, axis=0)).sum(axis=1), 0, atol=1e-12)
    along = (points[1] - points[0]) / np.linalg.norm(points[1] - points[0])
    np.testing.assert_allclose(sides[0] / np.linalg.norm(sides[0]), along, atol=1e-14)
    unit = sides[[0, 1]] / np.linalg.norm(sides[[0, 1]], axis=1)[:, None] ** 2
    places = (points - corners[0]) @ unit.T
    np.testing.assert_allclose(places.min(axis=0), 1 / 6, atol=1e-14)
    np.testing.assert_allclose(places.max(axis=0), 5 / 6, atol=1e-14)
    rest = points - corners[0] - places @ sides[:2]
    np.testing.assert_allclose(rest, 0, atol=1e-14)
