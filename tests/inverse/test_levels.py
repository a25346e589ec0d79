"""Sparsity in levels and its constants against identities, brute force and values by hand."""

import itertools
import math

import numpy as np
import pytest

from jaxlab.inverse import images, levels, wavelets
from jaxlab.inverse.levels import Constants, Levels

UNEVEN = Levels((4, 9, 1), (0.5, 2.0, 3.0))


def test_places_are_nested_squares():
    assert levels.places((8, 4), 2).tolist() == [
        [0, 1, 2, 2],
        [0, 1, 2, 2],
        [1, 1, 2, 2],
        [1, 1, 2, 2],
        *[[2, 2, 2, 2]] * 4,
    ]
    np.testing.assert_array_equal(levels.places((6,), 0), np.zeros(6))


def test_places_are_those_of_the_wavelets():
    """An image of constant blocks of size 2 has all its coefficients above the finest level."""
    blocks = np.kron(np.random.default_rng(2).random((8, 8)), np.ones((2, 2))).astype("float32")
    coefficients = np.asarray(wavelets.synthesis(1, 3, 2).adjoint(blocks))
    where = levels.places((16, 16), 3)
    assert (coefficients[where == 3] == 0).all()
    assert (coefficients[where < 3] != 0).all()


def test_the_phantom_has_the_sparsities_of_the_reference(x64):
    """Five levels, of which the two coarsest were added up: 13, 18, 35, 50, 54."""
    coefficients = np.asarray(wavelets.synthesis(1, 5, 2).adjoint(images.phantom(64)))
    found = levels.sparsities(coefficients, 5, threshold=0.5)
    assert (sum(found[:2]), *found[2:]) == (13, 18, 35, 50, 54)


def test_balanced_weights_give_every_level_its_share():
    """xi = r s, zeta = s, kappa = r, for r levels and s entries in all."""
    found = levels.balanced((13, 18, 35, 50, 54))
    assert found.sparsities == (13, 18, 35, 50, 54)
    assert found.xi == pytest.approx(5 * 170, rel=1e-15)
    assert found.zeta == pytest.approx(170, rel=1e-15)
    assert found.kappa == pytest.approx(5, rel=1e-15)
    assert levels.balanced((1, 0, 1, 1, 1, 1, 1)).weights == (math.sqrt(7),) * 7


def test_uneven_levels_by_hand():
    """w^2 s = 1, 36, 9."""
    assert (UNEVEN.xi, UNEVEN.zeta, UNEVEN.kappa) == (46.0, 1.0, 46.0)


def test_weights_stand_where_the_levels_are():
    found = levels.weights(UNEVEN, (4, 4))
    np.testing.assert_array_equal(found, np.take([0.5, 2.0, 3.0], levels.places((4, 4), 2)))
    assert found[0, 0] == 0.5
    assert found[1, 1] == 2.0
    assert found[3, 0] == 3.0


def supports(sparsities, size):
    """Every set with at most so many places in every level, as masks."""
    where = levels.places((size,), len(sparsities) - 1)
    for mask in itertools.product([False, True], repeat=size):
        counts = np.bincount(where[list(mask)], minlength=len(sparsities))
        if (counts <= sparsities).all():
            yield np.array(mask)


def test_no_other_support_is_nearer():
    sparse = Levels((1, 0, 2), (0.5, 2.0, 3.0))
    x = np.random.default_rng(0).normal(size=(8, 2)) @ [1, 1j]
    error = levels.weights(sparse, (8,)) * abs(x)
    best = min(error[~mask].sum() for mask in supports(sparse.sparsities, 8))
    assert levels.distance(x, sparse) == pytest.approx(best, rel=1e-15)
    kept = levels.support(x, sparse.sparsities)
    assert error[~kept].sum() == pytest.approx(best, rel=1e-15)
    assert kept.sum() == 3


