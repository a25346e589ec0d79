"""Carriers: the dtype a computation is done in, so that one rounding stays one rounding.

A sum of two numbers of ``p`` bits is emulated by adding them in a *carrier* of ``P`` bits and
rounding the result. That rounds twice, and the first rounding is harmless to the second one in two
cases: to nearest, if ``P >= 2p + 2`` (Figueroa 1995, doi:10.1145/221332.221334); in every mode and
for all addends that the carrier holds, if the first rounding is to odd and ``P >= p + 2`` (Boldo
and Melquiond 2008, doi:10.1109/TC.2007.70819).
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxlab.arithmetic.formats import Format, as_format, float32, float64

_UINT = {"float32": np.uint32, "float64": np.uint64}


def working_dtype(dtype: Any, *formats: Format) -> np.dtype | None:
    """The narrowest of float32 and float64 in which sums and products of the formats are sound.

    It holds ``dtype`` and every number of the formats, and has at least ``2p + 2`` bits for each of
    their precisions ``p``: products are exact, and so is the rounding of sums.

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
    for carrier in (float32, float64):
        holds = all(carrier.holds(fmt) for fmt in (source, *formats))
        if holds and all(2 * fmt.precision + 2 <= carrier.precision for fmt in formats):
            return carrier.dtype
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
