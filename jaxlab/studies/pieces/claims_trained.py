"""Claims about training (part d), each against the same-seed float64 control."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from jaxlab.studies._judging import interval, judge, need
from jaxlab.studies._statistics import simultaneous
from jaxlab.studies._study import Claim, Verdict
from jaxlab.studies.pieces.config import CONTROL
from jaxlab.studies.pieces.judging import KARNER, Kept, exactness, kept_share

_LOSS = 0.95
"""A format "loses pieces" if it keeps less than this share of its control's."""


def _final(dataset: xr.Dataset, model: str) -> xr.DataArray:
    """Pieces at the last checkpoint; not positive where a run has no count."""
    final = dataset.trained_pieces.sel(model=model).isel(checkpoint=-1)
    need(f"Counts of the model {model}", final, unfinished=True)
    return final


def _rates(dataset: xr.Dataset) -> dict[float, Kept]:
    """Pieces that the control keeps from start to end, by rate; none without the sawtooth."""
    if "sawtooth" not in dataset.model:
        return {}
    control = dataset.trained_pieces.sel(model="sawtooth", policy=CONTROL)
    need("Counts of the control", control, unfinished=True)
    level = simultaneous(control.learning_rate.size)
    return {
        float(rate): kept_share(one.isel(checkpoint=-1), one.isel(checkpoint=0), "seed", level)
        for rate, one in control.groupby("learning_rate")
    }


def _some_lose(compared: Sequence[Kept]) -> tuple[Kept, Verdict]:
    """The surest loser, and whether some lose pieces for certain, or all keep them.

    Where runs fail more often than their references, those that are left prove neither.
    """
    surest = min(compared, key=lambda kept: (not kept.balanced, kept.share.high))
    return surest, judge(
        surest.balanced and surest.share.high < _LOSS,
        all(kept.balanced and kept.share.low >= _LOSS for kept in compared),
    )


def _rate_damage(dataset: xr.Dataset) -> list[Claim]:
    rates = _rates(dataset)
    if not rates:
        return []
    surest, verdict = _some_lose(list(rates.values()))
    return [
        Claim(
            f"The learning rate alone destroys pieces: {CONTROL} loses the sawtooth's at some rate",
            "pilot of jaxlab; Hanin, Rolnick 2019, arXiv 1906.00904 on rates",
            f"pieces at the end / at the start < {_LOSS} at some rate",
            "; ".join(f"{kept} at rate {rate:g}" for rate, kept in rates.items()),
            interval(surest.share),
            verdict,
        )
    ]


def _rounding_damage(dataset: xr.Dataset) -> list[Claim]:
    """Rounding damage by itself: at rates where the control keeps its pieces."""
    safe = [
        rate for rate, kept in _rates(dataset).items() if kept.balanced and kept.share.low >= _LOSS
    ]
    if not safe:
        return []
    final = _final(dataset, "sawtooth").sel(learning_rate=safe)
    judged = []
    for policy in dataset.policy.values[1:]:
        kept = kept_share(final.sel(policy=policy), final.sel(policy=CONTROL), "seed")
        judged.append(
            Claim(
                f"Rounding alone destroys pieces: {policy} loses over {1 - _LOSS:.0%} of the "
                "sawtooth's",
                f"a naive reading of {KARNER} (its bound is far above 2^L for updates this "
                f"small); at rates {', '.join(f'{rate:g}' for rate in safe)}, where {CONTROL} "
                "keeps the pieces from the same starts",
                f"pieces / control < {_LOSS}",
                str(kept),
                interval(kept.share),
                _some_lose([kept])[1],
            )
        )
    return judged


def _interaction(dataset: xr.Dataset) -> list[Claim]:
    lossy = [rate for rate, kept in _rates(dataset).items() if kept.share.high < _LOSS]
    formats = [str(policy) for policy in dataset.policy.values[1:]]
    if not lossy or not formats:
        return []
    gentlest = min(lossy)
    final = _final(dataset, "sawtooth").sel(learning_rate=gentlest)
    level = simultaneous(len(formats))
    compared = [
        kept_share(final.sel(policy=policy), final.sel(policy=CONTROL), "seed", level)
        for policy in formats
    ]
    surest, verdict = _some_lose(compared)
    return [
        Claim(
            f"Where {CONTROL} loses pieces too, some format loses over {1 - _LOSS:.0%} more",
            f"{KARNER}, abstract; at rate {gentlest:g}, same starts",
            f"pieces / control < {_LOSS} in some format",
            "; ".join(f"{kept} in {name}" for kept, name in zip(compared, formats, strict=True)),
            interval(surest.share),
            verdict,
        )
    ]


def _nothing_superlinear(dataset: xr.Dataset) -> list[Claim]:
    if "He" not in dataset.model:
        return []
    final = _final(dataset, "He")
    neurons = int(final.hidden_neurons)
    counted = final.values[final.values > 0]
    if not counted.size:
        return []
    share = float(np.mean(counted <= neurons + 1))
    return [
        Claim(
            "From He's start gradient descent ends with no more pieces than neurons + 1",
            f"{KARNER}, abstract",
            f"at most {neurons + 1} in every run that finishes",
            f"mean {counted.mean():.1f}, largest {int(counted.max())}; {share:.1%} of the "
            f"{counted.size} of {final.size} runs that finish",
            exactness(dataset.trained_undecided.sel(model="He").isel(checkpoint=-1)),
            judge(share == 1, share < 1),
        )
    ]


def _reparameterised(dataset: xr.Dataset) -> list[Claim]:
    statement = "Milkert, Hyde and Laine's parameterisation keeps 2^d pieces in every format"
    if "Milkert-Hyde-Laine" not in dataset.model:
        return []
    final = _final(dataset, "Milkert-Hyde-Laine")
    expected = 2 ** (int(final.hidden_neurons) // 3)
    counted = final > 0
    kept = counted & (final >= expected)
    shown = [
        f"{int(kept.sel(policy=p).sum())} of {int(counted.sel(policy=p).sum())} in {p}"
        for p in final.policy.values
    ]
    left_out = int((~counted).sum())
    return [
        Claim(
            statement,
            "Milkert, Hyde, Laine 2025, arXiv 2311.18022",
            f"at least {expected} pieces in every run",
            "; ".join(shown) + f"; {left_out} of {final.size} runs do not finish",
            exactness(
                dataset.trained_undecided.sel(model="Milkert-Hyde-Laine").isel(checkpoint=-1)
            ),
            judge(bool(kept.all()), bool((counted & ~kept).any())),
        )
    ]


JUDGES = (
    _rate_damage,
    _rounding_damage,
    _interaction,
    _nothing_superlinear,
    _reparameterised,
)
