"""Adam with moments in narrow formats: what stays finite, what stagnates, what a scale repairs."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxlab.arithmetic import as_format, float16, round_to
from jaxlab.training import from_optax, low_precision
from jaxlab.training._moments import load, store

GRADIENTS = (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 300.0)
RATE = 1e-3


def adam(optimiser, gradients, steps, dtype="float16"):
    """Per gradient, ``steps`` updates of one weight from 1; weights, updates and last state."""

    def one(gradient):
        def step(carry, _):
            params, state = carry
            updates, state = optimiser.step(gradient, state, params)
            params, state = optimiser.apply(params, updates, state)
            return (params, state), (params, updates)

        params = jnp.ones((), dtype)
        first = params, optimiser.init(jax.random.key(0), params)
        (_, state), path = jax.lax.scan(step, first, None, length=steps)
        return *path, state

    params, updates, state = jax.jit(jax.vmap(one))(jnp.asarray(gradients))
    return np.asarray(params, np.float64), np.asarray(updates, np.float64), state


def all_finite(*trees):
    floats = [x for x in jax.tree.leaves(trees) if jnp.issubdtype(x.dtype, jnp.floating)]
    return [bool(np.all(np.isfinite(np.asarray(x, np.float64)))) for x in floats]


def test_adam_of_optax_fails_in_float16_at_both_ends():
    optimiser = from_optax(optax.adam(RATE))
    gradients = np.asarray(GRADIENTS, np.float16)
    params, updates, _ = adam(optimiser, gradients, 10)
    finite = np.all(np.isfinite(params), axis=1)
    assert not np.any(finite[:5])  # -inf or NaN
    assert np.all(updates[-1] == 0)  # nu is inf at 300
    assert np.all(finite[6:9])


@pytest.mark.parametrize(
    ("options", "least", "most"),
    [
        ({}, 0.9, 1.001),
        ({"moments": "float16", "scaled_moments": True}, 0.89, 1.03),
        # Raw: the second moment underflows before the first, 1 / sqrt(1 - b2) = 31.6 times too far.
        ({"moments": "float16"}, 0.3, 31.7),
        ({"moments": "float16", "moments_rounding": "stochastic"}, 0.3, 31.7),
    ],
    ids=str,
)
def test_adam_stays_finite_in_float16_from_1e7th_to_300(options, least, most):
    optimiser = low_precision(optax.adam(RATE), "float16", **options)
    params, updates, state = adam(optimiser, jnp.asarray(GRADIENTS, jnp.float32), 300)
    assert all(all_finite(params, updates, state))
    assert np.all(updates < 0)
    size = np.abs(updates) / RATE
    assert least < size.min()
    assert size.max() < most
    if options == {"moments": "float16"}:
        assert size.max() > 10  # the price of the raw format, and why it is not the default
    if most < 2:
        # A constant gradient moves the weight by RATE g / (|g| + eps) a step; float16 rounds each
        # sum by at most 2**-12, and scaled float16 moments move it 3% too far at most.
        gradients = np.asarray(GRADIENTS)
        control = 1 - 300 * RATE * gradients / (gradients + 1e-8)
        np.testing.assert_allclose(params[:, -1], control, rtol=0, atol=300 * (2**-12 + 3e-5))


def test_raw_float16_moments_are_literally_rounded_and_end_at_the_largest_number():
    optimiser = low_precision(optax.adam(RATE), "float16", moments="float16")
    params = {"w": jnp.ones(3, jnp.float16)}
    gradient = jnp.array([1e-4, 0.3, 3e4], jnp.float32)
    state = optimiser.init(jax.random.key(0), params)
    _, state = optimiser.step({"w": gradient}, state, params)
    moments = state.inner[0]
    g = np.asarray(gradient)
    nu = np.float32(1 - 0.999) * g * g
    np.testing.assert_array_equal(moments.nu["w"].values, np.minimum(nu, 65504).astype(np.float16))
    assert (moments.nu["w"].values[0], moments.nu["w"].values[2]) == (0, 65504)
    assert moments.mu["w"].values.dtype == np.float16


def test_a_moment_that_is_not_finite_stays_so():
    x = jnp.array([jnp.inf, -jnp.inf, jnp.nan, 1e9])
    np.testing.assert_array_equal(
        store(x, float16, None, scaled=False).values, [np.inf, -np.inf, np.nan, 65504]
    )


@pytest.mark.parametrize("name", ["float16", "bfloat16", "e4m3", "e5m2", "e2m1"])
def test_scaled_moments_are_rounded_to_the_format_times_a_power_of_two(name):
    fmt = as_format(name)
    rng = np.random.default_rng(0)

    @jax.jit
    def both(x):
        kept = store(x, fmt, None, scaled=True)
        again = round_to(kept.values.astype(jnp.float32), fmt)
        return kept, again, load(kept, jnp.float32)

    for exponent in (-80, -40, -3, 0, 20, 100):
        x = (rng.uniform(0.1, 2, 64) * 2.0**exponent).astype(np.float32)
        kept, again, back = both(jnp.asarray(x))
        np.testing.assert_array_equal(np.asarray(kept.values, np.float32), again)
        # Half a gap: relative for normal numbers, and below them that of the smallest normal one.
        smallest = fmt.smallest_normal * 2.0 ** float(kept.exponent)
        error = np.abs(np.asarray(back, np.float64) - x)
        assert np.all(error <= fmt.unit_roundoff * np.maximum(x, smallest))
        largest = np.abs(np.asarray(kept.values, np.float64)).max()
        if fmt.emax < 100:
            assert 2.0 ** (fmt.emax - 1) <= largest <= 2.0**fmt.emax
    zeros = store(jnp.zeros(3), fmt, None, scaled=True)
    np.testing.assert_array_equal(load(zeros, jnp.float32), np.zeros(3))


def second_moment(steps=4000, entries=256, **options):
    optimiser = low_precision(optax.adam(RATE), "bfloat16", **options)
    params, gradient = jnp.ones(entries, jnp.bfloat16), jnp.full(entries, 0.5)

    def step(_, state):
        return optimiser.step(gradient, state, params)[1]

    run = jax.jit(lambda key: jax.lax.fori_loop(0, steps, step, optimiser.init(key, params)))
    state = run(jax.random.key(1))
    nu = state.inner[0].nu
    return np.asarray(getattr(nu, "values", nu), np.float64), state.stagnation


def test_the_second_moment_of_a_constant_gradient_stagnates_to_nearest_only():
    # The recursion nu <- 0.999 nu + 0.001 * 0.25 is at 0.25 (1 - 0.999**4000) = 0.24543.
    exact = 0.25 * (1 - 0.999**4000)
    wide, _ = second_moment(entries=1)
    assert abs(wide[0] - exact) < 1e-5
    # Nearest: stuck at nu = 2**-4, where 0.001 (0.25 - nu) is below half a gap of 2**-11 ...
    nearest, counts = second_moment(entries=1, moments="bfloat16")
    assert nearest[0] == 2.0**-4
    assert counts.moments == 2  # mu and nu
    # ... and in float16 where it is below 2**-14, half a gap of [1/8, 1/4).
    half, _ = second_moment(entries=1, moments="float16")
    assert abs(half[0] - (0.25 - 1000 * 2.0**-14)) <= 2.0**-13
    # Stochastic: errors of mean 0, damped by 0.999 a step. A step's variance is at most
    # gap * |move| = 2**-10 * 2.5e-4 * 0.999**s ahead; a standard deviation of 0.01 is generous, and
    # 256 entries leave 5 * 0.01 / 16 = 0.003.
    stochastic, _ = second_moment(moments="bfloat16", moments_rounding="stochastic")
    assert abs(stochastic.mean() - exact) < 0.003
    assert 0 < stochastic.std() < 0.01


def test_optax_in_bfloat16_stagnates_elsewhere_because_its_beta_is_one():
    # 0.999 is 1 in bfloat16: nu + 0.00025 stops where that is below half a gap, at 1/8.
    optimiser = optax.adam(RATE)
    params, gradient = jnp.bfloat16(1), jnp.bfloat16(0.5)

    def step(_, state):
        return optimiser.update(gradient, state, params)[1]

    with jax.numpy_dtype_promotion("standard"):
        state = jax.jit(lambda: jax.lax.fori_loop(0, 4000, step, optimiser.init(params)))()
    assert state[0].nu == 0.125
