"""The laws of dead networks give the reference's tables, agree where they meet, and are ordered."""

import itertools
import math
from fractions import Fraction

import mpmath
import pytest

from jaxlab.studies.collapse import laws

PRINTED = 6e-7  # the reference prints six decimals: half a unit of the last, and a little

NEGATIVE_LAYER = {
    (2, 10): 0.132149,
    (2, 50): 0.537759,
    (2, 100): 0.789672,
    (2, 300): 0.990984,
}
ONE_RAY = {
    (2, 1): 0.25,
    (2, 2): 0.4375,
    (2, 5): 0.762695,
    (2, 9): 0.924915,
    (2, 10): 0.943686,
    (2, 20): 0.996829,
    (3, 9): 0.699342,
    (5, 9): 0.248541,
    (10, 9): 0.008755,
}
# (width, L): lower bound, Monte Carlo of the reference (s.e. <= 3e-4), upper bound.
SANDWICH = {
    (2, 4): (0.326172, 0.339911, 0.578125),
    (2, 5): (0.476685, 0.497595, 0.683594),
    (2, 6): (0.599663, 0.621231, 0.762695),
    (2, 10): (0.870256, 0.879621, 0.924915),
    (2, 20): (0.992671, 0.993278, 0.995772),
    (3, 5): (0.173306, 0.206118, 0.413818),
    (3, 10): (0.513389, 0.578533, 0.699342),
    (3, 20): (0.863523, 0.888693, 0.920904),
    (4, 10): (0.204164, 0.294520, 0.440575),
    (5, 10): (0.063985, 0.128262, 0.248541),
    (5, 50): (0.636104, 0.750555, 0.788955),
    (10, 10): (0.000076, 0.001285, 0.008755),
    (10, 50): (0.002194, 0.033417, 0.046747),
}


@pytest.mark.parametrize(("width", "depth"), NEGATIVE_LAYER)
def test_a_negative_layer_has_the_tabled_probability(width, depth):
    found = laws.negative_layer([width] * depth).probability
    assert abs(found - NEGATIVE_LAYER[width, depth]) <= PRINTED


@pytest.mark.parametrize(("depth", "tabled"), [(1000, 0.2165), (10_000, 0.9130)])
def test_a_negative_layer_of_three_neurons_has_the_tabled_probability(depth, tabled):
    assert abs(laws.negative_layer([3] * depth).probability - tabled) <= 6e-5


@pytest.mark.parametrize(("width", "depth"), ONE_RAY)
def test_one_ray_has_the_tabled_probability(width, depth):
    assert abs(laws.one_ray([width] * depth).probability - ONE_RAY[width, depth]) <= PRINTED


@pytest.mark.parametrize(("width", "layers"), SANDWICH)
def test_the_sandwich_has_the_tabled_bounds_around_the_tabled_estimate(width, layers):
    low, estimate, high = SANDWICH[width, layers]
    hidden = [width] * (layers - 1)
    below, above = laws.two_rays(hidden).probability, laws.one_ray(hidden).probability
    assert abs(below - low) <= PRINTED
    assert abs(above - high) <= PRINTED
    assert below < estimate < laws.surviving_ray(hidden).probability < above


@pytest.mark.parametrize("width", [1, 2, 3, 5, 10])
@pytest.mark.parametrize("depth", [1, 2, 3, 9, 49, 200])
def test_two_rays_follow_the_closed_form_of_equal_widths(width, depth):
    single, double = Fraction(1, 2**width), Fraction(1, 4**width)
    a, d = 1 - single, 1 - 2 * single - (width - 1) * double
    c = (1 - 2 * single) * a / (1 + (width - 1) * single)
    exact = 1 - a ** (depth - 1) + c * (d ** (depth - 1) - a ** (depth - 1))
    assert laws.two_rays([width] * depth).probability == pytest.approx(float(exact), rel=2e-13)


def test_two_rays_of_unequal_widths_follow_the_chain_in_rational_numbers():
    hidden = [3, 1, 4, 2, 6]
    pair, one = 1 - Fraction(2, 2**3), Fraction(2, 2**3)
    for n in hidden[1:]:
        q, s = Fraction(1, 4**n), Fraction(1, 2**n)
        # Both die with q, one of the two with s - q each, both become one ray with n q.
        pair, one = pair * (1 - 2 * s + q - n * q), one * (1 - s) + pair * (2 * (s - q) + n * q)
    assert laws.two_rays(hidden).probability == pytest.approx(float(1 - pair - one), rel=1e-14)


