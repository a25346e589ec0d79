"""Limits, bad arguments, networks that are not finite, and every format of numbers."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.networks.mlp import Layer
from jaxlab.regions import cells, line
from jaxlab.regions._cells import cut as _lattice_cut
from jaxlab.regions._cells import lattice as _lattice
from tests.regions import networks, oracle

NET = networks.layers(networks.he(np.random.default_rng(0), (3, 6, 5, 1)))
CALLS = [cells.count, cells.enumerate, cells.certify]


def test_beyond_the_limit_the_count_is_a_lower_bound():
    whole = cells.count(NET, -1.0, 1.0)
    cut = cells.count(NET, -1.0, 1.0, limit=20)
    assert 20 < cut.regions < whole.regions
    assert (cut.exact, whole.exact) == (False, True)
    assert cells.count(NET, -1.0, 1.0, limit=whole.regions).exact
    with pytest.raises(ValueError, match="limit: got 20, expected at least"):
        cells.enumerate(NET, -1.0, 1.0, limit=20)


def test_counting_and_enumerating_agree():
    one, two = cells.count(NET, -1.0, 1.0), cells.enumerate(NET, -1.0, 1.0)
    assert (one.f_vector == two.f_vector).all()
    assert one.regions == len(two.patterns)


@pytest.mark.parametrize("call", CALLS)
def test_boxes_must_have_an_inside(call):
    for upper in (-1.0, [1.0, -1.0, 1.0], -2.0, np.inf, np.nan):
        with pytest.raises(ValueError, match="upper: got"):
            call(NET, -1.0, upper)
    with pytest.raises(ValueError, match=r"lower: got shape \(2,\)"):
        call(NET, [0.0, 0.0], 1.0)


@pytest.mark.parametrize("call", CALLS)
def test_an_ensemble_is_refused(call):
    with pytest.raises(ValueError, match="ensemble"):
        call(tuple(Layer(w[None], b[None]) for w, b in NET), -1.0, 1.0)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e308])
@pytest.mark.parametrize("index", range(len(NET)))
def test_networks_that_are_not_finite_are_told(value, index):
    params = list(NET)
    params[index] = params[index]._replace(weight=np.full_like(NET[index].weight, value))
    if index:
        params[0] = params[0]._replace(weight=params[0].weight * 10)
    found = cells.count(tuple(params), -1.0, 1.0)
    assert (found.regions, found.exact) == (-1, False)
    proved = cells.certify(tuple(params), -1.0, 1.0)
    assert (proved.lower, proved.certified) == (-1, False)
    with pytest.raises(ValueError, match="not finite"):
        cells.enumerate(tuple(params), -1.0, 1.0)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32])
def test_narrow_formats_are_converted_exactly(x64_both, dtype):
    narrow = tuple(Layer(jnp.asarray(w, dtype), jnp.asarray(b, dtype)) for w, b in NET)
    wide = tuple(Layer(*(np.asarray(leaf, np.float64) for leaf in layer)) for layer in narrow)
    one, two = cells.enumerate(narrow, -1.0, 1.0), cells.enumerate(wide, -1.0, 1.0)
    assert np.array_equal(one.points, two.points)
    assert np.array_equal(cells.maps(narrow, one.patterns), cells.maps(wide, two.patterns))


@pytest.mark.parametrize("make", [networks.he, networks.degenerate])
def test_one_dimension_is_the_line(make):
    rng = np.random.default_rng(4)
    for widths in [(1, 8, 1), (1, 6, 6, 1), (1, 5, 5, 5, 2)] * 10:
        params = make(rng, widths)
        exact = oracle.line(params, -2.0, 3.0)
        found = cells.enumerate(networks.layers(params), -2.0, 3.0)
        order = np.argsort(found.points[found.corners].reshape(-1, 2).sum(axis=1))
        assert [tuple(bits) for bits in found.patterns[order].tolist()] == exact.patterns
        assert line.count(networks.layers(params), -2.0, 3.0).regions == len(found.patterns)


def test_patterns_must_fit():
    with pytest.raises(ValueError, match="patterns: got 3 neurons, expected 11"):
        cells.maps(NET, np.ones((2, 3), bool))


def test_contradictory_signs_are_noticed():
    """A neuron whose float signs around a square alternate: no affine function has them."""
    lattice, corners = _lattice.cube(2)
    signs = np.where(corners[:, 0] == corners[:, 1], 1, -1).astype(np.int8)
    split = _lattice_cut.find(lattice, signs)
    with pytest.raises(_lattice_cut.Contradiction):
        _lattice_cut.cut(lattice, signs, split, 4)
