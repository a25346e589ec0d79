"""Claims about what rounding adds to training: each against the float64 run from the same start."""

from typing import NamedTuple

import xarray as xr

from jaxlab.studies._judging import interval, judge, need
from jaxlab.studies._statistics import proportion, simultaneous
from jaxlab.studies._study import Claim
from jaxlab.studies.collapse.config import CONTROL

_NOTABLE = 0.02
"""Share of the starts from which on a format is said to do something."""

OURS = "jaxlab; every format trains from the same starts on the same points and minibatches"


class Fates(NamedTuple):
    """What became of the runs of one arm, as masks that do not overlap and cover all runs.

    Attributes
    ----------
    born
        Dead at the start.
    died
        Dead at the end, and not at the start.
    frozen
        Not dead, but a step was not finite.
    stalled
        Not dead, and the next step changes no parameter: its updates are zero or lost to rounding.
        Stagnation, not death: the gradient of the same network in a wider format is not zero.
    moving
        All others.
    """

    born: xr.DataArray
    died: xr.DataArray
    frozen: xr.DataArray
    stalled: xr.DataArray
    moving: xr.DataArray


def fates(dataset: xr.Dataset) -> Fates:
    """The fates of all runs on the ladder.

    Raises
    ------
    Missing
        If cells have not been computed.
    """
    need("Training on the ladder of depths in native formats", dataset.ladder_dead)
    born = dataset.ladder_born > 0
    died = ~born & (dataset.ladder_dead > 0)
    frozen = ~born & ~died & (dataset.ladder_taken < int(dataset.ladder_step.max()))
    stalled = ~born & ~died & ~frozen & (dataset.ladder_still > 0)
    return Fates(born, died, frozen, stalled, ~(born | died | frozen | stalled))


def _formats(dataset: xr.Dataset) -> list[str]:
    return [str(fmt) for fmt in dataset["format"].values[1:]]


def discordant(flags: xr.DataArray, fmt: str, optimiser: str) -> tuple[int, int]:
    """Starts that have something in a format and not in the control, and the reverse."""
    arm = flags.sel(optimiser=optimiser)
    one, control = arm.sel(format=fmt).values, arm.sel(format=CONTROL).values
    return int((one & ~control).sum()), int((control & ~one).sum())


def _more(dataset: xr.Dataset, flags: xr.DataArray, statement: str) -> list[Claim]:
    """One claim per format and optimiser: it does so to some starts that the control does not."""
    arms = [(fmt, str(o)) for fmt in _formats(dataset) for o in dataset.optimiser.values]
    starts = flags.isel(optimiser=0, format=0).size
    level = simultaneous(len(arms))
    judged = []
    for fmt, optimiser in arms:
        here, there = discordant(flags, fmt, optimiser)
        share = proportion(here, starts, level)
        judged.append(
            Claim(
                f"{fmt}, {optimiser}: {statement}",
                OURS,
                f"more than {_NOTABLE:.0%} of the starts in {fmt} only",
                f"{here} only in {fmt}, {there} only in {CONTROL}, of {starts} starts",
                interval(share),
                judge(share.low > _NOTABLE, share.high < _NOTABLE),
            )
        )
    return judged


def _death(dataset: xr.Dataset) -> list[Claim]:
    found = fates(dataset)
    return _more(dataset, found.born | found.died, "rounding in training kills networks")


def _stagnation(dataset: xr.Dataset) -> list[Claim]:
    stalled = fates(dataset).stalled
    return _more(dataset, stalled, "living networks stall, which is stagnation and not death")


def _spared(dataset: xr.Dataset) -> list[Claim]:
    """Whether a format that stalls spares networks the death that they die in the control."""
    found = fates(dataset)
    arms = [(fmt, str(o)) for fmt in _formats(dataset) for o in dataset.optimiser.values]
    level = simultaneous(len(arms))
    judged = []
    for fmt, optimiser in arms:
        here, there = discordant(found.born | found.died, fmt, optimiser)
        share = proportion(there, here + there, level)
        judged.append(
            Claim(
                f"{fmt}, {optimiser}: rounding spares more networks than it kills",
                OURS + "; McNemar's comparison of starts that end differently",
                f"over half of them die in {CONTROL} only",
                f"{there} die in {CONTROL} only, {here} in {fmt} only",
                interval(share),
                judge(share.low > 0.5, share.high < 0.5),
            )
        )
    return judged


def _frozen(dataset: xr.Dataset) -> list[Claim]:
    frozen = fates(dataset).frozen
    counts = {str(fmt): int(frozen.sel(format=fmt).sum()) for fmt in frozen["format"].values}
    total = sum(counts.values())
    return [
        Claim(
            "No living network overflows or turns NaN in training, in any native format",
            OURS,
            "0 runs frozen",
            "; ".join(f"{fmt}: {count}" for fmt, count in counts.items())
            + f" of {frozen.isel(format=0).size} runs",
            "exact",
            judge(total == 0, total > 0),
        )
    ]


def _same_birth(dataset: xr.Dataset) -> list[Claim]:
    """Starts are the same reals, so a difference at birth is one of evaluation."""
    born = fates(dataset).born
    different = {
        fmt: int((born.sel(format=fmt) != born.sel(format=CONTROL)).isel(optimiser=0).sum())
        for fmt in _formats(dataset)
    }
    total = sum(different.values())
    return [
        Claim(
            "Born dead is born dead in every native format (width 2, He's start)",
            OURS,
            "0 starts dead in one format and alive in another",
            "; ".join(f"{fmt}: {count}" for fmt, count in different.items())
            + f" of {born.isel(optimiser=0, format=0).size} starts",
            "exact",
            judge(total == 0, total > 0),
        )
    ]


def _revivals(dataset: xr.Dataset) -> list[Claim]:
    """Plain SGD cannot wake a dead network; Adam's momentum can carry it through death."""
    need("Training on the ladder of depths", dataset.ladder_revivals)
    judged = []
    died = fates(dataset).died | (dataset.ladder_revivals > 0)
    for optimiser in map(str, dataset.optimiser.values):
        revived = int((dataset.ladder_revivals.sel(optimiser=optimiser) > 0).sum())
        deaths = int(died.sel(optimiser=optimiser).sum())
        judged.append(
            Claim(
                f"A network that dies in training stays dead under {optimiser}",
                "derived for SGD without momentum: all gradients up to the dead layer are zero; "
                "Adam's moments may carry a network on",
                "0 revivals",
                f"{revived} revived of {deaths} that were dead at some checkpoint",
                "exact, at the checkpoints",
                judge(revived == 0 and deaths > 0, revived > 0),
            )
        )
    return judged


JUDGES = (_same_birth, _death, _spared, _stagnation, _frozen, _revivals)
