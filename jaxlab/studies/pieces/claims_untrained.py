"""Claims about random, constructed and stepped networks (parts a, b and c)."""

import numpy as np
import xarray as xr

from jaxlab.regions import bounds
from jaxlab.studies._judging import CONFIDENCE, interval, judge, need
from jaxlab.studies._statistics import Estimate, exponent, mean, power_law, simultaneous
from jaxlab.studies._study import Claim
from jaxlab.studies.pieces.judging import KARNER, exactness

_ULPS = 4e-16
"""Largest relative error of a number that is rounded once and compared with another such one."""

_TIGHT = 0.25
"""Largest scatter about a power law that speaks for it: one can be fitted to anything."""

_STEEP = 4
"""Exponents up to this one pass for polynomial."""


def _constructed(dataset: xr.Dataset) -> list[Claim]:
    statement = "Constructed networks of depth L have 2^L affine pieces"
    inside, outside = dataset.constructed_pieces, dataset.constructed_pieces_wide
    need(statement, inside, outside, dataset.constructed_undecided)
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
            exactness(dataset.constructed_undecided),
            judge(wrong == 0, wrong > 0),
        ),
        Claim(
            "Yarotsky's s_n is 4^-(n+1) from x^2 in sup norm, 16^-n / 30 in squared L2",
            "Yarotsky 2017, arXiv 1610.01145; closed form",
            f"sup: equal to the last bit; L2: relative error below {_ULPS:g}",
            f"sup: {depth.size - off} of {depth.size} equal; L2: largest relative error "
            f"{relative:.1g}",
            "exact rational arithmetic, rounded once",
            judge(off == 0 and relative < _ULPS, off > 0 or relative >= _ULPS),
        ),
    ]


def _one_layer(dataset: xr.Dataset) -> list[Claim]:
    statement = "One hidden layer of N neurons has 1 + N/2 pieces on [-1, 1], 1 + N/4 on [0, 1]"
    if 1 not in dataset.depth:
        return []
    counts = dataset.initial_pieces.sel(law="gaussian", depth=1)
    need(statement, counts)
    level = simultaneous(counts.width.size * counts.segment.size)
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
            f"simultaneous {CONFIDENCE}s",
            judge(all(hits), not all(hits)),
        )
    ]


def _linear_at_start(dataset: xr.Dataset) -> list[Claim]:
    statement = "At He's start the pieces grow at most linearly in the number of neurons"
    counts = dataset.initial_pieces.sel(law="he", segment="[-1, 1]")
    need(statement, counts)
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
        _at_most_one(
            statement,
            "Hanin, Rolnick 2019, arXiv 1901.09021",
            "exponent",
            [got],
            f"exponent {got.value:.3f} from {few} to {many} neurons; {100 * scatter:.0f}% scatter "
            f"of {means.size} means about one power law",
        )
    ]


def _at_most_one(
    statement: str, source: str, what: str, found: list[Estimate], measured: str
) -> Claim:
    """No exponent is above 1, with intervals that hold at once."""
    return Claim(
        statement,
        source,
        f"{what} <= 1",
        measured,
        interval(*found),
        judge(all(e.high <= 1 for e in found), any(e.low > 1 for e in found)),
    )


def _bounded(dataset: xr.Dataset) -> list[Claim]:
    statement = "After one noisy step the expected regions stay below the bound"
    counts, bound = dataset.step_regions, dataset.step_bound
    need(statement, counts, bound)
    stacked = counts.stack(cell=("step_network", "step_depth", "epsilon"))
    over, under, worst = 0, 0, 0.0
    for cell, limit in zip(
        stacked.transpose("cell", "draw").values,
        bound.stack(cell=("step_network", "step_depth", "epsilon")).values,
        strict=True,
    ):
        got = mean(cell, simultaneous(stacked.sizes["cell"]))
        over += got.low > limit
        under += got.high <= limit
        worst = max(worst, got.value / limit)
    total = stacked.sizes["cell"]
    return [
        Claim(
            f"{statement} (linear in depth and in 1/epsilon)",
            f"{KARNER}, Thm 3.4 (reconstructed constants)",
            "mean / bound <= 1 in every cell",
            f"largest mean / bound {worst:.2f}; surely below in {under} of {total} cells",
            f"simultaneous {CONFIDENCE}s",
            judge(under == total, over > 0),
        )
    ]


