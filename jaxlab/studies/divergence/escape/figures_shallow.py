"""Pictures of shallow flows: ways to infinity, their exponents, and the controls."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from jaxlab.flows.verdicts import Outcome
from jaxlab.studies._drawing import legend_below, panels
from jaxlab.studies._study import Figure
from jaxlab.studies.divergence.escape.claims_shallow import (
    RATE,
    VARIANCE,
    flat,
    late_slopes,
    settled,
)
from jaxlab.studies.divergence.escape.shallow import CASES, SAD

_TINTS = {
    Outcome.DIVERGENT: "#a6324b",
    Outcome.CRITICAL: "#0072b2",
    Outcome.UNDECIDED: "#8a8f98",
}
_ACTIVATIONS = {
    "softplus": "#a6324b",
    "GELU": "#0072b2",
    "tanh": "#009e73",
    "swish": "#7b4ea3",
    "logistic": "#e69f00",
    "ELU": "#8c6d31",
    "ReLU": "#5f6b73",
}
_MOST = 50
"""Flows drawn per case."""


def _lines(ax: Axes, one: xr.Dataset, name: str) -> None:
    """Every flow of one case, coloured by its verdict."""
    times = one.shallow_time.values
    for verdict, values in zip(one.shallow_verdict.values[:_MOST], one[name].values, strict=False):
        tint = _TINTS[Outcome(int(verdict))]
        ax.plot(times[1:], values[1:], color=tint, lw=0.9, alpha=0.7)


def _legend() -> list[Line2D]:
    return [
        Line2D([], [], color=tint, lw=1.5, label=outcome.name.lower())
        for outcome, tint in _TINTS.items()
    ]


def shallow(dataset: xr.Dataset) -> Figure:
    """Risk, norm and largest curvature of the flows of every SAD activation."""
    figure, axes = panels(len(SAD), rows=3, sharex=True, sharey="row", width=2.4, height=2.1)
    for column, case in zip(axes.T, SAD, strict=True):
        one = flat(dataset, [case]).isel(shallow_case=0)
        for ax, name in zip(column, ("loss", "norm", "largest"), strict=True):
            _lines(ax, one, f"shallow_{name}")
            ax.set(xscale="log", yscale="log")
        column[0].axhline(VARIANCE, color="k", ls="--", lw=0.8)
        late = np.array([1e7, 1e12])
        column[0].plot(late, 3e-4 * (late / 1e7) ** -0.5, "k:", lw=1.2)
        column[0].plot(late, 1e-9 * (late / 1e7) ** (-2 / 3), "k-.", lw=1.2)
        column[1].plot(late, 60 * (late / 1e7) ** 0.25, "k:", lw=1.2)
        column[1].plot(late, 2 * (late / 1e7) ** (1 / 6), "k-.", lw=1.2)
        column[2].axhline(2 / RATE, color="k", ls="-", lw=0.8)
        column[0].set_title(case)
        column[-1].set_xlabel("time t")
    for ax, label in zip(
        axes[:, 0], ("risk L", "norm |theta|", "largest\neigenvalue"), strict=True
    ):
        ax.set_ylabel(label)
    figure.suptitle(
        "Smooth networks cannot represent x^2: flows run to infinity, or stay at a bad constant",
        x=0.01,
        ha="left",
    )
    extra = [
        *_legend(),
        Line2D([], [], color="k", ls=":", label="slopes -1/2, 1/4 (m = 1)"),
        Line2D([], [], color="k", ls="-.", label="slopes -2/3, 1/6 (m = 2)"),
        Line2D([], [], color="k", ls="--", lw=0.8, label="4/45, the best constant"),
        Line2D([], [], color="k", lw=0.8, label=f"2 / learning rate {RATE:g}"),
    ]
    legend_below(figure, axes[0, 0], extra, ncols=4)
    return Figure(
        "shallow",
        "Gradient flows of shallow networks of two neurons for x^2, by an implicit solver in "
        "float64 to t = 1e12. Times are logarithmic: plateaus last decades, then the risk drops. "
        "Above the line in the lowest row, gradient descent with the published rate is no flow.",
        figure,
    )


def exponents(dataset: xr.Dataset) -> Figure:
    """Exponents of norm and risk of divergent flows, beside the curve on which they must lie."""
    figure, axes = panels(2, width=4.2)
    targets = {
        "target x^2": [*SAD, "ELU"],
        "target x + 1/2": [name for name, case in CASES.items() if case.target[2] == 0],
    }
    for ax, (title, cases) in zip(axes[0], targets.items(), strict=True):
        p = np.linspace(0.25, 1.05, 50)
        ax.plot(p, (1 - p) / 2, color="k", lw=0.8)
        for m in (0.5, 1, 2, 4):
            p = m / (m + 1)
            ax.plot(p, (1 - p) / 2, "ko", ms=11, mfc="none")
            ax.annotate(f"m = {m:g}", (p, (1 - p) / 2), xytext=(9, 6), textcoords="offset points")
        for case in cases:
            one = flat(dataset, [case]).isel(shallow_case=0)
            away = settled(one)
            loss, norm = late_slopes(one)
            name = CASES[case].activation
            ax.plot(-loss[away], norm[away], "x", ms=6, color=_ACTIVATIONS[name])
        ax.set(title=title, xlabel="-d log L / d log t", xlim=(0.25, 1.08), ylim=(-0.02, 0.4))
    axes[0, 0].set_ylabel("d log |theta| / d log t")
    figure.suptitle(
        "Few rates of divergence: powers of t in classes m, or log t; none is sqrt(t)",
        x=0.01,
        ha="left",
    )
    extra = [
        Line2D([], [], color=tint, marker="x", ls="none", label=name)
        for name, tint in _ACTIVATIONS.items()
        if name != "ReLU"
    ]
    curve = Line2D([], [], color="k", lw=0.8, label="norm (1 - p)/2, risk p = m/(m + 1)")
    legend_below(figure, axes[0, 0], [*extra, curve], ncols=4)
    return Figure(
        "shallow_exponents",
        "Exponents over the last decade, t = 1e11 to 1e12, of every flow that is judged divergent "
        "and whose risk had the same exponent in the decade before. "
        "Circles: the classes in which the risk falls like the growing weight to the power -2 m. "
        "An affine target is represented exactly by softplus, GELU, swish and ELU; some of their "
        "flows run to infinity all the same.",
        figure,
    )


def controls(dataset: xr.Dataset) -> Figure:
    """Norms of the controls."""
    cases = ["softplus, affine", "GELU, affine", "tanh, affine", "softplus, decay", "ELU", "ReLU"]
    titles = (*cases[:4], "ELU (not analytic)", "ReLU (piecewise affine)")
    figure, axes = panels(3, rows=2, sharex=True, sharey=True, width=3, height=2.3)
    for ax, case, title in zip(axes.flat, cases, titles, strict=True):
        _lines(ax, flat(dataset, [case]).isel(shallow_case=0), "shallow_norm")
        ax.set(title=title, xscale="log", yscale="log", ylim=(0.2, 5e3))
    for ax in axes[-1]:
        ax.set_xlabel("time t")
    for ax in axes[:, 0]:
        ax.set_ylabel("norm |theta|")
    figure.suptitle(
        "Weight decay stops every flow; a target that has a minimum does not", x=0.01, ha="left"
    )
    legend_below(figure, axes[0, 0], _legend(), ncols=3)
    return Figure(
        "shallow_controls",
        "The same starts with one thing changed. An affine target is represented exactly by two "
        "neurons of softplus or GELU, yet some flows escape to where a neuron is affine only in "
        "the limit; tanh cannot represent it. With decay, 1e-3 |theta|^2 is added to the risk.",
        figure,
    )


_COUNTS = ("shallow_verdict",)
PICTURES = ((shallow, _COUNTS), (exponents, _COUNTS), (controls, _COUNTS))
