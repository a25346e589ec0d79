"""Claims about training (part d), each against the same-seed float64 control."""

import numpy as np
import xarray as xr

from jaxlab.studies._statistics import Estimate
from jaxlab.studies._study import Claim
from jaxlab.studies.pieces.config import CONTROL
from jaxlab.studies.pieces.judging import KARNER, interval, judge, kept_share, need

_LOSS = 0.95
"""A format "loses pieces" if it keeps less than this share of its control's."""


def _final(dataset: xr.Dataset, model: str) -> xr.DataArray:
    """Pieces at the last checkpoint; NaN where the network overflows."""
    final = dataset.trained_pieces.sel(model=model).isel(checkpoint=-1)
    need(f"Counts of the model {model}", final)
    return final.where(final > 0)


def _rates(dataset: xr.Dataset) -> dict[float, Estimate]:
    """Pieces that the control keeps from start to end, by rate; none without the sawtooth."""
    if "sawtooth" not in dataset.model:
        return {}
    control = dataset.trained_pieces.sel(model="sawtooth", policy=CONTROL)
    need("Counts of the control", control)
    control = control.where(control > 0)
    return {
        float(rate): kept_share(one.isel(checkpoint=-1), one.isel(checkpoint=0))
        for rate, one in control.groupby("learning_rate")
    }


def _rate_damage(dataset: xr.Dataset) -> list[Claim]:
    kept = _rates(dataset)
    if not kept:
        return []
    worst = min(kept.values(), key=lambda estimate: estimate.value)
    return [
        Claim(
            f"The learning rate alone destroys pieces: {CONTROL} loses the sawtooth's at some rate",
            "pilot of jaxlab; Hanin, Rolnick 2019, arXiv 1906.00904 on rates",
            f"pieces at the end / at the start < {_LOSS} at some rate",
            "; ".join(f"{estimate.value:.3f} at rate {rate:g}" for rate, estimate in kept.items()),
            interval(worst),
            judge(worst.high < _LOSS, worst.low >= _LOSS),
        )
    ]


def _rounding_damage(dataset: xr.Dataset) -> list[Claim]:
    """Rounding damage by itself: at rates where the control keeps its pieces."""
    safe = [rate for rate, kept in _rates(dataset).items() if kept.low >= _LOSS]
    if not safe:
        return []
    final = _final(dataset, "sawtooth").sel(learning_rate=safe)
    judged = []
    for policy in dataset.policy.values[1:]:
        kept = kept_share(final.sel(policy=policy), final.sel(policy=CONTROL))
        judged.append(
            Claim(
                f"Rounding alone destroys pieces: {policy} loses over 5% of the sawtooth's",
                f"a naive reading of {KARNER} (its bound is far above 2^L for updates this "
                f"small); at rates {', '.join(f'{rate:g}' for rate in safe)}, where {CONTROL} "
                "keeps the pieces from the same starts",
                f"pieces / control < {_LOSS}",
                f"{kept.value:.3f}",
                interval(kept),
                judge(kept.high < _LOSS, kept.low >= _LOSS),
            )
        )
    return judged


def _interaction(dataset: xr.Dataset) -> list[Claim]:
    lossy = [rate for rate, kept in _rates(dataset).items() if kept.high < _LOSS]
    if not lossy:
        return []
    gentlest = min(lossy)
    final = _final(dataset, "sawtooth").sel(learning_rate=gentlest)
    kept = {
        str(policy): kept_share(final.sel(policy=policy), final.sel(policy=CONTROL))
        for policy in dataset.policy.values[1:]
    }
    lowest = min(kept.values(), key=lambda estimate: estimate.high)
    return [
        Claim(
            f"Where {CONTROL} loses pieces too, some format loses over 5% more",
            f"{KARNER}, abstract; at rate {gentlest:g}, same starts",
            f"pieces / control < {_LOSS} in some format",
            "; ".join(f"{estimate.value:.3f} in {policy}" for policy, estimate in kept.items()),
            interval(lowest),
            judge(lowest.high < _LOSS, all(estimate.low >= _LOSS for estimate in kept.values())),
        )
    ]


def _nothing_superlinear(dataset: xr.Dataset) -> list[Claim]:
    if "He" not in dataset.model:
        return []
    final = _final(dataset, "He")
    neurons = int(final.hidden_neurons)
    counted = final.values[final.notnull().values]
    if not counted.size:
        return []
    share = float(np.mean(counted <= neurons + 1))
    return [
        Claim(
            "From He's start gradient descent ends with no more pieces than neurons + 1",
            f"{KARNER}, abstract",
            f"at most {neurons + 1} in every run",
            f"mean {counted.mean():.1f}, largest {int(counted.max())}; {share:.1%} of "
            f"{counted.size} runs, {final.size - counted.size} overflowing ones left out",
            "exact counts",
            judge(share == 1, share < 1),
        )
    ]


def _reparameterised(dataset: xr.Dataset) -> list[Claim]:
    statement = "Milkert, Hyde and Laine's parameterisation keeps 2^d pieces in every format"
    if "Milkert-Hyde-Laine" not in dataset.model:
        return []
    final = _final(dataset, "Milkert-Hyde-Laine")
    expected = 2 ** (int(final.hidden_neurons) // 3)
    kept = {str(p): float((final.sel(policy=p) >= expected).mean()) for p in final.policy.values}
    return [
        Claim(
            statement,
            "Milkert, Hyde, Laine 2025, arXiv 2311.18022",
            f"at least {expected} pieces in every run",
            "; ".join(f"{share:.1%} in {policy}" for policy, share in kept.items()),
            "exact counts",
            judge(min(kept.values()) == 1, min(kept.values()) < 1),
        )
    ]


JUDGES = (
    _rate_damage,
    _rounding_damage,
    _interaction,
    _nothing_superlinear,
    _reparameterised,
)
