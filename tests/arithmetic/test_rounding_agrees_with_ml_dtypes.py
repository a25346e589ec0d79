"""From float32, every named format rounds as its NumPy or ml_dtypes dtype does, bit for bit."""

import ml_dtypes
import numpy as np
import pytest

from jaxlab.arithmetic import NAMED, as_format, round_to
from tests.arithmetic import oracle

STORED = [name for name, fmt in NAMED.items() if fmt.dtype is not None and name != "float64"]
WITHOUT_NAN = [name for name in STORED if not NAMED[name].nans]
EXTREMES = np.float32([0.0, -0.0, np.inf, -np.inf, 3.4028235e38, 1e-45, -1e-45, 1.1754944e-38])
PAYLOADS = np.uint32([0x7FC00000, 0xFFC00000, 0x7F800001, 0xFF800001, 0x7FFFFFFF, 0x7FC0BEEF])


def values_of(dtype) -> np.ndarray:
    """Every finite value of a dtype with at most 16 bits, sorted, as float64."""
    codes = np.arange(2 ** min(16, 8 * dtype.itemsize), dtype=f"u{dtype.itemsize}")
    if dtype.name.startswith(("float4", "float6")):
        codes = codes[: 2 ** int(dtype.name[5])]
    with np.errstate(invalid="ignore"):  # signalling NaNs
        values = codes.view(dtype).astype(np.float64)
    return np.unique(values[np.isfinite(values)])


def as_float32(values) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.asarray(values, np.float64).astype(np.float32)


def inputs_for(fmt, random: int = 1_000_000) -> np.ndarray:
    """Values, midpoints, both float32 neighbours of each, thresholds, specials, random bits."""
    if fmt.name == "float32":
        edges = np.float32([fmt.max, fmt.smallest_normal, fmt.smallest_positive])
    else:
        values = values_of(fmt.dtype)
        following = 2 * values[-1] - values[-2]
        halves = np.array([fmt.smallest_positive / 2, -fmt.smallest_positive / 2])
        midpoints = (values[1:] + values[:-1]) / 2
        beyond = np.array([following, (values[-1] + following) / 2])
        edges = as_float32(np.concatenate([values, midpoints, halves, beyond, -beyond]))
    edges = edges[np.isfinite(edges)]
    with np.errstate(over="ignore", under="ignore"):
        near = [np.nextafter(edges, np.float32(s * np.inf), dtype=np.float32) for s in (-1, 1)]
    rng = np.random.default_rng(20261121)
    noise = rng.integers(0, 2**32, random, dtype=np.uint32).view(np.float32)
    return np.concatenate([edges, *near, EXTREMES, PAYLOADS.view(np.float32), noise])


def cast(xs: np.ndarray, dtype) -> np.ndarray:
    """There and back through the dtype, back by way of float64, where nothing is flushed."""
    with np.errstate(all="ignore"):
        return xs.astype(dtype).astype(np.float64).astype(np.float32)


@pytest.mark.parametrize("name", STORED)
def test_every_value_midpoint_neighbour_and_random_pattern_agrees(name):
    fmt = as_format(name)
    xs = inputs_for(fmt)
    got = np.asarray(round_to(xs, fmt))
    expected = cast(xs, fmt.dtype)
    if not fmt.nans:  # ml_dtypes has nowhere to put NaN: see the test below
        expected[np.isnan(xs)] = np.nan
    if name == "float8_e8m0fnu":  # and rounds these up: see the test below
        expected[(xs > 2.0**-127) & (xs < 1.5 * 2.0**-127)] = 2.0**-127
    assert not oracle.mismatches(got, expected)


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("float8_e4m3fn", 464.0, 448.0),
        ("float8_e4m3fn", 465.0, np.nan),
        ("float8_e4m3fn", np.inf, np.nan),
        ("float16", 65519.0, 65504.0),
        ("float16", 65520.0, np.inf),
        ("float16", 2.0**-25, 0.0),
        ("float16", -(2.0**-25), -0.0),
        ("float16", np.nextafter(np.float32(2.0**-25), np.float32(1)), 2.0**-24),
        ("float8_e5m2", 61439.0, 57344.0),
        ("float8_e5m2", 61440.0, np.inf),
        ("float8_e4m3fnuz", -(2.0**-20), 0.0),
        ("float8_e4m3fnuz", 248.0, np.nan),
        ("float6_e2m3fn", np.inf, 7.5),
        ("float4_e2m1fn", -np.inf, -6.0),
        ("float4_e2m1fn", 5.0, 4.0),
        ("float8_e8m0fnu", 0.0, np.nan),
        ("float8_e8m0fnu", -1.0, np.nan),
        ("float8_e8m0fnu", 3.0, 4.0),
        ("bfloat16", 3.3961775e38, np.inf),
        ("bfloat16", 1e-45, 0.0),
        ("bfloat16", 9.2e-41, 9.183549615799121e-41),
    ],
)
def test_the_well_known_thresholds_fall_where_the_standards_put_them(name, x, expected):
    got = round_to(np.float32(x), name)
    assert not oracle.mismatches(got, np.float32(expected))


@pytest.mark.parametrize("name", WITHOUT_NAN)
def test_nan_survives_in_formats_without_nan_where_ml_dtypes_turns_it_into_zero(name):
    xs = PAYLOADS.view(np.float32)
    assert np.all(np.isnan(round_to(xs, name)))
    assert np.all(cast(xs, NAMED[name].dtype) == 0)


def test_nan_keeps_its_sign_and_becomes_the_one_canonical_nan():
    got = np.asarray(round_to(PAYLOADS.view(np.float32), "float16")).view(np.uint32)
    assert np.array_equal(got, (PAYLOADS & np.uint32(0x80000000)) | np.uint32(0x7FC00000))


def test_e8m0_from_float32_subnormals_is_nearest_where_ml_dtypes_always_rounds_up():
    """jaxlab agrees with the definition on all of them; ml_dtypes fails below the midpoint only."""
    fmt = as_format("e8m0")
    xs = np.arange(1, 2**23, 499, dtype=np.uint32).view(np.float32)
    definition = oracle.round_all(xs, fmt, "nearest_even").astype(np.float32)
    assert not oracle.mismatches(round_to(xs, fmt), definition)
    wrong = oracle.bits(cast(xs, fmt.dtype)) != oracle.bits(definition)
    assert np.array_equal(wrong, (xs > 2.0**-127) & (xs < 1.5 * 2.0**-127))
    assert round_to(np.float32(6.88e-39), fmt) == 2.0**-127
    assert np.float32(6.88e-39).astype(ml_dtypes.float8_e8m0fnu) == np.float32(2.0**-126)


def test_float32_subnormals_round_to_bfloat16_although_the_cpu_backend_flushes_them():
    xs = np.arange(0, 2**23, 3, dtype=np.uint32).view(np.float32)
    got = np.asarray(round_to(xs, "bfloat16"))
    assert not oracle.mismatches(got, cast(xs, np.dtype(ml_dtypes.bfloat16)))
    assert np.count_nonzero(got) > 0.9 * xs.size
