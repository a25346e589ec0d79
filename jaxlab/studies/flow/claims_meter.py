"""Claims about invariants: what an integrator drifts by, and what a format breaks per step."""

import numpy as np
import xarray as xr

from jaxlab.studies._arithmetics import format_of
from jaxlab.studies._judging import CONFIDENCE, judge, need
from jaxlab.studies._statistics import PowerLaw, power_law
from jaxlab.studies._study import Claim
from jaxlab.studies.flow.config import CONTROL

_BALANCE = "Du, Hu, Lee, arXiv 1806.00900"
_LYAPUNOV = "Cheridito, Jentzen, Riekert, Rossmannek, J. Complexity 72 (2022) 101646"
_DISCRETE = "derived for jaxlab (flow.md, B.4), exact for gradient descent"
_DRIFT = 1e-12


def violation(dataset: xr.Dataset, law: str, share: str = "all") -> tuple[np.ndarray, np.ndarray]:
    """Unit roundoffs, and root mean square violations per step over starts and steps.

    Parameters
    ----------
    dataset
        The study's.
    law, share
        Coordinates of ``meter_violation``.
    """
    table = dataset.meter_violation.sel(meter_law=law, meter_share=share)
    u = [format_of(str(name)).unit_roundoff for name in dataset.meter_arithmetic.values]
    return np.array(u), np.sqrt((table**2).mean(["meter_start", "meter_step"]).values)


def _conserved(dataset: xr.Dataset) -> list[Claim]:
    statement = "The flow keeps w^2 + b^2 - v^2 of every neuron"
    need(statement, dataset.meter_balance)
    drift = float(dataset.meter_balance.max())
    return [
        Claim(
            statement,
            f"{_BALANCE}; Dopri8, N(0, 1) starts, H = {_sizes(dataset)}, constant target",
            f"drift 0 (measured in flow.md: 7e-13), within {_DRIFT:.0e} up to t = "
            f"{float(dataset.meter_time.max()):g}",
            f"{drift:.1e}",
            "largest of all neurons, starts and times",
            judge(drift <= _DRIFT, drift > _DRIFT),
        )
    ]


def _sizes(dataset: xr.Dataset) -> str:
    return ", ".join(str(n) for n in dataset.meter_neurons.values)


def _lost(dataset: xr.Dataset) -> list[Claim]:
    statement = "For a constant target the Lyapunov function is lost at the rate 8 L"
    need(statement, dataset.meter_lyapunov)
    error = float(np.abs(dataset.meter_lyapunov).max())
    return [
        Claim(
            statement,
            f"{_LYAPUNOV}, arXiv 2102.09924",
            "V(0) - V(t) - 8 int L = 0 (measured in flow.md: 3e-12)",
            f"{error:.1e}",
            "largest of all starts and times",
            judge(error <= 3e-12, error > 3e-12),
        )
    ]


def _exact_steps(dataset: xr.Dataset) -> list[Claim]:
    statement = "A step of gradient descent in float64 obeys both discrete laws to round-off"
    need(statement, dataset.meter_violation)
    largest = {
        str(law): float(
            dataset.meter_violation.sel(
                meter_arithmetic=CONTROL, meter_law=law, meter_share="all"
            ).max()
        )
        for law in dataset.meter_law.values
    }
    # Every parameter rounds once, by u times its size; squares of some ten parameters of size 1
    # to 3 add up to at most some tens of u.
    most = 64 * 2.0**-53
    return [
        Claim(
            statement,
            _DISCRETE,
            f"0 (measured in flow.md: 1.5e-16 and 7e-16), at most 64 u = {most:.1e}",
            "; ".join(f"{law}: {size:.1e}" for law, size in largest.items()),
            "largest of all neurons, starts and steps",
            judge(max(largest.values()) <= most, max(largest.values()) > most),
        )
    ]


def _proportional(dataset: xr.Dataset) -> list[Claim]:
    claims = []
    for law in map(str, dataset.meter_law.values):
        statement = f"What a format breaks of the law of {law} per step is proportional to u"
        need(statement, dataset.meter_violation)
        u, size = violation(dataset, law)
        _, gradient = violation(dataset, law, "gradient")
        fit: PowerLaw = power_law(u, size)
        slope, ratio = fit.exponent, size / u
        met = slope.low <= 1 <= slope.high
        claims.append(
            Claim(
                statement,
                f"{_DISCRETE}; rounding errors are proportional to u",
                "exponent 1",
                f"{slope.value:.4f} from u = {u.min():.1e} to {u.max():.1e}; violation/u "
                f"{ratio.min():.2f} to {ratio.max():.2f}, of which the gradient's rounding alone "
                f"makes {(gradient / size).min():.0%} to {(gradient / size).max():.0%}",
                f"[{slope.low:.4f}, {slope.high:.4f}] ({CONFIDENCE})",
                judge(met, not met),
            )
        )
    return claims


JUDGES = (_conserved, _lost, _exact_steps, _proportional)
