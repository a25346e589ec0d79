"""Best of K: the reference's numbers, and no cancellation at any depth or number of starts."""

import math

import mpmath
import pytest

from jaxlab.studies.collapse import best_of, laws

ALL_DEAD = {
    (2, 10, 10): 0.560115,
    (2, 10, 100): 0.003039,
    (2, 20, 100): 0.727876,
    (2, 20, 1000): 0.041742,
    (3, 50, 100): 0.881537,
}


@pytest.mark.parametrize(("width", "depth", "starts"), ALL_DEAD)
def test_all_starts_are_dead_with_the_tabled_probability(width, depth, starts):
    born = laws.one_ray([width] * depth)
    assert abs(best_of.all_dead(born, starts) - ALL_DEAD[width, depth, starts]) <= 6e-7


@pytest.mark.parametrize(("depth", "tabled", "digits"), [(10, 12.0, 0.05), (20, 218.2, 0.05)])
def test_the_median_number_of_starts_is_the_tabled_one(depth, tabled, digits):
    assert abs(best_of.quantile(laws.one_ray([2] * depth)) - tabled) <= digits


def test_fifty_layers_need_over_a_million_starts():
    assert abs(best_of.quantile(laws.one_ray([2] * 50)) - 1.22e6) <= 5e3


@pytest.mark.parametrize("depth", [1, 10, 100, 1000, 10_000])
@pytest.mark.parametrize("starts", [1, 1e3, 1e6, 1e12])
def test_nothing_cancels_to_a_million_million_starts_and_ten_thousand_layers(depth, starts):
    with mpmath.workdps(3000):
        alive = (mpmath.mpf(3) / 4) ** depth
        log_all = starts * mpmath.log1p(-alive)
        expected = float(mpmath.exp(log_all)), float(-mpmath.expm1(log_all))
    born = laws.one_ray([2] * depth)
    found = best_of.all_dead(born, starts), best_of.some_alive(born, starts)
    # The exponent K ln p is accurate to a few units, so its exponential to |K ln p| times that.
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, rel=1e-15 * (10 + depth + abs(float(log_all))), abs=0)


@pytest.mark.parametrize("depth", [100, 1000])
def test_on_the_frontier_all_starts_are_dead_with_probability_one_over_e(depth):
    born = laws.one_ray([3] * depth)
    limit = best_of.frontier(born)
    assert limit == pytest.approx((8 / 7) ** depth, rel=1e-12)
    for factor in (0.01, 1, 3):
        expected = math.exp(-factor)
        assert best_of.all_dead(born, factor * limit) == pytest.approx(expected, rel=2 / limit)
    assert best_of.quantile(born) == pytest.approx(math.log(2) * limit, rel=1 / limit)


def test_the_quantile_inverts_the_probability():
    born = laws.two_rays([2] * 9)
    for level in (0.01, 0.5, 0.8):
        assert best_of.all_dead(born, best_of.quantile(born, level)) == pytest.approx(level)


def test_numbers_of_starts_beyond_the_floats_are_infinite_and_their_logarithm_is_not():
    born = laws.one_ray([2] * 10_000)
    assert best_of.frontier(born) == best_of.quantile(born) == math.inf
    assert -born.log_alive == pytest.approx(10_000 * math.log(4 / 3), rel=1e-14)
    assert best_of.frontier(laws.born_dead(1.0)) == math.inf


def test_a_law_that_never_kills_needs_no_luck():
    alive = laws.born_dead(0.0)
    assert best_of.all_dead(alive, 1) == 0
    assert best_of.some_alive(alive, 1) == best_of.frontier(alive) == 1


def test_the_error_floor_is_the_share_of_the_dead():
    born = laws.born_dead(0.5)
    assert best_of.error_floor(born, 3, 0.4) == pytest.approx(0.05)


def test_bad_input_is_named():
    born = laws.born_dead(0.5)
    with pytest.raises(ValueError, match="starts: got 0, expected at least 1"):
        best_of.all_dead(born, 0)
    with pytest.raises(ValueError, match="level: got 1, expected strictly between 0 and 1"):
        best_of.quantile(born, 1)
