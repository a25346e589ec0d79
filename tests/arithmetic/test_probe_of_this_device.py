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


TENSOR_CORE = room.Accumulator(room.Order("sequential", 0, 9, 32), 14, 24, 64, "toward_zero")
PLAIN = room.Accumulator(room.Order("blocked", 512, 2, 512), 24, None, 29, "nearest_even")
LONG = "XlaRuntimeError: " + "no such thing on this device and never will be " * 4


def synthetic():
    """A probe of a device with tensor cores that refuses some things."""
    return room.fingerprint()._replace(
        operations={"float32": {"fma": "fused", "divide": "ieee"}, "float64": {"fma": "fused"}},
        subnormals={"float16": {"input_of_add": room.Unmeasured(LONG)}},
        input_bits={
            "float32": {"default": 11, "high": 11, "highest": 24},
            "float16": {"default": room.Unmeasured("no float16"), "highest": 10},
        },
        accumulators={
            "float16": {
                "dot": room.Accumulator(room.Order("exact", 0, 99, 1), 29, 29, 29, "unseen"),
                "matmul": TENSOR_CORE,
                "sum": PLAIN,
                "scan": room.Unmeasured("units are not counted exactly"),
            },
            "bfloat16": {"sum": PLAIN},
            "float32": {"matmul": TENSOR_CORE, "scan": room.Unmeasured("lost")},
            "float64": {"matmul": TENSOR_CORE._replace(order=room.Order("blocked", 128, 9, 999))},
        },
        invariance={
            "float16": {"batch": room.Unmeasured("no")},
            "float32": {"batch": False, "jit": True},
        },
        algorithms={"TF32_TF32_F32": room.Algorithm("refused", *[room.Unmeasured("no")] * 3)},
    )


def test_deviations_name_what_departs_and_apart_from_it_what_is_not_measured():
    assert room.deviations(synthetic()) == [
        "fused in float32, float64: a*b + c",
        "float32 dots use 11 of 24 bits of their inputs at default, high precision",
        "float16 dots use 10 of 11 bits of their inputs at highest precision",
        "float16 matmul accumulates otherwise: 14/24 sequential x9 toward_zero",
        "float32 matmul accumulates otherwise: 14/24 sequential x9 toward_zero",
        "float64 matmul accumulates otherwise: 14/24 blocked 128 x9 toward_zero",
        "bits depend on the size of the batch: float32",
        "not measured in float16: subnormal + normal; input bits of dots at default precision; "
        "independence of the size of the batch",
        "not measured in float16, float32: accumulator of scan",
    ]


def test_a_report_of_long_words_fits_100_columns_and_loses_none():
    system = {**room.fingerprint().system, "device_kind": "kind " * 40, "xla_flags": "--xla " * 40}
    text = room.format_probe(synthetic()._replace(system=system))
    assert max(map(len, text.splitlines())) <= 100
    words = text.split()
    assert (words.count("kind"), words.count("--xla"), words.count("never")) == (40, 40, 4)
    for word in (">=29", "24", "14/24", "sequential", "toward_zero", "refused"):
        assert word in words


def test_what_is_not_measured_is_no_departure_of_accumulators():
    lines = room.deviations(synthetic())
    assert not any("scan accumulates" in line for line in lines)
    assert not any("sum accumulates" in line for line in lines)


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
    assert max(map(len, room.format_probe(measured).splitlines())) <= 100
