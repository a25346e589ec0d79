"""Double-double arithmetic: a number is the unevaluated sum of two floats, about 106 bits.

The same functions serve pairs of float64 and pairs of float32 (about 48 bits). They work eagerly,
under ``jit``, ``vmap`` and ``scan``, on arrays of any shape. XLA fuses a product and a sum into one
rounding and simplifies ``(x + c) - c``; here integer bit operations stand between the two, so the
algorithms keep their exactness under ``jit``.

Ranges: see :func:`two_prod`; sums are exact for terms in the range of its factors. Outside of them
a pair is only as good as a float. The high part overflows as a float does, and its low part is then
0.

References
----------
Dekker (1971, doi:10.1007/BF01397083); Hida, Li and Bailey (2001, doi:10.1109/ARITH.2001.930115);
Joldes, Muller and Popescu (2017, doi:10.1145/3121432), whose error bounds are quoted with ``u`` the
unit roundoff of one part; they hold without overflow and underflow.
"""

import functools
from fractions import Fraction
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxlab.arithmetic._dimensions import contracted_first
from jaxlab.arithmetic.ulps import widen


class DoubleDouble(NamedTuple):
    """The number ``hi + lo``, with ``hi`` the sum rounded to nearest.

    Attributes
    ----------
    hi, lo
        Arrays of one shape, both float64 or both float32.
    """

    hi: Float[Array, "..."]
    lo: Float[Array, "..."]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of both parts."""
        return self.hi.shape


def in_x64(fn: Any) -> Any:
    """Run a function of pairs with 64-bit types enabled, as those of float64 need.

    Examples
    --------
    >>> in_x64(lambda: jnp.zeros(1).dtype)()
    dtype('float64')
    """

    @functools.wraps(fn)
    def wide(*args, **kwargs):
        with jax.enable_x64(True):
            return fn(*args, **kwargs)

    return wide


@in_x64
def lift(x: Any) -> DoubleDouble:
    """A floating array as pairs of float64, exactly.

    Examples
    --------
    >>> lift(jnp.float32(0.5))
    DoubleDouble(hi=Array(0.5, dtype=float64), lo=Array(0., dtype=float64))
    """
    x = widen(x)
    return DoubleDouble(x, jnp.zeros_like(x))


@in_x64
def constant(value: Fraction | int | float, like: DoubleDouble) -> DoubleDouble:
    """The pair nearest to a rational number, in the dtype and shape of another pair.

    Examples
    --------
    >>> third = constant(Fraction(1, 3), lift(0.0))
    >>> float(third.lo)
    1.85...e-17
    """
    hi = np.asarray(float(value)).astype(like.hi.dtype)
    lo = np.asarray(float(Fraction(value) - Fraction(float(hi)))).astype(like.hi.dtype)
    return DoubleDouble(jnp.full_like(like.hi, hi), jnp.full_like(like.hi, lo))


@in_x64
def two_sum(a: Float[Array, "*s"], b: Float[Array, "*s"]) -> DoubleDouble:
    """``a + b`` exactly: the rounded sum and its error (Knuth).

    Examples
    --------
    >>> two_sum(jnp.float32(1), jnp.float32(2**-30)).lo == 2**-30
    Array(True, dtype=bool)
    """
    total = _fence(a + b)
    part = _fence(total - a)
    return DoubleDouble(total, _finite((a - _fence(total - part)) + (b - part)))


@in_x64
def two_prod(a: Float[Array, "*s"], b: Float[Array, "*s"]) -> DoubleDouble:
    """``a * b`` exactly: the rounded product and its error (Dekker, both factors split by bits).

    Exact while the halves of the factors and the products of the halves are normal numbers, as
    backends that flush subnormals (XLA:CPU) need: for factors of at least ``2**-970`` in float64
    (``2**-103`` in float32) and products of at least ``2**-916`` (``2**-78``), in magnitude, and
    factors and products below ``2**1023`` (``2**127``). Zeros are exact, too. Where subnormals are
    kept, products down to ``2**-968`` (``2**-101``) of any normal factors are exact.

    Examples
    --------
    >>> float(two_prod(jnp.float32(1 + 2**-20), jnp.float32(1 + 2**-20)).lo) == 2**-40
    True
    """
    product = _fence(a * b)
    (a1, a2), (b1, b2) = _split(a), _split(b)
    # Every product below is exact and so is every sum but the last; fused or not, no matter.
    error = a2 * b2 - (((product - a1 * b1) - a2 * b1) - a1 * b2)
    return DoubleDouble(product, _finite(error))


@in_x64
def add(x: DoubleDouble, y: DoubleDouble) -> DoubleDouble:
    """``x + y``, relative error at most ``3u**2 + 13u**3`` (AccurateDWPlusDW)."""
    s, t = two_sum(x.hi, y.hi), two_sum(x.lo, y.lo)
    v = _fast_two_sum(s.hi, s.lo + t.hi)
    return _fast_two_sum(v.hi, v.lo + t.lo)


@in_x64
def negative(x: DoubleDouble) -> DoubleDouble:
    """``-x``, exact."""
    return DoubleDouble(-x.hi, -x.lo)


@in_x64
def subtract(x: DoubleDouble, y: DoubleDouble) -> DoubleDouble:
    """``x - y``, with the error bound of :func:`add`."""
    return add(x, negative(y))


@in_x64
def multiply(x: DoubleDouble, y: DoubleDouble) -> DoubleDouble:
    """``x y``, relative error at most ``7u**2`` (DWTimesDW1)."""
    p = two_prod(x.hi, y.hi)
    return _fast_two_sum(p.hi, p.lo + _finite(_fence(x.hi * y.lo) + _fence(x.lo * y.hi)))


@in_x64
def divide(x: DoubleDouble, y: DoubleDouble) -> DoubleDouble:
    """``x / y``, relative error at most ``15u**2 + 56u**3`` (DWDivDW2, with DWTimesFP1)."""
    quotient = _quotient(x.hi, y.hi)
    p = two_prod(y.hi, quotient)
    t = _fast_two_sum(p.hi, _finite(_fence(y.lo * quotient)))
    r = _fast_two_sum(t.hi, t.lo + p.lo)
    rest = (x.hi - r.hi) + (x.lo - r.lo)
    return _fast_two_sum(quotient, _finite(_quotient(rest, y.hi)))


@in_x64
def sqrt(x: DoubleDouble) -> DoubleDouble:
    """Square root by one Newton correction of the float's; relative error a few ``u**2``."""
    root = _fence(jnp.sqrt(x.hi))
    p = two_prod(root, root)
    rest = (x.hi - p.hi) + (x.lo - p.lo)
    return _fast_two_sum(root, _finite(_quotient(rest, root + root)))


