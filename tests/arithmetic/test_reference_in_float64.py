"""Functions run in float64 whatever the x64 flag says; float64 dots are rounded once."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic import as_format
from jaxlab.arithmetic.reference import dot_general_in_float64, in_float64, widen_tree
from tests.arithmetic import accumulation_oracle as oracle

MATMUL = (((1,), (0,)), ((), ()))


def test_a_function_runs_in_float64_with_x64_on_or_off(x64_both):
    x = jnp.linspace(0.1, 2.0, 50, dtype=jnp.float32)
    expected = np.sin(np.asarray(x, np.float64)) * 0.1
    for fn in (
        in_float64(lambda x: jnp.sin(x) * 0.1),
        jax.jit(in_float64(lambda x: jnp.sin(x) * 0.1)),
    ):
        got = fn(x)
        assert got.dtype == np.float64
        assert np.max(np.abs(np.asarray(got) - expected)) < 1e-15


def test_gradients_inside_are_float64_and_keep_integers(x64_both):
    def loss(params, n):
        return jnp.sum(params["w"] ** 3) * n.astype(params["w"].dtype)

    got = jax.jit(in_float64(jax.grad(loss)))({"w": jnp.float32([0.1, 3.0])}, jnp.int32(2))
    assert got["w"].dtype == np.float64
    assert np.allclose(got["w"], 6 * np.float64(np.float32([0.1, 3.0])) ** 2, rtol=1e-15)


def test_everything_but_floating_arrays_passes_through():
    tree = {"f": jnp.float16(1.5), "i": jnp.int32(3), "n": 2, "s": 0.5, "key": jax.random.key(0)}
    wide = widen_tree(tree)
    assert wide["f"].dtype == np.float64
    assert (wide["i"].dtype, wide["n"], wide["s"]) == (np.int32, 2, 0.5)
    assert wide["key"] is tree["key"]


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_dots_are_the_exact_sum_rounded_once(dtype, x64_both):
    rng = np.random.default_rng(0)
    x, y = (
        jnp.asarray(rng.standard_normal(shape).astype(np.float32)).astype(dtype)
        for shape in ((9, 300), (300, 7))
    )
    got = jax.jit(lambda x, y: dot_general_in_float64(x, y, MATMUL))(x, y)
    assert got.dtype == x.dtype
    a, b = (np.asarray(m.astype(jnp.float32), np.float64) for m in (x, y))
    exact = (np.vectorize(Fraction, otypes=[object])(a)) @ np.vectorize(Fraction, otypes=[object])(
        b
    )
    fmt = as_format(dtype)
    rounded = [float(oracle.round_rational(e, fmt, "nearest_even")) for e in exact.ravel()]
    wide = np.asarray(got.astype(jnp.float32), np.float64).ravel()
    assert np.count_nonzero(wide != rounded) == 0


def test_on_cpu_the_float64_dot_preset_gives_the_same_bits():
    if jax.default_backend() != "cpu":
        pytest.skip("a statement about XLA:CPU")
    rng = np.random.default_rng(1)
    x, y = (jnp.asarray(rng.standard_normal(s), jnp.float32) for s in ((16, 500), (500, 16)))
    preset = jax.lax.dot_general(x, y, MATMUL, precision=jax.lax.DotAlgorithmPreset.F64_F64_F64)
    assert np.array_equal(preset, dot_general_in_float64(x, y, MATMUL))
    plain = jax.lax.dot_general(x, y, MATMUL, precision=jax.lax.Precision.HIGHEST)
    assert np.count_nonzero(np.asarray(plain) != preset) > 50


def test_different_dtypes_are_refused():
    with pytest.raises(ValueError, match="y: got dtype float16, expected float32"):
        dot_general_in_float64(jnp.ones((1, 1)), jnp.ones((1, 1), jnp.float16), MATMUL)
