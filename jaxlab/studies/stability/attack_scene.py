"""What the networks of part "attack" see: a sampled Fourier transform, images, and a detail.

Every network gets the measurements of a real image and returns a real image. Training and test
images are random ellipses; the phantom, the photograph and the detail (letters) are nothing that a
network was trained on.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxlab.inverse import images, levels, operators, sampling, transforms, wavelets
from jaxlab.inverse.operators import Operator
from jaxlab.inverse.proximal import norm
from jaxlab.studies._parts import named_key
from jaxlab.studies.stability.config import Config

LEVELS = 4
"""Of the Haar transform: 5 bands of coefficients."""
OTHERS = ("phantom", "photograph")
CONTRAST = 0.3
"""Of the letters."""


class Scene(NamedTuple):
    """Which frequencies are sampled, weights and bands of coefficients: ``[row, column]``."""

    mask: Bool[np.ndarray, "rows columns"]
    weights: Float[np.ndarray, "rows columns"]
    bands: Int[np.ndarray, "rows columns"]


class Detail(NamedTuple):
    """Letters of height one, and the rectangle of zeros and ones around them."""

    letters: Float[np.ndarray, "rows columns"]
    region: Float[np.ndarray, "rows columns"]


def scene(config: Config) -> Scene:
    """Density-adapted samples for the local sparsities of the phantom, as published."""
    shape = (config.attack_side,) * 2
    coefficients = haar().adjoint(jnp.asarray(images.phantom(config.attack_side)))
    sparsities = levels.sparsities(np.asarray(coefficients), LEVELS, 0.5)
    key = named_key(config.seed, "attack-mask")
    return Scene(
        sampling.density_adapted(key, shape, config.attack_rate, sparsities, "fourier"),
        levels.weights(levels.balanced(sparsities), shape),
        levels.places(shape, LEVELS),
    )


def haar() -> Operator:
    """From coefficients to images."""
    return wavelets.synthesis(1, LEVELS, 2)


def measurement(scene: Scene) -> Operator:
    """From real images to samples of their spectrum; the adjoint is that of a real-linear map."""
    sampled = operators.restricted(transforms.fourier(2), scene.mask)
    return Operator(sampled.forward, lambda y: sampled.adjoint(y).real)


def ellipses(config: Config, name: str, number: int) -> Float[Array, "number rows columns"]:
    """Random images, float32; the name tells training from test."""
    keys = jax.random.split(named_key(config.seed, f"attack-{name}"), number)
    return jax.jit(jax.vmap(lambda key: images.ellipses(key, config.attack_side)))(keys)


def pictures(config: Config) -> Float[Array, "pictures rows columns"]:
    """Test images, then the others, float32."""
    side = config.attack_side
    others = np.stack([images.phantom(side), images.photograph(side)]).astype("float32")
    return jnp.concatenate([ellipses(config, "judged", config.attack_images), jnp.asarray(others)])


def detail(config: Config) -> Detail:
    """Three letters of :func:`jaxlab.inverse.images.detail` in the middle.

    Strokes are a 32nd of the side wide, two pixels of 64: what is finer than most of the sampled
    frequencies can see is lost for all networks.
    """
    side = config.attack_side
    small = images.detail(64)
    top, left = (np.flatnonzero(small.any(axis=axis))[0] for axis in (1, 0))
    word = np.kron(small[top : top + 7, left : left + 17], np.ones((side // 32,) * 2))
    margins = [((side - length) // 2,) * 2 for length in word.shape]
    return Detail(*(np.pad(x, margins).astype("float32") for x in (word, np.ones_like(word))))


def marked(tests: Float[np.ndarray, "n rows columns"], detail: Detail) -> np.ndarray:
    """Images with letters: darker where an image is above 1/2, else brighter."""
    return tests + CONTRAST * np.where(tests > 0.5, -1, 1).astype(tests.dtype) * detail.letters


def noisy(config: Config, clean: Array, level: float) -> Array:
    """White noise on training images, of a norm between 0 and ``level`` times the image's."""
    key, shares = jax.random.split(named_key(config.seed, "attack-noise"))
    noise = jax.random.normal(key, clean.shape, clean.dtype)
    share = level * jax.random.uniform(shares, clean.shape[:1], clean.dtype)
    sizes = share * jax.vmap(norm)(clean) / jax.vmap(norm)(noise)
    return clean + sizes[:, None, None] * noise
