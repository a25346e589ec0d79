"""The exact accumulator: one rounding of a sum in the carrier, or in float64."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from jaxlab.arithmetic import float32, round_to
from jaxlab.arithmetic.accumulators import exact, tensor_core
from jaxlab.arithmetic.contractions import cumsum, dot_general, reduce_sum
from tests.arithmetic import accumulation_oracle as oracle

MATRIX_PRODUCT = (((1,), (0,)), ((), ()))


def normal(shape, seed):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_float32_dots_are_summed_in_float64_and_rounded_once():
    x, y = normal((20, 200), 0), normal((200, 30), 1)
    got = dot_general(jnp.asarray(x), jnp.asarray(y), MATRIX_PRODUCT, "exact", "float32")
    assert got.dtype == jnp.float32
    # The order in float64 is XLA's own: exact rationals, and few sums so near a tie that it counts.
    a, b = (np.vectorize(Fraction, otypes=[object])(m.astype(np.float64)) for m in (x, y))
    sums = [float(oracle.round_rational(e, float32, "nearest_even")) for e in (a @ b).ravel()]
    assert np.array_equal(np.ravel(got), sums)
    plain = jnp.matmul(x, y, precision=jax.lax.Precision.HIGHEST)
    assert np.mean(np.ravel(plain) != sums) > 0.3  # summed in float32


def test_float64_on_request_sees_what_float32_swallows():
    rng = np.random.default_rng(8)
    big, small = (normal(shape, 9).astype(ml_dtypes.bfloat16) for shape in ((40, 30), (40, 1)))
    big = big.astype(np.float32) * 2.0**30
    x = rng.permuted(np.concatenate([big, -big, small.astype(np.float32)], 1), axis=1)
    narrow, wide = (
        reduce_sum(jnp.asarray(x), (1,), how, "bfloat16") for how in (exact(), exact("float64"))
    )
    assert np.array_equal(wide, small[:, 0].astype(np.float32))
    assert np.mean(np.asarray(narrow) == wide) < 0.2  # in whatever order float32 adds them


def test_running_sums_are_rounded_once_each():
    x = normal(300, 2).astype(ml_dtypes.bfloat16).astype(np.float32)
    got = cumsum(jnp.asarray(x), 0, False, exact("float64"), "bfloat16")
    expected = np.cumsum(x.astype(np.float64)).astype(np.float32)
    assert np.array_equal(got, round_to(jnp.asarray(expected), "bfloat16"))


def test_float64_results_are_the_native_dot():
    with jax.enable_x64(True):
        x, y = (
            jnp.asarray(np.float64(normal((4, 9), 3))),
            jnp.asarray(np.float64(normal((9, 5), 4))),
        )
        got = dot_general(x, y, MATRIX_PRODUCT, "exact", "float64")
    assert np.allclose(got, np.asarray(x) @ np.asarray(y), rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("block", [1, 4, 16])
@pytest.mark.parametrize("rounding", ["toward_zero", "nearest_even"])
def test_a_tensor_core_truncates_its_running_sum_to_float32(block, rounding):
    how = tensor_core(block, rounding=rounding)
    x, y = (round_to(jnp.asarray(normal(s, 5)), "bfloat16") for s in ((6, 96), (96, 7)))
    got = np.asarray(dot_general(x, y, MATRIX_PRODUCT, how, "float32"))
    assert np.array_equal(got.astype(np.float64), oracle.dot(x, y, how, float32))


def test_a_tensor_core_drops_what_it_truncates_even_far_below_the_last_bit():
    x = jnp.array([1.0, -(2.0**-70)])
    dims = (((0,), (0,)), ((), ()))
    for mode, expected in (("toward_zero", 1 - 2.0**-24), ("nearest_even", 1.0)):
        got = dot_general(x, jnp.ones(2), dims, tensor_core(1, rounding=mode), "float32")
        assert float(got) == expected


def test_truncation_in_the_accumulator_pulls_sums_towards_zero():
    x, y = (
        round_to(jnp.abs(jnp.asarray(normal(s, 6))), "bfloat16") for s in ((8, 4096), (4096, 8))
    )
    truth = np.asarray(x, np.float64) @ np.asarray(y, np.float64)
    errors = {
        mode: np.asarray(
            dot_general(x, y, MATRIX_PRODUCT, tensor_core(4, rounding=mode), "float32")
        ).astype(np.float64)
        / truth
        - 1
        for mode in ("toward_zero", "nearest_even")
    }
    assert np.all(errors["toward_zero"] < 0)
    assert np.abs(errors["nearest_even"]).max() < np.abs(errors["toward_zero"]).min() / 5
