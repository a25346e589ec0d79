"""Every bound that a certified sweep of a polygon carries is one; signs and points are exact."""

from fractions import Fraction

import numpy as np
import pytest

from jaxlab.regions import plane
from jaxlab.regions._plane import certified as _certified_plane
from tests.regions import degenerate, networks, plane_oracle


def exactly(params, point):
    """Pre-activations of every hidden layer at a point, as fractions."""
    rows, before = [], point
    for weight, bias in params[:-1]:
        columns = zip(weight.T.tolist(), bias.tolist(), strict=True)
        rows.append(
            [
                sum((Fraction(w) * v for w, v in zip(column, before, strict=True)), Fraction(b))
                for column, b in columns
            ]
        )
        before = [max(value, Fraction(0)) for value in rows[-1]]
    return rows


class Watch:
    """Checks every call of the sign decisions; the exact points seen, and bounds over errors."""

    def __init__(self, params, settle):
        self.params, self.settle = params, settle
        self.points: dict = {}
        self.ratios: list[list[float]] = [[] for _ in params[:-1]]

    def __call__(self, facts, ledger, faces, values, bounds):
        level, true = len(facts.layers), []
        for vertex in range(len(values)):
            scale, *place = (int(entry) for entry in facts.point(vertex))
            point = tuple(Fraction(entry, scale) for entry in place)
            if point not in self.points:
                self.points[point] = exactly(self.params, point)
            true.append(self.points[point][level])
            for value, bound, exact in zip(values[vertex], bounds[vertex], true[-1], strict=True):
                error = abs(Fraction(float(value)) - exact)
                assert error <= Fraction(float(bound))
                if error:
                    self.ratios[level].append(float(bound) / float(error))
        signs = self.settle(facts, ledger, faces, values, bounds)
        expected = [[(value > 0) - (value < 0) for value in row] for row in true]
        np.testing.assert_array_equal(signs, expected)
        return signs


@pytest.fixture
def watched(monkeypatch):
    """Certifies a network on a polygon while every bound is checked."""
    settle = _certified_plane._settled_signs

    def run(params, polygon):
        watch = Watch(params, settle)
        monkeypatch.setattr(_certified_plane, "_settled_signs", watch)
        assert plane.certify(networks.layers(params), polygon, pieces=True).certified
        return watch

    return run


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_bounds_in_random_networks_are_bounds_and_not_absurd(watched, depth):
    params = networks.he(np.random.default_rng(depth), (2, *[6] * depth, 1))
    ratios = watched(params, plane.box(-1.0, 1.0)).ratios
    assert [len(layer) > 0 for layer in ratios] == [True] * depth
    for level, layer in enumerate(ratios):
        # Measured: 37 to 66 in the first layer, then 170 to 200, 420, 1,090.
        assert np.median(layer) < 100 * 8**level


@pytest.mark.parametrize("family", plane_oracle.FAMILIES)
def test_bounds_in_small_networks_are_bounds_and_vertices_are_the_oracles(watched, family):
    for seed in range(4):
        params, polygon, exact = plane_oracle.sample(family, seed)
        points = watched(params, polygon).points
        corners = {
            tuple(Fraction(int(x.numerator), int(x.denominator)) for x in corner)
            for region in exact.polygons
            for corner in region
        }
        assert set(points) == corners


@pytest.mark.parametrize("size", [2.0**-40, 2.0**40])
def test_bounds_hold_on_tiny_and_huge_polygons(watched, size):
    params = degenerate.concurrent(np.random.default_rng(3), (2, 5, 4, 1))
    around = np.array([0.25, 0.25]) + size * np.array([[-1.0, -1], [1, -1], [0, 1]])
    watched(params, around)
