"""Stored networks have their certified counts."""

import numpy as np
import pytest

from jaxlab.regions import cells
from tests.regions import networks

CERTIFIED = {"p2_4x4_s0": 50, "p2_16x2_s0": 521, "p2_32x3_s0": 3964, "n3_16x2_s0": 4802}
LARGE = {"n3_32x2_s0": 46625, "n4_16x2_s0": 31359}
DEGENERATE = {"p2_int12x2_s0": 159, "p2_32x3_zerob_s0": 184}


def load(name):
    params, lo, hi = networks.stored(name)
    return networks.layers(params), lo, hi


@pytest.mark.parametrize("name", CERTIFIED | LARGE)
def test_generic_networks_have_no_doubtful_decision(name):
    found = cells.count(*load(name))
    assert (found.regions, found.undecided, found.exact) == ((CERTIFIED | LARGE)[name], 0, True)


@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_networks_are_counted_with_doubts(name):
    found = cells.count(*load(name))
    assert (found.regions, found.exact) == (DEGENERATE[name], True)
    assert found.undecided > 0


@pytest.mark.parametrize("name", CERTIFIED | DEGENERATE)
def test_small_networks_are_certified(name):
    pytest.importorskip("flint")
    found = cells.certify(*load(name))
    assert found.lower == found.upper == (CERTIFIED | DEGENERATE)[name]
    assert found.certified
    assert (found.settled > 0) == (name in DEGENERATE)


def test_three_dimensions_have_the_edges_that_others_found():
    found = cells.count(*load("n3_16x2_s0"))
    assert found.f_vector[:2].tolist() == [5448, 15663]


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_large_networks_are_certified_and_their_patterns_distinct(name):
    found = cells.certify(*load(name))
    assert found.lower == found.upper == LARGE[name]
    every = cells.enumerate(*load(name))
    assert len(np.unique(every.patterns, axis=0)) == LARGE[name]
