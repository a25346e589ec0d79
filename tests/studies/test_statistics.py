"""Estimates are those of the textbooks, and their intervals cover as often as they say."""

import numpy as np
import pytest
from scipy import stats

from jaxlab.studies import _statistics


def test_the_mean_interval_is_students():
    sample = np.random.default_rng(0).normal(3, 2, 17)
    got = _statistics.mean(sample, 0.95)
    low, high = stats.t.interval(0.95, 16, sample.mean(), stats.sem(sample))
    np.testing.assert_allclose((got.value, got.low, got.high), (sample.mean(), low, high))


def test_one_sample_has_an_infinite_interval():
    assert _statistics.mean([2.0])[:3] == (2.0, -np.inf, np.inf)


def test_the_geometric_mean_has_students_interval_on_the_logarithms():
    sample = [1.0, 4.0, 9.0]
    got, logs = _statistics.geometric_mean(sample), _statistics.mean(np.log(sample))
    np.testing.assert_allclose(got.value, 36 ** (1 / 3))
    np.testing.assert_allclose((got.low, got.high), np.exp([logs.low, logs.high]))


def test_no_sample_has_no_mean_and_an_infinite_interval():
    got = _statistics.geometric_mean([])
    assert np.isnan(got.value)
    assert (got.low, got.high) == (0, np.inf)


def test_simultaneous_intervals_share_the_error():
    np.testing.assert_allclose(_statistics.simultaneous(5, 0.9), 0.98)
    assert _statistics.simultaneous(1, 0.99) == 0.99


def test_the_power_law_fit_is_linear_regression_in_logarithms():
    rng = np.random.default_rng(1)
    x = np.array([1.0, 2, 4, 8, 16, 32])
    y = 3 * x**0.7 * np.exp(0.1 * rng.normal(size=6))
    got = _statistics.power_law(x, y, 0.95)
    fit = stats.linregress(np.log(x), np.log(y))
    half = stats.t.ppf(0.975, 4) * fit.stderr
    np.testing.assert_allclose(
        got.exponent[:3], (fit.slope, fit.slope - half, fit.slope + half), rtol=1e-9
    )
    assert got.points == 6


def test_two_points_fit_without_an_interval():
    assert _statistics.power_law([1, 2], [1, 2]).exponent.high == np.inf
    with pytest.raises(ValueError, match="got 1 points"):
        _statistics.power_law([1], [1])


def test_the_exponents_interval_covers_as_often_as_it_says():
    # 400 experiments at 90%: the count of covers is Binomial(400, 0.9); 4.5 sigma either way is
    # a false alarm rate below 1e-5 (fixed seed), plus 3% for the first-order approximation.
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(400):
        samples = rng.exponential(2.0, 200), rng.exponential(2.0 * 8**0.5, 200)
        got = _statistics.exponent((1.0, 8.0), samples, 0.9)
        covered += got.low <= 0.5 <= got.high
    assert abs(covered / 400 - 0.9) < 4.5 * np.sqrt(0.09 / 400) + 0.03


@pytest.mark.parametrize(("successes", "trials"), [(0, 9), (9, 9), (3, 10), (879_941, 10**6)])
def test_the_interval_of_a_proportion_is_clopper_and_pearsons(successes, trials):
    got = _statistics.proportion(successes, trials, 0.95)
    expected = stats.binomtest(successes, trials).proportion_ci(0.95, "exact")
    np.testing.assert_allclose((got.low, got.high), expected, rtol=1e-12)
    assert got.value == successes / trials


@pytest.mark.parametrize("probability", [0.001, 0.3, 0.97])
def test_the_interval_of_a_proportion_covers_at_least_as_often_as_it_says(probability):
    trials, level = 40, 0.9
    outcomes = np.arange(trials + 1)
    intervals = [_statistics.proportion(int(k), trials, level) for k in outcomes]
    covers = [interval.low <= probability <= interval.high for interval in intervals]
    assert stats.binom.pmf(outcomes, trials, probability)[covers].sum() >= level


def test_no_trials_tell_nothing_about_a_proportion():
    assert _statistics.proportion(0, 0)[1:3] == (0.0, 1.0)
    with pytest.raises(ValueError, match="successes: got 3 of 2 trials"):
        _statistics.proportion(3, 2)
