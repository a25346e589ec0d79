"""Claims about emulated training (part e): does the noise model of the paper predict rounding?"""

import numpy as np
import xarray as xr

from jaxlab.studies._statistics import LEVEL, mean
from jaxlab.studies._study import Claim
from jaxlab.studies.pieces.judging import CONFIDENCE, KARNER, interval, judge, kept_share, need

_CLOSE = 0.95
"""A prediction is right if predicted and true counts differ by less than this factor."""

_MULTIPLE = 4
"""A small multiple of the unit roundoff."""

_INDEPENDENT = 0.1
"""Errors pass for independent if the mean product of two signs is below this."""

_ARM = {"gradient": "a rounded gradient", "step": "a wholly rounded step"}


def _predicts(dataset: xr.Dataset) -> list[Claim]:
    need(
        "The noise model predicts the loss of pieces under rounding",
        dataset.rounded_pieces,
        dataset.noisy_pieces,
        dataset.exact_pieces,
    )
    return [
        _prediction(dataset.sel(emulated_model=model), str(model), str(scope))
        for model in dataset.emulated_model.values
        for scope in dataset.scope.values
    ]


def _prediction(dataset: xr.Dataset, model: str, scope: str) -> Claim:
    """Rounded against noisy runs from the same starts, at every precision and rate."""
    places = [
        {"precision": p, "emulated_rate": rate}
        for p in dataset.precision.values
        for rate in dataset.emulated_rate.values
    ]
    level = 1 - (1 - LEVEL) / len(places)
    found = [kept_share(*_pair(dataset, place, scope), level) for place in places]
    outside = [e.high < _CLOSE or e.low > 1 / _CLOSE for e in found]
    inside = [e.low >= _CLOSE and e.high <= 1 / _CLOSE for e in found]
    surest = max(range(len(found)), key=lambda i: max(found[i].low, 1 / max(found[i].high, 1e-300)))
    worst, place = found[surest], places[surest]
    return Claim(
        f"The noise model keeps as many of the {model} network's pieces as {_ARM[scope]} does",
        f"{KARNER}, Def. 2.3, extended from biases to every entry, epsilon = u; same starts",
        f"rounded / noisy within {1 - _CLOSE:.0%} at every precision and rate",
        f"{worst.value:.3f} at p = {place['precision']}, rate {place['emulated_rate']:g} "
        f"({_harm(dataset, place, scope)}); surely outside at {sum(outside)}, surely inside at "
        f"{sum(inside)} of {len(places)}",
        f"[{worst.low:.3f}, {worst.high:.3f}] (simultaneous {CONFIDENCE}s)",
        judge(all(inside), any(outside)),
    )


def _pair(dataset: xr.Dataset, place: dict, scope: str) -> tuple[xr.DataArray, xr.DataArray]:
    """Counts of the rounded and of the noisy runs with ``epsilon = u``."""
    noise = {"noise_exponent": place["precision"], "emulated_rate": place["emulated_rate"]}
    return dataset.rounded_pieces.sel(scope=scope, **place), dataset.noisy_pieces.sel(noise)


def _harm(dataset: xr.Dataset, place: dict, scope: str) -> str:
    """What both arms keep of the control's pieces, and the noise that does what rounding does."""
    rate = place["emulated_rate"]
    control = dataset.exact_pieces.sel(emulated_rate=rate)
    rounded, noisy = (kept_share(counts, control).value for counts in _pair(dataset, place, scope))
    text = f"{rounded:.3f} and {noisy:.3f} of the control's"
    if not rounded < noisy:
        return text
    levels = np.sort(dataset.noise_exponent.values)[::-1]
    harm = [
        kept_share(dataset.noisy_pieces.sel(emulated_rate=rate, noise_exponent=k), control).value
        for k in levels
    ]
    exponent = equivalent_exponent(levels, harm, rounded)
    if exponent is None:
        return f"{text}, as from noise above {2.0 ** (place['precision'] - levels[-1]):.0f} u"
    return f"{text}, as from noise of {2.0 ** (place['precision'] - exponent):.0f} u"


def equivalent_exponent(exponents: np.ndarray, keeps: list[float], kept: float) -> float | None:
    """The ``k`` at which noise ``2**-k`` keeps a given share, interpolated in the logarithms.

    Parameters
    ----------
    exponents
        Falling: noise levels from the quietest to the loudest.
    keeps
        Shares of the pieces that these levels keep.
    kept
        The share looked for, below that of the quietest level.

    Returns
    -------
    The crossing next to the quiet end; None if no level keeps so little.

    Examples
    --------
    >>> equivalent_exponent(np.array([4, 0, -2]), [1.0, 1.0, 0.25], 0.5)
    -1.0
    """
    for i in range(1, len(keeps)):
        if keeps[i] <= kept < keeps[i - 1]:
            share = np.log(keeps[i - 1] / kept) / np.log(keeps[i - 1] / keeps[i])
            return float(exponents[i - 1] + share * (exponents[i] - exponents[i - 1]))
    return None


def _errors_are_small(dataset: xr.Dataset) -> list[Claim]:
    errors, shares = dataset.gradient_error, dataset.gradient_share
    need("Entries of a rounded gradient have relative errors below u", errors, shares)
    judged = []
    for model in dataset.emulated_model.values:
        middle, last = (
            errors.sel(emulated_model=model, error_quantile=q).values for q in (0.5, 0.99)
        )
        most = shares.sel(emulated_model=model).max("precision")
        judged.append(
            Claim(
                f"Entries of a rounded gradient have relative errors of size u: {model}",
                f"{KARNER}, Def. 2.3: errors in (-u, u); at the start, {_precisions(dataset)}",
                f"99% of the nonzero entries within {_MULTIPLE} u",
                f"median {_range(middle)} u, 99% quantile {_range(last)} u; at most "
                f"{float(most.sel(entry='wrong sign')):.1%} with the wrong sign, "
                f"{float(most.sel(entry='to zero')):.1%} lost, "
                f"{float(most.sel(entry='from zero')):.1%} of the zeros come alive",
                f"exact shares of all entries of {dataset.sizes['emulated_seed']} starts",
                judge(bool((last <= _MULTIPLE).all()), bool((last > _MULTIPLE).any())),
            )
        )
    return judged


def _errors_are_independent(dataset: xr.Dataset) -> list[Claim]:
    need("Errors of a rounded gradient are independent", dataset.gradient_error)
    judged = []
    for model in dataset.emulated_model.values:
        samples = dataset.sign_correlation.sel(emulated_model=model).values
        level = 1 - (1 - LEVEL) / len(samples)
        found = [mean(sample[np.isfinite(sample)], level) for sample in samples]
        worst = max(found, key=lambda estimate: estimate.low)
        judged.append(
            Claim(
                f"The errors of the entries of a rounded gradient are independent: {model}",
                f"{KARNER}, Def. 2.3; at the start, {_precisions(dataset)}",
                "mean product of two error signs in one weight or bias array 0",
                f"{_range(np.array([estimate.value for estimate in found]))}",
                f"{interval(worst)}, simultaneous",
                judge(
                    all(e.low > -_INDEPENDENT and e.high < _INDEPENDENT for e in found),
                    any(e.low > _INDEPENDENT or e.high < -_INDEPENDENT for e in found),
                ),
            )
        )
    return judged


def _precisions(dataset: xr.Dataset) -> str:
    precision = dataset.precision
    return f"p = {int(precision.min())} to {int(precision.max())}"


def _range(values: np.ndarray) -> str:
    return f"{values.min():.3g} to {values.max():.3g}"


JUDGES = (_predicts, _errors_are_small, _errors_are_independent)
