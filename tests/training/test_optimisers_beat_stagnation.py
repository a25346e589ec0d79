"""One weight at 1 and 500 updates of -1e-3 in bfloat16: who arrives at 0.5, who never leaves."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxlab.training import low_precision

STEPS = 500
ULP = 2.0**-8  # of bfloat16 just below 1, and an upper bound at 0.5


def descend(weights=1, **options):
    """Final weights and, per step, the weight and the counts of ``weights`` equal entries."""
    optimiser = low_precision(optax.sgd(1e-3), "bfloat16", **options)
    params, gradient = jnp.ones(weights, jnp.bfloat16), jnp.ones(weights, jnp.float32)

    def step(carry, _):
        params, state = carry
        updates, state = optimiser.step(gradient, state, params)
        params, state = optimiser.apply(params, updates, state)
        return (params, state), (params[0], state.stagnation)

    def run(key):
        first = params, optimiser.init(key, params)
        (last, _), path = jax.lax.scan(step, first, None, length=STEPS)
        return last, path

    last, (path, counts) = jax.jit(run)(jax.random.key(0))
    return np.asarray(last, np.float64), np.asarray(path, np.float64), counts


def test_rounding_to_nearest_never_leaves():
    _, path, counts = descend()
    assert np.all(path == 1)
    np.testing.assert_array_equal(counts.lost, np.ones(STEPS))


@pytest.mark.parametrize(
    "options",
    [
        {"rounding": "compensated"},
        {"rounding": "compensated", "compensation": "float32"},
        {"rounding": "compensated", "update": "bfloat16"},
        {"master": "float32"},
        {"master": "float32", "update": "bfloat16"},
    ],
    ids=str,
)
def test_compensation_and_master_copies_arrive_and_lose_nothing(options):
    last, path, counts = descend(**options)
    assert last[0] == 0.5
    exact = 1 - 1e-3 * np.arange(1, STEPS + 1)
    assert np.abs(path - exact).max() < ULP
    assert np.sum(counts.unchanged) > STEPS // 2
    np.testing.assert_array_equal(counts.lost, np.zeros(STEPS))


def test_a_master_copy_can_be_rounded_stochastically():
    # The master is exact to 1e-4; its rounding errors, anew at every step, are below a gap of
    # 2**-9 or 2**-8 and have mean 0: Hoeffding's bound for 4096 independent ones of range 2**-8
    # gives 2 exp(-2 * 4096 * (3e-4 / 2**-8)**2) < 1e-20.
    last, path, _ = descend(4096, rounding="stochastic", master="float32")
    assert abs(last.mean() - 0.5) < 4e-4
    assert np.abs(path - (1 - 1e-3 * np.arange(1, STEPS + 1))).max() < ULP


def test_stochastic_rounding_arrives_on_average():
    # Each step's rounding error has mean 0, variance at most gap * |u| with gap <= 2**-8, and
    # errors of different steps are uncorrelated: variance at most 500 * 2**-8 * 1e-3 = 0.0442**2.
    # 4096 weights: 5 standard errors are 0.0035; the mean strays further with probability 6e-7.
    last, _, _ = descend(4096, rounding="stochastic")
    assert abs(last.mean() - 0.5) < 0.0035
    assert 0.03 < last.std() < 0.0442
    assert np.unique(last).size > 20


def test_a_stochastically_rounded_weight_depends_on_its_key_and_place_alone():
    first, _, _ = descend(3, rounding="stochastic")
    again, _, _ = descend(3, rounding="stochastic")
    np.testing.assert_array_equal(first, again)
    assert np.unique(descend(16, rounding="stochastic")[0]).size > 4
