"""The picture of what a number format adds to death: networks dead in it and alive in float64."""

import math

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from jaxlab.studies import _style
from jaxlab.studies._drawing import legend_below, panels
from jaxlab.studies._study import Figure
from jaxlab.studies.collapse.config import CONTROL
from jaxlab.studies.collapse.rounding import onset
from jaxlab.studies.collapse.rounding.claims_underflow import alive, gains, killed
from jaxlab.studies.collapse.rounding.underflow import FATES

_STACKED = ("float16", "float8_e5m2")
_TINTS = {
    "underflow": "#6a51a3",
    "inherited, range": "#c4b5e0",
    "cancellation": "#7f5539",
    "inherited, precision": "#d9bfa4",
}
_LEAST = 30
"""Fewest networks alive in the control of which shares are drawn."""


def draw_death(dataset: xr.Dataset, ax: Axes) -> None:
    """Share of dead networks of one law and width against depth, one line per format, on ``ax``."""
    fates = dataset.underflow_fates
    total = fates.isel(underflow_depth=0, underflow_format=0).sum()
    control = fates.isel(underflow_format=0).sel(underflow_control="dead").sum("underflow_fate")
    dead = fates.sel(underflow_fate=list(FATES[2:])).sum(["underflow_control", "underflow_fate"])
    for fmt in dataset.underflow_format.values:
        style = _style.line(str(fmt)) | {"markersize": 3, "lw": 1.1}
        share = dead.sel(underflow_format=fmt) / total
        ax.plot(dataset.underflow_depth, share, label=str(fmt), **style)
    ax.plot(dataset.underflow_depth, control / total, color="k", lw=1.6, label=CONTROL)
    ax.set_ylim(0, 1.03)


def draw_ways(dataset: xr.Dataset, fmt: str, ax: Axes) -> None:
    """How the networks alive in the control are killed in one format, stacked, on ``ax``."""
    deep = alive(dataset).values >= _LEAST
    of = alive(dataset).values[deep]
    depth = dataset.underflow_depth.values[deep]
    ways = [killed(dataset, [way]).sel(underflow_format=fmt).values[deep] / of for way in _TINTS]
    ax.stackplot(depth, ways, colors=list(_TINTS.values()))
    if fmt in dataset.gradient_format:
        counts = dataset.underflow_gradients.sel(gradient_format=fmt, gradient="zero")
        for at, silent in zip(counts.gradient_depth.values, counts.values, strict=True):
            if at in depth and silent > 0:
                place = np.searchsorted(depth, at)
                dead = float(np.sum(ways, axis=0)[place])
                top = dead + silent / of[place]
                ax.plot([at, at], [dead, top], "k", lw=1)
                ax.plot(at, top, "ko", mfc="w", ms=4.5, clip_on=False, zorder=5)
    ax.set(ylim=(0, 1.03), xlim=(1, float(dataset.underflow_depth.max()) + 0.3))


def underflow(dataset: xr.Dataset) -> Figure:
    """One column per law; dead networks above, and how two formats kill below."""
    width = int(dataset.underflow_width.max())
    one = dataset.sel(underflow_width=width)
    stacked = [fmt for fmt in _STACKED if fmt in one.underflow_format]
    laws = [str(law) for law in one.underflow_law.values]
    figure, axes = panels(
        len(laws), rows=1 + len(stacked), sharex=True, sharey=True, width=2.6, height=2.2
    )
    for column, law in zip(axes.T, laws, strict=True):
        at = one.sel(underflow_law=law)
        draw_death(at, column[0])
        column[0].set_title(law if law in gains(one) else f"{law} (with biases)")
        for ax, fmt in zip(column[1:], stacked, strict=True):
            draw_ways(at, fmt, ax)
            predicted = onset.onset(fmt, width, gains(one).get(law, math.inf))
            if predicted < float(one.underflow_depth.max()):
                ax.axvline(predicted, color="k", ls=":", lw=1.2)
        column[-1].set_xlabel("hidden layers")
    axes[0, 0].set_ylabel("dead networks / all")
    for ax, fmt in zip(axes[1:, 0], stacked, strict=True):
        ax.set_ylabel(f"dead in {fmt}\n/ alive in {CONTROL}")
    figure.suptitle(
        "A small gain kills in formats of few exponents, and in no other", x=0.01, ha="left"
    )
    extra = [
        *(Line2D([], [], color=tint, lw=6, label=way) for way, tint in _TINTS.items()),
        Line2D([], [], color="k", marker="o", mfc="w", label="alive, but gradient zero"),
        Line2D([], [], color="k", ls=":", label="predicted onset"),
    ]
    legend_below(figure, axes[0, 0], extra, ncols=4)
    return Figure(
        "underflow",
        f"Random networks of width {width}, the same draw in every format. Above: share with a "
        f"dead layer. Below: of the networks that are alive in {CONTROL}, those that two formats "
        "kill, by the way in which they do; circles add those that are alive but whose first layer "
        "has a zero gradient. Without biases a gain changes nothing in exact arithmetic. Dotted: "
        "depth at which typical features underflow, derived.",
        figure,
    )


PICTURES = ((underflow, ("underflow_fates", "underflow_gradients")),)
