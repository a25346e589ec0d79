"""Smooth approximations of ReLU: their risk is exact and their gradients tend to the generalised
gradient, everywhere."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate

from jaxlab.flows import relu_risk, smooth_relu, zigzag
from jaxlab.flows.relu_risk import Polynomials, Problem, Shallow

AFFINE = relu_risk.affine(1.0, 0.0)
CURVED = Problem(
    Polynomials((0.4,), ((1.0, 0.0, -2.0), (0.5, 1.0, 0.0))),
    Polynomials((0.1,), ((1.0, 0.5), (0.25, 1.0))),
    -1.0,
    1.5,
)
SHARPNESS = (1e1, 1e2, 1e4, 1e6)

risk = jax.jit(smooth_relu.risk, static_argnums=1)
gradient = jax.jit(smooth_relu.gradient, static_argnums=1)
limit = jax.jit(relu_risk.gradient, static_argnums=1)


def draw(seed, neurons=4):
    rng = np.random.default_rng(seed)
    return Shallow(*(jnp.asarray(rng.normal(size=neurons)) for _ in range(3)), jnp.asarray(0.3))


def at_kinks():
    """Degenerate; breakpoints at both ends of the domain; nowhere active; active on a null set."""
    return Shallow(
        jnp.array([0.0, 1.0, 1.0, 0.0]),
        jnp.array([0.0, 0.0, -1.0, -1.0]),
        jnp.array([1.0, 1.0, -0.7, 2.0]),
        jnp.array(0.2),
    )


def activation(z, r):
    """R_r in NumPy, from its definition."""
    return np.piecewise(
        z,
        [z <= 0, (z > 0) & (z <= 1 / r), z > 1 / r],
        [0, lambda z: r * z**2 / 2, lambda z: z - 1 / (2 * r)],
    )


def adaptive(params, problem, r):
    w, b, v, c = (np.asarray(leaf) for leaf in params)

    def value(function, x):
        piece = int(np.searchsorted(function.knots, x, side="right"))
        return np.polynomial.polynomial.polyval(x, function.coefficients[piece])

    def integrand(x):
        residual = c + v @ activation(w * x + b, r) - value(problem.target, x)
        return residual**2 * value(problem.density, x)

    kinks = [*(-b / w), *((1 / r - b) / w), *problem.target.knots, *problem.density.knots]
    inside = sorted(k for k in kinks if problem.start < k < problem.stop)
    return sum(
        integrate.quad(integrand, *pair, epsabs=0, epsrel=1e-13)[0]
        for pair in itertools.pairwise([problem.start, *inside, problem.stop])
    )


def distances(params, problem):
    """``r |grad L_r - G|``, which a rate of 1/r makes constant."""
    wanted = limit(params, problem)

    def far(r):
        gaps = jax.tree.map(jnp.subtract, gradient(params, problem, r), wanted)
        return r * np.linalg.norm(np.concatenate([np.atleast_1d(gap) for gap in gaps]))

    return np.array([far(r) for r in SHARPNESS])


def test_the_activation_is_the_one_that_is_defined_and_within_half_of_one_over_r(x64):
    z = np.linspace(-2.0, 3.0, 1001)
    for r in (0.7, 4.0, 100.0):
        got = smooth_relu.activation(jnp.asarray(z), r)
        np.testing.assert_allclose(got, activation(z, r), rtol=1e-14, atol=0)
        gap = np.maximum(z, 0) - np.asarray(got)
        assert gap.min() >= 0
        assert gap.max() == pytest.approx(1 / (2 * r), rel=1e-12)


def test_slopes_run_from_exactly_zero_at_zero_to_exactly_one(x64):
    slope = jax.jit(jax.vmap(jax.grad(lambda x: smooth_relu.activation(x, 8.0))))
    points = jnp.array([-1.0, 0.0, 1 / 16, 1 / 8, 1.0, 1e300])
    np.testing.assert_array_equal(slope(points), [0.0, 0.0, 0.5, 1.0, 1.0, 1.0])


@pytest.mark.parametrize("sharpness", [1.5, 30.0])
def test_the_risk_agrees_with_adaptive_quadrature(sharpness, x64):
    for seed in range(3):
        got = float(risk(draw(seed), CURVED, sharpness))
        assert got == pytest.approx(adaptive(draw(seed), CURVED, sharpness), rel=1e-13)


def test_first_and_second_derivatives_agree_with_differences(x64):
    """Although the rule's nodes, which move with the parameters, are taken as constants."""
    flat, unravel = jax.flatten_util.ravel_pytree(draw(5, 3))

    def value(x):
        return smooth_relu.risk(unravel(x), CURVED, 3.0)

    slope = jax.jit(jax.value_and_grad(value))
    hessian = jax.jit(jax.hessian(value))(flat)
    for index, step in enumerate(1e-6 * jnp.eye(flat.size)):
        (above, right), (below, left) = slope(flat + step), slope(flat - step)
        at = slope(flat)[1][index]
        assert float(at) == pytest.approx(float(above - below) / 2e-6, rel=0, abs=2e-8)
        np.testing.assert_allclose(hessian[index], (right - left) / 2e-6, rtol=0, atol=2e-7)


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        (lambda: draw(0), AFFINE),
        (lambda: draw(1), CURVED),
        (lambda: zigzag.saddle(4, AFFINE), AFFINE),
        (at_kinks, AFFINE),
    ],
    ids=["random", "random, curved target", "zigzag saddle", "kinks"],
)
def test_gradients_tend_to_the_generalised_gradient_like_one_over_r(params, problem, x64):
    scaled = distances(params(), problem)
    assert scaled.min() > 0
    np.testing.assert_allclose(scaled[1:], scaled[-1], rtol=0.02)


def test_the_limit_is_not_what_the_symmetric_derivative_of_the_maximum_gives(x64):
    """jnp.maximum has the derivative 1/2 at 0, which moves a neuron with w = b = 0."""
    params = at_kinks()

    def symmetric(params):
        x, mass = jax.lax.stop_gradient(relu_risk.nodes(params, AFFINE))
        output = relu_risk.network(params, x, lambda z: jnp.maximum(z, 0.0))
        return jnp.sum(mass * (output - x) ** 2)

    wrong = jax.jit(jax.grad(symmetric))(params)
    assert abs(float(wrong.bias[0])) > 0.1
    assert float(limit(params, AFFINE).bias[0]) == 0


def test_degenerate_neurons_take_no_force_at_any_sharpness(x64):
    for r in SHARPNESS:
        for leaf in gradient(at_kinks(), AFFINE, r)[:3]:
            assert float(leaf[0]) == 0
            assert float(leaf[3]) == 0


def test_float32_stays_float32_under_vmap():
    many = Shallow(*(jnp.ones((2, 3), jnp.float32) for _ in range(3)), jnp.zeros(2, jnp.float32))
    rates = jnp.array([2.0, 4.0])
    got = jax.jit(jax.vmap(lambda p, r: smooth_relu.risk(p, AFFINE, r)))(many, rates)
    assert got.dtype == jnp.float32
    # 3 (x + 1 - 1/(2 r)) - x on [0, 1]
    exact = [((2 + k) ** 3 - k**3) / 6 for k in (3 - 3 / (2 * r) for r in (2.0, 4.0))]
    np.testing.assert_allclose(got, exact, rtol=1e-6)


def test_problems_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="expected start < stop"):
        smooth_relu.risk(draw(0), AFFINE._replace(start=1.0), 2.0)
