"""The tests for death equal rational propagation, one network at a time and in chunks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic import as_format
from jaxlab.networks import initialisers
from jaxlab.networks.mlp import Layer
from jaxlab.regions import death
from jaxlab.regions._death import exact as _death_exact
from jaxlab.regions._death import ragged as _death_ragged
from jaxlab.regions._line.host import HostLayer
from tests.regions import degenerate, networks, oracle

GAUSSIAN = initialisers.gaussian()  # compiled once
ENDS = {"both": (-1.0, 1.0), "right": (0.0, 1.0)}


def shifted(rng, widths, bias):
    """He's network with biases lowered, so that many die."""
    return [(w, b - 0.5 * bias) for w, b in networks.he(rng, widths, bias)]


def exact(params, start, stop):
    """First dead layer and the largest pre-activations, from the oracle's knots of each layer."""
    found, largest = -1, []
    for depth in range(len(params) - 1):
        # The pre-activations of layer `depth` are the outputs of the network that ends there.
        knots = oracle.line(params[: depth + 1], start, stop)
        values = values_at(params[: depth + 1], start, stop, knots.positions)
        largest.append([max(column) for column in zip(*values, strict=True)])
        if found < 0 and all(top <= 0 for top in largest[-1]):
            found = depth
    return found, largest


def values_at(params, start, stop, positions):
    rows = []
    for t in positions:
        x = [
            oracle.rational(a) + t * (oracle.rational(b) - oracle.rational(a))
            for a, b in zip(start, stop, strict=True)
        ]
        for depth, (weight, bias) in enumerate(params):
            x = [max(v, oracle.rational(0.0)) for v in x] if depth else x
            x = [
                sum(
                    (a * oracle.rational(w) for a, w in zip(x, column, strict=True)),
                    start=oracle.rational(b),
                )
                for column, b in zip(weight.T, bias, strict=True)
            ]
        rows.append(x)
    return rows


def device(params):
    return tuple(Layer(jnp.asarray(w), jnp.asarray(b)) for w, b in params)


@pytest.mark.parametrize("widths", [(1, 2, 2, 2, 2, 1), (3, 4, 3, 4, 2)], ids=str)
def test_random_networks_have_their_rational_first_dead_layer_and_maxima(x64, widths):
    rng, layers = np.random.default_rng(0), set()
    ends = -np.ones(widths[0]), np.ones(widths[0])
    for _ in range(40):
        params = shifted(rng, widths, 1.0)
        layer, largest = exact(params, *ends)
        found = death.on_interval(device(params), *map(jnp.asarray, ends))
        assert (int(found.layer), bool(found.overflow)) == (layer, False)
        for ours, bits, theirs in zip(found.largest, found.inactive, largest, strict=True):
            tops = [float(v.p) / float(v.q) for v in theirs]
            np.testing.assert_allclose(ours, tops, rtol=0, atol=1e-12 * (1 + np.abs(tops).max()))
            assert bits.tolist() == [v <= 0 for v in theirs]
        layers.add(layer)
    assert len(layers) > 2


@pytest.mark.parametrize("make", degenerate.NETWORKS.values(), ids=degenerate.NETWORKS)
def test_degenerate_networks_have_their_rational_first_dead_layer(x64, make):
    rng, widths = np.random.default_rng(1), (1, 2, 2, 2, 1)
    for _ in range(20):
        params = make(rng, widths)
        found = death.on_interval(device(params), -jnp.ones(1), jnp.ones(1))
        assert int(found.layer) == exact(params, [-1.0], [1.0])[0]


@pytest.mark.parametrize("make", degenerate.NETWORKS.values(), ids=degenerate.NETWORKS)
def test_propagation_in_one_list_decides_degenerate_networks_or_leaves_them_in_doubt(make):
    rng, widths = np.random.default_rng(2), (1, 3, 3, 3, 1)
    nets = [make(rng, widths) for _ in range(60)]
    stacked, died, doubt = networks.stack(nets), np.full(60, -1), np.zeros(60, bool)
    lines = _death_ragged.segment(np.array([[-1.0], [1.0]]), 60)
    for depth, (weight, bias) in enumerate(stacked[:-1]):
        values, high = _death_ragged.preactivations(
            lines, np.moveaxis(weight, 0, -1), np.moveaxis(bias, 0, -1)
        )
        doubt |= (died < 0) & high.doubtful()
        died[(died < 0) & high.dead()] = depth
        lines = lines._replace(hidden=values, most=high.largest)
        lines = _death_ragged.bend(lines, cut=True)
    expected = np.array([exact(net, [-1.0], [1.0])[0] for net in nets])
    assert np.array_equal(died[~doubt], expected[~doubt])
    assert doubt.mean() < 0.5


