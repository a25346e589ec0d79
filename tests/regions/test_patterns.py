"""Packed activation patterns and distinct counts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlab.networks.mlp import Layer
from jaxlab.regions import line, patterns
from tests.regions import networks


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([0, 1, 31, 32, 33, 70]), st.integers(0, 2**32))
def test_unpack_inverts_pack(neurons, seed):
    bits = np.random.default_rng(seed).random((3, neurons)) < 0.5
    words = patterns.pack(jnp.asarray(bits))
    assert words.shape == (3, -(-neurons // 32))
    assert np.array_equal(patterns.unpack(words, neurons), bits)


def test_unpack_refuses_more_neurons_than_bits():
    with pytest.raises(ValueError, match=r"neurons: got 33, expected 0 to 32 \(1 words\)"):
        patterns.unpack(jnp.zeros((1,), jnp.uint32), 33)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([1, 2, 50]), st.sampled_from([1, 3]), st.integers(0, 2**32))
def test_distinct_counts_agree_with_a_set(points, words, seed):
    codes = np.random.default_rng(seed).integers(0, 3, (points, words)).astype(np.uint32)
    expected = len({tuple(row) for row in codes.tolist()})
    assert int(patterns.distinct(jnp.asarray(codes))) == expected
    assert patterns.count_distinct(codes) == expected


def test_empty_batches_have_no_pattern_and_patterns_of_no_neuron_are_one():
    for shape, expected in [((0, 2), 0), ((5, 0), 1), ((0, 0), 0)]:
        codes = jnp.zeros(shape, jnp.uint32)
        assert int(patterns.distinct(codes)) == expected
        assert patterns.count_distinct(codes) == expected


def test_patterns_are_the_signs_of_all_hidden_pre_activations(x64_both):
    rng = np.random.default_rng(4)
    params = networks.he(rng, (2, 5, 40, 3))
    device = tuple(
        Layer(jnp.asarray(w, jnp.float32), jnp.asarray(b, jnp.float32)) for w, b in params
    )
    xs = rng.normal(size=(20, 2)).astype(np.float32)
    codes = patterns.patterns(device, jnp.asarray(xs))
    hidden, signs = xs, []
    for weight, bias in device[:-1]:
        values = hidden @ np.asarray(weight) + np.asarray(bias)
        signs.append(values > 0)
        hidden = np.maximum(values, 0)
    assert np.array_equal(patterns.unpack(codes, 45), np.concatenate(signs, axis=1))


def test_dense_samples_see_every_region_of_a_sawtooth_and_never_more():
    params = networks.layers(networks.sawtooth(4))
    device = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), params)
    regions = int(line.count(params, 0.0, 1.0).regions)
    for points in (4, 16, 1000):
        xs = (jnp.arange(points, dtype=jnp.float32)[:, None] + 0.3) / points
        seen = int(patterns.distinct(patterns.patterns(device, xs)))
        assert seen <= regions
    assert seen == regions == 16


def test_inputs_that_do_not_fit_are_named():
    device = (Layer(jnp.ones((2, 3)), jnp.ones(3)), Layer(jnp.ones((3, 1)), jnp.ones(1)))
    with pytest.raises(ValueError, match=r"xs: got 1 features, expected 2"):
        patterns.patterns(device, jnp.ones((4, 1)))
