"""Claims about the smallest gap that FIRENET sees, and what it answers below that."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from jaxtyping import Float

from jaxlab.inverse import noncomputable
from jaxlab.studies._arithmetics import format_of
from jaxlab.studies._judging import judge, need
from jaxlab.studies._statistics import geometric_mean, power_law
from jaxlab.studies._study import Claim
from jaxlab.studies.barrier.config import CONTROL
from jaxlab.studies.barrier.resolution import DIGITS, iterations, stored_row

_REFERENCE = "barrier.md, 5.4 (measured there)"
_THRESHOLDS = ((15, 30), (15, 30), (30, 60), (60, 120))
"""Iterations between which the reference's threshold lies, by gap."""

_SHARES = (0.3, 0.7)
"""The same in units of ``alpha**2 / eps``, as the reference sums it up."""

_FACTOR = 4.0
"""The reference's law ``4 u / eps``, and by how much a mean may differ from it."""

_PLACES = {"own": "the arithmetic itself", "wide": "float64"}

_CONVERGED = 1e-6
"""An error in float64 below which the iterations sufficed: it falls by ``1/e`` a restart, 44 times.
"""


def laws(dataset: xr.Dataset, kind: str) -> xr.Dataset:
    """Errors divided by ``u / eps``, at gaps that survive storage; NaN elsewhere.

    Parameters
    ----------
    dataset
        Of the study.
    kind
        Where the iterates were added up.
    """
    u = [format_of(str(name)).unit_roundoff for name in dataset.resolution_arithmetic.values]
    ratio = xr.DataArray(u, dims="resolution_arithmetic") / dataset.resolution_gap
    error = dataset.resolution_error.sel(resolution_sum=kind)
    kept = dataset.resolution_stored > 0
    return xr.Dataset({"ratio": ratio.where(kept), "error": error.where(kept)})


def _law(dataset: xr.Dataset) -> list[Claim]:
    statement = "FIRENET's error is about 4 u/eps * 10^-K"
    need(statement, dataset.resolution_error, dataset.resolution_stored)
    claims = []
    for kind in dataset.resolution_sum.values:
        both = laws(dataset, str(kind))
        # In the law's range: where it predicts a good share of the answer, there is no law.
        small = both.where(both.ratio * _FACTOR < 0.25).stack(case=both.ratio.dims).dropna("case")
        quotient = geometric_mean(small.error / small.ratio)
        fit = power_law(small.ratio, small.error)
        low, high = _FACTOR / 4, _FACTOR * 4
        inside = low <= quotient.low and quotient.high <= high
        unit = fit.exponent.low <= 1 <= fit.exponent.high
        claims.append(
            Claim(
                f"{statement}; iterates added up in {_PLACES[str(kind)]}",
                _REFERENCE,
                "error * 10^K / (u/eps): geometric mean 1 to 16; exponent 1 in u/eps",
                f"geometric mean {quotient}, largest {float((small.error / small.ratio).max()):.3g}"
                f"; exponent {fit.exponent}, in {small.sizes['case']} cases with 4u/eps < 1/4",
                "99% intervals",
                judge(inside and unit, quotient.high < low or quotient.low > high or not unit),
            )
        )
    return claims


def _midpoint(dataset: xr.Dataset) -> list[Claim]:
    statement = "Where the stored gap is lost FIRENET answers the midpoint: 1.500 * 10^-K"
    need(statement, dataset.resolution_error, dataset.resolution_stored)
    wide = dataset.resolution_error.sel(resolution_sum="wide")
    texts, off = [], []
    for name in dataset.resolution_arithmetic.values:
        own = wide.sel(resolution_arithmetic=name)
        lost = (dataset.resolution_stored.sel(resolution_arithmetic=name) == 0).values
        gaps = dataset.resolution_gap.values[lost]
        u = format_of(str(name)).unit_roundoff
        for gap, error in zip(gaps, own.values[lost], strict=True):
            off.append(abs(error / _middle(float(gap), str(name)) - 1) / u)
        if lost.any():
            texts.append(f"{name}: {own.values[lost].min():.4f} to {own.values[lost].max():.4f}")
    if not off:
        return []
    return [
        Claim(
            f"{statement}, the iterates added up in float64",
            _REFERENCE,
            "distance of the stored row's midpoint from the minimiser, to within 4u",
            f"{'; '.join(texts)}; off by at most {max(off):.2g} u",
            "rounding",
            judge(max(off) <= 4, max(off) > 4),
        )
    ]