@in_x64
def absolute(x: DoubleDouble) -> DoubleDouble:
    """``|x|``, exact."""
    return where(jnp.signbit(x.hi), negative(x), x)


@in_x64
def where(condition: Any, x: DoubleDouble, y: DoubleDouble) -> DoubleDouble:
    """``x`` where the condition holds, else ``y``."""
    return DoubleDouble(jnp.where(condition, x.hi, y.hi), jnp.where(condition, x.lo, y.lo))


@in_x64
def less(x: DoubleDouble, y: DoubleDouble) -> Array:
    """``x < y``."""
    return (x.hi < y.hi) | ((x.hi == y.hi) & (x.lo < y.lo))


@in_x64
def equal(x: DoubleDouble, y: DoubleDouble) -> Array:
    """``x == y``."""
    return (x.hi == y.hi) & (x.lo == y.lo)


@in_x64
def scale(x: DoubleDouble, factor: Array) -> DoubleDouble:
    """``x`` times powers of two, exact unless a part leaves the normal range."""
    return DoubleDouble(_fence(x.hi * factor), _finite(_fence(x.lo * factor)))


@in_x64
def total(x: DoubleDouble, axes: tuple[int, ...]) -> DoubleDouble:
    """Sum over some axes, pairwise: relative to the sum of the ``|x|`` about ``3 log2(n) u**2``.

    Examples
    --------
    >>> tenth = lift(np.full(10, 0.1))
    >>> float(total(tenth, (0,)).lo)  # ten times the float64 number 0.1 is not 1
    5.55...e-17
    """
    kept = [axis for axis in range(x.hi.ndim) if axis not in axes]
    shape = [x.hi.shape[axis] for axis in kept]

    def front(part):
        return part.transpose(*axes, *kept).reshape(-1, *shape)

    x = jax.tree.map(front, x)
    if x.shape[0] == 0:
        return jax.tree.map(lambda part: jnp.zeros(shape, part.dtype), x)
    while (n := x.shape[0]) > 1:
        half = n // 2
        first, second, rest = (
            jax.tree.map(lambda part, s=s: part[s], x)
            for s in (slice(half), slice(half, 2 * half), slice(2 * half, None))
        )
        x = jax.tree.map(lambda *parts: jnp.concatenate(parts), add(first, second), rest)
    return jax.tree.map(lambda part: part[0], x)


