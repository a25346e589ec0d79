"""What the counts of parts "born" and "born_biased" say, with intervals, at places of a table."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import xarray as xr

from jaxlab.studies._comparing import Between, Expected
from jaxlab.studies._judging import CONFIDENCE, judge, need
from jaxlab.studies._statistics import Estimate, proportion, simultaneous
from jaxlab.studies._study import Claim
from jaxlab.studies.collapse import laws
from jaxlab.studies.collapse.birth import births

Law = Callable[[Sequence[int]], laws.BornDead]
"""From the widths of the hidden layers to a probability of being born dead."""

_FEWEST = 100
"""Networks that should be alive where the last survivors are counted."""


def dead(statement: str, counts: xr.Dataset, width: int, depth: int, level: float) -> Estimate:
    """Probability of being born dead, of counts by :func:`births.of`.

    Raises
    ------
    Missing
        With this statement, if the cell has not been computed.
    """
    found = counts.dead.sel(width=width, depth=depth)
    need(statement, found)
    return proportion(int(found), int(counts.networks.sel(width=width)), level)


def at_places(
    statement: str,
    dataset: xr.Dataset,
    family: str,
    expected: Mapping[tuple[int, ...], Expected | Between],
    *,
    name: str,
    change: Callable[..., float] = float,
) -> dict[str, tuple[Expected | Between, Estimate]]:
    """Figures for :func:`comparing.compare` where the dataset has the place.

    Parameters
    ----------
    statement
        Of the claim.
    dataset, family
        Where the counts are.
    expected
        By ``(width, hidden layers, ...)``.
    name
        Format of the figures' names, with the entries of the place and the number of layers of
        weights ``L`` as in ``"N={0} H={1} L={L}"``.
    change
        Increasing map from the probability, and the other entries of the place, to the figure.
    """
    counts = births.of(dataset, family)
    places = [p for p in expected if p[0] in counts.width and p[1] in counts.depth]
    level = simultaneous(len(places)) if places else 0.0
    figures = {}
    for place in places:
        width, depth, *others = place
        value, low, high, _ = dead(statement, counts, width, depth, level)
        value, low, high = (change(end, *others) for end in (value, low, high))
        figures[name.format(*place, L=depth + 1)] = (
            expected[place],
            Estimate(value, low, high, level),
        )
    return figures


def everywhere(
    statement: str,
    source: str,
    dataset: xr.Dataset,
    families: Sequence[str],
    lower: Law,
    upper: Law,
    widths: Callable[[int], bool] = lambda width: True,
) -> list[Claim]:
    """One claim on all cells of some families: no interval misses the range between two laws.

    Where the laws are equal, here and there or everywhere, that range is their value.
    """
    cells = [
        cell
        for family in families
        for cell in _cells(statement, births.of(dataset, family), widths)
    ]
    if not cells:
        return []
    level, missed, inside, worst, widest = simultaneous(len(cells)), 0, 0, 0.0, 0.0
    for width, depth, successes, trials in cells:
        low, high = (law([width] * depth).probability for law in (lower, upper))
        got = proportion(successes, trials, level)
        missed += got.high < low or got.low > high
        inside += low < got.low and got.high < high
        worst = max(worst, low - got.value, got.value - high)
        widest = max(widest, (got.high - got.low) / 2)
    exact = lower is upper
    between = "" if exact else f"; surely between the bounds in {inside}"
    return [
        Claim(
            statement,
            source,
            f"the law in all {len(cells)} intervals"
            if exact
            else f"all {len(cells)} intervals meet the range between the bounds",
            f"{len(cells) - missed} of {len(cells)}{between}; largest "
            f"{'deviation from the law' if exact else 'excess over a bound'} {worst:.2g}",
            f"simultaneous {CONFIDENCE}s, at most ±{widest:.4f}",
            judge(not missed, missed > 0),
        )
    ]


def _cells(
    statement: str, counts: xr.Dataset, widths: Callable[[int], bool]
) -> Iterator[tuple[int, int, int, int]]:
    """Width, depth, dead networks and networks, cell by cell."""
    need(statement, counts.dead)
    rows = counts.dead.transpose("width", "depth").values.tolist()
    for width, networks, row in zip(
        counts.width.values.tolist(), counts.networks.values.tolist(), rows, strict=True
    ):
        if widths(width):
            for depth, found in zip(counts.depth.values.tolist(), row, strict=True):
                yield width, depth, found, networks


class Span(NamedTuple):
    """Depths ``first`` and ``last``, between which survivors of one width are counted."""

    width: int
    first: int
    last: int


def spans(statement: str, counts: xr.Dataset, first: Callable[[int], int]) -> list[Span]:
    """For every width, from a first depth to the last one at which 100 should still be alive.

    How many should be is a matter of :func:`laws.one_ray` and not of the data.

    Raises
    ------
    Missing
        With this statement, if no network of some width has been tested.
    """
    need(statement, counts.networks)
    found = []
    for width in map(int, counts.width.values):
        networks = int(counts.networks.sel(width=width))
        deep = [
            int(depth)
            for depth in counts.depth.values
            if networks * (1 - laws.one_ray([width] * int(depth)).probability) >= _FEWEST
        ]
        if deep and deep[-1] > first(width):
            found.append(Span(width, first(width), deep[-1]))
    return found


def growth(statement: str, counts: xr.Dataset, span: Span, level: float) -> Estimate:
    """Factor per layer by which the number ``1 / (1 - p)`` of starts grows.

    Those alive at the last depth are a binomial share of those alive at the first.
    """
    deaths = counts.dead.sel(width=span.width, depth=[span.first, span.last])
    need(statement, deaths)
    alive, left = (int(counts.networks.sel(width=span.width)) - deaths).values
    share = proportion(int(left), int(alive), level)
    layers = span.last - span.first
    value, high, low = (end ** (-1 / layers) if end > 0 else float("inf") for end in share[:3])
    return Estimate(value, low, high, level)
