"""Stochastic modes go away from zero as often as they promise.

Each estimate is held to 4 standard deviations of the binomial: a correct implementation fails one
with probability 6e-5. There are fewer than 60 here, so a change of seeds would fail somewhere once
in about 300 tries; with the seeds fixed the result does not vary.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic import Format, float16, round_to

DRAWS = 200_000
P4 = Format("p4", 4, -6, 7)


def share_away(x, fmt, key, rounding="stochastic", random_bits=None, dtype=np.float32) -> float:
    """The share of draws that took the neighbour away from zero, after checking both neighbours."""
    toward = float(round_to(np.asarray(x, dtype), fmt, "toward_zero"))
    away = float(round_to(np.asarray(x, dtype), fmt, "up" if x > 0 else "down"))
    got = np.asarray(
        round_to(np.full(DRAWS, x, dtype), fmt, rounding, key, random_bits=random_bits), np.float64
    )
    assert got.dtype == np.float64
    assert set(np.unique(got)) <= {toward, away}
    return float(np.mean(got == away))


def is_likely(share: float, probability: float) -> bool:
    return abs(share - probability) <= 4 * np.sqrt(probability * (1 - probability) / DRAWS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("impl", ["threefry2x32", "rbg"])
@pytest.mark.parametrize("fraction", [0.25, 0.5, 0.9, 2.0**-8])
def test_the_probability_is_the_fraction_of_the_gap(dtype, impl, fraction):
    for seed, sign in enumerate((1, -1)):
        x = sign * (1 + fraction / 8)  # neighbours 1 and 1.125
        key = jax.random.key(seed, impl=impl)
        probability = float((np.asarray(abs(x), dtype) - 1) * 8)
        assert is_likely(share_away(x, P4, key, dtype=dtype), probability)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shrink", [2, 16, 1000, 2**14])
def test_values_far_below_the_smallest_number_still_become_it_now_and_then(dtype, shrink):
    x = float(np.asarray(float16.smallest_positive / shrink, dtype))
    probability = x / float16.smallest_positive
    assert is_likely(share_away(x, float16, jax.random.key(2), dtype=dtype), probability)


@pytest.mark.parametrize("x", [1e-30, 1e-45, 2.0**-70])
def test_values_hopelessly_far_below_the_smallest_number_become_zero(x):
    assert share_away(np.float32(x), float16, jax.random.key(3)) == 0


def test_without_subnormals_the_gap_below_the_smallest_normal_is_one_gap():
    flushing = Format("flushing", 4, -6, 7, subnormals=False)
    assert is_likely(share_away(0.75 * 2.0**-6, flushing, jax.random.key(4)), 0.75)


def test_between_the_largest_number_and_the_next_the_excess_is_the_chance_of_infinity():
    assert P4.max == 240
    share = share_away(244.0, P4, jax.random.key(5))  # 256 would follow 240
    assert is_likely(share, 0.25)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("fraction", [0.3, 0.7, 0.95])
@pytest.mark.parametrize("random_bits", [1, 2, 3, 4])
def test_r_random_bits_truncate_the_probability_to_a_multiple_of_two_to_the_minus_r(
    dtype, fraction, random_bits
):
    x = float(np.asarray(1 + fraction / 8, dtype))
    probability = np.floor((x - 1) * 8 * 2**random_bits) / 2**random_bits
    key = jax.random.key(6)
    share = share_away(x, P4, key, random_bits=random_bits, dtype=dtype)
    assert is_likely(share, probability)
    assert not is_likely(share, (x - 1) * 8)  # the truncation is visible


@pytest.mark.parametrize("impl", ["threefry2x32", "rbg"])
@pytest.mark.parametrize("fraction", [0.01, 0.5, 0.99])
def test_stochastic_equal_tosses_a_fair_coin(impl, fraction):
    key = jax.random.key(7, impl=impl)
    assert is_likely(share_away(-1 - fraction / 8, P4, key, "stochastic_equal"), 0.5)


@pytest.mark.parametrize("rounding", ["stochastic", "stochastic_equal"])
@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "float4_e2m1fn", "e8m0"])
def test_values_of_the_format_never_move(rounding, name):
    rng = np.random.default_rng(8)
    noise = rng.integers(0, 2**32, 50_000, dtype=np.uint32).view(np.float32)
    values = round_to(noise, name)
    again = round_to(values, name, rounding, jax.random.key(8))
    assert np.array_equal(np.asarray(again).view(np.uint32), np.asarray(values).view(np.uint32))


def test_the_mean_of_many_roundings_is_the_value():
    x = jnp.full(DRAWS, jnp.float32(np.pi))
    got = np.asarray(round_to(x, P4, "stochastic", jax.random.key(9)), np.float64)
    gap, f = 0.25, (np.float32(np.pi) - 3) / 0.25
    error = np.mean(got) - float(np.float32(np.pi))
    assert abs(error) <= 4 * gap * np.sqrt(f * (1 - f) / DRAWS)
