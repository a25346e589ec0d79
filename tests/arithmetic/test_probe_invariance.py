"""Invariance is judged by bits."""

import os

import numpy as np
import pytest

from jaxlab.arithmetic.probe import Unmeasured, _invariance
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
@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) == 1,
    reason="one CPU, or processes cannot be tied to one",
)
def test_threads_are_compared_where_there_are_two_cpus():
    assert isinstance(thread_invariance("cpu"), bool)


def test_threads_are_not_compared_for_another_platform():
    assert thread_invariance("tpu") == Unmeasured("the platform is not CPU")


def test_a_result_that_depends_on_the_cpus_is_noticed(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1}, raising=False)
    monkeypatch.setattr(os, "sched_setaffinity", lambda pid, cpus: None, raising=False)
    monkeypatch.setattr(_invariance, "_on_cpus", lambda cpus: "the same")
    assert thread_invariance("cpu") is True
    monkeypatch.setattr(_invariance, "_on_cpus", lambda cpus: f"{len(cpus)}")
    assert thread_invariance("cpu") is False
