"""The probe names emulated deviations of elementwise arithmetic, and finds none in NumPy's."""

import ml_dtypes
import numpy as np
import pytest

from jaxlab.arithmetic.probe import Unmeasured, operations, subnormals

DTYPES = ["float16", "bfloat16", "float32", "float64"]


def in_a_loop(a, b, c):
    for x, y in zip(a, b, strict=True):
        c = c + x * y
    return c


def across_a_loop(a, b, c):
    product = np.zeros_like(c)
    for x, y in zip(a, b, strict=True):
        c, product = c + product, x * y
    return c


def constant(x, value):
    return x.dtype.type(value)


def exact_rsqrt(x):
    return (1 / np.sqrt(x.astype(np.longdouble))).astype(x.dtype)


# NumPy and ml_dtypes round every operation once.
STRICT = {
    "fma": lambda a, b, c: a * b + c,
    "fma_in_scan": in_a_loop,
    "fma_across_scan": across_a_loop,
    "divide": lambda x, y: x / y,
    "divide_by_constant": lambda x: x / constant(x, 3),
    "divide_by_scalar": lambda x, y: x / y,
    "divide_twice": lambda x, y, z: x / y / z,
    "cancel_constant": lambda x: (x + constant(x, 32768)) - constant(x, 32768),
    "cancel_sum": lambda x, y: (x + y) - x,
    "merge_constants": lambda x: (x * constant(x, 3.3)) * constant(x, 7.7),
    "sqrt": np.sqrt,
    "reciprocal_sqrt": lambda x: constant(x, 1) / np.sqrt(x),
    "log_of_exp": lambda x: np.log(np.exp(x)),
    "product_of_exps": lambda x, y: np.exp(x) * np.exp(y),
    "unrounded_sum": lambda x, y: (x + y) - x,
    "input_of_multiply": lambda x, y: x * y,
    "input_of_add": lambda x, y: x + y,
    "input_of_compare": lambda x: x == constant(x, 0),
    "output_of_multiply": lambda x, y: x * y,
    "output_of_subtract": lambda x, y: x - y,
}


def narrow_cast(dtype):
    return lambda x: x.astype(dtype).astype(x.dtype)


def strict(dtype):
    """The strict functions of one dtype, with its conversions."""
    kind = np.dtype(getattr(ml_dtypes, dtype, None) or dtype)
    wide = np.dtype(np.float64 if dtype == "float32" else np.float32)
    return STRICT | {
        "unrounded_cast": narrow_cast(kind),
        "input_of_conversion": lambda x: x.astype(wide),
        "output_of_conversion": lambda x: x.astype(kind),
    }


def emulating(functions):
    """A runner that evaluates the named functions on the host."""

    def runner(experiments):
        with np.errstate(all="ignore"):
            return {one.name: np.asarray(functions[one.name](*one.inputs)) for one in experiments}

    return runner


def widely(function):
    """Evaluate in the next wider format and round at the end: fused, and excess precision."""

    def wide(*inputs):
        kind = {2: np.float32, 4: np.float64, 8: np.longdouble}[inputs[0].itemsize]
        return function(*(x.astype(kind) for x in inputs)).astype(inputs[0].dtype)

    return wide


