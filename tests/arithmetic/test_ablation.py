"""Which part of a training step makes the error: parts that exclude each other and add up."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic import PARTS, Format, ablation, rounded, shadow
from tests.arithmetic.faulty_code import HIGHEST, normal

FINE = Format.ieee(exponent_bits=8, precision=20)


def loss(w, x, y):
    hidden = jnp.tanh(jnp.matmul(x, w[0], precision=HIGHEST))
    return jnp.mean((jnp.matmul(hidden, w[1], precision=HIGHEST) - y) ** 2)


def step(w, x, y):
    gradient = jax.grad(loss)(w, x, y)
    return jax.tree.map(lambda p, g: p - 0.0625 * g, w, gradient)


W = (normal(1, 5, 6, scale=0.4), normal(2, 6, 2, scale=0.4))
X, Y = normal(3, 16, 5), normal(4, 16, 2)


@pytest.fixture(scope="module")
def bf16():
    return ablation(step, "bf16")(W, X, Y)


def test_the_parts_of_a_bf16_training_step_sum_to_the_measured_total(bf16):
    assert set(bf16.made) == set(bf16.alone) == set(PARTS)
    assert sum(bf16.made.values()) == pytest.approx(bf16.total, rel=0.02)
    assert bf16.remainder < 0.02
    assert all(bf16.made.values())


def test_the_total_is_the_error_of_the_step_against_float64(bf16):
    low = jax.jit(rounded(step, "bf16", carrier="float64"))(W, X, Y)
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda x: x.astype(jnp.float64), (W, X, Y))
        high = jax.jit(step)(*wide)
    errors = [
        np.linalg.norm(np.float64(a) - np.asarray(b)) / np.linalg.norm(b)
        for a, b in zip(low, high, strict=True)
    ]
    assert bf16.total == pytest.approx(sum(errors), rel=1e-9)


def test_storage_and_update_dominate_a_step_with_a_small_rate(bf16):
    # Both round values of size |w|; everything else is multiplied by the rate.
    small = ("forward", "backward", "accumulate")
    assert max(bf16.alone[part] for part in small) < 0.1 * bf16.alone["update"]
    assert max(abs(bf16.made[part]) for part in small) < 0.1 * bf16.total
    assert 0.2 < bf16.alone["update"] / bf16.alone["storage"] < 5


def test_alone_is_the_error_of_the_run_that_rounds_this_part_only(bf16):
    high = jax.jit(rounded(step, "bf16", parts=(), carrier="float64"))(W, X, Y)
    low = jax.jit(rounded(step, "bf16", parts=("update",), carrier="float64"))(W, X, Y)
    error = sum(
        float(np.linalg.norm(np.float64(a) - np.float64(b)) / np.linalg.norm(np.float64(b)))
        for a, b in zip(low, high, strict=True)
    )
    assert bf16.alone["update"] == pytest.approx(error, rel=1e-4)  # these are back in float32


def test_the_table_lists_the_parts_their_sum_and_what_was_measured(bf16):
    lines = bf16.table().splitlines()
    assert [line.split()[0] for line in lines] == ["part", *PARTS, "sum", "measured"]
    shares = [float(line.split()[2].rstrip("%")) for line in lines[1:7]]
    assert sum(shares[:-1]) == pytest.approx(shares[-1], abs=0.3)
    assert float(lines[-1].split()[1]) == pytest.approx(bf16.total, rel=0.01)


@pytest.mark.slow
def test_at_20_bits_the_parts_sum_to_1e_6():
    found = ablation(step, FINE)(W, X, Y)
    assert found.total > 2.0**-21
    assert found.remainder < 1e-6


def test_every_operation_belongs_to_one_part():
    _, trace = shadow(step, "bf16")(W, X, Y)
    parts = {}
    for row in trace.rows:
        parts.setdefault(row.part, set()).add(row.primitive)
    assert set(parts) == set(PARTS)
    assert parts["storage"] == {"store"}
    assert parts["accumulate"] <= {"dot_general", "reduce_sum"}
    assert not (parts["forward"] | parts["backward"] | parts["update"]) & parts["accumulate"]
    assert "tanh" in parts["forward"]
    assert parts["update"] == {"mul", "sub"}


def test_without_a_derivative_there_is_no_backward_pass_and_no_update():
    found = ablation(loss, "bf16")(W, X, Y)
    assert found.made["backward"] == found.alone["backward"] == 0
    assert found.made["update"] == found.alone["update"] == 0
    assert min(found.alone[part] for part in ("storage", "forward", "accumulate")) > 0


def test_arguments_that_the_format_holds_have_no_storage_error():
    half = jnp.array([0.5, 1.25, 3.0])
    found = ablation(lambda x: jnp.exp(x) * 0.75, "fp16")(half)
    assert found.made["storage"] == found.alone["storage"] == 0
    assert found.made["accumulate"] == found.alone["accumulate"] == 0
    assert found.alone["forward"] == pytest.approx(found.total)
    assert found.made["forward"] == pytest.approx(found.total, rel=0.01)


def test_sums_are_the_accumulate_part_and_only_them():
    x = jnp.arange(1.0, 400.0)  # whole numbers: bf16 holds the first 256 exactly, not the sums
    found = ablation(jnp.sum, "bf16", accumulate="sequential")(x[:200])
    assert found.total > 0.005
    assert found.alone["accumulate"] == found.made["accumulate"] == pytest.approx(found.total)
    assert sum(found.alone[part] for part in PARTS if part != "accumulate") == 0


@pytest.mark.parametrize("order", ["exact", "sequential", "pairwise"])
def test_the_gradient_that_a_scan_adds_up_is_of_the_accumulate_part(order):
    def power(w):
        return jnp.sum(jax.lax.fori_loop(0, 20, lambda i, h: h * w, jnp.ones(4)))

    w = normal(3, 4, scale=0.01, shift=1.0)
    found = ablation(jax.grad(power), FINE, accumulate=order)(w)
    assert found.remainder < 1e-4
    assert found.made["update"] == found.alone["update"] == 0
    low = rounded(jax.grad(power), FINE, accumulate=order, parts=["accumulate"], carrier="float64")
    high = rounded(jax.grad(power), FINE, parts=(), carrier="float64")
    low, high = (np.float64(jax.jit(fn)(w)) for fn in (low, high))
    error = np.linalg.norm(low - high) / np.linalg.norm(high)
    assert 2.0**-22 < found.alone["accumulate"] == pytest.approx(error, rel=0.3)  # in float32
    assert found.made["accumulate"] != 0


def test_array_constants_are_storage_in_both_measures():
    table = np.linspace(0.1, 2.0, 6, dtype=np.float32)
    found = ablation(lambda x: x * table, "fp16")(jnp.ones(6))
    assert found.total > 2.0**-14
    assert found.made["storage"] == pytest.approx(found.total)
    assert found.alone["storage"] == pytest.approx(found.total)
    assert found.made["forward"] == 0  # products of a rounded constant with 1


def test_an_exact_computation_has_no_error_to_divide_by():
    found = ablation(lambda x: x * 2.0, "fp16")(jnp.array([1.0, 2.0]))
    assert (found.total, found.remainder) == (0, 0)
    assert "measured" in found.table()


def test_the_backward_part_has_its_own_format():
    options = {"backward": "e5m2"}
    grad = jax.grad(lambda x: jnp.sum(jnp.sin(x * 1.1) ** 2))
    coarse = ablation(grad, "fp32", **options)(X)
    assert coarse.alone["backward"] > 1e4 * coarse.alone["forward"] > 0
    assert coarse.alone["backward"] == pytest.approx(coarse.total, rel=1e-3)
