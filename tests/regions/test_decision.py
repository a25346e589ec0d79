"""Decision boundaries on a plane: closed forms, and an oracle along random lines."""

import itertools

import numpy as np
import pytest
from regions.networks import he, layers
from regions.oracle import line as exact_line

from jaxlab.networks.mlp import Layer
from jaxlab.regions import decision, plane


def absolute_sum(outputs=1):
    """|x| + |y|."""
    signs = np.array([[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0]])
    return (Layer(signs, np.zeros(4)), Layer(np.ones((4, outputs)), np.zeros(outputs)))


def test_a_level_set_of_the_l1_norm_is_a_square():
    found = plane.tessellate(absolute_sum(), plane.box(-2.0, 2.0))
    edge = decision.boundary(found, level=1.0)
    assert len(edge.segments) == 4
    assert edge.length == pytest.approx(4 * np.sqrt(2), abs=1e-12)
    assert np.abs(np.abs(edge.segments).sum(axis=2) - 1).max() < 1e-15
    assert edge.undecided == 0


def test_a_level_outside_the_range_has_no_boundary():
    found = plane.tessellate(absolute_sum(), plane.box(-2.0, 2.0))
    assert decision.boundary(found, level=-1.0).length == 0
    assert decision.boundary(found, level=5.0).length == 0


def test_touching_a_level_is_no_change_of_mind():
    found = plane.tessellate(absolute_sum(), plane.box(-2.0, 2.0))
    assert len(decision.boundary(found, level=0.0).segments) == 0


def test_equal_outputs_have_no_boundary():
    found = plane.tessellate(absolute_sum(3), plane.box(-2.0, 2.0))
    assert len(decision.boundary(found).segments) == 0


def test_three_affine_classes_meet_in_three_rays():
    angles = 2 * np.pi * np.arange(3) / 3
    weight = np.stack([np.cos(angles), np.sin(angles)])
    hidden = Layer(np.concatenate([np.eye(2), -np.eye(2)], axis=1), np.zeros(4))
    params = (hidden, Layer(np.concatenate([weight, -weight]), np.zeros(3)))
    corners = 2 * np.stack([np.cos(np.arange(6) * np.pi / 3), np.sin(np.arange(6) * np.pi / 3)], 1)
    edge = decision.boundary(plane.tessellate(params, corners))
    assert edge.length == pytest.approx(3 * 2.0, abs=1e-12)  # to three corners
    assert {tuple(pair) for pair in edge.classes.tolist()} == {(0, 1), (0, 2), (1, 2)}


def changes_along(params, start, stop):
    """Pairs of classes that meet along a segment, in order, from the exact breakpoints."""
    found = exact_line(params, start, stop)
    ends = np.array([[float(t) for t in pair] for pair in itertools.pairwise(found.positions)])
    classes = []
    for low, high in ends:
        cuts = [low, high]
        values = [evaluate(params, start + t * (stop - start)) for t in (low, high)]
        for a, b in itertools.combinations(range(len(values[0])), 2):
            d0, d1 = (v[a] - v[b] for v in values)
            if d0 * d1 < 0:
                cuts.append(low + (high - low) * d0 / (d0 - d1))
        cuts.sort()
        for t0, t1 in itertools.pairwise(cuts):
            middle = start + (t0 + t1) / 2 * (stop - start)
            classes.append(int(np.argmax(evaluate(params, middle))))
    return [tuple(sorted(pair)) for pair in itertools.pairwise(classes) if pair[0] != pair[1]]


def evaluate(params, x):
    for weight, bias in params[:-1]:
        x = np.maximum(x @ weight + bias, 0)
    return x @ params[-1][0] + params[-1][1]


def crossed(edge, start, stop):
    """Pairs of classes of the boundary segments that a line crosses, in order along it."""
    along = stop - start
    normal = np.array([-along[1], along[0]])
    side = (edge.segments - start) @ normal
    hit = np.flatnonzero(side[:, 0] * side[:, 1] < 0)
    share = side[hit, 0] / (side[hit, 0] - side[hit, 1])
    points = edge.segments[hit, 0] + share[:, None] * (
        edge.segments[hit, 1] - edge.segments[hit, 0]
    )
    place = (points - start) @ along / (along @ along)
    inside = (place > 0) & (place < 1)
    return [tuple(edge.classes[hit[i]].tolist()) for i in np.argsort(place) if inside[i]]


@pytest.mark.parametrize("seed", range(4))
def test_lines_cross_the_boundary_where_the_class_changes(seed):
    rng = np.random.default_rng(seed)
    params = he(rng, (2, 8, 8, 4), bias=0.5)
    params[-1] = (params[-1][0], 0.1 * rng.normal(size=4))
    edge = decision.boundary(plane.tessellate(layers(params), plane.box(-1.0, 1.0)))
    met = 0
    for _ in range(25):
        start, stop = rng.uniform(-1, 1, (2, 2))
        expected = changes_along(params, start, stop)
        assert crossed(edge, start, stop) == expected
        met += len(expected)
    assert met > 0
