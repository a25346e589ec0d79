"""Formats: their constants, the numbers they hold, and the names they answer to."""

import dataclasses
import functools
import itertools
import pickle

import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

import jaxlab.arithmetic
from jaxlab.arithmetic import NAMED, Format, as_format
from tests.arithmetic import oracle

STORED = [name for name, fmt in NAMED.items() if fmt.dtype is not None]


@pytest.mark.parametrize("name", STORED)
def test_constants_are_those_of_finfo(name):
    fmt = NAMED[name]
    info = ml_dtypes.finfo(fmt.dtype)
    assert fmt.max == float(info.max)
    assert fmt.smallest_normal == float(info.smallest_normal)
    assert fmt.smallest_positive == float(info.smallest_subnormal)
    assert fmt.machine_epsilon == float(info.eps)
    assert fmt.unit_roundoff == fmt.machine_epsilon / 2
    assert fmt.precision == info.nmant + 1


@pytest.mark.parametrize("name", [n for n in STORED if NAMED[n].dtype.itemsize <= 2])
def test_the_finite_codes_of_the_dtype_are_the_values_of_the_definition(name):
    fmt = NAMED[name]
    codes = np.arange(2 ** (8 * fmt.dtype.itemsize), dtype=f"u{fmt.dtype.itemsize}")
    if name.startswith(("float4", "float6")):
        codes = codes[: 2 ** int(name[5])]
    with np.errstate(invalid="ignore"):
        stored = codes.view(fmt.dtype).astype(np.float64)
    defined = {float(v) for v in oracle.enumerate_values(fmt)[:-1]}
    if not fmt.zero:
        defined -= {0.0}
    finite = stored[np.isfinite(stored)]
    assert set(finite.tolist()) == defined | ({-v for v in defined} if fmt.signed else set())
    assert np.isinf(stored).any() == fmt.infinities
    assert np.isnan(stored).any() == fmt.nans
    assert bool(np.any((stored == 0) & np.signbit(stored))) == fmt.negative_zero


def test_tensorfloat32_has_the_exponents_of_float32_and_the_precision_of_float16():
    tf32, f32, f16 = (as_format(name) for name in ("tf32", "fp32", "fp16"))
    assert (tf32.emin, tf32.emax, tf32.precision) == (f32.emin, f32.emax, f16.precision)
    assert tf32.dtype is None


@pytest.mark.parametrize("name", NAMED)
def test_names_dtypes_and_module_attributes_lead_to_the_same_format(name):
    fmt = getattr(jaxlab.arithmetic, name)
    assert fmt is NAMED[name]
    assert fmt.name == name
    assert as_format(name) is fmt
    assert as_format(name.upper()) is fmt
    assert as_format(fmt) is fmt
    if fmt.dtype is not None:
        assert as_format(fmt.dtype) is fmt
        assert as_format(fmt.dtype.type) is fmt
        assert dataclasses.replace(fmt, saturate=True).dtype == fmt.dtype


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("bf16", "bfloat16"),
        ("FP16", "float16"),
        ("half", "float16"),
        ("tf32", "tensorfloat32"),
        ("single", "float32"),
        ("double", "float64"),
        ("e4m3", "float8_e4m3fn"),
        ("e5m2", "float8_e5m2"),
        ("e8m0", "float8_e8m0fnu"),
        ("e2m3", "float6_e2m3fn"),
        ("e3m2", "float6_e3m2fn"),
        ("e2m1", "float4_e2m1fn"),
        (jnp.bfloat16, "bfloat16"),
        (jnp.float16, "float16"),
        (np.float32, "float32"),
        (np.dtype(">f8"), "float64"),
        (float, "float64"),
        (ml_dtypes.float8_e4m3fn, "float8_e4m3fn"),
    ],
)
def test_aliases_and_dtypes_are_understood(spec, name):
    assert as_format(spec) is NAMED[name]


@pytest.mark.parametrize("spec", ["float17", "", 3, None, jnp.int8, np.complex64, [1], object()])
def test_anything_else_is_refused_with_the_list_of_names(spec):
    with pytest.raises(ValueError, match=r"^format: got .*, expected a Format.*bfloat16"):
        as_format(spec)


@pytest.mark.parametrize(
    ("exponent_bits", "precision", "name"),
    [(5, 11, "float16"), (8, 8, "bfloat16"), (8, 24, "float32"), (11, 53, "float64")],
)
def test_the_ieee_constructor_gives_the_interchange_formats(exponent_bits, precision, name):
    made = Format.ieee(exponent_bits=exponent_bits, precision=precision, name=name)
    assert made == NAMED[name]
    assert Format.ieee(exponent_bits=exponent_bits, precision=precision).name == (
        f"e{exponent_bits}p{precision}"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"precision": 0}, "^precision: got 0, expected at least 1"),
        ({"emin": 5, "emax": 4}, "^emin: got 5, expected at most emax = 4"),
        ({"precision": 3, "reserved": 4}, "^reserved: got 4, expected 0 "),
        ({"reserved": -1}, "^reserved: got -1"),
    ],
)
def test_impossible_formats_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Format(**{"name": "x", "precision": 4, "emin": -6, "emax": 7, **arguments})


