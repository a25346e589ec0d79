"""Claims about shallow networks with SAD activations and the target ``x**2``."""

import numpy as np
import xarray as xr

from jaxlab.flows.verdicts import Outcome, local_exponents
from jaxlab.studies._judging import CONFIDENCE, judge, need
from jaxlab.studies._statistics import proportion
from jaxlab.studies._study import Claim
from jaxlab.studies.divergence.certificates import certified
from jaxlab.studies.divergence.escape.shallow import SAD
from jaxlab.studies.divergence.printed import Digits, digits

PAPER = "Kranz, Gallon, Dereich, Jentzen, arXiv 2505.09572"
_DERIVED = "derived for jaxlab (divergence.md, A.4)"
VARIANCE = 4 / 45
"""Of ``x**2``: the risk of the best constant and of the best affine function."""

RATE = 1e-3
"""The published learning rate of gradient descent."""

_LOSS = (
    "8.956404e-2", "8.892867e-2", "8.881510e-2", "7.415813e-4", "2.039510e-4", "4.478040e-5",
    "1.077052e-5", "2.979227e-6", "9.059797e-7",
)  # fmt: skip
_NORM = (
    "1.218020", "1.210248", "1.218715", "4.873769", "5.808122", "8.454153", "12.840628",
    "19.596015", "30.759574",
)  # fmt: skip
_SLOPES = {
    "H=2, seed 0": ("-0.500", "0.248"),
    "H=2, seed 1": ("-0.667", "0.166"),
    "H=4, seed 0": ("-0.678", "0.150"),
    "H=4, seed 1": ("-0.670", "0.164"),
}
_SPREAD = 0.03
"""Of exponents, as :func:`jaxlab.flows.verdicts.escape_class` allows it."""

_LATE = 1e11
"""From here to the end slopes were printed."""


def flat(dataset: xr.Dataset, cases: list[str] | None = None) -> xr.Dataset:
    """The flows of some cases with one dimension ``start`` for groups and starts."""
    chosen = dataset[[name for name in dataset if "shallow_start" in dataset[name].dims]]
    stacked = chosen.stack(start=("shallow_group", "shallow_start"), create_index=False)
    stacked = stacked.transpose("shallow_case", "start", ...)
    return stacked if cases is None else stacked.sel(shallow_case=cases)


