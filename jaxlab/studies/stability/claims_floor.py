"""Claims about attainable accuracy: the floor, growth beyond it and its cure, overflow."""

import math

import numpy as np
import xarray as xr

from jaxlab.arithmetic import float16
from jaxlab.studies._judging import judge, need
from jaxlab.studies._study import Claim
from jaxlab.studies.stability.config import CONTROL
from jaxlab.studies.stability.floor import RULES, unit_roundoff
from jaxlab.studies.stability.restarts import ITERATIONS

_DERIVED = "derived for jaxlab (barrier.md, {})"
_EXACT = "one image, one mask"
NONE, RULE = RULES

KINDS = {
    "step": ("floor_error", "floor_arithmetic"),
    "data": ("floor_data_error", "floor_data_arithmetic"),
    "Fourier": ("floor_complex_error", "floor_complex"),
}
"""Variable and dimension of every kind of network."""

BAND = (3.0, 6.0)
"""Of floor / u, as the reference has it."""


def relative(dataset: xr.Dataset, kind: str, rule: str) -> dict[str, np.ndarray]:
    """Errors in unit roundoffs along the restarts, by arithmetic."""
    variable, dim = KINDS[kind]
    table = dataset[variable].sel(floor_delta=rule)
    return {
        str(name): table.sel({dim: name}).values / unit_roundoff(str(name))
        for name in dataset[dim].values
    }


def _floors(dataset: xr.Dataset) -> list[Claim]:
    """With the rule for ``delta``; the control reaches its floor too."""
    claims = []
    for kind, about in {
        "step": "Walsh, step form",
        "data": "Walsh, data form",
        "Fourier": "Fourier, step form",
    }.items():
        statement = f"The smallest error of a FIRENET is between 3 u and 6 u ({about})"
        paths = relative(dataset, kind, RULE)
        need(statement, dataset[KINDS[kind][0]].sel(floor_delta=RULE))
        floors = {name: float(path.min()) for name, path in paths.items()}
        fits = all(BAND[0] <= floor <= BAND[1] for floor in floors.values())
        claims.append(
            Claim(
                statement,
                _DERIVED.format("5.3: 3.6 to 5.2 for 8 to 40 bits, 9.3 for 53"),
                f"{BAND[0]:g} to {BAND[1]:g} in every arithmetic",
                "; ".join(f"{name}: {floor:.2f}" for name, floor in floors.items()),
                _EXACT,
                judge(fits, not fits),
            )
        )
    return claims


def arrival(path: np.ndarray) -> int:
    """The first restart whose error is within twice the smallest one; restarts count from 1.

    Examples
    --------
    >>> arrival(np.array([8.0, 3.0, 2.0, 2.5]))
    2
    """
    return 1 + int(np.argmax(path <= 2 * np.nanmin(path)))


def _arrivals(dataset: xr.Dataset) -> list[Claim]:
    statement = "A format follows the control down to its floor: log(1/u) restarts are enough"
    need(statement, dataset.floor_error.sel(floor_delta=RULE))
    paths = relative(dataset, "step", RULE)
    control = paths[CONTROL] * unit_roundoff(CONTROL)
    rows = {}
    for name, path in paths.items():
        bound = 2 * float(path.min()) * unit_roundoff(name)
        rows[name] = arrival(path), 1 + int(np.argmax(control <= bound))
    late = max(measured - expected for measured, expected in rows.values())
    return [
        Claim(
            statement,
            _DERIVED.format("5.3"),
            "within twice its floor at most one restart after float64 has that error",
            "; ".join(f"{name}: {k} ({of})" for name, (k, of) in rows.items()),
            _EXACT,
            judge(late <= 1, late > 1),
        )
    ]


def grown(dataset: xr.Dataset, kind: str, statement: str) -> dict[str, np.ndarray]:
    """Errors without ``delta``, in u, of formats with eight restarts after their floor.

    Float16 is left out: it overflows.
    """
    variable, dim = KINDS[kind]
    table = dataset[variable].sel(floor_delta=NONE)
    need(statement, table.where(table[dim] != float16.name, drop=True))
    return {
        name: path
        for name, path in relative(dataset, kind, NONE).items()
        if name != float16.name and arrival(path) + 8 <= path.size
    }


def _cause(dataset: xr.Dataset) -> list[Claim]:
    """The only prediction of the floor: means of copies of the truth."""
    statements = (
        "The floor is the rounding of the ergodic mean: that of p copies of the truth",
        "Without delta the step form ends where the mean of p copies is the copy itself",
    )
    need(statements[0], dataset.floor_mean_error, dataset.floor_error.sel(floor_delta=RULE))
    paths = relative(dataset, "step", RULE)
    means = {
        name: dataset.floor_mean_error.sel(floor_arithmetic=name).values / unit_roundoff(name)
        for name in paths
    }
    floors = {name: (float(path.min()), means[name][0]) for name, path in paths.items()}
    ends = {
        name: (path[-1], means[name][-1])
        for name, path in grown(dataset, "step", statements[1]).items()
    }
    claims = []
    for statement, rows, slack in zip(statements, (floors, ends), (0.3, 0.02), strict=True):
        fits = all(abs(got / law - 1) <= slack for got, law in rows.values())
        claims.append(
            Claim(
                statement,
                "derived for jaxlab, here",
                f"within {slack:.0%} of "
                + "; ".join(f"{name}: {law:.2f} u" for name, (_, law) in rows.items()),
                "; ".join(f"{name}: {got:.2f} u" for name, (got, _) in rows.items()),
                _EXACT,
                judge(bool(rows) and fits, not fits),
            )
        )
    return claims


