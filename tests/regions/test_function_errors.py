"""What is not piecewise affine is refused by name and line; how functions are traced."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.regions import function

ENDS = -np.ones(3), np.full(3, 2.0)

CURVED = {
    "exp": lambda x: jnp.exp(x),
    "tanh": lambda x: jnp.tanh(x),
    "mul": lambda x: x * x,
    "div": lambda x: 1 / x,
    "dot_general": lambda x: jnp.dot(x, x, precision=jax.lax.Precision.HIGHEST),
    "integer_pow": lambda x: x**3,
    "floor": lambda x: jnp.floor(x),
    "convert_element_type": lambda x: x.astype(jnp.int32),
    "cond": lambda x: jax.lax.cond(x[0] > 0, lambda y: y, lambda y: -y, x),
    "while": lambda x: jax.lax.while_loop(lambda y: y[0] < 5, lambda y: y + 1, x),
    "dynamic_slice": lambda x: jnp.arange(3.0)[jnp.argmax(x)] * x,
}


@pytest.mark.parametrize("primitive", CURVED)
def test_what_is_not_piecewise_affine_is_refused_by_name_and_line(primitive):
    with pytest.raises(TypeError, match=rf"got {primitive} \(.*test_function_errors.py:\d+"):
        function.line(CURVED[primitive], *ENDS)


JUMPS = {
    "select_n": lambda x: jnp.where(x > 0, x, x + 1),
    "mul": lambda x: jnp.sign(x) * (x + 1),
    "add": lambda x: (x > 0).astype(x.dtype) + x,
}


@pytest.mark.parametrize("primitive", JUMPS)
def test_a_jump_is_refused_where_it_is_met(primitive):
    with pytest.raises(ValueError, match=rf"got a jump at {primitive} \(.*test_function_errors"):
        function.line(JUMPS[primitive], *ENDS)


@pytest.mark.parametrize("primitive", JUMPS)
def test_a_jump_off_the_segment_does_not_matter(primitive):
    assert function.line(JUMPS[primitive], np.ones(3), np.full(3, 2.0)).regions == 1


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"stop: got shape \(2,\), expected \(3,\)"):
        function.line(jnp.abs, np.zeros(3), np.ones(2))
    with pytest.raises(ValueError, match="start: got a coordinate that is not finite"):
        function.line(jnp.abs, np.inf, 1.0)
    with pytest.raises(TypeError, match="fn: got 2 outputs, expected one array"):
        function.line(lambda x: (x, x), 0.0, 1.0)
    with pytest.raises(ValueError, match="limit: got 3, expected at least 4 regions"):
        function.line(jnp.abs, *(np.array([-1.0, -1.0, -1.0]), np.array([1.0, 2.0, 3.0])), limit=3)
    with pytest.raises(ValueError, match="fn: not finite"):
        function.line(lambda x: jax.nn.relu(x * jnp.inf), 0.0, 1.0)
    with pytest.raises(ValueError, match="fn: not finite"):
        function.line(lambda x: x + jnp.nan, 0.0, 1.0)


def test_weights_of_any_format_are_taken_exactly(x64_both):
    for dtype in (jnp.float32, jnp.bfloat16):
        weight = jnp.asarray([0.1, -0.3], dtype)
        point = jnp.zeros(2, dtype)
        found = function.line(lambda x, w=weight: x * w / 3, point, point + 1)
        exact = np.asarray(weight).astype(np.float64) / 3
        np.testing.assert_array_equal(found.values[1], exact)


def test_a_scale_computed_from_constants_is_not_rounded_to_the_program_s_dtype():
    variance = jnp.full(1, 0.7, jnp.float32)
    found = function.line(lambda x: x * jax.lax.rsqrt(variance), np.zeros(1), np.ones(1))
    exact = 1 / np.sqrt(np.asarray(variance).astype(np.float64))
    np.testing.assert_allclose(found.slopes[0], exact, rtol=1e-15)


def test_the_function_is_traced_with_the_caller_s_dtype_and_shape(x64_both):
    seen = []

    def probe(x):
        seen.append((x.shape, x.dtype))
        return x.sum()

    function.line(probe, np.zeros((2, 3)), np.ones((2, 3)))
    function.line(probe, jnp.zeros(3, jnp.bfloat16), np.ones(3))
    function.line(probe, 0, 1)
    wide = jnp.float64 if x64_both else jnp.float32
    assert seen == [((2, 3), wide), ((3,), jnp.bfloat16), ((), wide)]


def test_a_degenerate_segment_is_one_region():
    found = function.line(jnp.abs, 0.0, 0.0)
    assert (found.regions, found.pieces, found.slopes.tolist()) == (1, 1, [0.0])
