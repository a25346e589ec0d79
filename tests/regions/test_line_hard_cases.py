"""A fixed list of degenerate networks, each equal to rational arithmetic without exception."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.networks.mlp import Layer
from jaxlab.regions import line
from tests.regions import networks, oracle


def net(*pairs):
    return [(np.array(w, float), np.array(b, float)) for w, b in pairs]


def sum_of(*rows):
    """One hidden layer of kinks ``relu(w t + b)``, summed with weights 1, 2, 3, ..."""
    w, b = zip(*rows, strict=True)
    return net(([list(w)], list(b)), ([[i + 1] for i in range(len(w))], [0]))


HALF = (2, -1)
CASES = {
    "no neuron crosses": (sum_of((1, 5), (1, 6)), 0, 1),
    "crossing at the start": (sum_of((1, 0)), 0, 1),
    "crossing at the stop": (sum_of((1, -1)), 0, 1),
    "identically zero neuron": (sum_of((0, 0), HALF), 0, 1),
    "constant neurons": (sum_of((0, 1), (0, -1), HALF), 0, 1),
    "duplicate": (sum_of(HALF, HALF), 0, 1),
    "opposite": (sum_of(HALF, (-2, 1)), 0, 1),
    "tripled": (sum_of((1, -0.375), (3, -1.125)), 0, 1),
    "opposite and cancelling": (net(([[2, -2]], [-1, 1]), ([[1], [-1]], [0])), 0, 1),
    "ten through one point": (sum_of(*((k, -k / 2) for k in range(1, 11))), 0, 1),
    "ten through a third": (sum_of(*((3 * k, -k) for k in range(1, 11))), 0, 1),
    "close but apart": (sum_of(HALF, (2, -1 - 2**-30)), 0, 1),
    "no hidden layer": (net(([[2]], [1])), 0, 1),
    "degenerate segment": (sum_of(HALF), 0.5, 0.5),
    "touching from above": (
        net(([[1, -1]], [-0.5, 0.5]), ([[1], [1]], [0]), ([[1]], [0])), 0, 1,
    ),
    "zero on an interval, then positive": (net(([[1]], [-0.5]), ([[1]], [0]), ([[1]], [0])), 0, 1),
    "dead second layer": (
        net(([[1, -1]], [-0.5, 0.5]), ([[-1, -1], [-1, -1]], [-1, -1]), ([[1], [1]], [0])), 0, 1,
    ),
    "second layer crosses at the first's knot": (
        net(([[1, 1]], [-0.5, 0]), ([[1], [1]], [-0.5]), ([[1]], [0])), 0, 1,
    ),
    "huge bias": (sum_of((1, 1e30), HALF), 0, 1),
    "tiny scale": (net(([[1e-30, 2e-30]], [-5e-31, -1e-30]), ([[1], [1]], [0])), 0, 1),
    "huge scale": (net(([[2e150, 1e150]], [-1e150, -1e149]), ([[1e100], [1]], [0])), 0, 1),
    "zero columns and zero output": (net(([[0, 2]], [0, -1]), ([[0], [0]], [0])), 0, 1),
    "vertex of a plane network": (
        net(([[1, 0, 1], [0, 1, 1]], [0, 0, 0]), ([[1], [1], [-1]], [0])), (-1, -1), (1, 1),
    ),
    "through the vertex, neurons opposed": (
        net(([[1, 1, 2], [-1, 2, 1]], [0, 0, 0]), ([[1], [1], [-1]], [0])), (-1, -2), (1, 2),
    ),
    "sawtooth": (networks.sawtooth(6), -1, 2),
    "unit sawtooth": (networks.unit_sawtooth(6), -0.5, 1.5),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_hard_cases_equal_rational_arithmetic(name):
    params, start, stop = CASES[name]
    start, stop = np.array(start, float), np.array(stop, float)
    exact = oracle.line(params, start, stop)
    found = line.count(networks.layers(params), start, stop)
    assert (found.regions, found.pieces) == (exact.regions, exact.pieces)
    assert found.exact


@pytest.mark.parametrize("name", CASES)
def test_the_kernel_agrees_on_hard_cases(x64, name):
    params, start, stop = CASES[name]
    inputs = params[0][0].shape[0]
    ends = [jnp.broadcast_to(jnp.asarray(end, jnp.float64), (inputs,)) for end in (start, stop)]
    exact = oracle.line(params, *ends)
    device = tuple(Layer(jnp.asarray(w), jnp.asarray(b)) for w, b in params)
    found = line.breakpoints(device, *ends, 80)
    assert (int(found.regions), int(found.pieces)) == (exact.regions, exact.pieces)
    assert not found.overflow


@pytest.mark.parametrize("seed", range(3))
def test_integer_networks_of_every_small_shape(seed):
    rng = np.random.default_rng(seed)
    for depth in (1, 2, 3, 5):
        nets = [networks.degenerate(rng, (1, *[5] * depth, 1)) for _ in range(25)]
        for params in nets:
            exact = oracle.line(params, -2.0, 3.0)
            found = line.count(networks.layers(params), -2.0, 3.0)
            assert (found.regions, found.pieces) == (exact.regions, exact.pieces)


def test_crossings_an_ulp_apart_are_merged_and_reported():
    # 3 * 0.1 is not 0.3 in binary.
    params = networks.layers(sum_of((1, -0.1), (3, -0.3)))
    found = line.count(params, 0.0, 1.0)
    assert (found.regions, found.undecided) == (2, 1)


def test_subnormal_parameters_count_on_the_host():
    params = networks.layers(net(([[2e-310]], [-1e-310]), ([[1]], [0])))
    assert line.count(params, 0.0, 1.0).regions == 2
    assert jax.config.jax_enable_x64 is False
