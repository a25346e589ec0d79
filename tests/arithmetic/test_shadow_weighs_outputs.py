"""Errors are relative to the size of their output, and an output that is zero hides no other."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxlab.arithmetic import ablation, rounded, shadow


def loss(w, b, x):
    h = x @ w + b[None]
    h = h - jnp.mean(h, axis=0, keepdims=True)  # the bias cannot matter
    return jnp.mean(h**4)


def arguments():
    rng = np.random.default_rng(0)
    shapes = ((6, 5), (5,), (40, 6))
    return [jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in shapes]


def test_a_gradient_that_vanishes_is_measured_against_the_largest():
    _, trace = shadow(jax.grad(loss, argnums=(0, 1)), "bfloat16")(*arguments())
    assert 2**-10 < trace.errors["[0]"] < 2**-4
    assert 0 < trace.errors["[1]"] < 2**-4
    assert abs(trace.explained / trace.measured - 1) < 0.05


def test_the_error_of_an_ablation_is_measured_in_the_same_way():
    found = ablation(jax.grad(loss, argnums=(0, 1)), "bfloat16")(*arguments())
    assert all(error < 0.1 for error in found.alone.values())


def test_straight_through_cotangents_leave_the_backward_pass_without_blame():
    gradient, inputs = jax.grad(loss), arguments()
    value, trace = shadow(gradient, "bfloat16", backward="straight_through")(*inputs)
    straight = rounded(gradient, "bfloat16", backward="straight_through", carrier="float64")
    assert np.array_equal(value, straight(*inputs))
    assert not any(row.made for row in trace.rows if row.backward)
    assert any(row.made for row in trace.rows if not row.backward)
