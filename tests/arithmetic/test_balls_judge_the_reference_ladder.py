"""An MLP gradient: float64 and double-double against rigorous enclosures."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxlab as jl
from jaxlab.arithmetic.balls import Enclosure, enclose, error_bound
from jaxlab.arithmetic.double_double import DoubleDouble, in_double_double
from jaxlab.arithmetic.reference import in_float64


@pytest.mark.parametrize(
    ("activation", "widths"),
    [(jnp.tanh, (3, 8, 1)), (jax.nn.relu, (3, 8, 8, 1))],
    ids=["tanh", "relu"],
)
def test_each_step_of_the_ladder_is_as_close_as_it_should_be(activation, widths):
    def loss(params, x, y):
        return jnp.mean((jl.networks.apply(params, x, activation) - y) ** 2)

    law = jl.networks.initialisers.he(jl.networks.initialisers.fan_in_bias())
    params = jl.networks.initialise(jax.random.key(0), widths, law, "float32")
    x = jax.random.normal(jax.random.key(1), (12, 3))
    arguments = (params, x, jnp.sin(x[:, :1]))

    gradient = jax.grad(loss)
    balls = enclose(gradient)(*arguments)
    pairs = in_double_double(gradient)(*arguments)
    doubles = in_float64(jax.jit(gradient))(*arguments)
    leaves = [
        jax.tree.leaves(tree, is_leaf=lambda x, kind=kind: isinstance(x, kind))
        for tree, kind in ((balls, Enclosure), (pairs, DoubleDouble), (doubles, jax.Array))
    ]
    for ball, pair, double in zip(*leaves, strict=True):
        size = np.max(np.abs(ball.midpoint))
        width = max(float(entry.rad()) for entry in ball.balls.flat)
        assert width < size * 2.0**-112
        assert np.max(error_bound(ball, pair.hi, pair.lo)) < size * 2.0**-100
        error = np.max(error_bound(ball, double))
        assert size * 2.0**-56 < error < size * 2.0**-48
        assert np.all(np.abs(ball.midpoint - np.asarray(pair.hi)) <= ball.radius + size * 2.0**-100)


def test_a_wrong_gradient_is_outside_its_enclosure():
    ball = enclose(jax.grad(lambda x: jnp.tanh(x) ** 2))(np.float64(0.3))
    wrong = np.nextafter(ball.midpoint, 1)
    assert float(error_bound(ball, wrong)) > 2.0**-55
    assert not ball.balls.item().contains(type(ball.balls.item())(float(wrong)))
