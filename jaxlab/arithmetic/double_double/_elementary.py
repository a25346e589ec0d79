"""Elementary functions of pairs, to a few units of ``u**2``: exp, log, tanh and their relatives.

Argument reduction and Taylor series, as in Hida, Li and Bailey (2001,
doi:10.1109/ARITH.2001.930115); every constant is the pair nearest to an exact rational.
"""

import functools
import math
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np

from jaxlab.arithmetic.double_double._pairs import (
    DoubleDouble,
    absolute,
    add,
    constant,
    divide,
    in_x64,
    multiply,
    negative,
    scale,
    subtract,
    where,
)

_HALVINGS = 8  # exp is summed at x / 2**8


@in_x64
def exp(x: DoubleDouble) -> DoubleDouble:
    """Exponential, relative error about ``(|x| + 4) u**2``.

    It overflows to infinity and underflows to 0 where the float's does.

    Examples
    --------
    >>> from jaxlab.arithmetic.double_double import lift
    >>> float(exp(lift(1.0)).lo)  # e - 2.718281828459045
    1.4456468917292502e-16
    """
    reduced, exponent = _reduce(x)
    return _ldexp(add(_expm1_reduced(reduced), _one(x)), exponent)


@in_x64
def expm1(x: DoubleDouble) -> DoubleDouble:
    """``exp(x) - 1``, accurate near 0.

    Examples
    --------
    >>> from jaxlab.arithmetic.double_double import lift
    >>> float(expm1(lift(2.0**-60)).lo) == 2.0**-121
    True
    """
    reduced, exponent = _reduce(x)
    small = _expm1_reduced(reduced)
    large = subtract(_ldexp(add(small, _one(x)), exponent), _one(x))
    return where(exponent == 0, small, large)


@in_x64
def log(x: DoubleDouble) -> DoubleDouble:
    """Natural logarithm, accurate near 1; NaN below 0 and -infinity at 0.

    Examples
    --------
    >>> from jaxlab.arithmetic.double_double import lift
    >>> float(log(lift(2.0)).lo)  # log(2) - 0.6931471805599453
    2.3190468138462996e-17
    """
    # x = 2**k m with m in [sqrt(1/2), sqrt(2)); frexp's m is in [1/2, 1).
    mantissa, exponent = jnp.frexp(x.hi)
    exponent = exponent - (mantissa < math.sqrt(0.5)).astype(exponent.dtype)
    m = _ldexp(x, -exponent)
    one = _one(x)
    main = _atanh_series(divide(subtract(m, one), add(m, one)))
    k = DoubleDouble(exponent.astype(x.hi.dtype), jnp.zeros_like(x.lo))
    result = add(multiply(k, constant(_log2(), x)), main)
    special = DoubleDouble(jnp.log(x.hi), jnp.zeros_like(x.lo))
    return where((x.hi > 0) & jnp.isfinite(x.hi), result, special)


@in_x64
def log1p(x: DoubleDouble) -> DoubleDouble:
    """``log(1 + x)``, accurate near 0.

    Examples
    --------
    >>> from jaxlab.arithmetic.double_double import lift
    >>> float(log1p(lift(2.0**-60)).lo) == -(2.0**-121)
    True
    """
    near = jnp.abs(x.hi) < 0.25
    inside = where(near, x, constant(0, x))
    small = _atanh_series(divide(inside, add(inside, constant(2, x))))
    return where(near, small, log(add(x, _one(x))))


@in_x64
def tanh(x: DoubleDouble) -> DoubleDouble:
    """Hyperbolic tangent, ``|t| / (2 + t)`` with ``t = expm1(-2|x|)``, the sign put back.

    Examples
    --------
    >>> from jaxlab.arithmetic.double_double import lift
    >>> float(tanh(lift(0.0)).hi), float(tanh(lift(-99.0)).hi)
    (0.0, -1.0)
    """
    t = expm1(scale(absolute(x), jnp.array(-2, x.hi.dtype)))
    positive = absolute(divide(t, add(t, constant(2, x))))
    return where(jnp.signbit(x.hi), negative(positive), positive)


@in_x64
def logistic(x: DoubleDouble) -> DoubleDouble:
    """``1 / (1 + exp(-x))``.

    Examples
    --------
    >>> from jaxlab.arithmetic.double_double import lift
    >>> float(logistic(lift(0.0)).hi)
    0.5
    """
    return divide(_one(x), add(_one(x), exp(negative(x))))


def _one(x):
    return constant(1, x)


def _reduce(x):
    """(x - k log 2, k) with the integer k nearest to x / log 2, for x within the range of exp."""
    limit = jnp.array(2.0 ** (11 if x.hi.dtype == np.float64 else 8), x.hi.dtype)
    beyond = DoubleDouble(jnp.sign(x.hi) * limit, jnp.zeros_like(x.lo))
    x = where(jnp.abs(x.hi) < limit, x, beyond)
    k = jnp.round(x.hi / jnp.array(math.log(2), x.hi.dtype))
    pair = DoubleDouble(k, jnp.zeros_like(k))
    return subtract(x, multiply(pair, constant(_log2(), x))), k.astype(jnp.int32)


def _expm1_reduced(r):
    """exp(r) - 1 for |r| <= 0.35: Taylor at r / 2**8, then s -> 2s + s**2 eight times."""
    small = scale(r, jnp.array(2.0**-_HALVINGS, r.hi.dtype))
    coefficients = [Fraction(1, math.factorial(n)) for n in range(1, 11)]  # |small| < 2**-9.5
    s = multiply(_horner(small, coefficients), small)

    def double(_, s):
        return add(scale(s, jnp.array(2, r.hi.dtype)), multiply(s, s))

    return jax.lax.fori_loop(0, _HALVINGS, double, s)


def _atanh_series(s):
    """2 atanh(s) for |s| <= 0.172: 21 terms leave 2**-108."""
    odd = _horner(multiply(s, s), [Fraction(2, 2 * n + 1) for n in range(22)])
    return multiply(odd, s)


def _horner(x, coefficients):
    """Polynomial with rational coefficients, lowest first."""
    zero = jnp.zeros((), x.hi.dtype)
    pairs = [constant(c, DoubleDouble(zero, zero)) for c in reversed(coefficients)]
    stacked = jax.tree.map(lambda *parts: jnp.stack(parts), *pairs)

    def step(value, coefficient):
        spread = jax.tree.map(lambda part: jnp.broadcast_to(part, x.shape), coefficient)
        return add(multiply(value, x), spread), None

    return jax.lax.scan(step, constant(0, x), stacked)[0]


def _ldexp(x, exponent):
    """x 2**exponent in two steps, so that neither factor leaves the normal range."""
    half = exponent // 2
    one = jnp.ones_like(x.hi)
    return scale(scale(x, jnp.ldexp(one, half)), jnp.ldexp(one, exponent - half))


@functools.cache
def _log2() -> Fraction:
    """log 2 to 2**-130, from log 2 = 2 atanh(1/3)."""
    return sum((Fraction(2, (2 * n + 1) * 3 ** (2 * n + 1)) for n in range(42)), Fraction(0))
