"""Metrics are wide, do not overflow, and count what training would lose."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.networks.mlp import Layer
from jaxlab.training import metrics
from jaxlab.training.metrics import Snapshot
from jaxlab.training.updates import add_updates

SCALARS = (
    metrics.loss,
    metrics.parameter_norm,
    metrics.parameter_largest,
    metrics.gradient_norm,
    metrics.gradient_largest,
    metrics.gradient_smallest,
    metrics.gradient_zero_share,
    metrics.stagnated_share,
)


def snapshot(params, gradient=None, updates=None):
    gradient = params if gradient is None else gradient
    updates = gradient if updates is None else updates
    proposed, _ = add_updates(params, updates, ())
    loss = jnp.ones((), params[0].dtype)
    return Snapshot(jnp.int32(0), params, gradient, updates, loss, proposed=proposed)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_every_metric_is_a_wide_scalar(x64_both, dtype):
    wide = jnp.float64 if x64_both else jnp.float32
    example = snapshot((jnp.ones(3, dtype),))
    for metric in SCALARS:
        value = jax.jit(metric)(example)
        assert (value.shape, value.dtype) == ((), wide)


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30, 3e38])
def test_norms_do_not_overflow_or_underflow(size):
    entries = np.array([0.3, -0.4, 0.0], np.float32) * np.float32(size)
    expected = np.linalg.norm(entries.astype(np.float64))
    got = float(metrics.norm((jnp.array(entries[:1]), jnp.array(entries[1:]))))
    assert abs(got - expected) <= 4e-7 * expected


def test_norms_of_zero_and_of_nonfinite_entries():
    assert metrics.norm(jnp.zeros(2)) == 0
    assert metrics.norm(jnp.array([1.0, jnp.inf])) == jnp.inf
    assert jnp.isnan(metrics.norm(jnp.array([1.0, jnp.nan])))


def test_extremes_of_the_gradient():
    example = snapshot((jnp.ones(4),), (jnp.array([0.0, -8.0, 1e-20, 0.0]),))
    assert metrics.gradient_largest(example) == 8
    assert metrics.gradient_smallest(example) == np.float32(1e-20)
    assert metrics.gradient_zero_share(example) == 0.5
    assert metrics.gradient_smallest(snapshot((jnp.zeros(2),))) == jnp.inf


def test_stagnation_counts_lost_updates_among_the_nonzero_ones():
    # ulp(1) = 2**-7 upward and 2**-8 downward in bfloat16; ties go to even, here to 1.
    u = jnp.array([2.0**-8, 2.0**-7, -(2.0**-9), -(2.0**-8), 0.0], jnp.bfloat16)
    ones = (jnp.ones(5, jnp.bfloat16),)
    assert metrics.stagnated_share(snapshot(ones, (u,))) == 0.5
    assert metrics.stagnated_share(snapshot(ones, (0 * u,))) == 0
    wide = (u.astype(jnp.float32),)
    assert metrics.stagnated_share(snapshot(ones, wide)) == 0.5


def test_a_neuron_that_is_zero_on_all_inputs_is_dead():
    first = Layer(jnp.array([[1.0, 1.0, -1.0, 0.0]]), jnp.array([0.0, -1.0, -2.0, 1.0]))
    second = Layer(jnp.ones((4, 1)), jnp.array([-9.0]))
    params = (first, second, Layer(jnp.ones((1, 1)), jnp.zeros(1)))
    example = Snapshot(jnp.int32(0), params, params, params, jnp.float32(0))
    metric = metrics.dead_share(jnp.linspace(0.0, 1.0, 5)[:, None])
    assert np.isclose(metric(example), 3 / 5)
    assert metrics.dead_share(jnp.ones((2, 1)), jnp.bfloat16)(example).dtype == jnp.float32
