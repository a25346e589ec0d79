"""The feature table of a precision laboratory, one test a row: the short form of the whole room.

The rows are those of the reference's table "What a precision laboratory must offer"; the tests in
the files beside this one go deeper.
"""

import itertools
import math
import os
import re
import subprocess
import sys
from fractions import Fraction

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import optax
import pytest

import jaxlab as jl
from jaxlab.arithmetic import as_format, rounded, shadow
from jaxlab.arithmetic.balls import enclose
from jaxlab.arithmetic.double_double import in_double_double
from jaxlab.arithmetic.gradients import gradient_report
from jaxlab.arithmetic.reference import dot_general_in_float64, in_float64

round_to = jl.arithmetic.round_to
DOT = (((0,), (0,)), ((), ()))


def bits(x):
    x = np.asarray(x)
    return x.view(f"u{x.dtype.itemsize}")


def loss(weights, x):
    for w in weights[:-1]:
        x = jnp.tanh(x @ w)
    return jnp.mean((x @ weights[-1]) ** 2)


def network(sizes=(8, 16, 4), seed=0, points=32, grid="bfloat16"):
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=shape) / np.sqrt(shape[0]) for shape in itertools.pairwise(sizes)]
    arrays = [np.asarray(a, np.float32) for a in (*weights, rng.normal(size=(points, sizes[0])))]
    *weights, x = (round_to(jnp.asarray(a), grid) for a in arrays)
    return weights, x


def test_row_01_formats():
    special = [
        464.0,
        465.0,
        65519.0,
        65520.0,
        2.0**-25,
        -0.0,
        np.inf,
        -np.inf,
        np.nan,
        448.0,
        1e-45,
    ]
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 2**32, 100_000, dtype=np.uint32).view(np.float32)
    x = np.concatenate([np.array(special, np.float32), noise])
    for name in ("bfloat16", "float16", "float8_e4m3fn", "float8_e5m2", "float8_e3m4"):
        with np.errstate(all="ignore"):
            expected = x.astype(as_format(name).dtype).astype(np.float32)
        got = np.asarray(round_to(jnp.asarray(x), name))
        agree = (bits(got) == bits(expected)) | (np.isnan(got) & np.isnan(expected))
        assert agree.all(), (name, x[~agree][:5])


@pytest.mark.parametrize("rounding", ["nearest_even", "toward_zero"])
def test_row_02_integer_bit_rounding_core(rounding):
    rng = np.random.default_rng(2)
    special = np.array([1 + 2.0**-9, 3.0, 1e-40, -1e-40, 2.0**-149, 1e38], np.float32)
    x = np.concatenate([special, rng.normal(size=2000).astype(np.float32)])
    if rounding == "nearest_even":
        expected = x.astype(ml_dtypes.bfloat16).astype(np.float32)
    else:
        expected = (bits(x) & np.uint32(0xFFFF0000)).view(np.float32)

    def once(x):
        return round_to(x, "bf16", rounding)

    for x64 in (False, True):
        with jax.enable_x64(x64):
            for way in (once, jax.jit(once), jax.vmap(once), jax.jit(jax.vmap(once))):
                assert np.array_equal(bits(way(x)), bits(expected))
            slope = jax.grad(lambda x: jnp.sum(once(x)))(jnp.asarray(x))
            assert np.array_equal(slope, np.ones_like(x))
    # Neither fused into a multiply-add nor cancelled as (x + c) - c is.
    split = jax.jit(lambda a, b: once(a * b) - a * b)
    a, b = (rng.normal(size=2000).astype(np.float32) for _ in "ab")
    assert np.max(np.abs(split(a, b) / (a * b))) > 2.0**-9
    summed = jax.jit(lambda a, b: once(once(a * b) + b))
    wide = np.float64(np.asarray(once(a * b))) + b
    assert np.array_equal(bits(summed(a, b)), bits(once(np.float32(wide))))


def test_row_03_rounding_modes_and_explicit_keys():
    key, x = jax.random.key(3), jnp.full(40_000, 1 + 2.0**-9, jnp.float32)  # a quarter of the gap
    up = np.asarray(round_to(x, "bf16", "stochastic", key)) > 1
    sigma = math.sqrt(0.25 * 0.75 / x.size)
    assert abs(up.mean() - 0.25) < 4 * sigma
    assert np.array_equal(up, np.asarray(round_to(x, "bf16", "stochastic", key)) > 1)
    coarse = np.asarray(round_to(x, "bf16", "stochastic", key, random_bits=1)) > 1
    assert not coarse.any()  # a quarter truncated to one random bit is zero: the bias law
    equal = np.asarray(round_to(x, "bf16", "stochastic_equal", key)) > 1
    assert abs(equal.mean() - 0.5) < 4 * 0.5 / math.sqrt(x.size)
    wanted = {"nearest_away": 1 + 2.0**-7, "toward_zero": 1.0, "up": 1 + 2.0**-7, "down": 1.0}
    half = jnp.float32(1 + 2.0**-8)
    assert {mode: float(round_to(half, "bf16", mode)) for mode in wanted} == wanted
    assert float(round_to(half, "bf16", "to_odd")) == 1 + 2.0**-7