def test_of_equal_coefficients_the_first_are_kept_and_there_may_be_fewer_than_asked():
    kept = levels.support(np.array([[1.0, 1.0], [-1.0, 2.0]]), (5, 2))
    assert kept.tolist() == [[True, True], [False, True]]


@pytest.mark.parametrize(("rho", "gamma"), [(0.25, 1.0), (0.5, 3.0), (0.9, 0.1)])
def test_the_constants_are_the_usual_ones_of_a_slightly_worse_operator(rho, gamma):
    """With ((1 + rho) / 2, 2 gamma) in place of (rho, gamma)."""
    worse, larger = (1 + rho) / 2, 2 * gamma
    root = UNEVEN.kappa**0.25
    found = levels.constants(UNEVEN, rho, gamma)
    first = (worse + (1 + worse) * root / 2) * (1 + worse) / (1 - worse)
    second = ((1 + worse) / (1 - worse) + (3 + worse) / (1 - worse) * root / 2) * larger
    assert found.sparse == pytest.approx(first, rel=1e-14)
    assert found.noise == pytest.approx(second, rel=1e-14)


def test_the_distance_inequality_holds_for_an_isometry():
    """The identity has the property with any rho and gamma = 1; z are random, sparse or not."""
    rng = np.random.default_rng(1)
    sparse = levels.balanced((1, 1, 2))
    found = levels.constants(sparse, 0.01, 1.0)
    lam = levels.regularisation(sparse, found)
    weights = levels.weights(sparse, (8,))
    ratios = []
    for _ in range(300):
        x, z, y = rng.normal(size=(3, 8)) * 10.0 ** rng.uniform(-3, 1, (3, 1))

        def objective(z, y=y):
            return lam * weights @ abs(z) + np.linalg.norm(z - y)

        bound = (
            found.noise * (objective(z) - objective(x))
            + 2 * found.sparse * levels.distance(x, sparse) / math.sqrt(sparse.xi)
            + 2 * found.noise * np.linalg.norm(x - y)
        )
        ratios.append(np.linalg.norm(z - x) / bound)
    assert min(ratios) > 0
    assert 0.01 < max(ratios) <= 1


def test_iterations_and_the_error_bound_by_hand():
    """xi = 46; p = ceil(3 * 2 * 1.5 / 0.4) = ceil(22.5)."""
    found = Constants(3.0, 2.0)
    assert levels.iterations(found, norm=1.5, nu=0.4) == 23
    assert levels.regularisation(UNEVEN, found) == 3 / (2 * math.sqrt(46))
    bound = levels.error_bound(
        UNEVEN, found, distance=0.1, noise=0.01, size=7.0, nu=0.5, delta=0.5, restarts=4
    )
    by_hand = 0.6 / math.sqrt(46) + 4 * 0.01 + 3 * 2 * 0.5 + 7 * 2 / 16
    assert bound == pytest.approx(by_hand, rel=1e-14)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: levels.places((12,), 3), "levels: got 3 for sides .12,., expected"),
        (lambda: levels.places((4, 4, 4), 1), "dimensions: got 3, expected 1 or 2"),
        (lambda: levels.places((4,), -1), "levels: got -1"),
        (lambda: levels.balanced(()), "sparsities: got .., expected"),
        (lambda: levels.balanced((3, -1)), "sparsities: got .3, -1., expected"),
        (lambda: levels.constants(UNEVEN, 1.0, 1.0), "rho, gamma: got 1.0, 1.0, expected"),
        (lambda: levels.constants(UNEVEN, 0.5, 0.0), "rho, gamma: got 0.5, 0.0, expected"),
        (
            lambda: levels.error_bound(
                Levels((1,), (1.0,)),
                Constants(1.0, 1.0),
                distance=1.0,
                noise=1.0,
                size=1.0,
                nu=0.5,
                delta=3.9,
                restarts=1,
            ),
            "delta: got 3.9, expected at least 4.0",
        ),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
