"""States and floors of the targets: the reference's numbers, and mpmath quadrature."""

import itertools
import math

import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from jaxlab.studies.collapse import targets

ROOT3, ROOT7 = math.sqrt(3), math.sqrt(7)

# Each target of one variable again, for mpmath: function, ends, and where it turns or jumps.
PLAIN = {
    "|x|, sqrt(7)": (abs, -mpmath.sqrt(7), mpmath.sqrt(7), [0]),
    "|x|, sqrt(3)": (abs, -mpmath.sqrt(3), mpmath.sqrt(3), [0]),
    "|x|, 1": (abs, mpmath.mpf(-1), mpmath.mpf(1), [0]),
    "x^2": (lambda x: x * x, mpmath.mpf(0), mpmath.mpf(1), []),
    "x sin 5x": (lambda x: x * mpmath.sin(5 * x), -mpmath.sqrt(3), mpmath.sqrt(3), []),
    "step + 0.2 sin 5x": (
        lambda x: (x > 0) + mpmath.mpf("0.2") * mpmath.sin(5 * x),
        -mpmath.sqrt(3),
        mpmath.sqrt(3),
        [0],
    ),
}


def mean(values, start, stop, cuts):
    """Mean over the interval, integrated between the cuts."""
    ends = [start, *sorted(cuts), stop]
    return mpmath.quad(values, ends) / (stop - start)


def levels(function, start, stop, c):
    """Where a function crosses a level, found on a fine grid and refined by bisection."""
    grid = mpmath.linspace(start, stop, 401)
    signs = [function(x) > c for x in grid]
    places = []
    for i, (a, b) in enumerate(itertools.pairwise(signs)):
        if a != b:
            low, high = grid[i], grid[i + 1]
            for _ in range(90):
                middle = (low + high) / 2
                low, high = (middle, high) if (function(middle) > c) == a else (low, middle)
            places.append(low)
    return places


def absolute(name, c):
    function, start, stop, cuts = PLAIN[name]
    c = mpmath.mpf(c)
    places = levels(function, start, stop, c)
    return float(mean(lambda x: abs(function(x) - c), start, stop, {*cuts, *places}))


@pytest.mark.parametrize("name", PLAIN)
def test_states_and_floors_agree_with_quadrature(name):
    function, start, stop, cuts = PLAIN[name]
    target, states = targets.published()[name], targets.published()[name].states
    assert (target.low, target.high) == pytest.approx((float(start), float(stop)), rel=1e-15)
    cuts = [*cuts, *mpmath.linspace(start, stop, 9)[1:-1]]
    centre = mean(function, start, stop, cuts)
    variance = mean(lambda x: (function(x) - centre) ** 2, start, stop, cuts)
    assert states.mean == pytest.approx(float(centre), rel=1e-13)
    assert states.rmse == pytest.approx(float(mpmath.sqrt(variance)), rel=1e-13)
    assert states.absolute_at_mean == pytest.approx(absolute(name, states.mean), rel=1e-13)
    for median in states.median:
        assert states.absolute == pytest.approx(absolute(name, median), rel=1e-13)


@pytest.mark.parametrize("name", PLAIN)
def test_half_of_the_values_lie_on_each_side_of_a_median(name):
    function, start, stop, _ = PLAIN[name]
    low, high = targets.published()[name].states.median
    places = [start, *levels(function, start, stop, mpmath.mpf((low + high) / 2)), stop]
    above = sum(
        b - a for a, b in itertools.pairwise(places) if function((a + b) / 2) > (low + high) / 2
    )
    assert float(above / (stop - start)) == pytest.approx(0.5, abs=1e-13)


def test_the_median_of_the_step_wave_is_any_number_in_its_gap():
    target = targets.step_wave(ROOT3)
    assert target.states.median == (0.2, 0.8)
    errors = [absolute("step + 0.2 sin 5x", c) for c in (0.1, 0.2, 0.5, 0.8, 0.9)]
    assert errors[1:4] == pytest.approx([target.states.absolute] * 3, rel=1e-13)
    assert min(errors[0], errors[4]) > target.states.absolute + 1e-3


