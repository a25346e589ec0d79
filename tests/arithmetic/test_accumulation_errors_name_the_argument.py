"""Bad accumulators, formats, carriers and keys raise, and say which and why."""

import dataclasses
import inspect

import jax
import jax.numpy as jnp
import pytest

from jaxlab.arithmetic.accumulators import (
    Accumulator,
    as_accumulator,
    blocked,
    exact,
    kahan,
    pairwise,
    sequential,
    tensor_core,
)
from jaxlab.arithmetic.contractions import dot_general, reduce_sum

NAMES = {
    "exact": exact(),
    "sequential": sequential(),
    "pairwise": pairwise(),
    "kahan": kahan(),
    "blocked(16)": blocked(16),
    "tensor_core(4)": tensor_core(4),
}


@pytest.mark.parametrize("name", NAMES)
def test_names_give_accumulators(name):
    assert as_accumulator(name) == NAMES[name]
    assert as_accumulator(NAMES[name]) is NAMES[name]
    assert hash(as_accumulator(name)) == hash(NAMES[name])


@pytest.mark.parametrize("spec", ["blocked", "kahan(3)", "exactly", "blocked(0)", "blocked(-1)", 3])
def test_other_names_are_refused(spec):
    with pytest.raises(ValueError, match=r"^(accumulator|block): got "):
        as_accumulator(spec)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"order": "sorted"}, "order: got 'sorted', expected one of"),
        ({"order": "sequential", "rounding": "even"}, "rounding: got 'even'"),
        ({"order": "sequential", "block": 4}, "block: got order 'sequential', expected 'blocked'"),
        ({"order": "blocked", "inner": "exact"}, "block: got None, expected"),
        ({"order": "blocked", "block": True, "inner": "exact"}, "block: got True, expected"),
        ({"order": "blocked", "block": 4, "inner": "tree"}, "inner: got 'tree', expected"),
        ({"order": "exact", "format": "bfloat16"}, "format: got bfloat16 for an exact sum"),
        ({"order": "exact", "rounding": "up"}, "accumulator: got a rounding or a product"),
        ({"order": "kahan", "format": "float17"}, "format: got 'float17'"),
        ({"order": "kahan", "product": "float17"}, "format: got 'float17'"),
    ],
)
def test_fields_are_checked(fields, message):
    # Beneath the type checks that the tests switch on.
    draft = object.__new__(Accumulator)
    for field in dataclasses.fields(Accumulator):
        object.__setattr__(draft, field.name, fields.get(field.name, field.default))
    with pytest.raises(ValueError, match=message):
        draft.__post_init__()


def test_operands_are_checked():
    dims = (((0,), (0,)), ((), ()))
    dot = inspect.unwrap(dot_general)  # beneath the type checks that the tests switch on
    with pytest.raises(TypeError, match="operands: got dtypes float32, float16, expected one"):
        dot(jnp.ones(2), jnp.ones(2, jnp.float16), dims, "exact", "float16")
    with pytest.raises(TypeError, match="operands: got dtypes int32, int32"):
        dot(jnp.ones(2, jnp.int32), jnp.ones(2, jnp.int32), dims, "exact", "float16")
    with pytest.raises(ValueError, match="operands: got carrier float16, expected one that holds"):
        reduce_sum(jnp.ones(2, jnp.float16), (0,), "exact", "bfloat16")


@pytest.mark.parametrize("order", ["sequential", "blocked(4)", "pairwise", "kahan"])
def test_formats_too_precise_to_be_emulated_are_refused(order):
    with jax.enable_x64(True):
        x = jnp.ones(2, jnp.float64)
    with pytest.raises(ValueError, match="fmt: got float64 with 53 bits, expected at most 25 bits"):
        reduce_sum(x, (0,), order, "float64")


@pytest.mark.parametrize(
    ("how", "rounding", "key"),
    [
        (sequential(), "stochastic", None),
        (sequential(rounding="stochastic"), "nearest_even", None),
        (exact(), "stochastic_equal", None),
        (sequential(), "nearest_even", 0),
        (sequential(rounding="up"), "down", 0),
    ],
)
def test_a_key_is_needed_where_something_is_drawn_and_only_there(how, rounding, key):
    key = None if key is None else jax.random.key(key)
    with pytest.raises(ValueError, match="key: got "):
        reduce_sum(jnp.ones(2), (0,), how, "bfloat16", rounding, key)
