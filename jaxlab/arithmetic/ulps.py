"""Units in the last place: the spacing of a format's numbers as a ruler for errors.

Everything but the integer distance is computed and returned in float64, whatever the x64 flag says.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt

from jaxlab.arithmetic.emulation import enter
from jaxlab.arithmetic.formats import Format, as_format
from jaxlab.arithmetic.rounding import round_to

_UINT = {16: np.uint16, 32: np.uint32, 64: np.uint64}


def widen(x: Any) -> Float[Array, "..."]:
    """The same numbers in float64, exactly.

    XLA:CPU turns the float32 and bfloat16 subnormals into zero when it converts them; here they are
    read from their bits. float64 passes unchanged.

    Parameters
    ----------
    x
        Floating array of any shape, in NumPy or JAX.

    Raises
    ------
    TypeError
        If ``x`` is not real floating point.

    Examples
    --------
    >>> float(widen(jnp.float32(1e-40)))
    9.99994...e-41
    """
    with jax.enable_x64(True):
        x = jnp.asarray(x)
        if not jnp.issubdtype(x.dtype, jnp.floating):
            raise TypeError(f"x: got dtype {x.dtype}, expected a real floating-point dtype")
        return enter(x, jnp.float64)


def ulp_distance(a: Any, b: Any, fmt: Any = None) -> UInt[Array, "..."]:
    """How many steps of the number line of a format lie between ``a`` and ``b``.

    Infinity is the number after the largest one, and -0 is 0. NaN is at distance 0 from NaN and at
    the largest distance of the result's dtype from everything else.

    Parameters
    ----------
    a, b
        Floating arrays of the same shape and dtype (the carrier).
    fmt
        The format whose numbers are counted; None is that of the dtype. Entries that are not
        numbers of the format are rounded to it first, to nearest even.

    Returns
    -------
    Array of the shape of ``a``: uint64 for float64, else uint32. Exact.

    Raises
    ------
    ValueError
        If dtypes or shapes differ, or the carrier cannot hold the format.

    Examples
    --------
    >>> ulp_distance(jnp.float32(1), jnp.float32(1.0000002))
    Array(2, dtype=uint32)
    >>> int(ulp_distance(jnp.float32(-1), jnp.float32(1.5), "float8_e5m2"))
    122
    """
    with jax.enable_x64(True):
        a, b = jnp.asarray(a), jnp.asarray(b)
        if a.shape != b.shape or a.dtype != b.dtype:
            raise ValueError(
                f"b: got {b.dtype}{list(b.shape)}, expected {a.dtype}{list(a.shape)} as for a"
            )
        fmt = as_format(a.dtype if fmt is None else fmt)
        (sign_a, steps_a), (sign_b, steps_b) = _ordinal(a, fmt), _ordinal(b, fmt)
        longer, shorter = jnp.maximum(steps_a, steps_b), jnp.minimum(steps_a, steps_b)
        distance = jnp.where(sign_a == sign_b, longer - shorter, longer + shorter)
        one_nan, both_nan = jnp.isnan(a) | jnp.isnan(b), jnp.isnan(a) & jnp.isnan(b)
        limit = np.iinfo(distance.dtype).max
        distance = jnp.where(one_nan, jnp.array(limit, distance.dtype), distance)
        return jnp.where(both_nan, jnp.array(0, distance.dtype), distance)


def error_in_ulps(value: Any, reference: Any, fmt: Any) -> Float[Array, "..."]:
    """``|value - reference| / ulp(reference)``, the ulp being that of the format.

    The ulp of ``x`` is the spacing of the format's numbers in the binade of ``x``, and the smallest
    positive number below the normal range. Correct rounding gives at most 1/2 (Muller et al.,
    Handbook of Floating-Point Arithmetic, 2018, doi:10.1007/978-3-319-76526-6).

    Parameters
    ----------
    value, reference
        Floating arrays of the same shape; the reference need not be a number of the format.
    fmt
        Whatever :func:`as_format` takes.

    Returns
    -------
    float64 array. XLA:CPU flushes float64 differences below 2**-1022 to zero.

    Examples
    --------
    >>> float(error_in_ulps(jnp.float32(1.0), np.float64(1 + 2**-9), "bfloat16"))
    0.25
    """
    fmt = as_format(fmt)
    with jax.enable_x64(True):
        reference = widen(reference)
        exponent = jnp.maximum(binade(reference), fmt.emin) - (fmt.precision - 1)
        if not fmt.subnormals:  # below 2**emin there is nothing but zero
            exponent = jnp.where(binade(reference) < fmt.emin, fmt.emin, exponent)
        # Two powers of two, since 2**1074 alone would overflow; both products are exact.
        half = -exponent // 2
        return absolute_error(value, reference) * power(half) * power(-exponent - half)


def absolute_error(value: Any, reference: Any) -> Float[Array, "..."]:
    """``|value - reference|`` entrywise in float64.

    Examples
    --------
    >>> absolute_error(np.array([1.0, np.inf, np.nan]), np.array([3.0, np.inf, 0.0]))
    Array([ 2.,  0., inf], dtype=float64)
    """
    with jax.enable_x64(True):
        value, reference = widen(value), widen(reference)
        if value.shape != reference.shape:
            raise ValueError(f"reference: got shape {reference.shape}, expected {value.shape}")
        same = (value == reference) | (jnp.isnan(value) & jnp.isnan(reference))
        difference = jnp.abs(value - reference)
        finite = jnp.isfinite(value) & jnp.isfinite(reference)
        return jnp.where(same, 0.0, jnp.where(finite, difference, jnp.inf))


def binade(x: Float[Array, "*shape"]) -> Int[Array, "*shape"]:
    """``floor(log2 |x|)`` of float64 numbers: -1023 for zero and subnormals, 1024 for inf and NaN.

    Examples
    --------
    >>> int(binade(widen(jnp.float32(0.75))))
    -1
    """
    with jax.enable_x64(True):
        bits = jax.lax.bitcast_convert_type(x, np.uint64)
        return ((bits >> np.uint64(52)) & np.uint64(0x7FF)).astype(jnp.int32) - 1023


def power(exponent: Int[Array, "*shape"]) -> Float[Array, "*shape"]:
    """``2**exponent`` as a float64, for ``-1022 <= exponent <= 1023``.

    Examples
    --------
    >>> float(power(jnp.int32(-3)))
    0.125
    """
    with jax.enable_x64(True):
        bits = (exponent + 1023).astype(jnp.uint64) << np.uint64(52)
        return jax.lax.bitcast_convert_type(bits, np.float64)


def _ordinal(x: Array, fmt: Format) -> tuple[Array, Array]:
    """Sign bit and how many steps of the format |x| is away from zero (unsigned integers)."""
    x = round_to(x, fmt)
    carrier = as_format(x.dtype)
    if x.dtype.itemsize == 1:
        x, carrier = x.astype(jnp.float32), as_format("float32")
    width, stored, bias = x.dtype.itemsize * 8, carrier.precision - 1, 1 - carrier.emin
    uint = np.uint64 if width == 64 else np.uint32
    bits = jax.lax.bitcast_convert_type(x, _UINT[width]).astype(uint)
    magnitude = bits & uint((1 << (width - 1)) - 1)
    # Shift the leading bit of carrier subnormals into place, so that every number is normal.
    leading = np.iinfo(uint).bits - 1 - jax.lax.clz(magnitude).astype(jnp.int32)
    up = jnp.where(magnitude >> uint(stored) == 0, stored - leading, 0)
    field = (magnitude >> uint(stored)).astype(jnp.int32)
    exponent = jnp.where(up > 0, 1 - up, field) - bias
    significand = magnitude - (jnp.maximum(field - 1, 0).astype(uint) << uint(stored))
    significand = significand << jnp.clip(up, 0, stored).astype(uint)
    # Numbers of the format that are below 2**emin drop more bits of the significand.
    below = jnp.clip(fmt.emin - exponent, 0, fmt.precision)
    kept = significand >> (below + (stored + 1 - fmt.precision)).astype(uint)
    binades = jnp.maximum(exponent - fmt.emin, 0).astype(uint)
    steps = kept + (binades << uint(fmt.precision - 1))
    if not fmt.subnormals:  # the first number after zero is 2**emin
        steps = steps - uint((1 << (fmt.precision - 1)) - 1)
    if fmt.infinities:  # one step after the largest number
        top = (fmt.emax - fmt.emin + 2) * 2 ** (fmt.precision - 1) - fmt.reserved
        top = top if fmt.subnormals else top - 2 ** (fmt.precision - 1) + 1
        steps = jnp.where(jnp.isinf(x), uint(top), steps)
    steps = jnp.where(magnitude == 0, uint(0), steps)
    return bits >> uint(width - 1), steps
