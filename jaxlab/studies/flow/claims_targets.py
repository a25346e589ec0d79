"""Claims about three targets: which flows diverge, how fast, and what bounds the others."""

import numpy as np
import xarray as xr

from jaxlab.flows import verdicts
from jaxlab.flows.verdicts import Outcome
from jaxlab.studies._judging import judge, need
from jaxlab.studies._study import Claim, Verdict
from jaxlab.studies.flow.config import CONTROL
from jaxlab.studies.flow.targets import LOSS_LIMIT, NORM_LIMIT

_BLOW_UP = "Gallon, Jentzen, Lindner, arXiv 2211.15641 (such targets exist); control, derived"
_ERA = "Eberle, Jentzen, Riekert, Weiss, ERA 31 (2023) 2519, arXiv 2108.08106"
_CONSTANT = "Cheridito, Jentzen, Riekert, Rossmannek, arXiv 2102.09924"
_ROUNDING = 2.0**-44


def _outcomes(dataset: xr.Dataset) -> list[Claim]:
    claims = []
    for target in dataset.target.values:
        expected = Outcome.DIVERGENT if target == "step" else Outcome.CRITICAL
        found = dataset.target_verdict.sel(target=target)
        statement = f"Flows for the {target} target are judged {expected.name}"
        need(statement, found)
        right = int((found == expected).sum())
        opposite = found.isin([Outcome.CRITICAL, Outcome.DIVERGENT]) & (found != expected)
        claims.append(
            Claim(
                statement,
                _BLOW_UP if target == "step" else _ERA,
                f"{expected.name} for every start",
                f"{right} of {found.size}; norm at the end "
                f"{_range(dataset.target_norm.sel(target=target).isel(target_time=-1))}",
                f"exact; t = {float(dataset.target_time.max()):.0e}",
                judge(right == found.size, bool(opposite.any())),
            )
        )
    return claims


def _range(values: xr.DataArray | np.ndarray, form: str = ".4g") -> str:
    return f"{float(values.min()):{form}} to {float(values.max()):{form}}"


def _bound(dataset: xr.Dataset) -> list[Claim]:
    statement = "For a constant target L(t) <= V(0)/(8 t)"
    need(statement, dataset.target_bound, dataset.meter_bound)
    far, near = dataset.target_bound, dataset.meter_bound
    worst = max(float(far.max()), float(near.max()))
    number = far.sizes["target_start"] + near[0].size
    return [
        Claim(
            statement,
            _CONSTANT,
            "8 t L(t)/V(0) <= 1 at all times",
            f"at most {worst:.3f} in {number} flows, up to t = {float(far.target_time.max()):.0e}",
            "exact",
            judge(worst <= 1, worst > 1),
        )
    ]


def _rate(dataset: xr.Dataset) -> list[Claim]:
    statement = "For the target x^2 the risk tends to its limit like 1/t or faster"
    loss = dataset.target_loss.sel(target="polynomial")
    need(statement, loss)
    times, values = dataset.target_time.values, loss.values
    excess = values - values[:, -1:]
    # Below the rounding of the risk itself there is no excess to speak of.
    excess = np.where(excess > _ROUNDING * values[:, :1], excess, np.nan)
    slopes = verdicts.local_exponents(times, excess)
    last = [row[np.isfinite(row)][-2] for row in slopes]
    scaled = np.nanmax(excess * times, axis=1)
    late = excess[:, times > times[-1] ** 0.5] * times[times > times[-1] ** 0.5]
    grows = bool(np.any(np.nan_to_num(late) >= scaled[:, None]))
    return [
        Claim(
            statement,
            f"{_ERA}: rate 1",
            "t (L - L_end) bounded; exponent at most -1",
            f"t (L - L_end) at most {scaled.max():.3g}; last exponents {_range(np.array(last))}; "
            f"L_end {_range(values[:, -1])} (the best constant has 4/45, line 1/180)",
            "exponents while L - L_end exceeds its rounding",
            judge(max(last) <= -1 and not grows, grows),
        )
    ]


