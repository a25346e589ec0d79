"""A quick fingerprint of the arithmetic that this device and compiler really do."""

import hashlib
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np

_LANES = 16  # long enough for the vectorised code path of every backend
_ONES = 5000


class Fingerprint(NamedTuple):
    """What jitted code does on the present device, measured.

    Attributes
    ----------
    contracts_float32, contracts_float64
        ``a * b + c`` is computed with one rounding (a fused multiply-add).
    divides_by_reciprocal
        ``x / 3`` is computed as ``x * (1 / 3)``, which differs in the last place.
    cancels_constants
        ``(x + 1) - 1`` is simplified to ``x``.
    flushes_float64, flushes_float32, flushes_float16, flushes_bfloat16
        A subnormal product of normal numbers is returned as zero.
    dot_float16, dot_bfloat16
        The dot product of 5000 ones with 5000 ones. Summed in the format itself it stalls at 2048
        or 256; summed in a wider format it is 5000 rounded to the format (5000 or 4992).
    dot_float32_drops_bits
        A float32 dot at default precision rounds its inputs (TF32 or bfloat16 passes).
    digest
        First twelve hexadecimal digits of the SHA-256 of the fields above.
    """

    contracts_float32: bool
    contracts_float64: bool
    divides_by_reciprocal: bool
    cancels_constants: bool
    flushes_float64: bool
    flushes_float32: bool
    flushes_float16: bool
    flushes_bfloat16: bool
    dot_float16: int
    dot_bfloat16: int
    dot_float32_drops_bits: bool
    digest: str


def fingerprint() -> Fingerprint:
    """Measure the arithmetic of jitted code on JAX's default device.

    Every measurement compiles a small program whose inputs are arguments, so that nothing is
    evaluated at compile time. 64-bit types are enabled for the duration of the call only.

    Returns
    -------
    A :class:`Fingerprint`. Two machines with the same digest agree on everything measured here,
    which is a necessary condition, not a sufficient one, for bitwise equal results.

    Examples
    --------
    >>> measured = fingerprint()
    >>> 256 <= measured.dot_bfloat16 <= 4992
    True
    >>> len(measured.digest)
    12
    """
    with jax.enable_x64(True):
        results = {
            "contracts_float32": _contracts(np.float32, 2.0**-13),
            "contracts_float64": _contracts(np.float64, 2.0**-27),
            "divides_by_reciprocal": _divides_by_reciprocal(),
            "cancels_constants": _cancels_constants(),
            "flushes_float64": _flushes(np.float64),
            "flushes_float32": _flushes(np.float32),
            "flushes_float16": _flushes(np.float16),
            "flushes_bfloat16": _flushes(ml_dtypes.bfloat16),
            "dot_float16": _dot_of_ones(np.float16),
            "dot_bfloat16": _dot_of_ones(ml_dtypes.bfloat16),
            "dot_float32_drops_bits": _dot_drops_bits(),
        }
    text = json.dumps(results, sort_keys=True)
    return Fingerprint(**results, digest=hashlib.sha256(text.encode()).hexdigest()[:12])


# The measured programs are module-level functions so that JAX compiles each of them once a process.
def _fused(a: jax.Array, b: jax.Array, c: jax.Array) -> jax.Array:
    return a * b + c


def _third(x: jax.Array) -> jax.Array:
    return x / 3.0


def _there_and_back(x: jax.Array) -> jax.Array:
    return (x + 1.0) - 1.0


def _product(x: jax.Array, y: jax.Array) -> jax.Array:
    return x * y


def _dot(x: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.dot(x, y, preferred_element_type=x.dtype)


def _on_device(fn: Callable[..., jax.Array], *inputs: np.ndarray) -> np.ndarray:
    """The jitted function's value at run-time inputs, on the host."""
    return np.asarray(jax.jit(fn)(*(jnp.asarray(x) for x in inputs)))


def _contracts(dtype: Any, delta: float) -> bool:
    """(1 + d)(1 + d) - (1 + 2d) is d*d with one rounding and 0 with two."""
    a = np.full(_LANES, 1.0 + delta, dtype)
    c = np.full(_LANES, -(1.0 + 2.0 * delta), dtype)
    return bool(np.any(_on_device(_fused, a, a, c) != 0))


def _divides_by_reciprocal() -> bool:
    x = np.arange(1, 1001, dtype=np.float32)
    return bool(np.any(_on_device(_third, x) != x / np.float32(3)))


def _cancels_constants() -> bool:
    x = np.full(_LANES, 2.0**-30, np.float32)
    return bool(np.any(_on_device(_there_and_back, x) != 0))


def _flushes(dtype: Any) -> bool:
    smallest = np.full(_LANES, ml_dtypes.finfo(dtype).smallest_normal, dtype)
    product = _on_device(_product, smallest, np.full(_LANES, 0.5, dtype))
    # Compare bits: a host that treats subnormals as zero would compare them equal to zero.
    return not np.any(product.view(np.dtype(f"u{product.dtype.itemsize}")))


def _dot_of_ones(dtype: Any) -> int:
    ones = np.ones(_ONES, dtype)
    return int(_on_device(_dot, ones, ones))


def _dot_drops_bits() -> bool:
    x = np.full((_LANES, _LANES), 1.0 + 2.0**-20, np.float32)
    product = _on_device(_dot, x, np.eye(_LANES, dtype=np.float32))
    return bool(np.any(product != x))
