"""Blame adds up: the contributions of all operations are the measured error to first order."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic import Format, rounded, shadow
from tests.arithmetic.faulty_code import HIGHEST, normal

FINE = Format.ieee(exponent_bits=8, precision=20)


def dot(a, b):
    return jnp.matmul(a, b, precision=HIGHEST)


def mlp(params, x, y):
    for w, b in params[:-1]:
        x = jnp.tanh(dot(x, w) + b[None])
    w, b = params[-1]
    return jnp.mean((dot(x, w) + b[None] - y) ** 2)


def convolutional(kernels, x, y):
    for kernel in kernels:
        x = jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", precision=HIGHEST)
        x = jnp.tanh(x)
    return jnp.mean((jnp.mean(x, (2, 3)) - y) ** 2)


def recurrent(params, xs):
    w, u, b = params

    def step(h, x):
        h = jnp.tanh(dot(h, w) + dot(x, u) + b)
        return h, h

    _, hs = jax.lax.scan(step, jnp.zeros(w.shape[0]), xs)
    return jnp.sum(hs**2)


def attention(params, x):
    query, key, value, gain = params
    centred = x - jnp.mean(x, -1, keepdims=True)
    variance = jnp.mean(centred * centred, -1, keepdims=True)
    x = centred * jax.lax.rsqrt(variance + 1e-5) * gain[None]
    weights = jax.nn.softmax(dot(dot(x, query), dot(x, key).T) / 2.0, -1)
    return jnp.sum(dot(weights, dot(x, value)) ** 2)


@jax.custom_jvp
def softplus(x):
    return jnp.log1p(jnp.exp(x))


softplus.defjvps(lambda t, ans, x: t * jax.nn.sigmoid(x))


def remat_custom_and_cond(w, x):
    wave = jax.checkpoint(lambda z: jnp.sin(dot(z, w)))
    z = softplus(wave(wave(x)))
    z = jax.lax.cond(jnp.sum(z) > 0, lambda z: z * jnp.exp(-z), lambda z: z, z)
    return jnp.mean(z * z)


PARAMS = tuple(
    (normal(i, a, b, scale=a**-0.5), normal(9 + i, b))
    for i, (a, b) in enumerate([(5, 8), (8, 8), (8, 3)])
)
MLP = (mlp, (PARAMS, normal(1, 16, 5), normal(2, 16, 3)))
KERNELS = (normal(1, 4, 2, 3, 3, scale=0.3), normal(2, 3, 4, 3, 3, scale=0.2))
CELL = (normal(1, 6, 6, scale=0.4), normal(2, 3, 6), normal(3, 6))
HEAD = (normal(1, 6, 4), normal(2, 6, 4), normal(3, 6, 4), normal(4, 6, shift=1.0))
PROGRAMS = {
    "mlp": MLP,
    "convolutions": (convolutional, (KERNELS, normal(3, 2, 2, 6, 6), normal(4, 2, 3))),
    "recurrent": (recurrent, (CELL, normal(4, 7, 3))),
    "attention": (attention, (HEAD, normal(5, 5, 6))),
    "remat, custom_jvp, cond": (
        remat_custom_and_cond,
        (normal(1, 5, 5, scale=0.5), normal(2, 3, 5)),
    ),
}


def all_but(slow):
    return [pytest.param(n, marks=[pytest.mark.slow] if n in slow else []) for n in PROGRAMS]


FORWARD = all_but(slow=["attention"])
GRADIENTS = all_but(slow=["mlp", "convolutions", "recurrent", "attention"])


def unexplained(trace):
    return abs(trace.explained / trace.measured - 1)


@pytest.mark.parametrize("name", FORWARD)
def test_forward_errors_in_fp16_within_5_percent(name):
    fn, args = PROGRAMS[name]
    _, trace = shadow(fn, "fp16")(*args)
    assert trace.measured > 2.0**-15
    assert unexplained(trace) < 0.05
    assert not any(row.backward for row in trace.rows)


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradient_errors_at_20_bits_within_1e_4(name):
    fn, args = PROGRAMS[name]
    _, trace = shadow(jax.grad(fn), FINE)(*args)
    assert trace.measured > 2.0**-20
    assert unexplained(trace) < 1e-4
    passes = [sum(abs(row.made) for row in trace.rows if row.backward is b) for b in (True, False)]
    assert min(passes) > 0.05 * sum(passes)  # both matter


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_gradient_errors_in_fp16_within_5_percent(name):
    fn, args = PROGRAMS[name]
    _, trace = shadow(jax.grad(fn), "fp16")(*args)
    assert trace.measured > 2.0**-12
    assert unexplained(trace) < 0.05


@pytest.mark.parametrize("accumulate", ["sequential", "pairwise", "kahan"])
def test_errors_of_every_order_of_summation(accumulate):
    x, w = normal(1, 3, 200), normal(2, 200, 2)
    _, trace = shadow(dot, FINE, accumulate=accumulate)(x, w)
    (row,) = [row for row in trace.rows if row.primitive == "dot_general"]
    assert row.part == "accumulate"
    assert unexplained(trace) < 1e-4
    u = 2.0**-20
    assert row.local > u if accumulate == "sequential" else row.local < u


@pytest.mark.parametrize("accumulate", [None, "sequential", "pairwise"])
def test_errors_of_a_gradient_that_a_scan_accumulates(accumulate):
    def power(w, x):
        return jax.lax.fori_loop(0, 50, lambda i, h: h * w, x)

    fn = jax.grad(lambda w, x: jnp.sum(power(w, x)))
    w = normal(3, 4, scale=0.01, shift=1.0)
    _, trace = shadow(fn, FINE, accumulate=accumulate)(w, jnp.ones(4))
    assert trace.measured > 2.0**-20
    assert unexplained(trace) < 1e-4


def test_the_measured_error_is_that_against_the_float64_run(x64):
    fn, args = MLP
    value, trace = shadow(jax.grad(fn), "fp16")(*args)
    wide = jax.tree.map(lambda x: x.astype(jnp.float64), args)
    exact = jax.jit(jax.grad(fn))(*wide)
    leaves = jax.tree.leaves_with_path(value)
    for (path, low), high in zip(leaves, jax.tree.leaves(exact), strict=True):
        error = np.linalg.norm(np.asarray(low, np.float64) - high) / np.linalg.norm(high)
        assert trace.errors[jax.tree_util.keystr(path)] == pytest.approx(error, rel=1e-6)
    assert trace.measured == pytest.approx(sum(trace.errors.values()))
    assert unexplained(trace) < 0.05


def test_every_contribution_is_what_the_chain_rule_says():
    def fn(x, y, z):
        return jnp.exp(x * y) - z

    x, y, z = (np.float32(v) for v in (1.1, 0.7, 1.9))
    value, trace = shadow(fn, "fp16")(x, y, z)
    half = np.float16
    lows = [np.float64(half(v)) for v in (x, y, z)]
    product = np.float64(half(lows[0] * lows[1]))
    power = np.float64(half(np.exp(product)))
    result = np.float64(half(power - lows[2]))
    X, Y, Z = map(np.float64, (x, y, z))
    exact, slope = np.exp(X * Y) - Z, np.exp(X * Y)
    expected = {
        "input0": (lows[0] - X) * Y * slope,
        "input1": (lows[1] - Y) * X * slope,
        "input2": -(lows[2] - Z),
        "mul": (product - lows[0] * lows[1]) * slope,
        "exp": power - np.exp(product),
        "sub": result - (power - lows[2]),
    }
    assert value == result
    scale = np.sign(result - exact) / abs(exact)
    for row in trace.rows:
        name = row.path if row.primitive == "store" else row.primitive
        assert row.made == pytest.approx(expected.pop(name) * scale, rel=1e-12, abs=1e-18)
    assert not expected


def test_iterations_of_a_scan_are_told_apart():
    fn, (params, xs) = PROGRAMS["recurrent"]
    _, trace = shadow(fn, "fp16")(params, xs)
    steps = [row for row in trace.rows if row.primitive == "tanh"]
    assert [row.blame.made.shape for row in steps] == [(7,)]
    assert steps[0].counts.exponents.shape[0] == 7
    # What counts as error of step 3 alone: round it there and nowhere else.
    assert np.all(steps[0].blame.made != 0)
    assert np.sum(steps[0].blame.made) == pytest.approx(steps[0].made)


def test_an_array_constant_is_rounded_once_and_has_a_row_of_its_own():
    table = np.linspace(0.1, 2.0, 6, dtype=np.float32)
    value, trace = shadow(lambda x: x * table, "fp16")(jnp.ones(6))
    low, high = np.float64(table.astype(np.float16)), np.float64(table)
    assert np.array_equal(value, low)
    (row,) = [row for row in trace.rows if row.made]
    assert (row.path, row.primitive, row.part, row.label) == (
        "const0", "store", "storage", "constants"
    )  # fmt: skip
    assert "float32[6]" in row.location.file
    assert row.counts.entries == 6
    assert row.made == pytest.approx(np.linalg.norm(low - high) / np.linalg.norm(high))
    assert trace.explained == pytest.approx(trace.measured)


def test_the_adjoint_is_that_of_the_branch_taken_though_the_twin_decides_otherwise():
    """The square of the float32 below sqrt(3), over 3, is below 1, and 1 in bfloat16."""

    def fn(x):
        y = x * x / 3.0
        return jax.lax.cond(y >= 1.0, lambda y: jnp.exp(y) * x, lambda y: jnp.sin(9.0 * y) * x, y)

    x = jnp.float32(np.nextafter(np.float32(3**0.5), np.float32(0)))
    value, trace = shadow(fn, "bf16")(x)
    assert abs(value - np.e * 3**0.5) < 0.1  # the branch of the rounded run
    assert sum(row.total("flipped") for row in trace.rows) == 1
    assert trace.measured > 2.0**-8
    assert unexplained(trace) < 0.02


def test_the_gradient_of_a_scan_inside_a_while_loop_is_counted():
    def loss(w):
        return jnp.sum(jax.lax.scan(lambda h, x: (h, w * x), 0.0, jnp.arange(1.0, 5.0))[1])

    def fn(w):
        return jax.lax.while_loop(lambda w: w > 1.0, lambda w: w - 0.1 * jax.grad(loss)(w), w)

    for order in ("exact", "sequential", "pairwise"):
        value, trace = shadow(fn, "fp16", accumulate=order)(jnp.float32(4.0))
        assert value == jax.jit(rounded(fn, "fp16", accumulate=order))(jnp.float32(4.0))
        rows = [row for row in trace.rows if row.primitive == "add_any"]
        assert [row.part for row in rows] == ["accumulate"]
        assert rows[0].total("executions") == (3 * 4 if order == "sequential" else 3)  # steps of 1
        assert rows[0].blame is None


def test_errors_in_a_while_loop_are_counted_and_not_attributed():
    def halve(x):
        x = x * 1.1
        return jax.lax.while_loop(lambda x: jnp.max(x) > 1.0, lambda x: x / 3.0, x)

    x = jnp.array([5.0, 700.0])
    value, trace = shadow(halve, "fp16")(x)
    (row,) = [row for row in trace.rows if row.primitive == "div"]
    steps, v = 0, np.float16(x) * np.float16(1.1)
    while v.max() > 1:
        v, steps = v / np.float16(3), steps + 1
    assert np.array_equal(value, v)
    assert row.counts.executions == steps == 7
    assert row.counts.entries == 2 * steps
    assert row.counts.local > 0
    assert row.blame is None
    assert (row.made, row.through, row.growth) == (0, 0, 0)
    assert trace.explained == 0  # errors are not followed through the loop


def test_an_addend_lost_among_subnormals_is_blamed_on_underflow_only():
    """2**-16 is the smallest number of float8_e5m2; the residual 2**-20 is one of float16."""

    @jax.custom_vjp
    def fn(x):
        return x

    fn.defvjp(lambda x: (x, x), lambda x, cotangent: (cotangent * 2.0**-16 + x,))
    _, trace = shadow(jax.grad(fn), "fp16", backward="e5m2")(jnp.float32(2.0**-20))
    (row,) = [row for row in trace.rows if row.primitive == "add"]
    assert (row.total("absorbed"), row.total("subnormal")) == (1, 1)
    assert row.underflowed == row.made == pytest.approx(2.0**-20 / (2.0**-16 + 2.0**-20))
    assert row.absorbed == 0


def test_decisions_that_the_twin_takes_otherwise_are_reported():
    x = jnp.array([2.0**-12, 0.5, -1.0, 3.0])  # 1 + x is 1 in fp16: relu(x + 1 - 1) closes

    def fn(x):
        return jnp.sum(jnp.where(x + 1.0 > 1.0, x, 0.0)) * 1.0

    _, trace = shadow(fn, "fp16")(x)
    (row,) = [row for row in trace.rows if row.primitive == "gt"]
    assert row.total("flipped") == 1
    assert "1 comparisons decided otherwise" in trace.table().splitlines()[0]
    _, trace = shadow(jax.grad(lambda x: jnp.sum(jax.nn.relu(x + 1.0 - 1.0))), "fp16")(x)
    assert sum(row.total("flipped") for row in trace.rows) == 1
    assert trace.measured == pytest.approx(1 / np.sqrt(3))  # one of three unit gradients is lost
    assert trace.explained == 0  # a jump has no derivative
