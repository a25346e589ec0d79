"""Part "underflow" of `collapse`: deaths in a format are counted right, and rightly explained."""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from jaxlab.arithmetic import as_format, round_to
from jaxlab.regions import death
from jaxlab.studies import _study
from jaxlab.studies._parts import named_key
from jaxlab.studies.collapse.config import Config
from jaxlab.studies.collapse.rounding import in_formats, underflow

TINY = Config(
    underflow_formats=("float64", "float16"),
    underflow_gains=(1.0, 2.0**-5),
    underflow_widths=(2, 3),
    underflow_depths=(2, 6),
    underflow_networks=60,
    underflow_points=17,
)
HALF = as_format("float16")


@pytest.fixture(scope="module")
def dataset():
    part = underflow.PART
    study = _study.Study(
        "underflow", "", "", {"tiny": TINY}, *part[1:], lambda data: [], lambda data: []
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(underflow, "_CHUNK", 30)  # twice as many are drawn
        return _study.run(study, TINY)


def oracle(network, x, name):
    """One network step by step in NumPy: layers passed, and the inputs of the one that stops."""
    dtype = np.dtype(getattr(ml_dtypes, name, None) or getattr(np, name))
    wide = np.float32 if dtype.itemsize == 2 else np.float64
    inputs = x.astype(dtype)
    for number, block in enumerate(network[:-1]):
        weight, bias = (part.astype(dtype).astype(wide) for part in (block[:-1], block[-1]))
        # Two inputs at most: products are exact, and one sum rounds whatever the order.
        first, second = (inputs[:, [i]].astype(wide) * weight[[i]] for i in (0, 1))
        product = (first + second).astype(dtype)
        values = (product.astype(wide) + bias).astype(dtype)
        if not np.isfinite(values.astype(wide)).all() or not (values > 0).any():
            return number, inputs
        inputs = np.maximum(values, np.zeros((), dtype))
    return len(network) - 1, inputs


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float8_e5m2", "float8_e4m3fn"])
def test_networks_are_computed_as_numpy_computes_them_step_by_step(x64, name):
    rng = np.random.default_rng(0)
    networks = rng.normal(size=(200, 8, 3, 2))
    networks[:100, :, -1] = 0  # without biases, and small enough to underflow
    networks[:100] *= 2.0**-4
    stored = round_to(jnp.asarray(networks), name)
    x = np.array([[-1.0, 0.0], [-0.25, 0.0], [0.75, 0.0], [1.0, 0.0]])
    found = in_formats.passed(stored, jnp.asarray(x), as_format(name))
    layers, inputs = zip(*(oracle(one, x, name) for one in np.asarray(stored)), strict=True)
    np.testing.assert_array_equal(found.layers, layers)
    expected = np.stack(inputs).astype(np.float64)
    np.testing.assert_array_equal(np.asarray(found.inputs).astype(np.float64), expected)
    assert len(set(layers)) > 1
    assert name == "bfloat16" or (np.array(layers) < 7).sum() > 60


def network(*layers, last=1.0):
    """Two hidden layers of width 2, as pairs of weights (rows are inputs) and biases."""
    blocks = [np.vstack([weight, bias]) for weight, bias in layers]
    return np.stack([*blocks, [[last, 0], [0, 0], [0, 0]]])


def chain(first, second, **options):
    """One neuron after another."""
    return network(
        *(([[weight, 0], [0, 0]], [bias, 0]) for weight, bias in (first, second)), **options
    )


NONE = [0, 0]
HAND_MADE = {  # at the single point 3/4
    "alive": chain((1, 0), (0.5, 0)),
    "alive, silent": chain((1, 0), (2**-6, 0), last=2**-20),
    "not finite": chain((2**10, 0), (2**10, 0)),
    "underflow": chain((2**-13, 0), (2**-13, 0)),
    # 3/4 + 2**-12 3/4 rounds to 3/4, and the bias takes it away.
    "cancellation": network(([[1, 1], NONE], NONE), ([[1, 0], [2**-12, 0]], [-0.75, 0])),
    # 2**-24 3/4 rounds to 2**-24, and the second layer subtracts it from something between.
    "inherited, range": network(
        ([[2**-24, 1], NONE], NONE), ([[-(2**10), 0], [1.125 * 2**-14, 0]], NONE)
    ),
    # The first layer loses what the second one would leave.
    "inherited, precision": chain((1, 2**-13), (1, -0.75)),
    "dead": chain((-1, 0), (1, 0)),
}


@pytest.fixture
def hand_made(monkeypatch):
    """Counts of the hand-made networks in float16, by state in float64 and fate."""
    config = Config(
        underflow_formats=("float64", "float16"),
        underflow_widths=(2,),
        underflow_depths=(1, 2),
        underflow_networks=len(HAND_MADE),
    )
    with jax.enable_x64(True):
        networks = jnp.asarray(np.stack(list(HAND_MADE.values())), jnp.float64)
        monkeypatch.setattr(underflow, "draw", lambda *arguments: networks)
        monkeypatch.setattr(underflow, "points", lambda config: jnp.array([[0.75, 0.0]]))
        return underflow.compute(config, underflow.cells(config)[0])


def test_every_way_to_die_is_told_from_the_others(hand_made):
    alive, dead = hand_made["underflow_fates"][0, 1]
    expected = {"alive": 2} | dict.fromkeys(underflow.FATES[1:], 1)
    assert dict(zip(underflow.FATES, alive.tolist(), strict=True)) == expected
    assert dead.sum() == 1
    first_alive, first_dead = hand_made["underflow_fates"][0, 0]
    assert first_alive.tolist() == [7, 0, 0, 0, 0, 0]
    assert first_dead.sum() == 1


def test_rounded_weights_kill_none_of_the_hand_made_and_free_exponents_save_from_range(hand_made):
    weights, unbounded = hand_made["underflow_twins"][0, 1]
    assert weights.tolist() == [[7, 0], [0, 1]]  # all parameters are numbers of float16
    # Also the network that overflows lives.
    assert unbounded.tolist() == [[5, 2], [0, 1]]


def test_a_zero_gradient_of_an_alive_network_is_counted_apart(hand_made):
    nonzero, zero = hand_made["underflow_gradients"][0, 1]
    assert (nonzero, zero) == (1, 1)


def test_half_of_the_smallest_number_underflows_and_the_next_larger_does_not(x64):
    sizes = np.array([2.0**-11, 2.0**-11 * (1 + 2.0**-10)])
    networks = np.stack([chain((2.0**-14, 0), (size, 0)) for size in sizes])
    x = jnp.array([[1.0, 0.0]])
    found = in_formats.passed(jnp.asarray(networks), x, HALF)
    assert found.layers.tolist() == [1, 2]
    why = in_formats.cause(jnp.asarray(networks), found, HALF)
    assert why.tolist() == [in_formats.UNDERFLOW, in_formats.ALIVE]


def test_the_gradient_is_that_of_the_leading_layers(x64):
    # The third hidden layer is dead: the first one has a gradient with two layers, not with three.
    layers = ([[1, 0.5], NONE], NONE), (np.eye(2), NONE), (-np.eye(2), NONE)
    networks = jnp.asarray(network(*layers, last=2.0)[None], jnp.float64)
    x, fmt = jnp.array([[0.5, 0.0], [-1.0, 0.0]]), as_format("float64")
    flags = [bool(in_formats.zero_gradient(networks, jnp.int32(d), x, fmt)[0]) for d in (1, 2, 3)]
    assert flags == [False, False, True]


def test_the_control_is_the_exact_test_on_the_unpadded_networks(dataset):
    with jax.enable_x64(True):
        x = underflow.points(TINY)[:, :1]
        key = named_key(TINY.seed, "underflow-PyTorch-width2")
        law = underflow._LAWS["PyTorch"]
        params = death.networks(key, (1, *[2] * 6, 1), law, range(60))
        layer = np.asarray(jax.vmap(death.on_data, in_axes=(0, None))(params, x).layer)
    table = dataset.underflow_fates.sel(underflow_law="PyTorch", underflow_width=2)
    dead = table.sel(underflow_control="dead", underflow_format="float16").sum("underflow_fate")
    expected = [int(((layer >= 0) & (layer < depth)).sum()) for depth in range(1, 7)]
    assert dead.values.tolist() == expected
    assert 0 < expected[1] < expected[-1] < 60


def test_every_network_is_in_one_place_of_every_table(dataset):
    assert (dataset.underflow_fates.sum(["underflow_control", "underflow_fate"]) == 60).all()
    by_control = dataset.underflow_fates.sum("underflow_fate")
    assert (dataset.underflow_twins.sum("underflow_state") == by_control).all()
    computed = dataset.underflow_fates.sel(underflow_fate="alive", underflow_format="float16")
    alive = computed.sum("underflow_control").sel(underflow_depth=[2, 6]).values
    moving = dataset.underflow_gradients.isel(gradient_format=0).sum("gradient")
    assert (moving.values <= alive).all()
    assert (moving.values > 0).any()


def test_a_gain_changes_nothing_but_what_the_range_does(dataset):
    one, small = "He", "0.03125 He"
    twins = dataset.underflow_twins.sel(underflow_twin="any exponent")
    assert (twins.sel(underflow_law=one) == twins.sel(underflow_law=small)).all()
    killed = dataset.underflow_fates.sel(underflow_control="alive", underflow_fate="underflow")
    deepest = killed.sel(underflow_depth=6, underflow_format="float16").sum("underflow_width")
    assert int(deepest.sel(underflow_law=one)) == 0
    assert int(deepest.sel(underflow_law=small)) > 20


def test_17_points_are_numbers_of_every_format_and_more_are_rounded_to_one(x64):
    formats = Config().underflow_formats
    for points in (17, 65):
        config = Config(underflow_points=points, underflow_widths=(1,))
        x = underflow.points(config)[:, 0]
        assert (x[0], x[-1]) == (-1, 1)
        assert bool((x == np.linspace(-1, 1, points)).all()) == (points == 17)
        for fmt in formats:
            np.testing.assert_array_equal(round_to(x, fmt), x)
