"""Claims of part `published` about discrete optimisers and the authors' own runs."""

import numpy as np
import xarray as xr

from jaxlab.studies._judging import interval, judge, need
from jaxlab.studies._statistics import Estimate, mean, simultaneous
from jaxlab.studies._study import Claim, Verdict
from jaxlab.studies.divergence.experiments import authors
from jaxlab.studies.divergence.experiments.claims_published import EDGE, SAD, each

_DATA = f"authors' data, means of {authors.RUNS} runs, read from the figures of {SAD}"
_FINE = 0.1
"""Largest half width, as a share of the norm's growth, of an interval that supports anything."""


def _run(dataset: xr.Dataset, scheme: str) -> xr.Dataset:
    return dataset.sel(published_scheme=scheme).drop_vars("published_scheme")


def at_steps(dataset: xr.Dataset, name: str) -> xr.DataArray:
    """A variable of the flow at the times of the optimisers' steps, along ``published_step``."""
    at = dataset.published_step * authors.RATE
    return dataset[name].sel(published_time=at, method="nearest").drop_vars("published_time")


def _follows(dataset: xr.Dataset) -> list[Claim]:
    if "GD float64" not in dataset.published_scheme:
        return []
    run = _run(dataset, "GD float64")
    last = int(dataset.published_step[-1])
    statement = f"{last:,} steps of gradient descent in float64 follow the flow to first order"
    need(statement, run.published_run_loss, run.published_run_largest, dataset.published_loss)
    loss = at_steps(dataset, "published_loss")
    scale = authors.RATE * run.published_run_largest.max("published_step")
    apart = abs(run.published_run_loss / loss - 1).max("published_step")
    follows = bool((apart < scale).all())
    shown = [
        f"{name}: {float(found.apart.max()):.2e}, {float(found.share.max()):.2f} of lr lambda_max"
        for name, found in each(xr.Dataset({"apart": apart, "share": apart / scale}))
    ]
    return [
        Claim(
            statement,
            "Euler's method has a relative error of the order lr lambda_max",
            "losses at equal times apart by less than lr lambda_max, relatively",
            "at most " + "; ".join(shown),
            f"{apart.size} runs; largest over all measured steps",
            judge(follows, not follows),
        )
    ]


def _flagged(dataset: xr.Dataset) -> list[Claim]:
    schemes = [str(s) for s in dataset.published_scheme.values if str(s).startswith("GD ")]
    if not schemes:
        return []
    sharpness = dataset.published_run_largest.sel(published_scheme=schemes)
    last = int(dataset.published_step[-1])
    statement = f"In {last:,} steps no run of gradient descent meets lambda_max > 2/lr"
    need(statement, sharpness)
    shown = [
        f"{name}: {int((found.top > EDGE).any('published_step').sum())} runs flagged, "
        f"largest {float(found.top.max()):.0f}"
        for name, found in each(sharpness.to_dataset(name="top"))
    ]
    beyond = bool((sharpness > EDGE).any())
    return [
        Claim(
            statement,
            "a run beyond 2/lr is no gradient flow (edge of stability)",
            f"lambda_max at most {EDGE:g}",
            "; ".join(shown),
            f"{sharpness.isel(published_step=-1).size} runs, measured steps only",
            judge(not beyond, beyond),
        )
    ]


def _single(dataset: xr.Dataset) -> list[Claim]:
    if not {"GD float64", "GD float32"} <= set(dataset.published_scheme.values):
        return []
    statement = "float32 moves gradient descent by less than its step size does"
    wide, narrow = (
        _run(dataset, f"GD {fmt}").published_run_norm.isel(published_step=-1)
        for fmt in ("float64", "float32")
    )
    need(statement, wide, narrow, dataset.published_norm)
    flow = at_steps(dataset, "published_norm").isel(published_step=-1)
    ratio = abs(narrow - wide) / abs(wide - flow)
    return [
        Claim(
            statement,
            "control",
            "norms after the last step: |float32 - float64| < |float64 - flow|",
            f"ratio {float(ratio.min()):.3f} to {float(ratio.max()):.3f}",
            f"{ratio.size} runs",
            judge(bool((ratio < 1).all()), bool((ratio >= 1).all())),
        )
    ]


