"""Rounding to a number format: the one place in jaxlab where a value is rounded.

All of it is integer arithmetic on the bits of the carrier. Magic constants, ``floor`` and ``log2``
are not used: XLA rewrites the first under ``jit``, and its CPU backend flushes the subnormals that
the others need.
"""

import functools
import math
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from jaxlab.arithmetic.draws import bits64
from jaxlab.arithmetic.formats import Format, as_format

Rounding = Literal[
    "nearest_even",
    "nearest_away",
    "toward_zero",
    "up",
    "down",
    "to_odd",
    "stochastic",
    "stochastic_equal",
]
"""Rounding modes. ``up`` and ``down`` are towards +infinity and -infinity."""

STOCHASTIC: tuple[Rounding, ...] = ("stochastic", "stochastic_equal")
"""The modes that draw random bits and need a key."""


def round_to(
    x: Any,
    fmt: Any,
    rounding: Rounding = "nearest_even",
    key: Key[Array, ""] | None = None,
    *,
    random_bits: int | None = None,
) -> Float[Array, "..."]:
    """Round every entry of ``x`` once to a number format, keeping the dtype of ``x``.

    Parameters
    ----------
    x
        Array of any shape; its dtype is the *carrier*. A Python float is a float64 carrier.
    fmt
        A :class:`Format` or whatever :func:`as_format` takes.
    rounding
        ``nearest_even`` (default), ``nearest_away``, ``toward_zero``, ``up``, ``down``,
        ``to_odd``, ``stochastic`` (away from zero with probability equal to the fraction of the
        gap passed) or ``stochastic_equal`` (either neighbour with probability 1/2).
    key
        Typed PRNG key, for the stochastic modes and only for them. The same key gives the same
        bits; there is no hidden state. Keys of the ``rbg`` implementation are faster.
    random_bits
        ``r``: random bits per rounding in mode ``stochastic``; default: all 32 (float32) or 64
        (float64). The probability of rounding away is then truncated to a multiple of ``2**-r``,
        a bias of less than ``2**-r`` ulp towards zero.

    Returns
    -------
    Array of the shape and dtype of ``x``, every entry a value of ``fmt``. Overflow gives infinity,
    or NaN in a format without infinities, or the largest number in one that saturates or has
    neither; directed modes stop at the largest number where IEEE 754 says so. NaN stays NaN, also
    in formats without NaN, so that it is never lost. In formats without zero, zero becomes NaN and
    underflow the smallest number, as in ml_dtypes.

    Raises
    ------
    TypeError
        If ``x`` is not real floating point.
    ValueError
        If the carrier cannot hold the format, the rounding mode is unknown, or the key is missing
        or superfluous.

    Notes
    -----
    "Even" and "odd" mean the integer significand. With ``precision = 1`` that is 1 for every normal
    number, so ties go up and ``to_odd`` truncates. Without subnormals the numbers next to
    ``2**emin`` on its lower side are 0 and nothing else: ties go to 0.

    The derivative is *straight-through*: tangents and cotangents pass unchanged and unrounded.
    Subnormals are right in carrier and format, although XLA's CPU backend flushes them in
    arithmetic: what is done with the result afterwards may still flush it.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> round_to(jnp.array([0.1, 1e-5, 65519.0, 65520.0]), "float16")
    Array([9.9975586e-02, 1.0013580e-05, 6.5504000e+04,           inf], dtype=float32)
    >>> round_to(jnp.array([1.25, -1.25]), Format.ieee(exponent_bits=5, precision=2), "up")
    Array([ 1.5, -1. ], dtype=float32)
    >>> round_to(jnp.float32(1 / 3), "bf16", "stochastic", jax.random.key(0))
    Array(0.33203125, dtype=float32)
    """
    fmt = as_format(fmt)
    _check_rounding(rounding, key, random_bits)
    with jax.enable_x64(True):  # only so that a float64 carrier keeps its 64 bits
        x = x if isinstance(x, jax.Array) else jnp.asarray(x)
        if not jnp.issubdtype(x.dtype, jnp.floating):
            raise TypeError(f"x: got dtype {x.dtype}, expected a real floating-point dtype")
        carrier = as_format(x.dtype)
        if fmt.holds(carrier):
            return x
        if not carrier.holds(fmt):
            raise ValueError(
                f"x: got carrier {carrier.name}, which cannot hold every value of {fmt.name}; "
                "convert x to float32 or float64 first"
            )
        if x.dtype not in (jnp.float32, jnp.float64):
            wide = jax.lax.convert_element_type(x, jnp.float32)  # exact
            rounded = _round_once(wide, key, fmt, rounding, random_bits)
            return jax.lax.convert_element_type(rounded, x.dtype)  # exact: the carrier holds fmt
        return _round_once(x, key, fmt, rounding, random_bits)


