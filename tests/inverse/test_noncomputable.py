"""Closed forms of the problems that cannot be solved, against mpmath, SciPy and round_to."""

import math
from fractions import Fraction

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from scipy import fft

from jaxlab.arithmetic import round_to
from jaxlab.arithmetic.formats import NAMED
from jaxlab.inverse import noncomputable as nc

EXACT = mpmath.mp.clone()
EXACT.prec = 900


def alpha(digits):
    """As a number of 900 bits."""
    return EXACT.sqrt(2) * EXACT.mpf(10) ** digits / 3


def real(x):
    return EXACT.mpf(x.numerator) / x.denominator


@pytest.mark.parametrize("digits", [1, 2, 6, 20])
def test_alpha_is_cut_after_256_bits(digits):
    error = alpha(digits) - real(nc.alpha(digits))
    assert 0 < error < EXACT.mpf(2) ** -256
    assert float(nc.alpha(digits)) == float(alpha(digits))


def test_cosines_are_scipys_orthonormal_dct():
    np.testing.assert_allclose(
        nc.cosines(21), fft.dct(np.eye(21), type=2, norm="ortho", axis=0), atol=1e-15
    )


def test_a_problem_is_the_one_of_the_demonstration():
    problem = nc.problem(3, 10, 2)
    block = fft.idct(problem.matrix, type=2, norm="ortho", axis=0)
    entries = [float(alpha(3)), float(alpha(3) + EXACT.mpf(2) ** -11)]
    np.testing.assert_allclose(block[0, :2], entries, rtol=1e-14)
    np.testing.assert_allclose(
        np.linalg.svd(problem.matrix)[1], np.linalg.norm(block[0]), rtol=1e-13
    )
    np.testing.assert_allclose(problem.matrix @ problem.minimiser, problem.measured, atol=1e-15)
    assert np.flatnonzero(problem.minimiser).tolist() == [1]


@pytest.mark.parametrize("which", [1, 2])
def test_the_minimiser_is_strict_in_every_direction(which):
    """In 900 bits, so that the tie of 1e-15 is not a matter of rounding."""
    digits, n = 6, 30
    entries = [real(entry) for entry in nc.row(digits, nc.gap(n), which)]
    size = EXACT.sqrt(sum(entry**2 for entry in entries))

    def objective(z):
        residual = [entries[0] * z[0] + entries[1] * z[1] - 1, *(size * v for v in z[2:])]
        return sum(map(abs, z)) + EXACT.sqrt(sum(r**2 for r in residual))

    best = [EXACT.mpf(0)] * 5
    best[which - 1] = 1 / max(entries)
    rng = np.random.default_rng(0)
    along = [0.0] * 5  # towards the other vertex, the flattest of all directions
    along[which - 1], along[2 - which] = -1.0, float(max(entries) / min(entries))
    for direction in [along, *rng.normal(size=(50, 5))]:
        for step in (1e-3, 1e-9):
            moved = [
                b + EXACT.mpf(float(d)) * step * best[which - 1]
                for b, d in zip(best, direction, strict=True)
            ]
            assert objective(moved) > objective(best)
    other = [best[1], best[0], *best[2:]]
    assert EXACT.almosteq(
        objective(other) - objective(best), real(nc.gap(n)) / max(entries), rel_eps=1e-60
    )


def test_separation_is_the_distance_of_the_minimisers():
    first, second = (nc.problem(1, 20, which) for which in (1, 2))
    far = np.linalg.norm(first.minimiser - second.minimiser)
    assert nc.separation(1, 20) == pytest.approx(far, rel=1e-15)
    assert f"{far:.9f}" == "0.299999970"


@pytest.mark.parametrize("name", [name for name, fmt in NAMED.items() if fmt.signed])
def test_nearest_rounds_as_round_to_does(name):
    fmt = NAMED[name]
    rng = np.random.default_rng(1)
    reach = rng.uniform(max(fmt.emin, -1000) - fmt.precision - 2, min(fmt.emax, 1000) + 2, 300)
    x = rng.choice([-1, 1], 300) * 2.0**reach
    x[:200] = np.round(x[:200] / 2.0 ** np.floor(reach[:200]) * 2**fmt.precision) * 2.0 ** (
        np.floor(reach[:200]) - fmt.precision
    )  # half of them are midpoints of two numbers
    with jax.enable_x64(True):
        expected = np.asarray(round_to(jnp.asarray(x), fmt))
    for value, right in zip(x.tolist(), expected.tolist(), strict=True):
        got = nc.nearest(Fraction(value), fmt)
        if got is None:
            assert abs(value) > fmt.max
            assert not abs(right) < fmt.max
        else:
            assert float(got) == right, value


