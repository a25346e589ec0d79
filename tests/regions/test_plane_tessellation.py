"""A tessellation is a tessellation: geometry, combinatorics and affine maps of every face."""

import functools

import numpy as np
import pytest

from jaxlab.regions import line, plane
from tests.regions import networks, plane_oracle

CASES = [(family, seed) for family in plane_oracle.FAMILIES for seed in (0, 1, 2)]
CASES += [("p2_32x3_s0", 0), ("p2_32x3_zerob_s0", 0), ("p2_int12x2_s0", 0)]
tessellations = pytest.mark.parametrize(("family", "seed"), CASES)


@functools.cache
def network(family, seed):
    """A network and a polygon."""
    if family.startswith("p2_"):
        params, lo, hi = networks.stored(family)
        return params, plane.box(lo, hi)
    return plane_oracle.sample(family, seed)[:2]


@functools.cache
def tessellated(family, seed):
    """Its tessellation."""
    params, polygon = network(family, seed)
    return plane.tessellate(networks.layers(params), polygon)


def cycles(found):
    """Index of the following entry of ``corners`` around the face, and the face, of every entry."""
    face = np.repeat(np.arange(len(found.patterns)), np.diff(found.first_corner))
    following = np.arange(len(found.corners)) + 1
    following[found.first_corner[1:] - 1] = found.first_corner[:-1]
    return following, face


def areas(found, points=None):
    points = found.coordinates if points is None else points
    x, y = points[found.corners].T
    following, face = cycles(found)
    return np.bincount(face, (x * y[following] - x[following] * y) / 2)


def centroids(found):
    sums = np.add.reduceat(found.coordinates[found.corners], found.first_corner[:-1])
    return sums / np.diff(found.first_corner)[:, None]


def evaluated(params, points):
    """Pre-activations of all hidden neurons, in order, and outputs."""
    before = []
    for weight, bias in params[:-1]:
        before.append(points @ weight + bias)
        points = np.maximum(before[-1], 0)
    return np.concatenate(before, axis=1), points @ params[-1][0] + params[-1][1]


@tessellations
def test_eulers_relation_holds_and_every_vertex_is_used(family, seed):
    found = tessellated(family, seed)
    assert found.exact
    assert len(found.points) - len(found.edges) + len(found.patterns) == 1
    assert set(found.edges.ravel()) == set(range(len(found.points))) == set(found.corners)
    assert len(np.unique(np.sort(found.edges, axis=1), axis=0)) == len(found.edges)
    assert (found.edges[:, 0] != found.edges[:, 1]).all()


@tessellations
def test_the_edges_of_a_face_are_its_corners_in_order(family, seed):
    found = tessellated(family, seed)
    following, face = cycles(found)
    around = np.stack([found.corners, found.corners[following]], axis=1)
    by_corners = {(f, *sorted(pair)) for f, pair in zip(face, around.tolist(), strict=True)}
    by_sides = {
        (side, *sorted(pair))
        for pair, sides in zip(found.edges.tolist(), found.sides.tolist(), strict=True)
        for side in sides
        if side >= 0
    }
    assert by_corners == by_sides
    assert len(by_corners) == len(found.corners)


