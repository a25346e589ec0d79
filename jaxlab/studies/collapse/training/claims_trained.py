"""Claims about the published experiments: collapse, its state, and the asymmetric start."""

import numpy as np
import xarray as xr

from jaxlab.studies._comparing import Between, Expected, compare
from jaxlab.studies._judging import CONFIDENCE, interval, judge, need
from jaxlab.studies._statistics import Estimate, proportion, simultaneous
from jaxlab.studies._study import Claim
from jaxlab.studies.collapse.targets import published

LU = "Lu, Shin, Su, Karniadakis, arXiv 1903.06733 (second-hand)"
CJR = "Cheridito, Jentzen, Rossmannek, arXiv 2006.07075"
STATES = "Lu, Su, Karniadakis, arXiv 1808.04947, abstract"

EXPERIMENTS = ("narrow", "median", "wide", "plane", "ladder")
"""Prefixes of the training parts' variables."""

FLAT = 0.01
"""A network has collapsed if its outputs on the training points differ by less than this share of
the target's standard deviation: dead, or so nearly dead that it makes no difference."""

_NEAR = 0.05
"""A state is reached if a constant differs from it by less than this share of the deviation."""

WIDTHS = {
    2: Between(Expected(0.90), Expected(1.0)),
    3: Between(Expected(0.55), Expected(0.65)),
    5: Between(Expected(0.10), Expected(1.0)),
    10: Between(Expected(0.0), Expected(0.01)),
}
"""Collapse reported for |x| and 10 layers, by width: over 90, about 60, over 10, below 1 %."""

PAIRS = ((0.919, 0.292), (0.938, 0.326))
PLANE_SHARES = (0.768, 0.096)
"""Shares that collapse from a symmetric start and from the asymmetric one."""

RUNS = 1000
"""Runs behind each published share."""

_SHARP = 0.06
"""Half width of an interval from which on meeting a published share speaks for it; wider ones meet
too much."""


def collapsed(spread: xr.DataArray, deviation: float, level: float) -> Estimate:
    """Share of runs whose final spread is below :data:`FLAT` of the target's deviation."""
    flat = spread < FLAT * deviation
    return proportion(int(flat.sum()), flat.size, level)


def _deviation(target: str) -> float:
    return published()[target].states.rmse


def _narrow(dataset: xr.Dataset, target: str, start: str, hidden: int, level: float) -> Estimate:
    place = {"target": target, "start": start, "hidden": hidden}
    need("Training of networks of width 2", dataset.narrow_dead.sel(place))
    return collapsed(dataset.narrow_spread.sel(place), _deviation(target), level)


def _widths(dataset: xr.Dataset) -> list[Claim]:
    """Collapse of |x| against the width; both readings of "10 layers" for width 2."""
    statement = "Training of wider networks"
    need(statement, dataset.wide_dead)
    target = str(dataset.target.values[0])
    level = simultaneous(dataset.hidden.size + dataset.wide_width.size)
    figures: dict[str, tuple[Expected | Between, Estimate]] = {
        f"width 2, {hidden} hidden": (
            WIDTHS[2],
            _narrow(dataset, target, "He", int(hidden), level),
        )
        for hidden in dataset.hidden.values
    }
    for width in map(int, dataset.wide_width.values):
        share = collapsed(dataset.wide_spread.sel(wide_width=width), _deviation(target), level)
        figures[f"width {width}, {int(dataset.hidden[0])} hidden"] = (WIDTHS[width], share)
    return [
        claim
        for name, figure in figures.items()
        for claim in compare(
            f"Trained on |x|, networks of 10 layers collapse: {name}",
            "Lu, Su, Karniadakis, arXiv 1808.04947; arXiv 1903.06733 (second-hand)",
            {name: figure},
            digits=3,
        )
    ]


def _agree(measured: Estimate, printed: float) -> bool:
    """Whether a published share, with its own sampling error, meets the measured one."""
    reported = proportion(round(printed * RUNS), RUNS, measured.level)
    return measured.low <= reported.high and reported.low <= measured.high


def _reported_pairs(
    statement: str,
    pairs: dict[str, tuple[Estimate, Estimate]],
    printed: tuple[float, float],
) -> Claim:
    """Whether one of several reconstructions agrees with a pair of published shares."""
    matching = [name for name, pair in pairs.items() if all(map(_agree, pair, printed))]
    found = "; ".join(
        f"{name}: {he.value:.3f}, {rai.value:.3f}" for name, (he, rai) in pairs.items()
    )
    sharp = all((share.high - share.low) / 2 < _SHARP for pair in pairs.values() for share in pair)
    return Claim(
        f"{statement}: {printed[0]:.1%} collapse from a symmetric start, {printed[1]:.1%} from RAI",
        f"{LU}; {RUNS} runs; which function and network is not known, all are tried",
        "both shares within sampling error in one of them",
        found + (f"; agrees: {', '.join(matching)}" if matching else "; none agrees"),
        interval(*(share for pair in pairs.values() for share in pair)),
        judge(bool(matching) and sharp, not matching),
    )


