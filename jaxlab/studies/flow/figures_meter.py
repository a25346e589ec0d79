"""The picture of the precision meter: what every format breaks of two exact laws, per step."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from jaxlab.studies import _style
from jaxlab.studies._drawing import panels
from jaxlab.studies._study import Figure
from jaxlab.studies.flow.claims_meter import violation


def draw_meter(dataset: xr.Dataset, law: str, ax: Axes) -> None:
    """Violation per step against the unit roundoff, whole and the gradient's share, on ``ax``."""
    u, size = violation(dataset, law)
    _, gradient = violation(dataset, law, "gradient")
    for name, *point in zip(dataset.meter_arithmetic.values, u, size, gradient, strict=True):
        style: dict[str, Any] = _style.line(str(name)) | {"linestyle": ""}
        ax.plot(point[0], point[1], **style)
        ax.plot(point[0], point[2], **style, mfc="w")
    ends = np.array([u.min() / 4, u.max() * 4])
    ax.plot(ends, ends, "k", lw=1)
    ax.set(xscale="log", yscale="log", title=law, xlabel="unit roundoff u")


def draw_drift(dataset: xr.Dataset, ax: Axes) -> None:
    """Violations of balancedness added up along the steps, in u, mean of all starts, on ``ax``."""
    table = dataset.meter_violation.sel(meter_law="balancedness", meter_share="all")
    added = table.mean("meter_start").cumsum("meter_step")
    for name, unit in zip(
        dataset.meter_arithmetic.values, violation(dataset, "Lyapunov")[0], strict=True
    ):
        style: dict[str, Any] = _style.line(str(name)) | {"marker": ""}
        ax.plot(1 + dataset.meter_step, added.sel(meter_arithmetic=name) / unit, **style)
    ax.set(title="balancedness, added up", xlabel="steps", ylabel="violations so far / u")


def meter(dataset: xr.Dataset) -> Figure:
    """Both laws against u, and the sum along the steps."""
    laws = [str(law) for law in dataset.meter_law.values]
    figure, (axes,) = panels(len(laws) + 1, width=3.3, height=3.4)
    for ax, law in zip(axes, laws, strict=False):
        draw_meter(dataset, law, ax)
    axes[0].set_ylabel("violation per step")
    axes[1].sharey(axes[0])
    draw_drift(dataset, axes[-1])
    figure.suptitle(
        "Exact laws of gradient descent measure the format: u per step", x=0.01, ha="left"
    )
    extra = [
        *(
            Line2D([], [], label=str(name), **{**_style.line(str(name)), "linestyle": ""})
            for name in dataset.meter_arithmetic.values
        ),
        Line2D([], [], color="k", marker="o", ls="", mfc="w", label="the gradient's rounding"),
        Line2D([], [], color="k", lw=1, label="u"),
    ]
    figure.legend(handles=extra, loc="outside lower center", fontsize=8, ncols=4)
    return Figure(
        "meter",
        "How far a step of gradient descent is from the exact discrete laws of balancedness "
        "(largest of all neurons) and of the Lyapunov function, for a constant target; root mean "
        f"square over {dataset.sizes['meter_start']} starts and {dataset.sizes['meter_step']} "
        "steps. Open markers: what the rounding of the gradient alone breaks. p=4, p=16: emulated "
        "formats of so many bits; the others are native.",
        figure,
    )


PICTURES = ((meter, ()),)
