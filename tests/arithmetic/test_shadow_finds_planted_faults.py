"""The microscope finds planted faults in code it has never seen: kind, file, line, layer."""

import functools
import pathlib

import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic import shadow
from tests.arithmetic import faulty_code

FAULTS = {fault.name: fault for fault in faulty_code.faults()}
SLOW = ("batch norm in a gradient", "gradient underflow, scales", "gradient underflow, gate")
CASES = [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in FAULTS]
# log(0) shows first there, because the cancellation before it left nothing.
CONSEQUENCES = {"the same with nothing left": "infinity"}


@functools.cache
def trace_of(name):
    fault = FAULTS[name]
    return shadow(fault.fn, fault.format)(*fault.args)[1]


def first_of_its_kind(name):
    return next(one for one in trace_of(name).findings() if one.kind == FAULTS[name].kind)


@pytest.mark.parametrize("name", CASES)
def test_the_first_finding_of_its_kind_names_the_guilty_line(name):
    fault, row = FAULTS[name], first_of_its_kind(name).row
    assert pathlib.Path(row.location.file).name == "faulty_code.py"
    assert row.location.line == fault.number()
    assert row.scope == fault.scope


@pytest.mark.parametrize("name", CASES)
def test_the_table_prints_the_guilty_line(name):
    fault, shown = FAULTS[name], trace_of(name).table().splitlines()
    at = next(i for i, line in enumerate(shown) if line.startswith(f"{fault.kind}: "))
    assert f"faulty_code.py:{fault.number()} in " in shown[at + 1]
    assert shown[at + 2].strip() == fault.line


@pytest.mark.parametrize("name", CASES)
def test_the_fault_is_the_worst_finding(name):
    worst = trace_of(name).findings()[0]
    assert worst.kind == CONSEQUENCES.get(name, FAULTS[name].kind)


def test_the_iteration_of_a_scan_is_told():
    made = first_of_its_kind("underflow in a scan").row.blame.underflowed
    assert made.shape == (12,)
    assert np.argmax(np.abs(made)) == 2  # layer 3


@pytest.mark.parametrize("name", ["0/0 masked", "sqrt(-1) masked"])
def test_a_nan_masked_by_where_is_found_though_the_result_is_finite(name):
    trace = trace_of(name)
    assert trace.finite
    assert trace.masked_nan
    assert "masked before the result" in trace.table()


def test_absorption_is_judged_by_its_own_error_where_the_result_is_not_finite():
    _, trace = shadow(lambda x: (x + 3e-4, x * 1e5), "fp16")(jnp.float32(1.0))
    assert not trace.finite
    (found,) = [one for one in trace.findings() if one.kind == "absorption"]
    assert found.severity == found.row.local == pytest.approx(3e-4, rel=1e-3)
    assert "relative error 0.0003" in found.message


def test_a_result_that_is_not_finite_is_not_called_masked():
    trace = trace_of("gradient of a masked root at 0")
    assert not trace.finite
    assert not trace.masked_nan
    assert "the result is not finite" in trace.table().splitlines()[0]
