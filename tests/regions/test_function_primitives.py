"""Every primitive that switches: knots where the function's own tangents meet, and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.regions import function
from tests.regions import tangents

RNG = np.random.default_rng(5)
W, V, U = RNG.normal(size=(6, 5)), RNG.normal(size=(3, 6)), 0.7 * RNG.normal(size=(3, 5, 5))
START, STOP = RNG.normal(size=5) - 1, RNG.normal(size=5) + 1
HIGHEST = jax.lax.Precision.HIGHEST


def dense(x):
    return jnp.dot(jnp.asarray(W), x, precision=HIGHEST)


def then(activation):
    return lambda x: jnp.dot(jnp.asarray(V), activation(dense(x)), precision=HIGHEST)


def recurrent(x):
    weights = jnp.asarray(U)

    def body(carry, weight):
        after = jax.nn.relu(jnp.dot(weight, carry, precision=HIGHEST) + 0.1)
        return after, after.sum()

    last, sums = jax.lax.scan(body, x, weights, reverse=True)
    return jnp.concatenate([last, sums])


SAME_PIECES = {
    "relu": then(jax.nn.relu),
    "relu6": then(lambda h: jax.nn.relu6(3 * h)),
    "leaky relu": then(jax.nn.leaky_relu),
    "hard tanh": then(jax.nn.hard_tanh),
    "hard sigmoid": then(lambda h: jax.nn.hard_sigmoid(4 * h)),
    "abs": then(jnp.abs),
    "sign times value": then(lambda h: jnp.sign(h) * h),
    "mask times value": then(lambda h: h * (h > 0).astype(h.dtype)),
    "where with not below": then(lambda h: jnp.where(~(h < 0), h, 0.25 * h)),
    "clip": then(lambda h: jnp.clip(h, -0.5, 0.75)),
    "clamp": then(lambda h: jax.lax.clamp(-0.5, h, 0.75)),
    "switch of three": then(
        lambda h: jax.lax.select_n(jnp.int32(h > 0) + jnp.int32(h > 1), h, 2 * h, h + 1)
    ),
    "max of two": lambda x: jnp.maximum(dense(x)[:3], dense(x)[3:]),
    "min of two": lambda x: jnp.minimum(dense(x)[:3], dense(x)[3:]),
    "max over an axis": lambda x: dense(x).reshape(2, 3).max(axis=1),
    "min over both axes": lambda x: dense(x).reshape(2, 3).min(),
    "sorted": lambda x: jnp.sort(dense(x)),
    "median": lambda x: jnp.median(dense(x)),
    "windows": lambda x: jax.lax.reduce_window(
        dense(x), -jnp.inf, jax.lax.max, (3,), (2,), ((1, 2),)
    ),
    "windows of minima": lambda x: jax.lax.reduce_window(
        dense(x), jnp.inf, jax.lax.min, (2,), (1,), "VALID", window_dilation=(2,)
    ),
    "scan": recurrent,
    "loop": lambda x: jax.lax.fori_loop(0, 3, lambda i, h: jnp.abs(h) - 0.3, x),
    "checkpoint": jax.checkpoint(then(jax.nn.relu)),
    "gradient of a sum": lambda x: jax.vjp(then(jax.nn.relu), x)[0],
}  # fmt: skip


@pytest.mark.parametrize("name", SAME_PIECES)
def test_pieces_are_where_the_tangents_meet(x64, name):
    fn = SAME_PIECES[name]
    expected = tangents.kinks(fn, START, STOP)
    found = function.line(fn, START, STOP)
    assert found.pieces == len(expected) + 1
    assert found.regions >= found.pieces
    gaps = np.abs(np.subtract.outer(expected, found.knots)).min(axis=1)
    np.testing.assert_allclose(gaps, 0, atol=1e-7)
    points = START + found.knots[:, None] * (STOP - START)
    values = jax.jit(jax.vmap(fn))(jnp.asarray(points))
    np.testing.assert_allclose(found.values, values, atol=1e-12)
    change = np.diff(found.values, axis=0)
    widths = np.diff(found.knots).reshape(-1, *[1] * (change.ndim - 1))
    np.testing.assert_allclose(found.slopes * widths, change, atol=1e-12)


REGIONS = {
    "hard tanh has three": (jax.nn.hard_tanh, -3.0, 3.0, 3, 3),
    "abs has two": (jnp.abs, -1.0, 2.0, 2, 2),
    "a touch makes none": (lambda x: jax.nn.relu(x - 2.0), 0.0, 2.0, 1, 1),
    "three lines, two kinks": (
        lambda x: jnp.max(jnp.stack([-x, 0.25 * x - 1, x - 4.0])), -5.0, 5.0, 3, 3,
    ),
    "a line that never wins": (
        lambda x: jnp.max(jnp.stack([-x, -1.0 + 0 * x, x])), -5.0, 5.0, 2, 2,
    ),
    "equal entries": (lambda x: jnp.max(jnp.stack([x, x, -x])), -1.0, 1.0, 2, 2),
    "switches behind a dead layer": (lambda x: 0 * jnp.abs(x) + x, -1.0, 1.0, 2, 1),
    "switches that cancel": (lambda x: jax.nn.relu(x) - jax.nn.relu(-x), -1.0, 1.0, 2, 1),
    "in two branches": (
        lambda x: jnp.where(x > 0, x, jnp.where(x > -1, 0 * x, x + 1)), -2.0, 2.0, 3, 3,
    ),
    "no switch": (lambda x: 3 * x + 1, -1.0, 1.0, 1, 1),
    "constant": (lambda x: jnp.ones(3), -1.0, 1.0, 1, 1),
    "a bound at infinity": (lambda x: jnp.clip(x, -jnp.inf, 0.5), -1.0, 1.0, 2, 2),
}  # fmt: skip


@pytest.mark.parametrize("name", REGIONS)
def test_hand_made_functions_have_the_known_regions(name):
    fn, start, stop, regions, pieces = REGIONS[name]
    found = function.line(fn, start, stop)
    assert (found.regions, found.pieces, found.undecided) == (regions, pieces, 0)


def test_a_tower_of_absolute_values_is_a_sawtooth():
    def tower(x):
        for _ in range(12):
            x = jnp.abs(2 * x - 1)
        return x

    found = function.line(tower, 0.0, 1.0)
    assert (found.regions, found.pieces, found.undecided) == (2**12, 2**12, 0)
    np.testing.assert_array_equal(found.knots, np.arange(2**12 + 1) / 2**12)
    np.testing.assert_array_equal(np.abs(found.slopes), 2**12)


def test_the_largest_entry_changes_only_where_the_winner_does(x64):
    offsets = jnp.asarray(RNG.normal(size=40))
    slopes = jnp.asarray(RNG.normal(size=40))

    def entries(t):
        return slopes * t + offsets - 0.0

    t = np.linspace(-4, 4, 200_001)
    winner = np.argmax(np.outer(t, slopes) + np.asarray(offsets), axis=1)
    expected = winner[np.concatenate([[True], np.diff(winner) != 0])]
    found = function.line(lambda t: jnp.argmax(entries(t)), -4.0, 4.0)
    np.testing.assert_array_equal(found.values, expected)
    assert (found.regions, found.pieces) == (len(expected), len(expected))
    assert function.line(lambda t: jnp.max(entries(t)), -4.0, 4.0).regions == len(expected)
    least = function.line(lambda t: jnp.argmin(-entries(t)), -4.0, 4.0)
    np.testing.assert_array_equal(least.values, expected)


def test_counting_active_neurons_is_a_step_function(x64):
    found = function.line(lambda x: (dense(x) > 0).sum(), START, STOP)
    middles = (found.knots[1:] + found.knots[:-1])[:, None] / 2
    hidden = (START + middles * (STOP - START)) @ W.T
    np.testing.assert_array_equal(found.values, (hidden > 0).sum(axis=1))
    assert found.regions == 1 + (np.sign(W @ START) != np.sign(W @ STOP)).sum()
    assert not found.slopes.any()
