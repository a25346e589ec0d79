"""Lines through corners, along sides, through one point, on each other: closed forms."""

import numpy as np
import pytest

from jaxlab.regions import plane
from tests.regions import networks, plane_oracle

SQUARE = plane.box(-1.0, 1.0)
UNIT = plane.box(0.0, 1.0)


def star(lines):
    """Lines through the origin with integer coefficients, no two parallel."""
    return networks.of_lines([[1, k, 0] for k in range(lines)])


def grid(columns, rows):
    """So many vertical and horizontal lines."""
    upright = [[8, 0, 7 - 2 * k] for k in range(columns)]
    return networks.of_lines(upright + [[0, 8, 7 - 2 * k] for k in range(rows)])


def on_top():
    """The second layer's boundaries lie on those of the first, and on the square's diagonal."""
    first = (np.array([[1.0, -1.0, 0.0], [0.0, 0.0, 1.0]]), np.array([0.0, 0.0, -0.5]))
    # relu(x) - relu(-x) = x, and x - y on the upper half only
    second = (np.array([[1.0, 2.0, 1.0], [-1.0, -2.0, 0.0], [0.0, 0.0, -1.0]]), np.zeros(3))
    return [first, second, (np.ones((3, 1)), np.zeros(1))]


def vanishing():
    """The second layer is zero on half of the square, and its bias is not positive."""
    second = (np.array([[1.0, -1.0]]), np.zeros(2))
    return [(np.array([[1.0], [0.0]]), np.zeros(1)), second, (np.ones((2, 1)), np.zeros(1))]


# name: network, polygon, regions
CASES = {
    "no hidden layer": ([(np.ones((2, 1)), np.zeros(1))], SQUARE, 1),
    "star": (star(6), SQUARE, 12),
    "star and a line that meets one of them on a side": (
        networks.of_lines([[1, 0, 0], [0, 1, 0], [1, 1, 0], [1, -1, 0], [4, 1, 1]]),
        SQUARE,
        12,
    ),
    "grid": (grid(5, 3), SQUARE, 24),
    "along all sides": (
        networks.of_lines([[1, 0, 1], [1, 0, -1], [0, 1, 1], [0, -3, 3]]),
        SQUARE,
        1,
    ),
    "touching corners": (networks.of_lines([[1, 1, 2], [1, -1, 2], [1, 2, -3]]), SQUARE, 1),
    "through two corners": (networks.of_lines([[1, 1, 0], [-2, -2, 0]]), SQUARE, 2),
    "fan from a corner": (networks.of_lines([[-k, 4, k - 4] for k in range(1, 4)]), -SQUARE, 4),
    "along a side of a triangle": (
        networks.of_lines([[1, 1, -1], [1, 0, -0.5], [0, 1, -0.5], [1, 1, -0.5]]),
        np.array([[0.0, 0], [1, 0], [0, 1]]),
        4,
    ),
    "diagonals of a hexagon, one tripled": (
        networks.of_lines([[0, 1, 0], [2, 1, 0], [2, -1, 0], [-6, 3, 0]]),
        plane_oracle.POLYGONS["hexagon"],
        6,
    ),
    "zero neurons": ([(np.zeros((2, 4)), np.zeros(4)), (np.ones((4, 1)), np.zeros(1))], SQUARE, 1),
    "constant neurons": (networks.of_lines([[0, 0, 1], [0, 0, -1], [1, 0, 0]]), SQUARE, 2),
    "second layer on the first": (on_top(), SQUARE, 5),
    "vanishing second layer": (vanishing(), SQUARE, 2),
    "sawtooth grid": (networks.sawtooth_grid(4), UNIT, 256),
    "sawtooth grid beyond its square": (networks.sawtooth_grid(3), plane.box(-1.0, 2.0), 100),
    "corner on a side": (
        networks.of_lines([[1, 0, 0], [1, 1, 0], [1, -1, 0]]),
        np.array([[-1.0, -1], [0, -1], [1, -1], [1, 1], [0, 1], [-1, 1]]),
        6,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_hard_cases_are_counted_exactly(name):
    params, polygon, regions = CASES[name]
    exact = plane_oracle.plane(params, polygon)
    assert exact.regions == regions
    layers = networks.layers(params)
    found = plane.count(layers, polygon, pieces=True)
    assert (found.regions, found.pieces, found.exact) == (regions, exact.pieces, True)
    assert plane.count(layers, polygon).regions == regions
    assert len(plane.tessellate(layers, polygon).patterns) == regions


@pytest.mark.parametrize("lines", [1, 5, 40])
def test_lines_in_general_position_make_zaslavskys_number_of_regions(lines):
    # Tangents of a parabola: every two meet, at (a + b) / 2 and a b, no three.
    slopes = np.linspace(-1, 1, lines)
    params = networks.of_lines(np.stack([2 * slopes, -np.ones(lines), -(slopes**2)], axis=1))
    found = plane.count(networks.layers(params), plane.box(-3.0, 3.0))
    assert found == (1 + lines + lines * (lines - 1) // 2, -1, 0, True)


@pytest.mark.parametrize("depth", [2, 6, 9])
def test_sawtooth_grids_have_a_square_for_every_pair_of_teeth(depth):
    params = networks.layers(networks.sawtooth_grid(depth))
    found = plane.count(params, UNIT, limit=2**21)
    assert (found.regions, found.exact) == (4**depth, True)
    beyond = plane.count(params, plane.box(-1.0, 2.0), limit=2**21)
    assert beyond.regions == (2**depth + 2) ** 2
