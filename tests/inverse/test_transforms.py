"""Fourier and Walsh transforms agree with dense matrices, in one and two dimensions."""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import scipy.linalg

import jaxlab as jl
from jaxlab.inverse import operators, transforms, wavelets


def random(shape, seed=0, dtype="complex128"):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)


def fourier_matrix(n):
    """Row ``f + n // 2`` is frequency ``f``."""
    frequencies, places = np.arange(n) - n // 2, np.arange(n)
    turns = frequencies[:, None] * places % n / n
    return np.exp(-2j * np.pi * turns) / np.sqrt(n)


def walsh_matrix(n):
    """The rows of Hadamard's matrix sorted by their changes of sign."""
    hadamard = scipy.linalg.hadamard(n)
    changes = np.count_nonzero(np.diff(hadamard, axis=1), axis=1)
    assert sorted(changes) == list(range(n))
    return hadamard[np.argsort(changes)] / np.sqrt(n)


MATRICES = {"fourier": fourier_matrix, "walsh": walsh_matrix}
both = pytest.mark.parametrize("name", MATRICES)


@both
@pytest.mark.parametrize("n", [2, 32])
def test_the_transform_of_signals_is_that_of_the_matrix(name, n, x64):
    signal = random((3, n))
    transform = getattr(transforms, name)(1)
    matrix = MATRICES[name](n)
    np.testing.assert_allclose(transform.forward(signal), signal @ matrix.T, atol=1e-14)
    np.testing.assert_allclose(transform.adjoint(signal), signal @ matrix.conj(), atol=1e-14)


@both
@pytest.mark.parametrize("shape", [(16, 1), (4, 8)])
def test_the_transform_of_images_is_that_of_the_matrices(name, shape, x64):
    images = random((2, *shape))
    transform = getattr(transforms, name)(2)
    matrix = MATRICES[name]
    expected = matrix(shape[0]) @ images @ matrix(shape[1]).T
    np.testing.assert_allclose(transform.forward(images), expected, atol=2e-14)
    np.testing.assert_allclose(transform.adjoint(expected), images, atol=2e-14)


def test_fourier_is_centred_for_odd_sides_too(x64):
    image = random((5, 9))
    expected = fourier_matrix(5) @ image @ fourier_matrix(9).T
    transform = transforms.fourier(2)
    np.testing.assert_allclose(transform.forward(image), expected, atol=1e-14)
    np.testing.assert_allclose(transform.adjoint(expected), image, atol=1e-14)


def test_a_real_image_is_made_complex_of_the_same_precision(x64):
    for dtype in ("complex64", "complex128"):
        signal = random(8, dtype=dtype).real
        for function in transforms.fourier(1):
            found = function(signal)
            assert found.dtype == dtype
            np.testing.assert_array_equal(found, function(signal.astype(dtype)))


@both
@pytest.mark.parametrize("dimensions", [1, 2])
def test_the_restricted_transform_has_its_adjoint_and_is_unitary_on_the_mask(name, dimensions, x64):
    shape = (16,) * dimensions
    transform = getattr(transforms, name)(dimensions)
    mask = np.random.default_rng(1).random(shape) < 0.3
    measure = operators.restricted(transform, mask)
    z, y = jnp.asarray(random(shape)), jnp.asarray(mask * random(shape, 2))
    measured, back = measure.forward(z), measure.adjoint(y)
    assert abs(np.vdot(y, measured) - np.vdot(back, z)) < 1e-12
    np.testing.assert_allclose(measure.forward(back), y, atol=1e-13)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64", "complex64"])
def test_walsh_keeps_the_dtype_and_is_exact_for_small_integers(dtype, x64):
    """The entries of the result are multiples of 1/8 below 16: they fit in eight bits."""
    image = np.random.default_rng(2).integers(0, 2, (8, 8))
    found = transforms.walsh(2).forward(jnp.asarray(image, dtype))
    assert found.dtype == dtype
    expected = walsh_matrix(8) @ image @ walsh_matrix(8).T
    np.testing.assert_allclose(np.asarray(found).astype(complex), expected, atol=1e-14)


