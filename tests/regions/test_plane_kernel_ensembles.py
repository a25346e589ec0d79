"""`plane.count` gives the same counts in the kernel as on the host, whatever the chunks."""

import jax
import numpy as np
import pytest

from jaxlab.regions import plane
from jaxlab.regions._plane import ensembles as _plane_ensemble
from tests.regions import degenerate, networks

BOX = plane.box(-1.0, 1.0)
WIDTHS = (2, 10, 1)


@pytest.fixture(scope="module")
def ensemble():
    rng = np.random.default_rng(5)
    return networks.stack([networks.he(rng, WIDTHS, bias) for bias in [0.1, 0.5] * 20])


def test_chunks_do_not_change_the_counts(ensemble):
    exact = plane.count(ensemble, BOX, compiled=False)
    assert exact.exact.all()
    for options in ({}, {"batch": 7}):
        found = plane.count(ensemble, BOX, compiled=True, **options)
        for field, expected in zip(found, exact, strict=True):
            np.testing.assert_array_equal(field, expected)
            assert field.dtype == expected.dtype


@pytest.mark.parametrize(("nets", "polygons"), [(1, 3), (5, 1), (5, 3)])
def test_axes_are_those_that_were_given(nets, polygons):
    rng = np.random.default_rng(nets + polygons)
    params = networks.stack([networks.he(rng, (6, 7, 1)) for _ in range(nets)])
    slices = np.stack([plane.through(rng.normal(size=(3, 6))) for _ in range(polygons)])
    if nets == 1:
        params = jax.tree.map(lambda leaf: leaf[0], params)
    if polygons == 1:
        slices = slices[0]
    exact = plane.count(params, slices, compiled=False)
    found = plane.count(params, slices, compiled=True, batch=4)
    assert found.regions.shape == (nets,) * (nets > 1) + (polygons,) * (polygons > 1)
    np.testing.assert_array_equal(found.regions, exact.regions)


def test_what_overflows_is_counted_on_the_host(ensemble, monkeypatch):
    exact = plane.count(ensemble, BOX, compiled=False)
    monkeypatch.setattr(_plane_ensemble, "_factor", lambda *_: 0.4)
    found = plane.count(ensemble, BOX, compiled=True)
    np.testing.assert_array_equal(found.regions, exact.regions)
    assert found.exact.all()


def test_what_overflows_is_counted_with_more_room_where_that_pays(ensemble, monkeypatch):
    exact = plane.count(ensemble, BOX, compiled=False)
    rooms = []
    run = _plane_ensemble._run

    def spy(ensemble, index, room, batch):
        rooms.append((len(index), room[-1].points))
        return run(ensemble, index, room, batch)

    monkeypatch.setattr(_plane_ensemble, "_run", spy)
    monkeypatch.setattr(_plane_ensemble, "_factor", lambda *_: 0.2)
    monkeypatch.setattr(_plane_ensemble, "_pays", lambda _, units, *rest: units > 0)
    found = plane.count(ensemble, BOX)
    np.testing.assert_array_equal(found.regions, exact.regions)
    (first, small), (second, large), *_ = rooms
    assert 0 < second < first == 40
    assert large > 1.5 * small


def test_degenerate_networks_are_counted_on_the_host():
    rng = np.random.default_rng(0)
    makers = degenerate.NETWORKS.values()
    params = networks.stack([make(rng, (2, 6, 6, 1)) for make in makers for _ in range(6)])
    exact = plane.count(params, BOX, compiled=False)
    found = plane.count(params, BOX, compiled=True)
    for field, expected in zip(found, exact, strict=True):
        np.testing.assert_array_equal(field, expected)


def test_networks_that_are_not_finite_and_limits_are_as_on_the_host(ensemble):
    broken = jax.tree.map(np.copy, ensemble)
    broken[0].weight[3, 0, 0] = np.inf
    broken[-1].bias[5, 0] = np.nan
    for limit in (2**24, 40):
        exact = plane.count(broken, BOX, compiled=False, limit=limit)
        found = plane.count(broken, BOX, compiled=True, limit=limit)
        for field, expected in zip(found, exact, strict=True):
            np.testing.assert_array_equal(field, expected)
    assert found.regions[[3, 5]].tolist() == [-1, -1]
    assert 0 < found.exact.sum() < 38


def test_small_ensembles_are_not_compiled(ensemble, monkeypatch):
    monkeypatch.setattr(_plane_ensemble, "_run", None)
    assert plane.count(ensemble, BOX).exact.all()


def test_large_ensembles_of_networks_that_fit_are_worth_a_compilation():
    def pays(widths, units):
        return _plane_ensemble._pays(_plane_ensemble.Ensemble(None, units, widths, 4), units)

    assert pays((2, 32, 32, 32, 1), 10_000)
    assert not pays((2, 32, 32, 32, 1), 100)
    assert not pays((2, 2000, 2000, 2000, 1), 10_000)


def test_pieces_are_not_counted_in_the_kernel(ensemble):
    with pytest.raises(ValueError, match=r"pieces: got True with compiled=True, expected"):
        plane.count(ensemble, BOX, pieces=True, compiled=True)
