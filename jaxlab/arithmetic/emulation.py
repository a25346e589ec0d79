"""Which wide dtype may carry the values of a narrower format, and how values get in and out."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxlab.arithmetic.formats import Format, as_format, float32, float64
from jaxlab.arithmetic.rounding import round_to

_WIDE = (float32, float64)


def carrier_for(fmt: Format, carrier: Any = None) -> np.dtype:
    """The dtype in which arithmetic of ``fmt`` is emulated, after a check that it is sound.

    An operation ``+ - * / sqrt`` on two numbers of precision ``p``, correctly rounded to the
    carrier's precision ``P`` and then to ``p``, equals the operation rounded once if
    ``P >= 2p + 2`` (Figueroa 1995, doi:10.1145/221332.221334).

    Parameters
    ----------
    fmt
        The format to emulate.
    carrier
        ``"float32"``, ``"float64"``, or None for the narrowest that is sound and in which products
        and quotients of numbers of the format are *normal* numbers: XLA's CPU backend flushes
        subnormals of the carrier to zero, and an overflow of the carrier would become infinity in
        every rounding mode. ``carrier="float32"`` for bfloat16, whose exponents are float32's, is
        sound but for those two; it is faster, and must be asked for.

    Raises
    ------
    ValueError
        If no carrier is sound, if the one asked for is not, or if the format has no sign or zero.

    Examples
    --------
    >>> from jaxlab.arithmetic import bfloat16, float16
    >>> carrier_for(float16), carrier_for(bfloat16), carrier_for(bfloat16, "float32")
    (dtype('float32'), dtype('float64'), dtype('float32'))
    """
    if not (fmt.signed and fmt.zero):
        raise ValueError(f"fmt: got {fmt.name}, a format of scales; expected one with sign and 0")
    if carrier is None:
        for wide in _WIDE:
            if _innocuous(fmt, wide) and _roomy(fmt, wide):
                return _dtype(wide)
        raise ValueError(
            f"fmt: got {fmt.name} with p = {fmt.precision}, but no carrier has the precision "
            f"P >= 2p + 2 = {2 * fmt.precision + 2} and the range that make emulation exact; "
            "expected p <= 25 and at most 9 exponent bits (float64 can only be run natively)"
        )
    wide = as_format(carrier)
    if wide not in _WIDE:
        raise ValueError(f"carrier: got {wide.name}, expected float32 or float64")
    if not _innocuous(fmt, wide):
        raise ValueError(
            f"carrier: got {wide.name} with P = {wide.precision} for {fmt.name} with "
            f"p = {fmt.precision}; double rounding is innocuous for + - * / sqrt only if "
            f"P >= 2p + 2 = {2 * fmt.precision + 2} and the carrier holds the format"
        )
    return _dtype(wide)


def _dtype(fmt: Format) -> np.dtype:
    assert fmt.dtype is not None
    return fmt.dtype


def _innocuous(fmt: Format, wide: Format) -> bool:
    return wide.precision >= 2 * fmt.precision + 2 and wide.holds(fmt)


def _roomy(fmt: Format, wide: Format) -> bool:
    """Whether products and quotients of the format's numbers are normal numbers of the carrier."""
    lowest, above = fmt.quantum_exponent, fmt.emax + 1
    smallest, largest = min(2 * lowest, lowest - above), max(2 * above, above - lowest)
    return smallest >= wide.emin and largest <= wide.emax + 1


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
