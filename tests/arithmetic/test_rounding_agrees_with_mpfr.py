"""On the float64 carrier, any precision and exponent range rounds as MPFR does."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlab.arithmetic import Format, round_to
from tests.arithmetic import oracle


@st.composite
def custom_formats(draw):
    p = draw(st.integers(1, 40))
    emin = draw(st.one_of(st.integers(-40, 0), st.sampled_from([-1022, -1010, -126, -980])))
    width = draw(st.one_of(st.integers(0, 30), st.just(127 - min(emin, 127))))
    subnormals = draw(st.booleans()) and emin - p + 1 >= -1074
    emin = max(emin, -1074 + p - 1)
    return Format("custom", p, emin, min(emin + width, 1023), subnormals=subnormals)


@pytest.mark.parametrize("rounding", oracle.MPFR_MODES)
@settings(max_examples=15, deadline=None, derandomize=True)
@given(fmt=custom_formats(), seed=st.integers(0, 2**32))
def test_custom_formats_agree(rounding, fmt, seed):
    xs = oracle.samples(fmt, seed)
    got = round_to(xs, fmt, rounding)
    assert not oracle.mismatches(got, oracle.round_with_mpfr(xs, fmt, rounding))


@pytest.mark.parametrize("rounding", oracle.MPFR_MODES)
@pytest.mark.parametrize(("p", "emin", "emax"), [(11, -14, 15), (24, -126, 127), (52, -1022, 1023)])
def test_many_values_of_well_known_sizes_agree(rounding, p, emin, emax):
    fmt = Format("wide", p, emin, emax)
    xs = oracle.samples(fmt, seed=p, size=20_000)
    got = round_to(xs, fmt, rounding)
    assert not oracle.mismatches(got, oracle.round_with_mpfr(xs, fmt, rounding))


@pytest.mark.parametrize("rounding", oracle.MPFR_MODES)
@pytest.mark.parametrize("p", [1, 2, 7, 40])
@pytest.mark.parametrize("emin", [-1074, -1060, -1030, -1022])
def test_formats_inside_the_carriers_subnormal_range_agree(rounding, p, emin):
    emin = max(emin, -1074 + p - 1)
    fmt = Format("tiny", p, emin, emin + 9)
    xs = oracle.samples(fmt, seed=p - emin)
    got = round_to(xs, fmt, rounding)
    assert not oracle.mismatches(got, oracle.round_with_mpfr(xs, fmt, rounding))


@pytest.mark.slow
@pytest.mark.parametrize("rounding", oracle.MPFR_MODES)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(fmt=custom_formats(), seed=st.integers(0, 2**32))
def test_many_custom_formats_agree(rounding, fmt, seed):
    xs = oracle.samples(fmt, seed)
    got = round_to(xs, fmt, rounding)
    assert not oracle.mismatches(got, oracle.round_with_mpfr(xs, fmt, rounding))
