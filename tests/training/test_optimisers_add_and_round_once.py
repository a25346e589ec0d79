"""The sum of parameter and update is rounded once; what is remembered is what was lost."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxlab.arithmetic import Format, as_format
from jaxlab.training import low_precision
from jaxlab.training._addition import add_compensated, add_plainly
from tests.arithmetic import oracle

KEY = jax.random.key(0)


def round_exactly(x: Fraction, fmt) -> float:
    """A rational, which need not be a float64, rounded to nearest even by definition."""
    if x == 0:
        return 0.0
    spacing = oracle.spacing_at(abs(x), fmt)
    index, fraction = divmod(abs(x) / spacing, 1)
    index += oracle.goes_up(index, fraction, x < 0, "nearest_even")
    return oracle.finish(index * spacing, x < 0, False, fmt, "nearest_even")


def hard_sums(fmt, dtype):
    """Parameters of the format and updates at or beside the midpoints of their sums."""
    rng = np.random.default_rng(2)
    size = 400
    p = rng.uniform(1, 2, size) * rng.choice([-1.0, 1.0], size)
    p = np.array([oracle.round_exactly(x, fmt, "nearest_even") for x in p])
    gap = fmt.machine_epsilon
    ties = rng.integers(-3, 4, size) * gap + gap / 2
    beside = ties * (1 + rng.choice([-1, 0, 1], size) * float(np.finfo(dtype).eps))
    updates = np.concatenate([beside, rng.normal(size=size) * 2.0 ** rng.integers(-60, 3, size)])
    # The parameter is the tiny one, the update sits on a midpoint: float64 alone rounds twice.
    updates = np.concatenate([updates, 1 + gap / 2 + gap * rng.integers(0, 3, size)])
    tiny = p * 2.0 ** -min(70, -fmt.emin)
    return np.concatenate([p, p, tiny]).astype(dtype), updates.astype(dtype)


@pytest.mark.parametrize("arithmetic", ["float32", "float64"])
@pytest.mark.parametrize("name", ["bfloat16", "float16", "tensorfloat32", "e4m3", "float32"])
def test_the_sum_is_rounded_once(name, arithmetic):
    fmt = as_format(name)
    with jax.enable_x64(arithmetic == "float64"):
        p, u = hard_sums(fmt, arithmetic)
        got = jax.jit(lambda p, u: add_plainly(p, u, fmt, None))(jnp.asarray(p), jnp.asarray(u))
        assert got.dtype == arithmetic
    expected = [
        round_exactly(Fraction(float(a)) + Fraction(float(b)), fmt)
        for a, b in zip(p, u, strict=True)
    ]
    np.testing.assert_array_equal(np.asarray(got, np.float64), expected)
    if arithmetic == "float64" and name == "bfloat16":  # the sums are hard enough to tell
        twice = [
            oracle.round_exactly(float(a + b), fmt, "nearest_even")
            for a, b in zip(p, u, strict=True)
        ]
        assert np.any(np.array(twice) != expected)


def test_the_product_inside_an_update_is_not_fused_with_the_sum(x64):
    # u = -lr g is rounded before it is added; a fused multiply-add gives other bits.
    rng = np.random.default_rng(3)
    p, g = rng.normal(size=2000), rng.normal(size=2000)
    descent = low_precision(optax.sgd(0.3), "float64", arithmetic="float64")

    @jax.jit
    def step(p, g):
        state = descent.init(KEY, p)
        updates, state = descent.step(g, state, p)
        return descent.apply(p, updates, state)[0]

    np.testing.assert_array_equal(step(jnp.asarray(p), jnp.asarray(g)), p + (-0.3 * g))


def test_parameter_and_compensation_hold_the_exact_sum_to_the_precision_of_both():
    fmt = as_format("bfloat16")
    rng = np.random.default_rng(4)
    p = np.asarray(jnp.asarray(rng.normal(size=500), jnp.bfloat16), np.float32)
    u = (rng.normal(size=500) * 1e-2).astype(np.float32)
    c = np.asarray(jnp.asarray(rng.normal(size=500) * 1e-4, jnp.bfloat16), np.float32)
    add = jax.jit(lambda p, u, c: add_compensated(p, u, c, fmt, fmt))
    new, left = (
        np.asarray(x, np.float64) for x in add(jnp.asarray(p), jnp.asarray(u), jnp.asarray(c))
    )
    exact = p.astype(np.float64) + u.astype(np.float64) + c.astype(np.float64)  # exact: few bits
    np.testing.assert_array_equal(
        new, [oracle.round_exactly(x, fmt, "nearest_even") for x in exact]
    )
    remainder = [oracle.round_exactly(x, fmt, "nearest_even") for x in exact - new]
    np.testing.assert_array_equal(left, remainder)


def test_stochastic_sums_are_a_neighbour_and_right_on_average():
    # 40,000 draws per sum. The mean of a Bernoulli variable strays from its law by 5 standard
    # deviations with probability below 6e-7; ten sums, fixed seed.
    fmt = Format.ieee(exponent_bits=5, precision=4)
    draws = 40_000
    u = np.linspace(-0.3, 0.6, 10, dtype=np.float32)
    add = jax.jit(lambda u: add_plainly(jnp.ones((draws, 10)), jnp.tile(u, (draws, 1)), fmt, KEY))
    got = np.asarray(add(jnp.asarray(u)), np.float64)
    for index, x in enumerate(1 + u.astype(np.float64)):
        low = oracle.round_exactly(x, fmt, "down")
        high = oracle.round_exactly(x, fmt, "up")
        assert set(np.unique(got[:, index])) <= {low, high}
        share = (x - low) / (high - low) if high > low else 0.0
        deviation = 5 * np.sqrt(share * (1 - share) / draws)
        assert abs(np.mean(got[:, index] != low) - share) <= deviation


def test_a_float32_sum_is_stochastic_far_below_its_last_bit():
    # An update of 2**-34 on 1 is 2**-11 of the gap 2**-23: 2**22 draws move 2048 times on average,
    # with a standard deviation of 45; 5 of them fail with probability below 6e-7.
    draws = 2**22
    u = jnp.float32(2.0**-34)
    add = jax.jit(
        lambda u: add_plainly(jnp.ones(draws), jnp.full(draws, u), as_format("fp32"), KEY)
    )
    moved = np.sum(np.asarray(add(u)) != 1)
    assert abs(moved - 2048) < 5 * 45.3
