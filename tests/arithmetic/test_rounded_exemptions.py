"""Named primitives and scopes are computed in the carrier, without a rounding."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxlab.arithmetic import rounded

THIRD, ROUNDED = float(np.float32(1 / 3)), 0.333984375


def test_an_exempt_primitive_does_not_round_and_the_others_do():
    def fn(x):
        return x / 3.0, jnp.exp(x) * 1.0, jnp.exp(x)

    quotient, product, power = rounded(fn, "bf16", exempt={"exp"})(jnp.float32(1))
    assert float(quotient) == ROUNDED
    assert float(product) == 2.71875
    assert abs(float(power) - np.e) < 1e-6


def test_an_exempt_scope_does_not_round_in_either_pass():
    def head(x):
        with jax.named_scope("layer"), jax.named_scope("head"):
            return x / 3.0

    def tail(x):
        with jax.named_scope("tail"):
            return x / 3.0

    for name in ("head", "layer"):
        both = rounded(lambda x: (head(x), tail(x)), "bf16", exempt=[name])
        assert list(map(float, both(jnp.float32(1)))) == [THIRD, ROUNDED]
        slopes = [
            jax.grad(rounded(part, "bf16", exempt=[name]))(jnp.float32(1)) for part in (head, tail)
        ]
        assert list(map(float, slopes)) == [THIRD, ROUNDED]
        inside = [
            rounded(jax.grad(part), "bf16", exempt=[name])(jnp.float32(1)) for part in (head, tail)
        ]
        assert inside == slopes


def test_scopes_are_seen_through_jit_scan_and_checkpoint():
    @jax.jit
    @jax.checkpoint
    def fn(x):
        with jax.named_scope("head"):
            return jax.lax.scan(lambda c, _: (c / 3.0, None), x, length=1)[0]

    for ask in (fn, jax.grad(fn)):
        assert float(rounded(ask, "bf16", exempt=["head"])(jnp.float32(1))) == THIRD
        assert float(rounded(ask, "bf16", exempt=["he"])(jnp.float32(1))) == ROUNDED


def test_exempt_sums_are_not_rounded_either():
    x = jnp.full(3, 1.0 + 2.0**-7)
    for exempt, expected in (["reduce_sum"], 3 + 3 * 2.0**-7), ([], 3.03125):
        assert float(rounded(jnp.sum, "bf16", exempt=exempt)(x)) == expected
