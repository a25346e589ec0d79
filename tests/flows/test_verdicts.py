"""Verdicts on trajectories of every kind whose limit is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.flows import closed_forms, verdicts
from jaxlab.flows.integration import integrate, log_times
from jaxlab.flows.verdicts import Outcome

TIMES = log_times(1e8, 4, 1e-2)


def judge(norm, slope, times=TIMES, curvature=0.0, moved=None):
    """``norm`` and ``slope`` as functions of time; the path is radial unless it is given."""
    values = norm(times)
    path = np.abs(np.diff(values, prepend=values[0])) if moved is None else moved
    return verdicts.verdict(times, values, slope(times), path, curvature)


DIVERGING = {
    "logarithm": (lambda t: np.log1p(t), lambda t: 1 / (1 + t)),
    "logarithm after a large constant": (lambda t: 1e3 + np.log1p(t), lambda t: 1 / (1 + t)),
    "power 1/4": (lambda t: (1 + t) ** 0.25, lambda t: (1 + t) ** -0.75 / 4),
    "power 1/8": (lambda t: (1 + t) ** 0.125, lambda t: (1 + t) ** -0.875 / 8),
    "nearly the square root": (lambda t: (1 + t) ** 0.45, lambda t: 0.45 * (1 + t) ** -0.55),
    "squared logarithm": (lambda t: np.log1p(t) ** 2, lambda t: 2 * np.log1p(t) / (1 + t)),
}
CONVERGING = {
    "exponentially": (lambda t: 2 - np.exp(-t), lambda t: np.exp(-t)),
    "slowly, exponentially": (lambda t: 2 - np.exp(-1e-6 * t), lambda t: 1e-6 * np.exp(-1e-6 * t)),
    "like 1/t": (lambda t: 2 - 1 / (1 + t), lambda t: (1 + t) ** -2),
    "like 1/sqrt(t)": (lambda t: 2 - (1 + t) ** -0.5, lambda t: (1 + t) ** -1.5 / 2),
    "like t^(-1/4)": (lambda t: 2 + (1 + t) ** -0.25, lambda t: (1 + t) ** -1.25 / 4),
    "at rest": (lambda t: np.full_like(t, 3.0), lambda t: np.zeros_like(t)),
    "at the origin": (lambda t: np.zeros_like(t), lambda t: np.zeros_like(t)),
}
OPEN = {
    "log log": (lambda t: np.log(np.log(np.e + t)), lambda t: 1 / (np.e + t)),
    "convergence like t^(-1/20)": (lambda t: 2 - (1 + t) ** -0.05, lambda t: (1 + t) ** -1.05),
    "not yet begun": (lambda t: 1 + 1e-9 * t, lambda t: np.full_like(t, 1e-9)),
    "growth against a growing force": (lambda t: np.log1p(t), lambda t: 1 + 0 * t),
    "a late leap": (lambda t: np.log1p(t) + 9 * np.clip(t / 3e5, 0, 1), lambda t: 1 / (1 + t)),
}


@pytest.mark.parametrize(("norm", "slope"), DIVERGING.values(), ids=DIVERGING)
def test_divergence_is_seen(norm, slope):
    assert judge(norm, slope) is Outcome.DIVERGENT


@pytest.mark.parametrize(("norm", "slope"), CONVERGING.values(), ids=CONVERGING)
def test_convergence_is_seen(norm, slope):
    assert judge(norm, slope) is Outcome.CRITICAL


@pytest.mark.parametrize(("norm", "slope"), OPEN.values(), ids=OPEN)
def test_what_looks_like_neither_is_undecided(norm, slope):
    assert judge(norm, slope) is Outcome.UNDECIDED


def test_a_plateau_that_could_have_been_left_is_no_limit():
    norm, slope = CONVERGING["exponentially"]
    assert judge(norm, slope, curvature=-1e-7) is Outcome.UNDECIDED
    assert judge(norm, slope, curvature=-1e-9) is Outcome.CRITICAL
    assert judge(norm, slope, curvature=1.0) is Outcome.CRITICAL


def test_motion_at_constant_norm_is_no_rest():
    steady = np.where(TIMES > 0, 1.0, 0.0)  # the same way in every interval, on a sphere
    norm, slope = CONVERGING["at rest"]
    assert judge(norm, slope, moved=steady) is Outcome.UNDECIDED


def test_convergence_in_direction_alone_counts_the_path_not_the_norm():
    slowing = np.where(TIMES > 0, 1 / (1 + TIMES), 0.0)
    norm, slope = CONVERGING["at rest"]
    assert judge(norm, slope, moved=slowing) is Outcome.CRITICAL


@pytest.mark.parametrize("which", range(3))
def test_a_run_that_ended_early_is_undecided(which):
    seen = [np.log1p(TIMES), 1 / (1 + TIMES), np.diff(np.log1p(TIMES), prepend=0.0)]
    assert verdicts.verdict(TIMES, *seen) is Outcome.DIVERGENT
    seen[which] = np.where(TIMES > 1e7, np.nan, seen[which])
    assert verdicts.verdict(TIMES, *seen) is Outcome.UNDECIDED


@pytest.mark.parametrize(
    "times",
    [np.array([0.0, 1.0, 10.0, 100.0]), np.linspace(0.0, 1e3, 9), log_times(3e8, 3, 1.0)],
    ids=["two decades", "evenly spaced", "no powers of ten"],
)
def test_times_without_three_decades_are_undecided(times):
    assert judge(*DIVERGING["logarithm"], times=times) is Outcome.UNDECIDED


def test_leaving_a_saddle_after_perfect_rest_is_undecided():
    leap = np.where(TIMES > 1e7, 1.0, 0.0)
    norm, slope = CONVERGING["at rest"]
    assert judge(norm, slope, moved=leap) is Outcome.UNDECIDED


def test_decades_are_counted_back_from_the_last_time():
    times = np.concatenate([[0.0], 3.7 * 10.0 ** np.arange(-3, 6)])
    assert judge(*DIVERGING["power 1/4"], times=times) is Outcome.DIVERGENT
    assert judge(*CONVERGING["like 1/t"], times=times) is Outcome.CRITICAL


def test_the_flow_that_steady_state_tests_call_converged_diverges(x64):
    """theta' = exp(-theta), beside a parameter that never moves: diffrax#448."""
    flow = jax.jit(
        lambda p: integrate(lambda p: jnp.exp(-p[0]), p, log_times(1e6, 1, 1.0), rtol=1e-6)
    )(jnp.array([0.0, 3.0]))
    times, norm, slope, moved, theta = (
        np.asarray(x)
        for x in (flow.times, flow.norm, flow.gradient_norm, flow.moved, flow.params[:, 0])
    )
    np.testing.assert_allclose(theta, closed_forms.exponential(0.0, times), atol=1e-4)
    assert slope[-1] < 1e-3 * norm[-1]  # a test of the gradient against the parameters has fired
    assert verdicts.verdict(times, norm, slope, moved) is Outcome.DIVERGENT
    assert verdicts.verdict(times, theta, slope, moved) is Outcome.DIVERGENT


