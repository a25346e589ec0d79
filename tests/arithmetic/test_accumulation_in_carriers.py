"""Sums to odd, and the choice of the dtype that sums are done in."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic import Format, bfloat16, float16, float32, float64, round_to
from jaxlab.arithmetic.carriers import odd_sum, working_dtype
from jaxlab.arithmetic.contractions import dot_general
from tests.arithmetic import oracle


def addends(dtype, seed=0, size=4000):
    """Numbers close in size, far apart, of either sign, halfway cases and powers of two."""
    rng = np.random.default_rng(seed)
    a = np.ldexp(rng.uniform(-2, 2, size), rng.integers(-40, 40, size)).astype(dtype)
    b = np.ldexp(rng.uniform(-2, 2, size), rng.integers(-40, 40, size)).astype(dtype)
    powers = np.ldexp(1.0, rng.integers(-40, 40, size)).astype(dtype)
    a = np.where(rng.random(size) < 0.3, powers, a)
    b = np.where(rng.random(size) < 0.3, np.ldexp(powers, rng.integers(-80, 80, size)), b)
    return a, b.astype(dtype)


@pytest.mark.parametrize("fmt", [float32, float64], ids=lambda f: f.name)
def test_odd_sums_are_the_exact_sum_rounded_to_odd(fmt, x64_both):
    a, b = addends(fmt.dtype)
    with jax.enable_x64(True):
        left, right = jnp.asarray(a), jnp.asarray(b)
    got = np.asarray(jax.jit(odd_sum)(left, right))
    assert got.dtype == fmt.dtype
    for x, y, s in zip(a.tolist(), b.tolist(), got.tolist(), strict=True):
        exact = Fraction(x) + Fraction(y)
        spacing = oracle.spacing_at(abs(exact), fmt) if exact else Fraction(1)
        below = exact // spacing * spacing
        odd = below if (below / spacing) % 2 else below + spacing
        assert Fraction(s) == (exact if below == exact else odd), (x, y)


def test_infinities_nans_and_overflow():
    inf, nan, top = np.inf, np.nan, np.finfo(np.float32).max
    a = jnp.asarray(np.float32([inf, inf, nan, top, -top, 0.0, -0.0]))
    b = jnp.asarray(np.float32([1.0, -inf, 1.0, top, -top, 0.0, -0.0]))
    got = np.asarray(odd_sum(a, b))
    assert np.array_equal(got, np.float32([inf, nan, nan, top, -top, 0.0, 0.0]), equal_nan=True)
    assert np.signbit(got[-1])


def test_a_constant_addend_is_not_simplified_away():
    # 1e8 = 12500000 * 8, where 8 is the spacing: a sum a little larger goes to the odd multiple.
    x = jnp.asarray(np.random.default_rng(1).uniform(0, 1, 100).astype(np.float32))
    got = jax.jit(lambda x: odd_sum(x, jnp.full(100, 1e8, jnp.float32)))(x)
    assert np.array_equal(got, np.full(100, 100_000_008, np.float32))


def test_a_sum_to_nearest_would_be_truncated_to_the_wrong_number():
    one, tiny = jnp.float32(1), jnp.float32(-(2.0**-60))
    assert float(round_to(one + tiny, "bfloat16", "toward_zero")) == 1.0
    assert float(round_to(odd_sum(one, tiny), "bfloat16", "toward_zero")) == 1 - 2.0**-8


def test_sums_are_done_in_the_narrowest_sound_dtype():
    e4m3 = Format.ieee(exponent_bits=4, precision=4)
    assert working_dtype("float32", bfloat16, float16, e4m3) == np.float32
    assert working_dtype("bfloat16", e4m3) == np.float32
    assert working_dtype("float64", bfloat16) == np.float64
    assert working_dtype("float32", bfloat16, float32) == np.float64
    assert working_dtype("float32", Format("p12", 12, -14, 15)) == np.float64
    assert working_dtype("float32", Format("wide range", 8, -200, 200)) == np.float64
    assert working_dtype("float64", float64) is None


@pytest.mark.parametrize("order", ["sequential", "pairwise"])
def test_products_beyond_a_float32_carrier_need_a_float64_one(order):
    """bfloat16 has float32's exponents: the product 2**128 is infinite there, the sum is not."""
    x, y = np.array([2.0**127, 2.0**64]), np.array([-1.0, 2.0**64])
    found = []
    for dtype in (np.float32, np.float64):
        with jax.enable_x64(True):
            operands = jnp.asarray(x.astype(dtype)), jnp.asarray(y.astype(dtype))
        found.append(float(dot_general(*operands, (((0,), (0,)), ((), ())), order, "bfloat16")))
    assert found == [np.inf, 2.0**127]
