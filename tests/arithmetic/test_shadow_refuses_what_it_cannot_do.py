"""Bad arguments of ``shadow`` and ``ablation`` are named before anything is compiled."""

import jax
import jax.numpy as jnp
import pytest

from jaxlab.arithmetic import ablation, shadow

BOTH = pytest.mark.parametrize("tool", [shadow, ablation])


@BOTH
def test_a_format_is_needed(tool):
    with pytest.raises(ValueError, match="fmt: got None, expected a format"):
        tool(jnp.sin, None)


@BOTH
def test_float64_has_no_wider_twin(tool):
    with pytest.raises(ValueError, match="float64"):
        tool(jnp.sin, "float64")
    with pytest.raises(ValueError, match="float64"):
        tool(jnp.sin, "fp16", backward="float64")


@BOTH
def test_a_key_goes_with_stochastic_rounding_and_with_it_only(tool):
    with pytest.raises(ValueError, match="key: "):
        tool(jnp.sin, "fp16", rounding="stochastic")
    with pytest.raises(ValueError, match="key: "):
        tool(jnp.sin, "fp16", key=jax.random.key(0))


@BOTH
def test_complex_numbers_are_refused(tool):
    with pytest.raises(TypeError, match=r"fn: got a value of dtype complex64, expected real"):
        tool(jnp.abs, "fp16")(jnp.ones(2, jnp.complex64))


def test_an_unknown_format_is_named():
    with pytest.raises(ValueError, match="fp17"):
        shadow(jnp.sin, "fp17")
