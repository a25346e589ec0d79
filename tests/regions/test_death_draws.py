"""Networks drawn by number: the generator, the laws, and that nothing depends on chunks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxlab.networks import initialisers
from jaxlab.regions import death
from jaxlab.regions._death import count as _death_count
from jaxlab.regions._death import draws as _death_draws

KEY = jax.random.key(11)
WIDTHS = (1, 2, 2, 2, 1)
GAUSSIAN = initialisers.gaussian()  # compiled once


@pytest.mark.parametrize(
    ("key", "counter", "expected"),
    [
        # Known answers of the Random123 distribution, threefry2x32 with 20 rounds.
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 2, (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_the_cipher_has_its_known_answers(key, counter, expected):
    words = [jnp.asarray(word, jnp.uint32) for word in counter]
    found = _death_draws.threefry(jnp.asarray(key, jnp.uint32), *words)
    assert tuple(int(word) for word in found) == expected


def test_a_network_depends_on_its_number_alone():
    law = initialisers.pytorch()
    some = death.networks(KEY, WIDTHS, law, [5, 900, 7])
    other = death.networks(KEY, (1, 2, 2, 2, 2, 2, 1), law, [900])
    for here, there in zip(some[:3], other[:3], strict=True):
        assert np.array_equal(here.weight[1:2], there.weight)
        assert np.array_equal(here.bias[1:2], there.bias)
    assert len({float(x) for x in np.ravel(some[1].weight)}) == 12


def test_counts_do_not_depend_on_the_chunks(monkeypatch):
    law = GAUSSIAN
    whole = death.count(KEY, WIDTHS, law, -1.0, 1.0, 1001)
    monkeypatch.setattr(_death_count, "_ENTRIES", 4 * 64)
    parts = death.count(KEY, WIDTHS, law, -1.0, 1.0, 1001)
    for one, other in zip(whole, parts, strict=True):
        assert np.array_equal(one, other)


def test_a_depth_counts_the_dead_of_every_smaller_depth():
    law = GAUSSIAN
    deep = death.count(KEY, WIDTHS, law, -1.0, 1.0, 2000)
    flat = death.count(KEY, WIDTHS[:-2] + (1,), law, -1.0, 1.0, 2000)
    assert flat.by_layer.tolist() == deep.by_layer[:2].tolist()


def test_formats_differ_by_rounding_alone():
    law = GAUSSIAN
    wide, half = (
        death.networks(KEY, WIDTHS, law, range(50), fmt=f) for f in ("float64", "float16")
    )
    for a, b in zip(jax.tree.leaves(wide), jax.tree.leaves(half), strict=True):
        assert b.dtype == jnp.float16
        np.testing.assert_array_equal(np.asarray(a).astype(np.float16), b)


def test_weights_follow_the_law():
    # Kolmogorov-Smirnov at error rate 1e-6, weights and biases pooled by kind.
    params = death.networks(KEY, WIDTHS, GAUSSIAN, range(5000))
    for leaf in (params[0].weight, params[1].weight, params[1].bias):
        assert stats.kstest(np.ravel(leaf), "norm").pvalue > 1e-6


def test_the_asymmetric_law_rarely_dies():
    symmetric = death.count(KEY, WIDTHS, GAUSSIAN, 0.0, 1.0, 4000)
    randomised = death.count(KEY, WIDTHS, initialisers.randomised_asymmetric(), 0.0, 1.0, 4000)
    assert randomised.dead < 0.6 * symmetric.dead
