"""Distances are counted on the number line of any format, and ulps are those of the format."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from jaxlab.arithmetic import NAMED, Format, as_format, round_to
from jaxlab.arithmetic.ulps import error_in_ulps, ulp_distance, widen
from tests.arithmetic import oracle

SMALL = [name for name in NAMED if "_" in name]
NO_SUBNORMALS = Format("flush", 4, -6, 7, subnormals=False)


def on_device(x):
    """A JAX array of the same dtype: jit would narrow a NumPy float64 array while x64 is off."""
    with jax.enable_x64(True):
        return jnp.asarray(x)


@pytest.mark.parametrize("fmt", [*(as_format(n) for n in SMALL), NO_SUBNORMALS], ids=str)
@pytest.mark.parametrize("carrier", [np.float32, np.float64])
def test_the_distance_is_the_difference_of_positions_among_the_values(fmt, carrier, x64_both):
    values = np.array([float(v) for v in oracle.enumerate_values(fmt)[:-1]], carrier)
    line = [(x, k) for k, x in enumerate(values)]
    if fmt.signed:
        line += [(-x, -k) for k, x in enumerate(values)]
    if fmt.infinities:
        line += [(carrier(np.inf), len(values)), (-carrier(np.inf), -len(values))]
    if not fmt.zero:
        line = [(x, k) for x, k in line if x != 0]
    points, positions = np.array([x for x, _ in line], carrier), np.array([k for _, k in line])
    a, b = np.meshgrid(points, points)
    got = jax.jit(lambda a, b: ulp_distance(a, b, fmt))(on_device(a), on_device(b))
    expected = np.abs(np.subtract.outer(positions, positions))
    assert got.dtype == (np.uint64 if carrier is np.float64 else np.uint32)
    assert np.array_equal(np.asarray(got), expected.T)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_half_precision_distances_agree_with_sign_folded_integers_for_all_patterns(dtype):
    patterns = np.arange(2**16, dtype=np.uint16)
    x = patterns.view(dtype)
    number = ~np.isnan(x.astype(np.float32))
    patterns, x = patterns[number], x[number]
    ordinal = np.where(patterns >> 15, -(patterns & 0x7FFF).astype(int), patterns.astype(int))
    order = np.random.default_rng(0).permutation(x.size)
    got = np.asarray(ulp_distance(x, x[order]))
    assert np.array_equal(got, np.abs(ordinal - ordinal[order]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_wide_distances_agree_with_sign_folded_integers(dtype, x64_both):
    bits = 8 * np.dtype(dtype).itemsize
    rng = np.random.default_rng(1)
    patterns = rng.integers(0, 2**bits, (2, 20_000), dtype=f"u{bits // 8}")
    patterns[:, :50] &= 2 ** (bits - 10) - 1  # subnormals among them
    x = patterns.view(dtype)
    keep = ~np.isnan(x).any(axis=0)
    x, patterns = x[:, keep], patterns[:, keep].astype(object)
    magnitude = patterns & (2 ** (bits - 1) - 1)
    ordinal = np.where(x.view(f"u{bits // 8}") >> (bits - 1), -magnitude, magnitude)
    got = np.asarray(ulp_distance(x[0], x[1])).astype(object)
    assert np.array_equal(got, abs(ordinal[0] - ordinal[1]))


def test_values_between_the_numbers_of_the_format_are_rounded_first():
    a, b = np.float32([1.0, 1.01]), np.float32([1.004, 0.9])
    expected = ulp_distance(round_to(a, "bfloat16"), round_to(b, "bfloat16"), "bfloat16")
    assert np.array_equal(ulp_distance(a, b, "bfloat16"), expected)
    assert list(np.asarray(expected)) == [1, 27]


def test_nan_is_near_nan_only_and_infinity_follows_the_largest_number():
    a = np.float32([np.nan, np.nan, np.inf, np.inf])
    b = np.float32([np.nan, 1.0, np.inf, np.finfo(np.float32).max])
    assert list(np.asarray(ulp_distance(a, b))) == [0, 2**32 - 1, 0, 1]


def test_different_shapes_or_dtypes_are_refused():
    with pytest.raises(ValueError, match=r"b: got float32\[3\], expected float32\[2\]"):
        ulp_distance(np.ones(2, np.float32), np.ones(3, np.float32))
    with pytest.raises(ValueError, match="b: got float16"):
        ulp_distance(np.ones(2, np.float32), np.ones(2, np.float16))
    with pytest.raises(TypeError, match="x: got dtype int32"):
        widen(np.ones(2, np.int32))


@pytest.mark.parametrize("name", ["bfloat16", "float16", "float32", "float8_e4m3fn", "flush"])
def test_errors_in_ulps_agree_with_rationals(name, x64_both):
    fmt = NO_SUBNORMALS if name == "flush" else as_format(name)
    rng = np.random.default_rng(2)
    n = 2000
    exponents = rng.integers(max(fmt.emin - fmt.precision - 3, -1000), min(fmt.emax, 1000), n)
    reference = np.ldexp(rng.uniform(-2, 2, n), exponents)
    value = np.asarray(round_to(reference * (1 + rng.standard_normal(n) * 1e-2), fmt))
    got = np.asarray(
        jax.jit(lambda v, r: error_in_ulps(v, r, fmt))(*map(on_device, (value, reference)))
    )
    for v, r, error in zip(value, reference, got, strict=True):
        exact = abs(Fraction(v) - Fraction(r)) / oracle.spacing_at(abs(Fraction(r)), fmt)
        assert abs(Fraction(float(error)) - exact) <= exact * Fraction(2) ** -50
    assert np.count_nonzero(got) > n // 2


@pytest.mark.parametrize("name", ["bfloat16", "float16", "float32"])
def test_correct_rounding_is_within_half_an_ulp_and_comes_close_to_it(name):
    x = np.random.default_rng(3).standard_normal(20_000)
    worst = float(np.max(np.asarray(error_in_ulps(round_to(x, name), x, name))))
    assert 0.499 < worst <= 0.5


def test_subnormals_are_widened_exactly(x64_both):
    for dtype in (np.float32, ml_dtypes.bfloat16):
        tiny = np.array([1e-40, -1e-39, 0.0, 1.5], dtype)
        assert np.array_equal(widen(tiny), tiny.astype(np.float64))
        assert widen(tiny).dtype == np.float64
