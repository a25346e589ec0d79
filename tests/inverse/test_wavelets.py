"""Daubechies' wavelets agree with PyWavelets, are orthonormal, and have their moments."""

import fractions
import warnings

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import pywt

import jaxlab as jl
from jaxlab.inverse import wavelets

orders = pytest.mark.parametrize("order", wavelets.ORDERS)


def random(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def oracle(image, order, levels):
    """PyWavelets' coefficients as one array; it warns of filters longer than the signal."""
    with warnings.catch_warnings(action="ignore"):
        parts = pywt.wavedecn(image, f"db{order}", mode="periodization", level=levels)
    return pywt.coeffs_to_array(parts)[0]


@orders
def test_the_filter_is_that_of_pywavelets(order):
    taps = wavelets.daubechies(order) * np.sqrt(0.5)
    np.testing.assert_allclose(taps, pywt.Wavelet(f"db{order}").rec_lo, rtol=0, atol=3e-16)


@orders
def test_the_filter_is_orthonormal_and_its_moments_vanish(order):
    """In exact arithmetic: what is left is the rounding of the taps themselves."""
    taps = [fractions.Fraction(tap) for tap in wavelets.daubechies(order)]
    for shift in range(order):
        product = sum(a * b for a, b in zip(taps, taps[2 * shift :], strict=False))
        assert abs(product - 2 * (shift == 0)) < 2**-51
    size = sum(abs(tap) * len(taps) ** (order - 1) for tap in taps)
    for power in range(order):
        moment = sum((-1) ** i * i**power * tap for i, tap in enumerate(taps))
        assert abs(moment) <= size * 2**-53


def test_the_filter_of_haar_is_exact_and_no_filter_can_be_changed():
    assert wavelets.daubechies(1).tolist() == [1.0, 1.0]
    with pytest.raises(ValueError, match="read-only"):
        wavelets.daubechies(2)[0] = 0.0


@pytest.mark.parametrize(
    ("order", "levels", "shape"),
    [*((order, 3, (16,)) for order in (1, 2, 3, 8)), (1, 3, (8, 8)), (2, 1, (4, 6))],
)
def test_the_matrices_are_those_of_pywavelets_orthonormal_and_transposes(order, levels, shape, x64):
    """Also where the filter is longer than what it filters."""
    operator = wavelets.synthesis(order, levels, len(shape))
    size = np.prod(shape)
    images = np.eye(size).reshape(size, *shape)
    synthesis, analysis = (np.asarray(each(images)).reshape(size, size).T for each in operator)
    np.testing.assert_allclose(synthesis, analysis.T, rtol=0, atol=1e-15)
    np.testing.assert_allclose(analysis @ synthesis, np.eye(size), rtol=0, atol=1e-14)
    image = random(shape)
    expected = oracle(image, order, levels).ravel()
    np.testing.assert_allclose(analysis @ image.ravel(), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("shape", [(64,), (16, 16)])
def test_complex_images_have_the_adjoint(shape, x64):
    operator = wavelets.synthesis(2, 3, len(shape))
    z, y = (random(shape, seed) + 1j * random(shape, seed + 1) for seed in (1, 3))
    difference = np.vdot(y, operator.forward(z)) - np.vdot(operator.adjoint(y), z)
    assert abs(difference) < 1e-12


@pytest.mark.parametrize("order", [1, 2, 4])
def test_details_of_polynomials_vanish_away_from_the_boundary(order, x64):
    """As many powers as there are moments, and not one more."""
    places = np.arange(64) / 64
    operator = wavelets.synthesis(order, 1, 1)
    inner = slice(32 + order, 64 - order)
    for power in range(order):
        assert np.abs(operator.adjoint(places**power)[inner]).max() < 1e-14
    assert np.abs(operator.adjoint(places**order)[inner]).max() > 1e-12


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64", "complex64"])
def test_the_dtype_is_kept_and_haar_of_small_integers_is_exact(dtype, x64):
    image = np.random.default_rng(4).integers(-2, 3, (8, 8))
    operator = wavelets.synthesis(1, 2, 2)
    coefficients = operator.adjoint(jnp.asarray(image, dtype))
    assert coefficients.dtype == dtype
    expected = oracle(image, 1, 2)
    np.testing.assert_allclose(np.asarray(coefficients).astype(complex), expected, atol=1e-14)
    back = operator.forward(coefficients)
    assert back.dtype == dtype
    np.testing.assert_array_equal(np.asarray(back).astype(complex), image)


def test_haar_of_a_large_float16_image_does_not_overflow():
    found = wavelets.synthesis(1, 6, 2).adjoint(np.full((64, 64), 60.0, "float16"))
    assert found[0, 0] == 60 * 64
    assert jnp.count_nonzero(found) == 1


def test_every_operation_of_a_level_is_rounded_once():
    """The same sums of bfloat16 numbers in NumPy."""
    narrow = ml_dtypes.bfloat16
    signal = random(16, seed=5).astype(narrow)
    taps = wavelets.daubechies(2).astype(narrow)
    parts = [taps[i] * np.roll(signal, 1 - i)[::2] for i in range(4)]
    low = sum(parts[1:], parts[0]) * narrow(np.sqrt(0.5))
    emulated = jl.arithmetic.rounded(wavelets.synthesis(2, 1, 1).adjoint, "bfloat16")
    found = jax.jit(emulated)(jnp.asarray(signal, "float32"))
    np.testing.assert_array_equal(found[:8], low.astype("float32"))


def test_no_level_is_the_identity_and_leading_axes_are_a_batch():
    image = random((2, 3, 5)).astype("float32")
    for function in wavelets.synthesis(3, 0, 2):
        np.testing.assert_array_equal(function(image), image)
    batch = random((2, 3, 4, 4)).astype("float32")
    operator = wavelets.synthesis(1, 2, 2)
    expected = np.stack([[operator.forward(image) for image in row] for row in batch])
    np.testing.assert_array_equal(operator.forward(batch), expected)


def test_the_gradient_is_the_adjoint(x64):
    operator = wavelets.synthesis(2, 2, 2)
    image = random((8, 8))
    gradient = jax.jit(jax.grad(lambda c: jnp.sum(operator.forward(c) * image)))
    np.testing.assert_allclose(gradient(np.zeros((8, 8))), operator.adjoint(image), atol=1e-14)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: wavelets.daubechies(9), "order: got 9, expected 1, ..., 8"),
        (lambda: wavelets.synthesis(0, 1, 1), "order: got 0, expected 1, ..., 8"),
        (lambda: wavelets.synthesis(1, -1, 1), "levels: got -1, expected at least 0"),
        (lambda: wavelets.synthesis(1, 1, 3), "dimensions: got 3, expected 1 or 2"),
        (lambda: wavelets.synthesis(1, 3, 1).forward(jnp.ones(12)), "levels: got 3 for sides .12"),
        (lambda: wavelets.synthesis(1, 1, 2).adjoint(jnp.ones((4, 3))), "to divide the sides"),
        (lambda: wavelets.synthesis(1, 1, 2).adjoint(jnp.ones(4)), "expected at least 2 axes"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
