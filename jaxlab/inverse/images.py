"""Images to measure and reconstruct, with values in [0, 1], and how alike two of them are."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact, Key

_SHEPP_LOGAN = (
    # intensity in tenths, half axes, centre (right, up), angle in degrees
    (10, 0.69, 0.92, 0.0, 0.0, 0),
    (-8, 0.6624, 0.874, 0.0, -0.0184, 0),
    (-2, 0.11, 0.31, 0.22, 0.0, -18),
    (-2, 0.16, 0.41, -0.22, 0.0, 18),
    (1, 0.21, 0.25, 0.0, 0.35, 0),
    (1, 0.046, 0.046, 0.0, 0.1, 0),
    (1, 0.046, 0.046, 0.0, -0.1, 0),
    (1, 0.046, 0.023, -0.08, -0.605, 0),
    (1, 0.023, 0.023, 0.0, -0.606, 0),
    (1, 0.023, 0.046, 0.06, -0.605, 0),
)

_LETTERS = """
..###.#####.#...#.#.....#####.####.
...#..#...#.#...#.#.....#...#.#...#
...#..#...#..#.#..#.....#...#.#...#
...#..#####...#...#.....#####.####.
...#..#...#..#.#..#.....#...#.#...#
#..#..#...#.#...#.#.....#...#.#...#
.##...#...#.#...#.#####.#...#.####.
"""


def phantom(n: int) -> Float[np.ndarray, "n n"]:
    """The modified phantom of Shepp and Logan: ten ellipses, sampled at points of ``[-1, 1]^2``.

    The first row is the top of the head. The values are multiples of 1/10, each the float64 nearest
    to it. Intensities after Toft, The Radon Transform (1996), as in MATLAB's ``phantom``.

    Parameters
    ----------
    n
        Points per side, at least 2; the outer ones are on the boundary of the square.

    Raises
    ------
    ValueError
        If ``n`` is too small.

    Examples
    --------
    >>> phantom(8)[4].tolist()
    [0.0, 0.0, 0.2, 0.0, 0.0, 0.2, 0.0, 0.0]
    """
    if n < 2:
        raise ValueError(f"n: got {n}, expected at least 2")
    right = np.linspace(-1.0, 1.0, n)[None, :]
    up = -right.T
    tenths = np.zeros((n, n), int)
    for intensity, *ellipse, degrees in _SHEPP_LOGAN:
        angle = math.radians(degrees)
        tenths += intensity * _inside(right, up, ellipse, math.cos(angle), math.sin(angle))
    return tenths / 10


@functools.partial(jax.jit, static_argnames=("n", "count"))
def ellipses(key: Key[Array, ""], n: int, count: int = 12) -> Float[Array, "n n"]:
    """Overlapping ellipses of random places, shapes and intensities; their sum is clipped.

    Pure JAX: ``jax.vmap`` over keys makes a training set. The image does not depend on whether
    64-bit types are enabled.

    Parameters
    ----------
    key
        Typed key.
    n
        Pixels per side.
    count
        Ellipses. Their centres are uniform on the middle half of the square, their half axes
        between 2 % and 30 % of its side, their angles arbitrary, their intensities in [-0.4, 0.6].

    Returns
    -------
    float32, in [0, 1].

    Examples
    --------
    >>> image = ellipses(jax.random.key(0), 32)
    >>> image.shape, float(image.min()), bool(image.max() <= 1)
    ((32, 32), 0.0, True)
    """
    low = jnp.array([-0.4, 0.04, 0.04, -0.5, -0.5, 0.0], "float32")
    high = jnp.array([0.6, 0.6, 0.6, 0.5, 0.5, np.pi], "float32")
    draws = low[:, None] + (high - low)[:, None] * jax.random.uniform(key, (6, count), "float32")
    intensity, *ellipse, angle = draws[:, :, None, None]
    right = jnp.linspace(-1.0, 1.0, n, dtype="float32")[None, None, :]
    up = -right.swapaxes(1, 2)
    inside = _inside(right, up, ellipse, jnp.cos(angle), jnp.sin(angle))
    return jnp.clip(jnp.sum(jnp.where(inside, intensity, 0.0), axis=0), 0.0, 1.0)


def photograph(n: int) -> Float[np.ndarray, "n n"]:
    """A portrait of Grace Hopper, grey, its middle square averaged to ``n x n`` pixels.

    The file comes with matplotlib: a picture with texture and noise, unlike any phantom. It has 512
    pixels across; another version of the JPEG library may decode some of them differently by 1/255.

    Parameters
    ----------
    n
        Pixels per side, at most 512; the averages are exact for powers of two.

    Raises
    ------
    ValueError
        If ``n`` is not in 1, ..., 512.

    Examples
    --------
    >>> photograph(2).round(1).tolist()
    [[0.3, 0.5], [0.2, 0.3]]
    """
    from matplotlib import cbook
    from PIL import Image

    if not 1 <= n <= 512:
        raise ValueError(f"n: got {n}, expected 1, ..., 512")
    with Image.open(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)) as picture:
        grey = picture.convert("L").convert("F")
    side = min(grey.size)
    left, top = ((length - side) // 2 for length in grey.size)
    square = grey.resize((n, n), Image.Resampling.BOX, (left, top, left + side, top + side))
    return np.asarray(square, float) / 255


def detail(n: int) -> Float[np.ndarray, "n n"]:
    """Six small letters, 1 on 0, in the middle: what no image of ellipses contains.

    Add a multiple of it, rolled to any place. Strokes are ``n // 128`` pixels wide, at
    least one: from 128 pixels on, the word is 14 % to 27 % of the image wide.

    Parameters
    ----------
    n
        Pixels per side, at least 35.

    Raises
    ------
    ValueError
        If the letters do not fit.

    Examples
    --------
    >>> int(detail(128).sum()), int(detail(256).sum())
    (95, 380)
    """
    bitmap = np.array([[mark == "#" for mark in row] for row in _LETTERS.split()], float)
    height, width = bitmap.shape
    if n < width:
        raise ValueError(f"n: got {n}, expected at least {width}")
    stroke = max(1, n // 128)
    image = np.zeros((n, n))
    top, left = (stroke * ((n // stroke - marks) // 2) for marks in bitmap.shape)
    image[top : top + stroke * height, left : left + stroke * width] = np.kron(
        bitmap, np.ones((stroke, stroke))
    )
    return image


def psnr(image: Inexact[Array, "*shape"], reference: Inexact[Array, "*shape"]) -> Float[Array, ""]:
    """Peak signal-to-noise ratio in decibels, for the peak 1: ``-10 log10(mean |difference|^2)``.

    Parameters
    ----------
    image, reference
        Real or complex, of one shape and dtype.

    Returns
    -------
    In their real dtype; infinite if they are equal.

    Examples
    --------
    >>> float(psnr(jnp.full((2, 2), 0.5), jnp.full((2, 2), 0.4)).round(2))
    20.0
    """
    return -10 * jnp.log10(jnp.mean(jnp.square(jnp.abs(image - reference))))


def _inside(right, up, ellipse, cosine, sine):
    """Where points are in an ellipse given by its half axes and centre, turned."""
    across, along, x, y = ellipse
    first = (right - x) * cosine + (up - y) * sine
    second = (up - y) * cosine - (right - x) * sine
    return (first / across) ** 2 + (second / along) ** 2 <= 1
