"""What cannot be settled is an interval that holds the count, with the reason."""

import sys

import numpy as np
import pytest

from jaxlab.regions import line
from tests.regions import degenerate, networks, oracle


def holds(found, exact):
    return (
        found.lower <= exact.regions <= found.upper
        and found.pieces_lower <= exact.pieces <= found.pieces_upper
    )


@pytest.mark.parametrize("make", degenerate.NETWORKS.values(), ids=degenerate.NETWORKS)
@pytest.mark.parametrize("effort", [0, 3, 20])
def test_the_interval_holds_the_count(make, effort):
    for seed in range(4):
        params = make(np.random.default_rng(seed), (1, 6, 6, 6, 1))
        found = line.certify(networks.layers(params), -2.0, 1.0, effort=effort)
        assert holds(found, oracle.line(params, -2.0, 1.0))
        assert found.settled <= effort
        assert found.certified == (found.reason == "") == (found.settled == found.doubtful)
        if not found.certified:
            assert found.reason.startswith(f"effort: got {effort}, expected at least ")


@pytest.mark.parametrize("make", degenerate.NETWORKS.values(), ids=degenerate.NETWORKS)
def test_without_flint_the_interval_holds_the_count_and_the_reason_names_the_extra(
    make, monkeypatch
):
    monkeypatch.setitem(sys.modules, "flint", None)
    params = make(np.random.default_rng(1), (1, 6, 6, 6, 1))
    exact = oracle.line(params, -2.0, 1.0)
    found = line.certify(networks.layers(params), -2.0, 1.0)
    assert holds(found, exact)
    assert found.settled == 0
    assert ("jaxlab[balls]" in found.reason) == (found.doubtful > 0) == (not found.certified)


def test_clear_networks_are_certified_without_flint(monkeypatch):
    monkeypatch.setitem(sys.modules, "flint", None)
    params, lo, hi = networks.stored("l1_64x3_s0")
    found = line.certify(networks.layers(params), lo, hi)
    assert (found.lower, found.certified, found.doubtful) == (179, True, 0)


def test_a_doubt_in_the_last_layer_leaves_a_narrow_interval():
    params = degenerate.duplicated(np.random.default_rng(2), (1, 8, 1))
    exact = oracle.line(params, -9.0, 9.0)
    found = line.certify(networks.layers(params), -9.0, 9.0, effort=0)
    assert found.lower == exact.regions
    assert exact.regions < found.upper <= 9


def test_unsettled_slopes_leave_the_regions_exact():
    # The kinks of two neurons cancel in the output, but not their bits.
    first = (np.array([[1.0, -1.0]]), np.array([-0.3, 0.3]))
    params = networks.layers([first, (np.array([[0.1], [-0.1]]), np.zeros(1))])
    settled = line.certify(params, 0.0, 1.0)
    assert settled[:4] == (2, 2, 1, 1)
    found = line.certify(params, 0.0, 1.0, effort=settled.settled - 1)
    assert found[:4] == (2, 2, 1, 2)
    assert not found.certified
    assert found.reason.startswith("effort")


def test_regions_alone_are_certified_without_the_slopes():
    params = degenerate.dead_layer(np.random.default_rng(0), (1, 9, 9, 1))
    found = line.certify(networks.layers(params), -2.0, 2.0, pieces=False)
    both = line.certify(networks.layers(params), -2.0, 2.0)
    assert found.certified
    assert (found.lower, found.pieces_lower, found.pieces_upper) == (both.lower, -1, -1)


def test_beyond_the_limit_the_interval_is_the_regions_so_far_to_all_that_can_come():
    found = line.certify(networks.layers(networks.sawtooth(10)), 0.0, 1.0, limit=2**6)
    assert (found.lower, found.upper) == (2**7, 2**7 * 3**3)
    assert found.reason.startswith("limit: got 64")
    last = line.certify(networks.layers(networks.sawtooth(3)), 0.0, 1.0, limit=7)
    assert (last.lower, last.certified, last.reason) == (8, True, "")


def test_networks_that_are_not_finite_have_no_count():
    params = networks.layers(networks.sawtooth(2))
    params[1].weight[0, 0] = np.nan
    found = line.certify(params, 0.0, 1.0)
    assert (found.lower, found.upper, found.certified) == (-1, -1, False)
    assert "finite" in found.reason


def test_ensembles_and_ends_that_do_not_fit_are_refused():
    params = networks.layers(networks.sawtooth(2))
    with pytest.raises(ValueError, match="ensemble"):
        line.certify(networks.stack([networks.sawtooth(2)] * 2), 0.0, 1.0)
    with pytest.raises(ValueError, match="start: got shape"):
        line.certify(params, [0.0, 1.0], 1.0)
