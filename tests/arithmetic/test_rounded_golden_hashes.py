"""An emulated gradient has one hash: on every instruction set, with x64 on or off, next year."""

import os
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest

from tests.arithmetic import rounded_golden

GOLDEN = {
    "bfloat16": "3dc684f410f8eedd2263b68296d7d9acb62c87333d019a3d0e2e41d316fa2fa7",
    "float8_e4m3fn": "2762752ea359eb3cb7b79da410c35bef6c4ed7280a6d87fbda0b880e556e6c20",
}


@pytest.mark.parametrize(
    ("name", "x64"),
    [("bfloat16", True), pytest.param("float8_e4m3fn", False, marks=pytest.mark.slow)],
)
def test_the_gradient_has_its_hash(name, x64):
    with jax.enable_x64(x64):
        leaves = rounded_golden.gradient(name)
    assert all(np.all(np.isfinite(x)) for x in leaves)
    assert sum(np.count_nonzero(x) for x in leaves) > 0.6 * sum(x.size for x in leaves)
    assert rounded_golden.fingerprint(leaves) == GOLDEN[name]


@pytest.mark.slow
@pytest.mark.parametrize("isa", ["AVX2", "SSE4_2"])
def test_another_instruction_set_gives_the_same_hash(isa):
    root = pathlib.Path(__file__).parents[2]
    flags = {"XLA_FLAGS": f"--xla_cpu_max_isa={isa}", "PYTHONPATH": str(root)}
    run = subprocess.run(
        [sys.executable, rounded_golden.__file__],
        env=os.environ | flags,
        capture_output=True,
        text=True,
        check=True,
    )
    assert dict(line.split() for line in run.stdout.splitlines()) == GOLDEN
