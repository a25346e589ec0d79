"""Every deterministic mode, in every kind of format, picks what the set of values dictates."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlab.arithmetic import NAMED, Format, round_to
from tests.arithmetic import oracle

SMALL = Format("small", 4, -3, 4)
KINDS = {
    "IEEE": SMALL,
    "no subnormals": dataclasses.replace(SMALL, subnormals=False),
    "no infinities": dataclasses.replace(SMALL, infinities=False),
    "no specials": dataclasses.replace(SMALL, infinities=False, nans=False),
    "saturating": dataclasses.replace(SMALL, saturate=True),
    "one reserved": dataclasses.replace(SMALL, infinities=False, reserved=1),
    "three reserved": dataclasses.replace(SMALL, reserved=3),
    "fnuz": dataclasses.replace(SMALL, infinities=False, negative_zero=False),
    "unsigned": dataclasses.replace(SMALL, signed=False, negative_zero=False),
    "no zero": dataclasses.replace(SMALL, subnormals=False, zero=False, negative_zero=False),
    "one binade": Format("one binade", 3, 0, 0),
    "one bit": Format("one bit", 1, -2, 2),
    "one bit, unsigned, no zero": Format(
        "log", 1, -5, 5, subnormals=False, signed=False, negative_zero=False, zero=False
    ),
}


def probes(fmt) -> np.ndarray:
    """Every value and midpoint with its float32 neighbours, and the sampler's own choice."""
    values = np.array([float(v) for v in oracle.enumerate_values(fmt)])
    edges = np.concatenate([values, (values[1:] + values[:-1]) / 2]).astype(np.float32)
    with np.errstate(over="ignore", under="ignore"):
        edges = [edges, np.nextafter(edges, np.float32(0)), np.nextafter(edges, np.float32(np.inf))]
    sampled = oracle.samples(fmt, seed=3, dtype=np.float32)
    return np.concatenate([*edges, *(-e for e in edges), sampled])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rounding", oracle.DETERMINISTIC)
def test_every_value_midpoint_and_neighbour_of_a_small_format_agrees(kind, rounding):
    fmt = KINDS[kind]
    xs = probes(fmt)
    if not fmt.signed:  # what becomes of -0 there has a test of its own
        xs = xs[(xs != 0) | ~np.signbit(xs)]
    got = np.asarray(round_to(xs, fmt, rounding), np.float64)
    assert not oracle.mismatches(got, oracle.round_all(xs, fmt, rounding))


def test_minus_zero_in_an_unsigned_format_with_zero_is_zero():
    got = round_to(np.float32([0.0, -0.0]), KINDS["unsigned"])
    assert not oracle.mismatches(got, np.float32([0.0, 0.0]))


@pytest.mark.parametrize("rounding", oracle.DETERMINISTIC)
@pytest.mark.parametrize("name", [name for name, fmt in NAMED.items() if fmt.precision <= 11])
def test_every_mode_agrees_for_the_named_formats_on_both_carriers(name, rounding):
    fmt = NAMED[name]
    narrow = oracle.samples(fmt, seed=5, size=768, dtype=np.float32)
    with np.errstate(invalid="ignore"):
        wide = narrow.astype(np.float64)
    expected = oracle.round_all(narrow, fmt, rounding)
    for xs in (narrow, wide):
        got = np.asarray(round_to(xs, fmt, rounding), np.float64)
        assert not oracle.mismatches(got, expected)


@pytest.mark.parametrize("rounding", oracle.DETERMINISTIC)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_flushing_formats_with_the_carriers_own_exponents_have_no_subnormals(dtype, rounding):
    """A bfloat16 that flushes to zero: emin is the carrier's, so all its subnormals must go."""
    info = np.finfo(dtype)
    fmt = Format("flushing", 8, int(info.minexp), int(info.maxexp) - 1, subnormals=False)
    tiny = float(info.tiny) * np.array([0.25, 0.5, 0.75, 0.99609375, 1 - 2.0**-20, 1, 1.00390625])
    xs = np.concatenate([tiny, -tiny, [float(info.smallest_subnormal)]]).astype(dtype)
    got = np.asarray(round_to(xs, fmt, rounding), np.float64)
    assert not oracle.mismatches(got, oracle.round_all(xs, fmt, rounding))


@st.composite
def odd_formats(draw):
    p = draw(st.integers(1, 24))
    emin = draw(st.integers(-149 + p - 1, 20))
    return Format(
        "odd",
        p,
        emin,
        min(127, emin + draw(st.integers(0, 250))),
        subnormals=draw(st.booleans()),
        infinities=draw(st.booleans()),
        nans=draw(st.booleans()),
        saturate=draw(st.booleans()),
        zero=(zero := draw(st.booleans())),
        negative_zero=zero and draw(st.booleans()),
        reserved=draw(st.integers(0, min(5, 2 ** (p - 1) - 1))),
    )


def check_random_format(fmt, rounding, dtype, seed):
    xs = oracle.samples(fmt, seed, dtype=dtype)
    got = np.asarray(round_to(xs, fmt, rounding), np.float64)
    assert not oracle.mismatches(got, oracle.round_all(xs, fmt, rounding))


DRAWS = {
    "fmt": odd_formats(),
    "rounding": st.sampled_from(oracle.DETERMINISTIC),
    "dtype": st.sampled_from([np.float32, np.float64]),
    "seed": st.integers(0, 2**32),
}


@settings(max_examples=30, deadline=None, derandomize=True)
@given(**DRAWS)
def test_random_combinations_of_the_formats_options_agree(fmt, rounding, dtype, seed):
    check_random_format(fmt, rounding, dtype, seed)


@pytest.mark.slow
@settings(max_examples=120, deadline=None, derandomize=True)
@given(**DRAWS)
def test_very_many_combinations_of_the_formats_options_agree(fmt, rounding, dtype, seed):
    check_random_format(fmt, rounding, dtype, seed)


@pytest.mark.parametrize("rounding", oracle.DETERMINISTIC)
@pytest.mark.parametrize("kind", [k for k, fmt in KINDS.items() if fmt.precision > 1])
def test_the_oracle_by_formula_is_the_oracle_by_enumeration(kind, rounding):
    fmt = KINDS[kind]
    xs = probes(fmt).tolist()
    formula = np.array([oracle.round_exactly(x, fmt, rounding) for x in xs])
    listed = np.array([oracle.round_by_enumeration(x, fmt, rounding) for x in xs])
    assert not oracle.mismatches(formula, listed)


@pytest.mark.parametrize("rounding", oracle.MPFR_MODES)
@pytest.mark.parametrize("kind", ["IEEE", "no subnormals", "one binade", "one bit"])
def test_the_oracle_by_formula_is_mpfr(kind, rounding):
    fmt = KINDS[kind]
    xs = probes(fmt)
    got = oracle.round_all(xs, fmt, rounding)
    assert not oracle.mismatches(got, oracle.round_with_mpfr(xs, fmt, rounding))
