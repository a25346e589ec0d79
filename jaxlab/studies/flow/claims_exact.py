"""Claims about what is known in closed form: two flows, saddles, risks of random networks."""

import numpy as np
import xarray as xr

from jaxlab.flows import closed_forms, zigzag
from jaxlab.studies._comparing import Expected
from jaxlab.studies._judging import judge, need
from jaxlab.studies._study import Claim
from jaxlab.studies.flow import exact
from jaxlab.studies.flow.config import CONTROL

_DERIVED = "derived for jaxlab (flow.md, {})"
_PRINTED = "1.2124824041"
_ROUNDINGS = 2 * (exact.NEURONS + 1) * (exact.NEURONS + 2)
"""As many as a risk has terms: two nodes in each piece, a term per neuron, shift and target."""


def _flows(dataset: xr.Dataset) -> list[Claim]:
    return [claim for fmt in exact.FORMATS for claim in _closed_forms(dataset, fmt)]


def _closed_forms(dataset: xr.Dataset, fmt: str) -> list[Claim]:
    """Both flows of one format, each with its parameter and its risk."""
    times = dataset.exact_time.values
    flows = {
        "dead network: c* + (c(0) - c*) exp(-2t)": (
            ("exact_shift", "exact_dead_risk"),
            closed_forms.dead(exact.SHIFT, 1.0, 0.0, times),
        ),
        "bias-free pair: the logistic p(t) with v = w": (
            ("exact_product", "exact_pair_risk"),
            closed_forms.bias_free_pair(exact.PRODUCT, exact.SLOPE, times),
        ),
    }
    claims = []
    for name, (variables, laws) in flows.items():
        statement = f"In {fmt}, {name}"
        found = [dataset[variable].sel(exact_format=fmt) for variable in variables]
        steps = dataset.exact_steps.sel(exact_format=fmt)
        need(statement, *found, steps)
        bound = _tolerance(int(steps), fmt)
        far = [float(np.abs(got.values - law).max()) for got, law in zip(found, laws, strict=True)]
        claims.append(
            Claim(
                statement,
                _DERIVED.format("B.3"),
                f"parameter and risk at t = {times[1]:g} to {times[-1]:g} to within {bound:.1e}",
                f"largest distances {far[0]:.1e} and {far[1]:.1e}",
                "sum of the tolerances of all steps, plus rounding",
                judge(max(far) <= bound, max(far) > bound),
            )
        )
    return claims


def _tolerance(steps: int, fmt: str) -> float:
    """What local errors of a flow of size ``SHIFT`` may add up to.

    Twice, since a risk changes by twice the error times its own size.
    """
    local = np.sqrt(exact.STATE) * exact.RTOL[fmt] * (exact.SHIFT + 0.01)
    return 2 * steps * (float(local) + float(np.finfo(fmt).eps) * exact.SHIFT)


def _product(dataset: xr.Dataset) -> list[Claim]:
    statement = "The bias-free pair with slope 1.3 and p(0) = 0.2 reaches p(5)"
    law = float(closed_forms.bias_free_pair(exact.PRODUCT, exact.SLOPE, np.array([5.0]))[0][0])
    got = dataset.exact_product.sel(exact_format=CONTROL, exact_time=5.0)
    need(statement, got)
    value, error = float(got), abs(float(got) - law)
    digits = len(_PRINTED.split(".")[1])
    return [
        Claim(
            statement,
            _DERIVED.format("B.3"),
            str(Expected(law, _PRINTED)),
            f"{value:.{digits}f}",
            f"{error:.1e} from the law",
            judge(f"{value:.{digits}f}" == _PRINTED, f"{value:.{digits}f}" != _PRINTED),
        )
    ]


def _minimum(dataset: xr.Dataset) -> list[Claim]:
    statement = "Dead networks end in a local minimum of risk 1/12 that is not global"
    need(statement, dataset.exact_dead_risk, dataset.exact_moved, dataset.exact_around)
    last = float(dataset.exact_dead_risk.sel(exact_format=CONTROL)[-1])
    moved = float(dataset.exact_moved.max())
    least = float(dataset.exact_around.min())
    eps = float(np.finfo(np.float64).eps)
    fits = abs(12 * last - 1) <= eps and moved == 0 and least >= 0
    return [
        Claim(
            statement,
            _DERIVED.format("B.3"),
            "12 L = 1 in the end, neurons that do not move, no smaller risk nearby",
            f"12 L - 1 = {12 * last - 1:.1e}; neurons moved by {moved:g} in all formats; risks of "
            f"{dataset.sizes['exact_network']} networks nearby larger by {least:.1e} or more",
            "rounding",
            judge(fits, not fits),
        )
    ]


def _saddles(dataset: xr.Dataset) -> list[Claim]:
    statement = "The zigzag networks are critical points with the risks 1/(12 (n+1)^4)"
    need(statement, dataset.exact_saddle_risk, dataset.exact_saddle_gradient)
    breaks = [int(n) for n in dataset.exact_breaks.values]
    expected = [float(zigzag.risks(max(n, 1))[n // 2]) for n in breaks]
    eps = float(np.finfo(np.float64).eps)
    # A residual of size 1/(2 (n + 1)) is the difference of numbers up to 1.
    bounds = [4 * (n + 1) * eps for n in breaks]
    far = np.abs(dataset.exact_saddle_risk.values / expected - 1)
    slopes = dataset.exact_saddle_gradient.values
    fits = bool((far <= bounds).all() and (slopes <= 4 * eps).all())
    return [
        Claim(
            statement,
            _DERIVED.format("B.3"),
            "; ".join(f"n={n}: {risk:.16g}" for n, risk in zip(breaks, expected, strict=True)),
            "; ".join(
                f"n={n}: {float(risk):.16g}, |G| = {slope:.1e}"
                for n, risk, slope in zip(
                    breaks, dataset.exact_saddle_risk.values, slopes, strict=True
                )
            ),
            f"rounding: relative distances at most {far.max():.1e}",
            judge(fits, not fits),
        )
    ]


def _networks(dataset: xr.Dataset) -> list[Claim]:
    rows = {
        "exact_quadrature": "Risks of random networks agree with adaptive quadrature",
        "exact_autodiff": "G of random networks is the derivative of the risk through breakpoints",
    }
    claims = []
    for fmt in exact.FORMATS:
        bound = _ROUNDINGS * float(np.finfo(fmt).eps)
        for name, statement in rows.items():
            gaps = dataset[name].sel(exact_format=fmt)
            need(statement, gaps)
            far = float(gaps.max())
            claims.append(
                Claim(
                    f"{statement}, {fmt}",
                    _DERIVED.format("B.2"),
                    f"relative distance at most {bound:.1e}: {_ROUNDINGS} roundings",
                    f"at most {far:.1e} in {gaps.size} networks",
                    "exact",
                    judge(far <= bound, far > bound),
                )
            )
    return claims


JUDGES = (_flows, _product, _minimum, _saddles, _networks)
