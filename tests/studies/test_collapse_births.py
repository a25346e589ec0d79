"""Random networks, neurons and signs are counted as an independent recount counts them."""

import math

import jax
import numpy as np
import pytest

from jaxlab.regions import death
from jaxlab.studies._parts import combine, named_key
from jaxlab.studies._study import place
from jaxlab.studies.collapse.birth import births, blocks, negative, neurons
from jaxlab.studies.collapse.config import Config

TINY = Config(
    born_widths=(2,),
    born_depth=4,
    born_networks=300,
    born_biased_widths=(2,),
    born_biased_depth=3,
    ball_inputs=(1, 3),
    ball_neurons=2000,
    negative_cases=((1, 3), (2, 1), (2, 4)),
    negative_networks=2000,
)
PARTS = combine((births.FREE_PART, births.BIASED_PART, neurons.PART, negative.PART))


@pytest.fixture(scope="module")
def dataset():
    filled = PARTS.template(TINY).load()
    with jax.enable_x64(True):
        for cell in PARTS.cells(TINY):
            place(filled, cell, PARTS.compute(TINY, cell))
    return filled


def test_every_variable_is_filled_and_described(dataset):
    for name, variable in dataset.data_vars.items():
        assert (variable.values >= 0).all(), name
        assert variable.attrs["long_name"]


def first_dead(family, width, depth):
    """The first dead layer of each network and its inactive first neurons, one point at a time."""
    law, start, stop = (births.FREE | births.BIASED)[family]
    key = named_key(TINY.seed, f"{family}, width {width}")
    params = death.networks(key, (1, *[width] * depth, 1), law, range(TINY.born_networks))
    points = [[start], [stop]] if family in births.FREE else np.linspace(start, stop, 4001)[:, None]
    xs = np.asarray(points)
    layers = np.full(TINY.born_networks, depth)
    inactive = np.zeros(TINY.born_networks, bool)
    for network in range(TINY.born_networks):
        hidden = xs
        for layer in range(depth):
            weight, bias = (np.asarray(leaf[network]) for leaf in params[layer])
            hidden = np.einsum("pi,io->po", hidden, weight) + bias
            if layer == 0:
                inactive[network] = (hidden <= 0).all(axis=0).any()
            if (hidden <= 0).all():
                layers[network] = layer
                break
            hidden = np.maximum(hidden, 0)
    return layers, inactive


@pytest.mark.parametrize("family", births.FREE)
def test_networks_without_biases_are_recounted_exactly(dataset, family):
    layers, inactive = first_dead(family, 2, TINY.born_depth)
    counts = births.of(dataset, family).sel(width=2)
    recount = [int((layers < depth).sum()) for depth in counts.depth.values]
    assert counts.dead.values.tolist() == recount
    assert 0 < recount[-1] < TINY.born_networks
    assert (int(counts.networks), int(counts.inactive)) == (TINY.born_networks, inactive.sum())


@pytest.mark.parametrize("family", list(births.BIASED)[:2])
def test_a_sample_of_points_finds_no_more_networks_with_biases_alive(dataset, family):
    layers, inactive = first_dead(family, 2, TINY.born_biased_depth)
    counts = births.of(dataset, family).sel(width=2)
    sampled = np.array([(layers < depth).sum() for depth in counts.depth.values])
    # 4001 points may miss a short active piece, never the other way round.
    assert (counts.dead.values <= sampled).all()
    assert (sampled - counts.dead.values <= 2).all()
    assert int(counts.inactive) == inactive.sum()


def test_wider_networks_are_fewer_and_none_is_none():
    config = Config(born_networks=100)
    assert [births.networks(config, width) for width in (1, 2, 4, 1000)] == [100, 100, 25, 1]


def test_the_estimate_of_all_dead_is_that_of_exact_combinatorics():
    starts = [1, 2, 7, 50, 60, 61, 100]
    got = births.all_dead(60, 100, np.array(starts))
    exact = [math.comb(60, k) / math.comb(100, k) for k in starts]
    np.testing.assert_allclose(got, exact, rtol=1e-10)
    assert got[-2:].tolist() == [0.0, 0.0]
    large = births.all_dead(999_000, 1_000_000, np.array([1000]))
    exact = math.comb(999_000, 1000) / math.comb(1_000_000, 1000)
    np.testing.assert_allclose(large, exact, rtol=1e-6)


def test_the_estimate_of_all_dead_is_unbiased():
    probability, networks, starts = 0.6, 8, np.array([1, 3, 8])
    mean = sum(
        math.comb(networks, dead)
        * probability**dead
        * (1 - probability) ** (networks - dead)
        * births.all_dead(dead, networks, starts)
        for dead in range(networks + 1)
    )
    np.testing.assert_allclose(mean, probability**starts, rtol=1e-12)


@pytest.mark.parametrize("signs", [2, 6, 12, 16, 17, 40])
def test_the_masks_hold_one_bit_for_every_sign(signs):
    masks = negative._masks(signs)
    assert sum(int(mask).bit_count() for mask in masks.ravel()) == signs
    assert masks.size == -(-signs // 16)


@pytest.mark.parametrize("width", [2, 4])
def test_layers_without_a_positive_sign_are_recounted_bit_by_bit(width, monkeypatch, x64):
    depth, networks, words = 3, 50, -(-width * (width + 1) // 16)

    def draw(key):  # almost all bits are zero: so some layers have no positive sign
        numbers = np.zeros(blocks.SIZE, np.uint16)
        chosen = np.random.default_rng(0).integers(0, words * (depth - 1) * networks, networks)
        numbers[chosen] = 1 << np.random.default_rng(1).integers(0, 16, networks)
        return numbers

    monkeypatch.setattr(negative, "_bits", draw)
    drawn = draw(None)[: words * (depth - 1) * networks].reshape(words, depth - 1, networks)
    dead = 0
    for network in range(networks):
        for layer in range(depth - 1):
            bits = "".join(f"{word:016b}"[::-1] for word in drawn[:, layer, network])
            if "1" not in bits[: width * (width + 1)]:
                dead += 1
                break
    assert negative.count(jax.random.key(0), width, depth, networks) == dead
    assert 0 < dead <= networks


def test_one_hidden_layer_has_no_layer_before_it_to_be_negative(dataset):
    assert int(dataset.negative_dead.sel(negative_case="2x1")) == 0


def test_neurons_are_inactive_as_often_as_points_of_the_domain_say(dataset):
    rng = np.random.default_rng(0)
    bias, *weight = rng.normal(size=(4, 2000))
    angles = rng.normal(size=(3, 3000))
    angles /= np.linalg.norm(angles, axis=0)
    off = (bias[:, None] + np.einsum("wn,wp->np", np.array(weight), angles) <= 0).all(axis=1).sum()
    # Two samples of 2,000 with p = 0.09: five standard errors of a difference, one alarm in 10**6.
    error = 5 * np.sqrt(2 * 2000 * 0.09 * 0.91)
    assert abs(off - int(dataset.ball_inactive.sel(ball_inputs=3))) < error


def test_blocks_hold_every_sample_once_and_differ(x64):
    draw = jax.jit(lambda key: jax.random.bits(key, (blocks.SIZE,), np.uint32))
    found = list(blocks.blocks(draw, jax.random.key(0), 5, blocks.SIZE // 2))
    assert [block.shape[1] for block in found] == [2, 2, 1]
    assert (found[0] == found[1]).mean() < 1e-3
    with pytest.raises(ValueError, match="entries"):
        next(blocks.blocks(draw, jax.random.key(0), 1, blocks.SIZE + 1))
