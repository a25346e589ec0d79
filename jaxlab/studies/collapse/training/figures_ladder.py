"""Pictures of the ladder of depths: the best of K starts, and what became of all runs."""

import itertools

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.pyplot import get_cmap

from jaxlab.studies._drawing import error_bars, legend_below, panels, plain
from jaxlab.studies._judging import CONFIDENCE
from jaxlab.studies._statistics import LEVEL
from jaxlab.studies._study import Figure
from jaxlab.studies.collapse import best_of, laws
from jaxlab.studies.collapse.config import CONTROL
from jaxlab.studies.collapse.training.claims_formats import fates
from jaxlab.studies.collapse.training.claims_ladder import STUCK, starts, stuck
from jaxlab.studies.collapse.training.figures_trained import ALIVE, BORN, DIED, TINTS

_FATES = {
    "born": (BORN, TINTS[BORN]),
    "died": (DIED, TINTS[DIED]),
    "frozen": ("frozen: a step was not finite", "#6f5a94"),
    "stalled": ("stalled: alive, but the next step changes nothing", "#d9b25f"),
    "moving": (f"{ALIVE} and moving", TINTS[ALIVE]),
}
_WIDE = 0.05  # share of runs in a bar that holds its own label


def _depths(dataset: xr.Dataset) -> list[int]:
    return [int(depth) for depth in dataset.ladder_depth.values]


def _setting(dataset: xr.Dataset) -> str:
    """What all pictures of the ladder share, for their captions."""
    steps = int(dataset.ladder_step.max())
    return f"Networks of width 2 trained on x² from He's start, {steps} steps"


def _best(dataset: xr.Dataset) -> Figure:
    numbers = starts(dataset)
    optimisers = [str(optimiser) for optimiser in dataset.optimiser.values]
    figure, axes = panels(len(optimisers), sharey=True, width=4.0, height=3.6)
    for ax, optimiser in zip(axes[0], optimisers, strict=True):
        _lines(ax, dataset, optimiser, numbers)
        ax.set(title=optimiser, xlabel="random starts K", ylim=(-0.03, 1.03))
    axes[0, 0].set_ylabel("share of groups of K that are stuck")
    figure.suptitle("More starts help, and depth eats them up")
    law = Line2D([], [], color="0.4", ls="--", lw=1, label="law: all K are born dead")
    legend_below(figure, axes[0, 0], [law], ncols=6)
    return Figure(
        "best-of-k",
        _setting(dataset) + f" in {CONTROL}, H hidden layers. "
        f"{dataset.sizes['ladder_run']} runs per depth are cut into groups of K that do not "
        "overlap; the least empirical risk over runs and checkpoints wins, and a group is stuck if "
        f"the winner's root mean square error (clipped) is above {STUCK:g} of that of the best "
        f"constant. {CONFIDENCE}s (Clopper-Pearson); points of one K are drawn side by side. "
        "Dashed, in the colour of the depth: the law p^K, p = 1 − (3/4)^H.",
        figure,
    )


def _lines(ax: Axes, dataset: xr.Dataset, optimiser: str, numbers: list[int]) -> None:
    """One line per depth and its law."""
    depths = _depths(dataset)
    shades = get_cmap("viridis")(np.linspace(0.05, 0.85, len(depths)))
    shifts = 1.04 ** (np.arange(len(depths)) - (len(depths) - 1) / 2)
    every = np.geomspace(min(numbers), max(numbers), 100)
    for depth, shade, shift in zip(depths, shades, shifts, strict=True):
        found = [stuck(dataset, (optimiser, CONTROL, depth), k, LEVEL) for k in numbers]
        style = {"color": shade, "marker": "o", "ms": 4, "lw": 1.2, "label": f"H = {depth}"}
        error_bars(ax, np.array(numbers) * shift, found, **style)
        law = [best_of.all_dead(laws.one_ray([2] * depth), float(k)) for k in every]
        ax.plot(every, law, color=shade, ls="--", lw=1)
    ax.set_xscale("log")
    ax.set_xticks(numbers)
    ax.minorticks_off()
    plain(ax.xaxis)


def _success(dataset: xr.Dataset) -> Figure:
    optimisers = [str(optimiser) for optimiser in dataset.optimiser.values]
    figure, axes = panels(len(optimisers), sharex=True, sharey=True, width=4.2, height=3.8)
    meshes = [
        _phase(ax, dataset, optimiser) for ax, optimiser in zip(axes[0], optimisers, strict=True)
    ]
    runs = dataset.sizes["ladder_run"]
    numbers = starts(dataset)
    axes[0, 0].set_yticks(numbers, [f"{k}  ({runs // k})" for k in numbers])
    axes[0, 0].set_ylabel("random starts K  (groups per cell)")
    axes[0, 0].minorticks_off()
    figure.suptitle("Training succeeds above a frontier of starts that grows with depth")
    legend_below(figure, axes[0, 0])
    figure.colorbar(meshes[0], ax=axes, label="share of groups that succeed")
    return Figure(
        "success",
        _setting(dataset) + f" in {CONTROL}: share of groups of K runs whose best network "
        f"(least empirical risk) has at most {STUCK:g} of the best constant's error (clipped). In "
        f"brackets the number of groups behind each cell, {runs} runs over K. Line: the frontier "
        "K = (4/3)^H, where on average one start of K is born alive.",
        figure,
    )


