"""Claims in exact integers: where formats lose the gap, and the staircase of digits in it."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from jaxlab.inverse import noncomputable
from jaxlab.studies._arithmetics import format_of
from jaxlab.studies._judging import judge, need
from jaxlab.studies._study import Claim
from jaxlab.studies.barrier.staircase import OVERFLOW, PLANE

_REFERENCE = "barrier.md, 5.4: measured there, exact"
_THEOREM = "Colbrook, Antun, Hansen, PNAS 2022, arXiv 2101.08286, theorem 2; "

_LOST = {
    "bfloat16": (5, 2, -1),
    "float16": (8, 12, 2),
    "float32": (23, 18, 17, 11, 8, 5, 4, -1),
    "float64": (50, 47, 44, 40, 38, 34, 30, 27),
}
"""The reference's smallest ``n`` at which the gap is lost, for ``K = 1, 2, ...``."""

_STAIRS = {
    ("float32", 4): {4: 0, 3: 11, 2: 17},
    ("float64", 4): {4: 0, 3: 40, 2: 44},
    ("float64", 3): {3: 0, 2: 44, 1: 47},
    ("float32", 5): {5: 0, 4: 8, 3: 11},
    ("float16", 3): {3: 0, 2: 2, 1: 12},
}
"""The reference's staircases: digits, and the ``n`` from which on no more are obtained."""

_COARSE = 1 / 21.2
"""Unit roundoff above which the row for ``K - 1``, resolved or not, alone costs the ``K``-th digit:
its solution is ``2.12 * 10**-(K-1)``, up to this relative error."""


def _reference(dataset: xr.Dataset) -> list[Claim]:
    statement = "The gap 2^-(n+1) beside alpha is lost from the n on that the reference lists"
    need(statement, dataset.staircase_lost)
    expected = {
        name: [n for k, n in enumerate(listed, 1) if k in dataset.staircase_rows]
        for name, listed in _LOST.items()
        if name in dataset.staircase_format
    }
    found = {
        name: _integers(dataset.staircase_lost.sel(staircase_format=name))
        for name in dataset.staircase_format.values
    }
    right = all(found[name][: len(listed)] == listed for name, listed in expected.items())
    return [
        Claim(
            f"{statement}: K = 1, 2, ...",
            _REFERENCE,
            "; ".join(f"{name}: {_listed(listed)}" for name, listed in expected.items()),
            "; ".join(f"{name}: {_listed(listed)}" for name, listed in found.items()),
            "exact integers",
            judge(right, not right),
        )
    ]


def _integers(values: xr.DataArray) -> list[float | int]:
    return [value if value == OVERFLOW else int(value) for value in values.values]


def _listed(values: Sequence[float | int]) -> str:
    return ", ".join("overflow" if value == OVERFLOW else str(value) for value in values)


def _law(dataset: xr.Dataset) -> list[Claim]:
    statement = "No format loses the gap before n = t - 1 - floor(log2 alpha)"
    lost = dataset.staircase_lost
    need(statement, lost)
    extra = []
    for name, k in itertools.product(lost.staircase_format.values, lost.staircase_rows.values):
        n = float(lost.sel(staircase_format=name, staircase_rows=k))
        least = format_of(name).precision - 1 - int(np.log2(float(noncomputable.alpha(int(k)))))
        if n != OVERFLOW:
            extra.append(int(n) - least)
    counts = [f"{bits}: {extra.count(bits)}" for bits in sorted(set(extra))]
    return [
        Claim(
            statement,
            f"a gap of a spacing is seen; {_REFERENCE}: t - 2 - log2 alpha and a few bits",
            "0 or more bits later, by where alpha lies between two numbers of the format",
            f"bits later: number of cases; {'; '.join(counts)}",
            "exact integers",
            judge(min(extra) >= 0, min(extra) < 0),
        )
    ]


def _stairs(dataset: xr.Dataset) -> list[Claim]:
    statement = "The staircase K, K-1, K-2 has its steps where the reference found them"
    digits = dataset.staircase_obtained
    expected, found = [], []
    for (name, k), steps in _STAIRS.items():
        if name in digits.staircase_format and k in digits.staircase_digits:
            own = digits.sel(staircase_format=name, staircase_digits=k)
            need(statement, own)
            expected.append(_steps(name, k, steps))
            found.append(_steps(name, k, _fall(own, k)))
    if not expected:
        return []
    return [
        Claim(
            statement,
            f"{_THEOREM}{_REFERENCE}",
            "; ".join(expected),
            "; ".join(found),
            "exact integers, least of four problems",
            judge(found == expected, found != expected),
        )
    ]


