"""Bad options are refused when the transformation is asked for, in the argument's own name."""

import jax
import jax.numpy as jnp
import pytest

from jaxlab.arithmetic import Arithmetic, rounded

KEY = jax.random.key(0)
UP = Arithmetic("bf16", rounding="up")


@pytest.mark.parametrize(
    ("fmt", "options", "message"),
    [
        ("bf16", {"rounding": "stochastic"}, "key: got None with rounding modes 'stochastic'"),
        ("bf16", {"key": KEY}, "key: got a key with rounding modes 'nearest_even'"),
        ("bf16", {"backward": Arithmetic("bf16", "stochastic_equal")}, "key: got None"),
        ("bf16", {"parts": ["forward", "sideways"]}, r"parts: got \['sideways'\]"),
        ("bf16", {"accumulate": "backwards"}, "accumulator: got 'backwards'"),
        ("bf16", {"backward": "straight"}, "format: got 'straight'"),
        ("bfloat", {}, "format: got 'bfloat'"),
        (UP, {"rounding": "down"}, "rounding: got values beside an Arithmetic"),
        (UP, {"accumulate": "pairwise", "rounding": "up"}, "rounding, accumulate: got values"),
    ],
)
def test_options_are_checked_at_once(fmt, options, message):
    with pytest.raises(ValueError, match=message):
        rounded(jnp.sin, fmt, **options)


def test_an_arithmetic_is_a_format_with_its_options():
    one = jnp.float32(1)
    assert float(rounded(lambda x: x / 3, UP)(one)) == 0.333984375
    assert float(rounded(lambda x: -x / 3, UP)(one)) == -0.33203125


def test_a_sum_over_windows_has_one_order():
    def pool(x):
        return jax.lax.reduce_window(x, 0.0, jax.lax.add, (3,), (1,), "VALID")

    with pytest.raises(
        NotImplementedError, match=r"'pairwise' for reduce_window_sum at .*argument"
    ):
        rounded(pool, "bf16", accumulate="pairwise")(jnp.ones(5))
    assert float(rounded(pool, "bf16")(jnp.full(3, 1 + 2.0**-7))[0]) == 3.03125
    exempt = rounded(pool, "bf16", accumulate="pairwise", exempt=["reduce_window_sum"])
    assert float(exempt(jnp.full(3, 1 + 2.0**-7))[0]) == 3 + 3 * 2.0**-7


def test_forward_mode_around_the_emulation_is_refused_by_jax():
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(rounded(jnp.sin, "bf16"), (jnp.float32(1),), (jnp.float32(1),))
