"""Data sets of the targets: uniform, of the given format, each label the value at its input."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxlab.arithmetic import as_format, round_to
from jaxlab.studies.collapse import targets

NAMED = targets.published()


@pytest.mark.parametrize("name", NAMED)
def test_inputs_are_uniform_on_the_domain(name):
    target = NAMED[name]
    x, y = targets.draw(jax.random.key(0), target)
    assert x.shape == (3000, target.inputs)
    assert y.shape == (3000, target.outputs)
    law = stats.uniform(target.low, target.high - target.low)
    for axis in np.asarray(x).T:
        assert stats.kstest(axis, law.cdf).pvalue > 1e-6  # one false alarm in 10**6
    if target.inputs == 2:
        assert abs(stats.pearsonr(*np.asarray(x).T).statistic) < 5 / math.sqrt(3000)


@pytest.mark.parametrize("name", NAMED)
def test_labels_scatter_about_the_states_as_the_floors_say(name):
    target = NAMED[name]
    y = np.asarray(targets.draw(jax.random.key(1), target, 100_000)[1])
    states = target.states
    error = 5 / math.sqrt(y.size / target.outputs)  # five standard errors: one in 10**6
    assert abs(y.mean() - states.mean) < error * states.rmse
    squares, sizes = (y - states.mean) ** 2, np.abs(y - states.median[0])
    assert abs(squares.mean() - states.rmse**2) < error * squares.std()
    assert abs(sizes.mean() - states.absolute) < error * sizes.std()


@pytest.mark.parametrize("name", ["x sin 5x", "(|x1+x2|, |x1-x2|)"])
@pytest.mark.parametrize("fmt", ["bfloat16", "float32"])
def test_labels_belong_to_the_rounded_inputs(name, fmt, x64_both):
    target = NAMED[name]
    x, y = targets.draw(jax.random.key(2), target, 50, fmt)
    assert x.dtype == y.dtype == as_format(fmt).dtype
    wide = targets.draw(jax.random.key(2), target, 50)[0]
    with jax.enable_x64(True):
        np.testing.assert_array_equal(round_to(wide, fmt), x.astype(jnp.float64))
        labels = round_to(target.function(x.astype(jnp.float64)), fmt)
        np.testing.assert_array_equal(labels, y.astype(jnp.float64))


def test_a_common_grid_gives_every_format_the_same_data():
    key, target = jax.random.key(3), NAMED["x sin 5x"]
    sets = [
        targets.draw(key, target, 64, fmt, grid="bfloat16")
        for fmt in ("bfloat16", "float32", "float64")
    ]
    for arrays in zip(*sets, strict=True):
        first, *others = (np.asarray(array).astype(np.float64) for array in arrays)
        for other in others:
            np.testing.assert_array_equal(first, other)


def test_draws_are_the_same_under_jit_and_vmap():
    keys = jax.random.split(jax.random.key(4), 3)
    target = NAMED["|x|, sqrt(7)"]

    def draw(key):
        return targets.draw(key, target, 20, "float32")

    batched = jax.jit(jax.vmap(draw))(keys)
    for i, key in enumerate(keys):
        for a, b in zip(batched, draw(key), strict=True):
            np.testing.assert_array_equal(a[i], b)


def test_an_empty_data_set_is_refused():
    with pytest.raises(ValueError, match="points: got 0, expected at least 1"):
        targets.draw(jax.random.key(0), NAMED["x^2"], 0)
