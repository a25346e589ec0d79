"""in_double_double evaluates whole JAX programs in pairs, control flow and gradients included."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic.double_double import DoubleDouble, in_double_double
from tests.arithmetic.pairs import rationals

X = np.array([0.1, -2.5, 3.7, 1e-3])
EXACT = [Fraction(x) for x in X]


def value(fn, *args):
    return rationals(in_double_double(fn)(*args))


def close(got, expected, units=8):
    return all(
        abs(g - e) <= abs(e) * units * Fraction(2) ** -106
        for g, e in zip(got, expected, strict=True)
    )


RATIONAL = {
    "polynomial": (lambda x: 3 * x**3 - x / 7, lambda x: 3 * x**3 - x / 7),
    "square": (lambda x: jnp.square(x) - 1, lambda x: x**2 - 1),
    "negative power": (lambda x: x**-3, lambda x: x**-3),
    "maximum": (lambda x: jnp.maximum(x, 0.5), lambda x: max(x, Fraction(1, 2))),
    "minimum": (lambda x: jnp.minimum(x, 0.5), lambda x: min(x, Fraction(1, 2))),
    "clip": (lambda x: jnp.clip(x, -1, 1), lambda x: min(max(x, Fraction(-1)), Fraction(1))),
    "where": (lambda x: jnp.where(x > 1, x * x, -x), lambda x: x * x if x > 1 else -x),
    "sign": (lambda x: jnp.sign(x) * abs(x), lambda x: x),
    "cast": (lambda x: x.astype(jnp.float32) * 2, lambda x: 2 * x),
    "truncate": (lambda x: x - x.astype(jnp.int32).astype(x.dtype), lambda x: x - int(x)),
    "relu": (lambda x: jax.nn.relu(x) ** 2, lambda x: max(x, 0) ** 2),
    "remat": (jax.checkpoint(lambda x: x * x * x), lambda x: x**3),
    "scan": (
        lambda x: jax.lax.scan(lambda c, _: (c * x, None), x, None, length=3)[0],
        lambda x: x**4,
    ),
    "fori": (
        lambda x: jax.lax.fori_loop(0, 3, lambda i, c: c * x + i.astype(x.dtype), x),
        lambda x: (x**3 + 1) * x + 2,
    ),
    "while": (
        lambda x: jax.lax.while_loop(lambda c: c[0] < 2, lambda c: (c[0] + 1, c[1] * x), (0, x))[1],
        lambda x: x**3,
    ),
    "cond": (
        lambda x: jax.lax.cond(jnp.sum(x) > 0, lambda y: y * y, lambda y: y, x),
        lambda x: x**2,
    ),
    "derivative": (
        jax.vmap(jax.grad(lambda x: jnp.maximum(x, 1) * x**2)),
        lambda x: 3 * x**2 if x > 1 else 2 * x,
    ),
}


@pytest.mark.parametrize("name", RATIONAL)
def test_rational_programs_agree_with_rationals(name, x64):
    fn, exact = RATIONAL[name]
    assert close(value(fn, jnp.asarray(X)), [exact(x) for x in EXACT])


def test_a_pair_carries_what_float64_cannot():
    """Heron's cancellation: (1 + t)**2 - 1 - 2t = t**2 is lost in float64."""
    t = np.float32(2.0**-40)
    assert value(lambda t: (1 + t) ** 2 - 1 - 2 * t, t) == [Fraction(2) ** -80]


def test_a_jit_outside_gives_the_same_bits():
    fn = in_double_double(jax.grad(lambda x: jnp.sum(jnp.tanh(x) ** 2)))
    inside, outside = fn(jnp.float32(X)), jax.jit(fn)(jnp.float32(X))
    assert all(np.array_equal(a, b) for a, b in zip(inside, outside, strict=True))


def test_reductions_and_shapes_act_on_both_parts(x64):
    def fn(x):
        y = jnp.concatenate([x / 3, x[::-1]]).reshape(2, 4).T
        return jnp.sum(y, axis=0), jnp.max(y), jnp.min(y), jnp.pad(y, 1)[1:3, 1]

    total, largest, smallest, moved = in_double_double(fn)(jnp.asarray(X))
    thirds = [x / 3 for x in EXACT]
    assert close(rationals(total), [sum(thirds), sum(EXACT)], 32)
    assert close(rationals(largest), [max(EXACT)])
    assert close(rationals(smallest), [min(EXACT)])
    assert close(rationals(moved), thirds[:2])


