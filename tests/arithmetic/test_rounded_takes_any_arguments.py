"""Pytrees, static values, integers, keys, keywords and auxiliary outputs go through."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from jaxlab.arithmetic import Format, carrier_for, rounded

THIRD = 0.333984375  # 1 / 3 in bfloat16


class Pair(NamedTuple):
    first: jax.Array
    second: jax.Array


def test_pytrees_keep_their_structure():
    def fn(tree, *, extra):
        return {"pair": Pair(tree["a"][0] / 3.0, tree["a"][1]), "none": None, "extra": [extra / 3]}

    one = jnp.float32(1)
    got = rounded(fn, "bf16")({"a": (one, jnp.arange(3))}, extra=one)
    assert jax.tree.structure(got) == jax.tree.structure(
        {"pair": Pair(0, 0), "none": None, "extra": [0]}
    )
    assert float(got["pair"].first) == float(got["extra"][0]) == THIRD
    assert np.array_equal(got["pair"].second, [0, 1, 2])


def test_python_values_are_static():
    def fn(x, n, mode, act, scale=1):
        assert isinstance(n, int)
        assert isinstance(mode, str)
        for _ in range(n):
            x = act(x) / scale
        return x if mode == "plain" else -x

    ask = rounded(fn, "bf16")
    assert float(ask(jnp.float32(1), 1, "plain", jnp.abs, scale=3)) == THIRD
    assert float(ask(jnp.float32(1), 1, "negative", lambda x: x, 3.0)) == -THIRD
    jitted = jax.jit(ask, static_argnums=(1, 2, 3), static_argnames="scale")
    assert float(jitted(jnp.float32(1), 1, "plain", jnp.abs, scale=3)) == THIRD


def test_python_floats_are_rounded_numbers():
    assert float(rounded(lambda x: x, "bf16")(1 / 3)) == THIRD
    assert float(jax.grad(rounded(lambda x: x / 3, "bf16"))(1.0)) == THIRD


@pytest.mark.parametrize("compile_it", [False, True])
def test_integers_booleans_and_keys_pass_unchanged(compile_it):
    def fn(x, n, flag, key):
        draw = jax.random.bits(key, (2,))
        return jnp.where(flag, x / 3.0, x), n + 1, ~flag, jax.random.split(key, 2), draw, 7

    ask = rounded(fn, "bf16")
    key = jax.random.key(3)
    args = jnp.float32(1), jnp.int32(2**30), jnp.array(True), key
    x, n, flag, keys, draw, seven = (jax.jit(ask) if compile_it else ask)(*args)
    assert float(x) == THIRD
    assert (int(n), bool(flag), int(seven)) == (2**30 + 1, False, 7)
    assert np.array_equal(jax.random.key_data(keys), jax.random.key_data(jax.random.split(key, 2)))
    assert np.array_equal(draw, jax.random.bits(key, (2,)))


def test_gradients_skip_what_is_not_floating_point():
    def fn(x, n, key):
        return x * jax.random.bernoulli(key, 1.0).astype(x.dtype) / n.astype(x.dtype)

    args = jnp.float32(5), jnp.int32(3), jax.random.key(0)
    assert float(jax.grad(rounded(fn, "bf16"))(*args)) == THIRD
    assert float(rounded(jax.grad(fn), "bf16")(*args)) == THIRD


def test_auxiliary_outputs_come_along():
    def fn(x):
        return x / 3.0, {"count": 3, "twice": x + x}

    for ask in (
        jax.value_and_grad(rounded(fn, "bf16"), has_aux=True),
        rounded(jax.value_and_grad(fn, has_aux=True), "bf16"),
    ):
        (value, aux), slope = ask(jnp.float32(1))
        assert float(value) == float(slope) == THIRD
        assert int(aux["count"]) == 3
        assert float(aux["twice"]) == 2.0


def test_functions_without_a_float_run():
    assert int(rounded(lambda n: n // 2 + 1, "bf16")(jnp.int32(9))) == 5
    assert rounded(lambda: (1, 1 / 3), "bf16")()[1] == THIRD
    assert rounded(lambda: None, "bf16")() is None


def test_numpy_arrays_and_low_dtypes_are_arguments():
    assert rounded(jnp.negative, "bf16")(np.ones(2, np.float32)).dtype == jnp.float32
    for dtype in (ml_dtypes.bfloat16, np.float16, ml_dtypes.float8_e5m2):
        got = rounded(lambda x: x / 3, dtype)(jnp.ones(2, dtype))
        assert got.dtype == dtype
        assert np.array_equal(np.asarray(got), (np.ones(2, dtype) / np.array(3, dtype)))


def test_a_coarser_dtype_of_the_program_stays_as_coarse():
    got = rounded(lambda x: x.astype(jnp.float8_e5m2).astype(jnp.float32) * 1.0, "bf16")
    assert float(got(jnp.float32(1.3))) == 1.25


def test_large_integers_are_rounded_once_when_they_become_floats():
    """Just above a midpoint of the format, and at one after a rounding to float32, the carrier."""
    fmt = Format.ieee(exponent_bits=6, precision=8)
    assert carrier_for(fmt) == np.float32
    n = jnp.int32(2**24 + 2**16 + 1)
    assert float(n.astype(jnp.float32)) == 2**24 + 2**16
    got = rounded(lambda n: n.astype(jnp.float32), fmt)(n)
    assert float(got) == 2**24 + 2**17 == 16908288


@pytest.mark.parametrize("carrier", [None, "float32", "float64"])
def test_float64_constants_are_rounded_once_whatever_the_carrier(x64, carrier):
    """Just above a midpoint of float16, and at one after a rounding to float32."""
    constants = 1 + np.array([2.0**-11 + 2.0**-40, 2.0**-11 - 2.0**-40])

    def fn(x):
        return x * (jnp.asarray(constants) * 1.0).astype(jnp.float32)

    got = jax.jit(rounded(fn, "fp16", carrier=carrier))(jnp.float32(1))
    assert np.array_equal(got, [1 + 2.0**-10, 1.0])


def test_names_and_docstrings_stay():
    def described(x):
        """Doc."""
        return x

    assert rounded(described, "bf16").__name__ == "described"
    assert rounded(described, "bf16").__doc__ == "Doc."
    assert float(rounded(functools.partial(jnp.multiply, 2.0), "bf16")(jnp.float32(1))) == 2.0


def test_complex_numbers_are_refused_rather_than_left_unrounded():
    with pytest.raises(TypeError, match="complex64, expected real numbers"):
        rounded(jnp.abs, "bf16")(jnp.ones(2, jnp.complex64))
    with pytest.raises(TypeError, match="complex64, expected real numbers"):
        rounded(jnp.fft.fft, "bf16")(jnp.ones(4))

    def spectrum(x):
        return jnp.abs(jnp.fft.rfft(x))

    with pytest.raises(TypeError, match=r"complex64 at .*, expected real numbers"):
        rounded(spectrum, "bf16")(jnp.arange(4.0))
    assert np.array_equal(rounded(spectrum, None)(jnp.arange(4.0)), spectrum(jnp.arange(4.0)))
