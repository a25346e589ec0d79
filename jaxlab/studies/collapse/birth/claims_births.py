"""Claims about networks that are born dead that have a law: closed forms, bounds, K starts."""

import itertools
from fractions import Fraction

import xarray as xr

from jaxlab.studies._comparing import Expected, compare, estimates
from jaxlab.studies._judging import interval, judge
from jaxlab.studies._statistics import simultaneous
from jaxlab.studies._study import Claim
from jaxlab.studies.collapse import best_of, inactivity, laws
from jaxlab.studies.collapse.birth import births, reference
from jaxlab.studies.collapse.birth.measuring import at_places, dead, everywhere, growth, spans

LU = "Lu, Shin, Su, Karniadakis, arXiv 1903.06733"
"""Known second-hand."""

_CHERIDITO = "Cheridito, Jentzen, Rossmannek, arXiv 2006.07075"
_DERIVED = "derived for jaxlab (collapse.md, {})"

_POSITIVE, _BOTH, _UNIFORM = births.FREE


def _closed_form(dataset: xr.Dataset) -> list[Claim]:
    return everywhere(
        "Bias-free on [0, b]: P(born dead) = 1 - (1 - 2^-N)^H in every cell",
        _DERIVED.format("D2"),
        dataset,
        [_POSITIVE],
        laws.one_ray,
        laws.one_ray,
    )


def _frontier(dataset: xr.Dataset) -> list[Claim]:
    statement = "Every layer multiplies the starts needed, 1/(1-p), by 1/(1 - 2^-N)"
    return [
        *_growth(
            f"{statement}: bias-free on [0, b], from the first layer on",
            f"{_CHERIDITO} (K must grow with depth); {_DERIVED.format('D3')}",
            dataset,
            _POSITIVE,
            tolerance=1.0,
        ),
        *_growth(
            f"{statement}: bias-free on [-a, b], once one ray is left",
            f"{LU} (Thm 3.1, second-hand); Rister, Rubin, arXiv 2007.06192: the bound is reached",
            dataset,
            _BOTH,
            tolerance=0.01,
        ),
    ]


def _growth(
    statement: str, source: str, dataset: xr.Dataset, family: str, tolerance: float
) -> list[Claim]:
    counts = births.of(dataset, family)
    chosen = spans(statement, counts, lambda width: _single(width, tolerance))
    level = simultaneous(max(1, len(chosen)))
    figures = {
        f"N={span.width} (H={span.first} to {span.last})": (
            Expected(1 / (1 - 2.0**-span.width)),
            growth(statement, counts, span, level),
        )
        for span in chosen
    }
    return compare(statement, source, figures)


def _single(width: int, tolerance: float) -> int:
    """The depth from which at most this share of the living networks has two rays left."""
    one, two = 1 - 2.0**-width, 1 - 2.0 ** (1 - width) - (width - 1) * 4.0**-width
    return next(depth for depth in itertools.count(1) if (two / one) ** (depth - 1) <= tolerance)


def _starts(dataset: xr.Dataset) -> list[Claim]:
    statement = "All K starts are dead with probability p^K (bias-free on [0, 1])"
    expected = {
        (width, depth, k): Expected(best_of.all_dead(laws.one_ray([width] * depth), k), printed)
        for (width, depth, k), printed in reference.STARTS.items()
    }
    figures = at_places(
        statement,
        dataset,
        _POSITIVE,
        expected,
        name="N={0} H={1} K={2}",
        change=lambda p, k: best_of.all_dead(laws.born_dead(p), k),
    )
    return compare(statement, _DERIVED.format("D3"), figures)


def _median(dataset: xr.Dataset) -> list[Claim]:
    claims = []
    for statement, deep in (
        ("Half of all attempts succeed with K starts: width 2, bias-free on [0, 1]", False),
        ("Half of all attempts succeed only with a million starts: the same, 50 layers", True),
    ):
        expected = {
            (width, depth): Expected(best_of.quantile(laws.one_ray([width] * depth)), printed)
            for (width, depth), printed in reference.MEDIAN_STARTS.items()
            if (depth >= 50) == deep
        }
        figures = at_places(
            statement,
            dataset,
            _POSITIVE,
            expected,
            name="H={1}",
            change=lambda p: best_of.quantile(laws.born_dead(p)),
        )
        claims += compare(statement, _DERIVED.format("D3"), figures, digits=1)
    return claims