def _edges(centres: list[int]) -> np.ndarray:
    """Borders of cells on a logarithmic axis."""
    inner = [np.sqrt(a * b) for a, b in itertools.pairwise(centres)]
    return np.array([centres[0] / np.sqrt(2), *inner, centres[-1] * np.sqrt(2)])


def _phase(ax: Axes, dataset: xr.Dataset, optimiser: str):
    """The phase diagram of one optimiser; returns its colours."""
    numbers, depths = starts(dataset), _depths(dataset)
    share = np.array(
        [
            [1 - stuck(dataset, (optimiser, CONTROL, h), k, LEVEL).value for h in depths]
            for k in numbers
        ]
    )
    across, up = _edges(depths), _edges(numbers)
    mesh = ax.pcolormesh(across, up, share, cmap="viridis", vmin=0, vmax=1, rasterized=True)
    for (row, column), value in np.ndenumerate(share):
        ax.text(
            depths[column],
            numbers[row],
            f"{value:.2f}",
            color="k" if value > 0.6 else "w",
            fontsize=6.5,
            ha="center",
            va="center",
            bbox={"fc": mesh.to_rgba(value), "ec": "none", "pad": 1},
        )
    layers = np.arange(max(1, min(depths) - 1), max(depths) + 5)
    frontier = [best_of.frontier(laws.one_ray([2] * int(h))) for h in layers]
    ax.plot(layers, frontier, color="w", lw=3.5)
    ax.plot(layers, frontier, color="k", lw=1.5, label="frontier of birth: $K = (4/3)^H$")
    ax.set(xscale="log", yscale="log", xlim=across[[0, -1]], ylim=up[[0, -1]])
    ax.set(xlabel="hidden layers H", title=optimiser)
    ax.set_xticks(depths)
    ax.minorticks_off()
    plain(ax.xaxis)
    ax.grid(visible=False)
    return mesh


def _fates(dataset: xr.Dataset) -> Figure:
    found, depths = fates(dataset), _depths(dataset)
    optimisers = [str(optimiser) for optimiser in dataset.optimiser.values]
    figure, axes = panels(
        len(optimisers), rows=len(depths), sharex=True, sharey=True, width=4.4, height=1.5
    )
    for column, optimiser in zip(axes.T, optimisers, strict=True):
        for ax, depth in zip(column, depths, strict=True):
            place = {"optimiser": optimiser, "ladder_depth": depth}
            masks = {fate: getattr(found, fate).sel(place) for fate in _FATES}
            _bars(ax, masks)
        column[0].set_title(optimiser)
        column[-1].set_xlabel("share of runs")
    for ax, depth in zip(axes[:, 0], depths, strict=True):
        ax.set_ylabel(f"H = {depth}")
    axes[0, 0].invert_yaxis()
    figure.suptitle("Birth decides in every format; coarse rounding stalls more than it kills")
    figure.legend(
        handles=[Patch(color=tint, label=label) for label, tint in _FATES.values()],
        loc="outside lower center",
        ncols=3,
        fontsize=8,
    )
    return Figure(
        "fates",
        _setting(dataset) + " in each native format, from the same "
        f"{dataset.sizes['ladder_run']} starts on the same data (rounded to bfloat16 first): what "
        "became of them, counted, for H hidden layers. Everything is computed in the format; on "
        "CPU, XLA sums dot products of 16-bit formats in float32. Dead: a layer is inactive on "
        "all training points as computed. Stalled networks are not dead: a wider format has a "
        "gradient there.",
        figure,
    )


def _bars(ax: Axes, masks: dict[str, xr.DataArray]) -> None:
    """One bar per format, cut into fates; pieces too narrow have their labels above, in order."""
    formats = [str(fmt) for fmt in masks["born"]["format"].values]
    for row, fmt in enumerate(formats):
        left, last = 0.0, 0.0
        for fate, mask in masks.items():
            share = float(mask.sel(format=fmt).mean())
            ax.barh(row, share, 0.6, left, color=_FATES[fate][1], lw=0)
            x, y, tint = left + share / 2, float(row), "k" if fate == "stalled" else "w"
            if share < _WIDE:
                x, y, tint = max(x, last + 0.035), row - 0.46, "k"
            if share > 0:
                count = str(int(mask.sel(format=fmt).sum()))
                ax.text(x, y, count, color=tint, fontsize=6.5, ha="center", va="center")
                last = x
            left += share
    ax.set_yticks(range(len(formats)), formats, fontsize=8)
    ax.set_xlim(0, 1)
    ax.grid(visible=False, axis="y")


PICTURES = (
    (_best, ("ladder_born",)),
    (_success, ("ladder_born",)),
    (_fates, ("ladder_born", "ladder_dead", "ladder_taken", "ladder_still")),
)
