"""Pictures of where gradient flows end, and of the risks on the way."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from jaxlab.flows import zigzag
from jaxlab.studies._drawing import legend_below, panels
from jaxlab.studies._study import Figure
from jaxlab.studies.flow.claims_limits import DECREASING, classes
from jaxlab.studies.flow.limits import of

_ZERO, _DEAD, _MOVING = "#3f7f93", "#7d858d", "#d55e00"
_LEAST = 1e-24  # smaller risks are drawn here
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def _limits(dataset: xr.Dataset) -> Figure:
    sizes = [int(neurons) for neurons in dataset.limits_neurons.values]
    figure, axes = panels(1, rows=len(sizes), sharex=True, width=7.6, height=1.25)
    for ax, neurons in zip(axes[:, 0], sizes, strict=True):
        _histogram(ax, of(dataset, neurons, "normal"), neurons)
    axes[-1, 0].set_xlabel(f"risk at t = {_last(dataset)} (at the left: smaller than {_LEAST:g})")
    axes[len(sizes) // 2, 0].set_ylabel("flows")
    figure.suptitle("Flows end at 0 or, all neurons dead, at 1/12; saddles attract nobody")
    figure.legend(
        handles=[
            Patch(color=_ZERO, label="within 1e-8 of 0"),
            Patch(color=_MOVING, label="above, still decreasing"),
            Patch(color=_DEAD, label="1/12"),
            Line2D([], [], color="k", ls=":", label="critical risks 1/(12 (n+1)$^4$), n even"),
        ],
        loc="outside lower center",
        ncols=4,
        fontsize=8,
    )
    total = dataset.sizes["limits_flow"]
    total *= sum(str(batch).startswith("normal") for batch in dataset.limits_batch.values)
    return Figure(
        "limits",
        f"Risks of {total} gradient flows per width H from N(0, 1) starts at t = {_last(dataset)}, "
        "target x on [0, 1], float64. Dotted: all positive critical risks of networks of this "
        "width. Risks between 1e-24 and 1e-8 belong to flows that are still on their way to 0, "
        "most of them as t^-3.",
        figure,
    )


def _last(dataset: xr.Dataset) -> str:
    return f"$10^{{{np.log10(float(dataset.limits_time[-1])):g}}}$"


def _histogram(ax: Axes, flows: xr.Dataset, neurons: int) -> None:
    """One width: flows by the logarithm of their last risk, with the atoms and their counts."""
    final = np.maximum(flows.risk.values[:, -1], _LEAST)
    ends = classes(flows, neurons)
    bins = list(np.arange(np.log10(_LEAST) - 0.25, 0.5, 0.25))
    chosen = (ends["0"], ends[DECREASING], ends["1/12"])
    for mask, tint in zip(chosen, (_ZERO, _MOVING, _DEAD), strict=True):
        ax.hist(np.log10(final[mask]), bins, color=tint, log=True)
    for breaks, atom in zip(range(0, neurons + 1, 2), zigzag.risks(neurons), strict=True):
        ax.axvline(np.log10(float(atom)), color="k", ls=":", lw=1)
        count = int(ends[str(atom)].sum())
        label = f"1/12: {count}" if breaks == 0 else f"{count}"
        ax.annotate(
            label,
            (np.log10(float(atom)), 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(4 if breaks == 0 else 0, 2),
            textcoords="offset points",
            ha="left" if breaks == 0 else "center",
            fontsize=8,
        )
    zero, moving = int(ends["0"].sum()), int(ends[DECREASING].sum())
    ax.text(0.06, 0.97, f"H = {neurons}", transform=ax.transAxes, va="top", fontweight="bold")
    ax.text(0.16, 0.97, f"0: {zero}", transform=ax.transAxes, va="top", color=_ZERO)
    ax.text(0.27, 0.97, f"decreasing: {moving}", transform=ax.transAxes, va="top", color=_MOVING)
    ax.set(ylim=(0.7, 2000))
    ax.set_xticks(range(-24, 1, 4), [f"$10^{{{power}}}$" for power in range(-24, 1, 4)])


def _fans(dataset: xr.Dataset) -> Figure:
    sizes = [int(neurons) for neurons in dataset.limits_neurons.values]
    figure, axes = panels(len(sizes), sharey=True, width=2.5, height=3.4)
    for ax, neurons in zip(axes[0], sizes, strict=True):
        flows = of(dataset, neurons, "normal")
        alive = flows.isel(flow=flows.active.values > 0)
        _fan(ax, alive)
        dead = 1 - alive.sizes["flow"] / flows.sizes["flow"]
        ax.set_title(f"H = {neurons}: {dead:.1%} dead")
    axes[0, 0].set_ylabel("risk")
    figure.suptitle(
        "Networks that stay alive lose their risk much faster than the proven 1/t",
        x=0.01,
        ha="left",
    )
    legend_below(figure, axes[0, 0], ncols=5)
    return Figure(
        "risks",
        "Risk against time of the N(0, 1) starts that do not end dead, by width H: median, and "
        "bands from quantile 0.25 to 0.75 and from 0.05 to 0.95. Dashed: 1/t, the proven rate; "
        "dash-dotted: t^-3, the rate of a breakpoint that leaves the domain through an end. "
        "Dotted: critical risks. Titles: share of networks that end without an active neuron, at "
        "1/12.",
        figure,
    )


def _fan(ax: Axes, flows: xr.Dataset) -> None:
    """Quantiles of the risk of one width."""
    times = flows.limits_time.values[1:]
    curves = np.quantile(np.maximum(flows.risk.values[:, 1:], _LEAST), _QUANTILES, axis=0)
    for number, shade in enumerate((0.2, 0.35)):
        label = ("5 % to 95 %", "25 % to 75 %")[number]
        ax.fill_between(
            times, curves[number], curves[-1 - number], color=_ZERO, alpha=shade, lw=0, label=label
        )
    ax.plot(times, curves[2], color=_ZERO, label="median")
    late = times[times >= 1]
    ax.plot(late, 0.3 / late, "k--", lw=1, label="$1/t$")
    ax.plot(late, 10 * late**-3.0, "k-.", lw=1, label="$t^{-3}$")
    for atom in zigzag.risks(int(flows.limits_neurons)):
        ax.axhline(float(atom), color="k", ls=":", lw=0.8)
    ax.set(xscale="log", yscale="log", xlabel="time t", ylim=(_LEAST, 100))


PICTURES = (
    (_limits, ("limits_status", "limits_active")),
    (_fans, ("limits_status", "limits_active")),
)
