"""The linearised backward error is the minimum-norm solution, and explains what it should."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import jaxlab as jl
from jaxlab.arithmetic.conditioning import linearised_backward_error
from jaxlab.arithmetic.reference import in_float64


def quadratic(eigenvalues, seed=0):
    n = len(eigenvalues)
    q = np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))[0]
    hessian = q @ np.diag(eigenvalues) @ q.T
    device = jnp.asarray((hessian + hessian.T) / 2)

    def loss(theta):
        return 0.5 * jnp.sum(theta * jnp.dot(device, theta, precision=jax.lax.Precision.HIGHEST))

    return loss, hessian


@pytest.mark.parametrize(
    "eigenvalues",
    [np.linspace(1, 10, 12), np.linspace(-3, 5, 12), np.r_[np.linspace(1, 9, 8), np.zeros(4)]],
    ids=["definite", "indefinite", "singular"],
)
def test_it_is_the_pseudo_inverse_applied_to_the_error(eigenvalues, x64):
    loss, hessian = quadratic(eigenvalues)
    rng = np.random.default_rng(1)
    theta = jnp.asarray(rng.standard_normal(12))
    error = 1e-6 * rng.standard_normal(12)
    got = linearised_backward_error(loss, theta, jax.grad(loss)(theta) + error)
    expected = np.linalg.pinv(hessian, rcond=1e-9) @ error
    assert bool(got.converged)
    size = np.linalg.norm(expected)
    assert np.linalg.norm(got.perturbation - expected) < 1e-6 * size
    assert float(got.relative) == pytest.approx(size / np.linalg.norm(theta), rel=1e-6)
    left = np.linalg.norm(hessian @ expected - error) / np.linalg.norm(error)
    assert float(got.residual) == pytest.approx(left, abs=1e-8)
    assert (left > 0.1) == (0 in eigenvalues)


def test_it_recovers_a_small_perturbation_to_first_order(x64):
    def loss(theta):
        return jnp.sum(jnp.cosh(theta)) + jnp.sum(theta) ** 2

    theta = jnp.linspace(-1.0, 1.0, 9)
    delta = 1e-7 * jnp.cos(jnp.arange(9.0))
    got = linearised_backward_error(loss, theta, jax.grad(loss)(theta + delta))
    assert float(jnp.linalg.norm(got.perturbation - delta) / jnp.linalg.norm(delta)) < 1e-5


def test_no_error_needs_no_perturbation_and_few_steps_are_admitted(x64):
    loss, _ = quadratic(np.logspace(0, 4, 12))
    theta = jnp.ones(12)
    exact = linearised_backward_error(loss, theta, jax.grad(loss)(theta))
    assert float(exact.relative) == 0.0
    assert bool(exact.converged)
    hasty = linearised_backward_error(loss, theta, jax.grad(loss)(theta) + 1.0, max_steps=2)
    assert int(hasty.steps) == 2
    assert not bool(hasty.converged)


def test_the_backward_error_of_a_float32_mlp_gradient_is_reported_with_its_residual():
    law = jl.networks.initialisers.he(jl.networks.initialisers.fan_in_bias())
    params = jl.networks.initialise(jax.random.key(0), (2, 3, 1), law, "float32")
    x = jax.random.normal(jax.random.key(1), (40, 2))
    data = (x, jnp.sin(x[:, :1]))

    def loss(params, x, y):
        return jnp.mean((jl.networks.apply(params, x, jnp.tanh) - y) ** 2)

    rounded = jax.jit(jax.grad(loss))(params, *data)

    @in_float64
    @jax.jit
    def measure(params, rounded, data):
        return linearised_backward_error(lambda p: loss(p, *data), params, rounded)

    @in_float64
    @jax.jit
    def dense(params, rounded, data):
        flat, unravel = ravel_pytree(params)
        gradient = jax.grad(lambda vector: loss(unravel(vector), *data))
        return flat, ravel_pytree(rounded)[0] - gradient(flat), jax.jacfwd(gradient)(flat)

    got = measure(params, rounded, data)
    assert jax.tree.structure(got.perturbation) == jax.tree.structure(params)
    assert all(leaf.dtype == np.float64 for leaf in jax.tree.leaves(got.perturbation))
    theta, error, hessian = (np.asarray(x) for x in dense(params, rounded, data))
    expected = np.linalg.pinv(hessian, rcond=1e-12) @ error
    left = np.linalg.norm(hessian @ expected - error) / np.linalg.norm(error)
    assert 2.0**-30 < np.linalg.norm(error) / np.linalg.norm(theta) < 2.0**-20
    assert bool(got.converged)
    assert float(got.residual) == pytest.approx(left, abs=1e-6)
    size = np.linalg.norm(expected) / np.linalg.norm(theta)
    assert float(got.relative) == pytest.approx(size, rel=1e-4)
    found = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(got.perturbation)])
    assert np.linalg.norm(found - expected) < 1e-4 * np.linalg.norm(expected)