def test_the_planar_target_agrees_with_quadrature_of_its_density():
    # |x1 + x2| has density (2 r - s) / (2 r**2) on [0, 2 r]; so has |x1 - x2|.
    r = mpmath.sqrt(3)
    states = targets.published()["(|x1+x2|, |x1-x2|)"].states

    def expect(values, cuts=()):
        density = lambda s: (2 * r - s) / (2 * r * r)  # noqa: E731
        return mpmath.quad(lambda s: values(s) * density(s), [0, *cuts, 2 * r])

    centre = expect(lambda s: s)
    assert states.mean == pytest.approx(float(centre), rel=1e-14)
    variance = expect(lambda s: (s - centre) ** 2)
    assert states.rmse == pytest.approx(float(mpmath.sqrt(variance)), rel=1e-14)
    low, high = states.median
    assert low == high
    assert float(expect(lambda s: s >= low, [low])) == pytest.approx(0.5, abs=1e-14)
    for c, found in ((low, states.absolute), (states.mean, states.absolute_at_mean)):
        assert found == pytest.approx(float(expect(lambda s: abs(s - c), [c])), rel=1e-14)  # noqa: B023


TABLED = [
    (targets.square(), (0.298142, 0.25, 0.256600)),
    (targets.absolute_value(1.0), (0.288675, 0.25, 0.25)),
    (targets.absolute_value(ROOT3), (0.5, 0.433013, 0.433013)),
]


@pytest.mark.parametrize(("target", "tabled"), TABLED, ids=["x^2", "|x|, 1", "|x|, sqrt 3"])
def test_floors_are_the_tabled_ones(target, tabled):
    assert target.states[2:] == pytest.approx(tabled, abs=6e-7)


@pytest.mark.parametrize("name", targets.published())
def test_a_median_is_the_best_constant_for_absolute_loss_and_the_mean_for_squared(name):
    states = targets.published()[name].states
    assert states.absolute <= states.absolute_at_mean <= states.rmse


def test_functions_have_the_values_of_their_names():
    named = targets.published()
    x = jnp.array([[-1.5], [0.0], [0.25]])
    expected = {
        "|x|, 1": [1.5, 0.0, 0.25],
        "x^2": [2.25, 0.0, 0.0625],
        "x sin 5x": [-1.5 * math.sin(-7.5), 0.0, 0.25 * math.sin(1.25)],
        "step + 0.2 sin 5x": [0.2 * math.sin(-7.5), 0.0, 1 + 0.2 * math.sin(1.25)],
    }
    for name, values in expected.items():
        found = named[name].function(x)
        assert found.shape == (3, 1)
        np.testing.assert_allclose(np.asarray(found)[:, 0], values, rtol=1e-6, atol=1e-7)
    planar = named["(|x1+x2|, |x1-x2|)"].function(jnp.array([[1.0, -3.0]]))
    np.testing.assert_array_equal(planar, [[2.0, 4.0]])


def test_the_oscillation_keeps_its_median_on_domains_with_few_turns():
    for radius in (0.2, 0.5, 1.0, 3.0):
        states = targets.oscillation(radius).states
        grid = (np.arange(400_000) + 0.5) / 400_000 * radius
        values = grid * np.sin(5 * grid)
        assert states.median[0] == pytest.approx(np.median(values), abs=1e-4)
        assert states.absolute == pytest.approx(np.abs(values - np.median(values)).mean(), abs=1e-8)


@pytest.mark.parametrize(
    "target", [targets.absolute_value, targets.oscillation, targets.rotated_absolute_values]
)
def test_domains_of_no_length_are_refused(target):
    with pytest.raises(ValueError, match=r"radius: got 0\.0, expected a positive number"):
        target(0.0)


def test_a_step_wave_without_a_crest_is_refused():
    with pytest.raises(ValueError, match=r"radius: got 0\.1, expected at least pi / 10"):
        targets.step_wave(0.1)
