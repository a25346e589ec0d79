"""Claims about the two-parameter network in few bits: what freezes, where, and what helps."""

import numpy as np
import xarray as xr

from jaxlab.flows.verdicts import Outcome, verdict
from jaxlab.studies._judging import CONFIDENCE, judge, need
from jaxlab.studies._statistics import mean
from jaxlab.studies._study import Claim, Verdict
from jaxlab.studies.divergence.config import CONTROL
from jaxlab.studies.divergence.freezing.frozen import MAIN
from jaxlab.studies.divergence.freezing.frozen_cures import ADAM_RATE, ARMS, ARRIVAL, BATCH
from jaxlab.studies.divergence.freezing.frozen_law import half_gap

_REFERENCE = "shared/reference/divergence.md, A.4 (5): descents from (1, 1), rate 0.1, t = 2e5"
_DERIVED = "derived for jaxlab: dry friction, see freezing/frozen_law.py"
_QUESTION = "question of jaxlab; the same start in every format"

_PRINTED = {
    CONTROL: ("4.351875", ""),
    "float32": ("4.264776", ""),
    "float16": ("1.432617", "1.29e-4"),
    "bfloat16": ("1.382812", "1.93e-3"),
}
"""By format, the weight ``a`` and the risk at t = 2e5 as the reference prints them."""

_UNTIL, _SETTLED = 2e5, 200.0
SHORT = ("float16", "bfloat16")
_NOTHING = 0.01
"""An error is none beside one a hundred times larger."""

_DIGITS = {"float16": 11, "bfloat16": 8}


def learning_rate(dataset: xr.Dataset) -> float:
    """Of all descents but Adam and the tenfold one.

    Examples
    --------
    >>> learning_rate(xr.Dataset(coords={"frozen_rate": [0.1]}))
    0.1
    """
    return float(dataset.frozen_rate[0])


def _printed(dataset: xr.Dataset) -> list[Claim]:
    statement = "Gradient descent ends at the digits of the reference in every format"
    need(statement, dataset.frozen_iterate)
    if not np.isclose(dataset.frozen_time, _UNTIL).any() or MAIN not in dataset.frozen_form:
        return []
    last = dataset.sel(frozen_time=_UNTIL, method="nearest")
    shown, meets = [], []
    for fmt in dataset.frozen_format.values:
        at = last.sel(frozen_format=fmt)
        weights = at.frozen_iterate.sel(frozen_parameter="a")
        a, risk = float(weights.sel(frozen_form=MAIN)), float(at.frozen_risk.sel(frozen_form=MAIN))
        weight, loss = _PRINTED[str(fmt)]
        meets += [f"{a:.6f}" == weight, not loss or float(f"{risk:.2e}") == float(loss)]
        others = ", ".join(
            f"{float(weights.sel(frozen_form=form)):.6f} ({form})"
            for form in dataset.frozen_form.values
            if form != MAIN
        )
        shown.append(f"{fmt}: {a:.6f}, risk {risk:.3g}; others {others}")
    return [
        Claim(
            f"{statement} (the formula 2 a log(cosh(b x / 2)), 40 Gauss nodes)",
            _REFERENCE,
            "; ".join(
                f"{fmt}: {_PRINTED[str(fmt)][0]}"
                + (f", risk {_PRINTED[str(fmt)][1]}" if _PRINTED[str(fmt)][1] else "")
                for fmt in dataset.frozen_format.values
            ),
            "; ".join(shown),
            "exact, all digits of the reference; the last ones depend on the formula",
            judge(all(meets), not all(meets)),
        )
    ]


def _control(dataset: xr.Dataset) -> list[Claim]:
    statement = f"In {CONTROL} gradient descent is the flow, whatever the formula; float32 is late"
    need(statement, dataset.frozen_iterate, dataset.frozen_flow)
    if "float32" not in dataset.frozen_format:
        return []
    off = np.abs(dataset.frozen_iterate / dataset.frozen_flow - 1).isel(frozen_time=-1)
    worst = off.max(["frozen_parameter", "frozen_form"])
    control, single = (float(worst.sel(frozen_format=fmt)) for fmt in (CONTROL, "float32"))
    runs = dataset.frozen_iterate.sel(frozen_format=CONTROL)
    between = float(np.abs(runs - runs.isel(frozen_form=0)).max())
    holds = control < _NOTHING * single
    return [
        Claim(
            statement,
            "Euler's method and rounding; the flow by Kvaerno5, rtol 1e-9",
            f"relative distance from the flow at the last time below {_NOTHING:.0%} of float32's",
            f"{control:.2g} against {single:.2g}; formulas differ by {between:.1g} in {CONTROL}",
            f"energy defect of the flow {float(np.abs(dataset.frozen_flow_defect).max()):.1g}",
            judge(holds, not holds),
        )
    ]