def _inverse_to_noise(dataset: xr.Dataset) -> list[Claim]:
    statement = "With internal slopes bounded (B), at most ~1/epsilon pieces survive at any depth"
    counts = dataset.step_pieces.sel(step_network="slope-normalised sawtooth")
    need(statement, counts)
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
        _at_most_one(
            statement,
            f"{KARNER}, abstract and Thm 3.4",
            "exponent of 1/epsilon",
            [got],
            f"exponent {got.value:.3f} from epsilon = {ends[0]:g} to {ends[1]:g}; peak * epsilon "
            f"from {float(share.min()):.2f} to {float(share.max()):.2f}",
        )
    ]


def _linear_in_depth(dataset: xr.Dataset) -> list[Claim]:
    statement = "Beyond depth log2(1/epsilon) the regions grow at most linearly with depth"
    counts = dataset.step_regions.sel(step_network="slope-normalised sawtooth")
    need(statement, counts)
    spans = []
    for epsilon in counts.epsilon.values:
        deep = counts.step_depth.values[counts.step_depth.values >= 2 - np.log2(epsilon)]
        if deep.size >= 2 and deep[-1] >= 1.5 * deep[0]:  # a shorter span says nothing
            spans.append((epsilon, int(deep[0]), int(deep[-1])))
    if not spans:
        return []
    level = simultaneous(len(spans))
    found = []
    for epsilon, *ends in spans:
        few, many = (counts.sel(epsilon=epsilon, step_depth=depth) for depth in ends)
        found.append(exponent((float(ends[0]), float(ends[1])), (few, many), level))
    shown = [
        f"{got.value:.2f} (epsilon = 2^{np.log2(epsilon):.0f}, L {few} to {many})"
        for got, (epsilon, few, many) in zip(found, spans, strict=True)
    ]
    return [
        _at_most_one(statement, f"{KARNER}, Thm 3.4", "exponent of depth", found, "; ".join(shown))
    ]


def _contrast(dataset: xr.Dataset) -> list[Claim]:
    statement = "The usual sawtooth violates (B), and the same noise leaves its pieces alone"
    depth = int(dataset.step_depth.max())
    saw = dataset.sel(step_network="sawtooth", step_depth=depth)
    small = saw.epsilon[saw.epsilon <= 2.0**-8]
    counts = saw.step_pieces.sel(epsilon=small)
    need(statement, counts, saw.steepest)
    if not small.size:
        return []
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
            f"[{low:.3f}, {high:.3f}] ({CONFIDENCE})",
            judge(low >= 1, high < 1),
        )
    ]


def _reciprocal_updates(dataset: xr.Dataset) -> list[Claim]:
    statement = "(A) The mean reciprocal bias update of trained networks is polynomial in depth"
    values = dataset.mean_reciprocal.sel(step_network="trained from He")
    zeros = dataset.zero_updates.sel(step_network="trained from He")
    need(statement, values, zeros)
    if values.size < 3:
        return []
    fit = power_law(values.step_depth, values)
    return [
        Claim(
            statement,
            f"{KARNER}, assumption (A)",
            f"an exponent of depth below {_STEEP}, and scatter below {_TIGHT:.0%} about the law",
            f"exponent {fit.exponent.value:.1f}; {float(values.min()):.3g} to "
            f"{float(values.max()):.3g}; {100 * fit.residual:.0f}% scatter; left out: "
            f"{float(zeros.min()):.0%} to {float(zeros.max()):.0%} of the updates, which are zero",
            interval(fit.exponent, digits=1),
            judge(fit.residual < _TIGHT and fit.exponent.high < _STEEP, fit.exponent.low > _STEEP),
        )
    ]


JUDGES = (
    _constructed,
    _one_layer,
    _linear_at_start,
    _bounded,
    _inverse_to_noise,
    _linear_in_depth,
    _contrast,
    _reciprocal_updates,
)
