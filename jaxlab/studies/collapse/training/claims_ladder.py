"""Claims about the best of K starts, measured on the ladder of depths in every native format."""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import xarray as xr

from jaxlab.studies._comparing import Expected, compare
from jaxlab.studies._judging import interval, judge, need
from jaxlab.studies._statistics import Estimate, proportion, simultaneous
from jaxlab.studies._study import Claim
from jaxlab.studies.collapse import best_of, laws
from jaxlab.studies.collapse.config import CONTROL, FEWEST_GROUPS
from jaxlab.studies.collapse.targets import square
from jaxlab.studies.collapse.training.claims_trained import CJR
from jaxlab.studies.collapse.training.groups import all_of_group, best_error

FLOOR = square().states
"""Least errors of a constant for ``x**2`` on [0, 1]."""

STUCK = 0.5
"""The best of K is stuck if its error is above this share of the error of the best constant."""


class Best(NamedTuple):
    """The groups of one arm.

    Attributes
    ----------
    dead
        Per group, whether all K networks are born dead.
    rmse, absolute
        Errors of the network with the least empirical risk.
    """

    dead: np.ndarray
    rmse: np.ndarray
    absolute: np.ndarray


def starts(dataset: xr.Dataset) -> list[int]:
    """The numbers K, powers of two, for which there are groups enough."""
    most = dataset.sizes["ladder_run"] // FEWEST_GROUPS
    return [2**power for power in range(most.bit_length())]


def best(dataset: xr.Dataset, optimiser: str, fmt: str, depth: int, number: int) -> Best:
    """The best of every group of ``number`` runs."""
    arm = dataset.sel(optimiser=optimiser, format=fmt, ladder_depth=depth)
    need("Training on the ladder of depths", arm.ladder_born)
    risk = arm.ladder_risk.values
    return Best(
        all_of_group(arm.ladder_born.values > 0, number),
        best_error(risk, arm.ladder_rmse.values, number),
        best_error(risk, arm.ladder_absolute.values, number),
    )


def arms(dataset: xr.Dataset) -> Iterator[tuple[str, str, int]]:
    """Optimiser, format and depth of every arm."""
    names = (dataset.optimiser.values, dataset["format"].values, dataset.ladder_depth.values)
    for optimiser, fmt, depth in itertools.product(*names):
        yield str(optimiser), str(fmt), int(depth)


def _all_dead(dataset: xr.Dataset) -> list[Claim]:
    """All K dead against p**K, for the control: the starts are the same in every arm."""
    places = list(itertools.product(map(int, dataset.ladder_depth.values), starts(dataset)))
    level = simultaneous(len(places))
    figures = {}
    for depth, number in places:
        dead = best(dataset, str(dataset.optimiser.values[0]), CONTROL, depth, number).dead
        law = best_of.all_dead(laws.one_ray([2] * depth), number)
        measured = proportion(int(dead.sum()), dead.size, level)
        figures[f"H={depth} K={number}"] = (Expected(law), measured)
    return compare(
        "All of K drawn networks of width 2 are dead with probability p^K, p = 1 - (3/4)^H",
        "independence and D2, derived; bias-free on [0, 1]; groups that do not overlap",
        figures,
        digits=3,
    )


def _floor(dataset: xr.Dataset) -> list[Claim]:
    """The inequality E[error] >= p**K floor, as it must hold within every sample."""
    checked, violations, tightest = 0, 0, np.inf
    for arm, number in itertools.product(arms(dataset), starts(dataset)):
        groups = best(dataset, *arm, number)
        for error, floor in ((groups.rmse, FLOOR.rmse), (groups.absolute, FLOOR.absolute)):
            # A group in which all are dead has a constant: at least the floor, up to quadrature.
            least = groups.dead.mean() * floor * (1 - 1e-5)
            checked += 1
            violations += int(error.mean() < least)
            if least > 0:
                tightest = min(tightest, float(error.mean() / least))
    return [
        Claim(
            "The mean error of the best of K is at least the share of groups born dead times the "
            "error of the best constant",
            f"derived (E[err] >= p^K floor), for {CJR}; both norms, every optimiser, format, "
            "depth and K",
            "0 violations",
            f"{violations} violations in {checked} comparisons; smallest ratio {tightest:.4f}",
            "exact, within the sample",
            judge(violations == 0, violations > 0),
        )
    ]


def stuck(dataset: xr.Dataset, arm: tuple[str, str, int], number: int, level: float) -> Estimate:
    """Share of groups whose best network is hardly better than a constant."""
    errors = best(dataset, *arm, number).rmse
    return proportion(int((errors > STUCK * FLOOR.rmse).sum()), errors.size, level)


def _more_starts(dataset: xr.Dataset) -> list[Claim]:
    """With K fixed, deeper is worse; with K growing, better."""
    numbers = starts(dataset)
    shallow, deep = (int(f(dataset.ladder_depth.values)) for f in (min, max))
    if len(numbers) < 2 or shallow == deep:
        return []
    judged = []
    for optimiser in map(str, dataset.optimiser.values):
        level = simultaneous(3)
        one, many = numbers[0], numbers[-1]
        at = {
            (depth, number): stuck(dataset, (optimiser, CONTROL, depth), number, level)
            for depth, number in ((shallow, one), (deep, one), (deep, many))
        }
        worse = at[deep, one].low > at[shallow, one].high
        better = at[deep, many].high < at[deep, one].low
        contrary = at[deep, one].high < at[shallow, one].low
        judged.append(
            Claim(
                f"{optimiser}: with K fixed, depth makes training fail; more starts help",
                f"{CJR}, abstract; failure: best error above {STUCK:g} of the best constant's",
                f"stuck at H={deep} > at H={shallow} for K={one}; less for K={many}",
                "; ".join(f"H={h} K={k}: {share.value:.3f}" for (h, k), share in at.items()),
                interval(*at.values()),
                judge(worse and better, contrary),
            )
        )
    return judged


def _training_adds(dataset: xr.Dataset) -> list[Claim]:
    """Whether the best of K fails more often than because all are born dead."""
    number = starts(dataset)[-1]
    chosen = [
        (optimiser, CONTROL, int(depth))
        for optimiser in map(str, dataset.optimiser.values)
        for depth in dataset.ladder_depth.values
    ]
    level = simultaneous(len(chosen))
    shares = {arm: stuck(dataset, arm, number, level) for arm in chosen}
    born = {arm: best_of.all_dead(laws.one_ray([2] * arm[2]), number) for arm in chosen}
    more = any(shares[arm].low > born[arm] for arm in chosen)
    return [
        Claim(
            f"Birth is not all: the best of {number} fails more often than p^{number} at some "
            "depth",
            f"{CJR}; the bound p^K counts networks born dead only",
            "stuck > p^K at some depth",
            "; ".join(
                f"{arm[0]} H={arm[2]}: {shares[arm].value:.3f} (p^K {born[arm]:.3f})"
                for arm in chosen
            ),
            interval(*shares.values()),
            judge(more, all(shares[arm].high <= born[arm] for arm in chosen)),
        )
    ]


JUDGES = (_all_dead, _floor, _more_starts, _training_adds)
