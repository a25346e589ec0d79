"""Well-written code raises no alarm: the microscope finds rounding errors and nothing else."""

import jax
import jax.numpy as jnp
import pytest

from jaxlab.arithmetic import shadow
from jaxlab.arithmetic._shadow._findings import NOTABLE
from tests.arithmetic import faulty_code
from tests.arithmetic.faulty_code import HIGHEST, normal


def two_pass_variance(x):
    return jnp.mean((x - jnp.mean(x)) ** 2)


def regression(w, x, y):
    hidden = jax.nn.relu(jnp.matmul(x, w, precision=HIGHEST))
    return jnp.mean((hidden - y) ** 2)


SOUND = {
    "softmax": (jax.nn.softmax, (normal(1, 10, scale=4.0),)),
    "log softmax": (jax.nn.log_softmax, (normal(1, 10, scale=4.0),)),
    "two-pass variance": (two_pass_variance, (normal(3, 31, scale=4.0, shift=20.0).round(),)),
    "a sum of many small terms": (jnp.sum, (normal(4, 500, scale=0.01, shift=0.1),)),
    "a least-squares gradient": (
        jax.grad(regression),
        (normal(5, 6, 4), normal(6, 20, 6), normal(7, 20, 4)),
    ),
    # Cancellation there is, but next to terms that are large it does not matter:
    "cross entropy of uncertain logits": (
        faulty_code.binary_cross_entropy,
        (normal(1, 16, scale=3.0), jnp.tile(jnp.array([0.0, 1.0]), 8)),
    ),
}


@pytest.mark.parametrize("name", SOUND)
def test_only_rounding_is_found(name):
    fn, args = SOUND[name]
    _, trace = shadow(fn, "fp16")(*args)
    assert 0 < trace.measured < 0.02
    notable = [found for found in trace.findings() if found.severity >= NOTABLE]
    assert {found.kind for found in notable} == {"rounding"}, trace.table()
