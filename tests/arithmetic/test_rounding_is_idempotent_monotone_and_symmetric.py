"""What any rounding must satisfy, whatever the format and the numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxlab.arithmetic import NAMED, round_to
from tests.arithmetic import oracle

MIRROR = {"up": "down", "down": "up"}
SYMMETRIC = ["bfloat16", "float16", "tensorfloat32", "float8_e4m3fn", "float8_e5m2", "e2m1"]

vectors = hnp.arrays(np.float32, 64, elements=st.floats(width=32, allow_subnormal=True))
finite = hnp.arrays(np.float32, 64, elements=st.floats(width=32, allow_nan=False))
modes = st.sampled_from(oracle.DETERMINISTIC)
policy = settings(max_examples=25, deadline=None, derandomize=True)


@policy
@given(x=vectors, name=st.sampled_from(sorted(NAMED)), rounding=modes, other=modes)
def test_a_rounded_value_is_left_alone_by_every_mode(x, name, rounding, other):
    if name == "float64":
        return
    once = np.asarray(round_to(x, name, rounding))
    assert not oracle.mismatches(round_to(once, name, other), once)


@policy
@given(x=finite, name=st.sampled_from(SYMMETRIC[:3]), rounding=modes)
def test_rounding_preserves_order(x, name, rounding):
    got = np.asarray(round_to(np.sort(x), name, rounding))
    assert np.all(got[1:] >= got[:-1])


@policy
@given(x=vectors, name=st.sampled_from(SYMMETRIC), rounding=modes)
def test_rounding_the_negative_mirrors_the_mode(x, name, rounding):
    mirrored = -np.asarray(round_to(-x, name, MIRROR.get(rounding, rounding)))
    assert not oracle.mismatches(round_to(x, name, rounding), mirrored)


@policy
@given(x=finite, name=st.sampled_from(SYMMETRIC[:3]))
def test_the_directed_modes_enclose_and_the_nearest_is_one_of_them(x, name):
    down, up = (np.asarray(round_to(x, name, mode)) for mode in ("down", "up"))
    assert np.all(down <= x)
    assert np.all(x <= up)
    for mode in oracle.DETERMINISTIC:
        got = np.asarray(round_to(x, name, mode))
        assert np.all((got == down) | (got == up)), mode


@pytest.mark.parametrize("name", ["bfloat16", "float16", "float8_e4m3fn"])
def test_rounding_twice_by_way_of_odd_is_rounding_once(name):
    """Boldo and Melquiond (2008): to odd with two bits to spare, then to nearest, is innocuous."""
    fmt = NAMED[name]
    middle = type(fmt)("middle", fmt.precision + 2, fmt.emin, fmt.emax + 1)
    xs = oracle.samples(fmt, seed=17, size=20_000)
    twice = round_to(round_to(xs, middle, "to_odd"), fmt)
    assert not oracle.mismatches(twice, round_to(xs, fmt))


@pytest.mark.parametrize("name", ["bfloat16", "float16", "tensorfloat32"])
def test_the_relative_error_in_the_normal_range_is_at_most_the_unit_roundoff(name):
    fmt = NAMED[name]
    rng = np.random.default_rng(23)
    x = np.ldexp(rng.uniform(1, 2, 100_000), rng.integers(fmt.emin, fmt.emax, 100_000))
    error = np.abs(np.asarray(round_to(x, fmt)) - x) / np.abs(x)
    assert 0.9 * fmt.unit_roundoff < error.max() <= fmt.unit_roundoff
