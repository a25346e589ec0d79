"""Certified counts on polygons equal exact rational arithmetic, without exception."""

import numpy as np
import pytest

from jaxlab.regions import _running_error, plane
from jaxlab.regions._plane import frame as _frame
from tests.regions import degenerate, networks, plane_oracle
from tests.regions.test_plane_hard_cases import CASES


def agrees(params, polygon, exact=None):
    """The certificate, after it was found exact and right, pieces and all."""
    exact = exact or plane_oracle.plane(params, polygon)
    found = plane.certify(networks.layers(params), polygon, pieces=True)
    assert found.certified, found
    assert (found.lower, found.upper) == (exact.regions, exact.regions)
    assert (found.pieces_lower, found.pieces_upper) == (exact.pieces, exact.pieces)
    assert (found.settled, found.reason) == (found.doubtful, "")
    return found


@pytest.mark.parametrize("family", plane_oracle.FAMILIES)
def test_every_family_is_certified(family):
    for seed in range(27):
        sample = plane_oracle.sample(family, seed)
        agrees(*sample)
        alone = plane.certify(networks.layers(sample.params), sample.polygon)
        assert alone.certified
        assert alone[:4] == (sample.exact.regions,) * 2 + (-1, -1)


@pytest.mark.parametrize("seeds", [range(first, first + 50) for first in range(0, 200, 50)])
def test_random_networks_need_no_exact_decisions_for_their_regions(seeds):
    for seed in seeds:
        sample = plane_oracle.sample("he", seed)
        agrees(*sample)
        assert plane.certify(networks.layers(sample.params), sample.polygon).doubtful == 0


@pytest.mark.parametrize("name", CASES)
def test_hard_cases_are_certified(name):
    params, polygon, regions = CASES[name]
    assert agrees(params, polygon).lower == regions


def test_boundaries_equal_in_float64_but_not_in_truth_are_told_apart():
    # The two boundaries of a neuron and its rounded triple have the same float64 positions.
    sample = plane_oracle.sample("tripled", 2)
    found = agrees(*sample)
    assert found.settled > 0
    assert plane.count(networks.layers(sample.params), sample.polygon).regions < found.lower


def test_the_binary_weights_are_counted_and_not_the_ones_meant():
    # 3 * 0.1 is not 0.3 in binary; 3 * 0.25 is 0.75.
    apart = networks.of_lines([[1, 0, -0.1], [3, 0, -0.3]])
    one = networks.of_lines([[1, 0, -0.25], [3, 0, -0.75]])
    assert [agrees(params, plane.box(0, 1)).lower for params in (apart, one)] == [3, 2]


@pytest.mark.parametrize("factor", [1e6, 1e13, np.inf])
def test_larger_bounds_cost_exact_decisions_and_change_no_count(monkeypatch, factor):
    for make in plane_oracle.FAMILIES.values():
        params = make(np.random.default_rng(11), (2, 5, 5, 1))
        exact = plane_oracle.plane(params, plane.box(-1.0, 1.0))
        sharp = agrees(params, plane.box(-1.0, 1.0), exact)
        with monkeypatch.context() as patch:
            patch.setattr(_running_error, "affine", degenerate.coarse(factor))
            assert agrees(params, plane.box(-1.0, 1.0), exact).settled >= sharp.settled


@pytest.mark.parametrize("power", [-1000, -300, 300, 900])
def test_scaling_a_layer_by_a_power_of_two_changes_nothing(power):
    params = degenerate.concurrent(np.random.default_rng(5), (2, 5, 4, 1))
    expected = agrees(params, plane.box(-1.0, 1.0))
    (first, bias), (second, last), out = params
    scaled = [
        (np.ldexp(first, power), np.ldexp(bias, power)),
        (np.ldexp(second, -power), last),
        out,
    ]
    assert agrees(scaled, plane.box(-1.0, 1.0))[:4] == expected[:4]
    larger = [(np.ldexp(w, power), np.ldexp(b, power)) for w, b in params[:1]]
    larger += [(second, np.ldexp(last, power)), out]
    assert agrees(larger, plane.box(-1.0, 1.0))[:4] == expected[:4]


def test_overflow_is_counted_exactly():
    params = [
        (w * 1e200, b * 1e200) for w, b in networks.he(np.random.default_rng(6), (2, 5, 4, 1))
    ]
    assert agrees(params, plane.box(-1.0, 1.0)).settled > 0


@pytest.mark.parametrize("family", plane_oracle.FAMILIES)
@pytest.mark.parametrize("inputs", [3, 50])
def test_slices_are_certified_on_the_plane_of_the_binary_axes(family, inputs):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        params = plane_oracle.FAMILIES[family](rng, (inputs, 5, 4, 2))
        polygon = plane.through(rng.normal(size=(3, inputs)), margin=1.0)
        origin, axes, corners = _frame.frame(polygon, inputs)
        agrees(params, polygon, plane_oracle.plane(params, corners, origin, axes))


@pytest.mark.slow
@pytest.mark.parametrize("family", plane_oracle.FAMILIES)
def test_many_more_networks_are_certified(family):
    for seed in range(200, 400):
        agrees(*plane_oracle.sample(family, seed))


@pytest.mark.slow
@pytest.mark.parametrize("family", degenerate.NETWORKS)
def test_wide_and_deep_degenerate_networks_are_certified(family):
    for widths in ((2, 16, 12, 1), (2, *[4] * 8, 2)):
        params = degenerate.NETWORKS[family](np.random.default_rng(0), widths)
        agrees(params, plane.box(-2.0, 1.0))
