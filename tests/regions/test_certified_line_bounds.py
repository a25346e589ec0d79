"""Every bound that a certified sweep carries is a bound, checked in rationals at every knot."""

from fractions import Fraction

import numpy as np
import pytest

from jaxlab.regions import _exact, line
from jaxlab.regions._line import certified as _certified_line
from tests.regions import degenerate, networks


@pytest.fixture
def ratios(monkeypatch):
    """For each layer: bound over true error of every pre-activation that is not exact."""
    settle, found = _certified_line._settle_signs, []

    def checked(tree, ledger, level, knots):
        layer = []
        for row, (values, errors) in enumerate(zip(knots.values, knots.errors, strict=True)):
            interval = max(row - 1, 0)
            point = tree.knot(interval, int(knots.layer[row]), int(knots.neuron[row]))
            above = _exact.at(point, tree.forms(level, interval))
            scale = int(point[0]) * Fraction(2) ** tree.net.scales[level]
            for value, bound, true in zip(values, errors, above, strict=True):
                actual = abs(Fraction(value) - int(true) / scale)
                assert actual <= Fraction(bound)
                if actual:
                    layer.append(bound / float(actual))
        found.append(layer)
        return settle(tree, ledger, level, knots)

    monkeypatch.setattr(_certified_line, "_settle_signs", checked)
    return found


@pytest.mark.parametrize("depth", [1, 4, 8])
def test_bounds_in_random_networks_are_bounds_and_not_absurd(ratios, depth):
    params = networks.he(np.random.default_rng(depth), (1, *[16] * depth, 1))
    assert line.certify(networks.layers(params), -1.0, 1.0).certified
    # Measured medians: 6 to 11 in the first layer, then 80, 340, 1,200, 3,200, ...: the bounds grow
    # with the weights' sizes (times 3 a layer at width 16), the errors hardly.
    assert [len(layer) > 0 for layer in ratios] == [True] * depth
    for level, layer in enumerate(ratios):
        assert np.median(layer) < 25 * 4**level


@pytest.mark.parametrize("make", degenerate.NETWORKS.values(), ids=degenerate.NETWORKS)
def test_bounds_in_degenerate_networks_are_bounds(ratios, make):
    for seed in range(3):
        params = make(np.random.default_rng(seed), (2, 8, 8, 8, 1))
        line.certify(networks.layers(params), -2.0, 1.0)
    assert len(ratios) == 9