def test_comparisons_see_the_low_part():
    def fn(x, rounded):
        third = x / 3
        rest = third - rounded
        above = [third > rounded, third >= rounded, third != rounded, rest > 0, rounded < third]
        below = [third < rounded, third <= rounded, third == rounded, rest <= 0, rounded >= third]
        return jnp.stack(above), jnp.stack(below), third < third + 1e-25

    assert Fraction(1 / 3) < Fraction(1, 3)  # the high parts are equal
    above, below, farther = in_double_double(fn)(np.float64(1), np.float64(1 / 3))
    assert above.all()
    assert not below.any()
    assert bool(farther)  # one float64 ulp is 5e-17


def test_rounding_to_a_dtype_inside_changes_nothing():
    def fn(x):
        third = x / 3
        return third, jax.lax.reduce_precision(third, 8, 7), third.astype(jnp.bfloat16)

    third, reduced, cast = (rationals(pair) for pair in in_double_double(fn)(np.float64(1)))
    assert third == reduced == cast
    assert third != [Fraction(1 / 3)]


INTEGERS = [2**24 + 1, 2**53 + 1, -(2**62) - 1, 2**63 - 1, -(2**63)]


@pytest.mark.parametrize("n", INTEGERS)
def test_integers_become_pairs_and_come_back_exactly(n, x64):
    def fn(n):
        x = n.astype(jnp.float32)
        return x, x.astype(n.dtype)

    pair, back = in_double_double(fn)(np.int64(n))
    assert rationals(pair) == [n]
    assert int(back) == n


def test_the_largest_unsigned_integers_come_back_exactly(x64):
    n = np.array([2**64 - 1, 2**64 - 2049, 2**63 + 1, 2**32, 0], np.uint64)
    back = in_double_double(lambda n: n.astype(jnp.float32).astype(n.dtype))(n)
    assert np.array_equal(back, n)


def test_conversions_to_integers_truncate_towards_zero_and_saturate(x64):
    def fn(n, x):
        y = n.astype(x.dtype) + x
        return y.astype(jnp.int64), y.astype(jnp.int8), y.astype(jnp.uint8)

    n = np.array([2**60, -(2**60), 2**60, 3, -3, 3, -200, 2**63 - 1, -(2**63)], np.int64)
    x = np.array([3.7, -3.7, -3.7, -1e-20, 1e-20, 0.5, 0.0, 9.0, -9.0])
    wide, narrow, unsigned = in_double_double(fn)(n, x)
    exact = [int(Fraction(int(a)) + Fraction(b)) for a, b in zip(n, x, strict=True)]
    for got, dtype in ((wide, np.int64), (narrow, np.int8), (unsigned, np.uint8)):
        info = np.iinfo(dtype)
        assert got.dtype == dtype
        assert [int(g) for g in got] == [min(max(e, info.min), info.max) for e in exact]


def test_numbers_made_from_nothing_are_exact():
    count = in_double_double(lambda x: jnp.arange(2050, dtype=jnp.float16)[-1].astype(x.dtype) * x)
    assert rationals(count(np.float64(1))) == [2049]


def test_entries_move_beside_integers_and_keywords_are_arguments():
    def fn(x, *, order):
        n, y = jax.lax.optimization_barrier((order, x / 3))
        return n, y.at[order].set(y)

    order = np.array([2, 0, 3, 1])
    n, moved = in_double_double(fn)(X, order=order)
    assert np.array_equal(n, order)
    assert close([rationals(moved)[i] for i in order], [x / 3 for x in EXACT])


def test_integers_booleans_and_structures_pass_through():
    def fn(tree, n):
        return {"n": n + 1, "x": tree["x"] * n.astype(tree["x"].dtype), "flag": n > 2}

    result = in_double_double(fn)({"x": np.float32(0.5)}, jnp.int32(3))
    assert isinstance(result["x"], DoubleDouble)
    assert (int(result["n"]), float(result["x"].hi), bool(result["flag"])) == (4, 1.5, True)


def test_an_unknown_primitive_is_named_with_its_line():
    with pytest.raises(NotImplementedError, match=r"primitive 'sin' at .*programs\.py"):
        in_double_double(lambda x: jax.lax.sin(x))(np.float32(1))