def _deviations(dataset: xr.Dataset) -> list[Claim]:
    """The same network with another order of sums."""
    statement = "Averaging deviations from the start of a restart reaches an error below u"
    table = dataset.floor_deviation_error.sel(floor_delta=RULE)
    need(statement, table)
    floors = {
        str(name): float(table.sel(floor_deviation_arithmetic=name).min())
        / unit_roundoff(str(name))
        for name in table.floor_deviation_arithmetic.values
        if name != CONTROL  # its truth is not known better
    }
    fits = all(floor < 1 for floor in floors.values())
    return [
        Claim(
            statement,
            "derived for jaxlab, here",
            "less than 1 u in every format (with sums: 3 u to 6 u)",
            "; ".join(f"{name}: {floor:.2f} u" for name, floor in floors.items()),
            _EXACT,
            judge(bool(floors) and fits, not fits),
        )
    ]


def _growth(dataset: xr.Dataset) -> list[Claim]:
    """Formats with exponents enough, and at least eight restarts after their floor."""
    claims = []
    for kind in ("step", "data"):
        variable, _ = KINDS[kind]
        statement = f"Without delta the error grows again after its floor ({kind} form)"
        wide = grown(dataset, kind, statement)
        ratios = {name: path[-1] / path.min() for name, path in wide.items()}
        fits = all(ratio > 1.5 for ratio in ratios.values())
        claims.append(
            Claim(
                statement,
                _DERIVED.format("5.3, at restart 45: 9 u in step form, 29 to 35 u in data form"),
                "last error more than 1.5 times the smallest",
                "; ".join(
                    f"{name}: {wide[name].min():.2f} u, then {wide[name][-1]:.2f} u"
                    for name in ratios
                ),
                _EXACT,
                judge(bool(ratios) and fits, not fits),
            )
        )
        cured = f"With delta = u ||y|| it stays there ({kind} form)"
        need(cured, dataset[variable].sel(floor_delta=RULE))
        last = {name: float(path[-1]) for name, path in relative(dataset, kind, RULE).items()}
        holds = max(last.values()) <= BAND[1]
        claims.append(
            Claim(
                cured,
                _DERIVED.format("5.3: 4.2 to 5.7 u"),
                f"last error at most {BAND[1]:g} u, float16 included",
                "; ".join(f"{name}: {value:.2f} u" for name, value in last.items()),
                _EXACT,
                judge(holds, not holds),
            )
        )
    return claims


def overflows(dataset: xr.Dataset) -> dict[str, int]:
    """The restarts at which float16 must overflow without ``delta``, in closed form.

    ``eps_k = ||y|| nu**k`` and ``alpha_k = 2 / (p eps_k)``. Data form sums ``p`` iterates of size
    ``alpha_k |x|``, so what counts is ``2 max|x| / eps_k``; ``p`` cancels. Step form forms
    ``alpha_k`` itself.
    """
    norm, largest = float(dataset.floor_norm), float(dataset.floor_coefficient)
    beyond = float16.max * (1 + float16.unit_roundoff)  # from here on it rounds to infinity
    return {
        "data": math.ceil(math.log(beyond * norm / (2 * largest))),
        "step": math.ceil(math.log(beyond * norm * ITERATIONS / 2)),
    }


def _overflow(dataset: xr.Dataset) -> list[Claim]:
    printed = {"data": 12, "step": 21}
    claims = []
    for kind, words in {
        "data": "its sum of p scaled iterates, 2 max|x| / eps_k, passes 65504",
        "step": "its dual step 2 / (p eps_k) passes 65504",
    }.items():
        variable, dim = KINDS[kind]
        statement = f"Without delta float16 in {kind} form breaks when {words}"
        need(statement, dataset.floor_norm, dataset.floor_coefficient)
        if float16.name not in dataset[dim]:
            continue
        path = dataset[variable].sel({dim: float16.name, "floor_delta": NONE}).values
        need(statement, dataset[variable].sel({dim: float16.name, "floor_delta": RULE}))
        broken = np.flatnonzero(~np.isfinite(path))
        first = int(broken[0]) + 1 if broken.size else 0
        expected = overflows(dataset)[kind]
        claims.append(
            Claim(
                statement,
                _DERIVED.format(f"5.3: restart {printed[kind]} in its own code and norm"),
                f"restart {expected}",
                f"restart {first}" if first else f"none of {path.size}",
                _EXACT,
                judge(first == expected, first != expected),
            )
        )
    return claims


def _safe(dataset: xr.Dataset) -> list[Claim]:
    statement = "The rule delta = u ||y|| keeps float16 from overflow in both forms"
    paths = [
        relative(dataset, kind, RULE).get(float16.name, np.zeros(0)) for kind in ("step", "data")
    ]
    need(statement, dataset.floor_norm, dataset.floor_largest, dataset.floor_coefficient)
    rest = math.exp(-1) / (1 - math.exp(-1))
    delta = float16.unit_roundoff * float(dataset.floor_norm)
    y, x = float(dataset.floor_largest), float(dataset.floor_coefficient)
    bounds = [2 * size / (rest * float16.max) for size in (y / ITERATIONS, x)]
    finite = all(np.isfinite(path).all() and path.size for path in paths)
    fits = bool(finite and delta > max(bounds))
    return [
        Claim(
            statement,
            _DERIVED.format("5.3: 2 L max|y| / (0.582 p delta) < 65504; of the sum: derived here"),
            f"delta above {bounds[0]:.1e} for the scaled data, above {bounds[1]:.1e} for the sum "
            "of p iterates, and all errors finite",
            f"delta = {delta:.1e}, errors {'finite' if finite else 'not finite'}",
            _EXACT,
            judge(fits, not fits),
        )
    ]


JUDGES = (_floors, _arrivals, _cause, _deviations, _growth, _overflow, _safe)
