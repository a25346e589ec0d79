"""The U-Net: its convolutions against XLA's own, its size, what a pixel sees."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.inverse import unet


@functools.partial(jax.jit, static_argnums=0)
def start(levels):
    return unet.init(jax.random.key(0), features=3, levels=levels)


@functools.partial(jax.jit, static_argnums=0)
def network(levels):
    """Random parameters: an untrained last map would hide everything."""
    leaves, form = jax.tree.flatten(start(levels))
    keys = jax.random.split(jax.random.key(1), len(leaves))
    draws = [
        leaf + 0.1 * jax.random.normal(k, leaf.shape) for k, leaf in zip(keys, leaves, strict=True)
    ]
    return jax.tree.unflatten(form, draws)


apply = jax.jit(unet.apply)


def convolution(layer, x):
    kernel = layer.weight.reshape(3, 3, x.shape[2], -1)
    product = jax.lax.conv_general_dilated(
        x[None],
        kernel,
        (1, 1),
        "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        precision=jax.lax.Precision.HIGHEST,
    )
    return jnp.maximum(product[0] + layer.bias[None, None], 0)


def block(layers, x):
    return convolution(layers[1], convolution(layers[0], x))


def by_hand(params, image):
    """Two resolutions, written out."""
    fine = block(params.down[0], image[:, :, None])
    coarse = block(
        params.down[1],
        jax.lax.reduce_window(fine / 4, 0.0, jax.lax.add, (2, 2, 1), (2, 2, 1), "VALID"),
    )
    up = jnp.kron(coarse, jnp.ones((2, 2, 1)))
    x = block(params.up[0], jnp.concatenate([up, fine], axis=2))
    return image + x @ params.last.weight[:, 0] + params.last.bias[0]


def test_it_is_what_xla_s_convolutions_make():
    params = network(2)
    image = jax.random.normal(jax.random.key(2), (6, 8))
    found = apply(params, image)
    np.testing.assert_allclose(found, jax.jit(by_hand)(params, image), rtol=1e-4, atol=1e-4)
    assert float(jnp.abs(found - image).max()) > 0.1


def test_untrained_it_is_the_identity_but_learns():
    params = start(2)
    image = jax.random.normal(jax.random.key(1), (6, 8))
    np.testing.assert_array_equal(apply(params, image), image)
    gradient = jax.jit(jax.grad(lambda p: jnp.sum(unet.apply(p, image) ** 2)))(params)
    assert np.all(gradient.last.bias != 0)
    assert np.any(gradient.last.weight != 0)


def test_a_pixel_changes_only_what_lies_near():
    params, image = network(1), jnp.zeros((12, 12))
    changed = np.asarray(apply(params, image.at[6, 6].set(1.0)) != apply(params, image))
    assert changed[4:9, 4:9].any()
    assert not changed[:4].any()
    assert not changed[:, 9:].any()


def test_parameters_are_counted_by_hand():
    params = jax.eval_shape(lambda key: unet.init(key, features=8, levels=3), jax.random.key(0))
    leaves = jax.tree.leaves(params)
    blocks = [(1, 8), (8, 16), (16, 32), (48, 16), (24, 8)]
    expected = sum(9 * i * o + o + 9 * o * o + o for i, o in blocks) + 8 + 1
    assert sum(leaf.size for leaf in leaves) == expected


def test_sides_that_cannot_be_halved_are_refused():
    with pytest.raises(ValueError, match="multiples of 2"):
        unet.apply(start(2), jnp.zeros((4, 3)))
