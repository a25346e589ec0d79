"""Claims about where gradient flows end, and about what holds along all of them."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float

from jaxlab.flows import verdicts, zigzag
from jaxlab.studies._comparing import Expected, compare
from jaxlab.studies._judging import interval, judge, need
from jaxlab.studies._statistics import proportion, simultaneous
from jaxlab.studies._study import Claim
from jaxlab.studies.flow.limits import PER_DECADE, STARTS, of

RESOLUTION = Fraction(1, 10**8)
"""Distance up to which a risk counts as a critical one."""

DECREASING, ELSEWHERE = "still decreasing", "elsewhere"
"""What becomes of flows that end at no critical risk."""

_JR = "Jentzen, Riekert, J. Math. Anal. Appl. 517 (2023) 126601, arXiv 2107.04479"
_DERIVED = "derived for jaxlab (flow.md, B.3)"
_ERJW = "Eberle, Jentzen, Riekert, Weiss, ERA 31 (2023), arXiv 2108.08106"
_INACTIVE = 3 / 8  # a neuron with N(0, 1) weight and bias on [0, 1]
_REFERENCE = {1: (21, 19, 1e-6), 2: (14, 26, 1e-6), 4: (0, 40, 2e-7)}
_CUBE = 1e4  # later such risks are within the integrator's errors
_FLOOR = 1e-14  # smaller risks are within the square of the integrator's errors


def classes(flows: xr.Dataset, neurons: int) -> dict[str, Bool[np.ndarray, " flows"]]:
    """Where flows ended, as masks that do not overlap and cover all that reached the end.

    Parameters
    ----------
    flows
        From :func:`jaxlab.studies.flow.limits.of`.
    neurons
        ``H``.

    Returns
    -------
    By name: the critical risks (0 first), still decreasing by more than the resolution in the last
    decade, and at rest elsewhere.
    """
    final, before = flows.risk.values[:, -1], flows.risk.values[:, -1 - PER_DECADE]
    atoms = [Fraction(0), *zigzag.risks(neurons)]
    found = {str(atom): np.abs(final - float(atom)) <= float(RESOLUTION) for atom in atoms}
    placed = np.any(list(found.values()), axis=0)
    moving = ~placed & (before - final > float(RESOLUTION))
    return found | {DECREASING: moving, ELSEWHERE: ~placed & ~moving & np.isfinite(final)}


def _sizes(statement: str, dataset: xr.Dataset, *kinds: str) -> Iterator[tuple[int, xr.Dataset]]:
    """Every width with its flows from some families of starts."""
    for neurons in map(int, dataset.limits_neurons.values):
        flows = of(dataset, neurons, *kinds)
        need(statement, flows.status)
        yield neurons, flows


def _critical(dataset: xr.Dataset) -> list[Claim]:
    statement = "flows from N(0, 1) end at a risk 1/(12 (n+1)^4) with n even, n <= H, or at 0"
    claims = []
    for neurons, flows in _sizes(statement, dataset, "normal"):
        counts = {name: int(mask.sum()) for name, mask in classes(flows, neurons).items()}
        unfinished = int((flows.status != 0).sum())
        claims.append(
            Claim(
                f"H={neurons}: {statement}",
                f"{_JR} (Thm 1.1: some critical risk); {_DERIVED} (which ones)",
                f"none of {flows.sizes['flow']} at rest elsewhere (further than 1e-8)",
                _listed({**counts, "not integrated": unfinished}),
                "exact",
                judge(
                    counts[ELSEWHERE] == 0 and unfinished == 0,
                    counts[ELSEWHERE] > 0,
                ),
            )
        )
    return claims


def _listed(counts: dict[str, int]) -> str:
    return "; ".join(f"{name}: {count}" for name, count in counts.items())


def _minima(dataset: xr.Dataset) -> list[Claim]:
    statement = "Saddles attract nobody: only 0 and the risk 1/12 of dead networks occur as limits"
    saddles, dead = 0, []
    for neurons, flows in _sizes(statement, dataset, "normal"):
        ends = classes(flows, neurons)
        saddles += sum(int(ends[str(atom)].sum()) for atom in zigzag.risks(neurons)[1:])
        dead.append((ends["1/12"], flows.active.values == 0))
    at, inactive = (np.concatenate(masks) for masks in zip(*dead, strict=True))
    return [
        Claim(
            statement,
            "Cheridito, Jentzen, Rossmannek, J. Nonlinear Sci. 32 (2022) 64, arXiv 2103.10922 "
            "(local minima are global or have dead neurons only)",
            f"0 flows at a saddle; all {inactive.sum()} networks without an active neuron at 1/12",
            f"{saddles} at a saddle; {(at & inactive).sum()} at 1/12 without an active neuron, "
            f"{(at & ~inactive).sum()} with one, {(inactive & ~at).sum()} inactive elsewhere",
            "exact",
            judge(saddles == 0 and bool((at == inactive).all()), bool((inactive & ~at).any())),
        )
    ]


def _threshold(dataset: xr.Dataset) -> list[Claim]:
    statement = "every flow that starts with a smaller risk goes to 0"
    claims = []
    for neurons, flows in _sizes(statement, dataset, *STARTS):
        threshold = zigzag.threshold(neurons)
        below = flows.risk.values[:, 0] < float(threshold)
        ends = {name: int(mask[below].sum()) for name, mask in classes(flows, neurons).items()}
        trials, zero = int(below.sum()), ends.pop("0")
        drawn = dataset.limits_drawn.sel(limits_neurons=neurons).sum().item()
        wrong = sum(ends.values()) - ends[DECREASING]
        claims.append(
            Claim(
                f"H={neurons}, threshold {threshold}: {statement}",
                f"{_JR} (abstract: small initial risk); {_DERIVED} (sharp threshold)",
                f"{trials} of {trials}",
                f"{zero} of {trials} below 1e-8; {_listed(ends)}; largest norm "
                f"{flows.norm.values[below].max():.3g}; {drawn} starts drawn",
                interval(proportion(zero, trials)),
                judge(zero == trials and trials > 0, wrong > 0),
            )
        )
    return claims


def _one_neuron(dataset: xr.Dataset) -> list[Claim]:
    statement = "H=1: boundedness need not be assumed; all flows from below 1/12 stay bounded"
    if 1 not in dataset.limits_neurons:
        return []
    flows = of(dataset, 1, *STARTS)
    need(statement, flows.status)
    below = flows.risk.values[:, 0] < 1 / 12
    own = flows.isel(flow=below)
    divergent = int((own.verdict == verdicts.Outcome.DIVERGENT).sum())
    return [
        Claim(
            statement,
            f"{_JR} (Thm 3)",
            "0 flows judged divergent",
            f"{divergent} of {below.sum()}; largest norm {float(own.norm.max()):.3g}, largest "
            f"final risk {own.risk.values[:, -1].max():.2g}",
            "exact",
            judge(divergent == 0, divergent > 0),
        )
    ]


def _reference(dataset: xr.Dataset) -> list[Claim]:
    statement = "The reference's 40 starts (NumPy seeds 0 to 39, LSODA to t=3000) end as counted"
    expected, measured = [], []
    for neurons, (dead, zero, small) in _REFERENCE.items():
        if neurons not in dataset.limits_neurons or dataset.sizes["limits_flow"] < 40:
            continue
        flows = of(dataset, neurons, "normal").isel(flow=slice(40))
        need(statement, flows.status)
        final = flows.risk.values[:, -1]
        got = int(classes(flows, neurons)["1/12"].sum()), int((final < small).sum())
        for numbers, texts in (((dead, zero), expected), (got, measured)):
            texts.append(f"H={neurons}: {numbers[0]} at 1/12, {numbers[1]} below {small:g}")
    if not expected:
        return []
    return [
        Claim(
            statement,
            f"{_DERIVED}: counts",
            "; ".join(expected),
            "; ".join(measured),
            "exact",
            judge(measured == expected, measured != expected),
        )
    ]


def _dead(dataset: xr.Dataset) -> list[Claim]:
    statement = "N(0, 1) networks are born dead with probability (3/8)^H"
    figures, died = {}, []
    for neurons, flows in _sizes(statement, dataset, "normal"):
        born, dead = (int((count == 0).sum()) for count in (flows.born, flows.active))
        level = simultaneous(dataset.sizes["limits_neurons"])
        share = proportion(born, flows.sizes["flow"], level)
        figures[f"H={neurons}"] = (Expected(_INACTIVE**neurons), share)
        died.append(f"H={neurons}: {born} + {dead - born}")
        if bool(((flows.born == 0) & (flows.active > 0)).any()):
            died[-1] += " (and some came alive)"
    (claim,) = compare(statement, "derived for jaxlab (collapse.md, D5)", figures)
    return [claim._replace(measured=f"{claim.measured}; born dead + died: {', '.join(died)}")]


def _rate(dataset: xr.Dataset) -> list[Claim]:
    statement = "Where the risk tends to 0 it does so at least as fast as 1/t"
    texts, medians, slow, total = [], [], 0, 0
    for neurons, flows in _sizes(statement, dataset, "normal"):
        last = _exponents(flows, np.sum(flows.risk.values > _FLOOR, axis=1) - 1)
        slow, total = slow + int((last > -1).sum()), total + last.size
        medians.append(float(np.median(last)) if last.size else -np.inf)
        texts.append(f"H={neurons}: median {medians[-1]:.3f} of {last.size}")
    return [
        Claim(
            statement,
            f"{_ERJW}: O(1/t) for piecewise polynomial targets",
            f"exponents of the risk at most -1, over the last decade of time above {_FLOOR:g}",
            f"{'; '.join(texts)}; above -1 (not yet): {slow} of {total}",
            interval(proportion(slow, total)),
            judge(slow == 0 and total > 0, max(medians) > -1),
        )
    ]


def _exponents(flows: xr.Dataset, last: np.ndarray) -> Float[np.ndarray, " some"]:
    """Exponents of the risk over the decade of time before the positions ``last``, one per flow.

    Of flows that end at 0 and whose risk there is larger than the integrator's errors.
    """
    risks, each = flows.risk.values, np.arange(flows.sizes["flow"])
    early = np.maximum(last - PER_DECADE, 1)
    after, before = risks[each, last], risks[each, early]
    chosen = (risks[:, -1] <= float(RESOLUTION)) & (after > _FLOOR) & (last > PER_DECADE)
    return np.log10(after[chosen] / before[chosen])


def _cube(dataset: xr.Dataset) -> list[Claim]:
    statement = "A breakpoint that leaves the domain through an end makes the risk fall as t^-3"
    if 1 not in dataset.limits_neurons:
        return []
    flows = of(dataset, 1, "normal")
    need(statement, flows.status)
    times = dataset.limits_time.values
    end = int(np.searchsorted(times, _CUBE * 1.01)) - 1
    last, before = (
        _exponents(flows, np.full(flows.sizes["flow"], end - shift)) for shift in (0, PER_DECADE)
    )
    if not last.size:
        return []
    median = float(np.median(last))
    change = abs(median - float(np.median(before)))
    return [
        Claim(
            f"H=1: {statement}",
            "derived for jaxlab: with a last piece of length q, L ~ q^3 and q' ~ -q^2",
            "exponent -3 (proven: at most -1)",
            f"median {median:.3f}, quartiles {np.quantile(last, 0.25):.3f} and "
            f"{np.quantile(last, 0.75):.3f}, of {last.size} flows at t = {times[end]:g}",
            f"the median changed by {change:.2g} since the decade before",
            judge(abs(median + 3) <= change, abs(median + 3) > change),
        )
    ]


def _along(dataset: xr.Dataset) -> list[Claim]:
    statement = "Along every flow the risk falls, and the displacement bound holds"
    flows = [own for _, own in _sizes(statement, dataset, *STARTS)]
    total = sum(own.sizes["flow"] for own in flows)
    rise, moved = (
        max(float(own[name].max()) for own in flows) for name in ("rise", "displacement")
    )
    eps = float(np.finfo(np.float64).eps)
    rows = (
        ("The risk does not rise from one output time to the next", "", rise, eps),
        ("|theta(t) - theta(0)| <= sqrt(t energy)", " of the bound", moved, 1 + eps),
    )
    return [
        Claim(
            f"{name}, in all {total} flows",
            f"{_JR} (Lemma 3.1; Cauchy-Schwarz)",
            f"at most {bound:.3g}{unit}",
            f"at most {value:.9g}{unit}",
            "rounding",
            judge(value <= bound, value > bound),
        )
        for name, unit, value, bound in rows
    ]


def _energy(dataset: xr.Dataset) -> list[Claim]:
    statement = "L(0) - L(t) is the integral of |G|^2: the defect vanishes with the tolerance"
    need(statement, dataset.limits_tight_defect)
    neurons, tight = int(dataset.limits_checked_neurons[0]), dataset.limits_tight_defect.values[0]
    flows = [own for _, own in _sizes(statement, dataset, *STARTS)]
    same = of(dataset, neurons, "normal").defect.values[: tight.size]
    ratio, wanted = tight.max() / same.max(), float(dataset.limits_tightened) ** 0.8
    return [
        Claim(
            statement,
            f"{_JR} (Lemma 3.1)",
            f"less by a factor {1 / wanted:.3g} or more (tolerance^(4/5): steps of order 5)",
            f"by a factor {1 / ratio:.3g} in {tight.size} flows with H={neurons}, to "
            f"{tight.max():.2g} L(0); in all {sum(own.sizes['flow'] for own in flows)} flows, "
            f"usual tolerance: at most {max(float(own.defect.max()) for own in flows):.2g} L(0)",
            "exact",
            judge(ratio <= wanted, ratio > wanted),
        )
    ]


def _verdicts(dataset: xr.Dataset) -> list[Claim]:
    statement = "No flow for an affine target is judged divergent: the least risk 0 is attained"
    counts = np.zeros(len(verdicts.Outcome), int)
    for _, flows in _sizes(statement, dataset, *STARTS):
        counts += np.bincount(flows.verdict.values, minlength=counts.size)
    named = {outcome.name.lower(): int(counts[outcome]) for outcome in verdicts.Outcome}
    return [
        Claim(
            statement,
            f"{_ERJW}: non-divergent flows converge; {_DERIVED}",
            "0 divergent",
            _listed(named),
            "exact",
            judge(named["divergent"] == 0, named["divergent"] > 0),
        )
    ]


def _tolerance(dataset: xr.Dataset) -> list[Claim]:
    statement = "Final risks do not depend on the tolerance of the integrator"
    need(statement, dataset.limits_tight_risk)
    neurons, tight = int(dataset.limits_checked_neurons[0]), dataset.limits_tight_risk.values[0]
    flows = of(dataset, neurons, "normal").isel(flow=slice(tight.size))
    need(statement, flows.status)
    far = float(np.abs(flows.risk.values[:, -1] - tight).max())
    return [
        Claim(
            statement,
            "error estimate",
            f"differences below the resolution {float(RESOLUTION):g}",
            f"largest of {tight.size} with H={neurons}: {far:.2g}",
            "exact",
            judge(far <= float(RESOLUTION), far > float(RESOLUTION)),
        )
    ]


JUDGES = (
    _critical,
    _minima,
    _threshold,
    _one_neuron,
    _reference,
    _dead,
    _rate,
    _cube,
    _along,
    _energy,
    _verdicts,
    _tolerance,
)
