"""The probe finds the bits that an emulated matrix product keeps, and judges algorithms by them."""

import ml_dtypes
import numpy as np
import pytest

from jaxlab.arithmetic.probe import Unmeasured
from jaxlab.arithmetic.probe._dots import (
    DEFINITIONS,
    Measured,
    judge,
    kept_bits,
    measure,
    passes,
    split_bits,
)

F32 = np.dtype(np.float32)


def truncate(bits):
    def split(x):
        mask = np.uint32(0xFFFFFFFF << (24 - bits) & 0xFFFFFFFF)
        return (x.view(np.uint32) & mask).view(np.float32)

    return split


def nearest(dtype):
    return lambda x: x.astype(dtype).astype(np.float32)


def pieces(split, count, most=None):
    """A product of inputs split into ``count`` pieces; pieces i and j meet if i + j <= most."""
    most = count - 1 if most is None else most

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
            if i + j <= most
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


@pytest.mark.parametrize("split", [truncate(8), nearest(ml_dtypes.bfloat16)])
@pytest.mark.parametrize(
    ("name", "count", "most", "found"),
    [
        ("BF16_BF16_F32", 1, 0, 1),
        ("BF16_BF16_F32_X3", 2, 1, 3),
        ("BF16_BF16_F32_X3", 2, 2, 4),
        ("BF16_BF16_F32_X3", 1, 0, 1),
        ("BF16_BF16_F32_X6", 3, 2, 6),
        ("BF16_BF16_F32_X6", 3, 3, 8),
        ("BF16_BF16_F32_X9", 3, 4, 9),
        ("BF16_BF16_F32_X9", 2, 1, 3),
    ],
)
def test_the_passes_of_an_emulated_product_are_counted(split, name, count, most, found):
    assert passes(pieces(split, count, most), DEFINITIONS[name]) == found


@pytest.mark.parametrize(("most", "found"), [(0, 1), (1, 3), (2, 4)])
def test_the_passes_over_tf32_are_counted(most, found):
    product = pieces(truncate(11), 2, most)
    assert passes(product, DEFINITIONS["TF32_TF32_F32_X3"]) == found


def half(accumulator):
    """A product of inputs rounded to float16, accumulated one after the other."""

    def product(x, y):
        total = np.zeros((len(x), y.shape[1]), accumulator)
        for column, row in zip(x.T, y, strict=True):
            terms = np.multiply.outer(column.astype(np.float16), row.astype(np.float16))
            total = total + terms.astype(accumulator)
        return total.astype(np.float32)

    return product


def test_half_precision_algorithms_are_measured_within_the_range_of_float16():
    assert measure(half(np.float16), DEFINITIONS["F16_F16_F16"]) == Measured(11, 1, 11)


def test_a_program_that_raises_is_refused_and_a_measurement_that_fails_is_not():
    definition = DEFINITIONS["TF32_TF32_F32"]
    full = Measured(24, 1, 24)

    def refuse(x, y):
        raise NotImplementedError("no TF32")

    refused = measure(refuse, definition)
    assert refused == Unmeasured("NotImplementedError: no TF32")
    assert judge(definition, refused, full).verdict == "refused"

    draw = np.random.default_rng(0)

    def shuffled(x, y):
        order = draw.permutation(y.shape[0])
        return half(np.float32)(x[:, order], y[order])

    found = judge(definition, measure(shuffled, definition), full)
    assert found.verdict == "unmeasured"
    assert (found.input_bits, found.passes) == (11, 1)
    assert isinstance(found.accumulator_bits, Unmeasured)


@pytest.mark.parametrize(
    ("name", "measured", "default", "verdict"),
    [
        ("BF16_BF16_F32", (8, 1, 24), (24, 1, 24), "honoured"),
        ("BF16_BF16_F32", (24, 1, 24), (24, 1, 24), "ignored"),
        ("BF16_BF16_F32", (8, 1, 24), (8, 1, 24), "as_default"),
        ("BF16_BF16_F32_X3", (16, 3, 24), (11, 1, 24), "honoured"),
        ("BF16_BF16_F32_X3", (17, 3, 24), (11, 1, 24), "honoured"),
        ("BF16_BF16_F32_X3", (17, 4, 24), (11, 1, 24), "partial"),
        ("BF16_BF16_F32_X3", (18, 3, 24), (24, 4, 24), "partial"),
        ("BF16_BF16_F32_X6", (24, 6, 24), (11, 1, 24), "honoured"),
        ("BF16_BF16_F32_X6", (24, 6, 24), (24, 6, 24), "as_default"),
        ("BF16_BF16_F32_X9", (24, 9, 24), (24, 6, 24), "honoured"),
        ("BF16_BF16_F32_X9", (24, 6, 24), (24, 6, 24), "ignored"),
        ("BF16_BF16_F32_X9", (24, 6, 24), (8, 1, 24), "partial"),
        ("F16_F16_F16", (11, 1, 24), (24, 1, 24), "partial"),
        ("F32_F32_F32", (24, 1, 24), (11, 1, 24), "honoured"),
        ("F32_F32_F32", (11, 1, 24), (11, 1, 24), "ignored"),
        ("F64_F64_F64", (24, 1, 53), (24, 1, 24), "honoured"),
        ("F64_F64_F64", (24, 1, 24), (24, 1, 24), "ignored"),
        ("TF32_TF32_F32", (11, 1, Unmeasured("no")), (24, 1, 24), "unmeasured"),
        ("TF32_TF32_F32", (Unmeasured("no"), 1, 24), (24, 1, 24), "unmeasured"),
        ("TF32_TF32_F32", (11, 1, 24), (24, 1, Unmeasured("no")), "unmeasured"),
    ],
)
def test_the_verdict_follows_from_the_numbers(name, measured, default, verdict):
    found = judge(DEFINITIONS[name], Measured(*measured), Measured(*default))
    assert found == (verdict, *measured)


def test_nothing_is_compared_with_a_default_that_is_refused():
    found = judge(DEFINITIONS["F32_F32_F32"], Measured(24, 1, 24), Unmeasured("no float32"))
    assert found.verdict == "unmeasured"
