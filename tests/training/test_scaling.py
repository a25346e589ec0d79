"""Loss scaling is exact, recovers from overflow, and fails where it cannot help."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.training import Policy, dynamic_scaling, gradient_descent, static_scaling, train
from jaxlab.training.metrics import gradient_norm

HALF = Policy.native("float16")


def slope(params, batch):
    return params * batch


def run(policy, scaling, slope_value, steps=(0, 4), rate=2.0**-12, start=0.0):
    return train(
        slope,
        jnp.array(start, policy.parameters),
        jnp.array(slope_value, jnp.float32),
        gradient_descent(rate),
        policy=policy,
        checkpoints=steps,
        metrics={"gradient": gradient_norm},
        key=jax.random.key(0),
        scaling=scaling,
    )


@pytest.mark.parametrize("scale", [3.0, 0.0, -2.0, float("inf"), 2.0**200])
def test_only_powers_of_two_are_scales(scale):
    for make in (static_scaling, dynamic_scaling):
        with pytest.raises(ValueError, match="power of two"):
            make(scale)


def test_a_scale_beyond_the_loss_dtype_is_refused_at_trace_time():
    with pytest.raises(ValueError, match=r"scaling: got initial 65536\.0.*32768"):
        run(HALF, static_scaling(2**16), 1.0)


def test_scaling_by_a_power_of_two_changes_no_bit():
    plain, scaled = run(HALF, None, 0.3), run(HALF, static_scaling(2**10), 0.3)
    np.testing.assert_array_equal(plain.params, scaled.params)
    assert plain.params != 0


def test_scaling_saves_a_gradient_that_underflows():
    def gradient(scaling):  # 2**-27, below float16's smallest subnormal 2**-24
        history = train(
            lambda p, b: p * b * b * b,
            jnp.float32(1.0),
            jnp.float16(2.0**-9),
            gradient_descent(1.0),
            policy=Policy.gradient("float16", "float32"),
            checkpoints=(0,),
            metrics={"gradient": gradient_norm},
            key=jax.random.key(0),
            scaling=scaling,
        )
        return history.metrics["gradient"][0]

    assert gradient(None) == 0
    assert gradient(static_scaling(2**10)) == 2.0**-27


def test_dynamic_scaling_recovers_from_an_overflow():
    # slope 8: 2**15 * 8 and 2**14 * 8, 2**13 * 8 overflow 65504; 2**12 * 8 = 32768 fits.
    history = run(HALF, dynamic_scaling(2**15), 8.0, steps=(0, 5))
    assert history.skipped == 3
    assert history.status == 0
    assert history.params == -2 * 8 * 2.0**-12


def test_dynamic_scaling_grows_after_good_steps_and_not_beyond_the_dtype():
    # From 2**12, doubled every 2 good steps, 2**13 * 8 overflows once in every cycle of 3 steps.
    history = run(HALF, dynamic_scaling(2**12, growth_interval=2), 8.0, steps=(0, 9))
    assert history.skipped == 3
    assert history.params == -6 * 8 * 2.0**-12
    capped = run(HALF, dynamic_scaling(2**15, growth_interval=1), 0.5, steps=(0, 9))
    assert (capped.skipped, capped.status) == (0, 0)


def test_overflow_at_the_smallest_scale_fails_the_run():
    history = run(HALF, dynamic_scaling(2.0**1), float("inf"), start=1.0)
    assert (history.status, history.failed_at) == (1, 0)
    below = dynamic_scaling(1.0, minimum=2.0**-4)

    def steep(params, batch):  # d/dp = 2**17 overflows float16 unless scaled to 2**-2
        return (params * batch) * batch * jnp.float16(2.0)

    for scaling, status in ((None, 1), (below, 0)):
        history = train(
            steep,
            jnp.float32(0.0),
            jnp.float32(2.0**8),
            gradient_descent(2.0**-30),
            policy=Policy.gradient("float16", "float32"),
            checkpoints=(0, 6),
            metrics={},
            key=jax.random.key(0),
            scaling=scaling,
        )
        assert history.status == status
    assert history.skipped == 2
    assert history.params == -4 * 2.0**-13


def test_a_static_scale_that_overflows_fails_the_run():
    history = run(HALF, static_scaling(2**15), 8.0)
    assert (history.status, history.failed_at, history.skipped) == (1, 0, 0)
    assert history.params == 0
