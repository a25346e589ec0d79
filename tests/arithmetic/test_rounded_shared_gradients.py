"""5,000 ones, added up by whatever adds in a program: loops, lookups, sums and convolutions."""

import jax
import jax.numpy as jnp
import ml_dtypes
import pytest

from jaxlab.arithmetic import PARTS, rounded, sequential

N = 5000
EXPECTED = {
    ("bfloat16", "sequential"): 256.0,
    ("bfloat16", "exact"): 4992.0,
    ("float16", "sequential"): 2048.0,
    ("float16", "exact"): 5000.0,
}


def shared(w):
    """A weight used in every step of a scan."""
    return jnp.sum(jax.lax.scan(lambda c, x: (c, w * x), 0, jnp.ones(N))[1])


def shared_backwards(w):
    scan = jax.lax.scan(lambda c, x: (c, w * x), 0, jnp.ones(N), reverse=True)
    return jnp.sum(scan[1])


def row(table):
    """A row of an embedding that is looked up again and again."""
    return jnp.sum(table[jnp.zeros(N, jnp.int32)])


GRADIENTS = {
    "weight of a scan": (jax.grad(shared), lambda: jnp.float32(1)),
    "weight of a reversed scan": (jax.grad(shared_backwards), lambda: jnp.float32(1)),
    "weight of a broadcast": (
        jax.grad(lambda w: jnp.sum(jnp.broadcast_to(w, (N,)))),
        lambda: jnp.float32(1),
    ),
    "row of an embedding": (lambda t: jax.grad(row)(t)[0], lambda: jnp.ones(2)),
}
SUMS = {
    "jnp.sum": (jnp.sum, lambda: jnp.ones(N)),
    "jnp.cumsum": (lambda x: jnp.cumsum(x)[-1], lambda: jnp.ones(N)),
    "jnp.dot": (lambda x: jnp.dot(x, x, precision="highest"), lambda: jnp.ones(N)),
    "jnp.convolve": (
        lambda x: jnp.convolve(x, x, mode="valid", precision="highest")[0],
        lambda: jnp.ones(N),
    ),
    "segment_sum": (
        lambda x: jax.ops.segment_sum(x, jnp.zeros(N, jnp.int32), 2)[0],
        lambda: jnp.ones(N),
    ),
}


@pytest.mark.parametrize("order", ["exact", "sequential"])
@pytest.mark.parametrize("case", [*GRADIENTS, *SUMS])
def test_only_a_sequential_accumulator_stalls_in_bfloat16(case, order):
    check(case, "bfloat16", order)


@pytest.mark.parametrize("order", ["exact", "sequential"])
@pytest.mark.parametrize("case", ["weight of a scan", "row of an embedding"])
def test_in_float16_it_stalls_at_2048(case, order):
    check(case, "float16", order)


def check(case, name, order):
    fn, ones = (GRADIENTS | SUMS)[case]
    got = jax.jit(rounded(fn, name, accumulate=order))(ones())
    assert float(got) == EXPECTED[name, order]


@pytest.mark.parametrize("order", ["exact", "sequential"])
def test_gradients_taken_around_the_emulation_stall_alike(order):
    slope = jax.jit(jax.grad(rounded(shared, "bf16", accumulate=order)))
    assert float(slope(jnp.float32(1))) == EXPECTED["bfloat16", order]


@pytest.mark.parametrize("order", ["pairwise", "kahan", "blocked(16)"])
def test_other_orders_add_a_shared_gradient_as_they_add_an_array(order):
    summed = rounded(jnp.sum, "bf16", accumulate=order)(jnp.ones(N))
    got = jax.jit(rounded(jax.grad(shared), "bf16", accumulate=order))(jnp.float32(1))
    assert float(got) == float(summed) > 256


def test_a_sequential_sum_may_have_a_format_of_its_own():
    got = jax.jit(rounded(jax.grad(shared), "bf16", accumulate=sequential("float32")))
    assert float(got(jnp.float32(1))) == EXPECTED["bfloat16", "exact"]


@pytest.mark.parametrize("order", ["exact", "sequential", "pairwise"])
def test_a_running_sum_belongs_to_the_accumulate_part(order):
    def total(**options):
        return float(jax.jit(rounded(jax.grad(shared), "bf16", accumulate=order, **options))(1.0))

    assert total(parts=["accumulate"]) == total() != N
    assert total(parts=[part for part in PARTS if part != "accumulate"]) == N


@pytest.mark.parametrize("order", ["exact", "sequential", "pairwise"])
def test_an_exempt_running_sum_is_not_rounded(order):
    def named(w):
        with jax.named_scope("head"):
            return shared(w)

    for exempt in ("add_any", "head"):
        got = rounded(jax.grad(named), "bf16", accumulate=order, exempt=[exempt])
        assert float(jax.jit(got)(1.0)) == N


def test_a_loop_written_by_the_user_adds_as_it_is_written():
    """``accumulate`` is for sums; a carry of the forward pass is a chain of additions."""

    def total(x):
        return jax.lax.scan(lambda c, x: (c + x, None), jnp.float32(0), x)[0]

    assert float(jax.jit(rounded(total, "bf16", accumulate="exact"))(jnp.ones(N))) == 256.0


def test_the_gradient_of_a_nested_loop_is_summed_at_each_level():
    def inner(w):
        return jnp.sum(jax.lax.scan(lambda c, x: (c, w * x), 0, jnp.ones(50))[1])

    def outer(w):
        return jnp.sum(jax.lax.scan(lambda c, x: (c, inner(w * x)), 0, jnp.ones(100))[1])

    for order in ("exact", "sequential"):
        got = jax.jit(rounded(jax.grad(outer), "bf16", accumulate=order))(jnp.float32(1))
        # 50 is exact; 100 of them reach 4992 in one rounding, and stall in spacings of 128.
        assert float(got) == {"exact": 4992.0, "sequential": sequential_fifties()}[order]


def sequential_fifties():
    total = ml_dtypes.bfloat16(0)
    for _ in range(100):
        total = total + ml_dtypes.bfloat16(50)
    return float(total)
