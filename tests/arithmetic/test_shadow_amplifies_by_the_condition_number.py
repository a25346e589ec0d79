"""Amplification is the relative condition number ``|x f'(x) / f(x)|`` of the operation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic import Format, shadow

FINE = Format.ieee(exponent_bits=8, precision=24)  # so small errors that first order is all

KNOWN = {
    "log far from 1": (jnp.log, 1235.5, lambda x: 1 / abs(np.log(x))),
    "log near 1": (jnp.log, 1.0013, lambda x: 1 / abs(np.log(x))),
    "x - 1 near 1": (lambda x: x - 1, 1.0013, lambda x: abs(x / (x - 1))),
    "x - 1 far from 1": (lambda x: x - 1, 1e-3 / 3, lambda x: abs(x / (x - 1))),
    "exp": (jnp.exp, -11.1, abs),
    "square": (jnp.square, 1.7, lambda x: 2.0),
    "sqrt": (jnp.sqrt, 1.7, lambda x: 0.5),
    "cos near a zero": (jnp.cos, 1.57, lambda x: abs(x * np.tan(x))),
}


@pytest.mark.parametrize("name", KNOWN)
def test_amplification_of_one_operation(name):
    fn, x, condition = KNOWN[name]
    x = np.float64(x)
    _, trace = shadow(lambda a, b: fn(a / b), FINE)(np.float32(x), np.float32(3.0))
    exact = np.float64(np.float32(x)) / 3
    assert trace.rows[-1].amplification == pytest.approx(condition(exact), rel=1e-3)


def test_amplification_of_a_difference_of_two_products():
    a, b, c = (np.float32(v) for v in (1.1, 1.3, 1.42))
    _, trace = shadow(lambda a, b, c: a * b - c, FINE)(a, b, c)
    product = np.float64(a) * np.float64(b)
    assert trace.rows[-1].primitive == "sub"
    condition = product / abs(product - np.float64(c))
    assert condition > 100
    assert trace.rows[-1].amplification == pytest.approx(condition, rel=1e-3)


def test_exact_inputs_are_not_amplified():
    _, trace = shadow(lambda x: jnp.log(x - 1.0), "fp16")(jnp.float32(1.0009765625))
    assert [row.amplification for row in trace.rows] == [0, 0, 0]


def test_the_worst_iteration_of_a_scan_counts():

    xs = jnp.array([3.3, 1.01, 7.7])
    _, trace = shadow(lambda xs: jax.lax.map(lambda x: (x / 3.3) - 0.3, xs), FINE)(xs)
    y = np.float64(np.asarray(xs)) / np.float64(np.float32(3.3))
    shift = np.float64(np.float32(0.3))
    conditions = y / np.abs(y - shift)
    assert trace.rows[-1].primitive == "sub"
    assert trace.rows[-1].amplification == pytest.approx(max(conditions), rel=0.01)
