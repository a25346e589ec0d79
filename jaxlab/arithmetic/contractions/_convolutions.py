"""Convolutions whose sums are accumulated as asked."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from jaxlab.arithmetic.contractions._dots import contract
from jaxlab.arithmetic.contractions._linear import straight_through
from jaxlab.arithmetic.contractions._summation import Summation, resolve
from jaxlab.arithmetic.rounding import Rounding


def conv_general_dilated(
    lhs: Float[Array, "..."],
    rhs: Float[Array, "..."],
    *,
    window_strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    lhs_dilation: Sequence[int],
    rhs_dilation: Sequence[int],
    dimension_numbers: jax.lax.ConvDimensionNumbers,
    feature_group_count: int = 1,
    batch_group_count: int = 1,
    accumulator: Any,
    fmt: Any,
    rounding: Rounding = "nearest_even",
    key: Key[Array, ""] | None = None,
) -> Float[Array, "..."]:
    """``jax.lax.conv_general_dilated`` with a chosen accumulator.

    The parameters are those of the primitive ``conv_general_dilated``, and the others those of
    :func:`dot_general`. The terms of a sum run over the window in row-major order and, fastest,
    over the input features. Padding and the gaps of a dilated input are terms, equal to zero: they
    round nothing, but they count in the blocks of ``blocked`` and as leaves of ``pairwise``.
    Except for ``exact``, the windows are gathered in memory (im2col).

    Parameters
    ----------
    lhs, rhs
        Input and kernel, carriers of one dtype.
    window_strides, padding, lhs_dilation, rhs_dilation
        One entry (pair) for each spatial dimension; padding may be negative.
    dimension_numbers
        Layouts; the result of ``jax.lax.conv_dimension_numbers``.
    feature_group_count, batch_group_count
        Groups; at most one of them is above 1.
    accumulator, fmt, rounding, key
        As in :func:`dot_general`.

    Returns
    -------
    As in :func:`dot_general`, in the layout of ``dimension_numbers.out_spec``.

    Raises
    ------
    TypeError, ValueError
        As in :func:`dot_general`.

    Examples
    --------
    >>> image, kernel = jnp.ones((1, 5000, 6)), jnp.ones((1, 5000, 1))
    >>> dims = jax.lax.conv_dimension_numbers(image.shape, kernel.shape, None)
    >>> conv = functools.partial(conv_general_dilated, image, kernel, dimension_numbers=dims,
    ...     window_strides=(5,), padding=((0, 0),), lhs_dilation=(1,), rhs_dilation=(1,))
    >>> conv(accumulator="sequential", fmt="bfloat16")
    Array([[[256., 256.]]], dtype=float32)
    """
    how = resolve(accumulator, fmt, rounding, key, lhs, rhs, products=True)
    window = (
        tuple(window_strides),
        tuple((int(low), int(high)) for low, high in padding),
        tuple(lhs_dilation),
        tuple(rhs_dilation),
        dimension_numbers,
        feature_group_count,
        batch_group_count,
    )
    with jax.enable_x64(True):
        return _conv(lhs, rhs, key, window, how)


@functools.partial(jax.jit, static_argnums=(3, 4))
def _conv(lhs, rhs, key, window, how: Summation):
    def native(lhs, rhs):
        return jax.lax.conv_general_dilated(lhs, rhs, *window, precision=jax.lax.Precision.HIGHEST)

    def emulated(key, lhs, rhs):
        lhs, rhs = lhs.astype(how.working), rhs.astype(how.working)
        products, partial, result = how.keys(key)
        if how.accumulator.order == "exact":
            return how.finish(native(lhs, rhs), result)
        layout, features, batches = window[4:]
        kernel = rhs.transpose(layout.rhs_spec)  # [out, in, *window]
        inside = kernel.shape[2:]
        patches = _windows(lhs.transpose(layout.lhs_spec), inside, *window[:4])
        left, batch, outside = _patches_first(patches, features, batches)
        right = kernel.reshape(features * batches, -1, kernel.shape[1], *inside)
        right = jnp.moveaxis(right, (2, 0, 1), (-3, -2, -1)).reshape(
            left.shape[0], left.shape[1], -1
        )
        total = contract(left, right, how, products, partial)
        total = total.reshape(left.shape[1], batch, *outside, right.shape[2])
        total = jnp.moveaxis(total, (0, -1), (1, 2)).reshape(batch, kernel.shape[0], *outside)
        return how.finish(total.transpose(np.argsort(layout.out_spec)), result)

    return straight_through(native, emulated, key, lhs, rhs)


def _windows(x, inside, strides, padding, lhs_dilation, rhs_dilation):
    """From [batch, feature, *space] to [batch, feature, *(position in window, window)]."""
    gaps = [(low, high, step - 1) for (low, high), step in zip(padding, lhs_dilation, strict=True)]
    x = jax.lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), (0, 0, 0), *gaps])
    for d in reversed(range(len(inside))):
        offsets = np.arange(inside[d]) * rhs_dilation[d]
        starts = np.arange(0, x.shape[2 + d] - offsets[-1], strides[d])
        x = jnp.take(x, (offsets[:, None] + starts).astype(np.int32), axis=2 + d)
    return x


def _patches_first(x, features, batches):
    """Windows as [terms, groups, batch * windows]; the batch and the numbers of windows."""
    spatial = (x.ndim - 2) // 2
    inside, outside = x.shape[2::2], x.shape[3::2]
    batch, channels = x.shape[0] // batches, x.shape[1] // features
    x = x.reshape(batches, batch, features, channels, *x.shape[2:])
    windows = [4 + 2 * d for d in range(spatial)]
    x = x.transpose(*windows, 3, 0, 2, 1, *[w + 1 for w in windows])
    return x.reshape(math.prod(inside) * channels, batches * features, -1), batch, outside
