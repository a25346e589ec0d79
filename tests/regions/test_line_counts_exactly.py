"""Counts equal exact rational arithmetic, certified counts and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlab.networks.mlp import Layer
from jaxlab.regions import line
from tests.regions import networks, oracle

WIDTHS = st.builds(
    lambda inputs, hidden, outputs: (inputs, *hidden, outputs),
    st.integers(1, 3),
    st.lists(st.integers(1, 8), min_size=1, max_size=5),
    st.integers(1, 2),
)


def ends(rng, inputs):
    return rng.integers(-3, 1, inputs).astype(float), rng.integers(1, 4, inputs).astype(float)


@settings(max_examples=100, deadline=None)
@given(WIDTHS, st.sampled_from([0.0, 1e-8, 0.1, 10.0]), st.integers(0, 2**32))
def test_random_networks_equal_rational_arithmetic(widths, bias, seed):
    rng = np.random.default_rng(seed)
    params, (start, stop) = networks.he(rng, widths, bias), ends(rng, widths[0])
    exact = oracle.line(params, start, stop)
    found = line.count(networks.layers(params), start, stop)
    assert (found.regions, found.pieces) == (exact.regions, exact.pieces) or found.undecided > 0


@settings(max_examples=200, deadline=None)
@given(WIDTHS, st.integers(0, 2**32))
def test_degenerate_networks_equal_rational_arithmetic(widths, seed):
    rng = np.random.default_rng(seed)
    params, (start, stop) = networks.degenerate(rng, widths), ends(rng, widths[0])
    exact = oracle.line(params, start, stop)
    found = line.count(networks.layers(params), start, stop)
    assert (found.regions, found.pieces) == (exact.regions, exact.pieces) or found.undecided > 0


@pytest.mark.parametrize("make", [networks.degenerate, networks.he])
@pytest.mark.parametrize("widths", [(1, 6, 6, 6, 1), (2, 5, 7, 2)], ids=str)
def test_ensembles_equal_rational_arithmetic_without_exception(make, widths):
    rng = np.random.default_rng(7)
    nets, (start, stop) = [make(rng, widths) for _ in range(300)], ends(rng, widths[0])
    exact = [oracle.line(net, start, stop) for net in nets]
    found = line.count(networks.stack(nets), start, stop, compiled=True)
    assert found.exact.all()
    assert found.regions.tolist() == [e.regions for e in exact]
    assert found.pieces.tolist() == [e.pieces for e in exact]


@pytest.mark.parametrize("widths", [(1, 6, 6, 1), (2, 5, 4, 2)], ids=str)
def test_the_kernel_agrees_with_rational_arithmetic_in_every_field(x64, widths):
    rng = np.random.default_rng(3)
    start, stop = ends(rng, widths[0])
    for make in [networks.he, networks.degenerate] * 5:
        params = make(rng, widths)
        exact = oracle.line(params, start, stop)
        device = tuple(Layer(jnp.asarray(w), jnp.asarray(b)) for w, b in params)
        found = line.breakpoints(device, jnp.asarray(start), jnp.asarray(stop), 96)
        n = int(found.regions)
        assert (n, int(found.pieces), bool(found.overflow)) == (exact.regions, exact.pieces, False)
        positions = [float(t.p) / float(t.q) for t in exact.positions]
        np.testing.assert_allclose(found.positions[: n + 1], positions, rtol=0, atol=1e-13)
        assert (np.asarray(found.positions[n:]) == 1).all()
        slopes = [[float(s.p) / float(s.q) for s in row] for row in exact.slopes]
        size = np.abs(slopes).max() + 1
        np.testing.assert_allclose(found.slopes[:n], slopes, rtol=0, atol=1e-12 * size)
        traced = line.trace(networks.layers(params), start, stop)
        assert [tuple(bits) for bits in traced.patterns.tolist()] == exact.patterns
        words = line.patterns.unpack(found.patterns[:n], sum(widths[1:-1]))
        assert np.array_equal(words, traced.patterns)


CERTIFIED = {"l1_64x3_s0": 179, "l1_32x12_s0": 392, "l1_256x4_s0": 954}


@pytest.mark.parametrize("name", CERTIFIED)
def test_stored_networks_have_their_certified_counts(name):
    params, lo, hi = networks.stored(name)
    found = line.count(networks.layers(params), lo, hi)
    assert (found.regions, found.undecided, found.exact) == (CERTIFIED[name], 0, True)


@pytest.mark.slow
@pytest.mark.parametrize("name", CERTIFIED)
def test_stored_networks_have_their_certified_counts_as_an_ensemble(name):
    params, lo, hi = networks.stored(name)
    found = line.count(networks.stack([params] * 32), lo, hi, compiled=True)
    alone = line.count(networks.layers(params), lo, hi)
    assert (found.regions == CERTIFIED[name]).all()
    assert (found.pieces == alone.pieces).all()
    assert (found.undecided == 0).all()


@pytest.mark.parametrize("depth", [1, 2, 3, 8, 12, 20])
def test_sawtooths_have_their_closed_form_counts(depth):
    params = networks.layers(networks.sawtooth(depth))
    inside = line.count(params, 0.0, 1.0)
    assert (inside.regions, inside.pieces, inside.undecided) == (2**depth, 2**depth, 0)
    assert inside.steepest == 2.0 ** (depth + 1)
    beyond = line.count(params, -1.0, 2.0)
    expected = 3 if depth == 1 else 2**depth + 2
    assert (beyond.regions, beyond.pieces) == (expected, expected)


@pytest.mark.parametrize("depth", [1, 4, 10, 16])
def test_unit_slope_sawtooths_have_bounded_slopes_and_as_many_pieces(depth):
    found = line.count(networks.layers(networks.unit_sawtooth(depth)), 0.0, 1.0)
    assert (found.regions, found.pieces, found.steepest) == (2**depth, 2**depth, 1.0)


def test_noise_on_unit_sawtooths_makes_regions_that_are_not_pieces():
    rng = np.random.default_rng(0)
    nets = []
    for _ in range(20):
        net = networks.unit_sawtooth(4)
        noisy = [b + np.array([0, 1.0]) * rng.uniform(-1, 1, 2) * 2**-3 for _, b in net[:-1]]
        nets.append([(w, b) for (w, _), b in zip(net[:-1], noisy, strict=True)] + [net[-1]])
    found = line.count(networks.stack(nets * 2), 0.0, 1.0, compiled=True)
    exact = [oracle.line(net, 0.0, 1.0) for net in nets]
    assert found.regions.tolist() == [e.regions for e in exact] * 2
    assert found.pieces.tolist() == [e.pieces for e in exact] * 2
    assert (found.pieces < found.regions).any()


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32])
def test_narrow_formats_are_converted_exactly(x64_both, dtype):
    rng = np.random.default_rng(1)
    params = networks.he(rng, (1, 16, 16, 1))
    narrow = tuple(Layer(jnp.asarray(w, dtype), jnp.asarray(b, dtype)) for w, b in params)
    wide = [(np.asarray(w, np.float64), np.asarray(b, np.float64)) for w, b in narrow]
    exact = oracle.line(wide, -1.0, 1.0)
    found = line.count(narrow, -1.0, 1.0)
    assert (found.regions, found.pieces) == (exact.regions, exact.pieces)


def test_single_precision_is_exact_on_dyadic_networks():
    params = networks.sawtooth(4)
    device = tuple(
        Layer(jnp.asarray(w, jnp.float32), jnp.asarray(b, jnp.float32)) for w, b in params
    )
    found = line.breakpoints(device, jnp.zeros(1), jnp.ones(1), 16)
    assert (int(found.regions), int(found.pieces), int(found.undecided)) == (16, 16, 0)
    assert found.positions.dtype == jnp.float32
    assert jax.tree.all(jax.tree.map(lambda x: bool(jnp.isfinite(x).all()), found.slopes))
