"""Inactive neurons: the reference's numbers, Student's law by mpmath, and random neurons."""

import math

import jax
import jax.numpy as jnp
import mpmath
import pytest
from scipy import stats

from jaxlab.studies.collapse import inactivity

FALSE_ALARM = 1e-6  # of each statistical assertion; seeds are fixed
SAMPLES = 400_000


def holds(count, samples, probability):
    """Whether a two-sided exact binomial test does not reject."""
    return stats.binomtest(int(count), samples, probability).pvalue > FALSE_ALARM


def student(freedom, x):
    """Student's distribution function by the integral of its density."""
    with mpmath.workdps(30):
        d = mpmath.mpf(freedom)
        scale = mpmath.gamma((d + 1) / 2) / (mpmath.sqrt(d * mpmath.pi) * mpmath.gamma(d / 2))
        tail = mpmath.quad(lambda t: (1 + t * t / d) ** (-(d + 1) / 2), [abs(x), 10, mpmath.inf])
        return float(scale * tail)


@pytest.mark.parametrize(
    ("inputs", "tabled"), [(1, 0.25), (2, 0.146447), (5, 0.037793), (10, 0.00506)]
)
def test_a_ball_has_the_tabled_probability(inputs, tabled):
    assert abs(inactivity.ball(inputs) - tabled) <= 6e-7
    assert inactivity.ball(inputs) == pytest.approx(student(inputs, -math.sqrt(inputs)), rel=1e-12)


def test_a_disc_has_the_closed_form():
    assert inactivity.ball(2) == pytest.approx((1 - math.sqrt(0.5)) / 2, rel=1e-14)


@pytest.mark.parametrize("inputs", [1, 3, 7])
@pytest.mark.parametrize(("radius", "weight", "bias"), [(2.0, 0.5, 0.3), (0.3, 1.0, 2.0)])
def test_a_ball_follows_student_s_law_at_every_scale(inputs, radius, weight, bias):
    x = -radius * math.sqrt(inputs) * weight / bias
    found = inactivity.ball(inputs, radius, weight, bias)
    assert found == pytest.approx(student(inputs, x), rel=1e-11)
    if inputs == 1:
        assert found == pytest.approx(
            inactivity.symmetric_interval(radius, weight, bias), rel=1e-13
        )


@pytest.mark.parametrize(
    ("width", "tabled"), [(1, 0.375), (2, 0.609375), (5, 0.904633), (10, 0.990905)]
)
def test_some_neuron_is_inactive_with_the_tabled_probability(width, tabled):
    found = inactivity.some_inactive(width, inactivity.positive_interval())
    assert abs(found - tabled) <= 6e-7


@jax.jit
def counts(key, weight, bias, radius):
    """Neurons off on [-r, r], on [0, r], and on the ball in three dimensions, of normal ones."""
    draws = jax.random.normal(key, (4, SAMPLES))
    w, b = weight * draws[:3], bias * draws[3]
    at_zero, left, right = b <= 0, b - radius * w[0] <= 0, b + radius * w[0] <= 0
    in_ball = b <= -radius * jnp.sqrt((w * w).sum(0))
    return jnp.stack([(left & right).sum(), (at_zero & right).sum(), in_ball.sum()])


@pytest.mark.parametrize("scales", [(1.0, 1.0, 1.0), (0.7, 1.5, 2.0), (3.0, 0.4, 0.5)])
def test_random_neurons_are_inactive_as_often_as_the_laws_say(scales):
    weight, bias, radius = scales
    found = counts(jax.random.key(0), *scales)
    expected = (
        inactivity.symmetric_interval(radius, weight, bias),
        inactivity.positive_interval(radius, weight, bias),
        inactivity.ball(3, radius, weight, bias),
    )
    for count, probability in zip(found, expected, strict=True):
        assert holds(count, SAMPLES, probability)


def test_uniform_neurons_of_one_law_have_the_same_probabilities():
    w, b = jax.random.uniform(jax.random.key(1), (2, SAMPLES), minval=-1.0, maxval=1.0)
    both, right = jax.jit(lambda w, b: ((b <= -abs(w)).sum(), (b <= jnp.minimum(-w, 0)).sum()))(
        w, b
    )
    assert holds(both, SAMPLES, inactivity.symmetric_interval())
    assert holds(right, SAMPLES, inactivity.positive_interval())


def test_without_biases_a_neuron_is_inactive_on_one_side_of_zero():
    assert inactivity.symmetric_interval(bias_std=0.0) == inactivity.ball(3, bias_std=0.0) == 0
    assert inactivity.positive_interval(bias_std=0.0) == 0.5


def test_larger_domains_have_fewer_inactive_neurons():
    for law in (inactivity.symmetric_interval, inactivity.positive_interval):
        table = [law(radius) for radius in (0.1, 1.0, 10.0)]
        assert table[0] > table[1] > table[2]
        assert law(1e-9) == pytest.approx(0.5, abs=1e-8)  # the sign of the bias decides
    assert inactivity.ball(2) > inactivity.ball(3) > inactivity.ball(4)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="inputs: got 0, expected at least 1"):
        inactivity.ball(0)
    with pytest.raises(ValueError, match=r"radius, weight_std, bias_std: got 0\.0"):
        inactivity.symmetric_interval(0.0)
