"""The picture of saddles: when rounding leaves them, and that whole steps in a format never do."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from jaxlab.flows import zigzag
from jaxlab.studies import _style
from jaxlab.studies._arithmetics import format_of
from jaxlab.studies._drawing import panels
from jaxlab.studies._study import Figure
from jaxlab.studies.flow.claims_saddles import products

_START = "#a6324b"
_GONE = 0.5
"""Share of the saddle's risk down to which paths are drawn."""


def draw_times(dataset: xr.Dataset, ax: Axes) -> None:
    """``lambda t`` of every run against ``1/u``, with the predicted line, on ``ax``."""
    u, started = products(dataset, "saddle_precision", dataset.saddle_started)
    ax.plot(1 / u.ravel(), started.ravel(), "x", color=_START, ms=5, label="start rounded")
    _, rounded = products(dataset, "saddle_arithmetic", dataset.saddle_rounded)
    for name, values in zip(dataset.saddle_arithmetic.values, rounded, strict=True):
        place = np.full(len(values), 1 / format_of(str(name)).unit_roundoff)
        style: dict[str, Any] = _style.line(str(name)) | {"linestyle": ""}
        ax.plot(place, values, **style)
    line = np.array([2.0**3, 2.0**54])
    ax.plot(line, np.log(line), "k", lw=1, label="ln(1/u)")
    ax.set_xscale("log", base=2)
    ax.set(xlabel="1/u", ylabel="|λ| × time of escape", title="Rounding as a perturbation")


def draw_paths(dataset: xr.Dataset, ax: Axes) -> None:
    """Risk along gradient descent, per arithmetic and kind of rounding, on ``ax``."""
    start = float(zigzag.risks(2)[-1])
    for name in dataset.saddle_arithmetic.values:
        one = dataset.saddle_path.sel(saddle_arithmetic=name)
        tint = _style.colour(str(name))
        for way, stroke in enumerate(("-", "--")):
            risk = one.isel(saddle_way=way).values
            gone = np.cumsum(risk < _GONE * start) > 0
            ax.plot(dataset.saddle_time, np.where(gone, np.nan, risk), stroke, color=tint)
    ax.set(
        ylim=(_GONE * start, 1.5 * start),
        xlabel="time (steps × rate)",
        ylabel="risk",
        title="Solid: gradient rounded; dashed: everything",
    )


def saddles(dataset: xr.Dataset) -> Figure:
    """Times of escape, and the risk along the way."""
    figure, (axes,) = panels(2, width=4.3, height=3.6)
    draw_times(dataset, axes[0])
    draw_paths(dataset, axes[1])
    figure.suptitle(
        "A rounded gradient leaves a saddle on time; a rounded step never does", x=0.01, ha="left"
    )
    extra = [
        *axes[0].get_legend_handles_labels()[0],
        *(
            Line2D([], [], **_style.line(str(name)), label=f"gradient in {name}")
            for name in dataset.saddle_arithmetic.values
        ),
    ]
    figure.legend(handles=extra, loc="outside lower center", fontsize=8, ncols=4)
    return Figure(
        "saddles",
        "Gradient descent from zigzag saddles with two breakpoints. Left: time until half of the "
        "saddle's risk, times the growth rate of its Hessian, for every draw; runs that never "
        "leave are not shown. Gradients are rounded (parameters in float64, start exact), or only "
        "the start is (everything else in float64). Right: the risk of one draw; solid with a "
        "rounded gradient, dashed with everything rounded, where no step survives; down to half "
        "of the saddle's (further on, descent at this rate oscillates and is no flow). "
        "p=...: emulated formats of so many bits; the others are native.",
        figure,
    )


PICTURES = ((saddles, ("saddle_frozen",)),)
