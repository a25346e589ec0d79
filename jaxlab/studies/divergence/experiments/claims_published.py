"""Claims about the flows of part `published`: their identities, their growth, their sharpness."""

import numpy as np
import xarray as xr

from jaxlab.flows.verdicts import Outcome
from jaxlab.studies._comparing import Expected, compare
from jaxlab.studies._judging import judge, need
from jaxlab.studies._statistics import Estimate, mean, simultaneous
from jaxlab.studies._study import Claim
from jaxlab.studies.divergence import polynomials
from jaxlab.studies.divergence.experiments import authors

SAD = "Kranz, Gallon, Dereich, Jentzen, arXiv 2505.09572"
_DERIVED = "derived for jaxlab (divergence.md, A)"
_PRINTED = ("5.505", "7.673", "7.868")
EDGE = 2 / authors.RATE
"""Largest eigenvalue beyond which gradient descent of the authors' rate is unstable."""
LATE = 1e5
"""Flows that end before are not asked where they go."""


def each(dataset: xr.Dataset) -> list[tuple[str, xr.Dataset]]:
    """One problem and activation after another, with a name that says what is not analytic."""
    return [
        (
            f"{problem} {activation}"
            + (" (not analytic)" if activation in polynomials.NOT_ANALYTIC else ""),
            dataset.sel(published_problem=problem, published_activation=activation),
        )
        for problem in dataset.published_problem.values
        for activation in dataset.published_activation.values
    ]


def _starts(dataset: xr.Dataset) -> list[Claim]:
    statement = "Xavier starts have the norm sqrt(sum 2 m n/(m + n))"
    need(statement, dataset.published_square)
    level = simultaneous(len(polynomials.PROBLEMS))
    figures = {}
    for (name, problem), printed in zip(polynomials.PROBLEMS.items(), _PRINTED, strict=True):
        found = mean(dataset.published_square.sel(published_network=name), level)
        value, low, high = (float(np.sqrt(square)) for square in found[:3])
        root = Estimate(value, low, high, level)
        figures[name] = Expected(polynomials.mean_square(problem.widths) ** 0.5, printed), root
    return compare(statement, _DERIVED, figures)


def _identities(dataset: xr.Dataset) -> list[Claim]:
    statement = "Along a flow the loss falls by the integral of the squared gradient norm"
    need(statement, dataset.published_defect, dataset.published_allowed)
    energy = dataset.published_energy.isel(published_time=-1)
    defect = abs(dataset.published_defect).max("published_time") / energy
    within = bool((defect <= dataset.published_allowed).all())
    time, loss = dataset.published_time, dataset.published_loss
    rises = int((loss.diff("published_time") >= 0).sum())
    fall = time * (loss.isel(published_time=0) - loss)
    ratio = float((dataset.published_displacement**2 / fall.where(time > 0)).max())
    return [
        Claim(
            statement,
            SAD,
            "defect / energy 0, up to tolerance times steps",
            f"{float(defect.max()):.1e}",
            f"up to {float(dataset.published_allowed.min()):.1e}",
            judge(within, not within),
        ),
        Claim(
            "Along a flow the loss never rises",
            SAD,
            "0 rises between output times",
            f"{rises} of {loss.size - defect.size}",
            "exact",
            judge(rises == 0, rises > 0),
        ),
        Claim(
            "A flow moves by at most sqrt(t (L(0) - L(t)))",
            _DERIVED,
            "squared ratio at most 1",
            f"{ratio:.3f}",
            "exact",
            judge(ratio <= 1, ratio > 1),
        ),
    ]


