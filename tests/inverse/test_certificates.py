"""Certificates against small matrices whose minimisers are known, and against NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.inverse import operators
from jaxlab.inverse.certificates import certify
from jaxlab.inverse.firenets import firenet


def random_matrix(rows, columns, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, columns)) / np.sqrt(rows)


def test_constants_are_those_of_the_columns_of_the_support(x64):
    a, weights = random_matrix(12, 20), np.linspace(1.0, 2.0, 20)
    z = np.zeros(20)
    z[[2, 7, 11]] = [1.0, -2.0, 0.5]
    found = certify(operators.matrix(jnp.asarray(a)), z, weights)
    left, singular, _ = np.linalg.svd(a[:, [2, 7, 11]], full_matrices=False)
    v = np.linalg.pinv(a[:, [2, 7, 11]].T) @ (weights[[2, 7, 11]] * [1, -1, 1])
    off = np.delete(np.abs(a.T @ v) / weights, [2, 7, 11])
    assert found.support.tolist() == [2, 7, 11]
    np.testing.assert_allclose(found.stability, 1 / singular[-1], rtol=1e-12)
    np.testing.assert_allclose(abs(found.worst_measurement @ left[:, -1]), 1, rtol=1e-12)
    np.testing.assert_allclose(found.lam_max, 1 / np.linalg.norm(v), rtol=1e-12)
    np.testing.assert_allclose(found.off_support, off.max(), rtol=1e-12)
    assert found.exact == (off.max() < 1)


def test_complex_signs_are_phases(x64):
    a = random_matrix(6, 8) + 1j * random_matrix(6, 8, 1)
    z = np.zeros(8, complex)
    z[[0, 5]] = [2j, -1 + 1j]
    found = certify(operators.matrix(jnp.asarray(a)), z)
    v = np.linalg.pinv(a[:, [0, 5]].conj().T) @ (z[[0, 5]] / np.abs(z[[0, 5]]))
    np.testing.assert_allclose(found.lam_max, 1 / np.linalg.norm(v), rtol=1e-12)
    np.testing.assert_allclose(a[:, [0, 5]].conj().T @ v, z[[0, 5]] / np.abs(z[[0, 5]]), rtol=1e-12)


def test_a_vector_of_zeros_is_refused():
    with pytest.raises(ValueError, match="zero"):
        certify(operators.matrix(jnp.eye(2)), np.zeros(2))


def test_dependent_columns_are_not_certified(x64):
    with np.errstate(divide="ignore"):
        found = certify(operators.matrix(jnp.ones((2, 3)) / 2), np.array([1.0, 1.0, 0.0]))
    assert found.least_singular_value < 1e-15


def test_recovery_ends_at_lam_max_with_the_loss_of_a_coefficient(x64):
    a = np.array([[1.0, 0.0, 0.6], [0.0, 1.0, 0.0]])
    z = np.array([2.0, 0.5, 0.0])
    operator = operators.matrix(jnp.asarray(a))
    found = certify(operator, z)
    assert found.exact
    np.testing.assert_allclose(found.lam_max, 2**-0.5, rtol=1e-12)

    def error(lam):
        solution = firenet(
            operator, jnp.asarray(a @ z), lam=lam, restarts=20, iterations=2000, norm=1.2
        ).solution
        return np.linalg.norm(np.asarray(solution) - z)

    assert error(0.98 * found.lam_max) < 1e-6
    assert error(1.02 * found.lam_max) >= 0.5


def test_noise_off_the_range_of_the_support_can_move_a_minimiser_by_more_than_one_over_sigma(x64):
    """Columns (1, 0) and (0.8, 0.6): small ``lam`` fits ``y = (1, t)`` exactly."""
    a, t = np.array([[1.0, 0.8], [0.0, 0.6]]), 0.01
    operator = operators.matrix(jnp.asarray(a))
    found = certify(operator, np.array([1.0, 0.0]))
    assert found.exact
    np.testing.assert_allclose([found.stability, found.off_support], [1, 0.8], rtol=1e-12)
    solution = firenet(
        operator, jnp.array([1.0, t]), lam=0.1, restarts=25, iterations=200, norm=1.35
    ).solution
    np.testing.assert_allclose(solution, [1 - 0.8 * t / 0.6, t / 0.6], atol=1e-8)
    quotient = np.linalg.norm(np.asarray(solution) - [1, 0]) / t
    np.testing.assert_allclose(quotient, np.sqrt(1.64) / 0.6, rtol=1e-5)
    assert 2 * found.stability < quotient < found.bound(0.1, norm=1.35)


def test_the_bound_holds_for_noise_of_every_size_and_ends_at_lam_max(x64):
    rng = np.random.default_rng(1)
    a, z = np.linalg.qr(rng.normal(size=(12, 8)))[0].T, np.zeros(12)
    z[3] = 1.0
    operator = operators.matrix(jnp.asarray(a))
    found = certify(operator, z)
    assert found.exact
    lam = 0.3 * found.lam_max
    noise = rng.normal(size=(6, 8)) * 10.0 ** -np.arange(6)[:, None]
    solve = jax.jit(
        jax.vmap(lambda y: firenet(operator, y, lam=lam, restarts=25, iterations=300).solution)
    )
    moved = np.linalg.norm(np.asarray(solve(jnp.asarray(a @ z + noise))) - z, axis=1)
    quotients = moved / np.linalg.norm(noise, axis=1)
    assert (quotients <= found.bound(lam)).all()
    assert quotients.max() > 0.5
    assert found.bound(found.lam_max) == np.inf
