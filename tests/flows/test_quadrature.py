"""Rules on boxes integrate what they should exactly, and kinks with the stated order."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate

from jaxlab.flows import quadrature
from jaxlab.networks import mlp


def integral(rule, function):
    return float(rule.weights @ function(*rule.points.T))


@pytest.mark.parametrize(("nodes", "panels"), [((3, 2), (1, 1)), ((2, 3), (4, 5))])
def test_polynomials_up_to_the_degree_are_exact_and_the_next_is_not(nodes, panels):
    start, stop = (-1.0, 0.5), (2.0, 3.0)
    rule = quadrature.box(start, stop, nodes, panels)

    def moment(power, axis):
        return (stop[axis] ** (power + 1) - start[axis] ** (power + 1)) / (power + 1)

    for i, j in itertools.product(range(2 * nodes[0]), range(2 * nodes[1])):
        exact = moment(i, 0) * moment(j, 1)
        assert integral(rule, lambda x, y, i=i, j=j: x**i * y**j) == pytest.approx(exact, rel=1e-13)
    beyond = 2 * nodes[0]
    wrong = integral(rule, lambda x, y: x**beyond)
    assert abs(wrong / (moment(beyond, 0) * 2.5) - 1) > 1e-7


def test_a_rule_of_three_inputs_agrees_with_adaptive_quadrature():
    def function(x, y, z):
        return np.exp(x * y) * np.cos(z + x)

    rule = quadrature.box((0.0, -1.0, 0.5), (1.0, 1.0, 2.0), 12)
    expected, _ = integrate.nquad(
        function, [(0, 1), (-1, 1), (0.5, 2)], opts={"epsabs": 1e-12, "epsrel": 1e-12}
    )
    assert integral(rule, function) == pytest.approx(expected, rel=1e-12)


def test_weights_are_positive_add_to_the_volume_and_points_lie_inside():
    rule = quadrature.box((-1.0, 0.0), (1.0, 3.0), (4, 7), (3, 1))
    assert rule.points.shape == (4 * 3 * 7, 2)
    assert rule.weights.min() > 0
    assert rule.weights.sum() == pytest.approx(6.0, rel=1e-14)
    assert (rule.points > [-1, 0]).all()
    assert (rule.points < [1, 3]).all()


def test_points_run_through_the_last_input_first():
    rule = quadrature.box((0.0, 0.0), (1.0, 1.0), 1, (2, 3))
    np.testing.assert_allclose(rule.points[:3, 0], 0.25)
    np.testing.assert_allclose(rule.points[:3, 1], [1 / 6, 1 / 2, 5 / 6])


def test_panels_integrate_relu_networks_of_two_inputs_with_second_order(x64):
    """The risk of relu(x + 2 y - 1) against the target 1, exactly by its polygon."""
    layers = (
        mlp.Layer(jnp.array([[1.0], [2.0]]), jnp.array([-1.0])),
        mlp.Layer(jnp.ones((1, 1)), jnp.zeros(1)),
    )

    def inner(y):  # integral over x in [0, 1] of (relu(x + 2 y - 1) - 1)**2
        left = min(max(1 - 2 * y, 0.0), 1.0)
        return left + ((2 * y - 1) ** 3 - (left + 2 * y - 2) ** 3) / 3

    exact = integrate.quad(inner, 0, 1, points=[0.5], epsabs=1e-14)[0]
    errors = []
    for panels in (5, 15, 45):
        rule = quadrature.box((0.0, 0.0), (1.0, 1.0), 2, panels)
        got = jax.jit(
            lambda p, rule=rule: quadrature.risk(
                p, mlp.apply, lambda x: jnp.ones_like(x[:, :1]), rule
            )
        )(layers)
        errors.append(abs(float(got) - exact))
    assert errors[0] < 1e-2
    assert errors[1] <= errors[0] / 8
    assert errors[2] <= errors[1] / 8


def test_the_risk_is_differentiable_and_in_the_dtype_of_the_parameters():
    rule = quadrature.box((-1.0, -1.0), (1.0, 1.0), 4)
    layers = (mlp.Layer(jnp.zeros((2, 1)), jnp.zeros(1)),)

    def loss(params):
        return quadrature.risk(params, mlp.apply, lambda x: x[:, :1] + 0.5, rule)

    value, slope = jax.jit(jax.value_and_grad(loss))(layers)
    assert value.dtype == jnp.float32
    # integral (x + 1/2)^2 = 4 (1/3 + 1/4); its gradient is -2 (integral x^2, 0; integral 1/2)
    np.testing.assert_allclose(value, 7 / 3, rtol=1e-6)
    np.testing.assert_allclose(slope[0].weight, [[-8 / 3], [0.0]], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(slope[0].bias, [-4.0], rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((0.0,), (0.0,), 3), "expected corners with start < stop"),
        (((0.0, 0.0), (1.0,), 3), "expected corners with start < stop"),
        (((0.0, 0.0), (1.0, 1.0), (3,)), "expected positive ones for 2 axes"),
        (((0.0, 0.0), (1.0, 1.0), 3, (1, 0)), "expected positive ones for 2 axes"),
        (((0.0,) * 6, (1.0,) * 6, 11), "got 1,771,561 points"),
    ],
)
def test_boxes_that_make_no_sense_or_are_too_large_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        quadrature.box(*arguments)


def test_networks_and_targets_that_would_broadcast_are_refused():
    rule = quadrature.box((0.0,), (1.0,), 3)
    with pytest.raises(ValueError, match=r"got shapes \(3, 1\), \(3,\)"):
        quadrature.risk(jnp.ones(()), lambda p, x: p * x, lambda x: x[:, 0], rule)
