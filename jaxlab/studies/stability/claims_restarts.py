"""Claims about restarts: the rate, the iterations it takes, and the digits of a fixed problem."""

import math
from decimal import Decimal

import xarray as xr

from jaxlab.studies._judging import judge, need
from jaxlab.studies._study import Claim
from jaxlab.studies.stability import restarts
from jaxlab.studies.stability.problems import LAM

_PAPER = "Colbrook, Antun, Hansen, doi:10.1073/pnas.2107151119"
_DERIVED = "derived for jaxlab (barrier.md, {})"
_EXACT = "deterministic"

CONVERGED = 1e-8
"""A relative error below this after the last restart is a recovery."""

_FLOOR = 6
"""Where FIRENETs end in float64, in ``u ||x||``: see part "floor"."""

_TINY = {
    (0.01, 20): {1: "3.146491e-1", 5: "2.319970e-3", 10: "1.562441e-5", 20: "7.09347e-10"},
    (0.01, 40): {1: "1.993384e-1", 5: "2.094624e-3", 10: "1.411339e-5", 20: "6.407468e-10"},
    (0.01, 5): {restarts.RESTARTS: "2.234622e-1"},
    (0.05, 20): {1: "6.842703e-1", 5: "1.158199e-2", 10: "7.812203e-5", 20: "3.546735e-9"},
}
"""Absolute errors after some restarts, by ``lam`` and ``p``, as the reference prints them."""


def _digits(dataset: xr.Dataset) -> list[Claim]:
    statement = "On the problem without random numbers every printed digit comes out"
    need(statement, dataset.restart_error, dataset.restart_size)
    size = float(dataset.restart_size.sel(restart_problem="tiny"))
    slack = _FLOOR * 2.0**-53 * size
    misses, count = [], 0
    for (lam, p), rows in _TINY.items():
        if lam not in dataset.restart_lam or p not in dataset.restart_iterations:
            continue
        path = size * dataset.restart_error.sel(
            restart_problem="tiny", restart_lam=lam, restart_iterations=p
        )
        for k, printed in rows.items():
            measured = float(path.sel(restart=k))
            last = 10.0 ** int(Decimal(printed).as_tuple().exponent)
            count += 1
            if abs(measured - float(printed)) > last / 2 + slack:
                misses.append(f"lam={lam:g}, p={p}, k={k}: {measured:.7g} (printed: {printed})")
    return [
        Claim(
            statement,
            _DERIVED.format("5.2"),
            f"{count} errors to half a unit of the last digit printed, plus {slack:.1e}: what "
            f"rounding does in float64, {_FLOOR} u ||x||",
            "; ".join(misses) or f"all {count} agree",
            _EXACT,
            judge(count > 0 and not misses, bool(misses)),
        )
    ]


def rate(errors: xr.DataArray) -> float:
    """Mean factor per restart between restarts 5 and 20.

    Examples
    --------
    >>> import numpy as np
    >>> path = xr.DataArray(0.5 ** np.arange(1.0, 26), coords={"restart": np.arange(1, 26)})
    >>> rate(path)
    0.5
    """
    return float((errors.sel(restart=20) / errors.sel(restart=5)) ** (1 / 15))


def _rates(dataset: xr.Dataset) -> list[Claim]:
    """Factors 0.2, 1/e and 0.5, the middle one from the sweep over iterations."""
    statement = "Restarts of 40 iterations reduce the error by exactly nu each"
    longest = {"restart_lam": LAM, "restart_iterations": restarts.ITERATIONS}
    need(statement, dataset.restart_error, dataset.restart_nu_error)
    found = {}
    for problem in map(str, dataset.restart_problem.values):
        here = dataset.sel(restart_problem=problem)
        found[problem, math.exp(-1)] = rate(here.restart_error.sel(longest))
        for nu in map(float, dataset.restart_nu.values):
            if 0.2 <= nu <= 0.5:  # below, 40 iterations are too few; above, 20 restarts
                found[problem, nu] = rate(here.restart_nu_error.sel(restart_nu=nu))
    fits = all(abs(got - nu) <= 1e-3 for (_, nu), got in found.items())
    return [
        Claim(
            statement,
            _DERIVED.format("1.7"),
            "nu +- 0.001 between restarts 5 and 20",
            "; ".join(f"{name}, nu={nu:.4g}: {got:.5f}" for (name, nu), got in found.items()),
            _EXACT,
            judge(fits, not fits),
        )
    ]


