"""Integer forms, points and signs equal rational arithmetic."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from jaxlab.regions import _exact
from jaxlab.regions._line.host import HostLayer
from tests.regions import networks


def rational(values):
    return [[Fraction(float(x)) for x in row] for row in np.atleast_2d(values)]


def make(seed, widths):
    rng = np.random.default_rng(seed)
    params = tuple(HostLayer(*pair) for pair in networks.he(rng, widths))
    return rng, params


def evaluate(params, point, masks):
    """The pre-activations of layer ``len(masks)`` at a rational input, with the given bits."""
    row = point
    for level in range(len(masks) + 1):
        weight, (bias,) = rational(params[level].weight), rational(params[level].bias)
        row = [
            sum((x * line[j] for x, line in zip(row, weight, strict=True)), start=b)
            for j, b in enumerate(bias)
        ]
        if level < len(masks):
            row = [x if on else Fraction(0) for x, on in zip(row, masks[level], strict=True)]
    return row


@pytest.mark.parametrize("dimensions", [1, 2, 3, 4])
def test_forms_are_the_networks_pre_activations(dimensions):
    rng, params = make(dimensions, (4, 5, 6, 3))
    origin, directions = rng.normal(size=4), rng.normal(size=(dimensions, 4)) * 2.0**-9
    net = _exact.restrict(params, origin, directions)
    u = [Fraction(int(n), 7) for n in rng.integers(-9, 10, dimensions)]
    (point,) = rational(origin)
    for step, vector in zip(u, rational(directions), strict=True):
        point = [x + step * v for x, v in zip(point, vector, strict=True)]
    masks = [rng.random(5) < 0.5, rng.random(6) < 0.5]
    for level in range(3):
        forms = _exact.forms(net, masks[:level])
        assert (forms.nrows(), forms.ncols()) == (dimensions + 1, params[level].bias.size)
        found = [
            Fraction(int(constant)) + sum(a * int(c) for a, c in zip(u, rest, strict=True))
            for constant, *rest in zip(*forms.tolist(), strict=True)
        ]
        expected = evaluate(params, point, masks[:level])
        assert [x / Fraction(2) ** net.scales[level] for x in found] == expected


def test_a_segment_has_the_exact_difference_of_its_ends():
    _, params = make(0, (1, 3, 1))
    net = _exact.segment(params, np.array([0.1]), np.array([1e20]))
    forms = _exact.forms(net, [])
    for u, end in ((0, 0.1), (1, 1e20)):
        found = [int(a) + u * int(b) for a, b in zip(*forms.tolist(), strict=True)]
        expected = evaluate(params, [Fraction(end)], [])
        assert [x / Fraction(2) ** net.scales[0] for x in found] == expected


@pytest.mark.parametrize(
    "values",
    [[0.1, -3e-300, 1e10], [5e-324, 1.0], [0.0, 0.0], [3.0, 4.0], [-(2.0**-1074), 2.0**1000], []],
    ids=str,
)
def test_integers_are_the_floats(values):
    found, scale = _exact.integers(np.array(values))
    assert [n / Fraction(2) ** scale for n in found] == [Fraction(x) for x in values]
    assert not any(found) or any(n % 2 for n in found)


@pytest.mark.parametrize("dimensions", [1, 2, 3, 4])
def test_planes_meet_where_all_of_them_vanish(dimensions):
    rng = np.random.default_rng(dimensions)
    planes = [_exact.hyperplane(row) for row in rng.normal(size=(dimensions, dimensions + 1))]
    point = _exact.meet(planes)
    assert point[0] > 0
    assert np.gcd.reduce([int(p) for p in point]) == 1
    assert [_exact.sign(point, plane) for plane in planes] == [0] * dimensions
    matrix = np.array([[float(int(c)) for c in plane] for plane in planes])
    solved = np.linalg.solve(matrix[:, 1:], -matrix[:, 0])
    np.testing.assert_allclose([int(p) / int(point[0]) for p in point[1:]], solved, rtol=1e-9)


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_dependent_and_parallel_planes_meet_in_no_point(dimensions):
    normal = np.arange(dimensions + 1.0)
    dependent = [_exact.hyperplane(normal * factor) for factor in range(dimensions)]
    parallel = [_exact.hyperplane(normal + shift * (normal == 0)) for shift in range(dimensions)]
    constant = [_exact.hyperplane(np.eye(dimensions + 1)[0])] * dimensions
    assert _exact.meet(constant) is None
    if dimensions > 1:
        assert _exact.meet(dependent) is None
        assert _exact.meet(parallel) is None


def test_signs_are_those_of_the_single_forms():
    _, params = make(3, (2, 9, 2))
    net = _exact.restrict(params, np.zeros(2), np.eye(2))
    forms = _exact.forms(net, [])
    columns = [_exact.column(forms, neuron) for neuron in range(9)]
    for a, b in itertools.combinations(range(9), 2):
        point = _exact.meet([columns[a], columns[b]])
        signs = _exact.signs(point, forms)
        assert signs.dtype == np.int8
        assert signs.tolist() == [_exact.sign(point, plane) for plane in columns]
        assert signs[a] == signs[b] == 0
        assert np.count_nonzero(signs == 0) == 2


def test_values_are_rounded_once_to_nearest():
    _, params = make(4, (2, 9, 2))
    net = _exact.restrict(params, np.zeros(2), np.eye(2))
    forms = _exact.forms(net, [])
    point = _exact.meet([_exact.column(forms, 0), _exact.column(forms, 1)])
    found = _exact.rounded(_exact.at(point, forms), point[0], net.scales[0])
    rational_point = [Fraction(int(p), int(point[0])) for p in point[1:]]
    assert found.tolist() == [float(x) for x in evaluate(params, rational_point, [])]


def test_values_beyond_float64_are_infinite():
    assert _exact.rounded([2, -2, 0], 1, -2000).tolist() == [np.inf, -np.inf, 0]
    assert _exact.rounded([2, 3], 1, 2).tolist() == [0.5, 0.75]


def test_points_are_ordered_along_a_form():
    points = [_exact.meet([_exact.hyperplane(np.array([-x, 1.0]))]) for x in (0.1, 0.3, 3 * 0.1)]
    order = [[_exact.compare_along((0, 1), a, b) for b in points] for a in points]
    assert order == [[0, -1, -1], [1, 0, -1], [1, 1, 0]]
    assert _exact.compare_along((0, -1), points[0], points[1]) == 1


def test_without_flint_the_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "flint", None)
    with pytest.raises(ImportError, match=r"pip install 'jaxlab\[balls\]'"):
        _exact.hyperplane(np.ones(2))
