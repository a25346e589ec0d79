"""How values get into a carrier dtype and out of it, without a rounding too many."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxlab.arithmetic.rounding import round_to


def enter(x: Float[Array, "*shape"], carrier: Any) -> Float[Array, "*shape"]:
    """``x`` in a carrier dtype, every value unchanged where the carrier holds it.

    Subnormals of float32 become the float64 numbers that they are, although XLA's conversion
    flushes them. 64-bit types must be enabled where the carrier is float64.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> with jax.enable_x64(True):
    ...     print(enter(jnp.float32(1e-40), jnp.float64) == np.float32(1e-40).astype(float))
    True
    """
    carrier = np.dtype(carrier)
    if x.dtype == carrier:
        return x
    if x.dtype == np.float64:
        return leave(x, carrier)
    if carrier != np.float64 or x.dtype == np.float16:
        return jax.lax.convert_element_type(x, carrier)
    x = jax.lax.convert_element_type(x, np.float32)
    bits = jax.lax.bitcast_convert_type(x, np.uint32)
    count = jax.lax.convert_element_type(bits & np.uint32(0x7FFFFF), np.float64)
    tiny = jnp.where(bits >> 31 == 1, -count, count) * np.float64(2.0**-149)
    subnormal = (bits & np.uint32(0x7F800000)) == 0
    return jnp.where(subnormal & (count > 0), tiny, jax.lax.convert_element_type(x, np.float64))


def leave(x: Float[Array, "*shape"], dtype: Any) -> Float[Array, "*shape"]:
    """A carried value in another dtype: one rounding to nearest even, none where it fits.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> with jax.enable_x64(True):
    ...     small = leave(jnp.float64(2.0**-140), jnp.float32)
    >>> int(jax.lax.bitcast_convert_type(small, jnp.uint32))  # not flushed: 2**9 * 2**-149
    512
    """
    dtype = np.dtype(dtype)
    if x.dtype != np.float64 or dtype in (np.float64, np.float16):
        return jax.lax.convert_element_type(x, dtype)
    x = round_to(x, dtype)  # the conversions below are exact
    bits = jax.lax.bitcast_convert_type(x, np.uint64)
    exponent = ((bits >> np.uint64(52)) & np.uint64(0x7FF)).astype(np.int32) - 1023
    significand = (bits & np.uint64(2**52 - 1)) | np.uint64(2**52)
    shift = jnp.clip(-exponent - 97, 0, 63).astype(np.uint64)
    sign = (bits >> np.uint64(63)).astype(np.uint32) << 31
    tiny = jax.lax.bitcast_convert_type((significand >> shift).astype(np.uint32) | sign, np.float32)
    narrow = jax.lax.convert_element_type(x, np.float32)
    subnormal = (exponent < -126) & (exponent >= -150)
    return jax.lax.convert_element_type(jnp.where(subnormal, tiny, narrow), dtype)