def _freezes(dataset: xr.Dataset) -> list[Claim]:
    statement = "The 16-bit formats stop for ever before t = 200"
    need(statement, dataset.frozen_moved, dataset.frozen_period)
    short = [fmt for fmt in SHORT if fmt in dataset.frozen_format]
    at = dataset.sel(frozen_format=short)
    rate = learning_rate(dataset)
    when = rate * at.frozen_moved
    stopped = bool((at.frozen_period == 1).all()) and bool((when <= _SETTLED).all())
    shown = "; ".join(
        f"{fmt} ({form}): t = {float(when.sel(frozen_format=fmt, frozen_form=form)):.1f}, "
        f"period {int(at.frozen_period.sel(frozen_format=fmt, frozen_form=form))}"
        for fmt in short
        for form in dataset.frozen_form.values
    )
    return [
        Claim(
            statement,
            _REFERENCE,
            "a fixed point of the computed step, reached by t = 200",
            shown,
            "exact: the step maps the iterate to itself, bit for bit",
            judge(stopped, not stopped),
        )
    ]


def outcome(dataset: xr.Dataset, points: xr.DataArray, slope: xr.DataArray) -> Outcome:
    """Verdict on a trajectory ``(frozen_time, frozen_parameter)`` with its gradients' norms."""
    at = points.transpose("frozen_time", "frozen_parameter").values
    moved = np.linalg.norm(np.diff(at, axis=0, prepend=at[:1]), axis=-1)
    return verdict(
        dataset.frozen_time.values, np.linalg.norm(at, axis=-1), np.asarray(slope.values), moved
    )


def _false_convergence(dataset: xr.Dataset) -> list[Claim]:
    statement = "In 16 bits a flow to infinity is taken for one to a critical point"
    need(statement, dataset.frozen_iterate, dataset.frozen_computed, dataset.frozen_flow)
    at = dataset.sel(frozen_form=MAIN)
    found = {"flow": outcome(dataset, dataset.frozen_flow, dataset.frozen_flow_gradient)}
    shown = [f"flow: {found['flow'].name}"]
    for fmt in dataset.frozen_format.values:
        one = at.sel(frozen_format=fmt)
        computed = np.sqrt((one.frozen_computed**2).sum("frozen_parameter"))
        exact = np.sqrt((one.frozen_gradient**2).sum("frozen_parameter"))
        found[str(fmt)] = outcome(dataset, one.frozen_iterate, computed)
        shown.append(
            f"{fmt}: {found[str(fmt)].name}, gradient {float(computed[-1]):.2g} as computed, "
            f"{float(exact[-1]):.2g} exactly"
        )
    wrong = [found[fmt] for fmt in SHORT if fmt in found]
    holds = all(one is Outcome.CRITICAL for one in wrong) and all(
        found[name] is Outcome.DIVERGENT for name in ("flow", CONTROL)
    )
    return [
        Claim(
            f"{statement}; the gradient is not zero, the updates are lost",
            f"{_REFERENCE}; verdicts of jaxlab.flows.verdicts",
            f"CRITICAL in {' and '.join(SHORT)}, DIVERGENT in {CONTROL} and on the flow",
            "; ".join(shown),
            "exact iterates",
            judge(holds, not holds),
        )
    ]


def _friction(dataset: xr.Dataset) -> list[Claim]:
    statement = "Descents with exact gradients and rounded parameters stop where friction says"
    need(statement, dataset.frozen_end, dataset.frozen_end_period)
    shown, holds, unfinished = [], [], []
    for p in dataset.frozen_precision.values:
        at = dataset.sel(frozen_precision=p)
        a, b = at.frozen_end.values
        if int(at.frozen_end_period) != 1:
            unfinished.append(int(p))
            continue
        push = learning_rate(dataset) * np.abs(at.frozen_end_gradient.values)
        stuck = all(push <= [half_gap(a, int(p)), half_gap(b, int(p))])
        low, high = at.frozen_predicted.values
        if np.isnan(low):
            holds.append(stuck and a < ARRIVAL)
            shown.append(f"{p} bits: {a:.4f} (on arrival)")
        else:
            holds.append(stuck and low - half_gap(a, int(p)) <= a <= high + half_gap(a, int(p)))
            shown.append(f"{p} bits: {a:.4f} in [{low:.4f}, {high:.4f}]")
    if not holds:
        return []
    return [
        Claim(
            statement,
            _DERIVED,
            f"every weight a within the predicted bounds, or below {ARRIVAL} where none is in "
            "reach; there lr |dL/dp| is at most half a gap for both parameters",
            "; ".join(shown) + (f"; still moving: {unfinished}" if unfinished else ""),
            "exact; bounds from the gaps by which b moves",
            judge(all(holds), not all(holds)),
        )
    ]


