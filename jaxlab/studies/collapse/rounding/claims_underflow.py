"""Claims about random networks that the range of a format kills (part "underflow")."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import xarray as xr

from jaxlab.studies._judging import interval, judge, need
from jaxlab.studies._statistics import LEVEL, Estimate, proportion, simultaneous
from jaxlab.studies._study import Claim
from jaxlab.studies.collapse.config import CONTROL
from jaxlab.studies.collapse.rounding import onset
from jaxlab.studies.collapse.rounding.underflow import FATES, RANGE

_DERIVED = "derived for jaxlab: networks without biases are positively homogeneous"
QUESTION = "question of jaxlab; every format sees the same draw"
"""What claims give as their source where nothing is published."""

_SHORT = "float16"
"""The format of 16 bits that runs out of range."""

_DEATHS = FATES[2:]
_HALF_A_LAYER = 0.5
FEW = 0.02
"""A share below this one counts as none."""

_NEARLY_ALL = 0.98


def gains(dataset: xr.Dataset) -> dict[str, float]:
    """The laws without biases and their gains, largest first.

    Examples
    --------
    >>> gains(xr.Dataset(coords={"underflow_law": ["0.25 He", "He", "PyTorch"]}))
    {'He': 1.0, '0.25 He': 0.25}
    """
    names = [str(name) for name in dataset.underflow_law.values if str(name).endswith("He")]
    found = {name: float(name.removesuffix("He") or 1) for name in names}
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def alive(dataset: xr.Dataset) -> xr.DataArray:
    """Networks that are alive in the control."""
    fates = dataset.underflow_fates.sel(underflow_control="alive").sum("underflow_fate")
    return fates.isel(underflow_format=0, drop=True)


def killed(dataset: xr.Dataset, deaths: Sequence[str] = _DEATHS) -> xr.DataArray:
    """Networks that are alive in the control and dead as computed, by some kinds of death."""
    fates = dataset.underflow_fates.sel(underflow_control="alive")
    return fates.sel(underflow_fate=list(deaths)).sum("underflow_fate")


class _Deep(NamedTuple):
    """The laws of largest and smallest gain, and a depth where float16 underflows in the latter."""

    large: str
    small: str
    depth: int


def _deep(dataset: xr.Dataset) -> _Deep | None:
    found = gains(dataset)
    if len(found) < 2 or _SHORT not in dataset.underflow_format:
        return None
    large, *_, small = found
    last = onset.onset(_SHORT, int(dataset.underflow_width.max()), found[small])
    if 1.5 * last > int(dataset.underflow_depth.max()):
        return None
    return _Deep(large, small, math.ceil(1.5 * last))


def share(counts: xr.DataArray, of: xr.DataArray, level: float = LEVEL) -> Estimate:
    """A share of networks; their widths are pooled."""
    return proportion(int(counts.sum()), int(of.sum()), level)


def _homogeneous(dataset: xr.Dataset) -> list[Claim]:
    statement = (
        f"Without biases a gain changes the fate of no network in {CONTROL}, nor in any format "
        "that is given the exponents of float64"
    )
    need(statement, dataset.underflow_fates, dataset.underflow_twins)
    one, *others = gains(dataset)
    if not others:
        return []
    tables = (
        dataset.underflow_fates.sum("underflow_fate"),
        dataset.underflow_twins.sel(underflow_twin="any exponent"),
    )
    equal = [table.sel(underflow_law=others) == table.sel(underflow_law=one) for table in tables]
    right, total = sum(int(e.sum()) for e in equal), sum(e.size for e in equal)
    return [
        Claim(
            statement,
            f"{_DERIVED}, and powers of two commute with rounding",
            f"the counts of {', '.join(others)} are those of {one}",
            f"{right} of {total} counts equal",
            "exact counts",
            judge(right == total, right < total),
        )
    ]


def _gain_kills(dataset: xr.Dataset) -> list[Claim]:
    statement = "A small gain kills in float16: without biases, only rounding can"
    need(statement, dataset.underflow_fates)
    deep = _deep(dataset)
    if deep is None:
        return []
    at = dataset.sel(underflow_depth=deep.depth)
    small, large = (
        share(
            killed(one).sel(underflow_format=_SHORT),
            alive(one),
            simultaneous(2),
        )
        for one in (at.sel(underflow_law=deep.small), at.sel(underflow_law=deep.large))
    )
    return [
        Claim(
            f"{statement} ({deep.depth} hidden layers)",
            _DERIVED,
            f"of the networks alive in {CONTROL}, more die in {deep.small} than in {deep.large}",
            f"{small.value:.4f} against {large.value:.4f}",
            interval(small, large, digits=4),
            judge(small.low > large.high, small.high < large.low),
        )
    ]


def _range_kills(dataset: xr.Dataset) -> list[Claim]:
    statement = "The range kills, not the precision: bfloat16 has three bits less, and spares all"
    need(statement, dataset.underflow_fates)
    deep = _deep(dataset)
    if deep is None or "bfloat16" not in dataset.underflow_format:
        return []
    at = dataset.sel(underflow_law=deep.small, underflow_depth=deep.depth)
    short, wide = (
        share(killed(at, RANGE).sel(underflow_format=fmt), alive(at), simultaneous(2))
        for fmt in (_SHORT, "bfloat16")
    )
    precision = killed(at).sel(underflow_format="bfloat16") - killed(at, RANGE).sel(
        underflow_format="bfloat16"
    )
    return [
        Claim(
            f"{statement} ({deep.small}, {deep.depth} hidden layers)",
            f"{QUESTION}; of the range: by underflow, or alive with the exponents of float64",
            f"killed by the range: above {_NEARLY_ALL:.0%} in {_SHORT}, below {FEW:.0%} in "
            "bfloat16",
            f"{short.value:.4f} and {wide.value:.4f}; by the precision of bfloat16: "
            f"{share(precision, alive(at)).value:.4f}",
            interval(short, wide, digits=4),
            judge(
                short.low > _NEARLY_ALL and wide.high < FEW,
                short.high < _NEARLY_ALL or wide.low > FEW,
            ),
        )
    ]


def _weights_alone(dataset: xr.Dataset) -> list[Claim]:
    statement = "Rounding the weights to float16 is harmless; computing with them is not"
    need(statement, dataset.underflow_fates, dataset.underflow_twins)
    deep = _deep(dataset)
    if deep is None:
        return []
    at = dataset.sel(
        underflow_law=deep.small, underflow_depth=deep.depth, underflow_format=[_SHORT]
    )
    state = {"underflow_control": "alive", "underflow_state": "dead"}
    exact = at.underflow_twins.sel(state).sel(underflow_twin="rounded weights")
    stored, computed = (share(c, alive(at), simultaneous(2)) for c in (exact, killed(at)))
    return [
        Claim(
            f"{statement} ({deep.small}, {deep.depth} hidden layers)",
            QUESTION,
            f"dead as an exact function of the rounded weights: below {FEW:.0%}; as computed: "
            f"above {_NEARLY_ALL:.0%}",
            f"{stored.value:.4f} and {computed.value:.4f}",
            interval(stored, computed, digits=4),
            judge(
                stored.high < FEW and computed.low > _NEARLY_ALL,
                stored.low > FEW or computed.high < _NEARLY_ALL,
            ),
        )
    ]


def _onsets(dataset: xr.Dataset) -> list[Claim]:
    statement = "Half of the networks are dead at the depth where typical features underflow"
    need(statement, dataset.underflow_fates)
    shown, off = [], []
    for law, gain in gains(dataset).items():
        for width in dataset.underflow_width.values:
            at = dataset.sel(underflow_law=law, underflow_width=width)
            for fmt in dataset.underflow_format.values:
                if fmt in ("float32", "bfloat16"):  # the CPU flushes their subnormals
                    continue
                dying = killed(at).sel(underflow_format=fmt)
                found = onset.measured(dying.values, alive(at).values)
                expected = onset.onset(str(fmt), int(width), gain)
                if math.isfinite(found):
                    off.append(abs(found - expected))
                    shown.append(f"{found:.1f} for {expected:.1f} ({fmt}, {law}, width {width})")
    if not off:
        return []
    return [
        Claim(
            statement,
            "derived for jaxlab: means of logarithms of chi-squared numbers, nothing fitted",
            f"every depth within {_HALF_A_LAYER} layers",
            f"at most {max(off):.2f} layers off: {'; '.join(shown)}",
            "interpolated between depths",
            judge(max(off) <= _HALF_A_LAYER, max(off) > _HALF_A_LAYER),
        )
    ]


JUDGES = (_homogeneous, _gain_kills, _range_kills, _weights_alone, _onsets)
