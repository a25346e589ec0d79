"""The programs of the probe lower for CPU, CUDA and TPU."""

import jax
import numpy as np
import pytest

from jaxlab.arithmetic.probe import _functions, _operations, _programs, _subnormals, _sums
from jaxlab.arithmetic.probe._experiments import DTYPES


@pytest.mark.parametrize("platform", ["cpu", "cuda", "tpu"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_programs_lower(dtype, platform, x64):
    one, square = np.ones(8, DTYPES[dtype]), np.ones((8, 8), DTYPES[dtype])
    programs = [
        *((e.program, e.inputs) for e in _operations.experiments(dtype)),
        *((e.program, e.inputs) for e in _subnormals.experiments(dtype)),
        *((program, (one,)) for program in _sums.SUMS.values()),
        *((function.device, (one,)) for function in _functions.FUNCTIONS.values()),
        (_programs.product(jax.lax.Precision.DEFAULT), (square, square)),
    ]

    def everything(inputs):
        return [program(*x) for (program, _), x in zip(programs, inputs, strict=True)]

    traced = jax.jit(everything).trace([inputs for _, inputs in programs])
    assert traced.lower(lowering_platforms=(platform,)).as_text()
