"""A sequential dot is bit for bit the loop one would write in NumPy or ml_dtypes."""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from jaxlab.arithmetic.accumulators import kahan, pairwise, sequential
from jaxlab.arithmetic.contractions import cumsum, dot_general, scatter_add

MATRIX_PRODUCT = (((1,), (0,)), ((), ()))
# dtype, carrier
CASES = {
    "bfloat16": (ml_dtypes.bfloat16, np.float32),
    "bfloat16 in float64": (ml_dtypes.bfloat16, np.float64),
    "float16": (np.float16, np.float32),
    "float32": (np.float32, np.float64),
    "float32 in float32": (np.float32, np.float32),
}


def matrices(dtype, shape, seed):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32).astype(dtype)


def loop(x, y):
    """Every product and every sum rounded to the dtype of the matrices."""
    total = x[:, 0, None] * y[None, 0]
    for k in range(1, len(y)):
        total = total + x[:, k, None] * y[None, k]
    assert total.dtype == x.dtype
    return total


def tree(terms):
    while len(terms) > 1:
        sums = [a + b for a, b in zip(terms[::2], terms[1::2], strict=False)]
        terms = sums + terms[2 * len(sums) :]
    return terms[0]


def compensated(terms):
    total, carry = terms[0], np.zeros_like(terms[0])
    for term in terms[1:]:
        y = term - carry
        longer = total + y
        carry = (longer - total) - y
        total = longer
    return total


def emulate(x, y, carrier, how, fmt):
    with jax.enable_x64(True):
        x, y = (jnp.asarray(np.asarray(a, carrier)) for a in (x, y))
    return np.asarray(dot_general(x, y, MATRIX_PRODUCT, how, fmt))


@pytest.mark.parametrize("case", CASES)
def test_the_standard_model_is_the_loop_over_rounded_operations(case):
    dtype, carrier = CASES[case]
    x, y = matrices(dtype, (24, 300), 0), matrices(dtype, (300, 40), 1)
    got = emulate(x, y, carrier, sequential(product=None), dtype)
    assert got.dtype == carrier
    assert np.array_equal(got, loop(x, y).astype(carrier))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    ("how", "reference"),
    [(pairwise(product=None), tree), (kahan(product=None), compensated)],
    ids=["pairwise", "kahan"],
)
def test_trees_and_compensation_are_the_loops_of_the_textbook(case, how, reference):
    dtype, carrier = CASES[case]
    x, y = matrices(dtype, (12, 77), 2), matrices(dtype, (77, 20), 3)
    terms = [x[:, k, None] * y[None, k] for k in range(77)]
    got = emulate(x, y, carrier, how, dtype)
    assert np.array_equal(got, reference(terms).astype(carrier))


def test_exact_products_differ_from_rounded_ones():
    x, y = matrices(np.float16, (24, 300), 0), matrices(np.float16, (300, 40), 1)
    fused = emulate(x, y, np.float32, sequential(), np.float16)
    assert np.mean(fused != loop(x, y).astype(np.float32)) > 0.5


@pytest.mark.parametrize("case", CASES)
def test_running_and_scattered_sums_are_loops_too(case):
    dtype, carrier = CASES[case]
    x = matrices(dtype, (400,), 4)
    fmt = np.dtype(dtype)
    with jax.enable_x64(True):
        terms, start = jnp.asarray(x.astype(carrier)), jnp.zeros(7, carrier)
    totals, scattered = [x[0]], np.zeros(7, dtype)
    targets = np.random.default_rng(5).integers(0, 7, 400)
    for k in range(400):
        if k:
            totals.append(totals[-1] + x[k])
        scattered[targets[k]] = scattered[targets[k]] + x[k]
    got = cumsum(terms, 0, False, "sequential", fmt)
    assert np.array_equal(got, np.array(totals).astype(carrier))
    dims = jax.lax.ScatterDimensionNumbers((), (0,), (0,))
    hits = jnp.asarray(targets[:, None].astype(np.int32))
    got = scatter_add(start, hits, terms, dims, "sequential", fmt)
    assert np.array_equal(got, scattered.astype(carrier))
