"""The audit finds the equation that widened or narrowed a value, and the line it stands on."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic import audit

HALF = jnp.bfloat16


def loss_with_a_leak(w, x):
    hidden = jnp.tanh(jnp.dot(x, w, precision=jax.lax.Precision.HIGHEST))
    hidden = np.float64(0.3) * hidden  # the leak
    return jnp.sum(hidden)


def line_of(fn, text):
    lines, start = inspect.getsourcelines(fn)
    return start + next(i for i, line in enumerate(lines) if text in line)


def test_a_float64_scalar_is_found_with_its_file_and_line(x64):
    arguments = jnp.ones((3, 2), HALF), jnp.ones((4, 3), HALF)
    with jax.numpy_dtype_promotion("standard"):
        report = audit(jax.grad(loss_with_a_leak))(*arguments)
    leak, cotangent = report.wider_than("bfloat16")
    assert (cotangent.primitive, cotangent.inputs, cotangent.backward) == (
        "broadcast_in_dim",  # of the number 1.0
        (),
        True,
    )
    assert (leak.inputs, leak.output, leak.backward) == (("bfloat16",), "float64", False)
    assert leak.where.file == __file__
    assert leak.where.line == line_of(loss_with_a_leak, "# the leak")
    assert leak.where.function == "loss_with_a_leak"
    with pytest.raises(TypeError, match=rf"wider: .*{leak.where.line} \(loss_with_a_leak\)"):
        report.require("bfloat16")
    (cast,) = (finding for finding in report.findings if finding.change == "narrower")
    assert cast.backward
    assert (cast.inputs, cast.output) == (("float64",), "bfloat16")


def test_the_same_function_without_the_leak_passes(x64):
    def clean(w, x):
        return jnp.sum(0.3 * jnp.tanh(x * w))

    report = audit(jax.jit(jax.grad(clean)))(jnp.ones(3, HALF), jnp.ones(3, HALF))
    assert [f.output for f in report.findings if f.output == "float64"] == []
    assert report.outputs == ("bfloat16",)


NESTED = {
    "jit": lambda x: jax.jit(lambda y: y.astype(jnp.float32))(x),
    "scan": lambda x: jax.lax.scan(lambda c, _: (c, c.astype(jnp.float32)), x, length=2)[1],
    "while": lambda x: jax.lax.while_loop(
        lambda c: jnp.sum(c.astype(jnp.float32)) < 1, lambda c: c + c, x
    ),
    "cond": lambda x: jax.lax.cond(
        x[0] > 0, lambda y: y.astype(jnp.float32), lambda y: jnp.zeros(2), x
    ),
    "remat": lambda x: jax.checkpoint(lambda y: y.astype(jnp.float32))(x),
    "custom_jvp": lambda x: jax.nn.relu(x.astype(jnp.float32)),
}


@pytest.mark.parametrize("fn", NESTED.values(), ids=NESTED)
def test_nested_programs_are_searched(fn):
    report = audit(fn)(jnp.ones(2, HALF))
    made_from_nothing = fn is NESTED["cond"]  # the zeros
    assert [f.change for f in report.wider_than("bfloat16")] == ["wider"] * (1 + made_from_nothing)
    assert all(f.where.file == __file__ for f in report.findings)
    with pytest.raises(TypeError, match="expected at most bfloat16"):
        report.require("bfloat16")


def test_numbers_made_from_nothing_count_as_wider_than_the_arguments(x64):
    def positions(x):
        return x + jnp.linspace(0.0, 1.0, 2).astype(x.dtype)

    assert "float64" in {f.output for f in audit(positions)(jnp.ones(2, HALF)).wider_than("bf16")}


def test_wide_arguments_and_constants_are_named():
    table = jnp.ones(2)
    report = audit(lambda x: jnp.sum(table) + x)(jnp.ones(2))
    assert (report.inputs, report.constants) == (("float32",), ("float32",))
    with pytest.raises(TypeError, match="argument of dtype float32\n  constant of dtype float32"):
        report.require("bfloat16")
    assert report.require("float32") is report


LEAKS = {
    "a wide array of numbers of the program": lambda x: (
        x + jnp.full(2, 0.1, "float32").astype(HALF)
    ),
    "a selection of numbers of the program": lambda x: (
        x + jax.lax.select_n(True, np.float32(1), np.float32(2)).astype(HALF)
    ),
    "a number of the program as a result": lambda x: (x, np.float32(1)),
    "an integer": lambda x: jnp.int32(3).astype(jnp.float32),
}


@pytest.mark.parametrize("fn", LEAKS.values(), ids=LEAKS)
def test_wide_values_without_wide_inputs_do_not_pass(fn):
    report = audit(fn)(jnp.ones(2, HALF))
    with pytest.raises(TypeError, match="of dtype float32"):
        report.require("bfloat16")
    assert report.require("float32") is report


def test_without_floating_arguments_every_dtype_is_wider():
    report = audit(lambda n: n.astype(jnp.float32) * 2)(jnp.arange(2))
    assert [(f.change, f.inputs, f.output) for f in report.findings] == [("wider", (), "float32")]
    with pytest.raises(TypeError, match="result of dtype float32\n  2 values of dtype float32"):
        report.require("bfloat16")


def test_numbers_of_the_program_and_constants_made_from_nothing_narrow_nothing():
    def fn(wide, narrow):
        return wide * 2.0, narrow * 2 + jnp.full(2, 0.5, HALF) + jnp.arange(2, dtype=HALF)

    assert audit(fn)(jnp.ones(2), jnp.ones(2, HALF)).findings == ()


def test_what_a_checkpoint_computes_again_belongs_to_the_forward_pass():
    def loss(x):
        return jnp.sum(jax.checkpoint(lambda x: jnp.sin(x.astype(jnp.float32)) ** 2)(x))

    report = audit(jax.grad(loss))(jnp.ones(2, HALF))
    casts = [
        (f.change, f.backward) for f in report.findings if f.primitive == "convert_element_type"
    ]
    assert ("wider", True) not in casts
    assert ("narrower", True) in casts


def test_formats_that_do_not_hold_each_other_are_wider_both_ways():
    there = audit(lambda x: x.astype(jnp.float16))(jnp.ones(2, HALF))
    back = audit(lambda x: x.astype(HALF))(jnp.ones(2, jnp.float16))
    assert [f.change for f in there.findings + back.findings] == ["wider", "wider"]


def test_every_result_is_counted_by_dtype():
    report = audit(lambda x: (x * x + x).astype(jnp.float32) + 1)(jnp.ones(2, HALF))
    assert report.dtypes == {"bfloat16": 2, "float32": 2}
    assert len(report.findings) == 1


def test_a_training_step_shows_where_the_optimiser_widens():
    def step(w, x):
        g = jax.grad(lambda w: jnp.sum((w * x) ** 2))(w)
        return (w.astype(jnp.float32) - 0.1 * g.astype(jnp.float32)).astype(w.dtype)

    report = audit(step)(jnp.ones(3, HALF), jnp.ones(3, HALF))
    casts = [(f.change, f.inputs, f.output) for f in report.findings]
    assert casts.count(("wider", ("bfloat16",), "float32")) >= 2
    assert casts[-1] == ("narrower", ("float32",), "bfloat16")
