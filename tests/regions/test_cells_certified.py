"""Certified counts equal exact rational ones, also where floating point is wrong."""

import itertools
import sys

import numpy as np
import pytest

from jaxlab.regions import _exact, cells
from jaxlab.regions._cells.certified import CertifiedSubdivision
from jaxlab.regions._cells.sweep import sweep
from jaxlab.regions._ledger import Ledger
from jaxlab.regions._line import host as _host
from tests.regions import degenerate, networks, oracle

pytest.importorskip("flint")
MAKERS = degenerate.NETWORKS | {"he": networks.he}


def clip(polygon, values, sign):
    """The part of a convex polygon where an affine function, given at the corners, is positive."""
    part = []
    for i, (point, value) in enumerate(zip(polygon, values, strict=True)):
        if sign * value >= 0:
            part.append(point)
        after, other = polygon[i - len(polygon) + 1], values[i - len(polygon) + 1]
        if (value > 0 > other) or (value < 0 < other):
            part.append(
                [a + value / (value - other) * (b - a) for a, b in zip(point, after, strict=True)]
            )
    return part


def polygons(params, lower, upper):
    """Number of regions of a network of two inputs in a square: polygons clipped in rationals."""
    low, high, zero, one = (oracle.rational(x) for x in (lower, upper, 0.0, 1.0))
    square = [[low, low], [high, low], [high, high], [low, high]]
    faces = [(square, [[zero, one, zero], [zero, zero, one]])]
    for weight, bias in params[:-1]:
        columns = [[oracle.rational(w) for w in column] for column in np.transpose(weight)]
        shifts = [oracle.rational(b) for b in bias]
        found = []
        for polygon, rows in faces:
            forms = []
            for column, shift in zip(columns, shifts, strict=True):
                terms = [[w * x for x in row] for w, row in zip(column, rows, strict=True)]
                constant, *slope = [sum(entries) for entries in zip(*terms, strict=True)]
                forms.append([constant + shift, *slope])
            parts = [(polygon, [])]
            for form in forms:
                halved = []
                for corners, active in parts:
                    values = [form[0] + form[1] * x + form[2] * y for x, y in corners]
                    if min(values) < 0 < max(values):
                        halved += [
                            (clip(corners, values, sign), [*active, sign > 0]) for sign in (-1, 1)
                        ]
                    else:
                        halved.append((corners, [*active, max(values) > 0]))
                parts = halved
            for corners, active in parts:
                kept = [f if on else [zero] * 3 for f, on in zip(forms, active, strict=True)]
                found.append((corners, kept))
        faces = found
    return len(faces)


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("widths", [(2, 6, 4, 1), (2, 4, 4, 3, 1)], ids=str)
def test_planes_equal_rational_arithmetic(name, widths):
    rng = np.random.default_rng(len(widths))
    for _ in range(4):
        params = MAKERS[name](rng, widths)
        found = cells.certify(networks.layers(params), -1.0, 2.0)
        assert found.lower == found.upper == polygons(params, -1.0, 2.0)


@pytest.mark.parametrize("name", MAKERS)
def test_lines_equal_rational_arithmetic(name):
    rng = np.random.default_rng(1)
    for widths in [(1, 6, 1), (1, 5, 4, 1), (1, 4, 4, 4, 1)] * 3:
        params = MAKERS[name](rng, widths)
        found = cells.certify(networks.layers(params), -1.0, 2.0)
        assert found.lower == found.upper == oracle.line(params, -1.0, 2.0).regions


def test_slivers_that_floating_point_merges_are_found():
    rng = np.random.default_rng(0)
    params = networks.layers(degenerate.tripled(rng, (3, 6, 4, 1)))
    floating, proved = cells.count(params, -1.0, 1.0), cells.certify(params, -1.0, 1.0)
    assert proved.certified
    assert proved.lower > floating.regions
    assert floating.undecided > 0
    assert proved.settled == proved.doubtful > 0


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("widths", [(3, 6, 5, 1), (4, 4, 4, 3, 1)], ids=str)
def test_the_order_of_the_neurons_does_not_matter(name, widths):
    rng = np.random.default_rng(2)
    params = MAKERS[name](rng, widths)
    shuffled = [[w.copy(), b.copy()] for w, b in params]
    for layer, after in itertools.pairwise(shuffled):
        order = rng.permutation(layer[1].size)
        layer[0], layer[1], after[0] = layer[0][:, order], layer[1][order], after[0][order]
    one, two = (cells.certify(networks.layers(net), -1.0, 1.0) for net in (params, shuffled))
    assert one.certified
    assert one.lower == two.lower == two.upper


def test_without_effort_the_answer_is_an_interval():
    params = networks.layers(degenerate.integer(np.random.default_rng(0), (3, 6, 4, 1)))
    proved = cells.certify(params, -1.0, 1.0)
    cut = cells.certify(params, -1.0, 1.0, effort=proved.settled - 1)
    assert proved.settled > 10
    assert cut.lower <= proved.lower < cut.upper
    assert "effort" in cut.reason
    assert not cut.certified


def test_beyond_the_limit_the_answer_is_an_interval():
    params = networks.layers(networks.he(np.random.default_rng(0), (3, 6, 4, 1)))
    proved = cells.certify(params, -1.0, 1.0)
    cut = cells.certify(params, -1.0, 1.0, limit=20)
    assert 20 < cut.lower <= proved.lower <= cut.upper
    assert "limit" in cut.reason


def test_generic_networks_need_no_python_flint(monkeypatch):
    monkeypatch.setitem(sys.modules, "flint", None)
    generic = networks.layers(networks.he(np.random.default_rng(0), (3, 6, 4, 1)))
    assert cells.certify(generic, -1.0, 1.0).certified
    special = networks.layers(degenerate.integer(np.random.default_rng(0), (3, 6, 4, 1)))
    refused = cells.certify(special, -1.0, 1.0)
    assert not refused.certified
    assert "jaxlab[balls]" in refused.reason


def test_bounds_are_bounds_and_not_absurdly_large():
    rng = np.random.default_rng(3)
    params = tuple(_host.HostLayer(*pair) for pair in networks.he(rng, (3, 6, 6, 1)))
    box = CertifiedSubdivision(params, np.full(3, -1.0), np.full(3, 1.0), Ledger(0))
    assert sweep(box, params, 10**6) == ""
    scale, ratios = 2 ** box.net.scales[1], []
    for vertex in range(0, box.vertices, 7):
        point, form = box._point(vertex), box._form(1, int(box.homes[vertex]))
        exact = [oracle.fmpq(value, point[0]) / scale for value in _exact.at(point, form)]
        for value, error, true in zip(box.rows[vertex, 3:], box.errors[vertex], exact, strict=True):
            if value > error > 0:
                off = abs(oracle.rational(value) - true)
                ratios.append(int(off.p) / int(off.q) / error)
    assert len(ratios) > 100
    assert max(ratios) <= 1
    assert np.median(ratios) > 2**-13
