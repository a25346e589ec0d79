"""Picture of the realistic scenarios: norms, losses and errors against Adam's steps, per format."""

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from jaxlab.studies import _style
from jaxlab.studies._drawing import panels
from jaxlab.studies._study import Figure
from jaxlab.studies.divergence.config import CONTROL
from jaxlab.studies.divergence.realistic.claims_realistic import (
    DISCRETE,
    LAWS,
    SCENARIOS,
    available,
    formats,
    through,
)

_TITLES = {
    "heat": "heat equation, 10 dimensions",
    "pricing": "call on the largest of 10 assets",
    "digits": "digits of 8 × 8 pixels",
}
_ROWS = {
    "norm": "norm of the parameters",
    "loss": "loss",
    "test": "test error",
    "lost": "updates lost to rounding",
}


def _scenarios(dataset: xr.Dataset) -> Figure:
    names = [name for name in SCENARIOS if available(dataset, name)]
    figure, axes = panels(len(names), rows=len(_ROWS), sharex="col", width=3.4, height=2.1)
    for column, name in zip(axes.T, names, strict=True):
        for ax, measure in zip(column, _ROWS, strict=True):
            _lines(ax, dataset, name, measure)
        if name in LAWS:
            law = LAWS[name]()
            column[1].axhline(law.floor, color="k", ls="--", lw=1)
            column[2].axhline(law.constant, color="k", ls=":", lw=1)
        column[0].set_title(_TITLES[name])
        column[-1].set_xlabel("Adam's steps")
    for ax, label in zip(axes[:, 0], _ROWS.values(), strict=True):
        ax.set_ylabel(label)
    figure.suptitle("Adam's norms grow in every scenario, and less where bfloat16 loses updates")
    shown = dict.fromkeys(fmt for name in names for fmt in formats(dataset, name))
    figure.legend(
        handles=[
            *(Line2D([], [], label=fmt, **_style.line(fmt)) for fmt in shown),
            Line2D([], [], color="k", ls="--", lw=1, label="least loss of any function"),
            Line2D([], [], color="k", ls=":", lw=1, label="error of the best constant"),
        ],
        loc="outside lower center",
        ncols=len(shown) + 2,
        fontsize=8,
    )
    return Figure(
        "realistic",
        f"Three published experiments ({DISCRETE}): one line per start and "
        "native format, from the same float64 draws. Loss of the equations: root "
        "mean square relative to that of the labels, in float64 on one fresh sample, with its "
        "sampling error; of the "
        "digits: mean cross-entropy of all training images. Test error: relative L2 distance from "
        "the exact solution; share of test images classified wrongly. Lost: nonzero updates of "
        "the next step that change no parameter. In bfloat16 Adam's second moment never fades, "
        "since 0.999 rounds to 1.",
        figure,
    )


def _lines(ax: Axes, dataset: xr.Dataset, name: str, measure: str) -> None:
    """One measure of one scenario against the steps, one line per format and start."""
    steps = dataset[f"{name}_step"].values
    for fmt in formats(dataset, name):
        wide = 3.0 if fmt == CONTROL else 1.2  # seen behind a format that follows it
        style = _style.line(fmt) | {"linewidth": wide, "markersize": 3, "alpha": 0.8}
        ax.plot(steps, through(dataset, name, measure, fmt).T, **style)
    ax.set_xscale("symlog", linthresh=1, linscale=0.3)
    ax.set_xlim(0, steps[-1])
    if measure == "lost":
        ax.set_ylim(-0.02, 1.02)
    elif measure == "test" or (measure == "loss" and name not in LAWS):
        ax.set_yscale("log")


PICTURES = ((_scenarios, tuple(f"{name}_taken" for name in SCENARIOS)),)
