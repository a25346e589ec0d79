"""Pictures of the floor: error against restarts by arithmetic, floors in u, and growth."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from jaxlab.studies import _style
from jaxlab.studies._arithmetics import is_emulated
from jaxlab.studies._drawing import panels
from jaxlab.studies._study import Figure
from jaxlab.studies.stability.claims_floor import BAND, KINDS, NONE, RULE, overflows, relative
from jaxlab.studies.stability.floor import COMPLEX, unit_roundoff

_EMULATED = ("#7b4ea3", "#a6324b", "#8c6d31", "#2f8f8f", "#6b8e23", "#5f6b73")


def style(dataset: xr.Dataset, name: str) -> dict[str, Any]:
    """Colour, marker and line style: the house's of native formats, dots for emulated ones."""
    if is_emulated(name):
        emulated = [other for other in dataset.floor_arithmetic.values if is_emulated(other)]
        tint = _EMULATED[emulated.index(name) % len(_EMULATED)]
        return {"color": tint, "marker": ".", "linestyle": ":"}
    return _style.line(COMPLEX.get(name, name))


def draw_paths(dataset: xr.Dataset, ax: Axes) -> None:
    """Relative error against layers, step form with the rule, with every ``u``, on ``ax``."""
    for name, path in relative(dataset, "step", RULE).items():
        u, look = unit_roundoff(name), style(dataset, name)
        ax.plot(dataset.floor_restart, path * u, **look, ms=3, lw=1.2, label=name)
        ax.axhline(u, color=look["color"], lw=0.7, ls=":")
    ax.set(yscale="log", xlabel="restarts, of 3 x 40 layers each", ylabel="relative error")
    ax.set_title("the error follows nu^k down to u")


def draw_floors(dataset: xr.Dataset, ax: Axes) -> None:
    """Smallest error in u against bits, all kinds of networks, and the mean of copies."""
    ax.axhspan(*BAND, color="#e3e6ea", zorder=0)
    for kind, mark in zip(KINDS, "osD", strict=True):
        for name, path in relative(dataset, kind, RULE).items():
            tint = style(dataset, name)["color"]
            ax.plot(-np.log2(unit_roundoff(name)), path.min(), mark, mfc="none", color=tint)
    for name in map(str, dataset.floor_deviation_arithmetic.values):
        path = dataset.floor_deviation_error.sel(floor_deviation_arithmetic=name, floor_delta=RULE)
        u, tint = unit_roundoff(name), style(dataset, name)["color"]
        ax.plot(-np.log2(u), path.min() / u, "v", color=tint)
    for name in map(str, dataset.floor_arithmetic.values):
        mean = float(dataset.floor_mean_error.sel(floor_arithmetic=name, floor_average=1))
        u = unit_roundoff(name)
        ax.plot(-np.log2(u), mean / u, "k_", ms=11)
    ax.set(ylim=(0, 10), xlabel="bits p, u = 2^-p", ylabel="smallest error / u")
    ax.set_title("the floor is the rounding of the mean")
    marks = [
        Line2D([], [], color="k", ls="", marker=mark, mfc=fill, label=label)
        for mark, fill, label in (
            ("o", "none", "Walsh, step form"),
            ("s", "none", "Walsh, data form"),
            ("D", "none", "Fourier"),
            ("_", "k", "mean of 40 copies"),
            ("v", "k", "step form, deviations averaged"),
        )
    ]
    ax.legend(handles=marks, fontsize=8, loc="upper right")


def draw_growth(dataset: xr.Dataset, kind: str, ax: Axes) -> None:
    """Errors in u along the restarts, without ``delta`` and with the rule, on ``ax``."""
    for rule, stroke in ((NONE, "-"), (RULE, "--")):
        for name, path in relative(dataset, kind, rule).items():
            tint = style(dataset, name)["color"]
            ax.plot(dataset.floor_restart, path, color=tint, ls=stroke, lw=1.2)
            broken = np.flatnonzero(~np.isfinite(path))
            if broken.size:
                last = broken[0] - 1
                ax.plot(dataset.floor_restart[last], path[last], "X", color=tint, ms=7)
    if kind in overflows(dataset):
        ax.axvline(overflows(dataset)[kind], color=_style.colour("float16"), lw=0.8, ls=":")
    ax.set(yscale="log", ylim=(2, 100), xlabel="restarts", title=f"{kind} form")
    ax.set_yticks([2, 5, 10, 20, 50, 100], ["2", "5", "10", "20", "50", "100"])
    ax.minorticks_off()


def floors(dataset: xr.Dataset) -> Figure:
    """Paths and floors."""
    figure, (axes,) = panels(2, width=4.4, height=3.9)
    draw_paths(dataset, axes[0])
    draw_floors(dataset, axes[1])
    axes[0].legend(fontsize=8)
    figure.suptitle(
        "Rounding the mean of the iterates is what ends the error of a FIRENET", x=0.01, ha="left"
    )
    return Figure(
        "floor",
        "Phantom, p = 40, lam = 0.01, delta = u ||y||. Left: Walsh, step form; dotted lines are "
        "the unit roundoffs. Right: smallest errors in u; bars are the error of the mean of 40 "
        "copies of the truth in the same arithmetic, the grey band is the reference's. p=8 and so "
        "on are emulated: every operation rounded; the others are native.",
        figure,
    )


def growth(dataset: xr.Dataset) -> Figure:
    """Both forms with and without ``delta``."""
    figure, (axes,) = panels(2, width=4.4, height=3.6)
    for ax, kind in zip(axes, ("step", "data"), strict=True):
        draw_growth(dataset, kind, ax)
    axes[0].set_ylabel("relative error / u")
    names = list(map(str, dataset.floor_arithmetic.values))
    handles = [
        *(Line2D([], [], color=style(dataset, name)["color"], label=name) for name in names),
        Line2D([], [], color="0.3", label="delta = 0"),
        Line2D([], [], color="0.3", ls="--", label="delta = u ||y||"),
        Line2D([], [], color="0.3", ls="", marker="X", label="overflow follows"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=5, fontsize=8)
    figure.suptitle(
        "Without delta the error grows again or overflows; delta = u ||y|| keeps it",
        x=0.01,
        ha="left",
    )
    return Figure(
        "floor-growth",
        "Errors in unit roundoffs, Walsh measurements of the phantom. Dotted: the restart at which "
        "float16 must overflow in closed form.",
        figure,
    )


PICTURES = ((floors, ()), (growth, ()))
"""Each with the integer variables it cannot do without."""
