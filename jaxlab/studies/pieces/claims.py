"""What study `pieces` says about the published claims, judged on its data alone."""

from collections.abc import Callable

import numpy as np
import xarray as xr

from jaxlab.regions import bounds
from jaxlab.studies._statistics import LEVEL, Estimate, exponent, mean, power_law, ratio
from jaxlab.studies._study import Claim, Verdict
from jaxlab.studies.pieces.config import CONTROL

_KARNER = "Karner, Kazeev, Petersen 2024, doi 10.1007/s10444-024-10106-x"
_CONFIDENCE = f"{LEVEL:.0%} interval"
_LOSS = 0.95
"""A format "loses pieces" if it keeps less than this share of its control's."""


def claims(dataset: xr.Dataset) -> list[Claim]:
    """Every claim of the study; those whose data are missing are inconclusive."""
    judged = []
    for judge in _JUDGES:
        try:
            judged.extend(judge(dataset))
        except _Missing as missing:
            judged.append(
                Claim(str(missing), _KARNER, "data", "cells missing", "none", "inconclusive")
            )
    return judged


class _Missing(Exception):
    """The cells that a claim needs have not been computed."""


def _need(statement: str, *arrays: xr.DataArray) -> None:
    for array in arrays:
        empty = (array == -1) if array.dtype.kind == "i" else array.isnull()
        if bool(empty.any()):
            raise _Missing(statement)


def _judge(supported: bool | np.bool_, refuted: bool | np.bool_) -> Verdict:
    return "supported" if supported else "refuted" if refuted else "inconclusive"


def _constructed(dataset: xr.Dataset) -> list[Claim]:
    statement = "Constructed networks of depth L have 2^L affine pieces"
    inside, outside = dataset.constructed_pieces, dataset.constructed_pieces_wide
    _need(statement, inside, outside)
    depth = dataset.constructed_depth
    saw = outside.sel(construction="sawtooth")
    wide = xr.where(depth == 1, 3, 2**depth + 2)
    wrong = int((inside != 2**depth).sum() + (saw != wide).sum())
    total = inside.size + saw.size
    square = dataset[["square_sup_error", "square_l2_error"]].sel(construction="yarotsky square")
    off = int((square.square_sup_error != 4.0 ** -(depth + 1)).sum())
    relative = float(abs(square.square_l2_error * 30 * 16.0**depth - 1).max())
    largest = int(depth.max())
    return [
        Claim(
            f"{statement}; the sawtooth has 2^L + 2 on [-1, 2] (L to {largest})",
            "Telgarsky 2016; Yarotsky 2017; Milkert, Hyde, Laine 2025; closed form",
            f"{total} of {total} counts equal",
            f"{total - wrong} of {total} counts equal",
            "exact",
            _judge(wrong == 0, wrong > 0),
        ),
        Claim(
            "Yarotsky's s_n is 4^-(n+1) from x^2 in sup norm, 16^-n / 30 in squared L2",
            "Yarotsky 2017, arXiv 1610.01145; closed form",
            "equal to the last bit",
            f"sup: {depth.size - off} of {depth.size} equal; L2: largest relative error "
            f"{relative:.1g}",
            "exact rational arithmetic, rounded once",
            _judge(off == 0 and relative < 4e-16, off > 0 or relative >= 4e-16),
        ),
    ]


def _one_layer(dataset: xr.Dataset) -> list[Claim]:
    statement = "One hidden layer of N neurons has 1 + N/2 pieces on [-1, 1], 1 + N/4 on [0, 1]"
    if 1 not in dataset.depth:
        return []
    counts = dataset.initial_pieces.sel(law="gaussian", depth=1)
    _need(statement, counts)
    # Simultaneous over all cells: Bonferroni at the overall level.
    cells = counts.width.size * counts.segment.size
    level = 1 - (1 - LEVEL) / cells
    shown, hits = [], []
    for width in counts.width.values:
        for segment in counts.segment.values:
            ends = [float(end) for end in segment.strip("[]").split(",")]
            expected = bounds.one_hidden_layer(int(width), ends[0], ends[1])
            got = mean(counts.sel(width=width, segment=segment), level)
            hits.append(got.low <= expected <= got.high)
            shown.append(f"{got.value:.2f} for {expected:g}")
    return [
        Claim(
            statement,
            "closed form (weights and biases iid normal)",
            "law inside every interval",
            "; ".join(shown),
            f"simultaneous {_CONFIDENCE}s",
            _judge(all(hits), not all(hits)),
        )
    ]


