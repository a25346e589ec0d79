"""The picture of three targets: norm and risk to large times, and the same descent in formats."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from jaxlab.studies import _style
from jaxlab.studies._drawing import panels
from jaxlab.studies._study import Figure
from jaxlab.studies.flow.targets import EVERY, LOSS_LIMIT, NORM_LIMIT, RATE

_TINTS = {"constant": "#0072b2", "polynomial": "#009e73", "step": "#d55e00"}
_LABELS = {"constant": "constant", "polynomial": "x²", "step": "step, 2 neurons"}
_LEAST = 1e-10


def draw_flows(dataset: xr.Dataset, variable: str, ax: Axes) -> None:
    """One quantity along all flows, one colour per target, on ``ax``."""
    for target, tint in _TINTS.items():
        values = dataset[variable].sel(target=target).transpose("target_time", "target_start")
        lines = ax.plot(dataset.target_time[1:], values[1:], color=tint, lw=1)
        lines[0].set_label(_LABELS[target])
    ax.set(xscale="log", yscale="log", xlabel="t")


def draw_descent(dataset: xr.Dataset, ax: Axes) -> None:
    """Risk of gradient descent for the step target, one line per format, on ``ax``."""
    times = RATE * EVERY * (1 + dataset.target_record)
    for name in dataset.target_format.values:
        style: dict[str, Any] = _style.line(str(name)) | {"marker": ""}
        if name in ("float32", "bfloat16"):
            style["linestyle"] = "--"  # they lie on float64 and float16
        ax.plot(times, dataset.descent_loss.sel(target_format=name), **style, label=str(name))
    late = times[times > times.max() / 10]
    ax.plot(late, LOSS_LIMIT / np.sqrt(late), "k:", lw=1)
    ax.set(xscale="log", yscale="log", xlabel="steps × rate", title="risk: step in formats")
    ax.legend(fontsize=8, loc="lower left")


def targets(dataset: xr.Dataset) -> Figure:
    """Norm, risk, and the descents."""
    figure, (axes,) = panels(3, width=3.4, height=3.3)
    times = dataset.target_time.values
    late = times[times >= 1]
    draw_flows(dataset, "target_norm", axes[0])
    axes[0].plot(late, NORM_LIMIT * late**0.25, "k:", lw=1, label="derived asymptote")
    axes[0].set(title="norm of the parameters")
    axes[0].legend(fontsize=8)
    draw_flows(dataset, "target_loss", axes[1])
    axes[1].plot(late, LOSS_LIMIT / late**0.5, "k:", lw=1)
    axes[1].set(title="risk", ylim=(_LEAST, 100))
    draw_descent(dataset, axes[2])
    figure.suptitle(
        "A step drives two neurons to infinity as t^(1/4); in 16-bit formats it stops at once",
        x=0.01,
        ha="left",
    )
    return Figure(
        "targets",
        "Flows from random starts for the constant 3/4 (4 neurons) and for x² (2 to 4 neurons), "
        "and from ramps of slope 3 for the step at 1/2 (2 neurons). Dotted: 1.314 t^(1/4) and "
        f"0.2158 t^(-1/2), derived. Risks below {_LEAST:g} are not shown. Right: gradient descent "
        f"with rate {RATE:g} from the ramp, everything in one format.",
        figure,
    )


PICTURES = ((targets, ("target_verdict",)),)
