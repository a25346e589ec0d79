"""Convolutions of any geometry, also those that differentiation makes, in any order."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic import bfloat16
from jaxlab.arithmetic.accumulators import blocked, sequential
from jaxlab.arithmetic.contractions import conv_general_dilated
from tests.arithmetic import accumulation_oracle as oracle
from tests.products import every

GEOMETRY = (
    "window_strides",
    "padding",
    "lhs_dilation",
    "rhs_dilation",
    "dimension_numbers",
    "feature_group_count",
    "batch_group_count",
)
PLAIN = ((1, 1), [(0, 0), (0, 0)], (1, 1), (1, 1), None, 1, 1)
# Shapes of input and kernel, then the geometry in the order above (layouts for dimension numbers).
CASES = {
    "plain": ((2, 3, 7, 6), (4, 3, 3, 2), *PLAIN),
    "strided": (
        *((2, 3, 8, 7), (4, 3, 3, 3)),
        *((2, 3), [(0, 1), (1, 1)], (1, 1), (1, 1), None, 1, 1),
    ),
    "dilated": (
        *((1, 2, 5, 6), (3, 2, 2, 3)),
        *((2, 1), [(2, 3), (1, 0)], (3, 2), (2, 1), None, 1, 1),
    ),
    "cropped": (
        *((1, 2, 9, 8), (3, 2, 2, 2)),
        *((1, 2), [(-2, -1), (2, -3)], (1, 2), (1, 2), None, 1, 1),
    ),
    "feature groups": ((2, 6, 5, 5), (9, 2, 3, 3), *PLAIN[:5], 3, 1),
    "depthwise": ((2, 4, 5, 5), (8, 1, 2, 2), *PLAIN[:5], 4, 1),
    "batch groups": ((6, 2, 5, 5), (9, 2, 3, 3), *PLAIN[:5], 1, 3),
    "channels last": (
        *((2, 7, 6, 3), (3, 2, 3, 4)),
        *((1, 2), [(1, 1), (0, 1)], (1, 1), (1, 1), ("NHWC", "HWIO", "NHWC"), 1, 1),
    ),
    "mixed layouts": (
        *((7, 2, 6, 3), (3, 4, 2, 3)),
        *(*PLAIN[:4], ("HNWC", "HOWI", "WCNH"), 1, 1),
    ),
    "one dimension": ((2, 3, 9), (4, 3, 4), (2,), [(1, 2)], (1,), (2,), None, 1, 1),
    "no space": ((2, 3), (4, 3), (), [], (), (), None, 1, 1),
    "no output": ((1, 2, 2), (3, 2, 3), (1,), [(0, 0)], (1,), (1,), None, 1, 1),
}


def integers(shape, seed):
    return jnp.asarray(np.random.default_rng(seed).integers(-2, 3, shape).astype(np.float32))


@every(case=CASES, order=["exact", "sequential", "pairwise"])
def test_every_geometry_sums_the_right_terms(case, order):
    left, right, *rest = CASES[case]
    geometry = dict(zip(GEOMETRY, rest, strict=True))
    layouts = geometry["dimension_numbers"]
    geometry["dimension_numbers"] = jax.lax.conv_dimension_numbers(left, right, layouts)
    x, y = integers(left, 0), integers(right, 1)
    expected = jax.lax.conv_general_dilated(x, y, **geometry)
    got = conv_general_dilated(x, y, **geometry, accumulator=order, fmt="float16")
    assert got.dtype == x.dtype
    assert expected.size == 0 or np.count_nonzero(expected) > expected.size / 2
    assert np.array_equal(got, expected)


def convolutions(fn, *args):
    """Every convolution of a flat program: operands, geometry and result."""
    closed = jax.make_jaxpr(fn)(*args)
    values = dict(zip(closed.jaxpr.invars, args, strict=True))
    for eqn in closed.jaxpr.eqns:
        operands = [atom.val if hasattr(atom, "val") else values[atom] for atom in eqn.invars]
        values[eqn.outvars[0]] = eqn.primitive.bind(*operands, **eqn.params)
        if eqn.primitive.name == "conv_general_dilated":
            geometry = {name: eqn.params[name] for name in GEOMETRY}
            yield operands, geometry, values[eqn.outvars[0]]


@pytest.mark.parametrize("order", ["exact", "sequential", "blocked(5)"])
@pytest.mark.parametrize(
    ("strides", "rhs_dilation", "groups"), [((1, 1), (1, 1), 1), ((2, 1), (1, 2), 2)]
)
def test_the_transposed_convolutions_of_a_gradient_are_right(strides, rhs_dilation, groups, order):
    x, y = integers((2, 4, 7, 6), 2), integers((6, 4 // groups, 3, 2), 3)

    def conv(x, y):
        return jax.lax.conv_general_dilated(
            x, y, strides, "SAME", rhs_dilation=rhs_dilation, feature_group_count=groups
        )

    def gradients(x, y, cotangent):
        return jax.vjp(conv, x, y)[1](cotangent)

    cotangent = integers(jax.eval_shape(conv, x, y).shape, 4)
    found = list(convolutions(gradients, x, y, cotangent))
    assert len(found) >= 2  # of the input and of the kernel
    assert max(geometry["batch_group_count"] for _, geometry, _ in found) == groups
    for operands, geometry, expected in found:
        got = conv_general_dilated(*operands, **geometry, accumulator=order, fmt="float16")
        assert np.array_equal(got, expected)


@pytest.mark.parametrize("how", [sequential(), blocked(4)], ids=lambda how: how.order)
def test_terms_run_over_the_window_and_fastest_over_the_features(how):
    with jax.enable_x64(True):
        x = jnp.asarray(oracle.numbers(bfloat16, (1, 5, 4, 3), 5, 5))
        y = jnp.asarray(oracle.numbers(bfloat16, (2, 3, 3, 2), 6, 5))
    geometry = {
        "window_strides": (2, 1),
        "padding": ((1, 0), (0, 1)),
        "lhs_dilation": (1, 1),
        "rhs_dilation": (1, 1),
        "dimension_numbers": jax.lax.conv_dimension_numbers(
            x.shape, y.shape, ("NHWC", "HWIO", "NHWC")
        ),
    }
    got = np.asarray(conv_general_dilated(x, y, **geometry, accumulator=how, fmt="bfloat16"))
    padded = np.pad(np.asarray(x)[0], ((1, 0), (0, 1), (0, 0)))
    kernel = np.asarray(y).reshape(-1, 2)
    assert got.shape == (1, 3, 3, 2)
    for i in range(3):
        for j in range(3):
            patch = padded[2 * i : 2 * i + 2, j : j + 3].reshape(1, -1)
            assert np.array_equal(got[0, i, j], oracle.dot(patch, kernel, how, bfloat16)[0])


def test_padding_keeps_infinities_to_their_windows():
    x, y = jnp.array([[[1.0, jnp.inf, 1.0, 1.0]]]), jnp.ones((1, 1, 2))
    geometry = {
        "window_strides": (1,),
        "padding": ((1, 1),),
        "lhs_dilation": (1,),
        "rhs_dilation": (1,),
        "dimension_numbers": jax.lax.conv_dimension_numbers(x.shape, y.shape, None),
    }
    got = conv_general_dilated(x, y, **geometry, accumulator="pairwise", fmt="bfloat16")
    assert np.array_equal(np.asarray(got)[0, 0], [1.0, np.inf, np.inf, 2.0, 1.0])