def _asymmetric(dataset: xr.Dataset) -> list[Claim]:
    """The randomised asymmetric start against He's, on every function of one variable."""
    places = [
        (str(target), int(hidden))
        for target in dataset.target.values
        for hidden in dataset.hidden.values
    ]
    level = simultaneous(2 * len(places))
    pairs = {
        f"{target}, {hidden} hidden": (
            _narrow(dataset, target, "He", hidden, level),
            _narrow(dataset, target, "RAI", hidden, level),
        )
        for target, hidden in places
    }
    lower = [rai.high < he.low for he, rai in pairs.values()]
    higher = [rai.low > he.high for he, rai in pairs.values()]
    less = Claim(
        "The randomised asymmetric start makes collapse rarer for every function",
        LU,
        "share with RAI < share with He's start, everywhere",
        f"surely lower in {sum(lower)} of {len(pairs)} reconstructions",
        f"intervals apart ({CONFIDENCE}s, simultaneous)",
        judge(all(lower), any(higher)),
    )
    return [less] + [
        _reported_pairs("Width 2, 10 layers, one variable", pairs, printed) for printed in PAIRS
    ]


def _plane(dataset: xr.Dataset) -> list[Claim]:
    need("Training on two variables", dataset.plane_dead)
    shapes = [str(shape) for shape in dataset.plane_shape.values]
    level = simultaneous(2 * len(shapes))
    deviation = _deviation("(|x1+x2|, |x1-x2|)")

    def share(shape: str, start: str) -> Estimate:
        return collapsed(dataset.plane_spread.sel(plane_shape=shape, start=start), deviation, level)

    pairs = {shape: (share(shape, "He"), share(shape, "RAI")) for shape in shapes}
    return [_reported_pairs("Two variables", pairs, PLANE_SHARES)]


def _unchanged(dataset: xr.Dataset) -> list[Claim]:
    """Every network of every training part that was born dead, at every checkpoint."""
    born = broken = checks = 0
    for name in EXPERIMENTS:
        found = dataset[f"{name}_born"]
        need("Training of networks born dead", found)
        checkpoints = dataset.sizes["ladder_step" if name == "ladder" else "step"]
        dead = int((found > 0).sum())
        born, checks = born + dead, checks + dead * checkpoints
        broken += int(dataset[f"{name}_broken"].where(found > 0, 0).sum())
    return [
        Claim(
            "A network born dead stays constant under SGD and Adam, in every format: parameters "
            "up to the dead layer keep their bits, all outputs are equal",
            "arXiv 1903.06733, theorem 3.7 (second-hand); derived (D4)",
            "0 violations",
            f"{broken} violations in {checks} checks of {born} networks",
            "exact",
            judge(broken == 0 and born > 0, broken > 0),
        )
    ]


def _off_state(dataset: xr.Dataset, name: str, place: dict, state: str) -> np.ndarray:
    """Distances of dead networks' constants from a state, in deviations of the target."""
    one = dataset.sel(place)
    levels = one[f"{name}_level"].values[one[f"{name}_dead"].values > 0]
    return abs(levels - float(one[f"{name}_label_{state}"])) / _deviation(str(place["target"]))


def _states(dataset: xr.Dataset) -> list[Claim]:
    """The constant that dead networks reach, under squared and under absolute loss."""
    arms = {
        "squared": ("narrow", {"start": "He", "hidden": int(dataset.hidden[0])}, "mean"),
        "absolute": ("median", {}, "median"),
    }
    judged = []
    for loss, (name, place, state) in arms.items():
        need(f"Training under {loss} loss", dataset[f"{name}_dead"])
        targets = [str(target) for target in dataset.target.values]
        if loss == "absolute":  # a step has a whole interval of medians
            targets = [t for t in targets if len(set(published()[t].states.median)) == 1]
        level = simultaneous(len(targets))
        shares = {}
        for target in targets:
            off = _off_state(dataset, name, place | {"target": target}, state)
            shares[target] = proportion(int((off < _NEAR).sum()), off.size, level)
        judged.append(
            Claim(
                f"Under {loss} loss dead networks end at the {state} of the labels",
                STATES,
                f"more than 90 % within {_NEAR} standard deviations, for every function",
                "; ".join(f"{target}: {share.value:.3f}" for target, share in shares.items()),
                interval(*shares.values()),
                judge(
                    all(share.low > 0.9 for share in shares.values()),
                    any(share.high < 0.9 for share in shares.values()),
                ),
            )
        )
    return judged


JUDGES = (_unchanged, _widths, _asymmetric, _plane, _states)
