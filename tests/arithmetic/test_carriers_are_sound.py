"""A carrier is wide enough for one rounding to stay one rounding, or it is refused."""

import dataclasses
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic import Format, as_format, carrier_for, round_to, rounded
from tests.arithmetic import oracle, rational_numbers


@pytest.mark.parametrize(
    ("name", "carrier"),
    [
        ("float8_e4m3fn", "float32"),
        ("float8_e5m2", "float32"),
        ("float4_e2m1fn", "float32"),
        ("float16", "float32"),
        ("bfloat16", "float64"),
        ("tensorfloat32", "float64"),
        ("float32", "float64"),
    ],
)
def test_the_narrowest_sound_carrier_is_chosen(name, carrier):
    assert carrier_for(as_format(name)) == np.dtype(carrier)


@pytest.mark.parametrize("p", range(2, 26))
def test_the_bound_is_2p_plus_2(p):
    fmt = Format.ieee(exponent_bits=5, precision=p)
    assert carrier_for(fmt) == np.dtype("float32" if 2 * p + 2 <= 24 else "float64")


@pytest.mark.parametrize(
    ("fmt", "carrier", "message"),
    [
        ("float64", None, r"P >= 2p \+ 2 = 108"),
        (Format.ieee(exponent_bits=8, precision=26), None, r"P >= 2p \+ 2 = 54"),
        ("float32", "float32", r"p = 24; .* P >= 2p \+ 2 = 50"),
        (Format.ieee(exponent_bits=5, precision=12), "float32", r"P >= 2p \+ 2 = 26"),
        (Format.ieee(exponent_bits=9, precision=4), "float32", "holds the format"),
        (Format.ieee(exponent_bits=11, precision=4), None, "range"),
        ("bfloat16", "float16", "carrier: got float16, expected float32 or float64"),
        ("bfloat16", "posit", "'posit'"),
        ("float8_e8m0fnu", None, "format of scales"),
    ],
    ids=str,
)
def test_unsound_carriers_are_refused_with_the_reason(fmt, carrier, message):
    with pytest.raises(ValueError, match=message):
        rounded(jnp.sin, fmt, carrier=carrier)


def test_the_backward_format_is_checked_too():
    with pytest.raises(ValueError, match="got float64"):
        rounded(jnp.sin, "bf16", backward="float64")
    with pytest.raises(ValueError, match="for float32"):
        rounded(jnp.sin, "fp16", backward="fp32", carrier="float32")


@pytest.mark.parametrize(
    "fmt",
    [
        Format.ieee(exponent_bits=7, precision=8),
        Format("ends where float32 does", 8, -119, 100),
        Format("without subnormals", 6, -126, 100, subnormals=False),
    ],
    ids=lambda fmt: fmt.name,
)
@pytest.mark.parametrize("rounding", ["nearest_even", "toward_zero", "up"])
def test_results_beyond_a_narrow_carrier_are_rounded_like_all_others(fmt, rounding):
    """Products and quotients that float32 would flush or turn into infinity."""
    rng = np.random.default_rng(0)
    exponents = rng.integers([fmt.quantum_exponent, fmt.emin], [fmt.emin + 9, fmt.emax], (64, 2))
    x, y = (np.ldexp(rng.uniform(1, 2, 64), e).astype(np.float32) for e in exponents.T)
    x[:2], y[:2] = fmt.smallest_normal, [0.5, 0.75]

    def both(x, y):
        return x * y, x / y, y / x

    got = jax.jit(rounded(both, fmt, rounding=rounding))(jnp.asarray(x), jnp.asarray(y))
    for i, values in enumerate(got):
        expected = rational_numbers.evaluate(lambda *a, i=i: both(*a)[i], (x, y), fmt, rounding)
        assert not oracle.mismatches(values, expected.astype(np.float32)), i


def test_float32_carries_bfloat16_on_request_and_differs_in_subnormals_only():
    rng = np.random.default_rng(1)
    x, y = (jnp.asarray(rng.standard_normal(512), jnp.float32) for _ in range(2))

    def some(x, y):
        return x * y + x / y - jnp.sqrt(jnp.abs(x)) / 3.0

    narrow, wide = (
        jax.jit(rounded(some, "bf16", carrier=carrier))(x, y) for carrier in ("float32", None)
    )
    assert not oracle.mismatches(narrow, wide)
    halved = jax.jit(rounded(lambda x: x * 0.5, "bf16"))(jnp.float32(2.0**-126))
    assert float(halved) == 2.0**-127


def test_a_float64_argument_is_rounded_once():
    """Just above a midpoint of bfloat16: through float32 it would go to even, and down."""
    value = 1 + 2.0**-8 + 2.0**-50
    for fmt in ("bf16", dataclasses.replace(as_format("fp16"), precision=8)):
        with jax.enable_x64(True):
            x = jnp.float64(value)
            inside = float(rounded(jnp.negative, fmt)(x))
        outside = rounded(jnp.negative, fmt)(x)  # x64 off: a float64 array is still one
        assert outside.dtype == np.float64
        assert inside == float(outside) == -(1 + 2.0**-7)


def test_double_rounding_keeps_the_standard_model_with_a_slightly_larger_unit(x64):
    fmt = Format.ieee(exponent_bits=11, precision=40)
    rng = np.random.default_rng(0)
    x, y = (round_to(jnp.asarray(values), fmt) for values in rng.random((2, 2000)))
    products = jax.jit(rounded(jnp.multiply, fmt, double_rounding=True))(x, y)
    unit = Fraction(1, 2**40)
    errors = [
        abs(Fraction(float(got)) / (Fraction(float(a)) * Fraction(float(b))) - 1) / unit
        for a, b, got in zip(x, y, products, strict=True)
    ]
    assert 0.95 < max(errors) <= 1 + Fraction(1, 2**13)


def test_double_rounding_rounds_twice(x64):
    # 1 + 2**-40 + 2**-79 lies above the midpoint of two numbers of 40 bits, and float64 does not
    # see it.
    fmt = Format.ieee(exponent_bits=11, precision=40)
    add = rounded(jnp.add, fmt, double_rounding=True)
    assert float(add(jnp.float64(1.0), jnp.float64(2.0**-40 * (1 + 2.0**-39)))) == 1.0


def test_double_rounding_is_refused_in_a_carrier_that_cannot_hold_the_format():
    with pytest.raises(ValueError, match="double_rounding: got carrier 'float32'"):
        rounded(jnp.sin, Format.ieee(exponent_bits=5, precision=20), carrier="float32",
                double_rounding=True)  # fmt: skip
    with pytest.raises(ValueError, match="double_rounding: got carrier None for e15p64"):
        rounded(jnp.sin, Format.ieee(exponent_bits=15, precision=64), double_rounding=True)