def _exponent(dataset: xr.Dataset) -> list[Claim]:
    statement = "Four bits more let the weight grow twice as far: a ~ u**(-1/4)"
    need(statement, dataset.frozen_end, dataset.frozen_end_period)
    ends = dataset.frozen_end.sel(frozen_parameter="a")
    usable = (dataset.frozen_end_period == 1) & dataset.frozen_predicted.notnull().all(
        "frozen_bound"
    )
    pairs = [
        (int(p), float(ends.sel(frozen_precision=p)), float(ends.sel(frozen_precision=p + 4)))
        for p in dataset.frozen_precision.values
        if p + 4 in dataset.frozen_precision and bool(usable.sel(frozen_precision=[p, p + 4]).all())
    ]
    if not pairs:
        return []
    exponents = [np.log2(far / near) / 4 for _, near, far in pairs]
    bounds = [dataset.frozen_predicted.sel(frozen_precision=[p, p + 4]).values for p, *_ in pairs]
    ranges = [
        (np.log2(b[1, 0] / b[0, 1]) / 4 - 1e-3, np.log2(b[1, 1] / b[0, 0]) / 4 + 1e-3)
        for b in bounds
    ]
    holds = all(low <= value <= high for value, (low, high) in zip(exponents, ranges, strict=True))
    return [
        Claim(
            statement,
            _DERIVED,
            "1/4 for many bits; here, by friction: "
            + "; ".join(
                f"{p} to {p + 4} bits: {low:.3f} to {high:.3f}"
                for (p, *_), (low, high) in zip(pairs, ranges, strict=True)
            ),
            "; ".join(f"{value:.4f}" for value in exponents),
            "exact",
            judge(holds, not holds),
        )
    ]


def _culprit(dataset: xr.Dataset) -> list[Claim]:
    statement = "Rounded updates freeze the descent; rounded gradients alone let it go farther"
    need(statement, dataset.frozen_arm_end, dataset.frozen_arm_period, dataset.frozen_arm_control)
    control = float(dataset.frozen_arm_control.sel(frozen_parameter="a"))
    shown, holds = [], []
    for p in dataset.frozen_arm_precision.values:
        at = dataset.sel(frozen_arm_precision=p)
        weights = at.frozen_arm_end.sel(frozen_parameter="a")
        gradient, step = (float(weights.sel(frozen_arm=arm)) for arm in ARMS)
        moved, period = (
            int(at[f"frozen_arm_{name}"].sel(frozen_arm="step")) for name in ("moved", "period")
        )
        end = f"in a cycle of {period} after {moved} steps" if period else "still moving"
        holds.append((gradient > step) if period else True)
        shown.append(f"{p} bits: {gradient:.4f} against {step:.4f}, {end}")
    return [
        Claim(
            statement,
            _QUESTION,
            "where rounded steps end in a cycle, a is smaller there than with rounded gradients "
            "and float64 parameters",
            f"{'; '.join(shown)}; {CONTROL}: {control:.4f}",
            "exact",
            judge(all(holds), not all(holds)),
        )
    ]


def _cures(dataset: xr.Dataset) -> list[Claim]:
    statement = "What lets parameters of 16 bits follow the descent"
    need(statement, dataset.frozen_cured, dataset.frozen_arm_control)
    return [
        _cure(dataset, str(source), str(cure))
        for source in dataset.frozen_source.values
        for cure in dataset.frozen_cure.values
    ]


