"""5,000 ones, asked in five ways: the accumulator decides where the sum stops growing."""

import jax
import jax.numpy as jnp
import pytest

from jaxlab.arithmetic import contractions

N = 5000
EXPECTED = {
    ("sequential", "bfloat16"): 256.0,
    ("exact", "bfloat16"): 4992.0,
    ("sequential", "float16"): 2048.0,
    ("exact", "float16"): 5000.0,
}


def dot(how):
    dims = (((0,), (0,)), ((), ()))
    return contractions.dot_general(jnp.ones(N), jnp.ones(N), dims, *how)


def total(how):
    return contractions.reduce_sum(jnp.ones(N), (0,), *how)


def running(how):
    return contractions.cumsum(jnp.ones(N), 0, False, *how)[-1]


def scatter(how):
    dims = jax.lax.ScatterDimensionNumbers((), (0,), (0,))
    hits = jnp.ones((N, 1), jnp.int32)
    return contractions.scatter_add(jnp.zeros(3), hits, jnp.ones(N), dims, *how)[1]


def convolution(how):
    image, kernel = jnp.ones((1, 50, 10, 10)), jnp.ones((1, 50, 10, 10))
    result = contractions.conv_general_dilated(
        image,
        kernel,
        window_strides=(1, 1),
        padding=((0, 0), (0, 0)),
        lhs_dilation=(1, 1),
        rhs_dilation=(1, 1),
        dimension_numbers=jax.lax.conv_dimension_numbers(image.shape, kernel.shape, None),
        accumulator=how[0],
        fmt=how[1],
    )
    return result[0, 0, 0, 0]


@pytest.mark.parametrize("ask", [dot, total, running, scatter, convolution])
@pytest.mark.parametrize("how", EXPECTED)
def test_5000_ones_stall_only_in_a_sequential_accumulator(ask, how):
    assert float(ask(how)) == EXPECTED[how]


# Exact blocks of 16 grow by 16 until that is half the spacing of 32 at 4096; pairs of equals never
# stall, and the 5000 of the tree, 4096 + 904, is rounded along its right edge.
@pytest.mark.parametrize(
    ("order", "expected"), [("blocked(16)", 4096.0), ("pairwise", 4992.0), ("kahan", 4992.0)]
)
@pytest.mark.parametrize("ask", [dot, total, running])
def test_the_other_orders_keep_growing_in_bfloat16(ask, order, expected):
    assert float(ask((order, "bfloat16"))) == expected
