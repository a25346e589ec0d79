"""Proximal maps against their definitions, in every dtype, and where they are delicate."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from jaxlab.inverse.proximal import ball, norm, scaled, soft

REAL = ("bfloat16", "float16", "float32", "float64")
COMPLEX = ("complex64", "complex128")


def numbers(dtype, seed=0, size=50):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=size) * 10.0 ** rng.integers(-2, 2, size)
    if dtype in COMPLEX:
        values = values + 1j * rng.normal(size=size)
    return jnp.asarray(values, dtype)


def roundoff(v):
    return float(jnp.finfo(v.dtype).eps) / 2


@pytest.mark.parametrize("dtype", [*REAL, *COMPLEX])
def test_soft_shortens_every_number_and_keeps_its_phase(x64, dtype):
    v = numbers(dtype)
    t = jnp.asarray(0.5, v.real.dtype)
    wide = np.asarray(v).astype(complex)
    size = np.abs(wide)
    expected = wide * np.maximum(0, 1 - 0.5 / np.where(size > 0, size, 1))
    found = np.asarray(soft(v, t)).astype(complex)
    np.testing.assert_allclose(found, expected, rtol=0, atol=8 * roundoff(v) * size.max())
    np.testing.assert_array_equal(found[size < 0.45], 0)


@pytest.mark.parametrize("dtype", ["bfloat16", "float64", "complex64"])
def test_soft_minimises_its_objective(x64, dtype):
    v = numbers(dtype, 1)
    found = np.asarray(soft(v, jnp.asarray(0.3, v.real.dtype))).astype(complex)
    start = np.asarray(v).astype(complex)

    def objective(z):
        return np.abs(z - start) ** 2 / 2 + 0.3 * np.abs(z)

    slack = 16 * roundoff(v) * np.abs(start) ** 2 + 1e-12
    for direction in (1, -1, 1j, -1j) if dtype in COMPLEX else (1, -1):
        assert (objective(found) <= objective(found + 0.1 * direction) + slack).all()


@pytest.mark.parametrize("dtype", ["float16", "float32", "complex64"])
def test_zero_gives_zero_and_no_nan_in_values_and_derivatives(x64, dtype):
    zero = jnp.zeros(3, dtype)
    t = jnp.asarray(0.1, zero.real.dtype)
    for fn in (lambda v: soft(v, t), ball, lambda v: scaled(t, v)):
        assert not np.asarray(fn(zero)).any()
        slope = jax.grad(lambda v, fn=fn: jnp.sum(jnp.abs(fn(v)) ** 2))(zero)
        assert not np.isnan(np.asarray(slope).astype(complex)).any()
    assert float(norm(zero)) == 0
    np.testing.assert_array_equal(np.asarray(jax.grad(norm)(zero)).astype(complex), 0)


@pytest.mark.parametrize("dtype", [*REAL, *COMPLEX])
def test_ball_projects_and_a_second_time_changes_nothing_but_the_last_bits(x64, dtype):
    v = numbers(dtype, 2)
    once, twice = ball(v), ball(ball(v))
    length = np.linalg.norm(np.asarray(once).astype(complex))
    assert abs(length - 1) < 8 * roundoff(v)
    gap = np.asarray(twice).astype(complex) - np.asarray(once).astype(complex)
    assert np.linalg.norm(gap) < 8 * roundoff(v)
    inside = v * jnp.asarray(0.5 / float(norm(v)), dtype)
    np.testing.assert_array_equal(np.asarray(ball(inside)), np.asarray(inside))


def test_norm_is_right_to_rounding(x64):
    v = numbers("float64", 3)
    exact = mpmath.sqrt(mpmath.fsum(mpmath.mpf(float(x)) ** 2 for x in v))
    assert abs(float(norm(v)) / float(exact) - 1) < 8 * 2.0**-53


@pytest.mark.parametrize(
    ("dtype", "size"), [("float16", 6e3), ("float16", 6e-5), ("float32", 1e37)]
)
def test_norm_neither_overflows_nor_vanishes_where_squares_do(dtype, size):
    v = jnp.full(64, size, dtype)
    assert abs(float(norm(v)) / (8 * float(v[0])) - 1) < 4 * float(jnp.finfo(dtype).eps)
    length = min(1.0, 8 * float(v[0]))
    assert abs(float(norm(ball(v))) / length - 1) < 4 * float(jnp.finfo(dtype).eps)


def test_the_largest_entry_may_have_a_subnormal_reciprocal():
    assert float(norm(jnp.full(4, 1e38))) == pytest.approx(2e38, rel=1e-6)


def test_ball_of_another_radius():
    found = ball(jnp.array([3.0, 4.0]), radius=2.0)
    np.testing.assert_allclose(found, [1.2, 1.6], rtol=1e-6)