def _one_ray(dataset: xr.Dataset) -> list[Claim]:
    claims = []
    for statement, narrow in (
        ("Bias-free on [0, b], width 2, as printed", True),
        ("Bias-free on [0, b], 9 hidden layers of width 3, 5, 10, as printed", False),
    ):
        expected = {
            (width, depth): Expected(laws.one_ray([width] * depth).probability, printed)
            for (width, depth), printed in reference.ONE_RAY.items()
            if (width == 2) == narrow
        }
        name = "H={1}" if narrow else "N={0}"
        figures = at_places(statement, dataset, _POSITIVE, expected, name=name)
        claims += compare(statement, _DERIVED.format("D2"), figures)
    statement = "The reference's own sample on [0, 1], width 2, 9 hidden layers"
    sampled = {place: estimates(*v) for place, v in reference.ONE_RAY_SAMPLED.items()}
    figures = at_places(statement, dataset, _POSITIVE, sampled, name="H={1}")
    return claims + compare(statement, "Monte Carlo estimate of collapse.md, D2", figures)


def _exact_on_both_sides(dataset: xr.Dataset) -> list[Claim]:
    claims = []
    for family in (_BOTH, _UNIFORM):
        statement = f"L = 3 is exact, 4^-N (3 - 2^(1-N)): {family}"
        expected = {
            (n, 2): Expected(float(laws.three_layers(n, n)), printed)
            for n, printed in reference.THREE_LAYERS.items()
        }
        figures = at_places(statement, dataset, family, expected, name="N={0}")
        claims += compare(statement, _DERIVED.format("2.3"), figures, digits=5)
    claims += everywhere(
        "Width 1 is exact, 1 - 2^-(L-2), bias-free on [-a, b]: normal and uniform weights",
        _DERIVED.format("2.3"),
        dataset,
        [_BOTH, _UNIFORM],
        laws.surviving_ray,
        laws.surviving_ray,
        widths=lambda width: width == 1,
    )
    statement = "One hidden layer (L = 2) is never born dead, bias-free on [-a, b]"
    widths = births.of(dataset, _BOTH).width.values
    figures = at_places(
        statement, dataset, _BOTH, {(int(n), 1): Expected(0.0) for n in widths}, name="N={0}"
    )
    return claims + compare(statement, _DERIVED.format("2.3"), figures)


def _sandwich(dataset: xr.Dataset) -> list[Claim]:
    return [
        claim
        for family in (_BOTH, _UNIFORM)
        for claim in everywhere(
            f"The two rays bound P(born dead) from both sides in every cell: {family}",
            f"{LU} (from memory); {_DERIVED.format('2.3')}, upper bound sharpened",
            dataset,
            [family],
            laws.two_rays,
            laws.surviving_ray,
        )
    ]


def _biased(dataset: xr.Dataset) -> list[Claim]:
    return everywhere(
        "Negative layers bound P(born dead) from below, one point from above: biases, every cell",
        f"{_DERIVED.format('D1, D2')}; Rister, Rubin, arXiv 2007.06192",
        dataset,
        list(births.BIASED),
        laws.negative_layer,
        laws.one_ray,
    )


def _one_hidden_layer(dataset: xr.Dataset) -> list[Claim]:
    claims = []
    for family, printed in reference.ONE_HIDDEN_LAYER.items():
        inactive = first_layer(family)
        statement = f"One hidden layer is dead with probability ({Fraction(inactive)})^N: {family}"
        expected = {
            (int(n), 1): Expected(
                laws.one_hidden_layer(int(n), inactive).probability, printed if n == 2 else ""
            )
            for n in births.of(dataset, family).width.values
        }
        figures = at_places(statement, dataset, family, expected, name="N={0}")
        claims += compare(statement, _DERIVED.format("2.3"), figures)
    return claims


def first_layer(family: str) -> float:
    """Probability that a neuron of the first layer is inactive, for a family with biases.

    Examples
    --------
    >>> first_layer("N(0, 1), [0, 1]")
    0.375
    """
    if births.BIASED[family].start == 0:
        return inactivity.positive_interval()
    return inactivity.symmetric_interval()


def _wider(dataset: xr.Dataset) -> list[Claim]:
    statement = "Wider networks are born dead less often, bias-free on [-1, 1]"
    counts = births.of(dataset, _BOTH)
    depth = min(9, int(counts.depth.max()))
    widths = sorted(int(width) for width in counts.width.values)
    if len(widths) < 2 or depth == 1:
        return []
    found = [dead(statement, counts, n, depth, simultaneous(len(widths))) for n in widths]
    pairs = list(itertools.pairwise(found))
    return [
        Claim(
            f"{statement}, {depth} hidden layers",
            f"{LU} (Thm 3.3, second-hand): to 0 as the width grows",
            "falls with every width",
            "; ".join(f"N={n}: {got.value:.4f}" for n, got in zip(widths, found, strict=True)),
            interval(*found, digits=4),
            judge(
                all(wide.high < narrow.low for narrow, wide in pairs),
                any(wide.low > narrow.high for narrow, wide in pairs),
            ),
        )
    ]


JUDGES = (
    _closed_form,
    _frontier,
    _starts,
    _median,
    _one_ray,
    _exact_on_both_sides,
    _sandwich,
    _biased,
    _one_hidden_layer,
    _wider,
)