def _linear_at_start(dataset: xr.Dataset) -> list[Claim]:
    statement = "At He's start the pieces grow at most linearly in the number of neurons"
    counts = dataset.initial_pieces.sel(law="he", segment="[-1, 1]")
    _need(statement, counts)
    ends = {
        int(corner.width * corner.depth): corner
        for corner in (counts.isel(width=0, depth=0), counts.isel(width=-1, depth=-1))
    }
    if len(ends) < 2:
        return []
    few, many = ends
    got = exponent((few, many), (ends[few], ends[many]))
    means = counts.mean("network")
    scatter = power_law((counts.width * counts.depth).broadcast_like(means), means).residual
    return [
        Claim(
            statement,
            "Hanin, Rolnick 2019, arXiv 1901.09021",
            "exponent <= 1",
            f"exponent {got.value:.3f} from {few} to {many} neurons; {100 * scatter:.0f}% scatter "
            f"of {means.size} means about one power law",
            _interval(got),
            _judge(got.high <= 1, got.low > 1),
        )
    ]


def _interval(estimate: Estimate, digits: int = 3) -> str:
    return f"[{estimate.low:.{digits}f}, {estimate.high:.{digits}f}] ({_CONFIDENCE})"


def _bounded(dataset: xr.Dataset) -> list[Claim]:
    statement = "After one noisy step the expected regions stay below the bound"
    counts, bound = dataset.step_regions, dataset.step_bound
    _need(statement, counts, bound)
    stacked = counts.stack(cell=("step_network", "step_depth", "epsilon"))
    over, under, worst = 0, 0, 0.0
    for cell, limit in zip(
        stacked.transpose("cell", "draw").values,
        bound.stack(cell=("step_network", "step_depth", "epsilon")).values,
        strict=True,
    ):
        got = mean(cell, 1 - (1 - LEVEL) / stacked.sizes["cell"])
        over += got.low > limit
        under += got.high <= limit
        worst = max(worst, got.value / limit)
    total = stacked.sizes["cell"]
    return [
        Claim(
            f"{statement} (linear in depth and in 1/epsilon)",
            f"{_KARNER}, Thm 3.4 (reconstructed constants)",
            "mean / bound <= 1 in every cell",
            f"largest mean / bound {worst:.2f}; surely below in {under} of {total} cells",
            f"simultaneous {_CONFIDENCE}s",
            _judge(over == 0 and worst <= 1, over > 0),
        )
    ]


def _inverse_to_noise(dataset: xr.Dataset) -> list[Claim]:
    statement = "With internal slopes bounded (B), at most ~1/epsilon pieces survive at any depth"
    counts = dataset.step_pieces.sel(step_network="slope-normalised sawtooth")
    _need(statement, counts)
    # Only where depth is no limit: eight times more pieces on offer than 1/epsilon.
    most = 2.0 ** int(counts.step_depth.max())
    counts = counts.sel(epsilon=counts.epsilon[counts.epsilon * most >= 8])
    if counts.epsilon.size < 3:
        return []
    means = counts.mean("draw")
    best = means.idxmax("step_depth")
    peaks = counts.sel(step_depth=best)
    ends = [float(counts.epsilon.max()), float(counts.epsilon.min())]
    samples = (peaks.sel(epsilon=ends[0]), peaks.sel(epsilon=ends[1]))
    got = exponent((1 / ends[0], 1 / ends[1]), samples)
    share = means.max("step_depth") * counts.epsilon
    return [
        Claim(
            statement,
            f"{_KARNER}, abstract and Thm 3.4",
            "exponent of 1/epsilon at most 1",
            f"exponent {got.value:.3f} from epsilon = {ends[0]:g} to {ends[1]:g}; peak * epsilon "
            f"from {float(share.min()):.2f} to {float(share.max()):.2f}",
            _interval(got),
            _judge(got.high <= 1, got.low > 1),
        )
    ]


