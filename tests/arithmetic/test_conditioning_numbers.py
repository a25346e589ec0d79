"""Condition numbers agree with dense linear algebra and predict first-order errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic import conditioning
from jaxlab.arithmetic.reference import in_float64

RNG = np.random.default_rng(0)
MATRIX = RNG.standard_normal((7, 5))
POINT = RNG.standard_normal(5)


def matvec(matrix, x):
    return jnp.dot(matrix, x, precision=jax.lax.Precision.HIGHEST)


def curved(x):
    return jnp.tanh(matvec(jnp.asarray(MATRIX), x)) * jnp.sum(x**2)


def test_the_inner_product_condition_is_one_without_cancellation():
    w, x = jnp.array([1.0, 2.0, 3.0]), jnp.array([4.0, 0.0, 1.0])
    assert float(conditioning.inner_product_condition(w, x)) == 1.0
    assert float(conditioning.inner_product_condition(w, jnp.array([3.0, 0.0, -1.0]))) == np.inf


def test_activation_conditions_have_their_closed_forms():
    x = np.array([-3.0, -0.5, 0.25, 2.0])
    closed = {jnp.tanh: 2 * x / np.sinh(2 * x), jax.nn.sigmoid: np.abs(x) / (1 + np.exp(x))}
    for activation, expected in closed.items():
        got = in_float64(lambda x, f=activation: conditioning.activation_condition(f, x))(x)
        assert np.allclose(got, expected, rtol=1e-14)
    relu = conditioning.activation_condition(jax.nn.relu, jnp.array([-1.0, 0.0, 2.0]))
    assert np.array_equal(relu, [0.0, 0.0, 1.0])


def test_the_normwise_condition_agrees_with_the_dense_jacobian(x64):
    jacobian = np.asarray(jax.jacobian(curved)(jnp.asarray(POINT)))
    value = np.linalg.norm(np.asarray(curved(jnp.asarray(POINT))))
    expected = np.linalg.norm(jacobian, 2) * np.linalg.norm(POINT) / value
    got = conditioning.normwise_condition(curved, jnp.asarray(POINT), jax.random.key(0))
    assert float(got.value) == pytest.approx(expected, rel=1e-12)
    assert float(got.norm.residual) < 1e-12
    assert int(got.norm.steps) == 5


def test_the_componentwise_condition_agrees_with_the_dense_jacobian(x64):
    jacobian = np.asarray(jax.jacobian(curved)(jnp.asarray(POINT)))
    expected = np.abs(jacobian) @ np.abs(POINT) / np.abs(np.asarray(curved(jnp.asarray(POINT))))
    got = conditioning.componentwise_condition(curved, jnp.asarray(POINT))
    assert np.allclose(got, expected, rtol=1e-12)


def test_no_random_perturbation_is_amplified_more_than_the_condition_number(x64):
    point = jnp.asarray(POINT)
    condition = conditioning.normwise_condition(curved, point, jax.random.key(0)).value
    value = curved(point)
    noise = jnp.asarray(np.random.default_rng(1).standard_normal((200, 5)))

    @jax.jit
    @jax.vmap
    def amplification(direction):
        step = 1e-7 * direction / jnp.linalg.norm(direction) * jnp.linalg.norm(point)
        return jnp.linalg.norm(curved(point + step) - value) / jnp.linalg.norm(value) / 1e-7

    factors = amplification(noise)
    assert jnp.all(factors <= condition * (1 + 1e-5))
    assert jnp.max(factors) > 0.5 * condition


@pytest.mark.parametrize("signs", [(1, 1), (1, -1)])
def test_the_gradient_condition_finds_the_largest_eigenvalue_of_either_sign(signs, x64):
    q = np.linalg.qr(np.random.default_rng(2).standard_normal((40, 40)))[0]
    eigenvalues = np.linspace(0.1, 5.0, 40) * np.where(np.arange(40) % 2, *signs)
    hessian = jnp.asarray(q @ np.diag(eigenvalues) @ q.T)
    theta = {"a": jnp.ones(15), "b": jnp.full(25, -2.0)}

    def loss(params):
        flat = jnp.concatenate([params["a"], params["b"]])
        return 0.5 * jnp.sum(flat * matvec(hessian, flat))

    flat = np.concatenate([np.ones(15), np.full(25, -2.0)])
    expected = 5.0 * np.linalg.norm(flat) / np.linalg.norm(hessian @ flat)
    got = conditioning.gradient_condition(loss, theta, jax.random.key(0), 40)
    assert float(got.value) == pytest.approx(expected, rel=1e-10)
    few = conditioning.gradient_condition(loss, theta, jax.random.key(0), 6)
    assert float(few.norm.value) <= 5.0 * (1 + 1e-12)
    assert float(few.norm.residual) > float(got.norm.residual)


def test_a_jit_outside_in_float64_gives_the_same_number():
    def measure(x, key):
        return conditioning.normwise_condition(jnp.tanh, x, key)

    x, key = jnp.linspace(0.1, 2.0, 6), jax.random.key(0)
    inside = in_float64(jax.jit(measure))(x, key)
    outside = jax.jit(in_float64(measure))(x, key)
    assert inside.value.dtype == outside.value.dtype == np.float64
    assert float(outside.value) == pytest.approx(float(inside.value), rel=1e-13)


def test_an_exhausted_space_is_reported(x64):
    def loss(params):
        return 1.5 * params[0] ** 2

    got = conditioning.gradient_condition(loss, jnp.ones(6), jax.random.key(0))
    assert float(got.norm.value) == pytest.approx(3.0, rel=1e-12)
    assert int(got.norm.steps) <= 3


def test_everything_lowers_for_every_platform():
    def measures(x, key):
        square = lambda p: jnp.sum(p**4)  # noqa: E731
        return (
            conditioning.normwise_condition(jnp.tanh, x, key),
            conditioning.componentwise_condition(jnp.tanh, x),
            conditioning.gradient_condition(square, x, key),
            conditioning.linearised_backward_error(square, x, x),
        )

    traced = jax.jit(measures).trace(jnp.ones(3), jax.random.key(0))
    for platform in ("cpu", "cuda", "tpu"):
        assert traced.lower(lowering_platforms=(platform,)).as_text()