def test_row_04_speed():
    """One pass of cheap integer steps; the times are in benchmarks/rounding.py."""
    dear = {"log", "log2", "exp", "exp2", "pow", "integer_pow", "div", "floor", "round", "sort"}
    text = str(jax.make_jaxpr(lambda x: round_to(x, "float16"))(jnp.ones(8)))
    steps = re.findall(r"= ([a-z_0-9]+)[\[ ]", text)
    assert "bitcast_convert_type" in steps
    assert len(steps) < 60
    assert not dear & set(steps)
    compiled = jax.jit(lambda x: round_to(x, "float16")).lower(jnp.ones(2**20)).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 2**20  # no array beside the result


def test_row_05_single_rounding_from_float64():
    steps = np.arange(1, 254)
    midpoints = 1 + steps * 2.0**-7 + 2.0**-8  # between neighbours of bfloat16
    for sign in (1, -1):
        near = midpoints + sign * 2.0**-40
        expected = 1 + (steps + (sign > 0)) * 2.0**-7
        with jax.enable_x64(True):
            binade = near < 2
            assert np.array_equal(np.asarray(round_to(near, "bf16"))[binade], expected[binade])


def test_row_06_every_primitive_forward_and_backward():
    weights, x = network()
    gradient = jax.grad(loss)
    same = jax.jit(rounded(gradient, None))(weights, x)
    for a, b in zip(same, jax.jit(gradient)(weights, x), strict=True):
        assert np.array_equal(bits(a), bits(b))
    inside = jax.jit(rounded(gradient, "bf16"))(weights, x)
    outside = jax.jit(jax.grad(rounded(loss, "bf16")))(weights, x)
    for a, b in zip(inside, outside, strict=True):
        assert np.array_equal(bits(a), bits(b))

    def expression(a, b):
        return (a * b + a) / b - a

    with np.errstate(all="ignore"):
        for dtype in (ml_dtypes.bfloat16, np.float16):
            rng = np.random.default_rng(6)
            a, b = (rng.normal(size=4000).astype(dtype) for _ in range(2))
            strict = expression(a, b)  # NumPy and ml_dtypes round after every operation
            wide = (jnp.asarray(v.astype(np.float32)) for v in (a, b))
            got = np.asarray(jax.jit(rounded(expression, dtype))(*wide))
            assert np.array_equal(bits(got), bits(strict.astype(np.float32)))


def test_row_07_cotangent_policy():
    f = {
        "straight_through": 2.1,
        None: 2.09375,
        "e5m2": 2.0,
    }
    for backward, expected in f.items():
        _, pull = jax.vjp(rounded(jnp.negative, "bf16", backward=backward), jnp.float32(1))
        assert pull(jnp.float32(-2.1))[0] == np.float32(expected)


def test_row_08_accumulators():
    ones = jnp.ones(5000)
    totals = {"sequential": 256.0, "exact": 4992.0}
    for how, total in totals.items():
        assert rounded(jnp.sum, "bf16", accumulate=how)(ones) == total
        assert rounded(jnp.dot, "bf16", accumulate=how)(ones, ones) == total
    x, y = (round_to(np.random.default_rng(s).normal(size=(512, 64)), "bf16") for s in (0, 1))
    x, y = jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32)
    exact = np.asarray(x, float).T @ np.asarray(y, float)
    scale = np.abs(np.asarray(x, float)).T @ np.abs(np.asarray(y, float))
    worst = {}
    for order in ("sequential", "blocked(16)", "pairwise", "exact"):
        got = jl.arithmetic.contractions.dot_general(x, y, DOT, order, "bf16")
        worst[order] = float(np.max(np.abs(np.asarray(got, float) - exact) / scale)) * 2**8
    assert worst["sequential"] > 2 * worst["blocked(16)"] > 2 * worst["exact"]
    assert 2 < worst["sequential"] < 8


