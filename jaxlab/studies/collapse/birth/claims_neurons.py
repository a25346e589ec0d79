"""Claims about single neurons and layers: negative parameters (D1), inactive neurons (D5)."""

from collections.abc import Mapping

import xarray as xr

from jaxlab.studies._comparing import Expected, compare
from jaxlab.studies._judging import need
from jaxlab.studies._statistics import Estimate, proportion, simultaneous
from jaxlab.studies._study import Claim
from jaxlab.studies.collapse import inactivity, laws
from jaxlab.studies.collapse.birth import births, reference
from jaxlab.studies.collapse.birth.claims_births import first_layer

_D1 = "derived for jaxlab (collapse.md, D1)"
_D5 = "derived for jaxlab (collapse.md, D5)"
_DO = "Do, Hannibal, Jentzen, arXiv 2410.10533 (abstract: exponentially in the first width)"


def _shares(
    statement: str, found: xr.DataArray, tested: xr.DataArray, expected: Mapping[str, Expected]
) -> dict[str, tuple[Expected, Estimate]]:
    """Figures for :func:`compare`, one for each entry of the counts, in their order."""
    need(statement, found, tested)
    level = simultaneous(found.size)
    return {
        name: (figure, proportion(int(successes), int(trials), level))
        for (name, figure), successes, trials in zip(
            expected.items(), found.values, tested.values, strict=True
        )
    }


def _negative(dataset: xr.Dataset) -> list[Claim]:
    cases = [tuple(map(int, str(case).split("x"))) for case in dataset.negative_case.values]
    claims = []
    for width in dict.fromkeys(width for width, _ in cases):
        statement = f"Width {width}: a layer of negative parameters kills on every domain"
        at = [i for i, case in enumerate(cases) if case[0] == width]
        expected = {
            f"H={depth}": Expected(
                laws.negative_layer([width] * depth).probability,
                reference.NEGATIVE.get((width, depth), ""),
            )
            for _, depth in (cases[i] for i in at)
        }
        chosen = dataset[["negative_dead", "negative_networks"]].isel(negative_case=at)
        figures = _shares(statement, chosen.negative_dead, chosen.negative_networks, expected)
        claims += compare(statement, _D1, figures)
    return claims


def _ball(dataset: xr.Dataset) -> list[Claim]:
    statement = "A neuron is inactive on the unit ball of R^d with probability F_d(-sqrt d)"
    expected = {
        f"d={d}": Expected(inactivity.ball(int(d)), reference.BALL.get(int(d), ""))
        for d in dataset.ball_inputs.values
    }
    figures = _shares(statement, dataset.ball_inactive, dataset.ball_tested, expected)
    return compare(statement, f"{_D5}; F_d is Student's distribution", figures, digits=5)


def _uniform(dataset: xr.Dataset) -> list[Claim]:
    statement = "A neuron with U(-1, 1) parameters is inactive as often as a normal one"
    quarter, more = inactivity.symmetric_interval(), inactivity.positive_interval()
    expected = {"[-1, 1]": Expected(quarter, ".25"), "[0, 1]": Expected(more, ".375")}
    figures = _shares(statement, dataset.interval_inactive, dataset.interval_tested, expected)
    return compare(statement, _D5, figures)


def _layers(dataset: xr.Dataset) -> list[Claim]:
    statement = "A first layer has an inactive neuron on [0, 1] with probability 1 - (5/8)^N"
    one = inactivity.positive_interval()
    widths = [int(n) for n in dataset.born_width.values]
    expected = {
        f"N={n}": Expected(inactivity.some_inactive(n, one), reference.SOME_INACTIVE.get(n, ""))
        for n in widths
    }
    figures = _shares(statement, dataset.layers_inactive, dataset.layers_tested, expected)
    rate = "The chance that none is inactive shrinks by 5/8 per neuron: exponential in the width"
    shrinking = {
        name: (Expected(1 - one), _per_neuron(got, n))
        for n, (name, (_, got)) in zip(widths, figures.items(), strict=True)
    }
    return compare(statement, _D5, figures) + compare(rate, f"{_DO}; {_D5}", shrinking)


def _per_neuron(some: Estimate, width: int) -> Estimate:
    """From an inactive neuron in a layer to an active neuron: ``(1 - p)**(1/N)``."""
    value, high, low = ((1 - end) ** (1 / width) for end in some[:3])
    return Estimate(value, low, high, some.level)


def _first_layers(dataset: xr.Dataset) -> list[Claim]:
    claims = []
    for family in births.BIASED:
        inactive = first_layer(family)
        statement = f"First layers of the networks have an inactive neuron: {family}"
        counts = births.of(dataset, family)
        expected = {
            f"N={n}": Expected(inactivity.some_inactive(int(n), inactive))
            for n in counts.width.values
        }
        figures = _shares(statement, counts.inactive, counts.networks, expected)
        claims += compare(f"{statement}, 1 - {1 - inactive:g}^N", _D5, figures)
    return claims


JUDGES = (_negative, _layers, _ball, _uniform, _first_layers)