def _tight(dataset: xr.Dataset) -> list[Claim]:
    statement = "A tolerance 100 times smaller changes no printed digit of the norm"
    need(statement, dataset.published_tight_norm, dataset.published_norm)
    usual = dataset.sel(published_activation=dataset.published_tight_activation, published_start=0)
    change = abs(dataset.published_tight_norm - usual.published_norm)
    loss = abs(dataset.published_tight_loss / usual.published_loss - 1)
    far = float(change.max())
    return [
        Claim(
            statement,
            "control",
            "below 0.0005, half a unit of the authors' last digit",
            f"norm {far:.1e}, loss {float(loss.max()):.1e} (relative)",
            "start 0, all times",
            judge(far < 5e-4, far >= 5e-4),
        )
    ]


def _quadrature(dataset: xr.Dataset) -> list[Claim]:
    statement = "Half as many nodes again change the last risk less than the integrator may"
    need(statement, dataset.published_refined, dataset.published_allowed)
    change = abs(dataset.published_refined) / dataset.published_loss.isel(published_time=-1)
    within = bool((change < dataset.published_allowed).all())
    return [
        Claim(
            statement,
            "control",
            "relative change below tolerance times steps",
            f"at most {float(change.max()):.1e}",
            f"below {float(dataset.published_allowed.min()):.1e}",
            judge(within, not within),
        )
    ]


def _growth(dataset: xr.Dataset) -> list[Claim]:
    last = float(dataset.published_time[-1])
    statement = f"The norm still grows: it is larger at t = {last:g} than at {last / 10:g}"
    need(statement, dataset.published_norm)
    before = dataset.published_norm.sel(published_time=last / 10, method="nearest")
    gain = dataset.published_norm.isel(published_time=-1) - before
    grown, shrunk = int((gain > 0).sum()), int((gain < 0).sum())
    gains = each(gain.to_dataset(name="gain"))
    shown = [f"{name}: {float(found.gain.mean()):+.3f}" for name, found in gains]
    return [
        Claim(
            statement,
            SAD,
            f"{gain.size} of {gain.size} flows",
            f"{grown} of {gain.size}; mean gain {'; '.join(shown)}",
            "exact",
            judge(grown == gain.size, shrunk > 0),
        )
    ]


def _sharpness(dataset: xr.Dataset) -> list[Claim]:
    """Left out where there is no softplus or the flow ends before 10,000."""
    last = float(dataset.published_time[-1])
    if last < 1e4 or "softplus" not in dataset.published_activation:
        return []
    statement = "The softplus flow's lambda_max passes 2/lr soon after t = 1000"
    one = dataset.sel(published_activation="softplus").isel(published_problem=0)
    need(statement, one.published_largest)
    beyond = one.published_largest > EDGE
    first = one.published_time.where(beyond).min("published_time").values
    met = (first > 1e3) & (first <= 1e4)
    return [
        Claim(
            statement,
            "one flow of divergence.md, C: 1744 at t = 1e3, 2782 at t = 1e4",
            "first seen beyond 2/lr in (1e3, 1e4]",
            ", ".join(f"t = {t:g}" for t in first),
            f"{first.size} starts, output times",
            judge(bool(met.all()), not met.any()),
        )
    ]


def _limits(dataset: xr.Dataset) -> list[Claim]:
    """Left out where the flows end before :data:`LATE`."""
    if float(dataset.published_time[-1]) < LATE:
        return []
    statement = "Flows of SAD networks run to infinity, none to a critical point"
    sad = ~dataset.published_activation.isin(polynomials.NOT_ANALYTIC)
    verdicts = dataset.published_verdict.isel(published_activation=sad)
    need(statement, verdicts)
    count = {outcome: int((verdicts == outcome).sum()) for outcome in Outcome}
    return [
        Claim(
            statement,
            f"{SAD}, Corollary 3.6 (for starts that are good enough)",
            f"{verdicts.size} divergent",
            ", ".join(f"{number} {outcome.name.lower()}" for outcome, number in count.items()),
            "verdict from the last three decades of time",
            judge(count[Outcome.DIVERGENT] == verdicts.size, count[Outcome.CRITICAL] > 0),
        )
    ]


JUDGES = (_starts, _identities, _tight, _quadrature, _growth, _sharpness, _limits)
