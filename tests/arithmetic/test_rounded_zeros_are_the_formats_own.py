"""A format without a negative zero has none in its emulation, whatever moves or negates it."""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from jaxlab.arithmetic import rounded


def moves(x):
    return [-x, 0.0 - x, x * -1.0, jnp.where(x > 0, x, -x), jnp.abs(x), jnp.sqrt(x)]


@pytest.mark.parametrize(
    ("name", "negative"), [("float8_e4m3fnuz", False), ("float8_e5m2fnuz", False), ("e5m2", True)]
)
def test_zero_keeps_the_sign_that_the_format_has(name, negative):
    got = jax.jit(rounded(moves, name))(jnp.float32(0))
    expected = [negative, False, negative, negative, False, False]
    assert [bool(np.signbit(x)) for x in got] == expected


def test_ml_dtypes_agrees():
    zero = ml_dtypes.float8_e4m3fnuz(0)
    assert not np.signbit(np.float32(-zero))
    assert np.signbit(np.float32(-ml_dtypes.float8_e5m2(0)))
