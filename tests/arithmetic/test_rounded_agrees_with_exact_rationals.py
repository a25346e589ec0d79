"""In every format and mode, an emulated operation is the exact one, rounded once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic import Format, as_format, rounded
from tests.arithmetic import elementwise_programs, oracle, rational_numbers

CUSTOM = [
    Format.ieee(exponent_bits=bits, precision=p)
    for bits, p in [(5, 4), (5, 12), (8, 10), (8, 19), (7, 8)]
]
MODES = [("float32", mode) for mode in ("nearest_away", "toward_zero", "down", "to_odd")]
MODES += [("float16", "toward_zero"), ("float16", "up"), ("float8_e4m3fn", "down")]
MODES += [("float8_e4m3fn", "to_odd"), ("float8_e5m2", "nearest_away")]
MODES += [(CUSTOM[-1], mode) for mode in ("toward_zero", "up")]


NAMES = ("division by a constant", "adding and taking away", "product and difference")
NAMES += ("quotient of a quotient", "quotient by a root", "polynomial")
EXPRESSIONS = {name: elementwise_programs.EXPRESSIONS[name] for name in NAMES}


def program(x, y, z):
    return [expression(x, y, z) for expression in EXPRESSIONS.values()]


def check(fmt, rounding, arguments):
    got = jax.jit(rounded(program, fmt, rounding=rounding))(*map(jnp.asarray, arguments))
    for (name, expression), x in zip(EXPRESSIONS.items(), got, strict=True):
        expected = rational_numbers.evaluate(expression, arguments, fmt, rounding)
        # An exact sum of zero has no sign that all modes agree upon.
        pair = [np.asarray(a, np.float32) + np.float32(0) for a in (x, expected)]
        assert not oracle.mismatches(*pair), name


@pytest.mark.parametrize("fmt", [*CUSTOM, as_format("tf32")], ids=lambda f: f.name)
def test_formats_without_a_dtype_round_to_nearest_once(fmt):
    check(fmt, "nearest_even", elementwise_programs.arguments(fmt, 32))


@pytest.mark.parametrize(("fmt", "rounding"), MODES)
def test_every_mode_rounds_once(fmt, rounding):
    fmt = as_format(fmt)
    check(fmt, rounding, elementwise_programs.arguments(fmt, 24, seed=3))


@pytest.mark.parametrize("name", ["bfloat16", "float32"])
@pytest.mark.parametrize("rounding", ["toward_zero", "up", "down", "to_odd"])
def test_an_addend_too_small_for_the_carrier_decides_the_direction(name, rounding):
    fmt = as_format(name)
    rng = np.random.default_rng(5)
    x, y = (
        np.ldexp(rng.choice([-1.0, 1.0], 64), rng.integers(-120, 120, 64)).astype(np.float32)
        for _ in range(2)
    )
    x[:2], y[:2] = 1.0, [-(2.0**-60), 2.0**-60]
    got = jax.jit(rounded(jnp.add, fmt, rounding=rounding))(jnp.asarray(x), jnp.asarray(y))
    expected = rational_numbers.evaluate(lambda x, y: x + y, (x, y), fmt, rounding)
    assert not oracle.mismatches(got, expected.astype(np.float32))
    assert float(got[0]) < 1 or rounding == "up"


def test_the_oracle_tells_a_truncated_carrier_from_a_single_rounding():
    """In a plain carrier 1 - 2**-60 is 1, and truncating that is wrong."""
    exact = rational_numbers.evaluate(
        lambda x, y: x - y, ([1.0], [2.0**-60]), as_format("bf16"), "toward_zero"
    )
    assert exact[0] == 1 - 2.0**-8
    assert oracle.round_exactly(1 - 2.0**-60, as_format("bf16"), "toward_zero") == 1


@pytest.mark.parametrize(
    ("name", "divisors"),
    [("float16", [41.0, 47.0, 55.0, 61.0, 83.0, 97.0]), ("bfloat16", [49.0, 103.0, 107.0])],
)
def test_a_division_is_no_multiplication_by_the_reciprocal(name, divisors):
    """c * (1 / c) is below 1 in the carrier for these c, and XLA likes to compute just that."""

    def constants(x):
        return [(x * c) / c for c in divisors]

    def scalars(x):
        return [x * c / jnp.max(x * c) for c in divisors]

    for fn in (constants, scalars):
        got = jax.jit(rounded(fn, name, rounding="toward_zero"))(jnp.ones(4))
        assert np.all(np.asarray(got) == 1), fn.__name__
    carrier = {"float16": np.float32, "bfloat16": np.float64}[name]
    assert all(carrier(c) * (carrier(1) / carrier(c)) < 1 for c in divisors)
