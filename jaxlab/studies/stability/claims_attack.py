"""Claims about worst-case perturbations, transfer, details and accuracy, judged on test images."""

import numpy as np
import xarray as xr

from jaxlab.studies._comparing import Between, Expected
from jaxlab.studies._judging import interval, judge, need
from jaxlab.studies._statistics import geometric_mean, proportion, simultaneous
from jaxlab.studies._study import Claim

_PAPER = "Colbrook, Antun, Hansen, doi 10.1073/pnas.2107151119"
_HERE = "networks small and trained here"
_BOUND = "searches give lower bounds of the worst case"
LINEAR, FIRENET, NOISY, PLAIN = "zero-filled", "FIRENET", "U-Net + noise", "U-Net"
_ABOVE, _BELOW = 1, -1
"""On which side of 1 a ratio is expected."""


def learned(dataset: xr.Dataset) -> list[str]:
    """The networks that were trained."""
    return [str(name) for name in dataset.attack_network.values if name not in (LINEAR, FIRENET)]


def quotients(dataset: xr.Dataset, kind: str, way: str = "worst") -> np.ndarray:
    """``[radius, image]`` of one network."""
    return dataset.attack_quotient.sel(attack_network=kind, attack_way=way).values


def spread(dataset: xr.Dataset) -> float:
    """The largest relative disagreement of two searches: how far a lower bound may be off.

    Examples
    --------
    >>> found = xr.DataArray([[1.0, 2.0]], dims=("attack_image", "attack_search"))
    >>> spread(xr.Dataset({"attack_searched": found}))
    0.5
    """
    best, least = (
        getattr(dataset.attack_searched, name)("attack_search") for name in ("max", "min")
    )
    return float((1 - least / best).max())


def _ratios(
    statement: str, source: str, meaning: str, side: int, pairs: dict[str, np.ndarray]
) -> list[Claim]:
    """One claim on geometric means over images: all above 1, or all below.

    Supported if every interval is on that side, refuted if one is on the other side.
    """
    ends = sorted([1.0, side * np.inf])
    expected = Between(Expected(ends[0]), Expected(ends[1]))
    level = simultaneous(len(pairs))
    found = {name: geometric_mean(ratio, level) for name, ratio in pairs.items()}
    verdicts = {name: expected.verdict(one) for name, one in found.items()}
    return [
        Claim(
            statement,
            source,
            f"{meaning} {'above' if side > 0 else 'below'} 1",
            "; ".join(f"{name}: {one.value:.3f} ({verdicts[name]})" for name, one in found.items()),
            interval(*found.values()),
            judge(set(verdicts.values()) == {"supported"}, "refuted" in verdicts.values()),
        )
    ]


def _control(dataset: xr.Dataset) -> list[Claim]:
    statement = "The search finds the worst case where it is known: the adjoint has the norm 1"
    need(statement, dataset.attack_quotient.sel(attack_network=LINEAR))
    found = quotients(dataset, LINEAR)
    far = float(np.abs(found - 1).max())
    return [
        Claim(
            statement,
            "the zero-filled reconstruction is a multiplier with values 0, 1/2 and 1",
            "quotient 1, within 1e-3",
            f"{found.min():.6f} to {found.max():.6f}",
            "largest of all images and radii",
            judge(far <= 1e-3, far > 1e-3),
        )
    ]


def _wide(dataset: xr.Dataset) -> list[Claim]:
    statement = "What the perturbations do in float32 they do in float64: rounding plays no part"
    need(statement, dataset.attack_wide, dataset.attack_quotient)
    worst = dataset.attack_quotient.sel(attack_way="worst")
    every = ["attack_radius", "attack_image"]
    off = (np.abs(dataset.attack_wide - worst) * dataset.attack_radius).max(every)
    # Two results, each wrong by 6 u of the image (the floor of FIRENET), stretched once more.
    slack = 2 * 6 * 2.0**-24 * np.maximum(worst.max(every), 1)
    least = float(dataset.attack_radius.min())
    names = [str(name) for name in off.attack_network.values]
    return [
        Claim(
            statement,
            "two results of float32, each within 6 u (floor of FIRENET) times the largest quotient",
            f"changes differ by {_each(names, slack)} of the image's norm at most; rounding "
            f"matters if they differ by the smallest perturbation, {least:g}",
            _each(names, off),
            "largest of all images and radii",
            judge(bool((off <= slack).all()), bool((off >= least).any())),
        )
    ]


