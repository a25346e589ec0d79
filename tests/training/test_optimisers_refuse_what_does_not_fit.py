"""Formats and roundings that contradict each other are refused by name, before anything runs."""

import jax
import jax.numpy as jnp
import jaxtyping
import optax
import pytest

from jaxlab.training import Policy, low_precision, train

KEY = jax.random.key(0)
SGD = optax.sgd(0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"parameters": "float99"}, "format: got 'float99'"),
        ({"arithmetic": "bfloat16"}, "arithmetic: got bfloat16, expected float32 or float64"),
        ({"parameters": "float64"}, "parameters: got float64.*arithmetic = float32"),
        ({"moments": "float64"}, "moments: got float64"),
        ({"update": "float64"}, "update: got float64"),
        ({"master": "float64"}, "master: got float64"),
        ({"master": "float16"}, "master: got float16.*holds parameters = bfloat16"),
        ({"master": "float32", "rounding": "compensated"}, "master: got float32 with rounding"),
        ({"compensation": "float32"}, "compensation: got float32 with rounding 'nearest_even'"),
        ({"rounding": "up"}, "rounding"),
        ({"moments_rounding": "compensated"}, "moments_rounding"),
        ({"moments_rounding": "stochastic"}, "moments_rounding: got 'stochastic' with moments"),
        ({"scaled_moments": True}, "scaled_moments: got True with moments float32"),
        ({"moments": "float32", "scaled_moments": True}, "scaled_moments: got True"),
        ({"master": "bfloat16", "rounding": "stochastic"}, "rounding: got 'stochastic' with"),
        (
            {"parameters": "float64", "arithmetic": "float64", "rounding": "stochastic"},
            "rounding: got 'stochastic' with parameters float64",
        ),
    ],
    ids=str,
)
def test_formats_that_do_not_fit_together_are_refused(options, message):
    arguments = {"parameters": "bfloat16"} | options
    # jaxtyping, on in the tests, may see an unknown rounding first.
    with pytest.raises((ValueError, jaxtyping.TypeCheckError), match=message):
        low_precision(SGD, **arguments)


def test_a_carrier_that_does_not_hold_the_format_is_refused():
    optimiser, params = low_precision(SGD, "float16"), {"w": jnp.ones(2, jnp.bfloat16)}
    with pytest.raises(ValueError, match=r"params\['w'\]: got bfloat16.*holds float16, float16"):
        optimiser.init(KEY, params)
    integers = {"w": jnp.ones(2, jnp.int32)}
    with pytest.raises(ValueError, match=r"params\['w'\]: got int32"):
        optimiser.init(KEY, integers)


def test_float64_arithmetic_needs_x64():
    optimiser = low_precision(SGD, "bfloat16", arithmetic="float64")
    with pytest.raises(ValueError, match="arithmetic: got float64 while x64 is off"):
        optimiser.init(KEY, jnp.ones(2))


def test_a_policy_with_another_update_dtype_is_refused():
    with pytest.raises(ValueError, match=r"updates.*got float32, expected policy\.update"):
        train(
            lambda p, b: p,
            jnp.bfloat16(0),
            (),
            low_precision(SGD, "bfloat16"),
            policy=Policy.native("bfloat16"),
            checkpoints=(0, 1),
            metrics={},
            key=KEY,
        )
