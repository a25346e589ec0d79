"""Claims about the constants of an error: of ``delta``, of noise, of ``lam`` and of the steps."""

import numpy as np
import xarray as xr

from jaxlab.studies._comparing import Expected
from jaxlab.studies._judging import judge, need
from jaxlab.studies._study import Claim
from jaxlab.studies.stability import restarts_constants
from jaxlab.studies.stability.claims_restarts import CONVERGED

_DERIVED = "derived for jaxlab (barrier.md, {})"
_EXACT = "deterministic"

_PRINTED = {
    "constant_stability": ("1/sigma_min", "1.618395"),
    "constant_lam_max": ("lam_max", "0.121931"),
    "constant_off_support": ("off the support", "0.7182"),
}
"""The certificate of the problem without random numbers, as the reference prints it."""


def _certificate(dataset: xr.Dataset) -> list[Claim]:
    statement = "The certificate of the problem without random numbers has the printed constants"
    here = dataset.sel(constant_problem="tiny")
    need(statement, *(here[name] for name in _PRINTED))
    expected = {name: Expected(float(here[name]), digits) for name, (_, digits) in _PRINTED.items()}
    fits = all("printed" not in str(figure) for figure in expected.values())
    others = [dataset.sel(constant_problem=x) for x in dataset.constant_problem.values[1:]]
    return [
        Claim(
            statement,
            _DERIVED.format("5.2"),
            "; ".join(f"{label}: {digits}" for label, digits in _PRINTED.values()),
            "; ".join(f"{_PRINTED[name][0]}: {figure}" for name, figure in expected.items())
            + "".join(
                f"; {found.constant_problem.item()}: {float(found.constant_stability):.4g}, "
                f"{float(found.constant_lam_max):.4g}, {float(found.constant_off_support):.4g}"
                for found in others
            ),
            _EXACT,
            judge(fits, not fits),
        )
    ]


def _linear(
    dataset: xr.Dataset, statement: str, errors: xr.DataArray, levels: xr.DataArray, source: str
) -> Claim:
    """Error over level is one constant for every problem (and direction), to one per cent."""
    need(statement, errors)
    dim = str(levels.dims[0])
    ratio = errors / levels
    spread = float((ratio.max(dim) / ratio.min(dim)).max()) - 1
    means = ratio.mean(dim).stack(case=[d for d in ratio.dims if d != dim])
    cases = [", ".join(np.atleast_1d(case)) for case in means.case.values]
    decades = float(np.log10(levels.max() / levels.min()))
    return Claim(
        statement,
        source,
        f"a constant to +-1 % over {decades:.0f} decades",
        "; ".join(f"{case}: {value:.4g}" for case, value in zip(cases, means.values, strict=True))
        + f"; spread {spread:.1e}",
        _EXACT,
        judge(spread <= 0.02, spread > 0.02),
    )


def _floors(dataset: xr.Dataset) -> list[Claim]:
    return [
        _linear(
            dataset,
            "The error stops at a constant times delta",
            dataset.constant_delta_error,
            dataset.constant_delta,
            _DERIVED.format("1.7c; 5.1: 0.234 for its Walsh mask"),
        ),
        _linear(
            dataset,
            "The error stops at a constant times the noise",
            dataset.constant_noise_error,
            dataset.constant_noise,
            _DERIVED.format("1.7b; 5.1: 1.71 for its random e and Walsh mask"),
        ),
    ]


def _limit(dataset: xr.Dataset) -> list[Claim]:
    statement = "Up to lam_max the truth is recovered; beyond, a coefficient is lost at once"
    errors = dataset.constant_ratio_error
    least = dataset.constant_least.sel(constant_problem="tiny")
    need(statement, errors, least)
    below, above = (
        errors.where(side, drop=True)
        for side in (errors.constant_ratio < 1, errors.constant_ratio > 1)
    )
    fits = bool(below.max() < CONVERGED and above.min() >= least)
    return [
        Claim(
            statement,
            _DERIVED.format("1.7a; that the bound is sharp is derived here: no signs fit above it"),
            f"errors below {CONVERGED:g}, and of at least the smallest coefficient, "
            f"{float(least):g}, above (problem without random numbers, p = "
            f"{restarts_constants.LONG})",
            "; ".join(
                f"{float(x):g} lam_max: {float(e):.2g}"
                for x, e in zip(errors.constant_ratio, errors, strict=True)
            ),
            _EXACT,
            judge(fits, not fits),
        )
    ]


def _attained(dataset: xr.Dataset) -> list[Claim]:
    statement = "Noise along the worst left singular vector of A_S moves the result by 1/sigma_min"
    errors = dataset.constant_noise_error.sel(constant_direction=restarts_constants.DIRECTIONS[0])
    need(statement, errors, dataset.constant_stability)
    ratio = errors / dataset.constant_noise / dataset.constant_stability
    far = float(np.abs(ratio - 1).max())
    return [
        Claim(
            statement,
            _DERIVED.format("1.7b; 5.1: 3.689 for its Walsh mask"),
            "; ".join(
                f"{name}: {float(value):.4g}"
                for name, value in zip(
                    dataset.constant_problem.values, dataset.constant_stability, strict=True
                )
            ),
            f"quotients within {far:.1e} of these at ||e|| = "
            f"{', '.join(f'{x:g}' for x in dataset.constant_noise.values)}",
            _EXACT,
            judge(far <= 5e-4, far > 5e-4),
        )
    ]