def test_row_09_native_and_emulated_are_not_mixed():
    with pytest.raises(ValueError, match=r"P >= 2p \+ 2 = 50"):
        rounded(jnp.sin, "float32", carrier="float32")
    with pytest.raises(ValueError, match="can only be run natively"):
        rounded(jnp.sin, "float64")
    with pytest.raises(ValueError, match="expected one of bfloat16"):
        jl.training.Policy.native("float8_e4m3fn")


def test_row_10_probe():
    measured = jl.arithmetic.probe.probe(quick=True)
    flushed = measured.subnormals["float32"]["output_of_multiply"]
    product = jax.jit(jnp.multiply)(jnp.float32(2.0**-126), jnp.float32(0.5))
    assert (flushed == "flushed") == (bits(product) == 0)
    fused = jax.jit(lambda a, b, c: a * b + c)
    a = jnp.full(16, 1 + 2.0**-13, jnp.float32)
    contracted = bool(np.any(fused(a, a, jnp.full(16, -(1 + 2.0**-12), jnp.float32)) != 0))
    assert (measured.operations["float32"]["fma"] == "fused") == contracted
    assert len(measured.digest) == 12


def test_row_11_strict_flags():
    flags = jl.arithmetic.probe.strict_flags("--xla_dump_to=/tmp/x", lambda flag: True)
    assert flags.startswith("--xla_dump_to=/tmp/x")
    assert "algsimp" in flags
    assert jl.arithmetic.probe.strict_flags(flags, lambda flag: True) == flags


def test_row_12_dtype_audit(x64):
    x = jnp.ones(3, jnp.bfloat16)

    def leaky(x):
        return np.float64(0.3) * x

    with jax.numpy_dtype_promotion("standard"):
        report = jl.arithmetic.audit(leaky)(x)
        with pytest.raises(TypeError, match=r"test_feature_table\.py"):
            report.require("bfloat16")
    jl.arithmetic.audit(lambda x: 0.3 * x)(x).require("bfloat16")


def test_row_13_the_same_draw_in_every_format():
    law = jl.networks.initialisers.he(jl.networks.initialisers.fan_in_bias())
    key = jax.random.key(13)
    drawn = {f: jl.networks.initialise(key, (4, 32, 1), law, f) for f in ("float32", "float16")}
    for wide, narrow in zip(*map(jax.tree.leaves, drawn.values()), strict=True):
        assert np.array_equal(np.asarray(wide).astype(np.float16), np.asarray(narrow))


def test_row_14_reference_ladder():
    weights, x = network()
    gradient = jax.grad(loss)
    native = jax.jit(gradient)(weights, x)
    double = in_float64(gradient)(weights, x)
    pairs = jax.jit(in_double_double(gradient))(weights, x)
    for single, wide, pair in zip(native, double, pairs, strict=True):
        hi = np.asarray(pair.hi)
        size = np.linalg.norm(hi)
        assert np.linalg.norm(np.asarray(wide) - hi) < 1e-13 * size
        assert 1e-10 * size < np.linalg.norm(np.asarray(single, float) - hi) < 1e-5 * size
    x = jnp.asarray(np.random.default_rng(14).normal(size=4096), jnp.float32)
    exact = float(np.float32(math.fsum(float(v) * float(v) for v in np.asarray(x))))
    assert float(dot_general_in_float64(x, x, DOT)) == pytest.approx(exact, rel=2**-23)
    square = enclose(lambda x: x * x)(np.float64(0.1))
    true = Fraction(np.float64(0.1)) ** 2
    middle, radius = (Fraction(float(v)) for v in (square.midpoint, square.radius))
    assert middle - radius <= true <= middle + radius
    assert radius > 0


def test_row_15_gradient_report():
    weights, x = network((16, 16, 16, 16), points=64)
    exact = in_float64(jax.grad(loss))(weights, x)
    low = jax.tree.map(lambda v: v.astype(jnp.bfloat16), (weights, x))
    report = gradient_report(jax.jit(jax.grad(loss))(*low), exact, "bfloat16")
    assert 0.3 < report.rows[-1].normwise < 8
    assert report.rows[-1].overflow == 0
    assert report.rows[-1].cosine_deficit < 1e-2


def test_row_16_error_attribution():
    weights, x = network()
    found = jl.arithmetic.ablation(jax.grad(loss), "float16")(weights, x)
    assert found.total > 2**-12
    assert found.remainder < 0.02  # the parts sum to the measured total to first order
    assert sum(part != 0 for part in found.made.values()) >= 3
    _, trace = shadow(jax.grad(loss), "float16")(weights, x)
    assert trace.explained == pytest.approx(trace.measured, rel=0.02)


