"""Initialisers draw the law they name, once in float64, and round it once per format."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import jaxlab as jl
from jaxlab.networks import initialisers as init

LAWS = {
    "he": init.he(init.fan_in_bias()),
    "xavier": init.xavier(init.normal_bias(0.1)),
    "pytorch": init.pytorch(),
    "gaussian": init.gaussian(),
    "asymmetric": init.randomised_asymmetric(),
}
# Kolmogorov-Smirnov tests at this level: one false alarm in 10**4 per assertion, fixed seeds.
LEVEL = 1e-4


def sample(law, inputs=50, outputs=200):
    (layer,) = init.initialise(jax.random.key(7), (inputs, outputs), law)
    return np.asarray(layer.weight).ravel(), np.asarray(layer.bias).ravel()


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
@pytest.mark.parametrize("fmt", ["bfloat16", "float16", "float32", "float8_e4m3fn"])
def test_a_format_holds_the_float64_draw_rounded_once(law, fmt, x64_both):
    key, widths = jax.random.key(3), (2, 9, 1)
    wide = init.initialise(key, widths, law, "float64")
    narrow = init.initialise(key, widths, law, fmt)
    for a, b in zip(jax.tree.leaves(wide), jax.tree.leaves(narrow), strict=True):
        assert a.dtype == jnp.float64
        assert b.dtype == jl.arithmetic.as_format(fmt).dtype
        once = np.asarray(jl.arithmetic.round_to(a, fmt)).astype(b.dtype)
        np.testing.assert_array_equal(once, np.asarray(b))


def test_a_common_grid_gives_every_format_the_same_reals():
    draws = [
        init.initialise(jax.random.key(0), (1, 16, 16, 1), LAWS["he"], fmt, grid="bfloat16")
        for fmt in ("bfloat16", "float16", "float32", "float64")
    ]
    for leaves in zip(*map(jax.tree.leaves, draws), strict=True):
        first, *others = (np.asarray(leaf).astype(np.float64) for leaf in leaves)
        for other in others:
            np.testing.assert_array_equal(first, other)


def test_a_format_without_a_dtype_comes_in_float64():
    fmt = jl.arithmetic.Format.ieee(exponent_bits=5, precision=5)
    weight = init.initialise(jax.random.key(0), (1, 4, 1), LAWS["he"], fmt)[0].weight
    assert weight.dtype == jnp.float64
    np.testing.assert_array_equal(jl.arithmetic.round_to(weight, fmt), weight)


def test_the_draw_is_the_same_under_vmap_and_jit():
    keys = jax.random.split(jax.random.key(0), 3)

    def draw(key):
        return init.initialise(key, (1, 4, 1), LAWS["he"], "float32")

    batched = jax.jit(jax.vmap(draw))(keys)
    for i, key in enumerate(keys):
        for a, b in zip(jax.tree.leaves(batched), jax.tree.leaves(draw(key)), strict=True):
            np.testing.assert_array_equal(a[i], b)


@pytest.mark.parametrize(
    ("law", "weights", "biases"),
    [
        ("he", stats.norm(scale=np.sqrt(2 / 50)), stats.norm(scale=np.sqrt(2 / 50))),
        ("xavier", stats.uniform(-np.sqrt(6 / 250), 2 * np.sqrt(6 / 250)), stats.norm(scale=0.1)),
        (
            "pytorch",
            stats.uniform(-(50**-0.5), 2 * 50**-0.5),
            stats.uniform(-(50**-0.5), 2 * 50**-0.5),
        ),
        ("gaussian", stats.norm(), stats.norm()),
    ],
)
def test_weights_and_biases_follow_their_law(law, weights, biases):
    weight, bias = sample(LAWS[law])
    assert stats.kstest(weight, weights.cdf).pvalue > LEVEL
    assert stats.kstest(bias, biases.cdf).pvalue > LEVEL


def test_asymmetric_rows_have_one_beta_entry_in_a_uniform_place():
    inputs, outputs = 3, 20_000
    law = init.randomised_asymmetric(std=1e-9)
    (layer,) = init.initialise(jax.random.key(1), (inputs, outputs), law)
    entries = np.concatenate([np.asarray(layer.weight), np.asarray(layer.bias)[None]])
    chosen = entries.argmax(0)
    assert stats.chisquare(np.bincount(chosen, minlength=inputs + 1)).pvalue > LEVEL
    assert stats.kstest(entries.max(0), stats.beta(2, 1).cdf).pvalue > LEVEL


def test_the_asymmetric_deviation_is_the_published_one():
    assert abs(init.balanced_std() - 0.600747) < 5e-7


def test_networks_that_begin_alike_have_equal_leading_layers():
    short = init.initialise(jax.random.key(0), (1, 8, 8, 1), LAWS["he"])
    long = init.initialise(jax.random.key(0), (1, 8, 8, 8, 8, 1), LAWS["he"])
    for a, b in zip(jax.tree.leaves(short[:2]), jax.tree.leaves(long[:2]), strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def test_bad_widths_are_named():
    for widths in [(3,), (1, 0, 1)]:
        with pytest.raises(ValueError, match="widths: got"):
            init.initialise(jax.random.key(0), widths, init.he())
