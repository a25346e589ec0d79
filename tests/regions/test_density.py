"""Random segments have their law, and densities are those of the exact counts."""

import math

import jax
import numpy as np
import pytest
from scipy import stats

from jaxlab.regions import density, laws, line
from tests.regions import networks


def test_segments_have_their_length_and_uniform_directions(x64_both):
    starts, stops = density.segments(jax.random.key(0), 3, 2000, 0.25)
    assert starts.dtype == np.float64
    np.testing.assert_allclose(np.linalg.norm(stops - starts, axis=1), 0.25, rtol=1e-14)
    # On the sphere in three dimensions every coordinate is uniform (Archimedes).
    for axis in range(3):
        coordinate = (stops - starts)[:, axis] / 0.25
        assert stats.kstest(coordinate, stats.uniform(-1, 2).cdf).pvalue > 1e-6
        assert stats.kstest((starts + stops)[:, axis] / 2, stats.norm.cdf).pvalue > 1e-6


def test_midpoints_follow_the_law_that_is_given():
    starts, stops = density.segments(jax.random.key(1), 2, 2000, 1.0, jax.random.uniform)
    assert stats.kstest((starts + stops)[:, 0] / 2, stats.uniform.cdf).pvalue > 1e-6


def test_the_density_is_that_of_counts_along_each_segment():
    rng = np.random.default_rng(2)
    params = networks.layers(networks.he(rng, (5, 20, 20, 1)))
    starts, stops = rng.normal(size=(2, 30, 5))
    found = density.density(params, starts, stops)
    counts = [line.count(params, *ends).regions for ends in zip(starts, stops, strict=True)]
    assert found.regions.tolist() == counts
    lengths = np.sqrt(((stops - starts) ** 2).sum(axis=1))
    assert found.mean == pytest.approx((sum(counts) - 30) / lengths.sum())
    assert found.low < found.mean < found.high
    assert found.exact.all()


def test_with_equal_lengths_the_interval_is_student_s():
    params = networks.layers(networks.he(np.random.default_rng(3), (4, 30, 1)))
    found = density.density(params, *density.segments(jax.random.key(2), 4, 40, 2.0), level=0.9)
    samples = (found.regions - 1) / 2.0
    interval = stats.t.interval(0.9, 39, samples.mean(), stats.sem(samples))
    np.testing.assert_allclose((found.low, found.high), interval, rtol=1e-12)


def test_high_dimensional_networks_without_biases_have_the_angular_density():
    # Between independent normal points of 300 dimensions; segments seen under their angles. The
    # network is drawn once, so its own deviation (about 1 / sqrt(N)) is allowed for: 10%.
    rng = np.random.default_rng(4)
    params = networks.layers(networks.he(rng, (300, 100, 100, 1), bias=0.0))
    starts, stops = rng.normal(size=(2, 40, 300))
    found = density.density(params, starts, stops)
    cosines = (starts * stops).sum(axis=1) / np.linalg.norm(starts, axis=1)
    angles = np.arccos(cosines / np.linalg.norm(stops, axis=1))
    law = sum(laws.angular_crossings(200, angle) for angle in angles) / found.lengths.sum()
    assert found.mean == pytest.approx(law, rel=0.1)
    assert (found.high - found.low) / found.mean < 0.1


def test_a_limit_gives_lower_bounds_that_say_so():
    params = networks.layers(networks.sawtooth(6))
    found = density.density(params, np.zeros((2, 1)), np.ones((2, 1)), limit=8)
    assert not found.exact.any()
    assert (found.regions < 64).all()


@pytest.mark.parametrize(
    ("starts", "stops", "message"),
    [
        (np.zeros((2, 3)), np.ones((2, 3)), r"expected twice \(segments, 1\)"),
        (np.zeros((1, 1)), np.ones((1, 1)), "with two segments or more"),
        (np.zeros((2, 1)), np.array([[1.0], [0.0]]), r"stops\[1\]: got its start"),
        (np.zeros((2, 1)), np.array([[1.0], [math.inf]]), r"params: not finite on segment 1"),
    ],
)
def test_segments_that_do_not_fit_are_named(starts, stops, message):
    params = networks.layers(networks.sawtooth(2))
    with pytest.raises(ValueError, match=message):
        density.density(params, starts, stops)


def test_segments_need_a_positive_length():
    with pytest.raises(ValueError, match=r"length: got 0\.0, expected more than 0"):
        density.segments(jax.random.key(0), 2, 3, 0.0)
