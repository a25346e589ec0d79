"""Random expression trees, in random formats and modes, against exact rationals."""

import operator

import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlab.arithmetic import as_format, rounded
from tests.arithmetic import elementwise_programs, oracle, rational_numbers

LEAVES = st.one_of(
    st.sampled_from([0, 1, 2]),
    st.floats(-4, 4, width=32, allow_subnormal=False).filter(lambda c: abs(c) > 1e-3),
)
OPERATIONS = [operator.add, operator.sub, operator.mul, operator.truediv]
TREES = st.recursive(
    LEAVES,
    lambda trees: st.one_of(
        st.tuples(st.sampled_from(OPERATIONS), trees, trees),
        st.tuples(st.sampled_from([elementwise_programs.root, operator.neg]), trees),
    ),
    max_leaves=8,
)


def evaluate(tree, columns):
    if isinstance(tree, int):
        return columns[tree]
    if isinstance(tree, float):
        return columns[0] * 0.0 + tree
    operation, *below = tree
    return operation(*(evaluate(t, columns) for t in below))


@given(
    tree=TREES,
    name=st.sampled_from(["bfloat16", "float8_e5m2", "float8_e4m3fn"]),
    rounding=st.sampled_from(["nearest_even", "toward_zero"]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=20, deadline=None, derandomize=True)
def test_every_tree_is_the_chain_of_its_rounded_operations(tree, name, rounding, seed):
    fmt = as_format(name)
    rng = np.random.default_rng(seed)
    columns = [rng.permutation(oracle.samples(fmt, seed + i, 8, np.float32)) for i in range(3)]

    def expression(*columns):
        return evaluate(tree, columns)

    got = rounded(expression, fmt, rounding=rounding)(*map(jnp.asarray, columns))
    expected = rational_numbers.evaluate(expression, columns, fmt, rounding)
    assert not oracle.mismatches(got, expected.astype(np.float32))
