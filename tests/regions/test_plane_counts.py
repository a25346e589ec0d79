"""Counts on polygons equal exact rational arithmetic, or say that they were in doubt."""

import json

import ml_dtypes
import numpy as np
import pytest

from jaxlab.networks.mlp import Layer
from jaxlab.regions import plane
from tests.regions import networks, plane_oracle

SOUND = [name for name in plane_oracle.FAMILIES if name not in plane_oracle.ROUNDED]
TRIANGLE = plane_oracle.POLYGONS["triangle"]
KNOWN = {
    name.removesuffix("_s0"): count
    for group in json.loads((networks.DATA / "counts.json").read_text()).values()
    if isinstance(group, dict)
    for name, count in group.items()
    if name.startswith("p2_") and (networks.DATA / f"{name}.npz").exists()
}


def both(sample):
    """The counts without and with pieces."""
    params = networks.layers(sample.params)
    return [plane.count(params, sample.polygon, pieces=pieces) for pieces in (False, True)]


@pytest.mark.parametrize("seeds", [range(first, first + 50) for first in range(0, 200, 50)])
def test_random_networks_are_counted_exactly_without_a_doubt(seeds):
    for seed in seeds:
        sample = plane_oracle.sample("he", seed)
        regions, pieces = both(sample)
        assert regions == (sample.exact.regions, -1, 0, True)
        assert pieces == (sample.exact.regions, sample.exact.pieces, 0, True)


@pytest.mark.parametrize("family", [name for name in SOUND if name != "he"])
def test_degenerate_networks_are_counted_exactly(family):
    for seed in range(27):
        sample = plane_oracle.sample(family, seed)
        regions, pieces = both(sample)
        assert regions.exact
        assert pieces.exact
        assert regions.regions == pieces.regions == sample.exact.regions
        assert pieces.pieces == sample.exact.pieces


@pytest.mark.parametrize("family", plane_oracle.ROUNDED)
def test_boundaries_that_differ_by_roundings_are_counted_right_or_reported(family):
    # Measured over seeds 0 to 399 of both families: none is wrong without saying so.
    reported = 0
    for seed in range(27):
        sample = plane_oracle.sample(family, seed)
        for found in both(sample):
            wrong = found.regions != sample.exact.regions
            reported += bool(wrong)
            assert not wrong or found.undecided or not found.exact
    assert reported > 0


@pytest.mark.parametrize("name", KNOWN)
def test_stored_networks_have_their_exact_counts(name):
    params, lo, hi = networks.stored(f"{name}_s0")
    found = plane.count(networks.layers(params), plane.box(lo, hi))
    assert (found.regions, found.exact) == (KNOWN[name], True)
    degenerate = name in ("p2_int12x2", "p2_32x3_zerob")
    assert (found.undecided > 0) == degenerate


def test_pieces_of_stored_networks_are_those_of_the_oracle():
    # 34 of 50: the reference's count of affine maps, by another tool.
    for name, pieces in (("p2_4x4_s0", 34), ("p2_int12x2_s0", 145)):
        params, lo, hi = networks.stored(name)
        exact = plane_oracle.plane(params, plane.box(lo, hi))
        found = plane.count(networks.layers(params), plane.box(lo, hi), pieces=True)
        assert found.pieces == exact.pieces == pieces


def test_the_oracle_counts_a_large_stored_network_too():
    params, lo, hi = networks.stored("p2_16x2_s0")
    exact = plane_oracle.plane(params, plane.box(lo, hi))
    assert exact.regions == KNOWN["p2_16x2"] == len(set(exact.patterns))
    assert sum(exact.areas) == 4


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_narrow_formats_are_converted_exactly(dtype):
    kind = np.dtype(getattr(ml_dtypes, dtype, dtype))
    params = [(w.astype(kind), b.astype(kind)) for w, b in plane_oracle.sample("he", 3).params]
    exact = plane_oracle.plane([(w.astype(float), b.astype(float)) for w, b in params], TRIANGLE)
    layers = tuple(Layer(w, b) for w, b in params)
    assert plane.count(layers, TRIANGLE).regions == exact.regions


def test_a_line_that_misses_a_corner_by_less_than_the_tolerance_is_in_doubt():
    square = plane_oracle.POLYGONS["square"]
    for gap, counted, doubts in ((2.0**-50, 1, 1), (0.0, 1, 1), (2.0**-30, 2, 0)):
        params = networks.of_lines([[1, 1, 2 - gap]])
        assert plane_oracle.plane(params, square).regions == 1 + (gap > 0)
        found = plane.count(networks.layers(params), square)
        assert found == (counted, -1, doubts, True)


# Bits cancel in the second layer; the fourth decides at its own scale, with errors of the first.
def test_doubts_that_come_from_cancellation_in_earlier_layers_are_reported():
    rng = np.random.default_rng(0)
    for _ in range(20):
        large, right = float(rng.integers(1000, 100000)), float(rng.uniform(0.05, 0.9))
        polygon = np.array([[-1.0, -1], [right, -1], [right, 1], [-1, 1]])
        biases = (large, 1.5 - large, -1.5, -right, 0.0)  # x + 1.5, x, x - right
        weights = [np.array([[1.0], [0.0]])] + [np.ones((1, 1))] * 4
        params = [(w, np.array([b])) for w, b in zip(weights, biases, strict=True)]
        assert plane_oracle.plane(params, polygon).regions == 2
        found = plane.count(networks.layers(params), polygon)
        assert found.undecided or found.regions == 2