def _frozen(dataset: xr.Dataset) -> list[Claim]:
    if not {"GD float64", "GD bfloat16"} <= set(dataset.published_scheme.values):
        return []
    statement = "Gradient descent in bfloat16 freezes far above the flow"
    wide, narrow = (
        _run(dataset, f"GD {fmt}").isel(published_step=-1) for fmt in ("float64", "bfloat16")
    )
    need(statement, wide.published_run_loss, narrow.published_run_loss)
    frozen = narrow.published_run_stagnated == 1
    above = narrow.published_run_loss / wide.published_run_loss
    holds = bool(frozen.all() and (above > 1).all())
    return [
        Claim(
            statement,
            "derived for jaxlab (divergence.md, A.4.5)",
            "every update is lost in rounding while float64's loss is lower",
            f"{int(frozen.sum())} of {frozen.size} frozen; loss {float(above.min()):.1f} to "
            f"{float(above.max()):.1f} times float64's",
            "exact",
            judge(holds, not holds),
        )
    ]


def beside_authors(
    ours: xr.DataArray, theirs: float, start: float, level: float
) -> tuple[Estimate, Verdict]:
    """The mean of our flows, with an interval for a mean of the authors' runs, and the verdict.

    The spread of ``authors.RUNS`` runs is not printed: ours stands for it, so that the interval is
    Student's for the difference of the two means. One that is wide supports nothing.

    Parameters
    ----------
    ours
        Norms, one per start.
    theirs
        The printed mean.
    start
        Norm from which it grew.
    level
        Of the interval.
    """
    found = mean(ours, level)
    half = (found.high - found.value) * np.sqrt(1 + ours.size / authors.RUNS)
    estimate = Estimate(found.value, found.value - half, found.value + half, level)
    met = estimate.low <= theirs <= estimate.high
    return estimate, judge(met and half <= _FINE * (theirs - start), not met)


def _norms(dataset: xr.Dataset) -> list[Claim]:
    """One claim per problem and activation; none for a single start or times that are not there."""
    last = float(dataset.published_time[-1])
    steps = [step for step in authors.NORM_STEPS if step * authors.RATE <= last]
    if dataset.sizes["published_start"] < 2 or not steps:
        return []
    claims = []
    level = simultaneous(len(steps))
    for name, one in each(dataset):
        statement = f"The published mean norm is that of the true flow: {name}"
        need(statement, one.published_norm)
        pair = str(one.published_problem.values), str(one.published_activation.values)
        begin = float(one.published_norm[:, 0].mean())
        judged = [
            beside_authors(
                one.published_norm.sel(published_time=step * authors.RATE, method="nearest"),
                theirs,
                begin,
                level,
            )
            for step, theirs in zip(authors.NORM_STEPS, authors.NORM[pair], strict=True)
            if step in steps
        ]
        verdicts = [verdict for _, verdict in judged]
        claims.append(
            Claim(
                statement,
                _DATA,
                "; ".join(
                    f"t = {step * authors.RATE:g}: {theirs}"
                    for step, theirs in zip(steps, authors.NORM[pair], strict=False)
                ),
                "; ".join(f"{estimate.value:.3f} ({verdict})" for estimate, verdict in judged),
                f"{interval(*(estimate for estimate, _ in judged))}, "
                f"{one.sizes['published_start']} starts",
                judge(set(verdicts) == {"supported"}, "refuted" in verdicts),
            )
        )
    return claims


def _losses(dataset: xr.Dataset) -> list[Claim]:
    last = float(dataset.published_time[-1])
    steps = [step for step in authors.LOSS_STEPS if step * authors.RATE <= last]
    claims = []
    for name, one in each(dataset) if steps else ():
        statement = f"The published mean loss beside that of the true flow: {name}"
        pair = str(one.published_problem.values), str(one.published_activation.values)
        at = xr.DataArray([step * authors.RATE for step in steps], dims="at")
        found = one.published_loss.sel(published_time=at, method="nearest")
        need(statement, found)
        claims.append(
            Claim(
                statement,
                f"{_DATA}; of bootstrapped batches, to two digits",
                "; ".join(
                    f"t = {step * authors.RATE:g}: {theirs:.2g}"
                    for step, theirs in zip(steps, authors.LOSS[pair], strict=False)
                ),
                "; ".join(f"{float(values.mean()):.2g}" for values in found.transpose("at", ...)),
                "range of our starts: "
                + "; ".join(
                    f"{float(values.min()):.2g} to {float(values.max()):.2g}"
                    for values in found.transpose("at", ...)
                ),
                "not comparable",
            )
        )
    return claims


JUDGES = (_follows, _flagged, _single, _frozen, _norms, _losses)
