"""Claims about flows that are known exactly, and about the published targets' exact risks."""

import numpy as np
import xarray as xr
from scipy import special

from jaxlab.flows import closed_forms
from jaxlab.flows.verdicts import Outcome, escape_class, local_exponents
from jaxlab.studies._judging import judge, need
from jaxlab.studies._study import Claim
from jaxlab.studies.divergence.certificates import certified
from jaxlab.studies.divergence.escape.solvable import STEADY
from jaxlab.studies.divergence.exact import moments
from jaxlab.studies.divergence.polynomials import PROBLEMS
from jaxlab.studies.divergence.printed import Digits, digits

_DERIVED = "derived for jaxlab (divergence.md, A.4)"
_THEOREM = "Kranz, Gallon, Dereich, Jentzen, arXiv 2505.09572, Thm 2.8"

_THETA = {1.0: "0.4428544010", 10.0: "2.1773251006", 100.0: "4.5688294948", 1e4: "9.2095190829"}
_PAIR = {
    1e4: ("2.065341", "1.431406", "5.3590e-5"),
    1e6: ("6.581910", "0.786597", "5.6400e-6"),
    1e8: ("21.084847", "0.436785", "5.6132e-7"),
    1e10: ("66.902604", "0.244734", "5.6120e-8"),
}
_PAIR_NAMES = ("weight", "slope", "risk")
_EXACT = {"1D": "3.637879493757156", "2D": "3.294083694083694", "4D": "0.8177846929085024"}
_AFFINE = {"1D": "1.284410106002054", "2D": "0.7678856593142307", "4D": "0.4461648431545419"}
_MEANS = {"1D": (416, 99), "2D": (5, 3), "4D": (1741, 525)}
_STEADY_PRINTED = 217.6
_EXTRAPOLATED = range(6, 13)
"""Decades from which limits are extrapolated."""


def _at(values: xr.DataArray, time: float) -> xr.DataArray:
    return values.sel(solvable_time=time, method="nearest", tolerance=1e-9 * time)


def _error(values: xr.DataArray) -> float:
    """The last tolerance against the one before, at one place."""
    return float(np.ptp(values.values))


def _targets(_: xr.Dataset) -> list[Claim]:
    found = {name: moments(one.target, one.widths[0]) for name, one in PROBLEMS.items()}
    source = "derived (divergence.md, A.3); exact rationals"
    constant = {name: Digits(_EXACT[name], float(one.constant)) for name, one in found.items()}
    affine = {name: Digits(_AFFINE[name], float(one.affine)) for name, one in found.items()}
    means = {name: (one.mean.numerator, one.mean.denominator) for name, one in found.items()}
    expected, measured = (
        "; ".join(f"{name}: {p}/{q}" for name, (p, q) in some.items()) for some in (_MEANS, means)
    )
    return [
        Claim(
            "The best constants for the published polynomial targets are these rationals",
            source, expected, measured, "exact", judge(means == _MEANS, means != _MEANS),
        ),
        digits("Risk of the best constant for the published targets", source, constant),
        digits("Risk of the best affine function for the published targets", source, affine),
    ]  # fmt: skip


def _logistic(dataset: xr.Dataset) -> list[Claim]:
    statement = "The flow of the logistic loss from 0 follows theta + exp(theta) = t + 1"
    theta = dataset.solvable_theta.sel(solvable_loss="logistic")
    need(statement, dataset.solvable_theta)
    last = theta.isel(solvable_tolerance=-1)
    figures = {
        f"t={time:g}": Digits(printed, float(_at(last, time)), _error(_at(theta, time)))
        for time, printed in _THETA.items()
    }
    times = dataset.solvable_time.values
    claims = [digits(statement, _DERIVED, figures)]
    for name, exact in (
        ("exponential", closed_forms.exponential(0.0, times)),
        ("logistic", closed_forms.logistic(0.0, times)),
    ):
        both = np.abs(dataset.solvable_theta.sel(solvable_loss=name).values - exact).max(axis=1)
        # An error of the method shrinks with the tolerance; a wrong equation's would not.
        met = both[-1] < both[0] and both[-1] < 1e-8
        claims.append(
            Claim(
                f"The {name} loss drives theta to infinity like log t, exactly as its closed form",
                _DERIVED,
                "error below 1e-8 up to t = 1e12, and falling with the tolerance",
                "; ".join(
                    f"rtol {rtol:.0e}: {error:.2g}"
                    for rtol, error in zip(dataset.solvable_tolerance.values, both, strict=True)
                ),
                "exact",
                judge(met, not met),
            )
        )
    return claims


def _steady(dataset: xr.Dataset) -> list[Claim]:
    statement = "A steady-state test |grad| < 1e-3 |theta| calls the flow of exp(-theta) converged"
    need(statement, dataset.solvable_theta)
    theta = dataset.solvable_theta.sel(solvable_loss="exponential").isel(solvable_tolerance=-1)
    times = dataset.solvable_time.values
    fires = times[np.exp(-theta.values) < STEADY * theta.values]
    # With u = 1 + t the test reads u log u > 1/STEADY.
    onset = float(np.exp(special.lambertw(1 / STEADY).real) - 1)
    before = times[times < fires[0]].max()
    still = float(theta[-1] - theta.sel(solvable_time=fires[0], method="nearest"))
    met = before < onset <= fires[0] and onset <= _STEADY_PRINTED and still > 1
    return [
        Claim(
            f"{statement}, and it runs on to infinity",
            "derived; diffrax issue #448",
            f"from t = {onset:.1f} on (217.6 in the reference, the end of a step after it)",
            f"not at t = {before:.1f}, at every requested time from {fires[0]:.1f} on; from there "
            f"to t = {times[-1]:.0e} theta grows by {still:.1f}",
            "exact",
            judge(met, not met),
        )
    ]