@in_x64
def dot_general(x: DoubleDouble, y: DoubleDouble, dimension_numbers: Any) -> DoubleDouble:
    """``lax.dot_general`` of pairs, the products added in the order of the contracted index.

    The error is at most about ``(3n + 7) u**2`` times the product of the absolute values.

    Parameters
    ----------
    x, y
        Pairs of one dtype.
    dimension_numbers
        As for ``jax.lax.dot_general``.

    Examples
    --------
    >>> x = lift(np.array([1e16, 1.0, -1e16]))
    >>> float(dot_general(x, lift(np.ones(3)), (((0,), (0,)), ((), ()))).hi)
    1.0
    """
    (x_sum, y_sum), (x_batch, y_batch) = dimension_numbers
    (rows, batch, x_hi), (_, _, x_lo) = (contracted_first(part, x_sum, x_batch) for part in x)
    (columns, _, y_hi), (_, _, y_lo) = (contracted_first(part, y_sum, y_batch) for part in y)
    shape = (*x_hi.shape[1:], y_hi.shape[2])

    def step(sum_, parts):
        left, right = (
            [jnp.broadcast_to(jnp.expand_dims(part, axis), shape) for part in pair]
            for pair, axis in zip(parts, (2, 1), strict=True)
        )
        return add(sum_, multiply(DoubleDouble(*left), DoubleDouble(*right))), None

    start = jnp.zeros(shape, x.hi.dtype)
    sums, _ = jax.lax.scan(step, DoubleDouble(start, start), ((x_hi, x_lo), (y_hi, y_lo)))
    return jax.tree.map(lambda part: part.reshape(*batch, *rows, *columns), sums)


@in_x64
def matmul(x: DoubleDouble, y: DoubleDouble) -> DoubleDouble:
    """Matrix product of two matrices of pairs, see :func:`dot_general`."""
    return dot_general(x, y, (((1,), (0,)), ((), ())))


def _fast_two_sum(a, b) -> DoubleDouble:
    """a + b exactly, where |a| >= |b| or a == 0 (Dekker)."""
    total = _fence(a + b)
    return DoubleDouble(total, _finite(b - _fence(total - a)))


def _quotient(a, b):
    """a / b, rounded once: XLA would multiply by the reciprocal of a ``b`` that is a broadcast."""
    return _fence(a / jnp.where(a == a, b, a))


def _finite(error):
    """The error term, 0 where it is undefined because the result is infinite or NaN."""
    return jnp.where(jnp.isfinite(error), error, jnp.zeros_like(error))


def _layout(dtype) -> tuple[Any, int, int]:
    """Unsigned dtype, its largest magnitude that counts as a float, and half the significand."""
    if dtype == np.float64:
        return np.uint64, 0x7FF8000000000000, 27
    return np.uint32, 0x7FC00000, 12


def _fence(x):
    """``x``, through integer operations that no compiler may remove: one NaN for all NaNs.

    Without it a product is fused with the sum that follows, and ``(x + c) - x`` becomes ``c``.
    """
    uint, nan, _ = _layout(x.dtype)
    bits = jax.lax.bitcast_convert_type(x, uint)
    sign = bits & uint(1 << (np.iinfo(uint).bits - 1))
    return jax.lax.bitcast_convert_type(jnp.minimum(bits ^ sign, uint(nan)) | sign, x.dtype)


def _split(x):
    """Two floats of at most half the significand each, whose sum is x (rounded by integers)."""
    uint, _, low = _layout(x.dtype)
    bits = jax.lax.bitcast_convert_type(x, uint)
    head = (bits + uint(1 << (low - 1))) & ~uint((1 << low) - 1)
    head = jax.lax.bitcast_convert_type(head, x.dtype)
    return head, x - head
