"""Significant bits by Monte Carlo rounding, against the error that a float64 run reveals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic import rounded, significant_bits
from tests.arithmetic.faulty_code import HIGHEST, normal


def mlp_loss(params, x, y):
    for w, b in params[:-1]:
        x = jnp.tanh(jnp.matmul(x, w, precision=HIGHEST) + b[None])
    w, b = params[-1]
    return jnp.mean((jnp.matmul(x, w, precision=HIGHEST) + b[None] - y) ** 2)


def flat(tree):
    return np.concatenate([np.asarray(leaf, np.float64).ravel() for leaf in jax.tree.leaves(tree)])


@pytest.fixture(scope="module", params=["bf16", pytest.param("fp16", marks=pytest.mark.slow)])
def gradient(request):
    """Monte Carlo statistics, rounded gradient and float64 gradient of an MLP, flattened."""
    widths = [(5, 24), (24, 12)]
    params = tuple(
        (normal(i, a, b, scale=a**-0.5), normal(9 + i, b)) for i, (a, b) in enumerate(widths)
    )
    args, fn = (params, normal(1, 32, 5), normal(2, 32, 12)), jax.grad(mlp_loss)
    found = jax.jit(significant_bits(fn, request.param, jax.random.key(0)))(*args)
    low = jax.jit(rounded(fn, request.param))(*args)
    with jax.enable_x64(True):
        exact = jax.jit(fn)(*jax.tree.map(lambda x: x.astype(jnp.float64), args))
    return found, flat(low), flat(exact)


def test_bits_agree_with_the_error_against_float64_within_1_bit(gradient):
    found, low, exact = gradient
    lost = -flat(found.bits) + np.log2(np.abs(flat(found.mean)))  # log2 of sigma
    error = np.abs(low - exact)
    # Half of all normal errors are below 0.67 sigma.
    assert abs(np.log2(np.median(error / 2**lost) / 0.6745)) < 1
    # Mean squares: stochastic rounding has twice the variance of rounding to nearest, half a bit.
    assert abs(np.log2(np.sqrt(np.mean((error / 2**lost) ** 2)))) < 1
    assert error.size == 444


def test_bits_tell_good_entries_from_bad_ones(gradient):
    found, low, exact = gradient
    bits, relative = flat(found.bits), np.abs(low - exact) / np.abs(exact)
    best, worst = bits > np.quantile(bits, 0.75), bits < np.quantile(bits, 0.25)
    assert np.median(relative[worst]) > 4 * np.median(relative[best])


def test_the_mean_is_closer_to_float64_than_one_run(gradient):
    found, low, exact = gradient
    assert np.linalg.norm(flat(found.mean) - exact) < 0.7 * np.linalg.norm(low - exact)


def test_one_stochastic_rounding_has_the_scatter_that_theory_says():
    # x sits at fraction t of a gap of 2u around 1: sigma = 2u sqrt(t (1 - t)).
    x, gap, samples = 1 + 2.0**-7 / 4, 2.0**-7, 4000
    found = significant_bits(lambda x: x, "bf16", jax.random.key(1), samples)(jnp.float32(x))
    sigma = gap * np.sqrt(0.25 * 0.75)
    # Standard error of a variance of two-point draws: below 3 % at 4000 samples; 5 sigma.
    assert float(found.deviation) == pytest.approx(sigma, rel=0.08)
    assert float(found.mean) == pytest.approx(x, abs=5 * sigma / np.sqrt(samples))
    assert float(found.bits) == pytest.approx(-np.log2(sigma / x), abs=0.12)


def test_an_exact_result_has_infinitely_many_bits():
    found = significant_bits(lambda x: x * 2, "fp16", jax.random.key(0), 4)(jnp.array([1.5, 0.0]))
    assert np.array_equal(found.bits, [np.inf, np.inf])
    assert np.array_equal(found.deviation, [0, 0])


def test_noise_around_zero_has_no_bits():
    def noise(x):
        return x * 1.1 - x * 1.1 * (1 + 1e-9)  # the factor is lost; two draws differ

    x = jnp.linspace(1.0, 2.0, 50)
    found = significant_bits(noise, "fp16", jax.random.key(0), 16)(x)
    assert np.median(np.asarray(found.bits)) < 1
    zero_mean = significant_bits(lambda x: jnp.zeros(2) * x, "fp16", jax.random.key(0), 4)
    assert np.array_equal(zero_mean(jnp.float32(3.3)).bits, [np.inf, np.inf])


def test_nan_in_some_run_is_no_significance():
    found = significant_bits(jnp.log, "fp16", jax.random.key(0), 4)(jnp.float32(-1.0))
    assert np.isnan(found.bits)


def test_the_structure_is_that_of_the_result():
    def fn(x):
        return {"a": x * 1.1, "b": (jnp.sum(x),)}

    found = significant_bits(fn, "fp16", jax.random.key(0), 3)(jnp.ones(4) / 3)
    shapes = {"a": (4,), "b": ((),)}
    for field in found:
        assert jax.tree.map(np.shape, field) == shapes


def test_the_same_key_gives_the_same_bits_and_another_does_not():
    x = normal(1, 20)
    run = jax.jit(lambda key: significant_bits(jnp.exp, "bf16", key, 8)(x))
    first, again, other = (run(jax.random.key(seed)) for seed in (5, 5, 6))
    assert np.array_equal(first.bits, again.bits)
    assert not np.array_equal(first.bits, other.bits)


def test_the_options_of_rounded_are_passed_on():
    x = jnp.ones(300) * 1.01
    bits = [
        float(significant_bits(jnp.sum, "bf16", jax.random.key(0), 32, accumulate=how)(x).bits)
        for how in ("exact", "sequential")
    ]
    assert bits[0] > bits[1] + 1


@pytest.mark.parametrize("samples", [1, 0, -3])
def test_fewer_than_two_samples_are_refused(samples):
    with pytest.raises(ValueError, match=f"samples: got {samples}, expected at least 2"):
        significant_bits(jnp.sin, "fp16", jax.random.key(0), samples)


@pytest.mark.parametrize(
    ("fmt", "x"),
    [
        ("fp16", np.float16(3e-4)),
        ("fp16", np.float16(1e-5)),
        ("bf16", np.float32(1e-22)),
        ("bf16", np.float32(1e25)),
    ],
    ids=str,
)
def test_squares_out_of_the_range_of_the_result_do_no_harm(fmt, x):
    """The square of the scatter is not a number of the dtype of x."""
    found = significant_bits(lambda x: x * 0.3, fmt, jax.random.key(0))(x)
    draws = np.float64(
        jax.vmap(lambda key: rounded(lambda x: x * 0.3, fmt, rounding="stochastic", key=key)(x))(
            jax.random.split(jax.random.key(0), 32)
        )
    )
    assert all(field.dtype == np.float64 for field in found)
    assert float(found.mean) == pytest.approx(draws.mean(), rel=1e-14)
    assert float(found.deviation) == pytest.approx(draws.std(ddof=1), rel=1e-12)
    assert draws.std() > 0
    expected = np.log2(draws.mean() / draws.std(ddof=1))
    assert float(found.bits) == pytest.approx(expected, abs=1e-12)
