"""Claims about the controls of the shallow flows: what must not, or need not, run to infinity."""

import numpy as np
import xarray as xr

from jaxlab.flows.verdicts import Outcome
from jaxlab.studies._judging import CONFIDENCE, judge, need
from jaxlab.studies._statistics import proportion
from jaxlab.studies._study import Claim
from jaxlab.studies.divergence.certificates import certified
from jaxlab.studies.divergence.escape.claims_shallow import PAPER, flat, late_slopes
from jaxlab.studies.divergence.escape.shallow import CASES, SAD

_EXACT = ("softplus", "GELU", "swish", "ELU")
"""Two neurons with one of these represent every affine map on [-1, 1] exactly."""

_BOUNDED = ("tanh", "logistic")
"""They represent no affine map but constants: a bounded analytic function is not affine."""


def _counts(dataset: xr.Dataset, case: str, statement: str) -> dict[Outcome, int]:
    verdict = flat(dataset, [case]).shallow_verdict
    need(f"{case}: {statement}", verdict)
    return {outcome: int((verdict == outcome).sum()) for outcome in Outcome}


def _all_are(dataset: xr.Dataset, case: str, wanted: Outcome, statement: str, source: str) -> Claim:
    """Refuted by one flow that is judged otherwise, undecided ones left aside."""
    counts = _counts(dataset, case, statement)
    share = proportion(counts[wanted], sum(counts.values()))
    others = sum(counts.values()) - counts[wanted] - counts[Outcome.UNDECIDED]
    return Claim(
        f"{case}: {statement}",
        source,
        f"all {wanted.name.lower()}",
        ", ".join(f"{count} {outcome.name.lower()}" for outcome, count in counts.items()),
        f"[{share.low:.3f}, {share.high:.3f}] ({CONFIDENCE}, exact)",
        judge(share.value == 1, others > 0),
    )


def _decay(dataset: xr.Dataset) -> list[Claim]:
    statement = "with weight decay 1e-3 |theta|^2 every flow converges to a critical point"
    source = f"{PAPER}, Thm 2.8; the sublevel sets of L + lambda |theta|^2 are bounded"
    return [
        _all_are(dataset, f"{name}, decay", Outcome.CRITICAL, statement, source) for name in SAD
    ]


def _affine(dataset: xr.Dataset) -> list[Claim]:
    exact = "an affine target has a minimum (softplus(x) - softplus(-x) = x), so no flow diverges"
    bounded = "an affine target has no minimum: a flow diverges, or ends at positive risk"
    control = "divergence.md, A.5 (8): degree-1 target must not diverge. No theorem: a minimum is"
    thm = f"{PAPER}, Thm 2.8; bounded analytic activations are not affine"
    return [
        *(
            _all_are(dataset, f"{name}, affine", Outcome.CRITICAL, exact,
                     f"{control} there, and Cor. 3.6 is silent")
            for name in _EXACT
        ),
        *(
            _all_are(dataset, f"{name}, affine", Outcome.DIVERGENT, bounded, thm)
            for name in _BOUNDED
        ),
    ]  # fmt: skip


def _saturating(dataset: xr.Dataset) -> list[Claim]:
    statement = "softplus, affine: the flows that miss the minimum escape with L ~ 1/t"
    one = flat(dataset, ["softplus, affine"])
    need(statement, one.shallow_verdict)
    away = one.shallow_verdict.values == Outcome.DIVERGENT
    loss, norm = (slopes[away] for slopes in late_slopes(one))
    if not away.any():
        return []
    # A logarithm's exponent is 1/log t, 0.04 at t = 1e12, of what grows.
    met = bool((np.abs(loss + 1) <= 0.05).all())
    return [
        Claim(
            statement,
            "derived here: softplus(z) = z + O(exp(-z)); with z = w x + b and b to infinity the "
            "risk falls like exp(-2 b), so b ~ log t",
            "exponents -1 (risk, within 0.05) and 0 (norm)",
            f"{loss.min():.3f} to {loss.max():.3f}; {norm.min():.3f} to {norm.max():.3f} in "
            f"{away.sum()} flows",
            "over the last decade",
            judge(met, not met),
        )
    ]


def _outside(dataset: xr.Dataset) -> list[Claim]:
    """ELU and ReLU, of which Corollary 3.6 says nothing."""
    relu = _all_are(
        dataset, "ReLU", Outcome.CRITICAL,
        "every flow for x^2 converges (not analytic: outside Corollary 3.6)",
        "shallow ReLU networks have global minima for polynomial targets (note on arXiv "
        "2505.09572, second-hand); exact risk",
    )  # fmt: skip
    statement = "for x^2 a flow converges or diverges (C^1, not analytic: outside Corollary 3.6)"
    counts = _counts(dataset, "ELU", statement)
    one = flat(dataset, ["ELU"])
    away = one.shallow_verdict.values == Outcome.DIVERGENT
    loss, norm = (slopes[away] for slopes in late_slopes(one))
    slopes = f"; exponents {np.median(loss):.3f}, {np.median(norm):.3f}" if away.any() else ""
    undecided = counts[Outcome.UNDECIDED]
    elu = Claim(
        f"ELU: {statement}",
        f"{PAPER}, Thm 2.8 (C^1 and definable)",
        "either (Thm 2.8); which is not known",
        ", ".join(f"{count} {outcome.name.lower()}" for outcome, count in counts.items()) + slopes,
        "exact count; a finite flow refutes no limit",
        "not comparable" if undecided == 0 else "inconclusive",
    )
    return [relu, elu]


def _certified(dataset: xr.Dataset) -> list[Claim]:
    smooth = [name for name, case in CASES.items() if case.activation in SAD and name not in SAD]
    rough = [name for name, case in CASES.items() if case.activation not in SAD]
    return [
        *certified(flat(dataset, smooth), "shallow", "Controls with SAD activations"),
        *certified(flat(dataset, rough), "shallow", "Controls with ELU and ReLU"),
    ]


JUDGES = (_decay, _affine, _saturating, _outside, _certified)
