"""Images are what they are said to be: the phantom literally, the others in what they promise."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib import cbook
from PIL import Image

from jaxlab.inverse import images

SHEPP_LOGAN = np.array(
    [
        [1, 0.69, 0.92, 0, 0, 0],
        [-0.8, 0.6624, 0.8740, 0, -0.0184, 0],
        [-0.2, 0.1100, 0.3100, 0.22, 0, -18],
        [-0.2, 0.1600, 0.4100, -0.22, 0, 18],
        [0.1, 0.2100, 0.2500, 0, 0.35, 0],
        [0.1, 0.0460, 0.0460, 0, 0.1, 0],
        [0.1, 0.0460, 0.0460, 0, -0.1, 0],
        [0.1, 0.0460, 0.0230, -0.08, -0.605, 0],
        [0.1, 0.0230, 0.0230, 0, -0.606, 0],
        [0.1, 0.0230, 0.0460, 0.06, -0.605, 0],
    ]
)
"""The table in MATLAB's order."""


@pytest.mark.parametrize("n", [2, 31, 64])
def test_the_phantom_is_ten_ellipses_point_by_point(n):
    """A point is in an ellipse if its sum of distances from the two foci is small enough."""
    expected = np.zeros((n, n))
    for row, column in np.ndindex(n, n):
        point = np.array([2 * column / (n - 1) - 1, 1 - 2 * row / (n - 1)])
        for intensity, across, along, *centre, degrees in SHEPP_LOGAN:
            angle = math.radians(degrees)
            axis = (math.cos(angle), math.sin(angle))
            if along > across:
                axis = (-axis[1], axis[0])
            focus = math.sqrt(abs(across**2 - along**2)) * np.array(axis)
            lengths = [np.linalg.norm(point - centre + side * focus) for side in (-1, 1)]
            if sum(lengths) <= 2 * max(across, along) * (1 + 1e-12):
                expected[row, column] += intensity
    found = images.phantom(n)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-15)
    assert found.min() == 0
    assert set(np.unique(found)) <= {0.0, 0.1, 0.2, 0.3, 0.4, 1.0}


def test_ellipses_are_pure_jax_in_range_and_differ(x64_both):
    keys = jax.random.split(jax.random.key(0), 8)
    batch = np.asarray(jax.vmap(lambda key: images.ellipses(key, 32))(keys))
    assert batch.shape == (8, 32, 32)
    assert batch.dtype == "float32"
    assert 0 <= batch.min() < batch.max() <= 1
    for first in range(8):
        assert np.unique(batch[first]).size > 4
        for second in range(first):
            assert (batch[first] != batch[second]).sum() > 50
    np.testing.assert_allclose(batch[3], images.ellipses(keys[3], 32), atol=1e-6)


def test_ellipses_do_not_depend_on_64_bit_types():
    drawn = []
    for wide in (False, True):
        with jax.enable_x64(wide):
            drawn.append(np.asarray(images.ellipses(jax.random.key(2), 32)))
    np.testing.assert_array_equal(*drawn)


def test_one_ellipse_is_convex_and_of_one_grey():
    """In every row and every column its pixels are next to each other."""
    for seed in range(20):
        image = np.asarray(images.ellipses(jax.random.key(seed), 48, count=1))
        assert np.unique(image).size <= 2
        inside = image > 0
        for lines in (inside, inside.T):
            edges = abs(np.diff(np.pad(lines, ((0, 0), (1, 1))).astype(int), axis=1)).sum(axis=1)
            assert edges.max() <= 2


def test_the_photograph_is_the_middle_square_of_the_file():
    """Grey as in ITU-R 601, up to rounding to whole numbers of 255."""
    path = cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    with Image.open(path) as picture:
        colours = np.asarray(picture, float)
    grey = colours[44:556] @ [0.299, 0.587, 0.114] / 255
    assert abs(images.photograph(512) - grey).max() < 0.51 / 255
    means = images.photograph(512).reshape(64, 8, 64, 8).mean(axis=(1, 3))
    np.testing.assert_allclose(images.photograph(64), means, atol=1e-6)
    assert 0 <= means.min() < means.max() <= 1


def test_the_detail_is_centred_and_grows_with_the_image():
    small, large = images.detail(128), images.detail(256)
    assert set(np.unique(small)) == {0.0, 1.0}
    np.testing.assert_array_equal(large, np.kron(small, np.ones((2, 2))))
    rows, columns = np.nonzero(small)
    assert (rows.max() - rows.min() + 1, columns.max() - columns.min() + 1) == (7, 35)
    assert rows.max() + rows.min() == pytest.approx(127, abs=1)
    assert columns.max() + columns.min() == pytest.approx(127, abs=1)
    assert images.detail(35).sum() == small.sum()


def test_the_ratio_of_peak_and_noise_is_that_of_the_mean_square():
    rng = np.random.default_rng(0)
    image, reference = rng.random((2, 9, 9)).astype("float32")
    expected = -10 * np.log10(np.mean((image.astype(float) - reference) ** 2))
    assert images.psnr(jnp.asarray(image), jnp.asarray(reference)) == pytest.approx(expected, 1e-6)
    turned = images.psnr(jnp.asarray(1j * image), jnp.asarray(1j * reference))
    assert turned == pytest.approx(expected, 1e-6)
    assert turned.dtype == "float32"
    assert images.psnr(jnp.ones(3), jnp.ones(3)) == np.inf


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: images.phantom(1), "n: got 1, expected at least 2"),
        (lambda: images.photograph(0), "n: got 0, expected 1, ..., 512"),
        (lambda: images.photograph(513), "n: got 513, expected 1, ..., 512"),
        (lambda: images.detail(34), "n: got 34, expected at least 35"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