def test_the_ieee_constructor_needs_two_exponent_bits():
    with pytest.raises(ValueError, match=r"^exponent_bits: got 1, expected at least 2"):
        Format.ieee(exponent_bits=1, precision=3)


def test_formats_are_frozen_hashable_picklable_values():
    one, two = Format("x", 4, -6, 7), Format("x", 4, -6, 7)
    assert one == two
    assert len({one, two}) == 1
    assert pickle.loads(pickle.dumps(one)) == one
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.precision = 5


@pytest.mark.parametrize("name", NAMED)
def test_the_representation_is_an_expression_for_the_format(name):
    assert eval(repr(NAMED[name]), {"Format": Format}) == NAMED[name]


@functools.cache
def contents(fmt) -> set:
    """All that the format can express: signed zeros apart, specials by name."""
    positive = {v for v in oracle.enumerate_values(fmt)[:-1] if v}
    values = positive | ({-v for v in positive} if fmt.signed else set())
    flags = ("infinities", "nans", "zero", "negative_zero")
    return values | {flag for flag in flags if getattr(fmt, flag)}


def test_holds_is_inclusion_of_the_sets_of_values():
    grid = itertools.product((1, 2, 3, 4), (-3, -1, 0), (0, 2), (False, True), (0, 1))
    small = [
        Format("f", p, emin, emin + width, subnormals=subnormals, reserved=reserved)
        for p, emin, width, subnormals, reserved in grid
        if reserved < 2 ** (p - 1) and (width or not reserved)
    ]
    assert len(small) > 60
    wrong = [
        (one, other)
        for one, other in itertools.product(small, small)
        if one.holds(other) != (contents(other) <= contents(one))
    ]
    assert not wrong, f"{len(wrong)} pairs, the first: {wrong[0]}"


@pytest.mark.parametrize("flag", ["infinities", "nans", "signed", "negative_zero", "zero"])
def test_holds_counts_the_special_values(flag):
    # A negative zero needs a sign and a zero, so it goes when they go.
    full = Format("full", 4, -6, 7, negative_zero=flag == "negative_zero")
    poor = dataclasses.replace(full, **{flag: False})
    assert full.holds(poor)
    assert not poor.holds(full)


@pytest.mark.parametrize("flag", ["signed", "zero"])
def test_a_negative_zero_needs_a_sign_and_a_zero(flag):
    with pytest.raises(ValueError, match="negative_zero: got True"):
        Format("odd", 4, -6, 7, **{flag: False})


def test_a_saturating_format_does_not_hold_one_with_infinities():
    plain = Format("plain", 4, -6, 7)
    saturating = dataclasses.replace(plain, saturate=True)
    assert plain.holds(saturating)
    assert saturating.holds(saturating)
    assert not saturating.holds(plain)


def test_holds_among_the_named_formats_is_inclusion_too():
    listed = [fmt for fmt in NAMED.values() if fmt.emax - fmt.emin < 32 or fmt.precision == 1]
    assert len(listed) == len(NAMED) - 4  # all but bfloat16, tensorfloat32, float32, float64
    for one, other in itertools.product(listed, listed):
        assert one.holds(other) == (contents(other) <= contents(one)), (one.name, other.name)


def test_the_wide_named_formats_hold_each_other_by_precision_and_range():
    held = {
        "bfloat16": {"bfloat16"},
        "float16": {"float16"},
        "tensorfloat32": {"bfloat16", "float16", "tensorfloat32"},
        "float32": {"bfloat16", "float16", "tensorfloat32", "float32"},
        "float64": {"bfloat16", "float16", "tensorfloat32", "float32", "float64"},
    }
    for one, names in held.items():
        assert {other for other in held if NAMED[one].holds(NAMED[other])} == names
    assert all(NAMED["float32"].holds(fmt) for fmt in NAMED.values() if fmt.name != "float64")


def test_formats_far_beyond_float64_can_be_described_and_compared():
    """binary128: its largest number is no float64, but what it holds is a matter of integers."""
    binary128 = Format.ieee(exponent_bits=15, precision=113)
    assert binary128.holds(as_format("float64"))
    assert not as_format("float64").holds(binary128)


def test_the_named_formats_are_listed_under_their_names():
    public = vars(jaxlab.arithmetic).values()
    formats = [value for value in public if isinstance(value, Format)]
    assert {fmt.name for fmt in formats} == set(NAMED)