def _searched(dataset: xr.Dataset) -> list[Claim]:
    """The bound holds in the range of ``A_S``, and is no bound outside."""
    statements = {
        restarts_constants.SPACES[0]: "No perturbation in the range of A_S that ascent finds moves "
        "the result by more than 1/sigma_min, and some come near",
        restarts_constants.SPACES[1]: "No small perturbation of the measurements that ascent finds "
        "moves the result by more than 1/sigma_min",
    }
    need(statements[restarts_constants.SPACES[1]], dataset.constant_quotient)
    limits = dataset.constant_stability.sel(constant_problem=dataset.constant_searched.values)
    need(statements[restarts_constants.SPACES[1]], limits)
    claims = []
    for space, statement in statements.items():
        found = dataset.constant_quotient.sel(constant_space=space)
        ratio = found / limits.values[:, None]
        near = space == restarts_constants.SPACES[1] or float(ratio.max()) > 0.99
        over = float(ratio.max()) > 1.001
        claims.append(
            Claim(
                statement,
                _DERIVED.format("1.7b, 6.14"),
                "; ".join(
                    f"{name}: at most {float(limit):.4f}"
                    for name, limit in zip(dataset.constant_searched.values, limits, strict=True)
                ),
                "; ".join(
                    f"{name}, radius {float(radius):g}: {float(found[i, j]):.4f}"
                    for i, name in enumerate(dataset.constant_searched.values)
                    for j, radius in enumerate(dataset.constant_radius.values)
                ),
                "found by ascent: lower bounds",
                judge(near and not over, over),
            )
        )
    return claims


def _bounded(dataset: xr.Dataset) -> list[Claim]:
    """The noise that was drawn counts too; a problem that is not certified has no bound."""
    statement = "No perturbation moves the result by more than the bound of its certificate"
    drawn = (dataset.constant_noise_error / dataset.constant_noise).max(
        ["constant_direction", "constant_noise"]
    )
    need(statement, drawn, dataset.constant_quotient, dataset.constant_bound)
    found = dataset.constant_quotient.max(["constant_space", "constant_radius"])
    most = {
        str(name): float(x) for name, x in zip(drawn.constant_problem.values, drawn, strict=True)
    }
    for name, quotient in zip(found.constant_searched.values, found, strict=True):
        most[str(name)] = max(most[str(name)], float(quotient))
    bounds = {name: float(dataset.constant_bound.sel(constant_problem=name)) for name in most}
    over = any(quotient > bounds[name] for name, quotient in most.items())
    certified = any(np.isfinite(bound) for bound in bounds.values())
    return [
        Claim(
            statement,
            "derived for jaxlab (Certificate.bound)",
            "; ".join(f"{name}: {bound:.4g}" for name, bound in bounds.items()),
            "; ".join(f"{name}: {quotient:.4g}" for name, quotient in most.items()),
            "largest of noise drawn and perturbations found",
            judge(certified and not over, over),
        )
    ]


def _forms(dataset: xr.Dataset) -> list[Claim]:
    statement = "Data form and step form are the same network in float64"
    need(statement, dataset.constant_forms)
    far = float(dataset.constant_forms.max())
    return [
        Claim(
            statement,
            _DERIVED.format("1.3, 6.3"),
            "relative difference at most 1e-12 after every restart",
            f"{far:.1e}",
            "largest of all problems and restarts",
            judge(far <= 1e-12, far > 1e-12),
        )
    ]


def _steps(dataset: xr.Dataset) -> list[Claim]:
    """The reference ran Walsh; at 2 the iteration is no longer covered by any theorem."""
    errors = dataset.constant_step_error
    middle = errors.sel(constant_step=slice(0.6, 1.2))
    ends = errors.sel(constant_step=[errors.constant_step[0], errors.constant_step[-1]])
    statements = (
        "Steps tau = sigma from 0.6 to 1.2 recover every truth, also beyond tau sigma ||A||^2 = 1",
        "Steps of 0.25 and of 2 stall on the Walsh problem",
    )
    need(statements[0], errors)
    worst = float(middle.max())
    stalled = ends.sel(constant_problem="walsh")
    other = ends.where(ends.constant_problem != "walsh", drop=True)
    return [
        Claim(
            statements[0],
            _DERIVED.format("5.1"),
            f"errors below {CONVERGED:g}",
            f"at most {worst:.1e}",
            _EXACT,
            judge(worst < CONVERGED, worst >= CONVERGED),
        ),
        Claim(
            statements[1],
            _DERIVED.format("5.1, for its mask: 1.1e-2 and 1.2e-2"),
            f"errors above {CONVERGED:g}",
            " and ".join(f"{float(e):.1e}" for e in stalled)
            + "; elsewhere at most "
            + f"{float(other.max()):.1e}",
            _EXACT,
            judge(bool((stalled > CONVERGED).all()), bool((stalled <= CONVERGED).any())),
        ),
    ]


JUDGES = (_certificate, _floors, _limit, _attained, _searched, _bounded, _forms, _steps)
