"""Laws of random networks, against exact counts; every statistical test allows five sigma."""

import math

import numpy as np
import pytest

from jaxlab.regions import laws, line
from tests.regions.ensembles import five_sigma, gaussian, stored


@pytest.mark.parametrize("name", stored())
def test_the_stored_counts_follow_the_law_where_its_docstring_says_so(name):
    inputs, hidden, count = stored()[name]
    ratio = count / laws.random_regions(sum(hidden), inputs)
    if name == "p2_4x4_s0":
        assert round(ratio, 2) == 0.39
    elif name == "p2_32x3_zerob_s0":
        assert (count, laws.random_regions(96, 2)) == (184, 4608)
    elif name != "p2_int12x2_s0" and inputs > 1:
        assert 0.71 <= ratio <= 1.07


def test_hanin_and_rolnick_s_bound_with_constant_one_is_the_law():
    assert laws.hanin_rolnick(96, 3, 1.0, 8.0) == pytest.approx(8 * laws.random_regions(96, 3))
    assert laws.hanin_rolnick(96, 3, 2.0) == pytest.approx(8 * laws.random_regions(96, 3))
    with pytest.raises(ValueError, match="neurons: got 2, expected at least inputs = 3"):
        laws.hanin_rolnick(2, 3, 1.0)


def test_the_bound_on_crossings_is_attained_where_the_biases_are_densest():
    # One layer: at x = 0 the pre-activation without bias is 0, the mode of the biases.
    rng = np.random.default_rng(0)
    bias, neurons, half = 0.7, 50, 0.02
    found = line.count(gaussian(rng, (1, neurons, 1), 2000, bias), -half, half, pieces=False)
    met = found.regions - 1
    density, gradient = 1 / (bias * math.sqrt(2 * math.pi)), math.sqrt(2 * 2 / math.pi)
    bound = laws.crossings(neurons, gradient, density, 2 * half)
    assert abs(met.mean() - bound) <= five_sigma(met)


def test_the_bound_on_crossings_holds_for_deep_networks():
    # E |dz/dt| <= sqrt(E (dz/dt)**2) = sqrt(2) at every depth of He's law.
    rng = np.random.default_rng(1)
    bias, hidden = 0.5, [20, 20, 20]
    found = line.count(gaussian(rng, (1, *hidden, 1), 300, bias), -1.0, 1.0, pieces=False)
    met = found.regions - 1
    density = 1 / (bias * math.sqrt(2 * math.pi))
    bound = laws.crossings(sum(hidden), math.sqrt(2), density, 2.0)
    assert bound / 4 <= met.mean() <= bound


@pytest.mark.parametrize("angle", [0.3, math.pi / 2, 3.0])
def test_without_biases_a_first_layer_is_met_once_per_angle(angle):
    rng = np.random.default_rng(2)
    ends = np.array([1.0, 0, 0]), 2.0 * np.array([math.cos(angle), math.sin(angle), 0])
    met = line.count(gaussian(rng, (3, 40, 1), 2000, 0.0), *ends, pieces=False).regions - 1
    assert abs(met.mean() - laws.angular_crossings(40, angle)) <= five_sigma(met)


@pytest.mark.parametrize(("hidden", "nets"), [([10, 10], 2000), ([10] * 5, 2000), ([60] * 2, 200)])
def test_without_biases_deep_networks_are_met_nearly_as_often(hidden, nets):
    rng = np.random.default_rng(3)
    ends = np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
    met = line.count(gaussian(rng, (3, *hidden, 1), nets, 0.0), *ends, pieces=False).regions - 1
    ratio = met / laws.angular_crossings(sum(hidden), math.pi / 2)
    assert abs(ratio.mean() - 1) <= 0.02 + five_sigma(ratio)