def _each(names: list[str], values: xr.DataArray) -> str:
    return "; ".join(f"{name}: {x:.1e}" for name, x in zip(names, values.values, strict=True))


def _worse_than_random(dataset: xr.Dataset) -> list[Claim]:
    statement = "Worst-case perturbations change every network more than random ones of their norm"
    need(statement, dataset.attack_quotient)
    ratios = {
        kind: quotients(dataset, kind) / quotients(dataset, kind, "random")
        for kind in (FIRENET, *learned(dataset))
    }
    least = min(float(ratio.min()) for ratio in ratios.values())
    return [
        Claim(
            statement,
            _PAPER,
            "worst / random above 1 for every image and radius",
            "; ".join(
                f"{kind}: {ratio.min():.2f} to {ratio.max():.3g}" for kind, ratio in ratios.items()
            ),
            "exact; one random perturbation each",
            judge(least > 1, least <= 1),
        )
    ]


def _largest(dataset: xr.Dataset) -> list[Claim]:
    """What FIRENET's worst case is held against, network by network."""
    claims = []
    for kind in learned(dataset):
        moved = f"No perturbation found moves FIRENET more than the worst found moves {kind}"
        drawn = f"No false detail found with FIRENET is larger than the largest with {kind}"
        need(moved, dataset.attack_quotient, dataset.attack_false)
        for statement, what, one, other in (
            (moved, "change / norm of r", *(quotients(dataset, k) for k in (FIRENET, kind))),
            (
                drawn,
                "change within a rectangle / norm of r outside it",
                *(dataset.attack_false.sel(attack_network=k).values for k in (FIRENET, kind)),
            ),
        ):
            claims.append(
                Claim(
                    statement,
                    f"{_PAPER}; {_HERE}; {_BOUND}",
                    f"largest {what} below that of {kind}, {other.max():.3g} "
                    f"(median {np.median(other):.3g})",
                    f"{one.max():.3g} (median {np.median(one):.3g})",
                    f"{dataset.sizes['attack_image']} images",
                    judge(one.max() < other.max(), one.max() > other.max()),
                )
            )
    return claims


def _bounded(dataset: xr.Dataset) -> list[Claim]:
    claims = []
    for kind in (FIRENET, *learned(dataset)):
        statement = f"The worst quotient of {kind} does not grow with the radius"
        need(statement, dataset.attack_quotient, dataset.attack_searched)
        found = quotients(dataset, kind)
        growth = (found / found[0]).max()
        slack = 1 / (1 - spread(dataset.sel(attack_network=[kind])))
        claims.append(
            Claim(
                statement,
                f"a network that is stable has one constant for all radii ({_PAPER}); {_BOUND}",
                f"at most {slack:.3f} times that of the smallest radius (two searches differ so)",
                f"{growth:.3f} times; largest quotient {found.max():.3g}",
                f"largest of {found.shape[1]} images",
                judge(growth <= slack, growth > slack),
            )
        )
    return claims


def _noise(dataset: xr.Dataset) -> list[Claim]:
    stabler = "Training with noise makes the U-Net more stable"
    accurate = "Training with noise costs the U-Net accuracy"
    need(stabler, dataset.attack_quotient, dataset.attack_error)
    tests = dataset.attack_error.isel(attack_picture=slice(0, dataset.sizes["attack_image"]))
    by = {kind: quotients(dataset, kind)[-1] for kind in (NOISY, PLAIN)}
    error = {kind: tests.sel(attack_network=kind).values for kind in (NOISY, PLAIN)}
    both = "with / without noise"
    return [
        *_ratios(stabler, f"{_PAPER}; {_BOUND}", "quotient", _BELOW, {both: by[NOISY] / by[PLAIN]}),
        *_ratios(
            accurate, _PAPER, "error on ellipses", _ABOVE, {both: error[NOISY] / error[PLAIN]}
        ),
    ]


