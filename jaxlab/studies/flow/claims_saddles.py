"""Claims about zigzag saddles: critical, left as their Hessian says, never in a format."""

import numpy as np
import xarray as xr

from jaxlab.flows import zigzag
from jaxlab.studies._arithmetics import format_of
from jaxlab.studies._judging import CONFIDENCE, judge, need
from jaxlab.studies._statistics import Estimate, power_law
from jaxlab.studies._study import Claim
from jaxlab.studies.flow.config import CONTROL

_LIST = "derived for jaxlab (flow.md, B.3)"
_LINEAR = "linearisation at the saddle; lambda is the least eigenvalue of its Hessian"
_U = 2.0**-53
_PERTURBATION = 0.05
"""Displacements up to here are taken to be small beside the parameters, which are 1/3 to 1."""

_INFORMATIVE = 1.0
"""Longer intervals hardly tell the slope 1 from none: they support nothing."""


def _critical(dataset: xr.Dataset) -> list[Claim]:
    statement = "Zigzags are critical points with the risks of the list"
    need(statement, dataset.saddle_risk, dataset.saddle_gradient)
    breaks = dataset.saddle_breaks.values
    listed = [zigzag.risks(int(n))[-1] for n in breaks]
    off = [
        abs(float(risk) / float(exact) - 1)
        for risk, exact in zip(dataset.saddle_risk.values, listed, strict=True)
    ]
    size = float(dataset.saddle_gradient.max())
    # A few roundings of terms of size 1 each.
    right = max(off) <= 16 * _U and size <= 16 * _U
    return [
        Claim(
            statement,
            _LIST,
            "; ".join(f"n={n}: {risk}, |G| = 0" for n, risk in zip(breaks, listed, strict=True)),
            f"relative difference at most {max(off):.1e}, |G| at most {size:.1e}",
            f"rounding of float64, at most 16 u = {16 * _U:.1e}",
            judge(right, not right),
        )
    ]


def _stays(dataset: xr.Dataset) -> list[Claim]:
    statement = "The flow that starts on a zigzag saddle stays there"
    need(statement, dataset.saddle_drift, dataset.saddle_stay)
    drift, stay = dataset.saddle_drift.values, dataset.saddle_stay.values
    most = 16 * np.sqrt(_U)
    return [
        Claim(
            statement,
            f"Thm 1.1 (energy identity) and {_LIST}; rounding errors grow as exp(|lambda| t)",
            f"moves by less than 16 sqrt(u) = {most:.1e} until t = ln(1/u)/(2 |lambda|)",
            "; ".join(
                f"n={n}: {d:.1e} until t = {t:.0f}"
                for n, d, t in zip(dataset.saddle_breaks.values, drift, stay, strict=True)
            ),
            "exact",
            judge(bool((drift <= most).all()), bool((drift > most).any())),
        )
    ]


def _leaves(dataset: xr.Dataset) -> list[Claim]:
    claims = []
    for n in dataset.saddle_breaks.values:
        one = dataset.sel(saddle_breaks=n)
        statement = (
            f"Displaced by delta, the flow leaves the zigzag n={n} after ln(1/delta)/|lambda|"
        )
        need(statement, one.saddle_leaving, one.saddle_curvature)
        delta = one.saddle_delta.values
        steps = np.diff(one.saddle_leaving.values, axis=0) / -np.diff(np.log(delta))[:, None]
        # A displacement delta changes the time by a constant, and by a term of order delta.
        products = -float(one.saddle_curvature) * steps
        far = float(np.abs(products - 1).max())
        claims.append(
            Claim(
                statement,
                _LINEAR,
                f"|lambda| dt/dln(1/delta) = 1 up to O(delta), |lambda| = "
                f"{-float(one.saddle_curvature):.8f}",
                f"{products.mean():.6f} from delta = {delta.min():.0e} to {delta.max():.0e}",
                f"[{products.min():.6f}, {products.max():.6f}] (all pairs, both directions)",
                judge(far <= 10 * delta.max(), far > 10 * delta.max()),
            )
        )
    return claims


def _ends(dataset: xr.Dataset) -> list[Claim]:
    statement = "A flow that leaves a saddle ends at a lower critical risk"
    need(statement, dataset.saddle_final)
    final = dataset.saddle_final.max(["saddle_delta", "saddle_sign"]).values
    smallest = float(zigzag.risks(int(dataset.saddle_breaks.max()))[-1])
    zero = final < 1e-4 * smallest
    return [
        Claim(
            statement,
            f"Jentzen, Riekert, arXiv 2107.04479, Thm 1.1(iv); {_LIST}",
            f"0, the only lower one that these networks have (threshold {smallest:.3g})",
            "; ".join(
                f"n={n}: at most {risk:.1e}"
                for n, risk in zip(dataset.saddle_breaks.values, final, strict=True)
            ),
            "exact; below 1e-4 of the threshold a bounded flow can only end at 0",
            judge(bool(zero.all()), bool((final >= smallest).any())),
        )
    ]