def _linear_in_depth(dataset: xr.Dataset) -> list[Claim]:
    statement = "Beyond depth log2(1/epsilon) the regions grow at most linearly with depth"
    counts = dataset.step_regions.sel(step_network="slope-normalised sawtooth")
    _need(statement, counts)
    shown, found = [], []
    for epsilon in counts.epsilon.values:
        critical = -np.log2(epsilon)
        deep = counts.step_depth.values[counts.step_depth.values >= critical + 2]
        if deep.size >= 2 and deep[-1] >= 1.5 * deep[0]:  # a shorter span says nothing
            ends = (int(deep[0]), int(deep[-1]))
            at = [counts.sel(epsilon=epsilon, step_depth=depth) for depth in ends]
            found.append(exponent((float(ends[0]), float(ends[1])), (at[0], at[1])))
            shown.append(
                f"{found[-1].value:.2f} (epsilon = 2^{-critical:.0f}, L {ends[0]} to {ends[1]})"
            )
    if not found:
        return []
    return [
        Claim(
            statement,
            f"{_KARNER}, Thm 3.4",
            "exponent of depth <= 1",
            "; ".join(shown),
            "; ".join(_interval(estimate, 2) for estimate in found),
            _judge(all(e.high <= 1 for e in found), any(e.low > 1 for e in found)),
        )
    ]


def _contrast(dataset: xr.Dataset) -> list[Claim]:
    statement = "The usual sawtooth violates (B), and the same noise leaves its pieces alone"
    depth = int(dataset.step_depth.max())
    saw = dataset.sel(step_network="sawtooth", step_depth=depth)
    small = saw.epsilon[saw.epsilon <= 2.0**-8]
    counts = saw.step_pieces.sel(epsilon=small)
    _need(statement, counts, saw.steepest)
    kept = [mean(counts.sel(epsilon=e) / 2.0**depth) for e in small.values]
    low, high = min(k.low for k in kept), max(k.high for k in kept)
    steep = float(saw.steepest.sel(epsilon=small).max())
    return [
        Claim(
            f"{statement} (L = {depth}, epsilon <= 2^-8)",
            "contrast derived for jaxlab: a naive perturbation shows no effect",
            "pieces / 2^L >= 1",
            f"pieces / 2^L from {min(k.value for k in kept):.3f} to "
            f"{max(k.value for k in kept):.3f}; steepest slope {steep:.4g}",
            f"[{low:.3f}, {high:.3f}] ({_CONFIDENCE})",
            _judge(low >= 1, high < 1),
        )
    ]


def _reciprocal_updates(dataset: xr.Dataset) -> list[Claim]:
    statement = "(A) The mean reciprocal bias update of trained networks is polynomial in depth"
    values = dataset.mean_reciprocal.sel(step_network="trained from He")
    _need(statement, values)
    if values.size < 3:
        return []
    fit = power_law(values.step_depth, values)
    return [
        Claim(
            statement,
            f"{_KARNER}, assumption (A)",
            "a finite exponent of depth",
            f"exponent {fit.exponent.value:.1f}; {float(values.min()):.3g} to "
            f"{float(values.max()):.3g}; {100 * fit.residual:.0f}% scatter",
            _interval(fit.exponent, 1),
            # A power law can always be fitted; only a tight one speaks for the assumption.
            _judge(fit.residual < 0.25 and fit.exponent.high < 4, fit.exponent.low > 4),
        )
    ]


def _final(dataset: xr.Dataset, model: str) -> xr.DataArray:
    """Pieces at the last checkpoint; NaN where the network overflows."""
    final = dataset.trained_pieces.sel(model=model).isel(checkpoint=-1)
    _need(f"Counts of the model {model}", final)
    return final.where(final > 0)


def _kept(final: xr.DataArray, control: xr.DataArray) -> Estimate:
    """Geometric mean of the ratio over runs that both can be counted."""
    both = (final.notnull() & control.notnull()).values.ravel()
    return ratio(final.values.ravel()[both], control.values.ravel()[both])


def _rates(dataset: xr.Dataset) -> dict[float, Estimate]:
    """Pieces that the control keeps from start to end, by rate; none without the sawtooth."""
    if "sawtooth" not in dataset.model:
        return {}
    control = dataset.trained_pieces.sel(model="sawtooth", policy=CONTROL)
    _need("Counts of the control", control)
    control = control.where(control > 0)
    return {
        float(rate): _kept(one.isel(checkpoint=-1), one.isel(checkpoint=0))
        for rate, one in control.groupby("learning_rate")
    }