def _middle(gap: float, name: str) -> float:
    """Distance of the midpoint of the stored row's solutions from the minimiser, ``* 10**K``."""
    entry = stored_row(gap, format_of(name))[0]
    half = 0.5 / entry
    truth = 1 / (float(noncomputable.alpha(DIGITS)) + gap)
    return float(np.hypot(half, half - truth)) * 10**DIGITS


def _cases(dataset: xr.Dataset) -> list[Claim]:
    statement = "The reference's cases in 16 bits"
    rows = {
        ("bfloat16", -6): ("lost, midpoint 1.495", 1.495),
        ("float16", -8): ("midpoint 1.480, although a gap of one spacing is stored", 1.480),
        ("float16", -9): ("lost, midpoint 1.500", 1.500),
    }
    claims = []
    for (name, power), (text, value) in rows.items():
        if name not in dataset.resolution_arithmetic or 2.0**power not in dataset.resolution_gap:
            continue
        precision = f"p={format_of(name).precision}"
        names = [name, *([precision] if precision in dataset.resolution_arithmetic else [])]
        got = dataset.resolution_error.sel(
            resolution_sum="wide", resolution_gap=2.0**power, resolution_arithmetic=names
        )
        need(statement, got)
        off = float(np.abs(got - value).max())
        claims.append(
            Claim(
                f"{statement}: {name}, eps = 2^{power}",
                _REFERENCE,
                f"{text}, to within 0.001",
                "; ".join(f"{n}: {v:.3f}" for n, v in zip(names, got.values, strict=True)),
                "one problem; its restarts end where rounding, not the reference, decides",
                judge(off <= 1.5e-3, off > 1.5e-3),
            )
        )
    return claims


def _control(dataset: xr.Dataset) -> list[Claim]:
    statement = "In float64 FIRENET resolves every gap"
    error = dataset.resolution_error.sel(resolution_arithmetic=CONTROL)
    need(statement, error)
    worst = float(error.max())
    return [
        Claim(
            f"{statement} down to {float(error.resolution_gap.min()):.2g}",
            _REFERENCE,
            "error below 10^-K / 2, so that the digit is right; in fact below 1e-9",
            f"at most {worst:.2g} * 10^-K",
            "exact",
            judge(worst < 1e-9, worst >= 0.5),
        )
    ]


def _sums(dataset: xr.Dataset) -> list[Claim]:
    statement = (
        "In 8 to 11 bits the mean of the iterates fails before the gap is lost: it tends to 0"
    )
    names = [
        name
        for name in dataset.resolution_arithmetic.values
        if 8 <= format_of(str(name)).precision <= 11
    ]
    if not names:
        return []
    own = dataset.resolution_error.sel(resolution_arithmetic=names).isel(resolution_gap=-1)
    need(statement, own)
    gap = float(own.resolution_gap)
    zero = 10**DIGITS / (float(noncomputable.alpha(DIGITS)) + gap)
    narrow, wide = (own.sel(resolution_sum=kind).values for kind in ("own", "wide"))
    return [
        Claim(
            statement,
            "a sum of more than 2^t equal terms stops growing; derived for jaxlab",
            f"eps = {gap:.2g}, sums in the own arithmetic: error above the midpoint's 1.5 and at "
            f"most that of the answer 0, {zero:.3f}; sums in float64: 1.5",
            "; ".join(
                f"{name}: {a:.3f} and {b:.3f}"
                for name, a, b in zip(names, narrow, wide, strict=True)
            ),
            "exact",
            judge(
                bool((narrow > 1.75).all() and (narrow <= zero).all() and (wide < 1.6).all()),
                bool((narrow <= wide).any()),
            ),
        )
    ]


