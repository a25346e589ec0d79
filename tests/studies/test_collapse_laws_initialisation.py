"""The randomised asymmetric start: its sigma, its layers, and its rounding."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic import as_format, round_to
from jaxlab.networks import initialisers
from jaxlab.studies.collapse import initialisation

WIDTHS = (1, 4, 4, 1)


def equal(one, other):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def test_sigma_is_the_published_number_and_balances_the_growth():
    assert abs(initialisers.balanced_std() - 0.600747) <= 5e-7
    assert initialisation.growth(initialisers.balanced_std()) == pytest.approx(1, abs=1e-15)


def test_the_mean_square_grows_by_less_than_the_bound():
    @jax.jit
    def after(key):
        law = initialisers.randomised_asymmetric(initialisers.balanced_std())
        layer = initialisers.initialise(key, (8, 8), law, "float32")[0]
        features = jnp.linspace(0.5, 1.5, 8)
        out = jax.nn.relu(jnp.matmul(features, layer.weight, precision=jax.lax.Precision.HIGHEST))
        return (out * out).sum() / (features * features).sum()

    ratios = np.asarray(jax.jit(jax.vmap(after))(jax.random.split(jax.random.key(0), 4000)))
    error = ratios.std() / np.sqrt(ratios.size)
    assert 0.7 < ratios.mean() < 1 - 5 * error  # five standard errors: one false alarm in 10**6


def test_the_start_is_the_library_s_law_in_every_layer():
    key = jax.random.key(1)
    law = initialisers.randomised_asymmetric()
    equal(
        initialisation.initialise_asymmetric(key, WIDTHS), initialisers.initialise(key, WIDTHS, law)
    )


def test_a_law_of_the_first_layer_leaves_the_others():
    key = jax.random.key(2)
    mixed = initialisation.initialise_asymmetric(key, WIDTHS, initialisers.he())
    equal(mixed[:1], initialisers.initialise(key, WIDTHS, initialisers.he())[:1])
    equal(mixed[1:], initialisation.initialise_asymmetric(key, WIDTHS)[1:])


@pytest.mark.parametrize("fmt", ["bfloat16", "float32"])
def test_every_format_holds_the_float64_draw_rounded_once(fmt, x64_both):
    key, first = jax.random.key(3), initialisers.he()
    wide = initialisation.initialise_asymmetric(key, WIDTHS, first)
    narrow = initialisation.initialise_asymmetric(key, WIDTHS, first, fmt)
    for a, b in zip(jax.tree.leaves(wide), jax.tree.leaves(narrow), strict=True):
        assert b.dtype == as_format(fmt).dtype
        np.testing.assert_array_equal(np.asarray(round_to(a, fmt)).astype(b.dtype), np.asarray(b))


@pytest.mark.parametrize("name", initialisation.SYMMETRIC)
def test_the_symmetric_laws_are_symmetric_and_their_names_tell_the_bias(name):
    law = initialisation.SYMMETRIC[name]
    layer = initialisers.initialise(jax.random.key(4), (100, 200), law)[0]
    weight = np.asarray(layer.weight)
    positive = (weight > 0).mean()
    assert abs(positive - 0.5) < 5 * 0.5 / np.sqrt(weight.size)  # one false alarm in 10**6
    assert np.asarray(layer.bias).any() != name.endswith("zero bias")
