"""The stagnation counters equal a count in NumPy, step by step."""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import optax

from jaxlab.training import low_precision
from jaxlab.training.updates import standard_promotion

KEY = jax.random.key(0)


def problem(size=600, seed=0):
    """Weights of many magnitudes, gradients of many magnitudes, some of them zero."""
    rng = np.random.default_rng(seed)
    w = (rng.normal(size=size) * 2.0 ** rng.integers(-6, 6, size)).astype(ml_dtypes.bfloat16)
    g = (rng.normal(size=(8, size)) * 2.0 ** rng.integers(-30, 3, size)).astype(np.float32)
    return w, np.where(rng.uniform(size=g.shape) < 0.1, np.float32(0), g)


def trajectory(optimiser, w, gradients):
    def step(carry, gradient):
        params, state = carry
        updates, state = optimiser.step(gradient, state, params)
        after, state = optimiser.apply(params, updates, state)
        return (after, state), (params, updates, after, state._replace(key=()))

    run = jax.jit(lambda w, g: jax.lax.scan(step, (w, optimiser.init(KEY, w)), g)[1])
    return jax.tree.map(np.asarray, run(jnp.asarray(w), jnp.asarray(gradients)))


def test_updates_lost_in_the_sum_are_counted():
    w, gradients = problem()
    optimiser = low_precision(optax.sgd(2.0**-4), "bfloat16", update="float16")
    before, updates, _, state = trajectory(optimiser, w, gradients)
    asked = -gradients / 16
    rounded = asked.astype(np.float16)
    np.testing.assert_array_equal(updates, rounded)
    nonzero = rounded != 0
    counts = state.stagnation
    np.testing.assert_array_equal(counts.underflowed, np.sum((asked != 0) & ~nonzero, 1))
    np.testing.assert_array_equal(counts.updated, np.sum(nonzero, 1))
    # bfloat16 + float16 is exact in float64; ml_dtypes rounds float64 by way of float32, which is
    # innocuous here: the sum is off a midpoint by at least a bit of the update.
    w_exact = before.astype(np.float64) + rounded.astype(np.float64)
    expected = w_exact.astype(np.float32).astype(ml_dtypes.bfloat16)
    unchanged = nonzero & (expected == before)
    np.testing.assert_array_equal(counts.unchanged, np.sum(unchanged, 1))
    np.testing.assert_array_equal(counts.lost, counts.unchanged)
    assert np.all((counts.unchanged > 50) & (counts.unchanged < counts.updated))
    assert np.all(counts.underflowed > 20)
    assert np.all(counts.moments == 0)


def test_what_a_compensation_keeps_is_not_lost():
    w, gradients = problem()
    optimiser = low_precision(optax.sgd(2.0**-4), "bfloat16", rounding="compensated")
    before, updates, after, state = trajectory(optimiser, w, gradients)
    memory = np.concatenate([np.zeros_like(state.memory[:1]), state.memory])
    unchanged = (updates != 0) & (after == before)
    lost = unchanged & (memory[1:] == memory[:-1])
    np.testing.assert_array_equal(state.stagnation.unchanged, np.sum(unchanged, 1))
    np.testing.assert_array_equal(state.stagnation.lost, np.sum(lost, 1))
    assert 0 < np.sum(lost) < 0.5 * np.sum(unchanged)


def test_moments_that_do_not_move_are_counted():
    w, gradients = problem()
    decay = 0.875  # three bits, so that decay times a bfloat16 number is exact in float32
    optimiser = low_precision(optax.trace(decay), "bfloat16", moments="bfloat16")
    gradients = np.tile(gradients[:1], (60, 1))
    *_, state = trajectory(optimiser, w, gradients)
    kept = state.inner.trace.values
    old = np.concatenate([np.zeros_like(kept[:1]), kept[:-1]])
    new = gradients + np.float32(decay) * old.astype(np.float32)
    stagnant = (new != old.astype(np.float32)) & (kept == old)
    np.testing.assert_array_equal(state.stagnation.moments, np.sum(stagnant, 1))
    assert np.any(state.stagnation.moments > 10)


def test_integer_counters_and_keys_are_not_moments():
    noisy = optax.chain(optax.scale_by_adam(), optax.add_noise(0.01, 0.5, jax.random.key(3)))
    optimiser = low_precision(noisy, "bfloat16", moments="bfloat16")
    params = jnp.ones(4, jnp.bfloat16)
    state, plain = optimiser.init(KEY, params), noisy.init(jnp.ones(4))
    for _ in range(2):
        _, state = optimiser.step(jnp.ones(4), state, params)
        with standard_promotion():
            _, plain = noisy.update(jnp.ones(4), plain)
    assert state.inner[0].count == 2
    assert state.inner[0].count.dtype == jnp.int32
    assert state.inner[1].rng_key == plain[1].rng_key != jax.random.key(3)
