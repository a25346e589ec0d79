"""Masks have the number of places they promise, where the density is, and are random there."""

import itertools
import math

import jax
import jaxtyping
import numpy as np
import pytest
from scipy import optimize, stats

from jaxlab.inverse import sampling

KEY = jax.random.key(0)
SPARSITIES = (13, 18, 35, 50, 54)
transforms = pytest.mark.parametrize("transform", ["fourier", "walsh"])


def interval(place, side, count, transform):
    """The dyadic interval of one place, from its definition."""
    first = side >> (count - 1)
    if transform == "walsh":
        return 0 if place < first else 1 + int(math.log2(place / first))
    frequency = place - side // 2
    distance = abs(frequency + 0.5) - 0.5
    return 0 if distance < first / 2 else 1 + int(math.log2(distance / (first / 2)))


def bands(side, count, transform, dimensions):
    line = [interval(place, side, count, transform) for place in range(side)]
    return np.stack(np.meshgrid(*[line] * dimensions, indexing="ij"))


def density(sparsities, k, transform):
    """The formula of the paper's code, one band at a time."""
    total = 0.0
    for level, sparsity in enumerate(sparsities):
        power = sum(abs(level - part) for part in k)
        if transform == "fourier":
            power += 2 * max(0, level - max(k))
        total += sparsity / 2**power
    return total * (2 if transform == "fourier" and 0 in k else 1)


@pytest.mark.parametrize("dimensions", [1, 2])
@transforms
def test_the_density_is_that_of_the_formula(transform, dimensions):
    found = sampling.density(SPARSITIES, dimensions, transform)
    for k in itertools.product(range(5), repeat=dimensions):
        assert found[k] == pytest.approx(density(SPARSITIES, k, transform), rel=1e-14)


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.35, 0.9, 1.0])
@pytest.mark.parametrize("shape", [(64,), (64, 64)])
@transforms
def test_every_band_has_its_share_up_to_one_and_the_total_is_exact(transform, shape, rate):
    mask = sampling.density_adapted(KEY, shape, rate, SPARSITIES, transform)
    assert mask.shape == shape
    assert mask.sum() == round(rate * mask.size)
    k = bands(64, 5, transform, len(shape))
    flat = np.ravel_multi_index(k, (5,) * len(shape)).ravel()
    sizes, counts = np.bincount(flat), np.bincount(flat, mask.ravel())
    shares = np.array(
        [density(SPARSITIES, k, transform) for k in itertools.product(range(5), repeat=len(shape))]
    )
    if rate < 1:
        factor = optimize.brentq(
            lambda c: np.minimum(c * shares, sizes).sum() - mask.sum(), 0.0, 1e4, xtol=1e-14
        )
        assert (abs(counts - np.minimum(factor * shares, sizes)) < 1 + 1e-6).all()


@pytest.mark.parametrize("draw", ["uniform", "walsh", "fourier"])
def test_within_a_band_every_place_is_equally_likely(draw):
    """Counts over 400 keys; chi-squared at the error rate 1e-4 for every band that is not full."""
    shape, repeats = (8, 8), 400
    if draw == "uniform":
        masks = [sampling.uniform(key, shape, 0.3) for key in jax.random.split(KEY, repeats)]
        band = np.zeros(shape, int)
    else:
        masks = [
            sampling.density_adapted(key, shape, 0.3, (4, 9, 20), draw)
            for key in jax.random.split(KEY, repeats)
        ]
        band = np.ravel_multi_index(bands(8, 3, draw, 2), (3, 3))
    assert {int(mask.sum()) for mask in masks} == {19}
    total = np.sum(masks, axis=0)
    tested = 0
    for places in (band == b for b in np.unique(band)):
        rate = total[places].mean() / repeats
        if 0 < rate < 1:
            # Of a fixed number of places: variances are larger by size / (size - 1) than counted.
            size = places.sum()
            spread = repeats * rate * (1 - rate) * size / (size - 1)
            statistic = ((total[places] - repeats * rate) ** 2).sum() / spread
            assert stats.chi2.sf(statistic, size - 1) > 1e-4
            assert stats.chi2.cdf(statistic, size - 1) > 1e-4
            tested += 1
    assert tested > (draw != "uniform")


def test_a_mask_is_a_function_of_its_key():
    other = jax.random.key(1)
    for draw in (
        lambda key: sampling.uniform(key, (16, 16), 0.5),
        lambda key: sampling.density_adapted(key, (16, 16), 0.5, (4, 9), "walsh"),
    ):
        np.testing.assert_array_equal(draw(KEY), draw(KEY))
        assert (draw(KEY) != draw(other)).sum() > 30


def test_an_unknown_transform_is_named():
    with pytest.raises((ValueError, jaxtyping.TypeCheckError), match="transform"):
        sampling.density((1, 2), 1, "cosine")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((8, 8), 1.5, (1, 1), "walsh"), "rate: got 1.5, expected"),
        (((8, 4), 0.5, (1, 1), "walsh"), "shape: got .8, 4., expected"),
        (((8, 8), 0.5, (0, 0), "walsh"), "sparsities: got .0, 0., expected"),
        (((8, 8), 0.5, (), "walsh"), "sparsities: got .., expected"),
        (((8, 8), 0.5, (1, -1), "walsh"), "sparsities: got .1, -1., expected"),
        (((8,), 0.5, (1,) * 5, "walsh"), "levels: got 4 for sides .8,., expected"),
        (((8,), 0.5, (1,) * 4, "fourier"), "sparsities: got 4 levels for 8 frequencies"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        sampling.density_adapted(KEY, *arguments)
    if "rate" in message:
        with pytest.raises(ValueError, match=message):
            sampling.uniform(KEY, *arguments[:2])
