"""Claims about what else rounding does to random networks: fates turned, gradients lost."""

import numpy as np
import xarray as xr

from jaxlab.arithmetic import as_format
from jaxlab.studies._judging import interval, judge, need
from jaxlab.studies._statistics import proportion, simultaneous
from jaxlab.studies._study import Claim
from jaxlab.studies.collapse.config import CONTROL
from jaxlab.studies.collapse.rounding.claims_underflow import FEW, QUESTION, alive, killed, share

_LEAST = 500
"""Fewest networks from which a share is judged."""


def _none_killed(dataset: xr.Dataset) -> list[Claim]:
    statement = "float32 kills no network of a usual initialisation"
    need(statement, dataset.underflow_fates)
    usual = [law for law in ("He", "PyTorch") if law in dataset.underflow_law]
    if "float32" not in dataset.underflow_format or not usual:
        return []
    at = dataset.sel(underflow_law=usual)
    dying = killed(at).sel(underflow_format="float32")
    depths = range(at.sizes["underflow_depth"])
    # The depth that leaves most room: the deepest, where none is dead and few are alive.
    found = max(
        (share(dying[{"underflow_depth": i}], alive(at)[{"underflow_depth": i}]) for i in depths),
        key=lambda estimate: estimate.high,
    )
    total = int(dying.sum())
    return [
        Claim(
            f"{statement} ({', '.join(usual)}; 1 to {at.sizes['underflow_depth']} hidden layers)",
            QUESTION,
            f"of the networks alive in {CONTROL}, none is dead at any depth",
            f"{total} dead over all depths; share at the depth with the largest bound: "
            f"{found.value:.5f}",
            interval(found, digits=5),
            judge(total == 0, total > 0),
        )
    ]


def _dead_stay_dead(dataset: xr.Dataset) -> list[Claim]:
    statement = f"Rounding only kills: what is dead in {CONTROL} is dead in every format"
    need(statement, dataset.underflow_fates)
    dead = dataset.underflow_fates.sel(underflow_control="dead")
    dead = dead.sum(["underflow_law", "underflow_width"])
    revived = dead.sel(underflow_fate="alive")
    most = int(np.argmax(revived.sum("underflow_format").values))
    each = ", ".join(
        f"{int(one)} in {one.underflow_format.item()}" for one in revived.isel(underflow_depth=most)
    )
    of = int(dead.isel(underflow_format=0, underflow_depth=most).sum())
    depth = int(revived.underflow_depth[most])
    return [
        Claim(
            statement,
            f"{QUESTION}; rounded features have another direction, in which neurons may be active",
            "none is alive as computed",
            f"{each} are alive, of {of} dead networks with {depth} hidden layers",
            "exact counts",
            judge(int(revived.sum()) == 0, int(revived.sum()) > 0),
        )
    ]


def _balanced(dataset: xr.Dataset) -> list[Claim]:
    need("The precision kills as many networks as it revives", dataset.underflow_twins)
    coarse = min(map(str, dataset.underflow_format.values), key=lambda f: as_format(f).precision)
    twins = dataset.underflow_twins.sel(underflow_twin="any exponent", underflow_format=coarse)
    return [
        _discordant(twins.sel(underflow_law=law).isel(underflow_depth=-1), coarse)
        for law in ("He", "PyTorch")
        if law in twins.underflow_law
    ]


def _discordant(states: xr.DataArray, fmt: str) -> Claim:
    killed, revived = (
        int(states.sel(underflow_control=a, underflow_state=b).sum())
        for a, b in (("alive", "dead"), ("dead", "alive"))
    )
    found = proportion(killed, killed + revived)
    law, depth = states.underflow_law.item(), states.underflow_depth.item()
    return Claim(
        f"The precision of {fmt} kills as many networks as it revives: {law}",
        f"{QUESTION}; exponents of float64, {depth} hidden layers; exact test of McNemar",
        "half of the networks whose fate changes are killed",
        f"{killed} killed and {revived} revived of {int(states.sum())}",
        interval(found),
        judge(found.low >= 0.45 and found.high <= 0.55, found.low > 0.5 or found.high < 0.5),
    )


def _silent(dataset: xr.Dataset) -> list[Claim]:
    counts = dataset.underflow_gradients
    need("A network that is alive as computed has a gradient", counts)
    places = counts.stack(place=("underflow_law", "underflow_width", "gradient_depth"))
    return [
        claim
        for fmt in counts.gradient_format.values
        for claim in _has_gradient(places.sel(gradient_format=fmt), str(fmt))
    ]


def _has_gradient(places: xr.DataArray, fmt: str) -> list[Claim]:
    every = places.sum("gradient")
    places, every = places[:, every >= _LEAST], every[every >= _LEAST]
    if not every.size:
        return []
    zero = places.sel(gradient="zero")
    level = simultaneous(every.size)
    found = [proportion(int(z), int(n), level) for z, n in zip(zero, every, strict=True)]
    worst = max(range(len(found)), key=lambda i: found[i].low)
    law, width, depth = places.place.values[worst]
    return [
        Claim(
            f"A network that is alive in {fmt} has a gradient in {fmt}",
            f"{QUESTION}; first layer, mean squared error to |x|, if it is not zero in {CONTROL}",
            f"zero for less than {FEW:.0%} of the networks, for every law, width and depth at "
            f"which {_LEAST} are alive",
            f"zero for {int(zero[worst])} of {int(every[worst])} ({law}, width {width}, {depth} "
            f"hidden layers); above {FEW:.0%} at {sum(e.value > FEW for e in found)} of "
            f"{every.size} places",
            interval(found[worst], digits=4),
            judge(all(e.high < FEW for e in found), any(e.low > FEW for e in found)),
        )
    ]


JUDGES = (_none_killed, _dead_stay_dead, _balanced, _silent)