def test_local_exponents_are_those_of_powers_whatever_the_spacing():
    times = np.array([0.0, 0.1, 0.2, 1.0, 30.0, 1e3, 1e6])
    powers = np.array([[-0.5], [0.25], [-2 / 3]])
    with np.errstate(divide="ignore"):
        values = 3.0 * times[None] ** powers
    values[:, 0] = 7.0
    got = verdicts.local_exponents(times, values)
    assert np.isnan(got[:, 0]).all()
    np.testing.assert_allclose(got[:, 1:], powers + np.zeros(6), rtol=1e-12)


def test_local_exponents_of_a_sum_tend_to_the_one_that_lasts():
    got = verdicts.local_exponents(TIMES, TIMES**0.25 + 10.0)
    assert abs(got[TIMES == 1e-2][0]) < 1e-2
    assert got[-1] == pytest.approx(0.25 * (1 - 10 / (10 + 1e2)), abs=0.01)


def test_local_exponents_need_positive_neighbours():
    times = 10.0 ** np.arange(5)
    got = verdicts.local_exponents(times, np.array([1.0, 2.0, 4.0, 0.0, 16.0]))
    np.testing.assert_array_equal(np.isnan(got), [False, False, True, True, True])


@pytest.mark.parametrize("order", range(1, 6))
def test_every_class_of_valley_is_recognised_a_hundredth_off(order):
    loss, norm = -order / (order + 1), 1 / (2 * order + 2)
    for off in (-0.01, 0.0, 0.01):
        assert verdicts.escape_class(loss + off, norm + off, 0.011) == order


@pytest.mark.parametrize(
    "exponents",
    [(-0.5, 0.166), (-0.667, 0.25), (0.0, 0.0), (-1.0, 0.0), (np.nan, 0.25), (-0.5, np.nan)],
)
def test_exponents_that_do_not_belong_together_fit_no_class(exponents):
    assert verdicts.escape_class(*exponents) == 0
