"""Enclosures contain the exact rational, also where intervals of plain floats miss it."""

import importlib
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic.balls import Enclosure, UndecidedError, enclose, error_bound

X = np.array([0.1, -2.5, 3.7, 1e-3])
EXACT = [Fraction(x) for x in X]


def contains(enclosure, exact):
    """Rigorously, and without being wide."""
    midpoints, radii = np.ravel(enclosure.midpoint), np.ravel(enclosure.radius)
    for mid, radius, value in zip(midpoints, radii, exact, strict=True):
        assert abs(Fraction(float(mid)) - value) <= Fraction(float(radius))
        assert radius <= abs(mid) * 2.0**-52
    return True


def test_the_square_of_a_tenth_is_enclosed_where_a_float_interval_of_width_zero_is_not():
    square = enclose(lambda x: x**2)(np.float64(0.1))
    exact = Fraction(0.1) ** 2
    assert Fraction(0.1**2) != exact  # what an interval without outward rounding returns
    assert contains(square, [exact])
    assert float(square.radius) > 0


@pytest.mark.parametrize("bits", [64, 128, 300])
def test_more_bits_make_narrower_balls_around_the_same_number(bits):
    third = enclose(lambda x: x / 3, bits)(np.float64(1)).balls.item()
    mid, radius = (
        Fraction(int(mantissa)) * Fraction(2) ** int(exponent)
        for mantissa, exponent in (third.mid().man_exp(), third.rad().man_exp())
    )
    assert 0 < abs(mid - Fraction(1, 3)) <= radius < Fraction(2) ** (1 - bits)


RATIONAL = {
    "polynomial": (lambda x: 3 * x**3 - x / 7, lambda x: 3 * x**3 - x / 7),
    "maximum": (lambda x: jnp.maximum(x, 0.5), lambda x: max(x, Fraction(1, 2))),
    "where": (lambda x: jnp.where((x > 1) & ~(x > 3), x * x, -x), lambda x: -x),
    "cast": (lambda x: x.astype(jnp.float32) * 2, lambda x: 2 * x),
    "truncate": (lambda x: x - x.astype(jnp.int32).astype(x.dtype), lambda x: x - int(x)),
    "bool": (lambda x: (x > 1).astype(x.dtype) + 1, lambda x: Fraction(1 + (x > 1))),
    "scan": (
        lambda x: jax.lax.scan(lambda c, y: (c * x, y), x, jnp.arange(3))[0],
        lambda x: x**4,
    ),
    "reverse scan": (
        lambda x: jax.lax.scan(lambda c, y: (c, y + c), 1.0, x, reverse=True)[1],
        lambda x: 1 + x,
    ),
    "while": (lambda x: jax.lax.while_loop(lambda c: jnp.sum(c) < 9, lambda c: 2 * c, x), None),
    "cond": (lambda x: jax.lax.cond(jnp.sum(x) > 0, lambda y: y * y, lambda y: y, x), None),
    "remat": (jax.checkpoint(lambda x: x * x * x), lambda x: x**3),
    "derivative": (jax.vmap(jax.grad(lambda x: jax.nn.relu(x) ** 3)), None),
    "cumsum": (lambda x: jnp.cumsum(x), None),
    "gather": (lambda x: jnp.take(x, jnp.array([3, 2, 1, 0]))[::-1], lambda x: x),
    "negated": (lambda x: -jnp.abs(-x) * jnp.sign(x), lambda x: -x),
    "pad": (lambda x: jnp.pad(x, 2, constant_values=9.0)[2:-2], lambda x: x),
    "update": (lambda x: jax.lax.dynamic_update_slice(x, x[:1] * 2, (0,)), None),
    "scatter": (lambda x: x.at[np.array([3, 0])].set(x[np.array([3, 0])]), lambda x: x),
    "tile": (lambda x: jnp.tile(x, 2)[4:], lambda x: x),
    "barrier": (lambda x: jax.lax.optimization_barrier((3, x))[1], lambda x: x),
    "iota": (
        lambda x: x * jnp.arange(2050, dtype=jnp.float16)[2049].astype(x.dtype),
        lambda x: 2049 * x,
    ),
}
SEQUENCES = {
    "while": lambda xs: [x * 8 for x in xs],  # the sum 1.301 doubles until it reaches 9
    "cond": lambda xs: [x * x for x in xs],
    "derivative": lambda xs: [3 * x * x if x > 0 else Fraction(0) for x in xs],
    "cumsum": lambda xs: [sum(xs[: i + 1]) for i in range(4)],
    "update": lambda xs: [2 * xs[0], *xs[1:]],
}


@pytest.mark.parametrize("name", RATIONAL)
def test_programs_enclose_their_exact_results(name):
    fn, exact = RATIONAL[name]
    expected = [exact(x) for x in EXACT] if exact else SEQUENCES[name](EXACT)
    assert contains(enclose(fn)(X), expected)


