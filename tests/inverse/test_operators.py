"""Operators as pairs: adjoints, composition, masks and norms against NumPy's matrices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.inverse import operators
from jaxlab.inverse.operators import Operator


def dense(rows, columns, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, columns)) + 1j * rng.normal(size=(rows, columns))


def as_matrix(operator, columns):
    return np.stack([np.asarray(operator.forward(e)) for e in jnp.eye(columns, dtype=complex)], 1)


def test_a_matrix_acts_as_itself_and_backwards_as_its_conjugate_transpose(x64):
    a, z, y = dense(4, 6), dense(6, 1)[:, 0], dense(4, 1, 1)[:, 0]
    operator = operators.matrix(jnp.asarray(a))
    np.testing.assert_allclose(operator.forward(jnp.asarray(z)), a @ z, rtol=1e-13)
    np.testing.assert_allclose(operator.adjoint(jnp.asarray(y)), a.conj().T @ y, rtol=1e-13)


def test_composition_is_the_product_of_the_matrices(x64):
    a, b = dense(3, 4), dense(4, 5, 1)
    both = operators.compose(operators.matrix(jnp.asarray(a)), operators.matrix(jnp.asarray(b)))
    np.testing.assert_allclose(as_matrix(both, 5), a @ b, rtol=1e-13)
    y = dense(3, 1, 2)[:, 0]
    np.testing.assert_allclose(both.adjoint(jnp.asarray(y)), (a @ b).conj().T @ y, rtol=1e-12)


def test_a_mask_sets_measurements_to_zero_and_the_adjoint_ignores_them(x64):
    a, mask = dense(4, 5), np.array([True, False, True, False])
    kept = operators.restricted(operators.matrix(jnp.asarray(a)), jnp.asarray(mask))
    np.testing.assert_allclose(as_matrix(kept, 5), np.where(mask[:, None], a, 0), rtol=1e-14)
    y = dense(4, 1, 1)[:, 0]
    expected = a[mask].conj().T @ y[mask]
    np.testing.assert_allclose(kept.adjoint(jnp.asarray(y)), expected, rtol=1e-13)


def test_a_mask_of_another_shape_is_refused():
    kept = operators.restricted(operators.matrix(jnp.eye(3)), jnp.array([True]))
    with pytest.raises(ValueError, match="mask"):
        kept.forward(jnp.ones(3))


def test_masks_can_be_vmapped(x64):
    masks = jnp.array([[True, False], [False, True]])
    identity = operators.matrix(jnp.eye(2))
    found = jax.vmap(lambda m: operators.restricted(identity, m).forward(jnp.ones(2)))(masks)
    np.testing.assert_array_equal(found, np.eye(2))


def test_the_norm_is_the_largest_singular_value(x64):
    a = dense(5, 7)
    like = jax.ShapeDtypeStruct((7,), jnp.complex128)
    found = operators.norm(jax.random.key(0), operators.matrix(jnp.asarray(a)), like, 400)
    largest = np.linalg.svd(a, compute_uv=False)[0]
    assert found <= largest * (1 + 1e-13)
    assert found >= largest * (1 - 1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_the_adjoint_test_tells_an_adjoint_from_a_transpose(x64, dtype):
    a = jnp.asarray(dense(6, 8) if "complex" in dtype else dense(6, 8).real, dtype)
    like = jax.ShapeDtypeStruct((8,), dtype)
    right = operators.adjoint_defect(jax.random.key(1), operators.matrix(a), like)
    assert right < 32 * float(jnp.finfo(dtype).eps)
    wrong = Operator(operators.matrix(a).forward, lambda y: 2 * operators.matrix(a).adjoint(y))
    assert operators.adjoint_defect(jax.random.key(1), wrong, like) > 1e-3
