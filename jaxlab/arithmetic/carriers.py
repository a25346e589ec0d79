"""Carriers: the dtype a computation is done in, so that one rounding stays one rounding.

An operation on numbers of ``p`` bits is emulated by doing it in a *carrier* of ``P`` bits and
rounding the result. That rounds twice, and the first rounding is harmless to the second one in two
cases: to nearest, for ``+ - * / sqrt``, if ``P >= 2p + 2`` (Figueroa 1995,
doi:10.1145/221332.221334); in every mode, for sums of all addends that the carrier holds, if the
first rounding is to odd and ``P >= p + 2`` (Boldo and Melquiond 2008, doi:10.1109/TC.2007.70819).
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxlab.arithmetic.formats import Format, as_format, float32, float64

_WIDE = (float32, float64)
_UINT = {"float32": np.uint32, "float64": np.uint64}


def carrier_for(fmt: Format, carrier: Any = None, double_rounding: bool = False) -> np.dtype:
    """The dtype in which arithmetic of ``fmt`` is emulated, after a check that it is sound.

    An operation ``+ - * / sqrt`` on two numbers of precision ``p``, correctly rounded to the
    carrier's precision ``P`` and then to ``p``, equals the operation rounded once if
    ``P >= 2p + 2``.

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
    double_rounding
        Accept, and choose, float64 for any format that it holds. With fewer than ``2p + 2`` bits
        every operation is rounded twice, and errs by up to ``u (1 + 2**(p - 53))`` relative to the
        exact result instead of ``u``: the standard model still, not the format's own arithmetic.

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
    if double_rounding:
        if carrier not in (None, "float64") or not float64.holds(fmt):
            raise ValueError(
                f"double_rounding: got carrier {carrier!r} for {fmt.name}, expected float64 and a "
                "format that it holds"
            )
        return _dtype(float64)
    if carrier is None:
        for wide in _WIDE:
            if _innocuous(fmt, wide) and _roomy(fmt, wide):
                return _dtype(wide)
        raise ValueError(
            f"fmt: got {fmt.name} with p = {fmt.precision}, but no carrier has the precision "
            f"P >= 2p + 2 = {2 * fmt.precision + 2} and the range that make emulation exact; "
            "expected p <= 25 and at most 9 exponent bits, or double_rounding=True "
            "(float64 itself can only be run natively)"
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


def working_dtype(dtype: Any, *formats: Format) -> np.dtype | None:
    """The narrowest of float32 and float64 in which sums and products of the formats are sound.

    It holds ``dtype`` and every number of the formats, and has at least ``2p + 2`` bits for each of
    their precisions ``p``: products are exact, and so is the rounding of sums, as long as they are
    normal numbers of it. In float32 those of e5m2, float16 and narrower formats are. Products of
    bfloat16, which has float32's exponents, may overflow there or underflow: in a sum with a
    comparable term of the other sign, or in a directed mode, that shows. With float64 operands it
    does not happen.

    Parameters
    ----------
    dtype
        Where the values come from; float64 never becomes narrower.
    formats
        Formats of the operands and of the sums.

    Returns
    -------
    The dtype, or None where float64 does not suffice (more than 25 bits).

    Examples
    --------
    >>> from jaxlab.arithmetic.formats import bfloat16, float16
    >>> working_dtype("float32", bfloat16, float16), working_dtype("float32", float32)
    (dtype('float32'), dtype('float64'))
    """
    source = as_format(dtype)
    for wide in _WIDE:
        if wide.holds(source) and all(_innocuous(fmt, wide) for fmt in formats):
            return _dtype(wide)
    return None


def odd_sum(a: Float[Array, "*shape"], b: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """``a + b`` rounded to odd in the carrier: inexact sums have an odd last bit.

    Rounding the result again, in any mode, to a format of at least two bits less gives what a
    single rounding of the exact sum gives. A sum to nearest does not: in float32 ``1 - 2**-60`` is
    1, and truncating that to eight bits misses the number below 1.

    The error of the sum is Dekker's fast two-sum (1971, doi:10.1007/BF01397083); the selection by
    magnitude also keeps XLA from cancelling ``(a + b) - a``. Where the backend flushes subnormals
    to zero (XLA:CPU), an error below the carrier's smallest normal number is not seen.

    Parameters
    ----------
    a, b
        Float32 or float64, of one shape.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> float(odd_sum(jnp.float32(1), jnp.float32(-(2.0**-60)))) == 1 - 2.0**-24
    True
    """
    with jax.enable_x64(True):  # only so that float64 keeps its 64 bits
        swap = jnp.abs(a) < jnp.abs(b)
        large, small = jnp.where(swap, b, a), jnp.where(swap, a, b)
        total = large + small
        error = small - (total - large)
        uint = _UINT[total.dtype.name]
        bits = jax.lax.bitcast_convert_type(total, uint)
        signs = bits ^ jax.lax.bitcast_convert_type(error, uint)
        beyond = signs >> uint(8 * bits.itemsize - 1)  # the sum to nearest is larger in magnitude
        inexact = (jnp.abs(error) > 0).astype(uint)  # false for NaN, so infinities stay
        # Truncate, then set the last bit. An overflow becomes the largest number, which is odd.
        truncated = bits - (beyond & inexact)
        return jax.lax.bitcast_convert_type(truncated | inexact, total.dtype)


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
