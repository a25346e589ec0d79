"""Pictures of the published experiments: runs bundling at a constant, how many, and at which."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from jaxlab.studies._comparing import Between, Expected
from jaxlab.studies._drawing import panels
from jaxlab.studies._judging import CONFIDENCE
from jaxlab.studies._statistics import LEVEL
from jaxlab.studies._study import Figure
from jaxlab.studies.collapse.targets import published
from jaxlab.studies.collapse.training.claims_trained import (
    FLAT,
    PAIRS,
    PLANE_SHARES,
    RUNS,
    WIDTHS,
    collapsed,
)
from jaxlab.studies.collapse.training.runs import STARTS

BORN, DIED, ALIVE = "born dead", "died in training", "alive"
TINTS = {BORN: "#7d858d", DIED: "#b8654a", ALIVE: "#3f7f93"}
"""Colours of what became of a run, the same in every picture of trained networks."""

_CONSTANT = "constant, no layer dead"
_BARS = {BORN: TINTS[BORN], DIED: TINTS[DIED], _CONSTANT: "#d8bf94"}

_STARTS = {"He": "He's start", "RAI": "asymmetric start (RAI)"}
_MEDIAN = "#efc987"
_SHOWN = 100  # runs whose errors are drawn one by one
_PLANAR = "(|x1+x2|, |x1-x2|)"


def _became(born: xr.DataArray, dead: xr.DataArray) -> dict[str, np.ndarray]:
    """What became of runs, as masks that do not overlap and cover all of them."""
    at_birth, at_end = (born > 0).values, (dead > 0).values
    return {BORN: at_birth, DIED: ~at_birth & at_end, ALIVE: ~at_birth & ~at_end}


def _trajectories(dataset: xr.Dataset) -> Figure:
    target, hidden = str(dataset.target.values[0]), int(dataset.hidden.values[0])
    one = dataset.sel(target=target, hidden=hidden).isel(narrow_run=slice(_SHOWN))
    figure, axes = panels(len(STARTS), sharey=True, width=4.2, height=3.6)
    for ax, start in zip(axes[0], STARTS, strict=True):
        _errors(ax, one.sel(start=start))
        ax.axhline(published()[target].states.rmse, color="k", ls="--", lw=1, zorder=4)
        ax.set_title(_STARTS[start])
    axes[0, 0].set_ylabel("root mean square error")
    axes[0, 0].plot([], [], "k--", lw=1, label="best constant")
    for ax in axes[0]:
        ax.legend(loc="lower left", fontsize=8)
    figure.suptitle("Dead networks bundle at the mean of the target, and stay there")
    return Figure(
        "trajectories",
        f"Error of {one.sizes['narrow_run']} runs of each start against the number of Adam steps, "
        f"one line per run: width 2, {hidden} hidden layers, target {target}, float32, squared "
        "loss. Root mean square on the domain of the function of the parameters in float64, "
        "clipped to the range of the target. Dashed: the standard deviation of the target, which "
        "is the least error of a constant.",
        figure,
    )


def _errors(ax: Axes, runs: xr.Dataset) -> None:
    """One line per run of one arm, with the numbers of runs in the legend."""
    became = _became(runs.narrow_born, runs.narrow_dead)
    for kind, mask in reversed(became.items()):  # equal lines: those born dead are seen
        lines = runs.narrow_rmse.values[mask].T
        ax.plot(runs.step, lines, color=TINTS[kind], lw=0.7, alpha=0.5)
        ax.plot([], [], color=TINTS[kind], label=f"{kind}: {int(mask.sum())}")
    ax.set_xscale("symlog", linthresh=1, linscale=0.3)
    ax.set(xlabel="gradient steps", xlim=(0, int(runs.step.max())), ylim=(0, None))


class _Arm(NamedTuple):
    """Runs of one experiment from one start, and what is published about them."""

    name: str
    place: Mapping[str, object]
    target: str
    printed: tuple[Expected | Between, ...]


def _experiments(dataset: xr.Dataset) -> Iterator[tuple[str, dict[str, _Arm]]]:
    """Every published experiment: its name, and its arms by start."""
    wide = str(dataset.target.values[0])
    for target in map(str, dataset.target.values):
        for hidden in map(int, dataset.hidden.values):
            yield (
                f"{target}: width 2, {hidden} hidden",
                {
                    start: _Arm(
                        "narrow",
                        {"target": target, "hidden": hidden, "start": start},
                        target,
                        tuple(Expected(share) for share in shares),
                    )
                    for start, shares in zip(STARTS, zip(*PAIRS, strict=True), strict=True)
                },
            )
    for width in map(int, dataset.wide_width.values):
        arm = _Arm("wide", {"wide_width": width}, wide, (WIDTHS[width],))
        yield f"{wide}: width {width}, {int(dataset.hidden[0])} hidden", {"He": arm}
    for shape in map(str, dataset.plane_shape.values):
        yield (
            f"two variables: {shape}",
            {
                start: _Arm(
                    "plane", {"plane_shape": shape, "start": start}, _PLANAR, (Expected(share),)
                )
                for start, share in zip(STARTS, PLANE_SHARES, strict=True)
            },
        )


def _collapse(dataset: xr.Dataset) -> Figure:
    experiments = dict(_experiments(dataset))
    figure, axes = panels(
        len(STARTS), sharex=True, sharey=True, width=4.4, height=0.6 + 0.34 * len(experiments)
    )
    for ax, start in zip(axes[0], STARTS, strict=True):
        for row, arms in enumerate(experiments.values()):
            if start in arms:
                _forest(ax, row, dataset, arms[start])
        ax.set(xlabel="share of runs that collapse", xlim=(-0.01, 1.01), title=_STARTS[start])
        ax.grid(visible=False, axis="y")
    axes[0, 0].set_yticks(range(len(experiments)), list(experiments), fontsize=8)
    axes[0, 0].invert_yaxis()
    figure.suptitle("From He's start networks collapse at birth; from RAI less often, and later")
    figure.legend(
        handles=[
            *(Patch(color=tint, alpha=0.6, label=kind) for kind, tint in _BARS.items()),
            Line2D([], [], color="k", marker="o", ms=4, label=f"measured, {CONFIDENCE}"),
            Line2D([], [], color="k", marker="D", mfc="w", ls="", label="published"),
            Line2D([], [], color="k", marker="|", ls=":", lw=1, label="published as a range"),
        ],
        loc="outside lower center",
        ncols=3,
        fontsize=8,
    )
    sizes = [dataset.sizes[f"{name}_run"] for name in ("narrow", "wide", "plane")]
    return Figure(
        "collapse",
        f"Share of runs whose outputs on the training points, in the end, differ by less than "
        f"{FLAT:.0%} of the target's standard deviation, with {CONFIDENCE}s (Clopper-Pearson): "
        f"{sizes[0]} runs of width 2, {sizes[1]} of each greater width (He only), {sizes[2]} on "
        "two variables; Adam in float32, squared loss. Bars: when a layer died. Published "
        f"(second-hand): diamonds, of {RUNS} runs of a function or a network that is not known, "
        "hence beside every reconstruction; dotted, what is said of |x|.",
        figure,
    )


def _forest(ax: Axes, row: int, dataset: xr.Dataset, arm: _Arm) -> None:
    """One row: the share that collapses, split by when a layer died, and what is published."""
    born, dead, spread = (
        dataset[f"{arm.name}_{variable}"].sel(arm.place) for variable in ("born", "dead", "spread")
    )
    share = collapsed(spread, published()[arm.target].states.rmse, LEVEL)
    became = _became(born, dead)
    parts = [float(became[kind].mean()) for kind in (BORN, DIED)]
    parts.append(max(0.0, share.value - sum(parts)))
    left = 0.0
    for part, tint in zip(parts, _BARS.values(), strict=True):
        ax.barh(row, part, 0.5, left, color=tint, alpha=0.6, lw=0)
        left += part
    half = [[share.value - share.low], [share.high - share.value]]
    ax.errorbar(share.value, row, xerr=half, color="k", marker="o", ms=3.5, capsize=2, lw=1)
    for figure in arm.printed:
        if isinstance(figure, Between):
            ends = [figure.low.value, figure.high.value]
            ax.plot(ends, [row - 0.36] * 2, "k:", marker="|", ms=5, lw=1)
        else:
            ax.plot(figure.value, row - 0.36, "kD", mfc="w", ms=4, mew=0.8)


def _states(dataset: xr.Dataset) -> Figure:
    arms = {
        "squared loss": ("narrow", {"start": "He", "hidden": int(dataset.hidden.min())}),
        "absolute loss": ("median", {}),
    }
    targets = [str(target) for target in dataset.target.values]
    figure, axes = panels(2, sharex=True, sharey=True, width=4.2, height=3.4)
    for ax, (loss, (name, place)) in zip(axes[0], arms.items(), strict=True):
        counts = [
            _levels(ax, row, name, dataset.sel(place | {"target": target}))
            for row, target in enumerate(targets)
        ]
        ax.set_title(f"{loss}: {sum(counts)} dead networks")
        ax.set_xlabel("(constant − label mean) / standard deviation")
        ax.grid(visible=False, axis="y")
    axes[0, 0].set_yticks(range(len(targets)), targets)
    axes[0, 0].invert_yaxis()
    figure.suptitle("Dead networks end at the mean, or under absolute loss at a median")
    figure.legend(
        handles=[
            Line2D([], [], color=TINTS[BORN], marker="o", ls="", label=BORN),
            Line2D([], [], color=TINTS[DIED], marker="o", ls="", label=DIED),
            Line2D([], [], color="k", lw=1.2, label="mean"),
            Patch(color=_MEDIAN, label="median, or all medians"),
        ],
        loc="outside lower center",
        ncols=4,
        fontsize=8,
    )
    return Figure(
        "states",
        "Mean outputs of networks that are dead after training, one dot per network (heights only "
        f"spread the dots): width 2, {int(dataset.hidden[0])} hidden layers, He's start, Adam in "
        "float32. Black and yellow: mean and median of the training labels; every number in the "
        "band of the step is a median of the function. Unit: the target's standard deviation.",
        figure,
    )


def _levels(ax: Axes, row: int, name: str, runs: xr.Dataset) -> int:
    """One row of dots, the constants of one arm's dead networks; returns how many there are."""
    states = published()[str(runs.target.values)].states
    mean, median = (float(runs[f"{name}_label_{state}"]) for state in ("mean", "median"))
    unique = states.median[0] == states.median[1]
    ends = (median, median) if unique else states.median
    low, high = ((end - mean) / states.rmse for end in ends)
    across = np.array([row - 0.42, row + 0.42])
    ax.fill_betweenx(across, low, high, color=_MEDIAN, lw=3)
    ax.plot([0, 0], across, "k", lw=1.2)
    levels = (runs[f"{name}_level"].values - mean) / states.rmse
    heights = row + np.linspace(-0.35, 0.35, levels.size)
    became = _became(runs[f"{name}_born"], runs[f"{name}_dead"])
    for kind in (BORN, DIED):
        dots = levels[became[kind]], heights[became[kind]]
        ax.plot(*dots, "o", color=TINTS[kind], ms=2.2, mew=0, zorder=3)
    return int((became[BORN] | became[DIED]).sum())


PICTURES = (
    (_trajectories, ("narrow_dead",)),
    (_collapse, ("narrow_dead", "wide_dead", "plane_dead")),
    (_states, ("narrow_dead", "median_dead")),
)
