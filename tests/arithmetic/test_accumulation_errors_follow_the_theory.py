"""Measured errors: below their bounds in every trial, and growing with n as theory says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic import as_format, round_to
from jaxlab.arithmetic.accumulators import blocked, exact, kahan, pairwise, sequential, tensor_core
from jaxlab.arithmetic.bounds import accumulation_bound, gamma_probabilistic, probability
from jaxlab.arithmetic.contractions import dot_general, reduce_sum
from tests.products import every

MATRIX_PRODUCT = (((1,), (0,)), ((), ()))
ORDERS = {
    "exact": exact(),
    "sequential": sequential(),
    "sequential, rounded products": sequential(product=None),
    "sequential in float32": sequential("float32"),
    "blocked": blocked(16),
    "blocked, rounded products": blocked(16, product=None),
    "blocked by sequential sums": blocked(16, inner="sequential"),
    "pairwise": pairwise(),
    "pairwise, rounded products": pairwise(product=None),
    "kahan": kahan(),
    "tensor core": tensor_core(4),
}


def matrices(draw, fmt, rows, n, columns):
    with jax.enable_x64(True):
        x, y = jnp.asarray(draw((rows, n))), jnp.asarray(draw((n, columns)))
        return round_to(x, fmt), round_to(y, fmt)


def scaled_errors(x, y, how, fmt, rounding="nearest_even"):
    """|error| over |x|^T |y|, entry by entry, with float64 as the truth."""
    got = np.asarray(dot_general(x, y, MATRIX_PRODUCT, how, fmt, rounding))
    x, y = np.asarray(x), np.asarray(y)
    return np.abs(got - x @ y) / (np.abs(x) @ np.abs(y))


@every(name=ORDERS, fmt=["bfloat16", "float16", "float32"], rounding=["nearest_even", "up"])
def test_no_error_exceeds_its_bound(name, fmt, rounding):
    how = ORDERS[name]
    rng = np.random.default_rng(0)
    for draw in (rng.standard_normal, lambda shape: rng.uniform(0, 1, shape)):
        x, y = matrices(draw, fmt, 12, 200, 12)
        errors = scaled_errors(x, y, how, fmt, rounding)
        assert errors.max() <= accumulation_bound(how, 200, fmt, rounding, "float64")
        assert errors.max() > 0


@every(name=ORDERS, fmt=["bfloat16", "float16"])
def test_the_worst_sums_we_know_obey_their_bound_too(name, fmt):
    # 1 followed by terms just above and just below half its spacing; and many equal terms.
    how, u = ORDERS[name], as_format(fmt).unit_roundoff
    n = 200
    halves = np.array([1.0] + [u] * (n - 1))
    more = np.array([1.0] + [u * (1 + 4 * u)] * (n - 1))
    for terms in (halves, more, np.ones(n) * (1 + 2 * u)):
        with jax.enable_x64(True):
            x = jnp.asarray(terms)
        error = abs(float(reduce_sum(x, (0,), how, fmt)) - terms.sum()) / terms.sum()
        assert error <= accumulation_bound(how, n, fmt, carrier="float64")


def test_half_the_sequential_bound_is_attained():
    u, n = 2.0**-8, 60
    terms = np.array([1.0] + [u] * (n - 1))
    error = abs(
        float(reduce_sum(jnp.asarray(terms, jnp.float32), (0,), "sequential", "bf16")) - terms.sum()
    )
    assert error / terms.sum() > accumulation_bound("sequential", n, "bf16") / 2


def test_a_dot_of_512_bfloat16_terms_depends_on_its_order():
    # Largest error over |A||B| of 128 x 128 dots, in u: about 4, 1 and 0.5; bounds 514, 34 and 9.
    rng = np.random.default_rng(1)
    x, y = matrices(rng.standard_normal, "bf16", 128, 512, 128)
    x, y = x.astype(jnp.float32), y.astype(jnp.float32)
    u = 2.0**-8
    largest = {
        order: scaled_errors(x, y, order, "bf16").max() / u
        for order in ("sequential", "blocked(16)", "pairwise", "kahan", "exact")
    }
    assert 2.5 < largest["sequential"] < 7
    assert 0.6 < largest["blocked(16)"] < 1.4
    assert 0.35 < largest["pairwise"] < 0.75
    assert largest["kahan"] < 0.4
    assert largest["exact"] < 0.4


def exponent(how, powers, columns=300):
    """Slope of log(RMS relative error) over log n, with its standard error, float32 sums."""
    errors = []
    for n in powers:
        draws = np.random.default_rng(int(n)).uniform(0, 1, (n, columns))
        with jax.enable_x64(True):
            x = round_to(jnp.asarray(draws), "float32")
        truth = np.asarray(x).sum(0)
        relative = (np.asarray(reduce_sum(x, (0,), how, "float32")) - truth) / truth
        errors.append(np.log(np.sqrt(np.mean(relative**2))))
    logs = np.log(powers) - np.log(powers).mean()
    slope = logs @ errors / (logs @ logs)
    rest = errors - np.mean(errors) - slope * logs
    return slope, np.sqrt(rest @ rest / (len(powers) - 2) / (logs @ logs))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "low", "high"),
    [
        (sequential(), 0.43, 0.55),  # sqrt(n) u
        (pairwise(), -0.05, 0.1),  # sqrt(log n) u
        (kahan(), -0.05, 0.05),  # u, whatever n
    ],
    ids=lambda value: getattr(value, "order", None),
)
def test_errors_grow_with_the_number_of_terms_as_theory_says(how, low, high):
    # The interval of three standard errors around the fitted exponent lies in the stated one.
    slope, error = exponent(how, 2 ** np.arange(4, 13))
    assert low < slope - 3 * error < slope + 3 * error < high


def test_the_probabilistic_bound_holds_as_often_as_it_says():
    n, u = 256, 2.0**-24
    rng = np.random.default_rng(2)
    x, y = matrices(lambda shape: rng.uniform(0, 1, shape), "float32", 40, n, 40)
    errors = scaled_errors(x, y, sequential(product=None), "float32")
    for confidence in (4.0, 5.0):
        inside = np.mean(errors <= gamma_probabilistic(n, u, confidence))
        assert inside >= probability(n, u, confidence)
    # It is not slack by much either: a twentieth of the bound at confidence 1 is often exceeded.
    assert np.mean(errors > gamma_probabilistic(n, u, 1.0) / 20) > 0.5