def _check_rounding(rounding: str, key: Any, random_bits: int | None) -> None:
    if rounding not in get_args(Rounding):
        raise ValueError(f"rounding: got {rounding!r}, expected one of {get_args(Rounding)}")
    if (key is not None) != (rounding in STOCHASTIC):
        raise ValueError(
            f"key: got {'a key' if key is not None else 'None'} with rounding {rounding!r}; "
            f"a key is needed by {STOCHASTIC} and by them only"
        )
    if random_bits is not None and not (rounding == "stochastic" and 1 <= random_bits <= 32):
        raise ValueError(
            f"random_bits: got {random_bits} with rounding {rounding!r}, "
            "expected 1 to 32 with rounding 'stochastic'"
        )


@functools.partial(jax.custom_jvp, nondiff_argnums=(2, 3, 4))
def _straight_through(x, key, fmt: Format, rounding: str, random_bits: int | None):
    return _round(x, key, fmt=fmt, rounding=rounding, random_bits=random_bits)


@_straight_through.defjvp
def _straight_through_jvp(fmt, rounding, random_bits, primals, tangents):
    return _straight_through(*primals, fmt, rounding, random_bits), tangents[0]


# Compiled outside the rule, so that an eager call is one dispatch.
_round_once = jax.jit(_straight_through, static_argnums=(2, 3, 4))


class _Carrier(NamedTuple):
    """Bit layout of a carrier: stored significand bits, exponent bias, and its unsigned twin."""

    mantissa: int
    bias: int
    uint: Any
    width: int


_CARRIERS = {
    "float32": _Carrier(23, 127, np.uint32, 32),
    "float64": _Carrier(52, 1023, np.uint64, 64),
}


def _round(
    x: Float[Array, "..."], key: Any, *, fmt: Format, rounding: str, random_bits: int | None
) -> Float[Array, "..."]:
    carrier = _CARRIERS[x.dtype.name]
    uint, m = carrier.uint, carrier.mantissa
    bits = jax.lax.bitcast_convert_type(x, uint)
    sign = bits & uint(1 << (carrier.width - 1))
    magnitude = bits ^ sign
    negative = sign != 0

    # |x| = significand * 2**(exponent - bias - m); carrier subnormals have exponent 1 and no
    # implicit bit, so `magnitude == offset + significand` in both cases.
    stored = magnitude >> uint(m)
    exponent = jnp.maximum(stored, uint(1))
    offset = (exponent - uint(1)) << uint(m)
    significand = magnitude - offset
    drop = _dropped_bits(exponent, significand, fmt, carrier)

    # Beyond m + 1 dropped bits only 0 and the smallest number remain to choose from.
    shift = jnp.minimum(drop, m + 2).astype(uint)
    unit = uint(1) << shift
    rest = significand & (unit - uint(1))
    odd = (significand >> shift) & uint(1)
    if rounding == "stochastic":
        away = _draw(rest, drop, key, random_bits, carrier)
    else:
        away = _away(rest, unit, odd, negative, rounding, key)
    kept = significand - rest + jnp.where(away, unit, uint(0))
    smallest = _bits(fmt.smallest_positive, x.dtype)
    result = jnp.where(drop > m + 1, jnp.where(away, smallest, uint(0)), offset + kept)
    result = jnp.where(kept == 0, uint(0), result)
    result = _specials(result, magnitude, negative, fmt, rounding, x.dtype)
    if not fmt.signed:  # -0 is the number 0
        result = jnp.where(negative & (magnitude != 0), _bits(math.nan, x.dtype), result)
    if not fmt.negative_zero:
        sign = jnp.where(result == 0, uint(0), sign)
    return jax.lax.bitcast_convert_type(result | sign, x.dtype)