@pytest.mark.parametrize("precision", [3, 4, 8, 11, 16, 24, 53])
def test_the_lost_gap_is_that_of_mpmath(precision):
    """mpmath rounds 900 bits to ``precision`` bits, to nearest even."""
    name = {3: "e5m2", 4: "e4m3", 8: "bf16", 11: "tf32", 16: None, 24: "fp32", 53: "fp64"}[
        precision
    ]
    fmt = name or nc.Format.ieee(exponent_bits=8, precision=16)
    for digits in (1, 2):

        def stored(x):
            with EXACT.workprec(precision):
                return +x

        base = alpha(digits)
        lost = [stored(base + EXACT.mpf(2) ** -(n + 1)) == stored(base) for n in range(-20, 70)]
        assert lost.index(True) - 20 == nc.gap_lost_at(digits, fmt)
        assert all(lost[lost.index(True) :])


@pytest.mark.parametrize(
    ("fmt", "expected"),
    [
        ("bf16", [5, 2, -1]),
        ("fp16", [8, 12, 2]),
        ("fp32", [23, 18, 17, 11, 8, 5, 4, -1]),
        ("fp64", [50, 47, 44, 40, 38, 34, 30, 27]),
    ],
)
def test_the_lost_gaps_are_those_of_the_reference(fmt, expected):
    assert [nc.gap_lost_at(k, fmt) for k in range(1, len(expected) + 1)] == expected


def test_no_gap_is_lost_where_alpha_overflows():
    assert [nc.gap_lost_at(k, "fp16") is None for k in (4, 5, 6, 7)] == [False, False, True, True]


def test_vertices_minimise_the_objective_of_two_rows():
    rng = np.random.default_rng(2)
    rows = tuple(tuple(Fraction(int(v), 16) for v in rng.integers(24, 200, 2)) for _ in range(2))
    rows = (rows[0], (rows[1][0], rows[1][0]))  # a tie
    matrix = np.zeros((2, 4))
    matrix[0, :2], matrix[1, 2:] = (np.array([float(v) for v in row]) for row in rows)

    def objective(z):
        return np.abs(z).sum(axis=0) + np.linalg.norm(matrix @ z - 1, axis=0)

    found = np.array([float(v) for v in nc.vertices(rows)])
    moved = found[:, None] + rng.normal(size=(4, 10000)) * 10.0 ** rng.uniform(-6, 0, 10000)
    assert (objective(moved) >= objective(found) - 1e-15).all()
    shifted = found + [0, 0, found[2], -found[3]]
    assert objective(shifted) == pytest.approx(objective(found), abs=1e-15)


def test_midpoints_obtain_a_digit_less_for_every_tier():
    hidden = Fraction(1, 2**200)
    tie = nc.vertices(nc.tiers(4, (Fraction(0), Fraction(0)), (1, 2)))
    truth = nc.vertices(nc.tiers(4, (hidden, hidden), (1, 2)))
    error = nc.squared_distance(tie, truth)
    assert math.sqrt(error) == pytest.approx(1.5075e-3, rel=1e-4)
    assert nc.correct_digits(error) == 2


@pytest.mark.parametrize("digits", [-2, 0, 3, 9])
def test_digits_count_up_to_the_exact_boundary(digits):
    boundary = Fraction(1, 100) ** digits
    assert nc.correct_digits(boundary) == digits
    assert nc.correct_digits(boundary * (1 + Fraction(1, 10**30))) == digits - 1
    with pytest.raises(ValueError, match="squared_error"):
        nc.correct_digits(Fraction(0))


@pytest.mark.parametrize("n", [0, 3, 7])
def test_the_adversary_stays_within_its_bound_and_hides_the_gap_as_long_as_it_can(n):
    for bits in range(12):
        said = [nc.worst_reading(4, nc.gap(n), which, bits) for which in (1, 2)]
        for which, row in enumerate(said, 1):
            away = nc.squared_distance(row, nc.row(4, nc.gap(n), which))
            assert away <= Fraction(1, 4) ** bits
        assert (said[0] == said[1]) == (bits <= n + 1)
        if bits > n + 1:
            assert said[0][0] > said[0][1]
            assert said[1][0] < said[1][1]


def test_a_problem_in_a_format_has_its_numbers():
    problem = nc.problem(2, 3, 1, fmt="float16")
    assert (problem.matrix == problem.matrix.astype(np.float16)).all()
    plain = nc.problem(2, 3, 1, transformed=False, fmt="float16").matrix[0, :2]
    assert plain.tolist() == [47.1875, 47.125]


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: nc.problem(1, 10, 3), "which"),
        (lambda: nc.problem(0, 10, 1), "digits"),
        (lambda: nc.tiers(1, (nc.gap(1), nc.gap(1)), (1, 1)), "digits"),
        (lambda: nc.problem(6, 10, 1, fmt="float16"), "fmt"),
    ],
)
def test_what_there_is_not_is_refused(call, name):
    with pytest.raises(ValueError, match=f"{name}: got"):
        call()
