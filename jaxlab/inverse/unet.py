"""A small U-Net: it corrects an image by what convolutions at several resolutions see.

Per resolution two convolutions of 3 x 3 with ReLU; downwards the mean of 2 x 2 pixels, upwards
their repetition beside what the same resolution had on the way down. A last affine map of every
pixel's channels starts at zero: the untrained network is the identity. No normalisation, so that it
acts on one image at a time and nothing depends on a batch.

A convolution is :func:`jaxlab.networks.mlp.affine` on the 9 neighbours of every pixel, zero outside
the image. ``lax.conv_general_dilated`` gives the same numbers, but its gradients inside a loop take
two to three times as long on a CPU (jax 0.10.2), and training and attacks are loops.

References
----------
Ronneberger, Fischer, Brox, MICCAI 2015, arXiv 1505.04597; as a corrector of reconstructions: Jin,
McCann, Froustey, Unser, IEEE TIP 26 (2017) 4509, arXiv 1611.03679.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from jaxlab.networks import mlp
from jaxlab.networks.mlp import Layer

Block = tuple[Layer, Layer]
"""Two convolutions; a weight is ``[9 inputs, outputs]``, the 3 x 3 pixels row by row."""


class UNet(NamedTuple):
    """Parameters.

    Attributes
    ----------
    down
        Per resolution, from fine to coarse.
    up
        Per resolution but the coarsest, from coarse to fine.
    last
        To one channel.
    """

    down: tuple[Block, ...]
    up: tuple[Block, ...]
    last: Layer


def init(key: Key[Array, ""], *, features: int, levels: int, dtype: Any = "float32") -> UNet:
    """Kernels normal with He's variance, biases and the last map zero.

    Parameters
    ----------
    key
        Typed key.
    features
        Channels at the finest resolution; twice as many at every coarser one.
    levels
        Resolutions, at least one.
    dtype
        Of all parameters.

    Examples
    --------
    >>> params = init(jax.random.key(0), features=4, levels=2)
    >>> params.up[0][0].weight.shape
    (108, 4)
    """
    keys = iter(jax.random.split(key, 4 * levels))

    def convolution(inputs: int, outputs: int) -> Layer:
        draws = jax.random.normal(next(keys), (9 * inputs, outputs), dtype)
        return Layer(draws * float(np.sqrt(2 / (9 * inputs))), jnp.zeros(outputs, dtype))

    def block(inputs: int, outputs: int) -> Block:
        return convolution(inputs, outputs), convolution(outputs, outputs)

    width = [features * 2**level for level in range(levels)]
    return UNet(
        tuple(block(*pair) for pair in zip([1, *width], width, strict=False)),
        tuple(block(3 * outputs, outputs) for outputs in reversed(width[:-1])),
        Layer(jnp.zeros((features, 1), dtype), jnp.zeros(1, dtype)),
    )


def apply(params: UNet, image: Float[Array, "rows columns"]) -> Float[Array, "rows columns"]:
    """The corrected image; ``vmap`` over more.

    Parameters
    ----------
    params
        See :func:`init`.
    image
        For example a reconstruction ``A^H y``; of the parameters' dtype.

    Raises
    ------
    ValueError
        If the sides cannot be halved as often as the network asks for.

    Examples
    --------
    >>> params = init(jax.random.key(0), features=4, levels=2)
    >>> apply(params, jnp.ones((2, 2)))
    Array([[1., 1.],
           [1., 1.]], dtype=float32)
    """
    scale = 2 ** len(params.up)
    if any(side % scale for side in image.shape):
        raise ValueError(f"image: got shape {image.shape}, expected multiples of {scale}")
    x, kept = image[:, :, None], []
    for number, block in enumerate(params.down):
        x = _block(block, _halved(x) if number else x)
        kept.append(x)
    for block, beside in zip(params.up, reversed(kept[:-1]), strict=True):
        x = _block(block, jnp.concatenate([_doubled(x), beside], axis=2))
    return image + mlp.affine(params.last, x)[:, :, 0]


def _block(block: Block, x: Array) -> Array:
    for convolution in block:
        x = jax.nn.relu(mlp.affine(convolution, _neighbours(x)))
    return x


def _neighbours(x: Array) -> Array:
    """The channels of a pixel and those around it, ``[rows, columns, 9 channels]``."""
    rows, columns, _ = x.shape
    padded = jnp.pad(x, ((1, 1), (1, 1), (0, 0)))
    shifted = [padded[i : i + rows, j : j + columns] for i in range(3) for j in range(3)]
    return jnp.concatenate(shifted, axis=2)


def _halved(x: Array) -> Array:
    rows, columns, channels = x.shape
    return x.reshape(rows // 2, 2, columns // 2, 2, channels).mean(axis=(1, 3))


def _doubled(x: Array) -> Array:
    return jnp.repeat(jnp.repeat(x, 2, axis=0), 2, axis=1)
