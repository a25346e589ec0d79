"""The staircase in exact integers: its steps, the plane, and claims that wrong integers refute."""

import numpy as np
import pytest

from jaxlab.studies._judging import judged
from jaxlab.studies._study import place
from jaxlab.studies.barrier import claims_staircase, staircase
from jaxlab.studies.barrier.config import Config

TINY = Config(
    staircase_formats=("float64", "float32", "float16", "float8_e4m3fn"),
    staircase_digits=(3, 4),
    staircase_gaps=50,
    staircase_bits=6,
)


@pytest.fixture(scope="module")
def computed():
    dataset = staircase.template(TINY).load()
    for cell in staircase.cells(TINY):
        place(dataset, cell, staircase.compute(TINY, cell))
    return dataset


def refuted(dataset):
    claims = judged(claims_staircase.JUDGES, "source", dataset)
    return [claim.statement for claim in claims if claim.verdict == "refuted"], claims


def test_what_is_computed_supports_every_claim(computed):
    assert not any(np.isnan(variable).any() for variable in computed.data_vars.values())
    assert [claim.verdict for claim in refuted(computed)[1]] == ["supported"] * 7


@pytest.mark.parametrize(
    ("name", "digits", "n", "expected"),
    [
        ("float32", 4, (0, 10, 11, 16, 17, 49), (4, 4, 3, 3, 2, 2)),
        ("float64", 3, (43, 44, 46, 47), (3, 2, 2, 1)),
        ("float16", 3, (1, 2, 11, 12), (3, 2, 2, 1)),
    ],
)
def test_steps_are_where_the_reference_has_them(computed, name, digits, n, expected):
    own = computed.staircase_obtained.sel(staircase_format=name, staircase_digits=digits)
    got = np.minimum(own.sel(staircase_gap=list(n)).values, digits)
    assert tuple(got) == expected


def test_numpy_float32_loses_the_same_digits(computed):
    """The same problem solved in NumPy: rows stored by casts, error against the truth."""
    for n in (10, 11, 16, 17):
        square = 0.0
        for k in (4, 3):
            alpha = np.sqrt(2) * 10.0**k / 3
            low, high = np.float32(alpha), np.float32(alpha + 2.0 ** -(n + 1))
            seen = [0, 1 / high] if high > low else [0.5 / low, 0.5 / low]
            square += np.sum((np.array(seen) - [0, 1 / (alpha + 2.0 ** -(n + 1))]) ** 2)
        expected = computed.staircase_obtained.sel(
            staircase_format="float32", staircase_digits=4, staircase_gap=n
        )
        assert int(expected) == np.floor(-np.log10(np.sqrt(square)))


def test_overflow_is_told_from_missing(computed):
    own = computed.staircase_obtained.sel(staircase_format="float8_e4m3fn")
    assert (own == staircase.OVERFLOW).all()
    lost = computed.staircase_lost.sel(staircase_format="float8_e4m3fn").values
    assert lost.tolist() == [4, -2, *[-np.inf] * 6]


def test_missing_cells_make_claims_inconclusive():
    empty = staircase.template(TINY).load()
    assert {claim.verdict for claim in refuted(empty)[1]} == {"inconclusive"}


@pytest.mark.parametrize(
    ("name", "at", "value", "statements"),
    [
        ("lost", (1, 3), 12, {"The gap 2^-(n+1)", "In every format"}),
        ("lost", (2, 4), -6, {"No format loses"}),
        ("obtained", (0, 1, 40), 4, {"The staircase", "In every format"}),
        ("obtained", (2, 1, 8), 3, {"In every format"}),
        ("plane", (1, 0, 2, 4), 3, {"Exact arithmetic"}),
        ("plane", (1, 1, 2, 3), 3, {"Exact arithmetic"}),
        ("plane", (0, 0, 2, 3), 2, {"Input read"}),
    ],
)
def test_wrong_integers_refute(computed, name, at, value, statements):
    dataset = computed.copy(deep=True)
    dataset[f"staircase_{name}"][at] = value
    found, _ = refuted(dataset)
    assert len(found) == len(statements), found
    assert all(any(text.startswith(start) for text in found) for start in statements), found
