"""Random float64 numbers that survive a ``jit`` compiled with x64 off.

``jax.random`` narrows its 64-bit draws while it *lowers*, where the flag may have changed since the
tracing. Here two 32-bit words are drawn and joined, so that the flag cannot matter: the same key
gives the same float64 numbers eagerly, under ``jit`` and ``vmap``, with x64 on or off.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, UInt64


def bits64(key: Key[Array, ""], shape: tuple[int, ...]) -> UInt64[Array, "..."]:
    """Uniform 64-bit words of the given shape.

    Examples
    --------
    >>> bits64(jax.random.key(0), (2,)).dtype
    dtype('uint64')
    """
    with jax.enable_x64(True):
        words = jax.random.bits(key, (*shape, 2), np.uint32).astype(np.uint64)
        return (words[..., 0] << np.uint64(32)) | words[..., 1]


def uniform64(key: Key[Array, ""], shape: tuple[int, ...]) -> Float[Array, "..."]:
    """Uniform float64 numbers in the open interval (0, 1), odd multiples of ``2**-53``.

    Examples
    --------
    >>> 0 < float(uniform64(jax.random.key(0), ())) < 1
    True
    """
    with jax.enable_x64(True):
        # 52 random bits and a final 1: the integer is exact in float64, and so is the product.
        odd = (bits64(key, shape) >> np.uint64(11)) | np.uint64(1)
        return odd.astype(jnp.float64) * 2.0**-53


def normal_quantile(uniform: Float[Array, "..."]) -> Float[Array, "..."]:
    """Standard normal numbers from float64 uniform ones in (0, 1), by inversion.

    Examples
    --------
    >>> with jax.enable_x64(True):
    ...     float(normal_quantile(jnp.float64(0.5)))
    0.0
    """
    with jax.enable_x64(True):
        return math.sqrt(2.0) * jax.lax.erf_inv(2.0 * uniform - 1.0)


def normal64(key: Key[Array, ""], shape: tuple[int, ...]) -> Float[Array, "..."]:
    """Standard normal float64 numbers.

    Examples
    --------
    >>> normal64(jax.random.key(0), (3,)).shape
    (3,)
    """
    return normal_quantile(uniform64(key, shape))
