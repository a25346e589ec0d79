"""Stochastic rounding: the key decides, every operation draws anew, and nothing is biased."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.arithmetic import Arithmetic, rounded
from tests.arithmetic import oracle

KEY = jax.random.key(7)
N = 40_000
SIGMAS = 4  # a right implementation fails such a test once in 16,000 keys; the keys are fixed


def stochastic(fn, key, **options):
    return rounded(fn, "bf16", rounding="stochastic", key=key, **options)


def chain(x):
    return x * x / 3.0, jax.lax.scan(lambda c, x: (c * x, c), x[0], x)[1]


def test_the_same_key_gives_the_same_bits_compiled_or_not_with_x64_or_without():
    x = jnp.linspace(0.1, 1.0, 6)
    third = stochastic(lambda x: x * x / 3.0, KEY)
    assert not oracle.mismatches(third(x), jax.jit(third)(x))

    def run(key, x):
        return stochastic(chain, key)(x)

    run = jax.jit(run)
    first, again, other = run(KEY, x), run(KEY, x), run(jax.random.key(8), x)
    with jax.enable_x64(True):
        wide = run(KEY, x)
    for got in (again, wide):
        assert not any(map(oracle.mismatches, got, first))
    assert all(map(oracle.mismatches, other, first))


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9])
def test_the_probability_of_rounding_up_is_the_fraction_of_the_gap(fraction):
    x = jnp.ones(N)
    small = jnp.full(N, fraction * 2.0**-7)
    got = np.asarray(jax.jit(stochastic(lambda x: x + small.astype(x.dtype), KEY))(x))
    assert set(np.unique(got)) <= {1.0, 1 + 2.0**-7, 1 + 2.0**-6}
    # The constant is rounded too when it enters: the sum of two fair roundings is fair.
    assert abs(np.mean(got - 1) / 2.0**-7 - fraction) < SIGMAS * 0.75 / np.sqrt(N)


def test_addends_below_the_carrier_still_have_their_chance():
    """Half a last bit goes up half the time; 2**-73 of one never does in a test."""
    got = jax.jit(stochastic(lambda x, y: x + y, KEY))
    share = np.mean(np.asarray(got(jnp.ones(N), jnp.full(N, 2.0**-8))) > 1)
    assert abs(share - 0.5) < SIGMAS * 0.5 / np.sqrt(N)
    assert np.all(np.asarray(got(jnp.ones(N), jnp.full(N, 2.0**-80))) == 1)


def ups(values):
    """Which of the values were rounded up, of results between two neighbours."""
    values = np.asarray(values)
    return (values > values.min()).astype(float)


def uncorrelated(first, second):
    correlation = np.corrcoef(first, second)[0, 1]
    return abs(correlation) < SIGMAS / np.sqrt(len(first))


def test_operations_and_iterations_draw_anew():
    def fn(x):
        loop = jax.lax.scan(lambda c, _: (c, x / 3.0), 0, length=2)[1]
        fori = jax.lax.fori_loop(0, 2, lambda i, s: (s[1], x / 3.0), (x, x))
        return (x / 3.0, x / 3.0), (loop[0], loop[1]), fori

    for first, second in jax.jit(stochastic(fn, KEY))(jnp.ones(N)):
        assert uncorrelated(ups(first), ups(second))


def test_the_condition_of_a_loop_and_its_body_draw_anew():
    def fn(x):
        def cond(state):
            return (x / 3.0 > 0.33203125) & (state[0] < 2) | (state[0] < 1)

        return jax.lax.while_loop(cond, lambda s: (x / 3.0, s[0] + 1)[::-1], (0, x))

    keys = jax.random.split(KEY, 4000)
    steps, last = jax.jit(jax.vmap(lambda key: stochastic(fn, key)(jnp.float32(1))))(keys)
    # The condition let these go on because it had rounded up; their bodies need not have.
    last = last[steps == 2]
    share = (1 / 3 - 0.33203125) / 2.0**-9
    assert abs(len(last) / 4000 - share) < SIGMAS * 0.5 / np.sqrt(4000)
    assert abs(np.mean(ups(last)) - share) < SIGMAS * 0.5 / np.sqrt(len(last))


def test_the_two_passes_draw_anew():
    """The same division, at the same place of the forward and of the backward program."""

    def both(x, *unused):
        fn = stochastic(lambda x, *unused: x / 3.0, KEY)
        value, pull = jax.vjp(fn, x, *unused)
        return value, pull(x)[0]

    ones = jnp.ones(N)
    for args in range(1, 4):
        assert uncorrelated(*map(ups, jax.jit(both)(*[ones] * args)))


def test_a_sum_in_a_loop_is_unbiased_and_its_keys_are_independent():
    """1 + 1000 * 2**-10: to nearest it stays 1; each step goes up with probability 1/8 or less."""

    def total(x):
        return jax.lax.fori_loop(0, 1000, lambda i, s: s + 2.0**-10, x)

    keys = jax.random.split(KEY, 64)
    sums = np.asarray(jax.jit(jax.vmap(lambda key: stochastic(total, key)(jnp.float32(1))))(keys))
    one = jax.jit(lambda key: stochastic(total, key)(jnp.float32(1)))
    assert [float(one(key)) for key in keys[:3]] == sums[:3].tolist()
    spread = 2.0**-7 * np.sqrt(1000 / 8)  # at most, while the sum is below 2
    assert abs(np.mean(sums) - (1 + 1000 / 1024)) < SIGMAS * spread / np.sqrt(64)
    assert np.std(sums) > spread / 3
    assert float(jax.jit(rounded(total, "bf16"))(jnp.float32(1))) == 1.0


def test_a_branch_draws_too():
    def fn(x):
        return jax.lax.cond(x[0] > 0, lambda x: x / 3.0, lambda x: x, x)

    got = jax.jit(stochastic(fn, KEY))(jnp.ones(N))
    share = np.mean(ups(got))
    assert abs(share - (1 / 3 - 0.33203125) / 2.0**-9) < SIGMAS * 0.5 / np.sqrt(N)


def test_a_backward_pass_may_be_the_only_one_that_draws():
    back = Arithmetic("bf16", rounding="stochastic", random_bits=8)
    fn = rounded(lambda x: x / 3.0, "bf16", backward=back, key=KEY)
    value, pull = jax.vjp(fn, jnp.ones(N))
    assert len(np.unique(value)) == 1
    share = np.mean(ups(pull(jnp.ones(N))[0]))
    assert abs(share - (1 / 3 - 0.33203125) / 2.0**-9) < SIGMAS * 0.5 / np.sqrt(N) + 2.0**-8


def test_either_neighbour_is_equally_likely_on_request():
    got = jax.jit(rounded(lambda x: x / 3.0, "bf16", rounding="stochastic_equal", key=KEY))
    assert abs(np.mean(ups(got(jnp.ones(N)))) - 0.5) < SIGMAS * 0.5 / np.sqrt(N)