def products(dataset: xr.Dataset, name: str, times: xr.DataArray) -> tuple[np.ndarray, np.ndarray]:
    """Unit roundoffs, and ``lambda t`` for the growth rate of discrete steps.

    Parameters
    ----------
    dataset
        The study's.
    name
        Of the dimension of ``times`` that stands for the precision.
    times
        Of escape, with the dimension of the draws too.
    """
    table = times.transpose(name, "saddle_draw").values * dataset.saddle_growth.values
    u = np.array(
        [
            2.0 ** -int(p) if name == "saddle_precision" else format_of(str(p)).unit_roundoff
            for p in times[name].values
        ]
    )
    return np.repeat(u[:, None], table.shape[1], axis=1), table


def _law(
    statement: str, dataset: xr.Dataset, name: str, times: xr.DataArray, source: str
) -> list[Claim]:
    need(statement, times, dataset.saddle_growth)
    u, table = products(dataset, name, times)
    left = np.isfinite(table)
    never = int((~left).sum())
    law = power_law(1 / u[left], np.exp(table[left]))
    constant = table[left] + np.log(u[left])
    slope: Estimate = law.exponent
    return [
        Claim(
            statement,
            source,
            "|lambda| t = ln(1/u) + const: slope 1",
            f"slope {slope.value:.3f}; const {np.median(constant):.2f} (median), "
            f"{constant.min():.2f} to {constant.max():.2f}; {never} of {left.size} never leave",
            f"[{slope.low:.3f}, {slope.high:.3f}] ({CONFIDENCE})",
            judge(
                slope.low <= 1 <= slope.high and slope.high - slope.low <= _INFORMATIVE,
                not slope.low <= 1 <= slope.high,
            ),
        )
    ]


def _started(dataset: xr.Dataset) -> list[Claim]:
    return _law(
        "A rounded start leaves the saddle, in float64, after ln(1/u)/|lambda|",
        dataset,
        "saddle_precision",
        dataset.saddle_started,
        _LINEAR,
    )


def _gradients(dataset: xr.Dataset) -> list[Claim]:
    """Narrow formats only: in float64 gradient and parameters are one format."""
    narrow = [str(a) for a in dataset.saddle_arithmetic.values if a != CONTROL]
    return _law(
        "Rounded gradients leave the saddle after ln(1/u)/|lambda|",
        dataset,
        "saddle_arithmetic",
        dataset.saddle_rounded.sel(saddle_arithmetic=narrow),
        f"{_LINEAR}; parameters in float64, start exact",
    )


def _freezes(dataset: xr.Dataset) -> list[Claim]:
    statement = "Rounding alone makes gradient descent leave the saddle"
    need(statement, dataset.saddle_narrow, dataset.saddle_frozen)
    left = np.isfinite(dataset.saddle_narrow.values)
    return [
        Claim(
            statement,
            "expected if rounding errors were a perturbation of size u; whole steps rounded",
            "every run leaves after ln(1/u)/|lambda| and a constant",
            f"{int(left.sum())} of {left.size} leave; {int(dataset.saddle_frozen.sum())} are "
            f"frozen: no step changes a parameter, in no format, {CONTROL} included",
            "exact",
            judge(bool(left.all()), not left.all()),
        )
    ]


def _radius(dataset: xr.Dataset) -> list[Claim]:
    statement = "Descent in a format leaves the saddle from the distance at which steps survive"
    need(statement, dataset.saddle_displaced, dataset.saddle_radius)
    right = wrong = 0
    for name in dataset.saddle_arithmetic.values:
        one = dataset.sel(saddle_arithmetic=name)
        u, radius = format_of(str(name)).unit_roundoff, float(one.saddle_radius)
        for multiple in dataset.saddle_multiple.values:
            expected = multiple > radius
            near = radius / 2 < multiple < 1.5 * radius
            if near or multiple * u > _PERTURBATION:
                continue
            left = bool(np.isfinite(float(one.saddle_displaced.sel(saddle_multiple=multiple))))
            right, wrong = right + (left == expected), wrong + (left != expected)
    radius = float(dataset.saddle_radius.isel(saddle_arithmetic=0))
    return [
        Claim(
            statement,
            "a step below half the spacing of every parameter is lost; derived for jaxlab",
            f"frozen from less than {radius:.1f} u = min spacing/(2 rate |lambda| |v|) away, gone "
            "from more, in every format",
            f"{right} of {right + wrong} displacements along the eigenvector v behave so",
            "exact; displacements within a factor 1.5 to 2 of the radius are not judged",
            judge(right > 0 and wrong == 0, wrong > 0),
        )
    ]


JUDGES = (_critical, _stays, _leaves, _ends, _started, _gradients, _freezes, _radius)
