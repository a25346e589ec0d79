"""Pictures of part `published`: norm and loss against time, and the sharpness on the way."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet
from matplotlib.lines import Line2D

from jaxlab.studies import _style
from jaxlab.studies._drawing import legend_below, panels
from jaxlab.studies._study import Figure
from jaxlab.studies.divergence.experiments import authors
from jaxlab.studies.divergence.experiments.claims_published import EDGE, each
from jaxlab.studies.divergence.experiments.schemes import SCHEMES

_FLOW = {"color": "0.62", "lw": 2.6, "solid_capstyle": "round"}
_AUTHORS = {"color": "#a6324b", "marker": "*", "ms": 9, "ls": ""}
_STROKES = {"GD float64": "-", "bootstrap float32": ":", "Adam float32": "-."}


def draw_flow(one: xr.Dataset, name: str, ax: Axes) -> None:
    """A variable along the flows of all starts, broad and grey, on ``ax``."""
    for values in one[f"published_{name}"].transpose("published_start", ...).values:
        ax.plot(one.published_time.values[1:], values[1:], **_FLOW)


def draw_runs(one: xr.Dataset, name: str, ax: Axes) -> None:
    """The same of the discrete optimisers, against steps times 1e-3, on ``ax``."""
    time = one.published_step.values * authors.RATE
    for scheme in map(str, one.published_scheme.values):
        runs = one[f"published_run_{name}"].sel(published_scheme=scheme)
        for values in runs.transpose("published_start", ...).values:
            ax.plot(time[1:], values[1:], **_line(scheme))


def draw_authors(one: xr.Dataset, name: str, ax: Axes) -> None:
    """The authors' means up to the last time of the flow, on ``ax``."""
    pair = str(one.published_problem.values), str(one.published_activation.values)
    steps, table = {
        "norm": (authors.NORM_STEPS, authors.NORM),
        "loss": (authors.LOSS_STEPS, authors.LOSS),
    }[name]
    time = np.array(steps) * authors.RATE
    inside = time <= float(one.published_time[-1])
    ax.plot(time[inside], np.array(table[pair])[inside], **_AUTHORS)


def trajectories(dataset: xr.Dataset) -> Figure:
    """One column per problem and activation: norms above, losses below."""
    columns = each(dataset)
    figure, axes = panels(len(columns), rows=2, sharex=True, width=3.3, height=2.7)
    for column, (name, one) in zip(axes.T, columns, strict=True):
        for ax, variable in zip(column, ("norm", "loss"), strict=True):
            draw_flow(one, variable, ax)
            draw_runs(one, variable, ax)
            draw_authors(one, variable, ax)
            ax.set_xscale("log")
        column[0].set_title(name)
        column[1].set_yscale("log")
        column[1].set_xlabel(f"time t (steps times {authors.RATE:g})")
    axes[0, 0].set_ylabel("norm of the parameters")
    axes[1, 0].set_ylabel("risk")
    figure.suptitle(_message(dataset), x=0.01, ha="left")
    mean = Line2D([], [], label=f"authors (mean of {authors.RUNS} runs)", **_AUTHORS)
    _legend(figure, dataset, axes[0, 0], mean)
    return Figure(
        "published",
        f"The published networks from {dataset.sizes['published_start']} starts: norm of the "
        "parameters and risk along the true gradient flow (grey) and along discrete optimisers "
        "from the same starts, whose steps of size 0.001 are put at equal times. Stars: what the "
        "authors' figures show, from starts of their own and on random batches; their losses with "
        "the smoothing undone.",
        figure,
    )


def sharpness(dataset: xr.Dataset) -> Figure:
    """Largest eigenvalue of the Hessian against time, with the edge of stability."""
    columns = each(dataset)
    figure, axes = panels(len(columns), sharex=True, sharey=True, width=3.3, height=2.9)
    for ax, (name, one) in zip(axes[0], columns, strict=True):
        draw_flow(one, "largest", ax)
        draw_runs(one, "largest", ax)
        ax.axhline(EDGE, color="k", lw=1.1)
        ax.set(xscale="log", yscale="log", title=name)
        ax.set_xlabel(f"time t (steps times {authors.RATE:g})")
    axes[0, 0].set_ylabel(r"$\lambda_{\max}$ of the Hessian")
    beyond = bool((dataset.published_largest > EDGE).any())
    figure.suptitle(
        "The flow passes the sharpness that gradient descent can follow"
        if beyond
        else "The flow sharpens, and stays below what gradient descent can follow",
        x=0.01,
        ha="left",
    )
    edge = Line2D([], [], color="k", lw=1.1, label=f"2/lr = {EDGE:g}")
    _legend(figure, dataset, axes[0, 0], edge)
    return Figure(
        "published_sharpness",
        "Largest eigenvalue of the Hessian of the risk along the true flow (grey) and along "
        f"discrete optimisers. Above {EDGE:g} gradient descent of rate {authors.RATE:g} is "
        "unstable, and not the flow.",
        figure,
    )


def _line(scheme: str) -> dict:
    stroke = _STROKES.get(scheme, "--")
    return {"color": _style.colour(SCHEMES[scheme].fmt), "linestyle": stroke, "lw": 1.1}


def _message(dataset: xr.Dataset) -> str:
    lost = dataset.published_run_stagnated.isel(published_step=-1) == 1
    frozen = lost.all([dim for dim in lost.dims if dim != "published_scheme"])
    names = [str(name) for name in dataset.published_scheme[frozen.values].values]
    return "Discrete optimisers beside the true flow" + (
        f"; {' and '.join(names)} freezes" if names else ""
    )


def _legend(figure: Sheet, dataset: xr.Dataset, ax: Axes, extra: Line2D) -> None:
    lines = [Line2D([], [], label="true flow", **_FLOW)]
    lines += [
        Line2D([], [], label=s, **_line(s)) for s in map(str, dataset.published_scheme.values)
    ]
    legend_below(figure, ax, [*lines, extra], ncols=3)


PICTURES = (
    (trajectories, ("published_verdict",)),
    (sharpness, ("published_verdict",)),
)
