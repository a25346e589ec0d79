"""Emulated arithmetic is that of NumPy and ml_dtypes, operation by operation."""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from jaxlab.arithmetic import as_format, rounded
from tests.arithmetic import elementwise_programs, numpy_interpreter, oracle

DTYPES = {
    "bfloat16": ml_dtypes.bfloat16,
    "float16": np.float16,
    "float8_e4m3fn": ml_dtypes.float8_e4m3fn,
    "float8_e5m2": ml_dtypes.float8_e5m2,
    "float32": np.float32,
}


def check(run, name):
    arguments = elementwise_programs.arguments(as_format(name), 256)
    got = run(*map(jnp.asarray, arguments))
    expected = numpy_interpreter.run(elementwise_programs.program, DTYPES[name], *arguments)
    for case, x, y in zip(elementwise_programs.NAMES, got, expected, strict=True):
        assert not oracle.mismatches(x, y.astype(np.float32)), case


@pytest.mark.parametrize("name", DTYPES)
def test_compiled_programs_agree_bit_for_bit(name):
    check(jax.jit(rounded(elementwise_programs.program, name)), name)


@pytest.mark.parametrize("name", ["float16", "float32"])
def test_programs_compiled_with_x64_on_agree_bit_for_bit(name, x64):
    check(jax.jit(rounded(elementwise_programs.program, name)), name)


@pytest.mark.parametrize("name", ["bfloat16"])
def test_programs_run_one_operation_at_a_time_agree_bit_for_bit(name):
    check(rounded(elementwise_programs.program, name), name)


@pytest.mark.parametrize("name", ["bfloat16", "float16", "float8_e5m2"])
def test_programs_written_in_the_low_dtype_agree_bit_for_bit(name):
    dtype = DTYPES[name]
    with np.errstate(over="ignore"):
        arguments = [
            a.astype(dtype) for a in elementwise_programs.arguments(as_format(name), 256, seed=9)
        ]
    got = jax.jit(rounded(elementwise_programs.program, name))(*map(jnp.asarray, arguments))
    expected = numpy_interpreter.run(elementwise_programs.program, dtype, *arguments)
    for case, x, y in zip(elementwise_programs.NAMES, got, expected, strict=True):
        assert x.dtype == dtype
        assert not oracle.mismatches(*(np.asarray(a, np.float32) for a in (x, y))), case


def test_float32_as_xla_compiles_it_does_not_agree():
    """So agreement is no accident: the same program, compiled natively, contracts and rewrites."""
    arguments = elementwise_programs.arguments(as_format("float32"), 256)
    native = jax.jit(elementwise_programs.program)(*map(jnp.asarray, arguments))
    expected = numpy_interpreter.run(elementwise_programs.program, np.float32, *arguments)
    differ = [
        case
        for case, x, y in zip(elementwise_programs.NAMES, native, expected, strict=True)
        if oracle.mismatches(x[:256], y[:256])  # ordinary numbers, far from subnormals
    ]
    assert {"division by a constant", "division by a scalar"} <= set(differ)
    assert len(differ) >= 5


def test_float32_subnormals_are_computed_although_xla_flushes_them():
    tiny = np.array([1e-39, -3e-42, 2.0**-149, 1.2e-38], np.float32)
    halve = lambda x: (x + x) * 0.25 + 1e-40  # noqa: E731
    got = jax.jit(rounded(halve, "float32"))(jnp.asarray(tiny))
    expected = (tiny + tiny) * np.float32(0.25) + np.float32(1e-40)
    assert not oracle.mismatches(got, expected)
    assert not np.any(np.asarray(jax.jit(halve)(jnp.asarray(tiny[1:3]))))
