"""XLA neither fuses nor simplifies the error-free transformations and the pair operations."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic import double_double as dd
from jaxlab.arithmetic.double_double import _pairs
from tests.arithmetic.pairs import random_pair, rationals

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
N = 2000


def operands(dtype, seed=0):
    rng = np.random.default_rng(seed)
    shape = (2, N)
    xs = (rng.standard_normal(shape) * 2.0 ** rng.integers(-20, 21, shape)).astype(dtype)
    xs[1, : N // 4] = -xs[0, : N // 4] * dtype(1 + 1e-3)  # cancellation
    return xs


@DTYPES
@pytest.mark.parametrize("name", ["two_sum", "two_prod"])
def test_the_transformation_has_no_error_eagerly_jitted_batched_and_scanned(name, dtype):
    a, b = operands(dtype)
    exact = (lambda x, y: x + y) if name == "two_sum" else (lambda x, y: x * y)
    expected = [exact(Fraction(float(x)), Fraction(float(y))) for x, y in zip(a, b, strict=True)]
    fn = getattr(dd, name)

    def scanned(a, b):
        return jax.lax.scan(lambda _, xs: (None, fn(*xs)), None, (a, b))[1]

    with jax.enable_x64(True):
        for how in (fn, jax.jit(fn), jax.jit(jax.vmap(fn)), jax.jit(scanned)):
            assert rationals(how(jnp.asarray(a), jnp.asarray(b))) == expected


# Smallest exponents of factors and of products, and the exponent that bounds both.
RANGES = {np.float32: (-103, -78, 127), np.float64: (-970, -916, 1023)}


def factors(dtype, product, rng):
    """Factors with an odd last bit, whose product is in the binade of an exponent or the next."""
    low, _, high = RANGES[dtype]
    a = rng.integers(max(low, product - high + 1), min(high, product - low + 1), N)
    last = 2 * rng.integers(0, 2 ** (np.finfo(dtype).nmant - 1), (2, N)) + 1
    last[:, :9] = 1  # the smallest product of two halves
    significands = 1 + last * np.finfo(dtype).eps.astype(float)
    return np.ldexp(significands, np.stack([a, product - a])).astype(dtype)


@DTYPES
@pytest.mark.parametrize("end", ["smallest", "largest"])
def test_products_are_exact_in_the_range_that_is_stated(dtype, end):
    _, smallest, high = RANGES[dtype]
    rng = np.random.default_rng(7)
    a, b = factors(dtype, smallest if end == "smallest" else high - 2, rng)
    got = jax.jit(dd.two_prod)(*jax.tree.map(as_device, (a, b)))
    exact = [Fraction(float(x)) * Fraction(float(y)) for x, y in zip(a, b, strict=True)]
    assert rationals(got) == exact


@DTYPES
def test_products_below_the_range_lose_their_error_where_subnormals_are_flushed(dtype):
    low, smallest, _ = RANGES[dtype]
    rng = np.random.default_rng(8)
    a, b = factors(dtype, smallest - 3, rng)
    one = 1 + np.finfo(dtype).eps.astype(float)
    tiny = np.ldexp(one, low - 1).astype(dtype)
    for x, y in ((a[:9], b[:9]), (tiny[None], dtype([2.0**60 / 3]))):
        got = rationals(jax.jit(dd.two_prod)(*jax.tree.map(as_device, (x, y))))
        exact = [Fraction(float(p)) * Fraction(float(q)) for p, q in zip(x, y, strict=True)]
        assert (got != exact) == (jax.default_backend() == "cpu")


def as_device(x):
    with jax.enable_x64(True):
        return jnp.asarray(x)


@DTYPES
def test_quotients_by_a_broadcast_divisor_are_rounded_once(dtype):
    """The published bound asks for that; XLA:CPU multiplies by the reciprocal of the divisor."""
    x, divisor = operands(dtype, 9)[0], dtype(3.3)
    with jax.enable_x64(True):
        got, plain = (
            jax.jit(lambda x, fn=fn: fn(x, jnp.full_like(x, divisor)))(x)
            for fn in (_pairs._quotient, jnp.divide)
        )
    assert np.array_equal(got, x / divisor)
    assert np.array_equal(plain, x / divisor) == (jax.default_backend() != "cpu")


@DTYPES
def test_constants_are_not_cancelled(dtype):
    """(x + c) - c and (c + x) - c are what XLA simplifies."""
    x = operands(dtype)[0]
    with jax.enable_x64(True):
        for c in (1.0, 1e5, 3.3):
            constant = dtype(c)
            left = jax.jit(lambda x, c=constant: dd.two_sum(x, jnp.full_like(x, c)))
            right = jax.jit(lambda x, c=constant: dd.two_sum(jnp.full_like(x, c), x))
            expected = [Fraction(float(v)) + Fraction(float(constant)) for v in x]
            assert rationals(left(x)) == rationals(right(x)) == expected


# Without the integer operations between them, XLA:CPU 0.10.2 loses 10**8 u**2 in the first program
# (products fused into sums) and the whole low part in the second (constants cancelled).
CHAINS = {
    "products in a sum": (
        lambda x, y: dd.add(dd.multiply(x, x), dd.multiply(y, y)),
        lambda p, q: p * p + q * q,
    ),
    "a constant first": (
        lambda x, y: dd.add(dd.constant(100_000, x), dd.multiply(x, x)),
        lambda p, q: 100_000 + p * p,
    ),
}


@DTYPES
@pytest.mark.parametrize("name", CHAINS)
def test_chained_operations_are_not_fused_or_simplified(name, dtype):
    fn, exact = CHAINS[name]
    x, y = (random_pair(a, dtype, seed) for seed, a in enumerate(operands(dtype, 6)))
    unit = Fraction(float(np.finfo(dtype).eps)) / 2
    with jax.enable_x64(True):
        got = rationals(jax.jit(fn)(x, y))
    for g, p, q in zip(got, rationals(x), rationals(y), strict=True):
        assert abs(g / exact(p, q) - 1) <= 11 * unit**2


# The published bounds, in units of u**2.
BOUNDS = {"add": 3.1, "subtract": 3.1, "multiply": 7.1, "divide": 15.1}


@DTYPES
@pytest.mark.parametrize("name", BOUNDS)
def test_pair_operations_stay_within_their_published_bounds(name, dtype):
    a, b = operands(dtype, 1)
    x, y = random_pair(a, dtype, 2), random_pair(b, dtype, 3)
    exact = {
        "add": lambda p, q: p + q,
        "subtract": lambda p, q: p - q,
        "multiply": lambda p, q: p * q,
        "divide": lambda p, q: p / q,
    }[name]
    unit = Fraction(float(np.finfo(dtype).eps)) / 2
    with jax.enable_x64(True):
        got = rationals(jax.jit(getattr(dd, name))(x, y))
    errors = [
        abs(g / exact(p, q) - 1) / unit**2
        for g, p, q in zip(got, rationals(x), rationals(y), strict=True)
    ]
    assert max(errors) <= BOUNDS[name]
    assert max(errors) > 0.3  # not exact either: the comparison sees something


@DTYPES
def test_square_roots_square_back(dtype):
    x = dd.absolute(random_pair(operands(dtype)[0], dtype, 4))
    unit = Fraction(float(np.finfo(dtype).eps)) / 2
    with jax.enable_x64(True):
        got = rationals(jax.jit(dd.sqrt)(x))
    assert max(abs(g * g / p - 1) / 2 for g, p in zip(got, rationals(x), strict=True)) < 3 * unit**2
    assert float(dd.sqrt(dd.lift(0.0)).hi) == 0.0


@DTYPES
def test_parts_do_not_overlap(dtype):
    x, y = (random_pair(a, dtype, seed) for seed, a in enumerate(operands(dtype, 5)))
    with jax.enable_x64(True):
        for fn in (dd.add, dd.multiply, dd.divide):
            result = jax.jit(fn)(x, y)
            assert np.array_equal(np.asarray(result.hi) + np.asarray(result.lo), result.hi)


def test_infinities_and_nan_are_those_of_the_float():
    with jax.enable_x64(True):
        big = dd.lift(np.array([np.inf, 1e308, np.nan, 1.0]))
        for fn in (dd.add, dd.multiply):
            result = fn(big, big)
            assert np.array_equal(result.lo[:3], [0.0, 0.0, 0.0])
            assert np.isinf(result.hi[:2]).all()
            assert np.isnan(result.hi[2])
        quotient = dd.divide(dd.lift(np.ones(2)), dd.lift(np.array([0.0, np.inf])))
        assert np.array_equal(quotient.hi, [np.inf, 0.0])


def test_pairs_lower_for_every_platform():
    def everything(x, y):
        product = dd.matmul(x, y)
        return dd.tanh(dd.exp(dd.log1p(dd.absolute(dd.total(dd.divide(product, x), (0,))))))

    for dtype in (jnp.float32, jnp.float64):
        with jax.enable_x64(True):
            x = dd.DoubleDouble(jnp.ones((3, 3), dtype), jnp.zeros((3, 3), dtype))
            traced = jax.jit(everything).trace(x, x)
            for platform in ("cpu", "cuda", "tpu"):
                assert traced.lower(lowering_platforms=(platform,)).as_text()
