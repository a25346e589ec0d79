"""Distinct patterns of data sets: against packed rows, in one pass and in many."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlab.networks.mlp import Layer
from jaxlab.regions import _pattern_count, patterns
from tests.regions import networks

BATCH = 512


def network(widths=(3, 40, 30, 1), seed=0):
    params = networks.he(np.random.default_rng(seed), widths)
    return tuple(Layer(w.astype(np.float32), b.astype(np.float32)) for w, b in params)


def inputs(points=5000, seed=1):
    return np.random.default_rng(seed).normal(size=(points, 3)).astype(np.float32)


def exact(params, xs):
    """Rows of packed bits, compared as rows; the same batches, so the same roundings."""
    codes = [patterns.patterns(params, xs[at : at + BATCH]) for at in range(0, len(xs), BATCH)]
    return len(np.unique(np.concatenate(codes), axis=0))


def stream(*numbers):
    return lambda: iter([np.array(part, np.uint64) for part in numbers])


def test_every_kind_of_data_gives_the_count_of_packed_rows(x64_both):
    params, xs = network(), inputs()
    parts = [xs[:2000], xs[2000:2000], xs[2000:2100], xs[2100:]]
    expected = exact(params, xs)
    for data in (xs, jnp.asarray(xs), parts, lambda: iter(parts), iter(parts)):
        found = patterns.distinct_patterns(params, data, batch=BATCH)
        assert found[:5] == (expected, True, expected, 5000, 1)
    assert found.collision_probability == 5000 * 4999 / 2**65


def test_float64_networks_are_evaluated_in_float64_with_x64_off():
    # The boundary lies 2**-40 left of 1; float32 would put 1 on it.
    params = (
        Layer(np.ones((1, 1)), np.array([-1 + 2.0**-40])),
        Layer(np.ones((1, 1)), np.zeros(1)),
    )
    assert patterns.distinct_patterns(params, np.array([[1.0], [1.0 - 2.0**-39]])).distinct == 2


@pytest.mark.parametrize("seed", [0, 1])
def test_a_small_memory_takes_more_passes_and_counts_the_same(seed):
    params, xs = network(), inputs()
    whole = patterns.distinct_patterns(params, xs, seed=seed)
    for memory in (8 * 2000, 8 * 300, 8 * 50):
        found = patterns.distinct_patterns(params, xs, memory=memory, seed=seed)
        assert found[:4] == whole[:4]
        least = whole.distinct / (memory // 8)
        assert least <= found.passes <= 2 * least + 2


def test_an_iterator_that_does_not_fit_gives_a_lower_bound_and_an_estimate():
    params, xs = network(), inputs(20000)
    whole = patterns.distinct_patterns(params, xs).distinct
    found = patterns.distinct_patterns(params, iter([xs[:9000], xs[9000:]]), memory=8 * 1000)
    assert not found.exact
    assert (found.points, found.passes) == (20000, 1)
    assert 750 <= found.distinct <= 1000 < whole
    # About 375 to 750 hashes are left in their part of the range: relative deviation 1 / sqrt(375).
    assert abs(found.estimate / whole - 1) <= 5 / np.sqrt(375)


def test_hashes_are_uniform_even_for_patterns_that_differ_in_few_neurons():
    # Patterns of at most two active neurons of 200: 20,101 of them, all different. Their hashes'
    # top 16 bits are as different as those of uniform numbers, within five deviations.
    first, second = np.triu_indices(201)
    xs = np.zeros((len(first), 201), np.float32)
    xs[np.arange(len(first)), first] = 1
    xs[np.arange(len(first)), second] = 1
    params = (Layer(np.eye(201, 200, dtype=np.float32), np.zeros(200, np.float32)),)
    params += (Layer(np.ones((200, 1), np.float32), np.zeros(1, np.float32)),)
    assert patterns.distinct_patterns(params, xs).distinct == 20101
    numbers = (np.random.default_rng(0).integers(0, 256, (200, 8)).astype(np.float32),)
    for shift in (48, 16):  # of either word of the hash
        hashes = np.concatenate(list(patterns._hashed(params, numbers, iter([xs]))))
        seen = _pattern_count.tally(
            lambda h=hashes << (48 - shift): iter([h]), True, 2**20, bits=16
        )
        bins, balls = 2**16, 20101
        empty = bins * (1 - 1 / bins) ** balls
        variance = empty - bins**2 * ((1 - 1 / bins) ** (2 * balls) - (1 - 2 / bins) ** balls)
        assert abs(seen.distinct - (bins - empty)) <= 5 * np.sqrt(variance)


def test_a_hash_is_the_sum_of_the_active_neurons_numbers():
    params, xs = network((3, 70, 5, 1)), inputs(50)
    rng = np.random.default_rng(3)
    limbs = tuple(rng.integers(0, 256, (n, 8)) for n in (70, 5))
    (found,) = patterns._hashed(params, tuple(x.astype(np.float32) for x in limbs), iter([xs]))
    bits = np.asarray(patterns.unpack(patterns.patterns(params, xs), 75))
    words = np.concatenate(limbs).reshape(75, 2, 4) @ 256 ** np.arange(4)
    sums = (bits @ words) % 2**32
    assert found.tolist() == [int(low) + (int(high) << 32) for low, high in sums]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 60), max_size=30), max_size=8),
    st.integers(4, 40),
    st.sampled_from([3, 6, 64]),
)
def test_a_tally_is_the_size_of_a_set(parts, room, bits):
    # Spread over the range (times an odd constant), then cut to the top bits: collisions if few.
    spread = [[x * 0x9E3779B97F4A7C15 % 2**64 for x in part] for part in parts]
    expected = len({x >> (64 - bits) for part in spread for x in part})
    found = _pattern_count.tally(stream(*spread), True, 8 * room, bits)
    assert (found.distinct, found.exact) == (expected, True)
    assert found.points == sum(map(len, parts))
    once = _pattern_count.tally(stream(*spread), False, 8 * room, bits)
    assert once.distinct == expected if once.exact else once.distinct <= expected


def test_the_ends_of_the_range_are_counted():
    ends = [0, 2**64 - 1, 2**63, 2**63 - 1, 1, 2**64 - 2, 2**62, 3]
    assert _pattern_count.tally(stream(ends, ends), True, 32).distinct == 8


def test_many_blocks_are_merged_across_their_edges(monkeypatch):
    monkeypatch.setattr(_pattern_count, "_BLOCK", 7)
    numbers = np.random.default_rng(0).integers(0, 500, 3000)
    assert _pattern_count.tally(stream(numbers), True, 2**14).distinct == len(np.unique(numbers))


def test_data_that_change_between_passes_are_noticed():
    streams = iter([np.arange(100, dtype=np.uint64) << np.uint64(57)] for _ in range(1))
    later = [np.zeros(3, np.uint64)]
    with pytest.raises(ValueError, match="data: got 3 points in a later pass, expected 100"):
        _pattern_count.tally(lambda: iter(next(streams, later)), True, 80)


def test_no_data_have_no_pattern_and_no_hidden_layer_has_one():
    assert patterns.distinct_patterns(network(), inputs(0)).distinct == 0
    assert patterns.distinct_patterns(network((3, 1)), inputs(10)).distinct == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": np.ones((2, 3))}, "data: got dtype float64, expected float32"),
        ({"data": np.ones((2, 4), np.float32)}, "xs: got 4 features, expected 3"),
        ({"memory": 31}, "memory: got 31 bytes, expected at least 32"),
    ],
)
def test_arguments_that_do_not_fit_are_named(change, message):
    arguments = {"params": network(), "data": inputs(2)} | change
    with pytest.raises(ValueError, match=message):
        patterns.distinct_patterns(**arguments)


def test_the_hash_lowers_for_every_platform():
    params = jax.tree.map(jnp.asarray, network())
    numbers = tuple(jnp.zeros((n, 8), jnp.float32) for n in (40, 30))
    platforms = ("cpu", "cuda", "tpu")
    jax.export.export(patterns._hash, platforms=platforms)(params, numbers, jnp.zeros((7, 3)))