def _rate_damage(dataset: xr.Dataset) -> list[Claim]:
    kept = _rates(dataset)
    if not kept:
        return []
    worst = min(kept.values(), key=lambda estimate: estimate.value)
    return [
        Claim(
            f"The learning rate alone destroys pieces: {CONTROL} loses the sawtooth's at some rate",
            "pilot of jaxlab; Hanin, Rolnick 2019, arXiv 1906.00904 on rates",
            f"pieces at the end / at the start < {_LOSS} at some rate",
            "; ".join(f"{estimate.value:.3f} at rate {rate:g}" for rate, estimate in kept.items()),
            _interval(worst),
            _judge(worst.high < _LOSS, worst.low >= _LOSS),
        )
    ]


def _rounding_damage(dataset: xr.Dataset) -> list[Claim]:
    """Rounding damage by itself: at rates where the control keeps its pieces."""
    safe = [rate for rate, kept in _rates(dataset).items() if kept.low >= _LOSS]
    if not safe:
        return []
    final = _final(dataset, "sawtooth").sel(learning_rate=safe)
    judged = []
    for policy in dataset.policy.values[1:]:
        kept = _kept(final.sel(policy=policy), final.sel(policy=CONTROL))
        judged.append(
            Claim(
                f"Rounding alone destroys pieces: {policy} loses over 5% of the sawtooth's",
                f"{_KARNER}, abstract; at rates {', '.join(f'{rate:g}' for rate in safe)}, where "
                f"{CONTROL} keeps them from the same starts",
                f"pieces / control < {_LOSS}",
                f"{kept.value:.3f}",
                _interval(kept),
                _judge(kept.high < _LOSS, kept.low >= _LOSS),
            )
        )
    return judged


def _interaction(dataset: xr.Dataset) -> list[Claim]:
    lossy = [rate for rate, kept in _rates(dataset).items() if kept.high < _LOSS]
    if not lossy:
        return []
    gentlest = min(lossy)
    final = _final(dataset, "sawtooth").sel(learning_rate=gentlest)
    kept = {
        str(policy): _kept(final.sel(policy=policy), final.sel(policy=CONTROL))
        for policy in dataset.policy.values[1:]
    }
    lowest = min(kept.values(), key=lambda estimate: estimate.high)
    return [
        Claim(
            f"Where {CONTROL} loses pieces too, some format loses over 5% more",
            f"{_KARNER}, abstract; at rate {gentlest:g}, same starts",
            f"pieces / control < {_LOSS} in some format",
            "; ".join(f"{estimate.value:.3f} in {policy}" for policy, estimate in kept.items()),
            _interval(lowest),
            _judge(lowest.high < _LOSS, all(estimate.low >= _LOSS for estimate in kept.values())),
        )
    ]


def _nothing_superlinear(dataset: xr.Dataset) -> list[Claim]:
    if "He" not in dataset.model:
        return []
    final = _final(dataset, "He")
    neurons = int(final.hidden_neurons)
    counted = final.values[final.notnull().values]
    share = float(np.mean(counted <= neurons + 1))
    return [
        Claim(
            "From He's start gradient descent ends with no more pieces than neurons + 1",
            f"{_KARNER}, abstract",
            f"at most {neurons + 1} in every run",
            f"mean {counted.mean():.1f}, largest {int(counted.max())}; {share:.1%} of "
            f"{counted.size} runs, {final.size - counted.size} overflowing ones left out",
            "exact counts",
            _judge(share == 1, share < 1),
        )
    ]


def _reparameterised(dataset: xr.Dataset) -> list[Claim]:
    statement = "Milkert, Hyde and Laine's parameterisation keeps 2^d pieces in every format"
    if "Milkert-Hyde-Laine" not in dataset.model:
        return []
    final = _final(dataset, "Milkert-Hyde-Laine")
    expected = 2 ** (int(final.hidden_neurons) // 3)
    kept = {str(p): float((final.sel(policy=p) >= expected).mean()) for p in final.policy.values}
    return [
        Claim(
            statement,
            "Milkert, Hyde, Laine 2025, arXiv 2311.18022",
            f"at least {expected} pieces in every run",
            "; ".join(f"{share:.1%} in {policy}" for policy, share in kept.items()),
            "exact counts",
            _judge(min(kept.values()) == 1, min(kept.values()) < 1),
        )
    ]


_JUDGES: tuple[Callable[[xr.Dataset], list[Claim]], ...] = (
    _constructed,
    _one_layer,
    _linear_at_start,
    _bounded,
    _inverse_to_noise,
    _linear_in_depth,
    _contrast,
    _reciprocal_updates,
    _rate_damage,
    _rounding_damage,
    _interaction,
    _nothing_superlinear,
    _reparameterised,
)
