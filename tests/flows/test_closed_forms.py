"""Closed forms of gradient flows agree with mpmath, with SciPy's integrators and with the problems
they claim to solve."""

import mpmath
import numpy as np
import pytest
from scipy import integrate, optimize

from jaxlab.flows import closed_forms

TIMES = np.concatenate([[0.0], 10.0 ** np.arange(-3, 11)])


@pytest.mark.parametrize("start", [-3.0, 0.0, 2.5])
def test_the_exponential_flow_agrees_with_mpmath(start):
    with mpmath.workdps(30):
        exact = [float(mpmath.log(mpmath.exp(start) + mpmath.mpf(t))) for t in TIMES]
    got = closed_forms.exponential(start, TIMES)
    np.testing.assert_allclose(got, exact, rtol=4e-16, atol=4e-16)


@pytest.mark.parametrize("start", [-3.0, 0.0, 2.5])
def test_the_logistic_flow_solves_its_equation_in_mpmath(start):
    """theta + exp(theta) = t + const has the solution z - W(exp(z)), z = t + const."""
    with mpmath.workdps(40):
        constants = [mpmath.mpf(t) + start + mpmath.exp(start) for t in TIMES if t < 1e5]
        exact = [float(z - mpmath.lambertw(mpmath.exp(z)).real) for z in constants]
    got = closed_forms.logistic(start, TIMES[TIMES < 1e5])
    np.testing.assert_allclose(got, exact, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize(
    ("flow", "slope"),
    [
        (closed_forms.exponential, lambda theta: np.exp(-theta)),
        (closed_forms.logistic, lambda theta: 1 / (1 + np.exp(theta))),
    ],
    ids=["exponential", "logistic"],
)
def test_scalar_flows_are_followed_by_an_integrator(flow, slope):
    times = np.linspace(0.0, 30.0, 7)
    solution = integrate.solve_ivp(
        lambda _, y: slope(y), (0, 30), [-1.0], "DOP853", times, rtol=1e-12, atol=1e-13
    )
    np.testing.assert_allclose(flow(-1.0, times), solution.y[0], rtol=1e-10)


def test_the_reference_values_of_the_logistic_flow():
    got = closed_forms.logistic(0.0, np.array([1.0, 10.0, 100.0, 1e4]))
    printed = [0.4428544010, 2.1773251006, 4.5688294948, 9.2095190829]
    np.testing.assert_allclose(got, printed, rtol=0, atol=6e-11)


def test_the_floor_of_the_valley_is_the_one_that_the_asymptote_is_derived_from():
    """min over b of L(a, b) is 1/(3969 a^2) (1 + O(1/a)); d(a^4)/dt = 8/3969 follows, and L."""
    x, mass = np.polynomial.legendre.leggauss(40)

    def risk(weight, product):  # with a b^2 = product; 2 a log cosh(b x / 2)
        inside = np.sqrt(product / weight) * x / 2
        residual = 2 * weight * np.log1p(2 * np.sinh(inside / 2) ** 2) - x**2
        return mass @ residual**2 / 2

    weights = np.array([50.0, 100.0, 200.0, 400.0])
    floors = [
        optimize.minimize_scalar(
            lambda product, a=a: risk(a, product),
            bounds=(3.9, 4.1),
            method="bounded",
            options={"xatol": 1e-10},
        ).fun
        for a in weights
    ]
    scaled = np.array(floors) * weights**2 * 3969
    assert abs(scaled[-1] - 1) < 0.01
    np.testing.assert_allclose((scaled - 1)[:-1] / (scaled - 1)[1:], 2.0, rtol=0.05)
    asymptote = closed_forms.pair_asymptote()
    assert asymptote.weight**4 == pytest.approx(8 / 3969, rel=1e-15)
    assert asymptote.loss == pytest.approx(1 / (3969 * asymptote.weight**2), rel=1e-15)


@pytest.mark.parametrize(("shift", "slope", "offset"), [(0.1, 1.0, 0.0), (2.0, -1.7, 0.6)])
def test_dead_networks_follow_their_constant(shift, slope, offset):
    times = np.linspace(0.0, 4.0, 5)

    def residual(c, x):
        return c - slope * x - offset

    def force(_, y):
        return -2 * integrate.quad(lambda x: residual(y[0], x), 0, 1)[0]

    solution = integrate.solve_ivp(force, (0, 4), [shift], "DOP853", times, rtol=1e-12, atol=1e-13)
    outputs, risks = closed_forms.dead(shift, slope, offset, times)
    np.testing.assert_allclose(outputs, solution.y[0], rtol=1e-10)
    direct = [integrate.quad(lambda x, c=c: residual(c, x) ** 2, 0, 1)[0] for c in outputs]
    np.testing.assert_allclose(risks, direct, rtol=1e-13)


@pytest.mark.parametrize(("product", "slope"), [(0.2, 1.3), (3.0, 0.8)])
def test_the_bias_free_pair_is_the_flow_of_two_neurons(product, slope):
    """Of four weights, that is: (v, w) and (-v, -w). Tied to two they would move twice as fast."""
    times = np.linspace(0.0, 6.0, 7)
    nodes, share = np.polynomial.legendre.leggauss(3)
    x = np.concatenate([(nodes - 1) / 2, (nodes + 1) / 2])  # a panel on either side of the kink
    mass = np.tile(share, 2) / 4

    def force(_, y):
        outer, weight = y[:2], y[2:]
        hidden = np.maximum(weight[:, None] * x, 0)
        residual = mass * (outer @ hidden - slope * x)
        active = hidden > 0
        return -2 * np.concatenate([hidden @ residual, outer * ((active * x) @ residual)])

    root = np.sqrt(product)
    start = np.array([root, -root, root, -root])
    solution = integrate.solve_ivp(force, (0, 6), start, "DOP853", times, rtol=1e-12, atol=1e-13)
    products, risks = closed_forms.bias_free_pair(product, slope, times)
    np.testing.assert_allclose(products, solution.y[0] * solution.y[2], rtol=1e-10)
    direct = [mass @ ((p - slope) * x) ** 2 for p in products]
    np.testing.assert_allclose(risks, direct, rtol=1e-13)
