"""Claims about emulated training (part e): does the noise model of the paper predict rounding?"""

import numpy as np
import xarray as xr

from jaxlab.studies._judging import interval, judge, need
from jaxlab.studies._statistics import mean, simultaneous
from jaxlab.studies._study import Claim
from jaxlab.studies.pieces.judging import KARNER, Kept, kept_share

_CLOSE = 0.95
"""A prediction is right if predicted and true counts differ by less than this factor."""

_MULTIPLE = 4
"""A small multiple of the unit roundoff."""

_UNCORRELATED = 0.1
"""Errors pass for uncorrelated if the mean product of two signs is below this."""

_STARTS = "emulated_seed"

_MODEL = (
    f"the model of {KARNER}, as read by jaxlab: epsilon = u, extended from bias updates to every "
    "entry"
)
_ARM = {"gradient": "a rounded gradient", "step": "a wholly rounded step"}
_SOURCE = {"gradient": _MODEL, "step": f"{_MODEL}; rounding the whole step is not in the paper"}


def _predicts(dataset: xr.Dataset) -> list[Claim]:
    need(
        "The noise model predicts the loss of pieces under rounding",
        dataset.rounded_pieces,
        dataset.noisy_pieces,
        dataset.exact_pieces,
        unfinished=True,
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
    level = simultaneous(len(places))
    found = [kept_share(*_pair(dataset, place, scope), _STARTS, level) for place in places]
    outside, inside = (sum(map(judged, found)) for judged in (_outside, _inside))
    uneven = sum(not kept.balanced for kept in found)
    surest, place = max(zip(found, places, strict=True), key=lambda pair: _distance(pair[0]))
    return Claim(
        f"The noise model keeps as many of the {model} network's pieces as {_ARM[scope]} does",
        f"{_SOURCE[scope]}; same starts",
        f"rounded / noisy within {1 - _CLOSE:.0%} at every precision and rate",
        f"{surest.share.value:.3f} at p = {place['precision']}, rate {place['emulated_rate']:g} "
        f"({_harm(dataset, place, scope)}); surely outside at {outside}, surely inside at "
        f"{inside} of {len(places)}; {sum(kept.used for kept in found)} of "
        f"{sum(kept.pairs for kept in found)} pairs"
        + (f", one arm fails more often than the other at {uneven}" if uneven else ""),
        interval(surest.share),
        judge(inside == len(places), outside > 0),
    )


# Runs that fail in one arm only are a difference that the ratio of the others does not see: such
# arms are neither inside nor outside.
def _inside(kept: Kept) -> bool:
    return kept.balanced and kept.share.low >= _CLOSE and kept.share.high <= 1 / _CLOSE


def _outside(kept: Kept) -> bool:
    return kept.balanced and (kept.share.high < _CLOSE or kept.share.low > 1 / _CLOSE)


def _distance(kept: Kept) -> tuple[bool, float]:
    """How surely the ratio is not 1."""
    return kept.balanced, max(kept.share.low, 1 / max(kept.share.high, 1e-300))


def _pair(dataset: xr.Dataset, place: dict, scope: str) -> tuple[xr.DataArray, xr.DataArray]:
    """Counts of the rounded and of the noisy runs with ``epsilon = u``."""
    noise = {"noise_exponent": place["precision"], "emulated_rate": place["emulated_rate"]}
    return dataset.rounded_pieces.sel(scope=scope, **place), dataset.noisy_pieces.sel(noise)


def _harm(dataset: xr.Dataset, place: dict, scope: str) -> str:
    """What both arms keep of the control's pieces, and the noise that does what rounding does."""
    rate, u = place["emulated_rate"], 2.0 ** -place["precision"]
    control = dataset.exact_pieces.sel(emulated_rate=rate)

    def share(counts: xr.DataArray, reference: xr.DataArray = control) -> float:
        return kept_share(counts, reference, _STARTS).share.value

    rounded, noisy = (share(counts) for counts in _pair(dataset, place, scope))
    text = (
        f"{rounded:.3f} and {noisy:.3f} of the control's, which keeps "
        f"{share(control, dataset.starting_pieces):.3f} of the start's"
    )
    if not rounded < noisy:
        return text
    levels = np.sort(dataset.noise_exponent.values)[::-1]
    noise = dataset.noisy_pieces.sel(emulated_rate=rate)
    harm = np.array([share(noise.sel(noise_exponent=k)) for k in levels])
    levels, harm = levels[np.isfinite(harm)], harm[np.isfinite(harm)]
    exponent = equivalent_exponent(levels, harm, rounded)
    if exponent is None:
        return f"{text}, less than noise of {2.0 ** -levels[-1] / u:.2g} u keeps"
    return f"{text}, as from noise of {2.0**-exponent / u:.2g} u (interpolated)"


def equivalent_exponent(exponents: np.ndarray, keeps: np.ndarray, kept: float) -> float | None:
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
    >>> equivalent_exponent(np.array([4, 0, -2]), np.array([1.0, 1.0, 0.25]), 0.5)
    -1.0
    """
    for i in range(1, len(keeps)):
        if keeps[i] <= kept < keeps[i - 1]:
            share = np.log(keeps[i - 1] / kept) / np.log(keeps[i - 1] / keeps[i])
            return float(exponents[i - 1] + share * (exponents[i] - exponents[i - 1]))
    return None


def _errors_are_small(dataset: xr.Dataset) -> list[Claim]:
    every = dataset.gradient_error.sel(leaves="all")
    need("Entries of a rounded gradient have relative errors below u", every)
    judged = []
    for model in dataset.emulated_model.values:
        one = dataset.sel(emulated_model=model)
        last = one.gradient_error.sel(leaves="all", error_quantile=0.99)
        most = one.gradient_share.max("precision")
        judged.append(
            Claim(
                f"Entries of a rounded gradient have relative errors of size u: {model}",
                f"{_MODEL}; against the exact gradient at the rounded start and data, "
                f"{_precisions(dataset)}",
                f"99% of the nonzero entries within {_MULTIPLE} u",
                "; ".join(
                    f"{leaves}: {_sizes(one.gradient_error.sel(leaves=leaves))}, at most "
                    f"{_percent(most.sel(leaves=leaves, entry='wrong sign'))} with the wrong sign, "
                    f"{_percent(most.sel(leaves=leaves, entry='to zero'))} lost, "
                    f"{_percent(most.sel(leaves=leaves, entry='from zero'))} of the zeros come "
                    "alive"
                    for leaves in dataset.leaves.values
                    if bool(one.gradient_error.sel(leaves=leaves).notnull().any())
                ),
                f"exact shares of the entries of {dataset.sizes[_STARTS]} starts",
                judge(bool((last <= _MULTIPLE).all()), bool((last > _MULTIPLE).any())),
            )
        )
    return judged


def _sizes(errors: xr.DataArray) -> str:
    middle, last = (errors.sel(error_quantile=q).values for q in (0.5, 0.99))
    return f"median {_range(middle)} u, 99% quantile {_range(last)} u"


def _percent(share: xr.DataArray) -> str:
    """A share as text; one of nothing is not a number."""
    return "none" if bool(share.isnull()) else f"{float(share):.1%}"


def _errors_are_uncorrelated(dataset: xr.Dataset) -> list[Claim]:
    need(
        "The signs of the errors of a rounded gradient are uncorrelated",
        dataset.gradient_error.sel(leaves="all"),
    )
    judged = []
    for model in dataset.emulated_model.values:
        samples = dataset.sign_correlation.sel(emulated_model=model).values
        level = simultaneous(len(samples))
        found = [mean(sample[np.isfinite(sample)], level) for sample in samples]
        worst = max(found, key=lambda estimate: max(estimate.low, -estimate.high))
        judged.append(
            Claim(
                f"The signs of the errors of a rounded gradient are uncorrelated: {model}",
                f"{_MODEL}, independent; at the start, {_precisions(dataset)}",
                "mean product of two error signs in one weight or bias array within "
                f"{_UNCORRELATED:g} of 0",
                _range(np.array([estimate.value for estimate in found])),
                interval(worst),
                judge(
                    all(e.low > -_UNCORRELATED and e.high < _UNCORRELATED for e in found),
                    any(e.low > _UNCORRELATED or e.high < -_UNCORRELATED for e in found),
                ),
            )
        )
    return judged


def _precisions(dataset: xr.Dataset) -> str:
    precision = dataset.precision
    return f"p = {int(precision.min())} to {int(precision.max())}"


def _range(values: np.ndarray) -> str:
    return f"{values.min():.3g} to {values.max():.3g}"


JUDGES = (_predicts, _errors_are_small, _errors_are_uncorrelated)