def flushing(function):
    """Take subnormal inputs for zero and flush subnormal outputs."""

    def flush(x):
        if x.dtype == bool:
            return x
        least = ml_dtypes.finfo(x.dtype).smallest_normal
        return np.where(np.abs(x) < least, np.zeros_like(x), x)

    return lambda *inputs: flush(function(*(flush(x) for x in inputs)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_numpy_is_found_strict(dtype):
    runner = emulating(strict(dtype))
    assert set(operations(dtype, runner).values()) == {"ieee"}
    assert set(subnormals(dtype, runner).values()) == {"ieee"}


@pytest.mark.parametrize("dtype", DTYPES)
def test_unrounded_intermediates_are_called_fused_or_unrounded_and_not_rewritten(dtype):
    names = ("fma", "fma_in_scan", "fma_across_scan", "unrounded_sum")
    wide = (*names, "cancel_constant", "cancel_sum")  # which a wider format does not change
    functions = strict(dtype) | {name: widely(STRICT[name]) for name in wide}
    functions["unrounded_cast"] = lambda x: x
    found = operations(dtype, emulating(functions))
    expected = dict.fromkeys(names, "fused") | {"unrounded_sum": "unrounded"}
    if dtype != "float64":
        expected["unrounded_cast"] = "unrounded"
    assert {name: word for name, word in found.items() if word != "ieee"} == expected


@pytest.mark.parametrize("dtype", DTYPES)
def test_rules_of_algebra_are_called_rewritten(dtype):
    rewritten = {
        "divide": lambda x, y: x * (constant(x, 1) / y),
        "divide_by_constant": lambda x: x * (constant(x, 1) / constant(x, 3)),
        "divide_by_scalar": lambda x, y: x * (constant(x, 1) / y),
        "divide_twice": lambda x, y, z: x / (y * z),
        "cancel_constant": lambda x: x,
        "cancel_sum": lambda x, y: y,
        "merge_constants": lambda x: x * (constant(x, 3.3) * constant(x, 7.7)),
        "log_of_exp": lambda x: x,
        "product_of_exps": lambda x, y: np.exp(x + y),
        "sqrt": lambda x: x * exact_rsqrt(x),
        "reciprocal_sqrt": exact_rsqrt,
    }
    found = operations(dtype, emulating(strict(dtype) | rewritten))
    assert {name for name, word in found.items() if word == "rewritten"} == set(rewritten)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_reordered_sum_is_not_called_unrounded(dtype):
    reordered = dict.fromkeys(("cancel_sum", "unrounded_sum"), lambda x, y: y)
    found = operations(dtype, emulating(strict(dtype) | reordered))
    assert (found["cancel_sum"], found["unrounded_sum"]) == ("rewritten", "other")


@pytest.mark.parametrize("dtype", DTYPES)
def test_roots_by_way_of_a_rough_reciprocal_are_called_other(dtype):
    rough = lambda x: np.nextafter(exact_rsqrt(x), constant(x, 0))  # noqa: E731
    functions = {"sqrt": lambda x: x * rough(x), "reciprocal_sqrt": rough}
    found = operations(dtype, emulating(strict(dtype) | functions))
    assert (found["sqrt"], found["reciprocal_sqrt"]) == ("other", "other")


@pytest.mark.parametrize("dtype", DTYPES)
def test_flushing_is_called_flushed(dtype):
    functions = {name: flushing(function) for name, function in strict(dtype).items()}
    # A process that flushes float32 flushes what converts to or from a subnormal of it.
    found = subnormals(dtype, emulating(functions))
    kept = {name for name, word in found.items() if word != "flushed"}
    assert kept <= {"input_of_conversion", "output_of_conversion"}
    assert dtype == "float64" or found["output_of_conversion"] == "flushed"


def test_inputs_and_outputs_are_told_apart():
    functions = strict("float32")
    zero_in = lambda x, y: flushing(lambda a, b: (a, b)[0])(x, y) * y  # noqa: E731
    found = subnormals("float32", emulating(functions | {"input_of_multiply": zero_in}))
    assert found["input_of_multiply"] == "flushed"
    assert found["output_of_multiply"] == "ieee"


def test_one_deviating_lane_is_seen():
    def last_lane(x, y):
        product = x * y
        product[-1] = 0
        return product

    found = subnormals("float32", emulating(strict("float32") | {"output_of_multiply": last_lane}))
    assert found["output_of_multiply"] == "other"


def test_what_a_device_refuses_is_data():
    def refuse(experiments):
        functions = strict("float16")
        found = dict(emulating(functions)(experiments))
        return found | {"divide": Unmeasured("no float16 here")}

    found = operations("float16", refuse)
    assert found["divide"] == Unmeasured("no float16 here")
    assert found["fma"] == "ieee"
