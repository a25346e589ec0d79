"""The probe of the present device: JSON, stable digest, words; and JAX left as it was."""

import json

import jax
import jax.numpy as jnp
import pytest

from jaxlab.arithmetic import probe as room


def test_the_quick_probe_is_json_and_repeats_bit_for_bit(x64_both):
    first, second = room.fingerprint(), room.probe(jax.devices()[0], quick=True)
    assert first == second
    assert json.loads(json.dumps(room.as_json(first), allow_nan=False))["digest"] == first.digest


def test_probing_leaves_x64_and_the_default_device_alone():
    before = jax.config.jax_enable_x64, jax.config.jax_default_device
    room.fingerprint()
    assert (jax.config.jax_enable_x64, jax.config.jax_default_device) == before
    assert jnp.zeros(()).dtype == jnp.float32


def test_the_digest_depends_on_results_and_not_on_reasons():
    tree = {"float16": {"divide": room.Unmeasured("at 0x7f01")}}
    other = {"float16": {"divide": room.Unmeasured("at 0x7f02")}}
    assert room.as_json(tree, reasons=False) == room.as_json(other, reasons=False)
    assert room.as_json(tree) != room.as_json(other)


def test_deviations_name_what_departs_and_nothing_else():
    measured = room.fingerprint()._replace(
        operations={"float32": {"fma": "fused", "divide": "ieee"}, "float64": {"fma": "fused"}},
        subnormals={"float16": {"input_of_add": room.Unmeasured("no float16")}},
        input_bits={"float32": {"default": 11}},
        accumulators={
            "float16": {
                "dot": room.Accumulator(room.Order("sequential", 0, 2, 9), 24, 24, "nearest_even"),
                "matmul": room.Accumulator(
                    room.Order("sequential", 0, 9, 9), 24, 24, "toward_zero"
                ),
            }
        },
        invariance={"float32": {"batch": False, "jit": True}},
    )
    assert room.deviations(measured) == [
        "fused in float32, float64: a*b + c",
        "not measured in float16: subnormal + normal",
        "float32 dots use 11 of 24 bits of their inputs",
        "float16 matmul accumulates otherwise: 24 sequential x9 toward_zero",
        "bits depend on the size of the batch: float32",
    ]


@pytest.mark.slow
def test_the_full_probe_measures_every_section_and_fits_100_columns():
    measured = room.probe()
    json.dumps(room.as_json(measured), allow_nan=False)
    assert all(measured)
    if jax.default_backend() == "cpu":
        sums = measured.accumulators
        assert [sums[d]["scan"].bits for d in sums] == [11, 8, 24, 53]
        assert sums["float32"]["scan"].order == room.Order("sequential", 0, 2, 255)
        assert measured.ones["bfloat16"]["scan"] == 256
        assert measured.ones["float16"]["scatter_add"] == 2048
        assert measured.algorithms["F64_F64_F64"].verdict == "honoured"
        assert all(errors["sqrt"] == 0.5 for errors in measured.functions.values())
    assert max(map(len, room.format_probe(measured).splitlines()[2:])) <= 101
