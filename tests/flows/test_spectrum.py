"""Extreme eigenvalues from Hessian-vector products agree with dense linear algebra."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.flows import spectrum

SIZE = 12


def quadratic(matrix, params):
    """Its Hessian is the matrix; a pytree of two leaves."""
    vector = jnp.concatenate([params["a"].ravel(), params["b"]])
    product = jnp.matmul(matrix, vector, precision=jax.lax.Precision.HIGHEST)
    return jnp.sum(vector * product) / 2


@partial(jax.jit, static_argnums=2)
@partial(jax.vmap, in_axes=(0, 0, None))
def batched(matrix, key, iterations):
    params = {"a": jnp.ones((2, 4), matrix.dtype), "b": jnp.zeros(4, matrix.dtype)}
    return spectrum.extremes(partial(quadratic, matrix), params, key, iterations)


def extremes(matrices, iterations, dtype="float64"):
    """Of many matrices; in NumPy."""
    keys = jax.random.split(jax.random.key(0), len(matrices))
    found = batched(jnp.asarray(matrices, dtype), keys, iterations)
    assert found.least.dtype == dtype
    return spectrum.Extremes(*(np.asarray(part).astype(np.float64) for part in found))


def with_eigenvalues(values, seed=0):
    basis = np.linalg.qr(np.random.default_rng(seed).normal(size=(SIZE, SIZE)))[0]
    return basis @ np.diag(values) @ basis.T


def random_matrices(count):
    rng = np.random.default_rng(1)
    squares = rng.normal(size=(count, SIZE, SIZE)) * 10.0 ** rng.uniform(-3, 3, (count, 1, 1))
    return squares + squares.transpose(0, 2, 1)


SPECIAL = {
    "all positive": np.linspace(1.0, 2.0, SIZE),
    "all negative": -np.linspace(1.0, 2.0, SIZE),
    "three values, four times each": np.repeat([-2.0, 1.0, 5.0], 4),
    "a multiple of the identity": np.full(SIZE, 3.0),
    "zero": np.zeros(SIZE),
    "rank one": np.eye(SIZE)[0] * 7.0,
    "double ends": np.array([-1.0, -1.0, *np.linspace(0, 1, SIZE - 4), 4.0, 4.0]),
    "sharp and flat": 10.0 ** np.linspace(-8, 8, SIZE),
}


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-13), ("float32", 4e-6)])
def test_as_many_iterations_as_parameters_are_exact(dtype, tolerance, x64):
    """Random matrices, and spectra whose Krylov spaces are exhausted early."""
    special = np.stack([with_eigenvalues(values) for values in SPECIAL.values()])
    matrices = np.concatenate([special, random_matrices(32)])
    found = extremes(matrices, SIZE, dtype)
    exact = np.linalg.eigvalsh(matrices)
    scale = np.abs(exact).max(axis=1)
    assert np.all(np.abs(found.least - exact[:, 0]) <= tolerance * scale)
    assert np.all(np.abs(found.largest - exact[:, -1]) <= tolerance * scale)
    assert np.all(np.maximum(found.least_residual, found.largest_residual) <= tolerance * scale)


@pytest.mark.parametrize("iterations", [1, 6])
def test_with_fewer_iterations_the_residuals_bound_the_error(iterations, x64):
    matrices = random_matrices(200)
    found = extremes(matrices, iterations)
    exact = np.linalg.eigvalsh(matrices)
    rounding = 1e-13 * np.abs(exact).max(axis=1)
    for value, residual, end in (
        (found.least, found.least_residual, exact[:, 0]),
        (found.largest, found.largest_residual, exact[:, -1]),
    ):
        nearest = np.abs(exact - np.asarray(value)[:, None]).min(axis=1)
        assert np.all(nearest <= residual + rounding)
        assert np.any(np.abs(value - end) > rounding)  # not exact: the bound is needed
    assert np.all(found.least >= exact[:, 0] - rounding)
    assert np.all(found.largest <= exact[:, -1] + rounding)


def test_more_iterations_than_parameters_change_nothing(x64):
    matrices = random_matrices(40)
    for few, many in zip(extremes(matrices, SIZE), extremes(matrices, 99), strict=True):
        np.testing.assert_array_equal(few, many)


def test_the_hessian_is_taken_at_the_parameters(x64):
    """L = sum p^4 / 12 has the Hessian diag(p^2)."""
    point = jnp.array([0.5, -3.0, 2.0])
    found = jax.jit(
        lambda p: spectrum.extremes(lambda q: jnp.sum(q**4) / 12, p, jax.random.key(3))
    )(point)
    assert float(found.least) == pytest.approx(0.25, rel=1e-12)
    assert float(found.largest) == pytest.approx(9.0, rel=1e-12)


def test_no_iterations_are_refused():
    with pytest.raises(ValueError, match="iterations: got 0"):
        spectrum.extremes(lambda p: jnp.sum(p**2), jnp.ones(2), jax.random.key(0), 0)
