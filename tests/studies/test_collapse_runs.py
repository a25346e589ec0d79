"""Training runs are measured as documented: death as computed, errors in float64, bits kept."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab import networks, training
from jaxlab.networks import padded, stacked
from jaxlab.regions import death
from jaxlab.studies.collapse.targets import square
from jaxlab.studies.collapse.training import outcomes, runs

SHALLOW = runs.Setting(
    "x^2", 2, 4, 6, "He", "squared", "SGD", 0.05, 1e-4, "float64", "bfloat16", 20, 8, 32
)


@pytest.fixture(scope="module")
def trained():
    """The same starts in two formats."""
    with jax.enable_x64(True):
        return {
            fmt: runs.train(jax.random.key(1), SHALLOW._replace(fmt=fmt), 40)
            for fmt in ("float64", "float16")
        }


@pytest.mark.parametrize("fmt", ["float16", "float32"])
def test_one_pass_gives_the_death_test_and_the_outputs(fmt):
    policy = training.Policy.native(fmt)
    x = jnp.linspace(-1, 1, 9, dtype=fmt)[:, None]
    law = networks.initialisers.he()
    draw = jax.jit(lambda key: networks.initialise(key, (1, 2, 2, 2, 1), law, fmt))
    together = jax.jit(lambda p: runs.through(stacked.stack(p), x, policy))
    apart = jax.jit(lambda p: (death.on_data(p, x), networks.apply(p, x)))
    layers = set()
    for seed in range(12):
        params = draw(jax.random.key(seed))
        got, expected = together(params), apart(params)
        jax.tree.map(np.testing.assert_array_equal, got, expected)
        layers.add(int(expected[0].layer))
    assert len(layers) > 1  # some are dead


def test_all_formats_start_from_the_same_reals(trained):
    wide, narrow = trained["float64"], trained["float16"]
    np.testing.assert_array_equal(wide.risk[:, 0], narrow.risk[:, 0])
    np.testing.assert_array_equal(wide.level[:, 0], narrow.level[:, 0])
    assert wide.label_mean == narrow.label_mean
    assert not np.array_equal(wide.risk[:, -1], narrow.risk[:, -1])  # and then they differ


def test_the_error_of_a_network_born_dead_is_that_of_its_constant(trained):
    found = trained["float64"]
    born = found.layer[:, :1] >= 0
    assert 0.4 < born.mean() < 0.95  # 1 - (3/4)**4 = 0.68
    dead = np.broadcast_to(born, found.layer.shape)
    inside = dead & (found.level > 0) & (found.level < 1)
    assert inside.any()
    off = found.level[inside] - square().states.mean
    expected = np.sqrt(square().states.rmse ** 2 + off**2)
    np.testing.assert_allclose(found.rmse[inside], expected, rtol=1e-5)
    assert (found.spread[dead] == 0).all()
    assert found.constant[dead].all()


def test_networks_born_dead_keep_their_bits_and_others_are_not_said_to(trained):
    for found in trained.values():
        born = found.layer[:, 0] >= 0
        assert found.kept[born].all()
        assert not found.kept[~born].any()


def test_every_neuron_of_a_dead_layer_is_counted_and_no_padding(trained):
    found = trained["float64"]
    assert (found.permanent + found.tentative <= SHALLOW.width * SHALLOW.hidden).all()
    assert (found.permanent[found.layer >= 0] >= SHALLOW.width).all()


def _history(hidden=3, deepest=4, width=2):
    """Two runs, two checkpoints, nothing changes."""
    rng = np.random.default_rng(0)
    sizes = [1, *[width] * hidden, 1]
    layers = tuple(
        networks.Layer(jnp.float32(rng.normal(size=(2, 1, n, m))), jnp.zeros((2, 1, m)))
        for n, m in itertools.pairwise(sizes)
    )
    once = padded.pad(stacked.stack(layers), deepest)
    return jax.tree.map(lambda leaf: np.repeat(np.asarray(leaf), 2, axis=1), once).network


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        (lambda n: n.hidden.weight[0, 1, 0], False),  # the dead layer, number 1
        (lambda n: n.hidden.bias[0, 1, 0], False),
        (lambda n: n.first.bias[0, 1], False),
        (lambda n: n.hidden.weight[0, 1, 1], False),  # weights of the layer after it
        (lambda n: n.hidden.bias[0, 1, 1], True),  # its bias may move
        (lambda n: n.last.weight[0, 1], True),
    ],
)
def test_one_changed_bit_up_to_the_dead_layer_is_seen(change, kept):
    network = _history()
    leaf = change(network)
    leaf[...] = np.nextafter(leaf, np.float32(9))
    found = runs._kept(network, np.array([1, -1]), 3)
    np.testing.assert_array_equal(found, [[True, kept], [False, False]])


def test_behind_a_dead_last_hidden_layer_the_output_weights_must_stay():
    network = _history()
    network.last.weight[0, 1] += 1
    assert not runs._kept(network, np.array([2, -1]), 3)[0, 1]
    assert runs._kept(network, np.array([1, -1]), 3)[0, 1]


def test_outcomes_are_read_off_the_checkpoints():
    shape = (3, 3)
    blank = {name: np.zeros(shape) for name in ("level", "spread", "risk", "rmse", "absolute")}
    found = runs.Runs(
        layer=np.array([[1, 1, 1], [-1, 0, -1], [-1, -1, 2]]),
        constant=np.array([[True, True, False], [False] * 3, [False] * 3]),
        permanent=np.zeros(shape, int),
        tentative=np.zeros(shape, int),
        still=np.ones(shape, bool),
        kept=np.array([[True, False, True], [False] * 3, [False] * 3]),
        taken=np.array([10, 10, 4]),
        steps=(0, 3, 10),
        label_mean=0.5,
        label_median=0.25,
        **blank,
    )
    with jax.enable_x64(True):
        values = outcomes.values("a", [found], ())
    assert values["a_born"].tolist() == [2, 0, 0]
    assert values["a_dead"].tolist() == [2, 0, 3]
    assert values["a_died"].tolist() == [0, outcomes.ALIVE, 10]
    assert values["a_revivals"].tolist() == [0, 1, 0]
    assert values["a_broken"].tolist() == [2, 0, 0]
    assert math.isclose(values["a_label_median"], 0.25)
    declared = outcomes.variables("a", ("run",), "step")
    assert set(values) == set(declared)


def test_the_same_key_gives_the_same_runs(trained):
    with jax.enable_x64(True):
        again = runs.train(jax.random.key(1), SHALLOW, 40)
    np.testing.assert_array_equal(again.rmse, trained["float64"].rmse)