def _pair(dataset: xr.Dataset) -> list[Claim]:
    statement = "The softplus pair from (1, 1) runs along the valley a b^2 = 4"
    one = dataset.isel(solvable_start=0)
    figures = {}
    for time, printed in _PAIR.items():
        for name, text in zip(_PAIR_NAMES, printed, strict=True):
            values = one[f"solvable_{name}"]
            need(statement, values)
            here = _at(values, time)
            figures[f"{name} at {time:.0e}"] = Digits(text, float(here[-1]), _error(here))
    return [digits(statement, f"{_DERIVED}, by Radau", figures)]


def extrapolated(dataset: xr.Dataset, name: str, power: float) -> tuple[np.ndarray, np.ndarray]:
    """Limits of ``value / t**power``, one per start, and what two decades more or less change.

    The expansion of the valley goes in powers of ``s = t**(-1/4)``; a polynomial in ``s`` through
    the values at whole decades, at ``s = 0``.
    """
    values = abs(dataset[f"solvable_{name}"].isel(solvable_tolerance=-1))
    times = 10.0 ** np.array(_EXTRAPOLATED)
    scaled = np.stack([_at(values, time).values for time in times]) / times[:, None] ** power
    limits = []
    for first in (0, 2):
        s = times[first:] ** -0.25
        weights = [np.prod(s[:i] / (s[:i] - p)) * np.prod(s[i + 1 :] / (s[i + 1 :] - p))
                   for i, p in enumerate(s)]  # fmt: skip
        limits.append(np.sum(np.array(weights)[:, None] * scaled[first:], axis=0))
    return limits[0], np.abs(limits[0] - limits[1])


def _limits(dataset: xr.Dataset) -> list[Claim]:
    claims = []
    law = closed_forms.pair_asymptote()
    for name, power, printed, value in (
        ("weight", 0.25, "0.2118859803", law.weight),
        ("risk", -0.5, "0.0056119585808", law.loss),
    ):
        shown = "|a| / t^(1/4)" if name == "weight" else "L sqrt(t)"
        statement = f"{shown} of the pair tends to {printed} from every start"
        need(statement, dataset[f"solvable_{name}"])
        limits, errors = extrapolated(dataset, name, power)
        figures = {
            str(start): Digits(printed, float(limit), float(error))
            for start, limit, error in zip(
                dataset.solvable_start.values, limits, errors, strict=True
            )
        }
        claim = digits(statement, _DERIVED, figures)
        claims.append(
            claim._replace(
                expected=f"{value:.12g}",
                interval=f"extrapolated; two decades change at most {errors.max():.1g}",
            )
        )
    return claims


def _divergent(dataset: xr.Dataset) -> list[Claim]:
    statement = "The pair runs to infinity from every start, in the class m = 1"
    last = dataset.isel(solvable_tolerance=-1)
    need(statement, last.solvable_verdict, last.solvable_risk)
    times = dataset.solvable_time.values
    slopes = [
        local_exponents(times, last[f"solvable_{name}"].values)[:, -3] for name in ("risk", "norm")
    ]
    classes = [escape_class(float(loss), float(norm)) for loss, norm in zip(*slopes, strict=True)]
    away = last.solvable_verdict.values == Outcome.DIVERGENT
    met = bool(away.all()) and set(classes) == {1}
    return [
        Claim(
            statement,
            f"{_THEOREM}; {_DERIVED}",
            f"{away.size} of {away.size}; exponents -1/2 (risk), 1/4 (norm)",
            f"{away.sum()} of {away.size}; {slopes[0].min():.4f} to {slopes[0].max():.4f}, "
            f"{slopes[1].min():.4f} to {slopes[1].max():.4f}",
            "exact count",
            judge(met, not met),
        )
    ]


def _float32(dataset: xr.Dataset) -> list[Claim]:
    statement = "Computed in float32, the pair's flow is right until rounding stops the integrator"
    need(statement, dataset.solvable_weight, dataset.solvable_float32[0, 0])
    weight = dataset.solvable_float32.sel(solvable_quantity="weight").values
    control = dataset.solvable_weight.isel(solvable_start=0, solvable_tolerance=-1).values
    reached = np.isfinite(weight)
    times = dataset.solvable_time.values[reached]
    error = np.abs(weight / control - 1)[reached]
    ends = times[-1] < dataset.solvable_time.values[-1]
    return [
        Claim(
            statement,
            "this study; the same flow in float64 beside it",
            "ends before t = 1e12",
            f"reaches t = {times[-1]:.3g}; until then a is wrong by at most {error.max():.2g} a",
            "exact",
            judge(ends, not ends),
        )
    ]


def _certified(dataset: xr.Dataset) -> list[Claim]:
    return certified(dataset, "solvable", "Flows of the softplus pair")


JUDGES = (_targets, _logistic, _steady, _pair, _limits, _divergent, _certified, _float32)