@pytest.mark.parametrize(
    ("left", "right", "numbers"),
    [
        ((4, 6), (6, 3), (((1,), (0,)), ((), ()))),
        ((2, 4, 6), (6, 2, 3), (((2,), (0,)), ((0,), (1,)))),
        ((4, 2, 3), (3, 2), (((1, 2), (1, 0)), ((), ()))),
        ((3,), (3,), (((0,), (0,)), ((), ()))),
    ],
)
def test_dots_of_integers_are_exact(left, right, numbers):
    rng = np.random.default_rng(0)
    x, y = (rng.integers(-9, 10, shape).astype(np.float32) for shape in (left, right))
    got = enclose(lambda x, y: jax.lax.dot_general(x, y, numbers))(x, y)
    expected = jax.lax.dot_general(x, y, numbers, precision=jax.lax.Precision.HIGHEST)
    assert np.array_equal(got.midpoint, expected)
    assert np.all(got.radius == 0)


def test_what_a_gather_finds_out_of_range_is_nan():
    found = enclose(lambda x: jnp.take(x, jnp.array([0, 9])))(X)
    assert found.midpoint[0] == X[0]
    assert found.balls[1].is_nan()


@pytest.mark.parametrize("n", [2**24 + 1, 2**53 + 1, -(2**62) - 1, 2**63 - 1])
def test_integers_become_floats_without_a_rounding(n, x64):
    found = enclose(lambda n: n.astype(jnp.float32) - (n // 2).astype(jnp.float32))(np.int64(n))
    assert found.balls.item() == n - n // 2


def test_random_keys_are_arguments_scanned_over_and_returned():
    def fn(x, keys):
        def step(total, key):
            return total + jax.random.bernoulli(key).astype(total.dtype) / 3, key

        return jax.lax.scan(step, x, keys)

    keys = jax.random.split(jax.random.key(0), 6)
    total, after = enclose(fn)(np.float64(0.5), keys=keys)
    with jax.enable_x64(True):  # as inside: the draws are float64 numbers
        heads = int(np.sum(jax.vmap(jax.random.bernoulli)(keys)))
    assert 0 < heads < 6
    assert contains(total, [Fraction(1, 2) + Fraction(heads, 3)])
    assert np.array_equal(jax.random.key_data(after), jax.random.key_data(keys))


def test_arrays_without_entries_pass_through_every_kind_of_rule():
    def fn(x, n):
        none = x[:0]
        scanned = jax.lax.scan(lambda c, y: (c * 2, (c + y, n)), x[0], none)
        chosen = jnp.where(none > 1, none, 2 * none).astype(jnp.int32).astype(x.dtype)
        dot = jax.lax.dot_general(none, none, (((0,), (0,)), ((), ())))
        return scanned, chosen, jnp.sum(none) + dot, n[:0].astype(jnp.float32)

    (carry, (ys, counts)), chosen, zero, empty = enclose(fn)(X, np.arange(3))
    assert contains(carry, EXACT[:1])
    assert ys.midpoint.shape == chosen.midpoint.shape == empty.midpoint.shape == (0,)
    assert counts.shape == (0, 3)
    assert (float(zero.midpoint), float(zero.radius)) == (0.0, 0.0)


def test_structures_integers_and_reductions_come_back():
    def fn(tree):
        x = tree["x"].reshape(2, 2).T
        return {"n": tree["n"] + 1, "sums": (jnp.sum(x, axis=0), jnp.max(x), jnp.min(x, axis=1))}

    result = enclose(fn)({"x": X, "n": np.int32(3)})
    assert int(result["n"]) == 4
    sums, largest, smallest = result["sums"]
    assert isinstance(sums, Enclosure)
    assert contains(sums, [EXACT[0] + EXACT[1], EXACT[2] + EXACT[3]])
    assert contains(largest, [max(EXACT)])
    assert contains(smallest, [EXACT[0], EXACT[1]])


def test_an_undecided_selection_covers_both_cases():
    def fn(x):
        third = x / 3
        return jnp.where(third * 3 > x, 5.0, 7.0)

    both = enclose(fn)(np.float64(1))
    assert both.midpoint - both.radius <= 5.0
    assert both.midpoint + both.radius >= 7.0
    assert enclose(lambda x: jnp.where(x * 3 > 2 * x, 5.0, 7.0))(np.float64(1)).midpoint == 5.0


def test_an_undecided_branch_is_an_error_with_a_line():
    def fn(x):
        return jax.lax.cond((x / 3) * 3 > x, lambda y: y, lambda y: -y, x)

    with pytest.raises(UndecidedError, match=r"overlap.*exact_results\.py"):
        enclose(fn)(np.float64(1))


def test_an_unknown_primitive_is_named_with_its_line():
    with pytest.raises(NotImplementedError, match=r"primitive 'sort' at .*exact_results\.py"):
        enclose(lambda x: jax.lax.sort(x))(X)


def test_the_error_bound_of_a_float_is_above_its_error_and_close_to_it():
    third = enclose(lambda x: x / 3)(np.float64(1))
    exact = abs(Fraction(1 / 3) - Fraction(1, 3))
    bound = Fraction(float(error_bound(third, np.float64(1 / 3))))
    assert exact <= bound <= exact * (1 + Fraction(1, 2**50))
    low = np.float64(float(Fraction(1, 3) - Fraction(1 / 3)))
    assert float(error_bound(third, np.float64(1 / 3), low)) < 2.0**-108


def test_without_python_flint_the_error_says_what_to_install(monkeypatch):
    original = importlib.import_module

    def missing(name, *args):
        if name == "flint":
            raise ImportError(name)
        return original(name, *args)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ImportError, match="pip install python-flint"):
        enclose(lambda x: x)(X)