@pytest.mark.parametrize(
    ("width", "tabled"), [(1, 0.5), (2, 0.15625), (3, 0.04296875), (4, 0.01123046875)]
)
def test_three_layers_are_exact_and_equal_to_the_lower_bound(width, tabled):
    exact = laws.three_layers(width, width)
    assert exact == Fraction(1, 4**width) * (3 - Fraction(2, 2**width)) == Fraction(tabled)
    assert laws.two_rays([width] * 2).probability == pytest.approx(tabled, rel=1e-14)
    other = laws.three_layers(width, 3)
    assert laws.two_rays([width, 3]).probability == pytest.approx(float(other), rel=1e-14)


@pytest.mark.parametrize("depth", [1, 2, 3, 20])
def test_bounds_meet_at_width_one(depth):
    exact = 1 - 0.5 ** (depth - 1)
    assert laws.two_rays([1] * depth).probability == pytest.approx(exact, rel=1e-14)
    assert laws.surviving_ray([1] * depth).probability == pytest.approx(exact, rel=1e-14)


@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_bias_free_network_with_one_hidden_layer_is_alive(width):
    assert laws.two_rays([width]).probability == laws.surviving_ray([width]).probability == 0


def test_a_negative_layer_of_width_one_has_probability_a_quarter_and_a_half_without_biases():
    assert laws.negative_layer([1] * 4).probability == pytest.approx(1 - 0.75**3, rel=1e-15)
    assert laws.negative_layer([1] * 4, biases=False).probability == pytest.approx(7 / 8, rel=1e-15)
    assert laws.negative_layer([5, 1, 2], biases=False).probability == pytest.approx(
        float(1 - (1 - Fraction(1, 2**5)) * (1 - Fraction(1, 2**2))), rel=1e-15
    )


WIDTHS, DEPTHS = (1, 2, 3, 4, 6, 10), (1, 2, 3, 5, 10, 40)


@pytest.mark.parametrize("law", [laws.negative_layer, laws.one_ray, laws.two_rays])
def test_depth_kills_and_width_saves(law):
    table = [[law([n] * depth).probability for depth in DEPTHS] for n in WIDTHS]
    for row in table:
        assert all(a < b for a, b in itertools.pairwise(row))
    for column in list(zip(*table, strict=True))[1:]:
        assert all(a > b for a, b in itertools.pairwise(column))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("depth", DEPTHS[1:])
def test_bounds_are_ordered(width, depth):
    hidden = [width] * depth
    bias_free = laws.negative_layer(hidden, biases=False).probability
    assert laws.negative_layer(hidden).probability < bias_free
    assert bias_free <= laws.two_rays(hidden).probability * (1 + 1e-14)
    below = laws.two_rays(hidden).probability
    assert below <= laws.surviving_ray(hidden).probability < laws.one_ray(hidden).probability


@pytest.mark.parametrize("hidden", [[2] * 10_000, [30] * 9, [1, 60], [3] * 300])
def test_logarithms_are_accurate_next_to_zero_and_next_to_one(hidden):
    with mpmath.workdps(10_000 if len(hidden) > 1000 else 400):
        alive = mpmath.fprod(1 - mpmath.mpf(2) ** -n for n in hidden)
        exact = mpmath.log(alive), mpmath.log1p(-alive), 1 - alive
        exact = [float(value) for value in exact]
    born = laws.one_ray(hidden)
    assert born.log_alive == pytest.approx(exact[0], rel=1e-14)
    assert born.log_probability == pytest.approx(exact[1], rel=1e-12, abs=0)
    assert born.probability == pytest.approx(exact[2], rel=1e-14)


@pytest.mark.parametrize("inactive", [0.25, 0.375])
def test_one_hidden_layer_dies_with_the_tabled_probability(inactive):
    tabled = {0.25: 0.0625, 0.375: 0.140625}[inactive]
    assert laws.one_hidden_layer(2, inactive).probability == pytest.approx(tabled, rel=1e-15)
    assert laws.one_hidden_layer(2, inactive).probability < laws.one_ray([2]).probability


def test_sure_death_and_sure_life_are_probabilities_too():
    assert laws.born_dead(1.0).probability == 1
    assert laws.born_dead(1.0).log_probability == 0
    assert laws.born_dead(0.0).probability == 0
    assert laws.born_dead(0.0).log_probability == -math.inf


@pytest.mark.parametrize("law", [laws.negative_layer, laws.one_ray, laws.two_rays])
def test_bad_widths_are_named(law):
    for hidden in [[], [2, 0]]:
        with pytest.raises(ValueError, match="hidden: got widths"):
            law(hidden)
    with pytest.raises(ValueError, match=r"probability: got 1\.5"):
        laws.born_dead(1.5)