@tessellations
def test_faces_are_convex_and_counter_clockwise_and_fill_the_polygon(family, seed):
    found = tessellated(family, seed)
    following, _ = cycles(found)
    here = found.coordinates[found.corners]
    step = here[following] - here
    turn = step[:, 0] * step[following, 1] - step[:, 1] * step[following, 0]
    assert turn.min() > -1e-13
    assert areas(found).min() > -1e-13
    polygon = network(family, seed)[1]
    x, y = polygon.T
    whole = (x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2
    np.testing.assert_allclose(areas(found).sum(), whole, rtol=1e-13)


@pytest.mark.parametrize(("family", "seed"), [c for c in CASES if not c[0].startswith("p2_")])
def test_every_face_has_the_exact_pattern_area_and_affine_map(family, seed):
    found, exact = tessellated(family, seed), plane_oracle.sample(family, seed).exact
    assert len({*map(tuple, found.patterns.tolist())}) == len(found.patterns)
    expected = dict(zip(exact.patterns, zip(exact.areas, exact.maps, strict=True), strict=True))
    if len(found.patterns) == exact.regions:
        assert {*map(tuple, found.patterns.tolist())} == set(expected)
    else:  # boundaries that differ by roundings only are taken as one
        assert family in plane_oracle.ROUNDED
    each = zip(found.patterns.tolist(), areas(found), found.gradients, found.offsets, strict=True)
    for pattern, area, gradient, offset in each:
        if tuple(pattern) in expected:
            true_area, forms = expected[tuple(pattern)]
            assert abs(area - float(true_area)) < 1e-12
            map_ = np.array([[float(entry) for entry in form] for form in forms]).T
            np.testing.assert_allclose(gradient, map_[:2], atol=1e-11)
            np.testing.assert_allclose(offset, map_[2], atol=1e-11)
        else:
            assert family in plane_oracle.ROUNDED


@tessellations
def test_patterns_are_those_of_the_network_inside_the_faces(family, seed):
    found = tessellated(family, seed)
    before, _ = evaluated(network(family, seed)[0], centroids(found))
    clear = np.abs(before) > 1e-9
    assert clear.mean() > 0.1
    np.testing.assert_array_equal(found.patterns[clear], (before > 0)[clear])


@tessellations
def test_values_and_affine_maps_are_those_of_the_network(family, seed):
    found = tessellated(family, seed)
    params, polygon = network(family, seed)
    np.testing.assert_array_equal(found.points, found.coordinates)
    _, values = evaluated(params, found.points)
    np.testing.assert_allclose(found.values, values, atol=1e-11)
    _, face = cycles(found)
    at = found.coordinates[found.corners]
    maps = np.einsum("ci,cio->co", at, found.gradients[face]) + found.offsets[face]
    np.testing.assert_allclose(maps, found.values[found.corners], atol=1e-11)
    share = np.random.default_rng(seed).dirichlet(np.ones(len(polygon)), 200)
    points = share @ polygon
    before, values = evaluated(params, points)
    same = ((before > 0)[:, None] == found.patterns).all(axis=2)
    hit = same.any(axis=1)
    assert hit.mean() > 0.5  # all, but for zero neurons of either sign in floating point
    of_point = same.argmax(axis=1)[hit]
    mapped = np.einsum("pi,pio->po", points[hit], found.gradients[of_point])
    np.testing.assert_allclose(mapped + found.offsets[of_point], values[hit], atol=1e-11)


@tessellations
def test_the_neuron_of_an_edge_vanishes_on_it_and_switches_across_it(family, seed):
    found = tessellated(family, seed)
    params, polygon = network(family, seed)
    inner = found.layers >= 0
    np.testing.assert_array_equal(inner, (found.sides >= 0).all(axis=1))
    first = np.cumsum([0] + [bias.size for _, bias in params[:-1]])
    number = first[found.layers[inner]] + found.neurons[inner]
    before, _ = evaluated(params, found.points)
    for end in found.edges[inner].T:
        assert np.abs(before[end, number]).max(initial=0) < 1e-11
    one, other = (found.patterns[side] for side in found.sides[inner].T)
    switched = (one != other)[np.arange(len(number)), number]
    assert switched.all()
    layer = np.repeat(np.arange(len(params) - 1), np.diff(first))
    earlier = layer < found.layers[inner][:, None]
    assert not ((one != other) & earlier).any()
    side = polygon[(found.neurons[~inner] + 1) % len(polygon)] - polygon[found.neurons[~inner]]
    for end in found.edges[~inner].T:
        away = found.coordinates[end] - polygon[found.neurons[~inner]]
        assert np.abs(side[:, 0] * away[:, 1] - side[:, 1] * away[:, 0]).max() < 1e-13
    assert ((found.sides[~inner] >= 0).sum(axis=1) == 1).all()


@tessellations
def test_pieces_join_the_faces_of_equal_maps(family, seed):
    found = tessellated(family, seed)
    inner = found.sides[(found.sides >= 0).all(axis=1)]
    one, other = (found.gradients[side] for side in inner.T)
    same = np.abs(one - other).max(axis=(1, 2), initial=0) < 1e-10
    np.testing.assert_array_equal(found.pieces[inner[:, 0]] == found.pieces[inner[:, 1]], same)
    assert set(found.pieces) == set(range(found.pieces.max() + 1))
    params, polygon = network(family, seed)
    counted = plane.count(networks.layers(params), polygon, pieces=True)
    assert (counted.regions, counted.pieces) == (len(found.patterns), found.pieces.max() + 1)
    assert (counted.undecided, counted.exact) == (found.undecided, found.exact)


@tessellations
def test_a_line_through_it_crosses_as_many_faces_as_the_line_counter_counts(family, seed):
    found = tessellated(family, seed)
    params, polygon = network(family, seed)
    inner = found.edges[(found.sides >= 0).all(axis=1)]
    share = np.random.default_rng(seed).dirichlet(np.ones(len(polygon)), (5, 2))
    for start, stop in share @ polygon:
        tail, head = (found.coordinates[end] - start for end in inner.T)
        way = stop - start
        above, below = (way[0] * p[:, 1] - way[1] * p[:, 0] for p in (tail, head))
        crossed = (above > 0) != (below > 0)
        a, b = above[crossed, None], below[crossed, None]
        place = (tail[crossed] * b - head[crossed] * a) / (b - a) @ way / (way @ way)
        counted = line.count(networks.layers(params), start, stop)
        assert counted.regions == 1 + ((place > 0) & (place < 1)).sum()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["p2_16x8_s0", "p2_64x3_b1em3_s0", "p2_64x3_s0"])
def test_large_tessellations_are_convex_and_have_their_maps(name):
    test_eulers_relation_holds_and_every_vertex_is_used(name, 0)
    test_faces_are_convex_and_counter_clockwise_and_fill_the_polygon(name, 0)
    test_the_edges_of_a_face_are_its_corners_in_order(name, 0)
    test_the_neuron_of_an_edge_vanishes_on_it_and_switches_across_it(name, 0)
    test_patterns_are_those_of_the_network_inside_the_faces(name, 0)
    test_values_and_affine_maps_are_those_of_the_network(name, 0)
