"""Pictures of the two-parameter network in few bits: portrait, time courses, stopping weights."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from jaxlab.flows.closed_forms import pair_asymptote
from jaxlab.studies import _style
from jaxlab.studies._drawing import legend_below, panels
from jaxlab.studies._study import Figure
from jaxlab.studies.divergence.config import CONTROL
from jaxlab.studies.divergence.freezing.claims_frozen import SHORT, learning_rate
from jaxlab.studies.divergence.freezing.frozen import MAIN
from jaxlab.studies.divergence.freezing.frozen_cures import ARRIVAL
from jaxlab.studies.divergence.freezing.frozen_law import asymptotic_weight, stopping_weight

_GREY = "#9aa3ab"
_BITS = {"float32": 24, "float16": 11, "bfloat16": 8}


def _valley(ax: Axes, top: float) -> None:
    a = np.linspace(0.35, top, 200)
    ax.plot(a, 2 / np.sqrt(a), color="k", ls=":", lw=1.0, label="valley $a b^2=4$")


def portrait(dataset: xr.Dataset) -> Figure:
    """One panel per format: flows in grey, iterates in colour, where they stand at the end."""
    formats = [str(fmt) for fmt in dataset.frozen_format.values]
    figure, axes = panels(len(formats), width=2.7, height=3.1, sharex=True, sharey=True)
    steps = int(dataset.frozen_point[-1])
    until = learning_rate(dataset) * steps
    streams = dataset.frozen_streams.where(dataset.frozen_time <= until)
    for ax, fmt in zip(axes[0], formats, strict=True):
        paths = dataset.frozen_path.sel(frozen_format=fmt)
        colour = _style.colour(fmt)
        for start in dataset.frozen_start.values:
            flow, path = streams.sel(frozen_start=start), paths.sel(frozen_start=start)
            ax.plot(*flow.values.T, color=_GREY, lw=2.4, alpha=0.6, label="flow")
            ax.plot(*path.values.T, color=colour, lw=0.9, marker=".", ms=3, label="descent")
            ax.plot(*path.values[0], "o", mfc="w", mec=colour, ms=5)
            ax.plot(*path.values[-1], "X", color=colour, mec="w", mew=0.6, ms=8, zorder=5)
        _valley(ax, 4.2)
        ax.set(title=fmt, xlabel="outer weight $a$", xlim=(0.2, 4.2), ylim=(0.3, 3.0))
    axes[0, 0].set_ylabel("inner weight $b$")
    figure.suptitle(
        f"On the way to infinity, 16 bits stop where they meet the valley ({steps} steps)",
        x=0.01,
        ha="left",
    )
    tint = "#444444"
    extra = [
        Line2D([], [], color=_GREY, lw=2.4, alpha=0.6, label="gradient flow, the same time"),
        Line2D([], [], color=tint, lw=0.9, marker=".", label="gradient descent"),
        Line2D([], [], color=tint, marker="o", mfc="w", ls="", label="start"),
        Line2D([], [], color=tint, marker="X", ls="", label="end"),
        Line2D([], [], color="k", ls=":", lw=1, label="valley $a\\,b^2=4$"),
    ]
    figure.legend(handles=extra, loc="outside lower center", fontsize=8, ncols=5)
    return Figure(
        "frozen-portrait",
        f"The two-parameter network on x^2 from {dataset.frozen_start.size} starts. All flows run "
        f"to infinity along the valley. Gradient descent (rate {learning_rate(dataset):g}) is "
        "computed natively in the format of the panel.",
        figure,
    )


def courses(dataset: xr.Dataset) -> Figure:
    """Weight and risk against time, one line per format, with asymptotes and predictions."""
    figure, axes = panels(2, width=4.2, height=3.4)
    times = dataset.frozen_time.values
    seen = times > 0
    late = times[times >= 300]
    limit = pair_asymptote()
    rate = learning_rate(dataset)
    flow = (dataset.frozen_flow.sel(frozen_parameter="a"), dataset.frozen_flow_risk)
    for ax, values in zip(axes[0], flow, strict=True):
        ax.plot(times[seen], values[seen], color=_GREY, lw=4, alpha=0.6, label="gradient flow")
    for fmt in dataset.frozen_format.values:
        at = dataset.sel(frozen_format=fmt, frozen_form=MAIN)
        style = _style.line(str(fmt)) | {"markersize": 3, "lw": 1.1, "label": str(fmt)}
        axes[0, 0].plot(times[seen], at.frozen_iterate.sel(frozen_parameter="a")[seen], **style)
        axes[0, 1].plot(times[seen], at.frozen_risk[seen], **style)
        if fmt in SHORT:
            for ax in axes[0]:
                ax.axvline(rate * float(at.frozen_moved), color=style["color"], lw=0.8, ls=":")
    bound = stopping_weight(_BITS["float32"], rate, ARRIVAL)[0]
    axes[0, 0].axhline(bound, color=_style.colour("float32"), lw=0.9, ls="--")
    axes[0, 0].annotate(
        "float32 must stop here",
        (times[seen][0], bound),
        xytext=(0, 3),
        textcoords="offset points",
        color=_style.colour("float32"),
        fontsize=8,
    )
    axes[0, 0].plot(late, limit.weight * late**0.25, "k--", lw=0.9)
    axes[0, 1].plot(late, limit.loss / np.sqrt(late), "k--", lw=0.9)
    axes[0, 0].set(ylabel="outer weight $a$", title="The weight grows as $t^{1/4}$", ylim=(0.9, 7))
    axes[0, 1].set(ylabel="risk, in float64", title="The risk falls as $t^{-1/2}$")
    for ax in axes[0]:
        ax.set(xscale="log", yscale="log", xlabel="time $t$ = rate $\\times$ steps")
    axes[0, 0].set_yticks([1, 2, 3, 4, 6], ["1", "2", "3", "4", "6"], minor=False)
    axes[0, 0].minorticks_off()
    figure.suptitle("A divergence that looks like convergence in 16 bits", x=0.01, ha="left")
    extra = [
        Line2D([], [], color="k", ls="--", lw=0.9, label="asymptote, derived"),
        Line2D([], [], color="#444444", ls=":", lw=0.8, label="frozen for ever from here"),
    ]
    legend_below(figure, axes[0, 0], extra, ncols=4)
    return Figure(
        "frozen-courses",
        f"Gradient descent from (1, 1), rate {rate:g}, formula 2 a log(cosh(b x/2)), natively in "
        f"four formats; the control is {CONTROL}. The dashed horizontal line is the weight where "
        "float32 parameters stop even with exact gradients.",
        figure,
    )


def stopping(dataset: xr.Dataset) -> Figure:
    """Weight at which the descent stops against the number of bits."""
    figure, axes = panels(1, width=6.0, height=3.6)
    ax, rate = axes[0, 0], learning_rate(dataset)
    bits = dataset.frozen_precision.values
    fine = np.linspace(14, max(24.0, float(bits.max())), 100)
    ax.plot(
        fine, asymptotic_weight(2.0**-fine, rate), "k--", lw=1, label="leading order, $u^{-1/4}$"
    )
    ax.axhline(ARRIVAL, color=_GREY, lw=1, ls=":", label="arrival in the valley")
    predicted = {p: stopping_weight(int(p), rate, ARRIVAL) for p in range(17, 25)}
    for p, (low, high) in predicted.items():
        label = "predicted by friction" if p == 17 else None
        ax.plot([p - 0.3, p + 0.3], [low, low], color="#c0392b", lw=2, label=label)
        ax.fill_between([p - 0.3, p + 0.3], low, high, color="#c0392b", alpha=0.25, lw=0)
    stopped = dataset.frozen_end_period == 1
    ends = dataset.frozen_end.sel(frozen_parameter="a").where(stopped)
    ax.plot(bits, ends, "o", color="k", mfc="w", ms=6, label="exact gradient, stored in $p$ bits")
    for fmt, p in _BITS.items():
        if fmt not in dataset.frozen_format:
            continue
        at = dataset.sel(frozen_format=fmt, frozen_form=MAIN).isel(frozen_time=-1)
        a, stopped = float(at.frozen_iterate[0]), int(at.frozen_period) > 0
        label = fmt if stopped else f"{fmt}, still moving at $t$ = {float(at.frozen_time):.0g}"
        style = _style.line(fmt) | {"linestyle": "", "markersize": 5}
        ax.plot(p, a, label=label, **style)
    ax.set(
        yscale="log",
        xlabel="significand bits $p$",
        ylabel="outer weight $a$ at the end",
        title="Few bits stop on arrival, more bits where dry friction says",
    )
    ax.set_yticks([1, 1.5, 2, 3, 4, 6], ["1", "1.5", "2", "3", "4", "6"])
    ax.minorticks_off()
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend_below(figure, ax, ncols=3)
    return Figure(
        "frozen-stopping",
        f"Where gradient descent from (1, 1) with rate {rate:g} stops for ever. Prediction: the "
        "first point of the valley where an update of each parameter is below half a gap; nothing "
        "is fitted.",
        figure,
    )


PICTURES = (
    (portrait, ()),
    (courses, ("frozen_moved",)),
    (stopping, ("frozen_end_period", "frozen_period")),
)
