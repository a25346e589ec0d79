"""Capacities, chunks, batches and broken networks change nothing but what they say."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.networks.mlp import Layer
from jaxlab.regions import line
from tests.regions import networks

WIDTHS = (1, 8, 8, 1)


@pytest.fixture(scope="module")
def ensemble():
    rng = np.random.default_rng(5)
    return networks.stack([networks.he(rng, WIDTHS) for _ in range(70)])


def test_an_overflow_is_flagged_and_its_counts_are_lower_bounds(x64):
    params = tuple(
        Layer(jnp.asarray(w), jnp.asarray(b)) for w, b in networks.sawtooth(3)
    )  # 8 regions
    for capacity in (1, 7):
        found = line.breakpoints(params, jnp.zeros(1), jnp.ones(1), capacity)
        assert bool(found.overflow)
        assert 1 <= int(found.regions) <= 8
        assert 1 <= int(found.pieces) <= 8
        assert found.positions.shape == (capacity + 1,)
    assert not line.breakpoints(params, jnp.zeros(1), jnp.ones(1), 8).overflow


@pytest.mark.slow
def test_capacity_and_chunks_do_not_change_the_counts(ensemble):
    reference = line.count(ensemble, -1.0, 1.0, compiled=True)
    assert reference.exact.all()
    for options in ({"capacity": 12}, {"batch": 32}, {"pieces": False}):
        found = line.count(ensemble, -1.0, 1.0, compiled=True, **options)
        assert np.array_equal(found.regions, reference.regions), options
        if options.get("pieces", True):
            assert np.array_equal(found.pieces, reference.pieces)
            np.testing.assert_allclose(found.steepest, reference.steepest, rtol=1e-12)


def test_an_ensemble_is_its_networks_one_by_one(ensemble):
    together = line.count(ensemble, -1.0, 1.0, compiled=True)
    for index in range(0, 70, 7):
        alone = line.count(jax.tree.map(lambda leaf, i=index: leaf[i], ensemble), -1.0, 1.0)
        assert alone.regions.shape == ()
        assert alone.regions == together.regions[index]
        assert alone.pieces == together.pieces[index]
        np.testing.assert_allclose(alone.steepest, together.steepest[index], rtol=1e-12)


def test_the_caller_s_x64_flag_does_not_matter(x64_both, ensemble):
    few = jax.tree.map(lambda leaf: leaf[:40], ensemble)
    found = line.count(few, -1.0, 1.0)
    assert found.regions.sum() == line.count(few, -1.0, 1.0, capacity=64).regions.sum()
    assert found.regions.dtype == np.int64
    assert found.steepest.dtype == np.float64
    assert jax.config.jax_enable_x64 is x64_both


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_a_network_that_is_not_finite_is_data_and_leaves_others_alone(ensemble, poison):
    reference = line.count(ensemble, -1.0, 1.0, compiled=True)
    broken = jax.tree.map(np.copy, ensemble)
    broken[1].weight[3, 0, 0] = poison
    broken[-1].bias[5, 0] = poison
    found = line.count(broken, -1.0, 1.0, compiled=True)
    bad = np.isin(np.arange(70), [3, 5])
    assert np.array_equal(found.exact, ~bad)
    assert (found.pieces[bad] == -1).all()
    assert np.array_equal(found.regions[~bad], reference.regions[~bad])
    assert np.array_equal(found.pieces[~bad], reference.pieces[~bad])
    alone = line.count(jax.tree.map(lambda leaf: leaf[3], broken), -1.0, 1.0)
    assert (alone.regions, alone.pieces, alone.exact) == (-1, -1, False)


def test_a_limit_gives_a_lower_bound_that_says_so():
    params = networks.layers(networks.sawtooth(12))
    found = line.count(params, 0.0, 1.0, limit=100)
    assert not found.exact
    assert 100 < found.regions <= 4096
    assert found.pieces == 1
    with pytest.raises(ValueError, match=r"limit: got 100, expected at least 128"):
        line.trace(params, 0.0, 1.0, limit=100)


def test_the_kernel_vmaps_over_segments(x64):
    params = tuple(Layer(jnp.asarray(w), jnp.asarray(b)) for w, b in networks.sawtooth(3))
    starts = jnp.array([[0.0], [-1.0], [0.25], [2.0]])
    stops = jnp.array([[1.0], [2.0], [0.5], [3.0]])
    found = jax.vmap(lambda a, b: line.breakpoints(params, a, b, 16))(starts, stops)
    assert found.regions.tolist() == [8, 10, 2, 1]
    assert found.pieces.tolist() == [8, 10, 2, 1]


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_the_kernel_lowers_for_every_platform(x64, dtype):
    params = tuple(
        Layer(jax.ShapeDtypeStruct((a, b), dtype), jax.ShapeDtypeStruct((b,), dtype))
        for a, b in [(1, 6), (6, 6), (6, 1)]
    )
    end = jax.ShapeDtypeStruct((1,), dtype)
    exported = jax.export.export(line.breakpoints, platforms=["cpu", "cuda", "tpu"])(
        params, end, end, capacity=20
    )
    assert set(exported.platforms) == {"cpu", "cuda", "tpu"}


def test_errors_name_the_argument_what_was_got_and_what_was_expected():
    rng = np.random.default_rng(0)
    params = networks.layers(networks.he(rng, (2, 4, 1)))
    device = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), params)
    zero = jnp.zeros(2)
    half = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), device)
    with pytest.raises(ValueError, match=r"params: got dtype bfloat16, expected float32 or"):
        line.breakpoints(half, zero.astype(jnp.bfloat16), zero.astype(jnp.bfloat16), 4)
    with pytest.raises(ValueError, match=r"start: got shape \(1,\), expected \(2,\)"):
        line.breakpoints(device, jnp.zeros(1), jnp.zeros(1), 4)
    with pytest.raises(ValueError, match=r"stop: got dtype float16, expected float32"):
        line.breakpoints(device, zero, jnp.zeros(2, jnp.float16), 4)
    with pytest.raises(ValueError, match=r"capacity: got 0, expected at least 1"):
        line.breakpoints(device, zero, zero, 0)
    with pytest.raises(
        ValueError, match=r"stop: got shape \(3,\), expected \(\), \(2,\) or \(lines, 2\)"
    ):
        line.count(params, 0.0, np.zeros(3))
    with pytest.raises(ValueError, match=r"stop: got 3 lines, expected 4"):
        line.count(params, np.zeros((4, 2)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"dtype: got float16, expected float64 or float32"):
        line.count(params, 0.0, 1.0, dtype=np.float16)
    with pytest.raises(ValueError, match=r"params\[1\]: got weight .* same leading network axis"):
        line.count((Layer(*(leaf[None] for leaf in params[0])), params[1]), 0.0, 1.0)
    with pytest.raises(ValueError, match=r"stop: got \[1.0, 1.0\], expected a point other than"):
        line.trace(params, 1.0, 1.0)


def test_a_trace_walks_the_segment_in_units_of_length():
    rng = np.random.default_rng(2)
    params = networks.layers(networks.he(rng, (3, 12, 12, 2)))
    start, stop = rng.normal(size=3), 3 * rng.normal(size=3)
    found = line.trace(params, start, stop)
    assert np.array_equal(found.points[[0, -1]], [start, stop])
    assert found.positions[-1] == np.linalg.norm(stop - start)
    steps = np.diff(found.positions)[:, None]
    np.testing.assert_allclose(np.diff(found.values, axis=0), found.slopes * steps, atol=1e-12)
    x = found.points
    for weight, bias in params[:-1]:
        x = np.maximum(x @ weight + bias, 0)
    np.testing.assert_allclose(x @ params[-1].weight + params[-1].bias, found.values, atol=1e-12)
    assert found.patterns.shape == (found.regions, 24)