def _iterations(dataset: xr.Dataset) -> list[Claim]:
    statement = "A restart needs iterations in proportion to alpha^2/eps"
    few = dataset.resolution_few
    need(statement, few)
    found = [_bracket(few.resolution_iterations.values, row) for row in few.values]
    counts = [
        (low * iterations(gap), high * iterations(gap))
        for gap, (low, high) in zip(few.resolution_threshold_gap.values, found, strict=True)
    ]
    met = [
        max(low, a) < min(high, b) for (low, high), (a, b) in zip(counts, _THRESHOLDS, strict=True)
    ]
    inside = [low >= _SHARES[0] and high <= _SHARES[1] for low, high in found]
    outside = [high <= _SHARES[0] or low >= _SHARES[1] for low, high in found]
    names = [f"eps = {gap:g}" for gap in few.resolution_threshold_gap.values]
    return [
        Claim(
            f"{statement}: as many as the reference needs",
            _REFERENCE,
            _brackets(names, _THRESHOLDS, ".0f"),
            _brackets(names, counts, ".1f"),
            "more than the first number, at most the second; float64",
            judge(all(met), not all(met)),
        ),
        Claim(
            f"{statement}: 0.3 to 0.7 times as many",
            _REFERENCE,
            "0.3 to 0.7 for eps = 1, 0.5, 0.25, 0.125",
            _brackets(names, found, ".1f"),
            "more than the first number, at most the second; float64",
            judge(all(inside), any(outside)),
        ),
    ]


def _bracket(shares: Float[np.ndarray, " n"], errors: Float[np.ndarray, " n"]) -> tuple:
    """The largest share that is too small, and the smallest above it."""
    failed = np.flatnonzero(~(errors < _CONVERGED))
    last = failed[-1] if failed.size else -1
    return tuple(float(v) for v in np.concatenate([[0], shares, [np.inf]])[last + 1 : last + 3])


def _brackets(names: Sequence[str], pairs: Sequence[tuple], form: str) -> str:
    texts = [f"{low:{form}} to {high:{form}}" for low, high in pairs]
    return "; ".join(f"{name}: {text}" for name, text in zip(names, texts, strict=True))


def _limit(dataset: xr.Dataset) -> list[Claim]:
    statement = (
        "Storage may lose the gap of K = 1 from eps = 4u on; FIRENET resolves it down to 16u"
    )
    need(statement, dataset.resolution_error, dataset.resolution_stored)
    wide, texts, fits = dataset.resolution_error.sel(resolution_sum="wide"), [], []
    gaps = dataset.resolution_gap.values
    for name in map(str, dataset.resolution_arithmetic.values):
        units = gaps / format_of(name).unit_roundoff
        lost = dataset.resolution_stored.sel(resolution_arithmetic=name).values == 0
        wrong = wide.sel(resolution_arithmetic=name).values >= 0.5
        fits.append(not (wrong & (units >= 16)).any() and not (lost & (units > 4)).any())
        if lost.any():
            texts.append(
                f"{name}: lost at {units[lost].max():g}u, right from {units[~wrong].min():g}u on"
            )
    return [
        Claim(
            statement,
            f"{_REFERENCE}: eps ~ 4u; alpha = 4.714 has the spacing 8u",
            "no tie stored for eps > 4u; error below 0.5 * 10^-K for eps >= 16u",
            f"{'; '.join(texts) or 'no gap lost'}; {sum(fits)} of {len(fits)} arithmetics agree",
            "exact; iterates added up in float64",
            judge(all(fits), not all(fits)),
        )
    ]


JUDGES = (_law, _limit, _midpoint, _cases, _control, _sums, _iterations)
