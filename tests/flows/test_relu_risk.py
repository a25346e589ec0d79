"""Risk and generalised gradient of shallow ReLU networks agree with independent computations."""

import itertools
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate

from jaxlab.flows import relu_risk, zigzag
from jaxlab.flows.relu_risk import Polynomials, Problem, Shallow

STEP = Problem(Polynomials((0.5,), ((0.0, 0.0), (1.0, 0.0))))
CURVED = Problem(
    Polynomials((-0.3, 0.4), ((1.0, 0.0, -2.0, 1.0), (0.5, 1.0, 0.0, 0.0), (0.0, 0.0, 0.0, 3.0))),
    Polynomials((0.1,), ((1.0, 0.5, 0.0), (0.25, 0.0, 1.0))),
    -1.0,
    1.5,
)
AFFINE = relu_risk.affine(1.0, 0.0)

risk = jax.jit(relu_risk.risk, static_argnums=1)
gradient = jax.jit(relu_risk.gradient, static_argnums=1)


def draw(seed, neurons=4):
    rng = np.random.default_rng(seed)
    return Shallow(*(jnp.asarray(rng.normal(size=neurons)) for _ in range(3)), jnp.asarray(0.3))


def value(function, x):
    piece = np.searchsorted(function.knots, x, side="right")
    return np.polynomial.polynomial.polyval(x, function.coefficients[int(piece)])


def adaptive(params, problem):
    """The risk by adaptive quadrature in SciPy, told where the kinks are."""
    w, b, v, c = (np.asarray(leaf).astype(np.float64) for leaf in params)

    def integrand(x):
        network = c + v @ np.maximum(w * x + b, 0)
        return (network - value(problem.target, x)) ** 2 * value(problem.density, x)

    kinks = [*(-b / w), *problem.target.knots, *problem.density.knots]
    inside = sorted(k for k in kinks if problem.start < k < problem.stop)
    edges = [problem.start, *inside, problem.stop]
    return sum(
        integrate.quad(integrand, left, right, epsabs=0, epsrel=1e-13)[0]
        for left, right in itertools.pairwise(edges)
    )


@pytest.mark.parametrize("problem", [AFFINE, STEP, CURVED], ids=["affine", "step", "curved"])
@pytest.mark.parametrize("seed", range(4))
def test_the_risk_agrees_with_adaptive_quadrature(problem, seed, x64):
    params = draw(seed)
    assert float(risk(params, problem)) == pytest.approx(adaptive(params, problem), rel=1e-13)


@pytest.mark.parametrize("problem", [AFFINE, STEP, CURVED], ids=["affine", "step", "curved"])
def test_the_gradient_agrees_with_differences_of_the_risk(problem, x64):
    params = draw(7)
    flat, unravel = jax.flatten_util.ravel_pytree(params)
    step = 1e-6
    differences = [
        (risk(unravel(flat + e), problem) - risk(unravel(flat - e), problem)) / (2 * step)
        for e in step * jnp.eye(flat.size)
    ]
    got, _ = jax.flatten_util.ravel_pytree(gradient(params, problem))
    np.testing.assert_allclose(got, differences, rtol=0, atol=5e-9)


def test_autodiff_of_the_risk_is_the_generalised_gradient(x64):
    params = draw(3)
    automatic = jax.jit(jax.grad(relu_risk.risk), static_argnums=1)(params, CURVED)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-14, atol=1e-15),
        automatic,
        gradient(params, CURVED),
    )


def test_second_derivatives_count_the_motion_of_the_breakpoints(x64):
    params = draw(5, 3)
    flat, unravel = jax.flatten_util.ravel_pytree(params)

    def force(x):
        return jax.flatten_util.ravel_pytree(relu_risk.gradient(unravel(x), CURVED))[0]

    hessian = jax.jit(jax.hessian(lambda x: relu_risk.risk(unravel(x), CURVED)))(flat)
    step = 1e-6
    compiled = jax.jit(force)
    columns = [
        (compiled(flat + e) - compiled(flat - e)) / (2 * step) for e in step * jnp.eye(flat.size)
    ]
    np.testing.assert_allclose(hessian, jnp.stack(columns), rtol=0, atol=2e-8)
    np.testing.assert_allclose(hessian, hessian.T, rtol=0, atol=1e-13)


def test_degenerate_neurons_take_no_force_and_nothing_is_nan(x64):
    params = Shallow(
        jnp.array([0.0, 0.0, 0.0, 1.0]),
        jnp.array([0.0, -1.0, 1.0, -9.0]),  # degenerate, dead, constant, dead by its breakpoint
        jnp.ones(4),
        jnp.array(0.2),
    )
    found = gradient(params, AFFINE)
    for leaf in found[:3]:
        np.testing.assert_array_equal(leaf[jnp.array([0, 1, 3])], 0)
        assert leaf[2] != 0
    hessian = jax.jit(jax.hessian(lambda p: relu_risk.risk(p, AFFINE)))(params)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(hessian))


