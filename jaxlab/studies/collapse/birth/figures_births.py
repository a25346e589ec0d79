"""Pictures of networks born dead: against depth, as a phase diagram of starts, in one layer."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from jaxlab.studies._drawing import error_bars, legend_below, panels, plain
from jaxlab.studies._judging import CONFIDENCE
from jaxlab.studies._statistics import LEVEL, Estimate, proportion
from jaxlab.studies._study import Figure
from jaxlab.studies.collapse import best_of, inactivity, laws
from jaxlab.studies.collapse.birth import births, reference
from jaxlab.studies.collapse.birth.measuring import Law, dead

_WIDTHS = {1: "#000000", 2: "#0072b2", 3: "#d55e00", 4: "#009e73", 5: "#cc79a7", 10: "#e69f00"}

_POSITIVE, _BOTH, _UNIFORM = births.FREE

_BOUNDS: Mapping[str, tuple[Law, Law]] = {
    _POSITIVE: (laws.one_ray, laws.one_ray),
    _BOTH: (laws.two_rays, laws.surviving_ray),
    _UNIFORM: (laws.two_rays, laws.surviving_ray),
} | dict.fromkeys(births.BIASED, (laws.negative_layer, laws.one_ray))

_FIXED = 1000  # a number of starts that does not grow with depth


def _against_depth(dataset: xr.Dataset) -> Figure:
    figure, axes = panels(3, rows=2, sharex=True, sharey=True, width=3.3, height=2.9)
    for ax, (family, bounds) in zip(axes.flat, _BOUNDS.items(), strict=True):
        counts = births.of(dataset, family)
        for width in map(int, counts.width.values):
            _curve(ax, counts, width, bounds)
        for (width, depth), value in _printed(family).items():
            if width in counts.width and depth in counts.depth:
                ax.plot(depth, float(value), "s", mfc="none", mec="0.2", ms=6, zorder=4)
        ax.set_xscale("log")
        ax.set_xticks([1, 2, 5, 10, 20, 50], minor=False)
        ax.minorticks_off()
        plain(ax.xaxis)
        ax.set(title=family, ylim=(-0.03, 1.03))
    for ax in axes[-1]:
        ax.set_xlabel("hidden layers H")
    for ax in axes[:, 0]:
        ax.set_ylabel("P(born dead)")
    figure.suptitle("Depth kills narrow networks whatever the law, the biases and the domain")
    extra = [
        Line2D([], [], color="k", ls="--", lw=1, label="law"),
        Line2D([], [], color="0.5", ls=":", lw=1.2, label="bounds (colour: N)"),
        Line2D([], [], color="0.2", marker="s", mfc="none", ls="", label="reference"),
    ]
    legend_below(figure, axes[0, 0], extra, ncols=5)
    return Figure(
        "born-dead",
        f"Share of random networks with a dead hidden layer, with {CONFIDENCE}s, by width N. "
        "Dashed: the exact law on [0, 1] without biases. Dotted, in the colour of the width: the "
        "bounds of the two rays (zero bias), or of a layer of negative parameters and of one point "
        "(biases). Squares: what the reference prints.",
        figure,
    )


def _curve(ax: Axes, counts: xr.Dataset, width: int, bounds: tuple[Law, Law]) -> None:
    """One width: the estimates, and their law or bounds."""
    depths = counts.depth.values
    tint = _WIDTHS.get(width, "0.5")
    found = [dead("", counts, width, int(depth), LEVEL) for depth in depths]
    error_bars(ax, depths, found, color=tint, marker="o", ms=2.5, lw=0.8, label=f"N = {width}")
    exact = bounds[0] is bounds[1]
    style: dict[str, Any] = {"color": tint, "ls": ":", "lw": 1.2}
    if exact:
        style = {"color": "k", "ls": "--", "lw": 1, "zorder": 3}
    for law in dict.fromkeys(bounds):
        ax.plot(depths, [law([width] * int(depth)).probability for depth in depths], **style)


def _printed(family: str) -> dict[tuple[int, int], str]:
    """What the reference prints for a family."""
    if family == _POSITIVE:
        return reference.ONE_RAY
    if family == _BOTH:
        return {place: value for place, (_, value, _) in reference.TWO_SIDED.items()}
    if family == _UNIFORM:
        return reference.UNIFORM
    values = zip(reference.BIASED_DEPTHS, reference.BIASED[family], strict=True)
    return {(2, depth): value for depth, value in values}


def _phases(dataset: xr.Dataset) -> Figure:
    counts = births.of(dataset, _POSITIVE)
    widths = [int(n) for n in counts.width.values if n in (2, 3)] or [int(counts.width[0])]
    figure, axes = panels(len(widths), sharey=True, width=4.6, height=3.9)
    meshes = [_phase(ax, counts, width) for ax, width in zip(axes[0], widths, strict=True)]
    axes[0, 0].set_ylabel("random starts K")
    figure.suptitle("Starts must grow with depth: a fixed number of them always fails in the end")
    figure.colorbar(meshes[0], ax=axes, label="P(one of K starts is alive)")
    return Figure(
        "starts",
        "Probability that the best of K random starts is not born dead (bias-free, [0, 1]), "
        "estimated without bias from the counts as 1 − C(dead, K) / C(networks, K); grey: more "
        "starts than a tenth of the networks tested. Line: the frontier K = (1 − 2^−N)^−H. Below "
        "it all starts die with probability tending to one as the depth grows (Cheridito, Jentzen, "
        f"Rossmannek, arXiv 2006.07075); dotted: {_FIXED} starts at every depth.",
        figure,
    )


def _phase(ax: Axes, counts: xr.Dataset, width: int):
    """The phase diagram of one width; returns its colours."""
    depths = counts.depth.values
    networks = int(counts.networks.sel(width=width))
    starts = np.unique(np.round(np.geomspace(1, max(networks / 10, 2), 100)))
    deaths = counts.dead.sel(width=width).values
    alive = 1 - np.array([births.all_dead(int(count), networks, starts) for count in deaths])
    ax.set_facecolor("0.85")
    ax.grid(visible=False)
    mesh = ax.pcolormesh(
        depths, starts, alive.T, shading="nearest", cmap="viridis", vmin=0, vmax=1, rasterized=True
    )
    frontier = [best_of.frontier(laws.one_ray([width] * int(depth))) for depth in depths]
    ax.plot(depths, frontier, color="w", lw=3)
    ax.plot(depths, frontier, color="k", lw=1.2)
    rate = 1 / (1 - 2.0**-width)
    middle = min(int(depths[-1]), int(np.log(1e6) / np.log(rate))) // 2
    _note(ax, middle, rate**middle * 4, f"frontier: ×{rate:.3g} per layer", ha="right")
    ax.axhline(_FIXED, color="w", lw=3)
    ax.axhline(_FIXED, color="k", lw=1.2, ls=":")
    _note(ax, 1, _FIXED / 2, f"K = {_FIXED}", ha="left")
    ax.set(yscale="log", ylim=(1, 1e6), xlabel="hidden layers H", title=f"width {width}")
    return mesh


def _note(ax: Axes, x: float, y: float, text: str, ha: Literal["left", "right"]) -> None:
    ax.annotate(
        text,
        (x, y),
        ha=ha,
        va="center",
        fontsize=8,
        bbox={"boxstyle": "round,pad=0.2", "fc": "w", "ec": "none", "alpha": 0.85},
    )


def _first_layer(dataset: xr.Dataset) -> Figure:
    figure, ((left, right),) = panels(2, width=4.3, height=3.6)
    one = inactivity.positive_interval()
    found = {"single layers, N(0, 1), [0, 1]": (dataset.layers_inactive, dataset.layers_tested)}
    for family in births.BIASED:
        counts = births.of(dataset, family)
        found[f"networks, {family}"] = (counts.inactive, counts.networks)
    chances = {"5/8": one, "3/4": inactivity.symmetric_interval()}
    widths = np.arange(1, int(dataset.born_width.max()) + 1)
    for (name, chance), stroke in zip(chances.items(), ("--", ":"), strict=True):
        law = [1 - inactivity.some_inactive(int(n), chance) for n in widths]
        left.plot(widths, law, color="0.3", ls=stroke, label=f"({name})$^N$")
    marks = zip("osD^", ("#000000", "#0072b2", "#d55e00", "#009e73"), strict=True)
    for (name, (some, tested)), (marker, tint) in zip(found.items(), marks, strict=True):
        x = some[some.dims[0]].values
        none = _shares(tested - some, tested)
        style = {"color": tint, "marker": marker, "mfc": "none", "ls": ""}
        error_bars(left, x, none, label=name, **style)
    left.set(yscale="log", xlabel="width N", ylabel="P(no neuron is inactive)")
    left.set_title("A wide first layer has lost a neuron at birth ...")
    left.legend(fontsize=7.5)
    _ball(right, dataset)
    return Figure(
        "first-layer",
        f"Left: share of first layers all of whose neurons are active somewhere, with {CONFIDENCE}s"
        ", against the exponential laws. Right: share of neurons with N(0, 1) parameters that are "
        "inactive on the unit ball, against Student's distribution.",
        figure,
    )


def _shares(successes: xr.DataArray, trials: xr.DataArray) -> list[Estimate]:
    pairs = zip(successes.values.tolist(), trials.values.tolist(), strict=True)
    return [proportion(*pair) for pair in pairs]


def _ball(ax: Axes, dataset: xr.Dataset) -> None:
    inputs = dataset.ball_inputs.values
    found = _shares(dataset.ball_inactive, dataset.ball_tested)
    dims = np.arange(1, int(inputs.max()) + 1)
    law = [inactivity.ball(int(d)) for d in dims]
    ax.plot(dims, law, color="0.3", ls="--", label="law: $F_d(-\\sqrt{d})$")
    error_bars(ax, inputs, found, color="k", marker="o", mfc="none", ls="", label="measured")
    ax.set(yscale="log", xlabel="inputs d", ylabel="P(neuron is inactive on the ball)")
    ax.set_title("... less surely so the more inputs there are")
    ax.legend()


PICTURES = (
    (_against_depth, ("born_dead", "born_biased_dead")),
    (_phases, ("born_dead",)),
    (_first_layer, ("layers_inactive", "ball_inactive", "born_biased_inactive")),
)
