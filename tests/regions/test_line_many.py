"""Many networks and many lines at once are each of them alone, in NumPy and in the kernel."""

import itertools

import numpy as np
import pytest

from jaxlab.networks.mlp import Layer
from jaxlab.regions import line
from tests.regions import networks, oracle

INPUTS = 5


@pytest.fixture(scope="module")
def lines():
    return np.random.default_rng(2).integers(-3, 4, (2, 40, INPUTS)).astype(float)


@pytest.fixture(scope="module")
def network():
    return networks.he(np.random.default_rng(3), (INPUTS, 9, 8, 2))


@pytest.mark.parametrize("compiled", [False, True])
def test_many_lines_equal_rational_arithmetic_line_by_line(lines, network, compiled):
    starts, stops = lines
    found = line.count(networks.layers(network), starts, stops, compiled=compiled, batch=7)
    exact = [oracle.line(network, *ends) for ends in zip(starts, stops, strict=True)]
    assert found.regions.shape == (40,)
    assert found.regions.tolist() == [e.regions for e in exact]
    assert found.pieces.tolist() == [e.pieces for e in exact]
    assert found.exact.all()
    assert len(set(found.regions.tolist())) > 5


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("shape", [(3, 11), (11, 3)], ids=str)
def test_an_ensemble_along_many_lines_has_an_axis_for_each(lines, shape, compiled):
    rng, (nets, some) = np.random.default_rng(4), shape
    params = [networks.he(rng, (INPUTS, 8, 8, 1)) for _ in range(nets)]
    starts, stops = lines[:, :some]
    found = line.count(networks.stack(params), starts, stops, compiled=compiled)
    assert found.regions.shape == found.steepest.shape == shape
    for net, part in itertools.product(range(nets), range(some)):
        alone = line.count(networks.layers(params[net]), starts[part], stops[part])
        assert found.regions[net, part] == alone.regions
        assert found.pieces[net, part] == alone.pieces
        np.testing.assert_allclose(found.steepest[net, part], alone.steepest, rtol=1e-12)


def test_overflows_of_the_kernel_are_counted_in_numpy(lines, network):
    expected = line.count(networks.layers(network), *lines)
    found = line.count(networks.layers(network), *lines, compiled=True, capacity=15)
    assert (found.capacity == 15).any()
    assert np.array_equal(found.capacity == 0, expected.regions > 15)
    assert np.array_equal(found.regions, expected.regions)
    assert np.array_equal(found.pieces, expected.pieces)


def test_one_end_may_be_shared(lines, network):
    params, stops = networks.layers(network), lines[1]
    shared = line.count(params, 0.0, stops)
    apart = line.count(params, np.zeros_like(stops), stops)
    assert np.array_equal(shared.regions, apart.regions)


def test_a_network_of_many_regions_does_not_pad_the_others(monkeypatch):
    deep = networks.sawtooth(11)
    flat = [(0 * w, b + 7) for w, b in deep]  # no neuron crosses
    params = networks.stack([flat, deep, flat, flat, deep])
    expected = line.count(params, 0.0, 1.0)
    assert expected.regions.tolist() == [1, 2048, 1, 1, 2048]
    monkeypatch.setattr(line._host, "_MOST_BYTES", 2**12)
    for pieces in (True, False):
        found = line.count(params, 0.0, 1.0, pieces=pieces)
        assert np.array_equal(found.regions, expected.regions)
        assert found.undecided.sum() == 0
        assert not pieces or np.array_equal(found.pieces, expected.pieces)


def test_a_limit_stops_its_network_and_leaves_others_alone():
    params = networks.stack([networks.sawtooth(8), networks.unit_sawtooth(8)])
    steep = Layer(params[0].weight.copy(), params[0].bias)
    steep.weight[1] = 0
    found = line.count((steep, *params[1:]), 0.0, 1.0, limit=100)
    assert found.exact.tolist() == [False, True]
    assert 100 < found.regions[0] <= 256
    assert found.regions[1] == 1


def test_single_precision_describes_the_rounded_network():
    rng = np.random.default_rng(6)
    params = [networks.he(rng, (1, 12, 12, 1)) for _ in range(30)]
    rounded = [[(np.float32(w), np.float32(b)) for w, b in net] for net in params]
    found = line.count(networks.stack(params), -1.0, 1.0, dtype=np.float32)
    exact = [oracle.line([tuple(map(np.float64, x)) for x in net], -1.0, 1.0) for net in rounded]
    clear = found.undecided == 0
    assert clear.sum() > 20
    regions = np.array([e.regions for e in exact])
    assert np.array_equal(found.regions[clear], regions[clear])
    assert found.steepest.dtype == np.float64


def test_single_precision_leaves_more_undecided():
    apart = 2.0**-30  # decided in float64, not in float32
    hidden = Layer(np.array([[1.0, 1.0]]), np.array([-0.5, -0.5 - apart]))
    params = (hidden, Layer(np.ones((2, 1)), np.zeros(1)))
    assert line.count(params, 0.0, 1.0).regions == 3
    assert line.count(params, 0.0, 1.0, dtype=np.float32).regions == 2


def test_long_products_in_blocks_are_the_products():
    rng = np.random.default_rng(0)
    x, weight = rng.integers(-9, 9, (5000, 7)).astype(float), rng.integers(-9, 9, (7, 3)) * 1.0
    assert np.array_equal(line._host._tall_product(x, weight), x @ weight)
    assert np.array_equal(line._host._largest(x[:, None]), x.max(axis=0)[None])