def test_row_17_bounds_beside_measurements():
    rng = np.random.default_rng(17)
    for order in ("sequential", "blocked(16)", "pairwise", "kahan"):
        bound = jl.arithmetic.bounds.accumulation_bound(order, 100, "bf16")
        for _ in range(20):
            x, y = (round_to(jnp.asarray(rng.normal(size=100), jnp.float32), "bf16") for _ in "xy")
            got = float(jl.arithmetic.contractions.dot_general(x, y, DOT, order, "bf16"))
            exact = math.fsum(float(a) * float(b) for a, b in zip(x, y, strict=True))
            size = math.fsum(abs(float(a) * float(b)) for a, b in zip(x, y, strict=True))
            assert abs(got - exact) <= bound * size


def test_row_18_optimisers_per_format():
    def final(**options):
        update = jl.training.low_precision(optax.sgd(1e-3), "bfloat16", **options)
        w = jnp.ones((), jnp.bfloat16)

        def step(state, _):
            w, inner = state
            updates, inner = update.step(jnp.float32(1), inner, w)
            return update.apply(w, updates, inner), None

        start = (w, update.init(jax.random.key(18), w))
        return float(jax.jit(lambda s: jax.lax.scan(step, s, length=500))(start)[0][0])

    assert final() == 1.0
    assert abs(final(rounding="compensated") - 0.5) <= 2.0**-8
    assert abs(final(rounding="stochastic") - 0.5) < 5 * 0.038


def test_row_19_range_events():
    def masked(x):
        return jnp.where(x > 0, jnp.sqrt(x), 0.0)

    value, trace = shadow(masked, "float16")(jnp.array([-1.0, 4.0]))
    assert np.isfinite(value).all()
    assert trace.masked_nan
    _, trace = shadow(lambda x: x * x, "float8_e4m3fn")(jnp.array([3.0, 30.0]))
    assert sum(row.total("overflow") for row in trace.rows) == 1
    assert not trace.finite


def test_row_20_monte_carlo_significant_bits():
    weights, x = network((8, 16))
    gradient, key = jax.grad(loss), jax.random.key(20)
    found = jax.jit(jl.arithmetic.significant_bits(gradient, "bf16", key, 64))(weights, x)
    exact = in_float64(gradient)(weights, x)
    sampled = jax.jit(rounded(gradient, "bf16", rounding="stochastic", key=jax.random.key(21)))
    wrong = np.concatenate([
        np.log2(np.abs(np.asarray(e)) / np.abs(np.asarray(g, float) - np.asarray(e))).ravel()
        for g, e in zip(sampled(weights, x), exact, strict=True)
    ])  # fmt: skip
    claimed = np.concatenate([np.asarray(b).ravel() for b in found.bits])
    assert abs(np.median(claimed) - np.median(wrong)) < 1


def test_row_21_pure_functions():
    arithmetic = jl.arithmetic.Arithmetic("bf16", accumulate="pairwise")
    assert hash(arithmetic) == hash(jl.arithmetic.Arithmetic("bf16", accumulate="pairwise"))
    weights, x = network()
    run = rounded(loss, arithmetic)
    once = jax.jit(run)(weights, x)
    many = jax.jit(jax.vmap(run, (None, 0)))(weights, jnp.stack([x, x]))
    _, scanned = jax.lax.scan(lambda c, v: (c, run(weights, v)), 0, jnp.stack([x, x]))
    assert np.array_equal(np.asarray([once, once]), np.asarray(many))
    assert np.array_equal(np.asarray(scanned), np.asarray(many))


_GOLDEN = """
import jax, jax.numpy as jnp, hashlib, numpy as np
from jaxlab.arithmetic import rounded
w = jnp.asarray(np.arange(-32, 32).reshape(8, 8) % 11 - 5, jnp.float32) / 7
x = jnp.asarray(np.arange(40).reshape(5, 8) % 13 - 6, jnp.float32) / 3
loss = lambda w: jnp.sum(jax.nn.relu(jax.nn.relu(x @ w) @ w) ** 2 / 3)
for order in ("sequential", "exact"):
    g = jax.jit(rounded(jax.grad(loss), "bf16", accumulate=order))(w)
    print(hashlib.sha256(np.asarray(g).tobytes()).hexdigest()[:16])
"""


@pytest.mark.parametrize("flags", ["", "--xla_cpu_max_isa=AVX2"])
def test_row_22_golden_bits(flags):
    golden = ["b14b4a16b746c9c5", "6bc48d13e2892941"]  # every order of summation has its own bits
    environment = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    run = subprocess.run(
        [sys.executable, "-c", _GOLDEN], env=environment, check=True, capture_output=True, text=True
    )
    assert run.stdout.split() == golden