def smallest(dataset: xr.Dataset, problem: str, lam: float) -> int | None:
    """The smallest number of iterations with which the truth is recovered, or None."""
    last = dataset.restart_error.sel(restart_problem=problem, restart_lam=lam).isel(restart=-1)
    working = last.restart_iterations.where(last < CONVERGED, drop=True)
    return int(working.min()) if working.size else None


def _threshold(dataset: xr.Dataset) -> list[Claim]:
    statement = "Below a number of iterations the error stalls, from it on the truth is recovered"
    need(statement, dataset.restart_error)
    last = dataset.restart_error.isel(restart=-1) < CONVERGED
    kept = last.astype(int).diff("restart_iterations")
    shown = [
        f"{problem}, lam={lam:g}: {smallest(dataset, str(problem), float(lam)) or 'none'}"
        for problem in dataset.restart_problem.values
        for lam in dataset.restart_lam.values
    ]
    first = last.sel(restart_lam=LAM).isel(restart_iterations=[0, -1])
    fits = bool((kept >= 0).all() and not first[:, 0].any() and first[:, 1].all())
    grid = ", ".join(map(str, dataset.restart_iterations.values))
    return [
        Claim(
            statement,
            _DERIVED.format("5.1, 6.5"),
            f"of {grid}: the fewest stall at lam = {LAM:g}, the most recover, and no number above "
            "a working one fails (reference, lam = 0.01: tiny 10, Fourier 8, Walsh 15)",
            "smallest that works: " + "; ".join(shown),
            _EXACT,
            judge(fits, not fits),
        )
    ]


def sharpness(dataset: xr.Dataset, problem: str, lam: float) -> float:
    """A lower bound of ``C_2``: the largest ``||z - x|| / (F(z) - F(x))`` of all ``z`` seen.

    Errors below 1e-6 are left out: their gaps are rounding.
    """
    here = dataset.sel(restart_problem=problem, restart_lam=lam)
    quotient = here.restart_error * here.restart_size / here.restart_gap
    return float(quotient.where(here.restart_error > 1e-6).max())


def _theory(dataset: xr.Dataset) -> list[Claim]:
    """Only where the truth is the minimiser; elsewhere there is no such constant."""
    statement = "Fewer iterations are enough than the p = 2 C_2 ||A|| / nu of the theory"
    need(statement, dataset.restart_error, dataset.restart_gap, dataset.restart_size)
    rows = []
    for problem in map(str, dataset.restart_problem.values):
        for lam in map(float, dataset.restart_lam.values):
            works = smallest(dataset, problem, lam)
            if works is not None:
                rows.append((problem, lam, works, 2 * math.e * sharpness(dataset, problem, lam)))
    fits = bool(rows) and all(works < asked for *_, works, asked in rows)
    return [
        Claim(
            statement,
            f"{_PAPER}, theorem 3; {_DERIVED.format('1.4')}",
            "smallest working p below 2 e C_2, with a lower bound of C_2 from all iterates",
            "; ".join(
                f"{problem}, lam={lam:g}: {works} of at least {asked:.0f}"
                for problem, lam, works, asked in rows
            ),
            _EXACT,
            judge(fits, bool(rows) and not fits),
        )
    ]


def _hopeless(dataset: xr.Dataset) -> list[Claim]:
    """A value of the objective below that of the truth proves that it is no minimiser."""
    statement = "Above lam_max the phantom is no minimiser, and no number of iterations recovers it"
    phantoms = [name for name in dataset.restart_problem.values if name != "tiny"]
    lam = float(dataset.restart_lam.max())
    here = dataset.sel(restart_problem=phantoms, restart_lam=lam)
    limits = dataset.constant_lam_max.sel(constant_problem=phantoms)
    need(statement, here.restart_error, here.restart_gap, limits)
    above = bool((limits < lam).all())
    error, gap = float(here.restart_error.isel(restart=-1).min()), here.restart_gap.min("restart")
    lower = bool((gap.min("restart_iterations") < 0).all())
    return [
        Claim(
            statement,
            _DERIVED.format("1.7, 5.1"),
            f"lam = {lam:g} > lam_max: an objective below the truth's, and no recovery "
            "(reference: none for lam >= 0.03)",
            f"lam_max = {', '.join(f'{x:.4f}' for x in limits.values)}; least F(z) - F(x) = "
            f"{float(gap.max()):.2g}; relative errors from {error:.2f}",
            _EXACT,
            judge(
                above and lower and error > CONVERGED, above and not (lower and error > CONVERGED)
            ),
        )
    ]


JUDGES = (_digits, _rates, _threshold, _theory, _hopeless)
