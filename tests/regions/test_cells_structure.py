"""What `enumerate` returns fits together, and fits the network."""

import itertools

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from jaxlab.regions import cells
from tests.regions import degenerate, networks

MAKERS = degenerate.NETWORKS | {"he": networks.he}
WIDTHS = {1: (1, 7, 6, 1), 2: (2, 7, 5, 2), 3: (3, 6, 4, 1), 4: (4, 4, 4, 1), 5: (5, 4, 2, 1)}


def forward(params, x):
    """Outputs and hidden pre-activations, in float64."""
    hidden = []
    for weight, bias in params[:-1]:
        hidden.append(x @ weight + bias)
        x = np.maximum(hidden[-1], 0)
    return x @ params[-1].weight + params[-1].bias, np.hstack(hidden)


@pytest.fixture(params=[(name, d) for name in MAKERS for d in WIDTHS], ids=str)
def made(request):
    name, d = request.param
    params = networks.layers(MAKERS[name](np.random.default_rng(d), WIDTHS[d]))
    return params, cells.enumerate(params, -1.0, 2.0), d


def test_eulers_relation_holds_and_patterns_are_distinct(made):
    _, found, d = made
    assert found.euler == 1 == found.f_vector @ (-1) ** np.arange(d + 1)
    assert found.exact
    assert len(np.unique(found.patterns, axis=0)) == found.f_vector[-1] == len(found.patterns)
    assert found.f_vector[0] == len(found.points)


def test_the_network_is_affine_on_every_cell(made):
    params, found, _ = made
    values, _ = forward(params, found.points)
    scale = np.abs(values).max() + 1
    np.testing.assert_allclose(found.values, values, rtol=0, atol=1e-11 * scale)
    maps = cells.maps(params, found.patterns)
    of = np.repeat(np.arange(len(maps)), np.diff(found.first_corner))
    rows = np.column_stack([np.ones(len(of)), found.points[found.corners]])
    affine = np.einsum("vi,vio->vo", rows, maps[of])
    np.testing.assert_allclose(affine, found.values[found.corners], rtol=0, atol=1e-11 * scale)


def test_patterns_are_those_inside_the_cells(made):
    params, found, d = made
    sizes = np.diff(found.first_corner)
    assert (sizes >= d + 1).all()
    sums = np.add.reduceat(found.points[found.corners], found.first_corner[:-1])
    _, hidden = forward(params, sums / sizes[:, None])
    clear = np.abs(hidden) > 1e-12
    assert (found.patterns == (hidden > 0))[clear].all()
    assert clear.mean() > 0.25


def test_cells_fill_the_box(made):
    _, found, d = made
    stops = found.first_corner
    if d == 1:
        ends = found.points[found.corners].reshape(-1, 2)
        volume = np.abs(ends[:, 1] - ends[:, 0]).sum()
    else:
        volume = sum(
            ConvexHull(found.points[found.corners[a:b]], qhull_options="QJ Pp").volume
            for a, b in itertools.pairwise(stops)
        )
    assert volume == pytest.approx(3.0**d, rel=1e-6)


def test_neighbours_share_a_facet(made):
    _, found, d = made
    groups = [set(part) for part in np.split(found.corners, found.first_corner[1:-1])]
    assert found.neighbours.shape == (len({frozenset(p) for p in found.neighbours.tolist()}), 2)
    for one, two in found.neighbours.tolist():
        assert len(groups[one] & groups[two]) >= d
        assert (found.patterns[one] != found.patterns[two]).any()
    # Every cell is reached: the graph of a box cut by walls is connected.
    reached = {0}
    for _ in groups:
        grown = reached | {
            b for pair in found.neighbours.tolist() for b in pair if set(pair) & reached
        }
        if grown == reached:
            break
        reached = grown
    assert len(reached) == len(groups)


@pytest.mark.parametrize("d", WIDTHS)
def test_moving_box_and_network_together_changes_nothing(d):
    rng = np.random.default_rng(d)
    params = networks.layers(degenerate.integer(rng, WIDTHS[d]))
    shift = rng.integers(-3, 4, d) / 4
    (weight, bias), *rest = params
    moved = ((params[0]._replace(bias=bias - shift @ weight)), *rest)
    one = cells.count(params, -1.0, 2.0)
    two = cells.count(moved, shift - 1.0, shift + 2.0)
    assert (one.f_vector == two.f_vector).all()
    assert one.regions > 3


def test_six_dimensions():
    params = networks.layers(networks.he(np.random.default_rng(0), (6, 8, 8, 1)))
    found = cells.enumerate(params, -1.0, 1.0)
    assert (found.euler, found.undecided) == (1, 0)
    assert len(np.unique(found.patterns, axis=0)) == found.f_vector[-1] > 2000
