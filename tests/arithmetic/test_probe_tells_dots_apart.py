"""The probe finds the bits that an emulated matrix product keeps, and judges algorithms by them."""

import ml_dtypes
import numpy as np
import pytest

from jaxlab.arithmetic.probe import Unmeasured
from jaxlab.arithmetic.probe._dots import DEFINITIONS, judge, kept_bits, split_bits

F32 = np.dtype(np.float32)


def truncate(bits):
    def split(x):
        mask = np.uint32(0xFFFFFFFF << (24 - bits) & 0xFFFFFFFF)
        return (x.view(np.uint32) & mask).view(np.float32)

    return split


def nearest(dtype):
    return lambda x: x.astype(dtype).astype(np.float32)


def pieces(split, count):
    """A product in ``count`` passes of split inputs, the smallest cross terms dropped."""

    def product(x, y):
        left, right = [], []
        for _ in range(count):
            left.append(split(x))
            right.append(split(y))
            x, y = x - left[-1], y - right[-1]
        return sum(
            a.astype(np.float64) @ b.astype(np.float64)
            for i, a in enumerate(left)
            for j, b in enumerate(right)
            if i + j < count
        )

    return product


@pytest.mark.parametrize(
    ("product", "bits"),
    [
        (np.matmul, 24),
        (pieces(nearest(ml_dtypes.bfloat16), 1), 8),
        (pieces(truncate(11), 1), 11),
        (pieces(nearest(np.float16), 1), 11),
        (pieces(truncate(8), 2), 16),
        (pieces(nearest(ml_dtypes.bfloat16), 2), 17),
        (pieces(nearest(ml_dtypes.bfloat16), 3), 24),
    ],
)
def test_the_bits_of_an_emulated_product_are_found(product, bits):
    assert kept_bits(product, F32) == bits


def test_one_rounded_factor_is_enough_to_lose_bits():
    assert kept_bits(lambda x, y: x @ truncate(11)(y), F32) == 11
    assert kept_bits(lambda x, y: truncate(11)(x) @ y, F32) == 11


def test_definitions_promise_the_bits_of_their_emulations():
    for name, product in (
        ("BF16_BF16_F32", pieces(nearest(ml_dtypes.bfloat16), 1)),
        ("BF16_BF16_F32_X3", pieces(nearest(ml_dtypes.bfloat16), 2)),
        ("TF32_TF32_F32", pieces(nearest(np.float16), 1)),
    ):
        assert split_bits(DEFINITIONS[name]) == kept_bits(product, F32)


@pytest.mark.parametrize(
    ("name", "measured", "default", "verdict"),
    [
        ("BF16_BF16_F32", (8, 24), (24, 24), "honoured"),
        ("BF16_BF16_F32", (24, 24), (24, 24), "ignored"),
        ("BF16_BF16_F32", (8, 24), (8, 24), "as_default"),
        ("BF16_BF16_F32_X3", (16, 24), (11, 24), "honoured"),
        ("BF16_BF16_F32_X3", (17, 24), (11, 24), "honoured"),
        ("BF16_BF16_F32_X3", (18, 24), (24, 24), "partial"),
        ("F16_F16_F16", (11, 24), (24, 24), "partial"),
        ("F32_F32_F32", (24, 24), (11, 24), "honoured"),
        ("F32_F32_F32", (11, 24), (11, 24), "ignored"),
        ("F64_F64_F64", (24, 53), (24, 24), "honoured"),
        ("F64_F64_F64", (24, 24), (24, 24), "ignored"),
        ("TF32_TF32_F32", Unmeasured("no"), (24, 24), "refused"),
    ],
)
def test_the_verdict_follows_from_the_numbers(name, measured, default, verdict):
    assert judge(DEFINITIONS[name], measured, default).verdict == verdict