def late_slopes(one: xr.Dataset, before: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Exponents of risk and norm over the last decade or ``before`` decades before it, by flow."""
    last = float(one.shallow_time[-1]) / 10**before
    ends = [one.sel(shallow_time=time, method="nearest") for time in (last / 10, last)]
    loss, norm = (
        np.log10(ends[1][name].values / ends[0][name].values)
        for name in ("shallow_loss", "shallow_norm")
    )
    return loss, norm


def order(slope: float) -> float:
    """The ``m`` of ``L ~ t**slope``, ``slope = -m/(m + 1)``, to the nearest half.

    Examples
    --------
    >>> order(-0.5), order(-0.667), order(-0.333)
    (1.0, 2.0, 0.5)
    """
    return float(round(-2 * slope / (1 + slope)) / 2)


def _printed(dataset: xr.Dataset) -> list[Claim]:
    statement = "H=2, seed 0: {} of the softplus network at t = 1, 10, ..., 1e8"
    need(statement.format("risk"), dataset.shallow_reference_loss, dataset.shallow_reference_norm)
    claims = []
    for name, texts in (("risk", _LOSS), ("norm", _NORM)):
        values = dataset["shallow_reference_" + ("loss" if name == "risk" else name)]
        figures = {}
        for power, text in enumerate(texts):
            here = values.isel(shallow_reference=0).sel(shallow_time=10.0**power, method="nearest")
            figures[f"1e{power}"] = Digits(text, float(here[-1]), float(np.ptp(here.values)))
        claims.append(digits(statement.format(name), f"{_DERIVED}, by diffrax", figures))
    wide = dataset.sel(shallow_reference="H=4, seed 0").sel(shallow_time=1e8, method="nearest")
    figures = {
        name: Digits(text, float(values[-1]), float(np.ptp(values.values)))
        for name, text, values in (
            ("risk", "1.402e-8", wide.shallow_reference_loss),
            ("norm", "7.2746", wide.shallow_reference_norm),
        )
    }
    return [*claims, digits("H=4, seed 0: risk and norm at t = 1e8", _DERIVED, figures)]


def _slopes(dataset: xr.Dataset) -> list[Claim]:
    statement = "Between t = 1e11 and 1e12 the softplus flows have the printed local exponents"
    need(statement, dataset.shallow_reference_loss, dataset.shallow_reference_norm)
    late = dataset.shallow_time.values >= _LATE * (1 - 1e-9)
    last = dataset.isel(shallow_tolerance=-1)
    shown, met = [], True
    for name, printed in _SLOPES.items():
        one = last.sel(shallow_reference=name)
        for text, values in zip(
            printed, (one.shallow_reference_loss, one.shallow_reference_norm), strict=True
        ):
            local = local_exponents(dataset.shallow_time.values, values.values)[late]
            inside = local.min() - 5e-4 <= float(text) <= local.max() + 5e-4
            met &= bool(inside)
            shown.append(f"{name}: {local.min():.4f} to {local.max():.4f}")
    expected = "; ".join(f"{name}: {loss}, {norm}" for name, (loss, norm) in _SLOPES.items())
    return [
        Claim(
            statement, _DERIVED, expected, "; ".join(shown),
            "range over that decade; half a printed digit", judge(met, not met),
        )
    ]  # fmt: skip


def _dichotomy(dataset: xr.Dataset) -> list[Claim]:
    statement = (
        "A flow that gets below 1 % of the variance 4/45 runs to infinity: no critical point"
    )
    claims = []
    for name in SAD:
        one = flat(dataset, [name]).isel(shallow_case=0)
        need(f"{name}: {statement}", one.shallow_verdict)
        verdict, last = one.shallow_verdict.values, one.shallow_loss.values[:, -1]
        good = verdict[last < 0.01 * VARIANCE]
        away, back = int((good == Outcome.DIVERGENT).sum()), int((good == Outcome.CRITICAL).sum())
        stuck = int((verdict == Outcome.CRITICAL).sum())
        share = proportion(away, good.size)
        claims.append(
            Claim(
                f"{name}: {statement}",
                f"{PAPER}, Thm 2.8 and Cor. 3.6 (enough data and neurons, good start)",
                "all of them",
                f"{away} of {good.size} run to infinity, {back} converge; of all {verdict.size} "
                f"flows {stuck} end at a critical point of larger risk",
                f"[{share.low:.3f}, {share.high:.3f}] ({CONFIDENCE}, exact)",
                judge(good.size > 0 and away == good.size, back > 0),
            )
        )
    return claims


def settled(one: xr.Dataset) -> np.ndarray:
    """Which flows run to infinity with one exponent of the risk over the last two decades."""
    now, before = (late_slopes(one, k)[0] for k in (0, 1))
    steady = np.abs(now - before) <= _SPREAD
    return steady & (one.shallow_verdict.values == Outcome.DIVERGENT)


def _growth(dataset: xr.Dataset) -> list[Claim]:
    statement = "On the way to infinity |theta| ~ t^((1 - p)/2) where L ~ t^(-p), p = m/(m + 1)"
    one = flat(dataset, list(SAD))
    need(statement, one.shallow_verdict)
    chosen = settled(one)
    loss, norm = late_slopes(one)
    off = np.abs(norm - (1 + loss) / 2)[chosen]
    orders = {
        name: np.unique([order(p) for p in loss[i][chosen[i]]], return_counts=True)
        for i, name in enumerate(SAD)
    }
    shown = [
        f"{name}: " + ", ".join(f"m={m:g} ({count})" for m, count in zip(*found, strict=True))
        for name, found in orders.items()
    ]
    moving = int((one.shallow_verdict.values == Outcome.DIVERGENT).sum() - chosen.sum())
    met = bool(off.size) and bool((off <= _SPREAD).all())
    return [
        Claim(
            statement,
            f"{_DERIVED}; m = 1/2, derived here, where one neuron sits at the minimum of GELU or "
            "swish: its first derivative vanishes there, its third does not",
            f"norm exponent within {_SPREAD} of (1 - p)/2 for every divergent flow whose p is "
            "steady for two decades",
            f"off by at most {off.max(initial=0):.3f} in {off.size} flows, {moving} not steady; "
            + "; ".join(shown),
            "exponents over the last decade",
            judge(met, off.size > 0 and not met),
        )
    ]


def _constants(dataset: xr.Dataset) -> list[Claim]:
    statement = (
        "The risk 4/45 is a critical value: a flow that stays there ends at a constant network, "
        "w = 0, where the Hessian has no negative eigenvalue"
    )
    one = flat(dataset, list(SAD))
    need(statement, one.shallow_verdict)
    near = np.abs(one.shallow_loss.values / VARIANCE - 1) < 0.01
    stays = one.shallow_verdict.values == Outcome.CRITICAL
    left = (near.sum(axis=-1) > 8) & (one.shallow_loss.values[..., -1] < 0.5 * VARIANCE)
    neurons = (one.sizes["shallow_parameter"] - 1) // 3
    weight = np.abs(one.shallow_end.values[stays][:, :neurons]).max(initial=0)
    least = one.shallow_least.values[stays][:, -1].min(initial=0)
    met = bool(near[stays][:, -1].all()) and weight < 1e-4 and least > -1e-9
    return [
        Claim(
            statement,
            "derived here: at w = 0 the Hessian's block of w is 2/3 (v sigma'(b)) (v sigma'(b))^T "
            "- 8/45 diag(v sigma''(b)), and w is coupled to nothing else",
            "all critical points that are met; |w| below 1e-4, least eigenvalue above -1e-9",
            f"{near[stays][:, -1].sum()} of {stays.sum()}; |w| at most {weight:.2g}, least "
            f"eigenvalue {least:.2g}; {left.sum()} flows spent two decades or more within 1 % of "
            "4/45 and left",
            "exact count",
            judge(bool(stays.any()) and met, not met),
        )
    ]


def _edge(dataset: xr.Dataset) -> list[Claim]:
    statement = f"Some flows pass lambda_max = 2/{RATE:g}: with this rate, descent is no flow there"
    one = flat(dataset, list(SAD))
    need(statement, one.shallow_verdict)
    # A mode of curvature above 2/lr grows under gradient descent, whatever the flow does.
    over = one.shallow_largest.values > 2 / RATE
    passed = over.any(axis=-1)
    first = dataset.shallow_time.values[np.argmax(over, axis=-1)][passed]
    by = {name: int(k) for name, k in zip(SAD, passed.sum(axis=1), strict=True)}
    return [
        Claim(
            statement,
            "lambda_max <= 2/lr is necessary (linear stability)",
            f"lambda_max above {2 / RATE:g} in some",
            f"{passed.sum()} of {passed.size} flows pass it ("
            + ", ".join(f"{name}: {k}" for name, k in by.items())
            + (f"), from t = {first.min():.2g} on" if first.size else ")"),
            "exact count; Lanczos with as many steps as parameters",
            judge(passed.any(), not passed.any()),
        )
    ]


def _certified(dataset: xr.Dataset) -> list[Claim]:
    return certified(flat(dataset, list(SAD)), "shallow", "Shallow flows, SAD activations")


JUDGES = (_printed, _slopes, _dichotomy, _growth, _constants, _edge, _certified)
