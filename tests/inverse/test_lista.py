"""LISTA: the published start, ISTA as a special case, gradients that are not lost."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.inverse import lista, operators
from jaxlab.inverse.lista import Banded, Lista

MATRIX = np.random.default_rng(2).standard_normal((5, 8)).astype("float32")


def ista(a, y, thresholds, steps):
    """One row of steps and thresholds per layer, in NumPy."""
    x = np.zeros(a.shape[1])
    for threshold, step in zip(thresholds, steps, strict=True):
        v = x + step * (a.T @ (y - a @ x))
        x = np.sign(v) * np.maximum(np.abs(v) - threshold, 0)
    return x


def test_the_start_has_the_published_law():
    found = lista.init(jax.random.key(0), 40 * jnp.eye(30, dtype="float32"), 10)
    assert lista.gain(40 * np.eye(3)) == pytest.approx(400)
    scaled = np.asarray(found.weights) * 400 / 0.05
    assert scaled.shape == (10, 30, 30)
    # 9000 normal numbers: four standard errors of the mean and of the mean square
    assert abs(scaled.mean()) < 4 / np.sqrt(9000)
    assert abs((scaled**2).mean() - 1) < 4 * np.sqrt(2 / 9000)
    thresholds = np.asarray(found.thresholds)
    assert np.all((thresholds >= 0) & (thresholds < 1e-7))
    assert np.ptp(thresholds) > 3e-8


def test_transposed_weights_make_ista():
    steps, thresholds = np.array([0.05, 0.1, 0.02]), np.array([0.1, 0.0, 0.3])
    params = Lista(
        jnp.asarray(steps[:, None, None] * MATRIX, "float32"), jnp.asarray(thresholds, "float32")
    )
    y = np.arange(5, dtype="float32")
    expected = ista(MATRIX.astype(float), y, thresholds, steps)
    np.testing.assert_allclose(lista.apply(params, MATRIX, jnp.asarray(y)), expected, atol=1e-5)
    assert 0 < np.count_nonzero(expected) < 8


def test_bands_have_their_own_steps_and_thresholds():
    rng = np.random.default_rng(4)
    steps, thresholds = rng.uniform(0.02, 0.1, (2, 3, 2)).astype("float32")
    bands = np.array([0, 0, 1, 1, 1, 0, 1, 0])
    params = Banded(jnp.asarray(steps), -jnp.asarray(thresholds))  # a threshold has no sign
    operator = operators.matrix(jnp.asarray(MATRIX))
    y = rng.standard_normal(5).astype("float32")
    found = lista.apply_banded(params, operator, bands, jnp.asarray(y))
    expected = ista(MATRIX.astype(float), y, thresholds[:, bands], steps[:, bands])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_every_parameter_has_a_gradient_and_complex_images_keep_their_phase():
    operator = operators.matrix(jnp.asarray(MATRIX + 1j * MATRIX[::-1]))
    y = jnp.asarray(MATRIX[:, 0] + 1j * MATRIX[:, 1])
    bands = np.arange(8) // 4
    params = lista.init_banded(2, 2)
    apply = jax.jit(lambda p, y: lista.apply_banded(p, operator, bands, y))

    def size(p):
        return jnp.sum(jnp.abs(apply(p, y)) ** 2)

    gradient = jax.jit(jax.grad(size))(params)
    assert all(np.all(leaf != 0) and np.all(np.isfinite(leaf)) for leaf in gradient)
    turned = apply(params, 1j * y)
    np.testing.assert_allclose(turned, 1j * apply(params, y), rtol=1e-4, atol=1e-4)
