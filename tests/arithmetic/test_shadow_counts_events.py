"""Range events and histograms, entry by entry against NumPy's float16."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic import shadow

SMALLEST_NORMAL, LARGEST = 2.0**-14, 65504.0
LEVELS = np.arange(-25, 17)  # exponents of float16, and one for what is beyond at either end


def wide_ranging(seed, *shape):
    """Numbers of float16 of every size, some subnormal."""
    rng = np.random.default_rng(seed)
    draws = rng.standard_normal(shape) * 2.0 ** rng.integers(-22, 15, shape)
    halves = np.clip(draws, -LARGEST, LARGEST).astype(np.float16).astype(np.float32)
    return np.where(halves == 0, np.float32(SMALLEST_NORMAL), halves)


def rounded(exact):
    with np.errstate(over="ignore"):
        return np.float64(np.float16(exact))


def expected(exact):
    """Counts of an operation with this exact result, by NumPy."""
    low, size = rounded(exact), np.abs(exact)
    finite = np.isfinite(exact) & (exact != 0)
    exponents = np.clip(np.frexp(exact[finite])[1] - 1, LEVELS[0], LEVELS[-1])
    return {
        "entries": exact.size,
        "executions": 1,
        "overflow": np.sum(np.isfinite(exact) & ~np.isfinite(low)),
        "underflow": np.sum((exact != 0) & (low == 0)),
        "subnormal": np.sum((low != 0) & (np.abs(low) < SMALLEST_NORMAL)),
        "nan_born": np.sum(np.isnan(low)),
        "inf_born": np.sum(np.isinf(low)),
        "exponents": [np.sum(exponents == level) for level in LEVELS],
        "worst": np.max(np.where(size > 0, np.abs(low - exact) / np.where(size, size, 1), 0)),
        "local": np.sum((low - exact) ** 2),
        "reference": np.sum(exact**2),
    }


def check(counts, wanted, at=()):
    for name, value in wanted.items():
        got = getattr(counts, name)[at]
        np.testing.assert_allclose(got, value, rtol=1e-12, err_msg=name)


def rows_of(trace):
    return {row.primitive: row for row in trace.rows if row.primitive != "store"}


@pytest.fixture(scope="module")
def arithmetic_trace():
    x, y = wide_ranging(1, 2000), wide_ranging(2, 2000)
    near = x[:300].astype(np.float16) * np.float16(1.01)
    y[:300] = np.where(np.abs(near) > 0.001, -near, near)

    def fn(x, y):
        return x * y, x + y, jnp.sqrt(x), x / jnp.where(jnp.abs(y) > 1e4, 0.0, y)

    _, trace = shadow(fn, "fp16")(x, y)
    return np.float64(x), np.float64(y), rows_of(trace)


def test_products_overflow_underflow_and_become_subnormal(arithmetic_trace):
    x, y, rows = arithmetic_trace
    wanted = expected(x * y)
    assert min(wanted[name] for name in ("overflow", "underflow", "subnormal")) > 20
    check(rows["mul"].counts, wanted)
    levels, counts = rows["mul"].exponents
    assert np.array_equal(levels, LEVELS)
    assert np.array_equal(counts, wanted["exponents"])
    assert np.sum(counts) == np.sum(x * y != 0)


def test_sums_absorb_and_cancel(arithmetic_trace):
    x, y, rows = arithmetic_trace
    low = rounded(x + y)
    lost = ((low == x) & (y != 0)) | ((low == y) & (x != 0))
    bits = np.log2((np.abs(x) + np.abs(y)) / np.abs(x + y))
    wanted = expected(x + y) | {
        "absorbed": np.sum(lost),
        "cancelled_bits": min(11, np.max(bits)),
    }
    assert wanted["absorbed"] > 200
    assert 6 < wanted["cancelled_bits"] < 11
    check(rows["add"].counts, wanted)


def test_square_roots_of_negative_numbers_give_birth_to_nan(arithmetic_trace):
    x, _, rows = arithmetic_trace
    assert rows["sqrt"].counts.nan_born == np.sum(x < 0) > 500
    assert rows["sqrt"].counts.inf_born == 0


def test_division_by_zero_gives_birth_to_infinities(arithmetic_trace):
    x, y, rows = arithmetic_trace
    by_zero = np.sum((np.abs(y) > 1e4) & (x != 0))
    assert by_zero > 20
    counts = rows["div"].counts
    assert counts.inf_born == by_zero + counts.overflow


@pytest.mark.parametrize("rounding", ["nearest_even", "toward_zero"])
def test_half_an_ulp_beyond_the_largest_number_is_an_overflow_in_every_mode(rounding):
    x = jnp.float32(LARGEST) + jnp.array([0.0, 15.0, 17.0, 40.0])  # an ulp is 32
    value, trace = shadow(lambda x: x, "fp16", rounding=rounding)(x)
    assert trace.rows[0].total("overflow") == 2
    assert np.sum(np.isinf(value)) == (2 if rounding == "nearest_even" else 0)


def test_nan_and_infinity_that_come_in_are_not_born():
    x = jnp.array([1.0, jnp.nan, jnp.inf])
    _, trace = shadow(lambda x: (jnp.sqrt(x), jnp.exp(x[2:])), "fp16")(x)
    for row in rows_of(trace).values():
        assert (row.total("nan_born"), row.total("inf_born")) == (0, 0)


def test_an_e4m3fn_overflow_is_counted_though_it_becomes_nan():
    x = jnp.array([1.0, 21.0, 22.0, 30.0])  # 21 * 22 = 462 rounds to 448, 22 * 22 = 484 does not
    for fmt, fn in (
        ("e4m3fn", lambda x: x * jnp.float32(22)),
        ("fp32", lambda x: (x * 22).astype(jnp.float8_e4m3fn)),
    ):
        value, trace = shadow(fn, fmt)(x)
        row = trace.rows[-1]
        assert int(np.sum(np.isnan(np.asarray(value, np.float32)))) == row.total("overflow") > 0
        assert row.total("nan_born") == row.total("overflow")


def test_counts_in_a_scan_and_a_cond_are_those_of_every_iteration():
    x, y = wide_ranging(3, 6, 40), wide_ranging(4, 6, 40)
    even = np.array([True, False, False, True, True, False])

    def step(carry, row):
        x, y, flag = row
        return carry, jax.lax.cond(flag, lambda x, y: x * y, lambda x, y: x / y, x, y)

    _, trace = shadow(lambda *rows: jax.lax.scan(step, 0.0, rows)[1], "fp16")(x, y, even)
    rows = rows_of(trace)
    products, quotients = np.float64(x) * y, np.float64(x) / y
    for i in range(6):
        taken, other = ("mul", "div") if even[i] else ("div", "mul")
        check(rows[taken].counts, expected((products if even[i] else quotients)[i]), i)
        idle = rows[other].counts
        assert all(np.all(getattr(idle, field)[i] == 0) for field in idle._fields)


def test_counts_in_a_while_loop_add_up_over_the_iterations():
    x = wide_ranging(5, 50)

    def shrink(state):
        i, x = state
        return i + 1, x * 0.25

    def fn(x):
        return jax.lax.while_loop(lambda state: state[0] < 5, shrink, (0, x))[1]

    _, trace = shadow(fn, "fp16")(x)
    exact, sums = np.float64(x), dict.fromkeys(("underflow", "subnormal", "exponents"), 0)
    for _ in range(5):
        exact = rounded(exact) * 0.25
        sums = {name: sums[name] + np.asarray(expected(exact)[name]) for name in sums}
    assert sums["underflow"] > 5
    check(rows_of(trace)["mul"].counts, sums)
    assert np.array_equal(rows_of(trace)["mul"].exponents[1], sums["exponents"])


def test_terms_that_cancel_in_sums_and_dots_are_counted():
    x, w = np.array([[3.0, 5.0, -7.97]], np.float32), np.ones((3, 1), np.float32)
    exact = np.sum(np.float64(np.float16(x)))
    bits = np.log2(np.sum(np.abs(np.float64(np.float16(x)))) / exact)
    for fn in (
        lambda x, w: jnp.matmul(x, w, precision=jax.lax.Precision.HIGHEST),
        lambda x, w: jnp.sum(x),
    ):
        _, trace = shadow(fn, "fp16")(x, w)
        assert trace.rows[-1].total("cancelled_bits") == pytest.approx(bits)