@pytest.mark.parametrize("ends", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("fmt", ["float64", "bfloat16"])
def test_counts_are_those_of_the_same_networks_one_by_one(ends, fmt):
    law, widths, nets = GAUSSIAN, (1, 2, 2, 2, 2, 1), 300
    key = jax.random.key(4)
    found = death.count(key, widths, law, *ends, nets, fmt=fmt)
    params = death.networks(key, widths, law, range(nets), fmt=fmt)
    layers = []
    for number in range(nets):
        one = [tuple(np.asarray(x[number], np.float64) for x in layer) for layer in params]
        layers.append(exact(one, ends[:1], ends[1:])[0])
    assert found.by_layer.tolist() == [layers.count(depth) for depth in range(4)]
    assert found.dead == sum(layer >= 0 for layer in layers)


def test_knots_of_the_list_are_all_that_later_layers_need():
    rng, widths = np.random.default_rng(3), (1, 5, 5, 5, 5, 1)
    nets = [networks.he(rng, widths, 1.0) for _ in range(30)]
    lines = _death_ragged.segment(np.array([[-1.0], [1.0]]), 30)
    for weight, bias in networks.stack(nets)[:-1]:
        values, high = _death_ragged.preactivations(
            lines, np.moveaxis(weight, 0, -1), np.moveaxis(bias, 0, -1)
        )
        lines = lines._replace(hidden=values, most=high.largest)
        lines = _death_ragged.bend(lines, cut=True)
    for number, net in enumerate(nets):
        tops = [float(v.p) / float(v.q) for v in exact(net, [-1.0], [1.0])[1][-1]]
        np.testing.assert_allclose(high.largest[:, number], tops, rtol=0, atol=1e-11)


def test_networks_in_doubt_are_decided_in_rational_arithmetic():
    # On [0, 1] the second layer's largest value is -2**-52 or 2**-53: far below the tolerance.
    hidden = [
        HostLayer(np.array([[1.0]]), np.array([0.0])),
        HostLayer(np.array([[1.0]]), np.array([-1.0 - 2.0**-52])),
    ]
    ends = np.array([[0.0], [1.0]])
    assert _death_exact.first_dead(hidden, ends, cut=True) == 1
    closer = [hidden[0], HostLayer(np.array([[1.0]]), np.array([-1.0 + 2.0**-53]))]
    assert _death_exact.first_dead(closer, ends, cut=True) == -1
    for layers in (hidden, closer):
        lines = _death_ragged.segment(ends, 1)
        values, high = _death_ragged.preactivations(lines, np.ones((1, 1, 1)), np.zeros((1, 1)))
        lines = _death_ragged.bend(lines._replace(hidden=values, most=high.largest), cut=True)
        shift = layers[1].bias[:, None]
        assert _death_ragged.preactivations(lines, np.ones((1, 1, 1)), shift)[1].doubtful().all()


def test_a_format_with_ties_is_counted_exactly():
    # In this format of two bits a sum is often exactly zero: floats then have nothing in doubt.
    law, key, widths = GAUSSIAN, jax.random.key(5), (1, 2, 2, 2, 1)
    fmt = as_format("float8_e5m2")
    found = death.count(key, widths, law, -1.0, 1.0, 400, fmt=fmt)
    params = death.networks(key, widths, law, range(400), fmt=fmt)
    layers = [
        _death_exact.first_dead(
            [HostLayer(*(np.asarray(x[n], np.float64) for x in layer)) for layer in params[:-1]],
            np.array([[-1.0], [1.0]]),
            cut=True,
        )
        for n in range(400)
    ]
    assert found.by_layer.tolist() == [layers.count(depth) for depth in range(3)]


def test_a_wider_tolerance_sends_more_to_rational_arithmetic_and_changes_no_count(monkeypatch):
    given = jax.random.key(6), (1, 2, 2, 2, 1), GAUSSIAN, -1.0, 1.0, 500
    usual = death.count(*given)
    monkeypatch.setattr(_death_ragged, "TOLERANCE", 2.0**-4)
    redone = death.count(*given)
    assert (usual.in_doubt, redone.in_doubt > 10) == (0, True)
    assert redone.by_layer.tolist() == usual.by_layer.tolist()
    assert redone.inactive.tolist() == usual.inactive.tolist()
