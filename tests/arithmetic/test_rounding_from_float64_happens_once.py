"""A float64 is rounded to the format directly, never by way of float32."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic import as_format, round_to
from tests.arithmetic import oracle

NARROW = ["bfloat16", "float8_e4m3fn", "float8_e5m2"]
ALL = [*NARROW, "float16", "float32", "tensorfloat32"]


def near_midpoints(name: str) -> np.ndarray:
    """Midpoints of neighbours across the range, moved by less than half an ulp of float32.

    A detour through float32 lands on the midpoint and then breaks the tie the wrong way for half
    of them.
    """
    fmt = as_format(name)
    significands = 2 ** (fmt.precision - 1) + np.unique(
        np.linspace(0, 2 ** (fmt.precision - 1) - 1, 128, dtype=np.int64)
    )
    exponents = np.unique(np.linspace(fmt.emin, fmt.emax - 1, 9, dtype=np.int64))
    binade = significands + 0.5
    midpoints = np.ldexp(binade[None, :], (exponents - fmt.precision + 1)[:, None]).ravel()
    tiny = 2.0**-30 if fmt.precision < 24 else 2.0**-45
    return np.concatenate([sign * midpoints * (1 + s * tiny) for s in (-1, 1) for sign in (-1, 1)])


@pytest.mark.parametrize("name", ALL)
def test_near_midpoints_agree_with_mpfr_and_with_the_definition(name, x64_both):
    fmt, xs = as_format(name), near_midpoints(name)
    got = round_to(xs, fmt)
    assert got.dtype == np.float64
    assert not oracle.mismatches(got, oracle.round_with_mpfr(xs, fmt, "nearest_even"))
    assert not oracle.mismatches(got, oracle.round_all(xs, fmt, "nearest_even"))


@pytest.mark.parametrize("name", NARROW)
def test_ml_dtypes_rounds_twice_on_the_same_set_and_is_wrong(name):
    fmt, xs = as_format(name), near_midpoints(name)
    right = oracle.round_all(xs, fmt, "nearest_even")
    twice = xs.astype(fmt.dtype).astype(np.float64)
    assert np.count_nonzero(twice != right) >= xs.size // 4
    assert not oracle.mismatches(round_to(xs, fmt), right)


def test_jnp_astype_rounds_bfloat16_twice_on_the_same_set_and_is_wrong(x64):
    fmt, xs = as_format("bfloat16"), near_midpoints("bfloat16")
    right = oracle.round_all(xs, fmt, "nearest_even")
    twice = np.asarray(jax.jit(lambda x: x.astype(jnp.bfloat16))(xs)).astype(np.float64)
    assert np.count_nonzero(twice != right) >= xs.size // 4


def test_float64_bit_patterns_round_to_float32_as_numpy_does():
    rng = np.random.default_rng(7)
    xs = rng.integers(0, 2**64, 200_000, dtype=np.uint64).view(np.float64)
    narrow = rng.standard_normal(200_000) * 2.0 ** rng.integers(-160, 130, 200_000)
    xs = np.concatenate([xs, narrow])
    with np.errstate(all="ignore"):
        expected = xs.astype(np.float32).astype(np.float64)
    assert not oracle.mismatches(round_to(xs, "float32"), expected)
    with np.errstate(all="ignore"):
        expected = xs.astype(np.float16).astype(np.float64)
    assert not oracle.mismatches(round_to(xs, "float16"), expected)