def _dropped_bits(exponent, significand, fmt: Format, carrier: _Carrier):
    """How many low bits of the significand the format cannot keep (int32, never negative)."""
    m = carrier.mantissa
    exponent = exponent.astype(jnp.int32)
    lowest = fmt.emin + carrier.bias  # biased exponent of the format's smallest normal binade
    below = fmt.quantum_exponent + carrier.bias + m - exponent
    if lowest == 1 and fmt.subnormals:  # the exponent ranges begin together: a constant
        return jnp.int32(m - fmt.precision + 1)
    if lowest > 1:
        return jnp.where(exponent >= lowest, m - fmt.precision + 1, below)
    # Biased exponent 1 is shared by a normal binade and the carrier's subnormals, and the format's
    # normals may reach into the latter: tell them apart by the leading bit.
    leading = carrier.width - 1 - jax.lax.clz(significand).astype(jnp.int32)
    normal = exponent - m + leading >= lowest
    return jnp.maximum(jnp.where(normal, leading - fmt.precision + 1, below), 0)


def _away(rest, unit, odd, negative, rounding: str, key: Any):
    """Whether the magnitude is rounded up, given the dropped ``rest`` of one ``unit``."""
    inexact = rest != 0
    match rounding:
        case "nearest_even":
            return rest + rest + odd > unit
        case "nearest_away":
            return rest + rest >= unit
        case "toward_zero":
            return jnp.zeros_like(inexact)
        case "up":
            return inexact & ~negative
        case "down":
            return inexact & negative
        case "to_odd":
            return inexact & (odd == 0)
        case _:  # stochastic_equal
            return inexact & (jax.random.bits(key, rest.shape, np.uint32) >> 31 == 1)


def _draw(rest, drop, key, random_bits: int | None, carrier: _Carrier):
    """Bernoulli(rest / 2**drop), exactly up to the number of random bits."""
    width, uint = carrier.width, carrier.uint
    # rest / 2**drop as a fixed-point fraction of `width` bits; shifts by `width` or more give 0.
    left = jnp.maximum(width - drop, 0).astype(uint)
    right = jnp.maximum(drop - width, 0).astype(uint)
    fraction = (rest << left) >> right
    if random_bits is None:
        draw = bits64(key, rest.shape) if width == 64 else jax.random.bits(key, rest.shape, uint)
        return draw < fraction
    threshold = fraction >> uint(width - random_bits)
    draw = jax.random.bits(key, rest.shape, np.uint32) >> np.uint32(32 - random_bits)
    return draw.astype(uint) < threshold


def _specials(result, magnitude, negative, fmt: Format, rounding: str, dtype):
    """Replace overflow, infinities, NaN and forbidden zeros in the rounded magnitude."""
    largest, infinity, nan = (_bits(v, dtype) for v in (fmt.max, math.inf, math.nan))
    if fmt.infinities and not fmt.saturate:
        beyond = infinity
    else:
        beyond = nan if fmt.nans and not fmt.saturate else largest
    stops = {"toward_zero": True, "to_odd": True, "up": negative, "down": ~negative}
    overflow = jnp.where(stops.get(rounding, False), largest, beyond)
    result = jnp.where(result > largest, overflow, result)
    if not fmt.zero:
        smallest = _bits(fmt.smallest_positive, dtype)
        result = jnp.where(result == 0, jnp.where(magnitude == 0, nan, smallest), result)
    result = jnp.where(magnitude == infinity, beyond, result)
    return jnp.where(magnitude > infinity, nan, result)


def _bits(value: float, dtype) -> Any:
    """The bits of a nonnegative constant in the carrier (computed by NumPy: no flushing)."""
    carrier = _CARRIERS[np.dtype(dtype).name]
    return np.asarray(value, dtype).view(carrier.uint)[()]
