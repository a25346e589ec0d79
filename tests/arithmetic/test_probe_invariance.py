"""Invariance is judged by bits."""

import numpy as np
import pytest

from jaxlab.arithmetic.probe._experiments import same_bits
from jaxlab.arithmetic.probe._invariance import is_batch_invariant, thread_invariance


def test_a_product_summed_in_another_order_for_small_batches_is_not_invariant():
    x = np.random.default_rng(0).standard_normal((16, 50)).astype(np.float32)

    def in_order(rows, order):
        total = np.zeros(rows, np.float32)
        for k in order:
            total = total + x[:rows, k]
        return total

    assert is_batch_invariant(lambda rows: in_order(rows, range(50)), 16, (1, 3))
    backwards = lambda rows: in_order(rows, range(50)[:: -1 if rows == 3 else 1])  # noqa: E731
    assert not is_batch_invariant(backwards, 16, (1, 3))


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_bits_tell_signed_zeros_and_subnormals_apart_and_equate_nan(kind):
    tiny = np.finfo(kind).smallest_subnormal
    assert not same_bits(np.array([tiny]), np.array([0], kind))
    assert not same_bits(np.array([0], kind), np.array([-0.0], kind))
    assert same_bits(np.array([np.nan], kind), np.array([-np.nan], kind))
    assert not same_bits(
        np.array([1], kind), np.array([1], np.float16 if kind != np.float16 else np.float32)
    )


@pytest.mark.slow
def test_threads_are_compared_or_the_reason_is_given():
    assert isinstance(thread_invariance(), bool) or thread_invariance().unmeasured
