"""Bad arguments are named; the pure tests lower for every platform."""

import jax
import jax.numpy as jnp
import pytest

from jaxlab.networks import initialisers
from jaxlab.networks.mlp import Layer
from jaxlab.regions import death

PARAMS = (Layer(jnp.ones((2, 3)), jnp.zeros(3)), Layer(jnp.ones((3, 1)), jnp.zeros(1)))
ENDS = (-jnp.ones(2), jnp.ones(2))
LAW = initialisers.he()
KEY = jax.random.key(0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            dict.fromkeys(["start", "stop"], jnp.ones(3)),
            r"start: got shape \(3,\), expected \(2,\)",
        ),
        ({"capacity": 0}, "capacity: got 0, expected at least 1"),
        ({"params": PARAMS[:1]}, "params: got 1 layer, expected a hidden layer"),
        ({"start": -jnp.ones(2, jnp.float16)}, "start: got dtype float16, expected float32"),
    ],
)
def test_on_interval_names_what_is_wrong(change, message):
    given = {"params": PARAMS, "start": ENDS[0], "stop": ENDS[1]} | change
    with pytest.raises(ValueError, match=message):
        death.on_interval(**given)


def test_narrow_formats_are_refused_on_intervals_and_taken_on_data():
    narrow = jax.tree.map(lambda x: x.astype(jnp.bfloat16), (PARAMS, ENDS))
    with pytest.raises(ValueError, match="expected float32 or float64"):
        death.on_interval(narrow[0], *narrow[1])
    assert int(death.on_data(narrow[0], jnp.stack(narrow[1])).layer) == -1


@pytest.mark.parametrize("shape", [(0, 2), (4, 3)])
def test_on_data_needs_points_that_fit(shape):
    with pytest.raises(ValueError, match="xs: got shape"):
        death.on_data(PARAMS, jnp.ones(shape))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"widths": (1, 1)}, "widths: got"),
        ({"widths": (1, 2000, 1)}, "widths: got"),
        ({"widths": (1,) * 4099}, "hidden layers, expected below"),
        ({"start": [0.0, 1.0]}, "start: got shape"),
        ({"networks": 0}, "networks: got 0"),
        ({"rays": True, "widths": (2, 2, 1)}, "rays: got 2 inputs"),
        ({"rays": True, "law": initialisers.gaussian()}, "law: got nonzero biases"),
    ],
)
def test_count_names_what_is_wrong(change, message):
    given = {"widths": (1, 2, 1), "law": LAW, "start": 0.0, "stop": 1.0, "networks": 9} | change
    with pytest.raises(ValueError, match=message):
        death.count(KEY, **given)


@pytest.mark.parametrize("platform", ["cpu", "cuda", "tpu"])
@pytest.mark.parametrize("test", ["interval", "data"])
def test_the_tests_lower_for_every_platform(platform, test):
    if test == "interval":
        traced = jax.jit(lambda p, a, b: death.on_interval(p, a, b)).trace(PARAMS, *ENDS)
    else:
        traced = jax.jit(lambda p, x: death.on_data(p, x)).trace(PARAMS, jnp.stack(ENDS))
    assert "func" in traced.lower(lowering_platforms=(platform,)).as_text()
