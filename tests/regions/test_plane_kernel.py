"""The fixed-shape kernel counts as the host does, or says that it cannot."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.networks.mlp import Layer
from jaxlab.regions import plane
from jaxlab.regions._plane import kernel as _plane_kernel
from tests.regions import degenerate, networks

BOX = plane.box(-1.0, 1.0)
SHAPES = [
    (2, 9, 1),
    (2, 16, 16, 2),
    pytest.param((2, 5, 7, 6, 3), marks=pytest.mark.slow),
    pytest.param((2, 40, 33, 1), marks=pytest.mark.slow),
]
counted = jax.jit(jax.vmap(plane.regions, in_axes=(0, None, None)), static_argnums=2)


def on_device(nets, dtype):
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), networks.stack(nets))


def room(widths, factor=2.0):
    return int(factor * _plane_kernel.expected(widths))


@pytest.mark.parametrize("widths", SHAPES, ids=str)
def test_random_networks_have_the_regions_that_the_host_counts(x64, widths):
    rng = np.random.default_rng(sum(widths))
    biases = [0.1, 0.1, 0.5, 1.0, 0.02, 0.1]
    nets = [networks.he(rng, widths, bias) for bias in biases]
    found = counted(on_device(nets, jnp.float64), jnp.asarray(BOX), room(widths))
    assert not found.overflow.any()
    assert not found.undecided.any()
    assert found.regions.tolist() == plane.count(networks.stack(nets), BOX).regions.tolist()


@pytest.mark.parametrize("name", ["p2_16x2_s0", pytest.param("p2_32x3_s0", marks=pytest.mark.slow)])
def test_stored_networks_have_their_exact_counts(x64, name):
    params, low, high = networks.stored(name)
    widths = (2, *(bias.size for _, bias in params))
    counts = json.loads((networks.DATA / "counts.json").read_text())
    box = jnp.asarray(plane.box(low, high))
    found = counted(on_device([params], jnp.float64), box, room(widths))
    assert (found.undecided.tolist(), found.overflow.tolist()) == ([0], [False])
    assert found.regions.tolist() == [counts["certified by rational arithmetic"][name]]


@pytest.mark.parametrize("make", degenerate.NETWORKS.values(), ids=degenerate.NETWORKS)
@pytest.mark.parametrize(
    "widths",
    [(2, 6, 1), (2, 6, 6, 1), pytest.param((2, 4, 4, 4, 1), marks=pytest.mark.slow)],
    ids=str,
)
def test_a_degenerate_network_is_never_counted_wrongly_in_silence(x64, make, widths):
    rng = np.random.default_rng(7)
    nets = [make(rng, widths) for _ in range(20)]
    found = counted(on_device(nets, jnp.float64), jnp.asarray(BOX), room(widths, 4.0))
    certain = np.asarray((found.undecided == 0) & ~found.overflow)
    exact = plane.count(networks.stack(nets), BOX, compiled=False).regions
    np.testing.assert_array_equal(np.asarray(found.regions)[certain], exact[certain])


def layer(weight, bias):
    return np.array(weight, float), np.array(bias, float)


EVENTS = {
    "three lines through a point": layer([[1, 0, 1], [0, 1, 1]], [0.25, 0.25, 0.5]),
    "nearly": layer([[0.1, 0, 0.1], [0, 0.7, 0.7]], [0.01 / 3, 0.07, 0.01 / 3 + 0.07]),
    "a line through two corners": layer([[1, 1, 0.1], [1, -2, 1]], [0, 0.1, 0.2]),
    "a line through one corner": layer([[1, 1, 0.1], [2, -2, 1]], [1, 0.1, 0.2]),
    "a line twice": layer([[1, -3, 0.1], [-2, 6, 1]], [0.5, -1.5, 0.2]),
    "a crossing on a side": layer([[1, 1, 1], [1, -2, 0]], [-1.5, 1.5, 0.125]),
}


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
@pytest.mark.parametrize("last", [True, False], ids=["last", "hidden"])
def test_lines_that_are_not_in_general_position_are_undecided(x64, event, last):
    more = [] if last else [layer(np.ones((3, 1)) * [1, 0.7, 0.9], [-0.3, -0.6, 0.1])]
    net = [event, *more, layer(np.ones((3, 1)), [0])]
    found = counted(on_device([net], jnp.float64), jnp.asarray(BOX), 60)
    assert found.undecided[0] > 0
    nudged = [(net[0][0], net[0][1] + [0.02, 0.01, 0.003]), *net[1:]]
    found = counted(on_device([nudged], jnp.float64), jnp.asarray(BOX), 60)
    assert found.undecided[0] == 0
    assert int(found.regions[0]) == plane.count(networks.layers(nudged), BOX).regions


def test_in_float32_counts_are_those_of_float64_where_it_decides():
    widths = (2, 16, 16, 1)
    rng = np.random.default_rng(3)
    nets = [networks.he(rng, widths) for _ in range(40)]
    nets = [[(w.astype(np.float32), b.astype(np.float32)) for w, b in net] for net in nets]
    found = counted(on_device(nets, jnp.float32), jnp.asarray(BOX, jnp.float32), room(widths, 1.5))
    assert found.regions.dtype == jnp.int32
    certain = np.asarray((found.undecided == 0) & ~found.overflow)
    assert certain.mean() > 0.5
    exact = plane.count(networks.stack(nets), BOX).regions
    np.testing.assert_array_equal(np.asarray(found.regions)[certain], exact[certain])


@pytest.mark.slow
def test_an_overflow_says_so_and_leaves_a_lower_bound(x64):
    widths = (2, 12, 12, 1)
    rng = np.random.default_rng(1)
    nets = [networks.he(rng, widths) for _ in range(4)]
    exact = plane.count(networks.stack(nets), BOX).regions
    for capacity in (1, 60):
        found = counted(on_device(nets, jnp.float64), jnp.asarray(BOX), capacity)
        assert found.overflow.all()
        assert (found.regions >= 1).all()
        assert (np.asarray(found.regions) < exact).all()


@pytest.mark.parametrize("corners", [6, pytest.param(3, marks=pytest.mark.slow)])
def test_slices_are_counted_like_polygons_of_their_plane(x64, corners):
    rng = np.random.default_rng(corners)
    widths = (7, 10, 10, 1)
    nets = [networks.he(rng, widths) for _ in range(3)]
    angles = 2 * np.pi * (np.arange(corners) + rng.uniform(0, 0.5, corners)) / corners
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    polygons = rng.normal(size=(4, 1, 7)) + circle @ rng.normal(size=(4, 2, 7))
    exact = plane.count(networks.stack(nets), polygons, compiled=False)
    over_slices = jax.vmap(plane.regions, in_axes=(None, 0, None))
    over_both = jax.jit(jax.vmap(over_slices, in_axes=(0, None, None)), static_argnums=2)
    found = over_both(on_device(nets, jnp.float64), jnp.asarray(polygons), room(widths, 3.0))
    assert not found.overflow.any()
    assert not found.undecided.any()
    np.testing.assert_array_equal(found.regions, exact.regions)
    assert exact.regions.max() > 2 * exact.regions.min()


@pytest.mark.parametrize("where", [(0, "weight"), (1, "bias"), (2, "weight")], ids=str)
def test_a_network_that_is_not_finite_has_no_count_and_leaves_others_alone(x64, where):
    widths = (2, 6, 6, 1)
    rng = np.random.default_rng(2)
    stacked = networks.stack([networks.he(rng, widths) for _ in range(3)])
    getattr(stacked[where[0]], where[1])[1, ..., 0] = np.nan
    params = jax.tree.map(jnp.asarray, stacked)
    found = counted(params, jnp.asarray(BOX), room(widths))
    exact = plane.count(stacked, BOX, compiled=False).regions
    assert found.regions.tolist() == exact.tolist()
    assert exact[1] == -1


def test_it_lowers_for_every_platform_without_x64():
    params = tuple(
        Layer(jax.ShapeDtypeStruct((a, b), jnp.float32), jax.ShapeDtypeStruct((b,), jnp.float32))
        for a, b in [(3, 6), (6, 6), (6, 1)]
    )
    corners = jax.ShapeDtypeStruct((4, 3), jnp.float32)
    exported = jax.export.export(plane.regions, platforms=["cpu", "cuda", "tpu"])(
        params, corners, capacity=50
    )
    assert set(exported.platforms) == {"cpu", "cuda", "tpu"}
    assert exported.out_avals[0].dtype == jnp.int32


def test_errors_name_the_argument_what_was_got_and_what_was_expected():
    rng = np.random.default_rng(0)
    params = jax.tree.map(
        lambda leaf: jnp.asarray(leaf, jnp.float32), networks.layers(networks.he(rng, (2, 4, 1)))
    )
    box = jnp.asarray(BOX, jnp.float32)
    half = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)
    with pytest.raises(ValueError, match=r"params: got dtype bfloat16, expected float32 or"):
        plane.regions(half, box.astype(jnp.bfloat16), 4)
    with pytest.raises(ValueError, match=r"corners: got shape \(2, 2\), expected \(corners, 2\)"):
        plane.regions(params, box[:2], 4)
    with pytest.raises(ValueError, match=r"corners: got shape \(4, 3\), expected \(corners, 2\)"):
        plane.regions(params, jnp.zeros((4, 3)), 4)
    with pytest.raises(ValueError, match=r"corners: got dtype float16, expected float32"):
        plane.regions(params, box.astype(jnp.float16), 4)
    with pytest.raises(ValueError, match=r"capacity: got 0, expected at least 1"):
        plane.regions(params, box, 0)