def _cure(dataset: xr.Dataset, source: str, cure: str) -> Claim:
    control = float(dataset.frozen_arm_control.sel(frozen_parameter="a"))
    ends = dataset.frozen_cured.sel(
        frozen_parameter="a", frozen_source=source, frozen_cure=cure
    ).isel(frozen_cure_time=-1)
    drawn = cure == "stochastic"
    shown, verdicts = [], []
    for fmt in dataset.frozen_stored.values:
        weights = ends.sel(frozen_stored=fmt).values
        verdicts.append(_follows(cure, weights, control, _DIGITS[str(fmt)]))
        error = weights.mean() / control - 1
        shown.append(f"{fmt}: {weights.mean():.4f} ({error:+.1%}, {verdicts[-1]})")
    return Claim(
        f"Parameters of 16 bits follow the descent in {CONTROL}: {cure}, {source}",
        _QUESTION,
        f"a = {control:.4f}, "
        + (
            f"in the interval of the mean, and {ARRIVAL} below it"
            if drawn
            else "up to a gap of the format"
        ),
        "; ".join(shown),
        f"{CONFIDENCE} of the mean of {ends.frozen_key.size} keys" if drawn else "exact",
        judge(set(verdicts) == {"supported"}, "refuted" in verdicts),
    )


def _follows(cure: str, weights: np.ndarray, control: float, precision: int) -> Verdict:
    """One run must end within a gap; the mean of several ones apart from those that are frozen."""
    if cure == "stochastic":
        estimate = mean(weights)
        met = estimate.low <= control <= estimate.high
        return judge(met and estimate.low > ARRIVAL, not met)
    met = bool(np.all(np.abs(weights - control) <= 2 * half_gap(control, precision)))
    return judge(met, not met)


def _flags(dataset: xr.Dataset) -> list[Claim]:
    statement = "Full-batch and minibatch descent are stable steps of the flow; curvature grows"
    need(statement, dataset.frozen_scheme_curvature, dataset.frozen_curvature)
    full = learning_rate(dataset) * dataset.frozen_curvature.sel(frozen_format=CONTROL)
    sharp = {"full batch": full, "minibatch": _of(dataset.frozen_scheme_curvature, "minibatch")}
    last = dataset.isel(frozen_time=-1).sel(frozen_format=CONTROL, frozen_form=MAIN)
    ratio = float(last.frozen_curvature / last.frozen_iterate.sel(frozen_parameter="a"))
    stable = all(bool((one < 2).all()) for one in sharp.values())
    return [
        Claim(
            statement,
            "Euler's method is stable below 2; lambda_max ~ 2 a / 5 in the valley, derived for "
            "jaxlab",
            "lr lambda_max below 2 at every checkpoint (above: not a flow); lambda_max / a near "
            "0.4",
            "; ".join(
                f"{name}: {float(one[..., 0].max()):.3g} at first, at most {float(one.max()):.3g}"
                for name, one in sharp.items()
            )
            + f"; lambda_max / a = {ratio:.3f} at the end",
            "exact Hessians in float64",
            judge(stable, not stable),
        )
    ]


def _schemes(dataset: xr.Dataset) -> list[Claim]:
    statement = "Without that flag a scheme need not be a flow: Adam"
    need(statement, dataset.frozen_scheme_iterate, dataset.frozen_flow)
    steps = float(dataset.frozen_scheme_step[-1])
    ends = dataset.frozen_scheme_iterate.isel(frozen_scheme_step=-1).sel(frozen_parameter="a")
    flow = dataset.frozen_flow.sel(frozen_parameter="a").isel(frozen_time=slice(1, None))
    ratios = {}
    for name in dataset.frozen_scheme.values:
        time = steps * (ADAM_RATE if name == "Adam" else learning_rate(dataset))
        expected = np.interp(np.log(time), np.log(flow.frozen_time.values), flow.values)
        ratios[str(name)] = float(_of(ends, name)) / float(expected)
    flagged = int((_of(dataset.frozen_scheme_curvature, "Adam") > 2).sum())
    apart = abs(ratios["Adam"] - 1) > 10 * abs(ratios["minibatch"] - 1)
    return [
        Claim(
            statement,
            "Adam does not follow the gradient; rate and minibatches of arXiv 2505.09572",
            "never flagged, and ten times as far from the flow at t = rate x steps as minibatches",
            f"Adam: a / a(flow) = {ratios['Adam']:.3f}, flagged at {flagged} checkpoints; "
            f"minibatches of {BATCH}: {ratios['minibatch']:.4f}",
            "one run each; the flow interpolated between four times per decade",
            judge(apart and flagged == 0, flagged > 0 or not apart),
        )
    ]


def _of(values: xr.DataArray, scheme: str) -> xr.DataArray:
    return values.sel(frozen_scheme=scheme)


JUDGES = (
    _printed,
    _control,
    _freezes,
    _false_convergence,
    _friction,
    _exponent,
    _culprit,
    _cures,
    _flags,
    _schemes,
)