def _fall(digits: xr.DataArray, k: int) -> dict[int, int]:
    """Digits, none above ``K`` counted, and the ``n`` from which on no more are obtained."""
    values = np.minimum(digits.values, k)
    return {int(value): int(np.argmax(values == value)) for value in np.unique(values)[::-1]}


def _steps(name: str, k: int, steps: Mapping[int, int]) -> str:
    return f"{name} K={k}: " + ", ".join(f"{value} from n={n}" for value, n in steps.items())


def _formats(dataset: xr.Dataset) -> list[Claim]:
    statement = (
        "In every format digit K is lost with the gap of its row, K-1 with that of the other row"
    )
    lost, digits = dataset.staircase_lost, dataset.staircase_obtained
    need(statement, lost, digits)
    wrong, coarse, cases = [], [], 0
    for name, k in itertools.product(
        digits.staircase_format.values, map(int, digits.staircase_digits.values)
    ):
        rows = lost.sel(staircase_format=name)
        own = digits.sel(staircase_format=name, staircase_digits=k).values
        if k not in rows.staircase_rows or OVERFLOW in own:
            continue
        n, cases = digits.staircase_gap.values, cases + 1
        first, second = (float(rows.sel(staircase_rows=row)) for row in (k, k - 1))
        predicted = np.where(n >= second, k - 2, np.where(n >= first, k - 1, k))
        if (np.minimum(own, k) != predicted).any():
            where = coarse if format_of(str(name)).unit_roundoff > _COARSE else wrong
            where.append(f"{name} K={k}")
    return [
        Claim(
            statement,
            f"{_THEOREM}three-tier family derived for jaxlab (barrier.md, 2.4)",
            f"all formats with u <= {_COARSE:.3f}; coarser ones lose digit K to the other row",
            f"{cases} staircases; exceptions: {', '.join(wrong) or 'none'}; among coarser formats: "
            f"{', '.join(coarse) or 'none'}",
            "exact integers, least of four problems",
            judge(not wrong, bool(wrong)),
        )
    ]


def _plane(dataset: xr.Dataset) -> list[Claim]:
    statement = "Exact arithmetic, input known to 2^-m by an adversary"
    plane = dataset.staircase_plane.sel(staircase_reading="adversary")
    need(statement, plane)
    n, m = plane.staircase_row, plane.staircase_bits
    seen = (m >= n + 2).transpose("staircase_row", "staircase_bits").values
    rows = {
        "equal": (PLANE, "digit K is obtained exactly when m >= n + 2: the gap must be waited for"),
        "hidden": (
            PLANE - 1,
            "a gap that is not seen: never K digits, K-1 exactly when m >= n + 2, K-2 always",
        ),
    }
    claims = []
    for above, (most, text) in rows.items():
        own = np.minimum(plane.sel(staircase_above=above).values, PLANE)
        law = np.where(seen, most, PLANE - 2)
        claims.append(
            Claim(
                f"{statement}: {text}",
                f"{_THEOREM}balls of radius 2^-m about matrices 2^-n/sqrt(2) apart are disjoint "
                "from m = n + 2 on",
                f"K={PLANE}: {most} digits for m >= n + 2, {PLANE - 2} below",
                f"{int((own == law).sum())} of {own.size} points of the plane agree; digits "
                f"{own[seen].min():g} to {own[seen].max():g} and "
                f"{own[~seen].min():g} to {own[~seen].max():g}",
                "exact integers, least of four problems",
                judge(bool((own == law).all()), bool((own != law).any())),
            )
        )
    return claims


def _nearest(dataset: xr.Dataset) -> list[Claim]:
    statement = "Input read to the nearest multiple of 2^-m shows the gap from m = n + 1 on, always"
    plane = dataset.staircase_plane.sel(staircase_reading="nearest", staircase_above="equal")
    need(statement, plane)
    own = plane.transpose("staircase_row", "staircase_bits").values >= PLANE
    n, m = np.meshgrid(plane.staircase_row.values, plane.staircase_bits.values, indexing="ij")
    late, early = own[m >= n + 1], own[m <= n]
    return [
        Claim(
            statement,
            "a multiple of the spacing is kept; derived for jaxlab",
            f"K={PLANE} digits at all points with m >= n + 1; below, by luck only",
            f"{late.sum()} of {late.size}; below {early.sum()} of {early.size}",
            "exact integers, least of four problems",
            judge(bool(late.all()), not late.all()),
        )
    ]


JUDGES = (_reference, _law, _stairs, _formats, _plane, _nearest)
