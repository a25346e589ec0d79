"""Negative controls: the probe says other things of XLA under other flags."""

import json
import os
import subprocess
import sys

import jax
import pytest

from jaxlab.arithmetic.probe import strict_compiler_options
from jaxlab.arithmetic.probe._experiments import DTYPES
from jaxlab.arithmetic.probe._operations import experiments, operations

cpu_only = pytest.mark.skipif(jax.default_backend() != "cpu", reason="flags of XLA:CPU")


def deviating(flags, dtypes):
    """The verdicts other than IEEE of a process with these flags."""
    code = (
        "import json, sys, jax\n"
        "from jaxlab.arithmetic.probe import operations\n"
        "with jax.enable_x64(True):\n"
        f"    found = {{dtype: operations(dtype) for dtype in {dtypes}}}\n"
        "print(json.dumps({d: {k: v for k, v in r.items() if v != 'ieee'}"
        " for d, r in found.items()}))"
    )
    environment = {**os.environ, "XLA_FLAGS": flags}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)


@cpu_only
def test_without_fma_and_simplifier_nothing_deviates_in_float32():
    flags = "--xla_cpu_max_isa=AVX --xla_disable_hlo_passes=algsimp"
    assert deviating(flags, ["float32"]) == {"float32": {}}


@cpu_only
@pytest.mark.slow
def test_without_fma_and_simplifier_nothing_deviates_in_any_dtype():
    flags = "--xla_cpu_max_isa=AVX --xla_disable_hlo_passes=algsimp"
    assert deviating(flags, list(DTYPES)) == {dtype: {} for dtype in DTYPES}


@cpu_only
def test_without_the_simplifier_only_fusion_deviates():
    found = deviating("--xla_disable_hlo_passes=algsimp", ["float32"])["float32"]
    assert set(found.values()) <= {"fused"}  # empty on a processor without FMA


@cpu_only
def test_fast_math_reassociates_a_sum():
    found = deviating("--xla_cpu_enable_fast_math=true", ["float32"])["float32"]
    assert found["cancel_sum"] == "rewritten"
    assert found["unrounded_sum"] == "other"  # algebra leaves more than a wider format would
    usual = operations("float32")
    assert usual["cancel_sum"] == usual["unrounded_sum"] == "ieee"


@cpu_only
@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "float64"])
def test_the_strict_compiler_options_make_one_jit_strict(dtype, x64):
    def runner(experiments):
        options = strict_compiler_options()
        return {
            one.name: jax.device_get(jax.jit(one.program, compiler_options=options)(*one.inputs))
            for one in experiments
        }

    assert len(experiments(dtype)) >= 13
    assert set(operations(dtype, runner).values()) == {"ieee"}