def _valley(dataset: xr.Dataset) -> list[Claim]:
    statement = "Flows for the step target run to infinity as the derived asymptote says"
    end = dataset.sel(target="step").isel(target_time=-1)
    need(statement, end.target_norm, end.target_loss, end.ramp_slope, end.target_defect)
    time = float(end.target_time)
    # What the asymptote leaves out is of relative order 1/k, the width of the ramp.
    slack = 1 / float(end.ramp_slope.min())
    found = {
        "|theta|/t^(1/4)": (NORM_LIMIT, end.target_norm / time**0.25),
        "L sqrt(t)": (LOSS_LIMIT, end.target_loss * time**0.5),
    }
    off = max(float(np.abs(values / limit - 1).max()) for limit, values in found.values())
    return [
        Claim(
            statement,
            f"{_BLOW_UP} for jaxlab",
            "; ".join(f"{name} -> {limit:.6f}" for name, (limit, _) in found.items())
            + f", up to order 1/k = {slack:.0e}",
            "; ".join(f"{name}: {_range(values, '.6f')}" for name, (_, values) in found.items()),
            f"t = {time:.0e}; energy identity to {float(np.abs(end.target_defect).max()):.0e}",
            judge(off <= slack, off > 2 * slack),
        )
    ]


def _exponents(dataset: xr.Dataset) -> list[Claim]:
    statement = "For the step target the norm grows as t^(1/4) and the risk falls as t^(-1/2)"
    step = dataset.sel(target="step")
    need(statement, step.target_norm, step.target_loss)
    times = dataset.target_time.values
    norm, loss = (
        verdicts.local_exponents(times, values.values)[:, -2]
        for values in (step.target_norm, step.target_loss)
    )
    orders = {verdicts.escape_class(a, b) for a, b in zip(loss, norm, strict=True)}
    return [
        Claim(
            statement,
            f"{_BLOW_UP} for jaxlab",
            "1/4 and -1/2 (escape class 1)",
            f"{_range(norm, '.5f')} and {_range(loss, '.5f')}; classes {sorted(orders)}",
            "exact, over the last half decade",
            judge(orders == {1}, 1 not in orders),
        )
    ]


def _ramp(dataset: xr.Dataset) -> list[Claim]:
    statement = "The risk of a flow for the step target tends to that of a ramp, 1/(12 k)"
    loss = dataset.target_loss.sel(target="step")
    need(statement, loss, dataset.ramp_slope)
    ratio = 12 * dataset.ramp_slope * loss
    end = np.abs(ratio.isel(target_time=-1) - 1).max()
    slack = 1 / float(dataset.ramp_slope.isel(target_time=-1).min())
    return [
        Claim(
            statement,
            "derived for jaxlab (flow.md, B.5.8); k is the network's largest slope",
            f"12 k L -> 1, up to 1/k = {slack:.0e}",
            f"|12 k L - 1| at most {float(end):.1e} at the end, "
            f"k {_range(dataset.ramp_slope.isel(target_time=-1))}",
            "exact",
            judge(float(end) <= slack, float(end) > 2 * slack),
        )
    ]


def _stops(dataset: xr.Dataset) -> list[Claim]:
    statement = "In formats of 8 and 11 bits the diverging descent stops: false convergence"
    need(statement, dataset.descent_loss)
    half = dataset.sizes["target_record"] // 2
    middle, end = (dataset.descent_loss.isel(target_record=i) for i in (half, -1))
    control = float(end.sel(target_format=CONTROL))
    falls = 1 - end / middle
    found = {
        str(name): float(falls.sel(target_format=name)) for name in dataset.target_format.values
    }
    low = [name for name in found if name in ("bfloat16", "float16")]
    moving = found[CONTROL] > 0.1

    def verdict() -> Verdict:
        return judge(
            moving and all(abs(found[name]) < 1e-3 for name in low),
            any(found[name] > 0.1 for name in low),
        )

    return [
        Claim(
            statement,
            "steps below half the spacing of the parameters are lost; derived for jaxlab",
            f"no fall of the risk over the second half, against {found[CONTROL]:.1%} in {CONTROL}",
            "; ".join(f"{name}: {fall:.2%}" for name, fall in found.items())
            + f"; risk at the end {_range(end.sel(target_format=low))} instead of {control:.4g}",
            "exact; one start",
            verdict(),
        )
    ]


JUDGES = (_outcomes, _bound, _rate, _exponents, _valley, _ramp, _stops)
