"""Stored networks and constructions have their known counts, certified."""

import numpy as np
import pytest

from jaxlab.regions import line
from tests.regions import degenerate, networks

STORED = {"l1_64x3_s0": 179, "l1_32x12_s0": 392, "l1_256x4_s0": 954}


@pytest.mark.parametrize("name", STORED)
def test_stored_networks_are_certified_without_a_doubt(name):
    params, lo, hi = networks.stored(name)
    found = line.certify(networks.layers(params), lo, hi)
    assert (found.lower, found.certified, found.doubtful) == (STORED[name], True, 0)


def test_a_wide_and_deep_network_is_certified_without_a_doubt():
    params = networks.he(np.random.default_rng(0), (1, *[512] * 6, 1))
    found = line.certify(networks.layers(params), -1.0, 1.0)
    assert found.certified
    assert found.lower > 2000
    assert found.doubtful < 10


@pytest.mark.parametrize("depth", [1, 2, 5, 12])
@pytest.mark.parametrize("make", [networks.sawtooth, networks.unit_sawtooth])
def test_sawtooths_are_certified(make, depth):
    found = line.certify(networks.layers(make(depth)), 0.0, 1.0)
    assert found.certified
    assert (found.lower, found.pieces_lower) == (2**depth, 2**depth)


def test_forty_teeth_deep_the_count_is_certified_where_float64_has_no_digits_left():
    params = networks.layers(networks.sawtooth(40))
    corner = line.certify(params, 0.0, 2.0**-30)
    assert corner.certified
    assert (corner.lower, corner.pieces_lower) == (2**10, 2**10)
    third = 1 / 3  # rounded down: its 40th binary tooth is cut, so one more piece
    inner = line.certify(params, third, third + 2.0**-30)
    assert inner.certified
    kinks = [int(np.floor(end * 2.0**40)) for end in (third, third + 2.0**-30)]
    assert (inner.lower, inner.pieces_lower) == (kinks[1] - kinks[0] + 1,) * 2


@pytest.mark.parametrize("copies", [degenerate.duplicated, degenerate.opposite])
def test_copies_of_neurons_make_no_regions_in_a_layer(copies):
    params = copies(np.random.default_rng(0), (1, 32, 1))
    half = [(params[0][0][:, :16], params[0][1][:16]), (params[1][0][:16], params[1][1])]
    found = line.certify(networks.layers(params), -9.0, 9.0)
    alone = line.certify(networks.layers(half), -9.0, 9.0)
    assert found.certified
    assert found.lower == alone.lower
    assert found.settled >= alone.lower - 1


def test_dead_layers_make_regions_and_one_piece():
    params = degenerate.dead_layer(np.random.default_rng(0), (1, 16, 16, 1))
    found = line.certify(networks.layers(params), -9.0, 9.0)
    assert found.certified
    assert found.lower > 1
    assert found.pieces_upper == 1