def _accuracy(dataset: xr.Dataset) -> list[Claim]:
    claims = []
    tests = dataset.attack_error.isel(attack_picture=slice(0, dataset.sizes["attack_image"]))
    for kind in learned(dataset):
        statement = f"FIRENET is more accurate than {kind} on most images of the training's kind"
        need(statement, tests)
        one, other = (tests.sel(attack_network=k).values for k in (FIRENET, kind))
        wins = proportion(int((one < other).sum()), one.size)
        claims.append(
            Claim(
                statement,
                f"{_PAPER}; {_HERE}",
                "smaller error on more than half of the images",
                f"{(one < other).sum()} of {one.size}; mean error {one.mean():.3f} against "
                f"{other.mean():.3f}",
                interval(wins),
                judge(wins.low > 0.5, wins.high < 0.5),
            )
        )
    return claims


def _elsewhere(dataset: xr.Dataset) -> list[Claim]:
    statement = "On pictures unlike the training images no network is worse than the adjoint alone"
    need(statement, dataset.attack_error)
    others = dataset.attack_error.isel(attack_picture=slice(dataset.sizes["attack_image"], None))
    ratio = others / others.sel(attack_network=LINEAR)
    kinds = (FIRENET, *learned(dataset))
    worst = {kind: float(ratio.sel(attack_network=kind).max()) for kind in kinds}
    shown = [
        f"{kind}: {', '.join(f'{value:.2f}' for value in ratio.sel(attack_network=kind).values)}"
        for kind in kinds
    ]
    return [
        Claim(
            statement,
            "what a reconstruction should be at least; derived for jaxlab",
            "error / error of the zero-filled image at most 1",
            "; ".join(shown),
            "exact; " + ", ".join(map(str, others.attack_picture.values)),
            judge(max(worst.values()) <= 1, max(worst.values()) > 1),
        )
    ]


def _details(dataset: xr.Dataset) -> list[Claim]:
    statement = "FIRENET shows more of letters that no training image contains than other networks"
    need(statement, dataset.attack_detail)
    base = dataset.attack_detail.sel(attack_network=FIRENET).values
    pairs = {
        kind: base / dataset.attack_detail.sel(attack_network=kind).values
        for kind in learned(dataset)
    }
    return _ratios(
        statement,
        f"{_PAPER}; {_HERE}",
        "contrast of the letters, FIRENET / trained,",
        _ABOVE,
        pairs,
    )


def _transfer(dataset: xr.Dataset) -> list[Claim]:
    statement = "A perturbation found for another network harms a network less than its own"
    need(statement, dataset.attack_transfer)
    kinds = [FIRENET, *learned(dataset)]
    ratios = {}
    for victim in kinds:
        found = dataset.attack_transfer.sel(attack_victim=victim)
        others = found.sel(attack_network=[kind for kind in kinds if kind != victim])
        own = found.sel(attack_network=victim)
        ratios[victim] = (others.max("attack_network") / own).values
    most = max(float(ratio.max()) for ratio in ratios.values())
    return [
        Claim(
            statement,
            _BOUND,
            "quotient of the worst from another network / own below 1 on every image",
            "; ".join(
                f"{kind}: {ratio.min():.3f} to {ratio.max():.3f}" for kind, ratio in ratios.items()
            ),
            "exact, at the largest radius",
            judge(most < 1, most >= 1),
        )
    ]


JUDGES = (
    _control,
    _wide,
    _worse_than_random,
    _accuracy,
    _largest,
    _bounded,
    _noise,
    _elsewhere,
    _details,
    _transfer,
)