def test_walsh_of_a_large_float16_image_does_not_overflow():
    """The sum of all its entries is above 65504, the largest float16; the transform's norm not."""
    found = transforms.walsh(2).forward(np.full((64, 64), 60.0, "float16"))
    assert found[0, 0] == 60 * 64
    assert jnp.count_nonzero(found) == 1


def test_every_addition_of_walsh_is_rounded_once():
    """Butterflies in NumPy, on bfloat16 numbers, in place; sorted by sequency at the end."""
    n = 32
    signal = np.random.default_rng(3).normal(size=n).astype(ml_dtypes.bfloat16)
    places = signal.copy()
    for stage, half in enumerate(n >> k for k in range(1, n.bit_length())):
        parts = places.reshape(-1, 2, half)
        places = np.stack([parts[:, 0] + parts[:, 1], parts[:, 0] - parts[:, 1]], axis=1).ravel()
        if stage % 2:
            places = places * places.dtype.type(0.5)
    places = places * places.dtype.type(np.sqrt(0.5))
    changes = np.count_nonzero(np.diff(scipy.linalg.hadamard(n)), axis=1)
    emulated = jl.arithmetic.rounded(transforms.walsh(1).forward, "bfloat16")
    found = jax.jit(emulated)(jnp.asarray(signal, "float32"))
    np.testing.assert_array_equal(found, places[np.argsort(changes)].astype("float32"))


def test_walsh_has_a_derivative_and_a_batch(x64):
    image = random((4, 4)).real
    transform = transforms.walsh(2).forward
    gradient = jax.jit(jax.grad(lambda x: jnp.sum(transform(x) * image)))
    np.testing.assert_allclose(gradient(np.zeros((4, 4))), transform(image), atol=1e-15)
    batch = random((3, 4, 4))
    np.testing.assert_array_equal(jax.jit(jax.vmap(transform))(batch), transform(batch))


def reference_measurement():
    """Section 5.2 of the project's notes: one signal, without random numbers."""
    coefficients = np.zeros(64)
    coefficients[[0, 1, 3, 6, 13, 27]] = [4.0, -2.0, 1.5, -1.0, 0.75, -0.5]
    frequency = np.arange(64) - 32
    mask = (abs(frequency) < 8) | (frequency % 3 == 0)
    measure = operators.compose(
        operators.restricted(transforms.fourier(1), mask), wavelets.synthesis(1, 6, 1)
    )
    return measure, mask, coefficients


def test_the_measurements_of_the_reference_have_their_norm_and_conditioning(x64):
    measure, mask, coefficients = reference_measurement()
    assert mask.sum() == 31
    y = jax.jit(measure.forward)(coefficients)
    assert abs(np.linalg.norm(y) - 4.825141401320757) < 1e-14
    matrix = np.asarray(jax.jit(jax.vmap(measure.forward))(np.eye(64))).T
    columns = matrix[:, coefficients != 0]
    assert abs(1 / np.linalg.svd(columns)[1][-1] - 1.618395) < 1e-6
    signs = np.sqrt(7) * np.sign(coefficients[coefficients != 0])
    v = np.linalg.pinv(columns.conj().T) @ signs
    assert abs(1 / np.linalg.norm(v) - 0.121931) < 1e-6
    off = abs(matrix[:, coefficients == 0].conj().T @ v).max() / np.sqrt(7)
    assert abs(off - 0.7182) < 1e-4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: transforms.walsh(3), "dimensions: got 3, expected 1 or 2"),
        (lambda: transforms.fourier(0), "dimensions: got 0, expected 1 or 2"),
        (lambda: transforms.walsh(1).forward(jnp.ones(6)), "got sides .6,., expected powers of"),
        (lambda: transforms.walsh(2).forward(jnp.ones((4, 0))), "got sides .4, 0., expected"),
        (lambda: transforms.walsh(2).forward(jnp.ones(4)), "got shape .4,., expected at least 2"),
        (lambda: transforms.fourier(2).adjoint(jnp.ones(4)), "expected at least 2 axes"),
        (lambda: transforms.fourier(1).forward(jnp.ones(4, "float16")), "got float16, expected"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
