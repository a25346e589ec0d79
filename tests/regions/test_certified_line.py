"""Certified counts equal exact rational arithmetic, without exception."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlab.networks.mlp import Layer
from jaxlab.regions import _running_error, line
from tests.regions import degenerate, networks, oracle
from tests.regions.test_line_hard_cases import CASES

SHAPES = [(1, 6, 6, 6, 1), (2, 5, 7, 2), (1, 4, 4, 4, 4, 4, 1), (3, 8, 1)]


def agrees(params, start, stop):
    """The certificate, after it was found exact and right."""
    exact = oracle.line(params, start, stop)
    found = line.certify(networks.layers(params), start, stop)
    assert found.certified, found
    assert (found.lower, found.pieces_lower) == (exact.regions, exact.pieces)
    assert found.settled == found.doubtful
    return found


@pytest.mark.parametrize("name", CASES)
def test_hard_cases_are_certified(name):
    params, start, stop = CASES[name]
    agrees(params, np.array(start, float), np.array(stop, float))


@pytest.mark.parametrize("make", degenerate.NETWORKS.values(), ids=degenerate.NETWORKS)
def test_degenerate_networks_are_certified(make):
    for seed in range(8):
        for widths in SHAPES:
            rng = np.random.default_rng(seed)
            params = make(rng, widths)
            start = rng.integers(-3, 1, widths[0]).astype(float)
            agrees(params, start, rng.integers(1, 4, widths[0]).astype(float))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 7), min_size=1, max_size=5),
    st.sampled_from([0.0, 1e-8, 0.1, 10.0]),
    st.integers(0, 2**32),
)
def test_random_networks_are_certified(hidden, bias, seed):
    rng = np.random.default_rng(seed)
    params = networks.he(rng, (2, *hidden, 2), bias)
    agrees(params, rng.normal(size=2), rng.normal(size=2))


@pytest.mark.parametrize("seed", range(4))
def test_lines_through_the_origin_cross_all_zero_bias_boundaries_at_once(seed):
    params = degenerate.zero_biases(np.random.default_rng(seed), (3, 8, 8, 2))
    found = agrees(params, np.array([-1.0, 2.0, 0.5]), np.array([2.0, -4.0, -1.0]))
    assert found.lower == 2


def test_the_binary_weights_are_counted_and_not_the_ones_meant():
    # 3 * 0.1 is not 0.3 in binary; 3 * 0.25 is 0.75.
    meant = [(np.array([[1.0, 3.0]]), np.array([-0.1, -0.3])), (np.ones((2, 1)), np.zeros(1))]
    found = agrees(meant, 0.0, 1.0)
    assert (found.lower, found.settled) == (3, 1)
    dyadic = [(meant[0][0], np.array([-0.25, -0.75])), meant[1]]
    assert agrees(dyadic, 0.0, 1.0).lower == 2


# Found by a search over 29,865 networks: the tolerance of 2**-42 takes boundaries as one that are
# not, and as their float64 positions are equal, nothing is left undecided. It counts 2 and 8
# regions instead of these.
SILENT = [
    (degenerate.tripled, 1007, (1, 8, 8, 1), 3),
    (degenerate.nearly_concurrent, 1005, (1, 6, 6, 6, 1), 13),
]


@pytest.mark.parametrize(("make", "seed", "widths", "regions"), SILENT)
def test_boundaries_equal_in_float64_but_not_in_truth_are_told_apart(make, seed, widths, regions):
    rng = np.random.default_rng(seed)
    params = make(rng, widths)
    start = rng.integers(-3, 1, widths[0]).astype(float)
    found = agrees(params, start, rng.integers(1, 4, widths[0]).astype(float))
    assert found.lower == regions


@pytest.mark.parametrize("factor", [1e6, 1e13, np.inf])
def test_larger_bounds_cost_exact_decisions_and_change_no_count(monkeypatch, factor):
    for make in degenerate.NETWORKS.values():
        params = make(np.random.default_rng(11), (1, 6, 6, 1))
        sharp = agrees(params, -2.0, 1.0)
        with monkeypatch.context() as patch:
            patch.setattr(_running_error, "affine", degenerate.coarse(factor))
            assert agrees(params, -2.0, 1.0).settled >= sharp.settled


@pytest.mark.parametrize("power", [-1040, -600, -300, 300, 900])
def test_scaling_the_weights_by_a_power_of_two_changes_nothing(power):
    rng = np.random.default_rng(5)
    params = degenerate.concurrent(rng, (1, 6, 6, 1))
    expected = agrees(params, -1.0, 1.0)
    (w0, b0), *rest = params
    scale = 2.0 ** (power // 2), 2.0 ** (power - power // 2)
    scaled = [(w0 * scale[0] * scale[1], b0 * scale[0] * scale[1])]
    scaled += [(w, b * scale[0] * scale[1]) for w, b in rest]
    if power == -1040:  # digits are lost in subnormal numbers: another network
        agrees(scaled, -1.0, 1.0)
    else:
        assert agrees(scaled, -1.0, 1.0)[:4] == expected[:4]


def test_overflow_is_counted_exactly():
    rng = np.random.default_rng(6)
    params = [(w * 1e200, b * 1e200) for w, b in networks.he(rng, (1, 5, 5, 5, 1))]
    found = agrees(params, -1.0, 1.0)
    assert found.settled > 0


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_narrow_formats_are_converted_exactly(dtype):
    params = networks.he(np.random.default_rng(7), (1, 12, 12, 1))
    narrow = tuple(Layer(w.astype(dtype), b.astype(dtype)) for w, b in params)
    exact = oracle.line(narrow, -1.0, 1.0)
    found = line.certify(narrow, -1.0, 1.0)
    assert (found.lower, found.upper, found.pieces_lower) == (exact.regions,) * 2 + (exact.pieces,)


@pytest.mark.parametrize("make", degenerate.NETWORKS.values(), ids=degenerate.NETWORKS)
def test_wide_and_deep_degenerate_networks_are_certified(make):
    for widths in ((1, 32, 32, 1), (2, 24, 24, 24, 2), (1, *[3] * 12, 1)):
        params = make(np.random.default_rng(0), widths)
        agrees(params, np.full(widths[0], -2.0), np.full(widths[0], 1.5))
