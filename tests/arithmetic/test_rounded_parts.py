"""``parts`` switches roundings on and off, one kind at a time."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

from jaxlab.arithmetic import PARTS, as_format, rounded
from tests.arithmetic import oracle

TERMS = np.array([1.1, 2.3, 0.7], np.float32)


def step(w, x):
    """Gradient descent on (sum(w * x))**2 / 3."""

    def loss(w):
        y = jnp.sum(w * x)
        return y * y / 3.0

    return w - 0.13 * jax.grad(loss)(w)


def by_hand(parts):
    """The same in float64, each operation marked with the part that it belongs to."""

    def rounding(part):
        def apply(x):
            x = np.asarray(x, np.float64)
            if part not in parts:
                return x
            return oracle.round_all(x.ravel(), as_format("bf16"), "nearest_even").reshape(x.shape)

        return apply

    stored, ahead, back, total, update = map(
        rounding, ("storage", "forward", "backward", "accumulate", "update")
    )
    w, x = stored(np.float32(0.9)), stored(TERMS)
    y = total(np.sum(ahead(w * x)))
    slope = back(1 / 3)
    slope = back(back(slope * y) + back(y * slope))
    slope = total(np.sum(back(slope * x)))
    return update(w - update(stored(np.float32(0.13)) * slope))


def test_every_set_of_parts_rounds_what_it_names():
    results = {}
    for size in (0, 1, len(PARTS)):
        for parts in itertools.combinations(PARTS, size):
            ask = jax.jit(rounded(step, "bf16", parts=parts))
            results[parts] = float(ask(jnp.float32(0.9), jnp.asarray(TERMS)))
            np.testing.assert_allclose(
                results[parts], by_hand(parts), rtol=1e-7, err_msg=str(parts)
            )
    single = [results[(part,)] for part in PARTS]
    assert len({results[()], *single}) == 1 + len(PARTS)  # each of them matters here


def test_without_a_derivative_nothing_is_an_update():
    def fn(x):
        return x / 3.0

    third, x = 0.333984375, jnp.float32(1)
    assert float(rounded(fn, "bf16", parts=["forward"])(x)) == third
    assert float(rounded(fn, "bf16", parts=["update"])(x)) != third
