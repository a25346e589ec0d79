"""Claims about networks that are born dead that have no law: tables, and published collapse."""

from collections.abc import Mapping

import xarray as xr

from jaxlab.studies._comparing import Between, Expected, compare, estimates
from jaxlab.studies._study import Claim
from jaxlab.studies.collapse import laws
from jaxlab.studies.collapse.birth import births, reference
from jaxlab.studies.collapse.birth.claims_births import LU
from jaxlab.studies.collapse.birth.measuring import at_places

_SAMPLED = "Monte Carlo estimate of collapse.md, 2.3"

_, _BOTH, _UNIFORM = births.FREE


def _sampled(
    dataset: xr.Dataset,
    family: str,
    statement: str,
    printed: Mapping[tuple[int, int], str],
    error: float,
    name: str,
) -> list[Claim]:
    """Against the reference's Monte Carlo estimates."""
    expected = {place: estimates(value, error) for place, value in printed.items()}
    figures = at_places(statement, dataset, family, expected, name=name)
    return compare(statement, _SAMPLED, figures)


def _two_readings(dataset: xr.Dataset) -> list[Claim]:
    reported = {
        (2, 9): Between(Expected(0.0), Expected(0.9)),
        (2, 10): Between(Expected(0.9), Expected(1.0)),
    }
    statement = (
        "'10 layers of width 2': 9 hidden layers are born dead less often than the reported 90 %, "
        "10 hidden layers more often"
    )
    figures = at_places(statement, dataset, _BOTH, reported, name="H={1}")
    return [
        *compare(statement, f"{LU} (second-hand; there after training)", figures),
        *_sampled(
            dataset,
            _BOTH,
            "'10 layers of width 2': .880 are born dead with 9 hidden layers, .910 with 10",
            reference.TEN_LAYERS,
            reference.SMALL_SAMPLE_ERROR,
            "H={1}",
        ),
    ]


def _published(dataset: xr.Dataset) -> list[Claim]:
    statement = "10 layers of width 3, 5, 10: about 60 %, over 10 %, under 1 % are born dead (L=10)"
    ranges = {(3, 9): (0.55, 0.65), (5, 9): (0.1, 1.0), (10, 9): (0.0, 0.01)}
    expected = {p: Between(Expected(low), Expected(high)) for p, (low, high) in ranges.items()}
    figures = at_places(statement, dataset, _BOTH, expected, name="N={0}")
    return compare(statement, f"{LU} (second-hand; there after training)", figures)


def _two_sided_table(dataset: xr.Dataset) -> list[Claim]:
    statement = "The table's lower and upper bounds hold, bias-free on [-a, b]"
    bounds = {
        (n, depth): Between(
            Expected(laws.two_rays([n] * depth).probability, low),
            Expected(laws.one_ray([n] * depth).probability, high),
        )
        for (n, depth), (low, _, high) in reference.TWO_SIDED.items()
    }
    figures = at_places(statement, dataset, _BOTH, bounds, name="N={0} L={L}")
    source = f"{LU} (from memory); derived for jaxlab (collapse.md, 2.3)"
    claims = compare(statement, source, figures)
    for width in dict.fromkeys(n for n, _ in reference.TWO_SIDED):
        claims += _sampled(
            dataset,
            _BOTH,
            f"The table holds for width {width}, bias-free on [-1, 1], normal weights",
            {p: v for p, (_, v, _) in reference.TWO_SIDED.items() if p[0] == width},
            reference.TWO_SIDED_ERROR,
            "L={L}",
        )
    return claims


def _uniform(dataset: xr.Dataset) -> list[Claim]:
    return _sampled(
        dataset,
        _UNIFORM,
        "The estimates with uniform weights hold, bias-free on [-1, 1], 10 layers",
        reference.UNIFORM,
        reference.TWO_SIDED_ERROR,
        "N={0}",
    )


def _biased(dataset: xr.Dataset) -> list[Claim]:
    return [
        claim
        for family, values in reference.BIASED.items()
        for claim in _sampled(
            dataset,
            family,
            f"The estimates with biases hold for width 2: {family}",
            {(2, h): v for h, v in zip(reference.BIASED_DEPTHS, values, strict=True)},
            reference.SMALL_SAMPLE_ERROR,
            "H={1}",
        )
    ]


JUDGES = (_two_readings, _published, _two_sided_table, _uniform, _biased)
