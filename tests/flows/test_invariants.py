"""What flows conserve stays, and what steps of gradient descent change is known to round-off."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.flows import invariants, relu_risk
from jaxlab.flows.integration import explicit, integrate
from jaxlab.flows.relu_risk import Polynomials, Problem, Shallow

TARGET = 0.6
CONSTANT = relu_risk.affine(0.0, TARGET)
STEP = Problem(Polynomials((0.5,), ((0.0, 0.0), (1.0, 0.0))))
STARTS = 64


def draw(neurons=3):
    """Many networks at once."""
    rng = np.random.default_rng(0)
    shapes = [(STARTS, neurons)] * 3 + [(STARTS,)]
    return Shallow(*(jnp.asarray(rng.normal(size=shape)) for shape in shapes))


def one(params, index):
    return jax.tree.map(lambda leaf: leaf[index], params)


@pytest.fixture(scope="module")
def flows():
    """Flows of three networks for a constant target, to nearly all digits, and their risks."""
    with jax.enable_x64(True):

        def loss(params):
            return relu_risk.risk(params, CONSTANT)

        run = jax.jit(
            lambda p: integrate(
                loss,
                p,
                np.array([0.0, 1.0, 10.0]),
                rtol=1e-12,
                atol=1e-13,
                solver=explicit(),
                integrands=loss,
            )
        )
        return [jax.block_until_ready(run(one(draw(), index))) for index in range(3)]


def test_flows_keep_every_neuron_balanced(flows, x64):
    for flow in flows:
        balance = jax.vmap(invariants.balancedness)(flow.params)
        assert float(jnp.abs(flow.displacement[-1])) > 0.1
        drift = balance - jnp.broadcast_to(balance[:1], balance.shape)
        np.testing.assert_allclose(drift, 0, atol=1e-10)


def test_flows_lose_eight_times_the_integral_of_the_risk(flows, x64):
    for flow in flows:
        value = jax.vmap(lambda p: invariants.lyapunov(p, TARGET))(flow.params)
        np.testing.assert_allclose(value[0] - value, 8 * flow.integrals, rtol=0, atol=1e-10)
        assert float(flow.integrals[-1]) > 0.01
        assert np.all(flow.loss[1:] <= value[0] / (8 * flow.times[1:]))


@partial(jax.jit, static_argnums=2)
@partial(jax.vmap, in_axes=(0, None, None))
def step(params, rate, problem):
    """Changes in one step of gradient descent, less what the laws say; and the change, relative."""
    force = relu_risk.gradient(params, problem)
    after = jax.tree.map(lambda p, g: p - rate * g, params, force)
    balance = invariants.balancedness(after) - invariants.balancedness(params)
    value = invariants.lyapunov(after, TARGET) - invariants.lyapunov(params, TARGET)
    risk = relu_risk.risk(params, problem)
    sizes = [jnp.max(jnp.abs(leaf)) for leaf in jax.tree.leaves((params, after))]
    size = 1 + jnp.max(jnp.stack(sizes)) ** 2
    return (
        jnp.abs(balance - invariants.balancedness_change(force, rate)) / size,
        jnp.abs(value - invariants.lyapunov_change(risk, force, rate)) / size,
        jnp.abs(balance) / size,
    )


@pytest.mark.parametrize("problem", [CONSTANT, STEP], ids=["constant", "step"])
def test_steps_of_gradient_descent_obey_the_discrete_laws_to_round_off(problem, x64):
    """Residuals are a few units in the last place of the largest squares that are summed."""
    unit = np.finfo(np.float64).eps
    for rate in (1e-3, 0.1, 2.0):
        balance, value, change = step(draw(), jnp.asarray(rate), problem)
        assert float(balance.max()) < 16 * unit
        assert float(change.max()) > rate**2 * 1e-3  # the law says something
        if problem is CONSTANT:
            assert float(value.max()) < 64 * unit
        else:
            assert float(value.max()) > rate * 1e-3  # the law is one of constant targets


def test_numbers_by_hand(x64):
    params = Shallow(jnp.array([3.0]), jnp.array([4.0]), jnp.array([2.0]), jnp.array(1.0))
    assert float(invariants.balancedness(params)[0]) == 9 + 16 - 4
    assert float(invariants.balancedness_change(params, 0.5)[0]) == 21 / 4
    assert float(invariants.lyapunov(params, 3.0)) == 9 + 16 + 4 + 1 + 25
    got = float(invariants.lyapunov_change(jnp.array(2.0), params, 0.5))
    assert got == -8 * 0.5 * 2 + 0.25 * (9 + 16 + 4 + 1 + 1)


def test_rates_may_be_traced_and_keep_float32():
    params = Shallow(*(jnp.ones(2, jnp.float32) for _ in range(3)), jnp.zeros((), jnp.float32))
    rate = jnp.array(0.5, jnp.float32)
    changes = jax.jit(
        lambda r: (
            invariants.balancedness_change(params, r),
            invariants.lyapunov_change(jnp.ones((), jnp.float32), params, r),
        )
    )(rate)
    np.testing.assert_array_equal(changes[0], np.full(2, 0.25, np.float32))
    assert float(changes[1]) == -4 + 0.25 * 6