def test_a_breakpoint_outside_the_domain_changes_nothing(x64):
    inside = draw(1, 1)
    beyond = inside._replace(bias=-2 * inside.weight, weight=inside.weight)
    assert float(risk(beyond, AFFINE)) == pytest.approx(adaptive(beyond, AFFINE), rel=1e-14)


@pytest.mark.parametrize("breaks", [0, 2, 4, 6])
@pytest.mark.parametrize(
    ("slope", "offset", "start", "stop"), [(1.0, 0.0, 0.0, 1.0), (-2.5, 0.7, -1.0, 2.0)]
)
def test_zigzags_are_critical_with_the_risk_of_the_list(breaks, slope, offset, start, stop, x64):
    problem = relu_risk.affine(slope, offset, start, stop)
    point = zigzag.saddle(breaks, problem, 7)
    listed = zigzag.risks(7, Fraction(slope), Fraction(stop - start))[breaks // 2]
    assert float(risk(point, problem)) == pytest.approx(float(listed), rel=1e-13)
    for leaf in gradient(point, problem):
        np.testing.assert_allclose(leaf, 0, atol=2e-15 * abs(slope) * (stop - start) ** 3)


def test_the_reference_saddle_of_two_neurons_is_the_one_that_is_built(x64):
    w, b, v, c = zigzag.saddle(2, AFFINE)
    np.testing.assert_allclose(w, [1, -1])
    np.testing.assert_allclose(b, [-1 / 3, 2 / 3])
    np.testing.assert_allclose(v, [2 / 3, -2 / 3])
    assert float(c) == pytest.approx(0.5)


def test_balancedness_holds_identically_also_with_a_breakpoint_at_an_end(x64):
    params = draw(11, 5)
    params = params._replace(bias=params.bias.at[0].set(0.0))  # breaks at 0, an end of the domain
    g = gradient(params, STEP)
    left = params.weight * g.weight + params.bias * g.bias
    np.testing.assert_allclose(left, params.outer * g.outer, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("rate", [0.1, 1.0])
def test_a_step_of_gradient_descent_obeys_both_exact_discrete_laws(rate, x64):
    """Balancedness changes by the square of the rate; so does the Lyapunov function of a constant
    target, but for its decrease of 8 times rate and risk."""
    target = 0.6
    constant = relu_risk.affine(0.0, target)
    params = draw(2, 3)
    g = gradient(params, constant)
    moved = jax.tree.map(lambda p, d: p - rate * d, params, g)

    def balance(p):
        return p.weight**2 + p.bias**2 - p.outer**2

    expected = rate**2 * balance(g)
    np.testing.assert_allclose(balance(moved) - balance(params), expected, atol=2e-14)

    def lyapunov(p):
        return sum(jnp.sum(leaf**2) for leaf in p) + (p.shift - 2 * target) ** 2

    squares = sum(jnp.sum(leaf**2) for leaf in g) + g.shift**2
    change = -8 * rate * risk(params, constant) + rate**2 * squares
    np.testing.assert_allclose(lyapunov(moved) - lyapunov(params), change, rtol=0, atol=2e-13)


@pytest.mark.parametrize("slope", [4.0, 10.0])
def test_ramps_approach_the_step_and_never_reach_it(slope, x64):
    ramp = Shallow(
        jnp.array([slope, slope]),
        jnp.array([0.5 - slope / 2, -0.5 - slope / 2]),
        jnp.array([1.0, -1.0]),
        jnp.array(0.0),
    )
    assert float(risk(ramp, STEP)) == pytest.approx(1 / (12 * slope), rel=1e-13)


def test_many_networks_at_once_in_float32():
    many = jax.tree.map(lambda *leaves: jnp.stack(leaves).astype(jnp.float32), draw(0), draw(1))
    got = jax.jit(jax.vmap(lambda p: relu_risk.risk(p, CURVED)))(many)
    assert got.dtype == jnp.float32
    np.testing.assert_allclose(got[0], adaptive(draw(0), CURVED), rtol=1e-5)


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (AFFINE._replace(start=1.0), "expected start < stop"),
        (Problem(Polynomials((0.5, 0.5), ((1.0,),) * 3)), "problem.target: got knots"),
        (Problem(Polynomials((0.5,), ((1.0,), (1.0, 2.0)))), "all of one length"),
        (AFFINE._replace(density=Polynomials((0.5,), ((1.0,),))), "problem.density"),
    ],
)
def test_problems_that_make_no_sense_are_refused(problem, message):
    with pytest.raises(ValueError, match=message):
        relu_risk.risk(draw(0), problem)


@pytest.mark.parametrize(("breaks", "neurons"), [(1, 3), (-2, 3), (4, 3)])
def test_saddles_that_do_not_exist_are_refused(breaks, neurons):
    with pytest.raises(ValueError, match="breaks: got"):
        zigzag.saddle(breaks, AFFINE, neurons)
    with pytest.raises(ValueError, match="expected an affine target"):
        zigzag.saddle(2, STEP)
