"""Shapes that the pictures of all studies share: panels, plain ticks, estimates with bars."""

from collections.abc import Callable, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import StrMethodFormatter
from numpy.typing import ArrayLike

from jaxlab.studies import _style
from jaxlab.studies._statistics import Estimate
from jaxlab.studies._study import Figure as Picture


def drawn(
    pictures: Sequence[tuple[Callable[[xr.Dataset], Picture], Sequence[str]]], dataset: xr.Dataset
) -> list[Picture]:
    """In the house style, every picture for which no cell of the counts it needs is missing.

    Parameters
    ----------
    pictures
        Pairs of a function from a Dataset to a picture, and the integer variables it needs.
    dataset
        The study's, possibly incomplete.
    """
    with _style.context():
        return [
            draw(dataset)
            for draw, needed in pictures
            if not any(bool((dataset[name] == -1).any()) for name in needed)
        ]


def plain(*axes) -> None:
    """Tick labels 16, 32, 64 on a logarithmic axis."""
    for axis in axes:
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))


def panels(columns: int, *, rows: int = 1, width: float = 3.6, height: float = 3.3, **options):
    """A figure and its axes, an array of rows, in inches per panel."""
    figure, axes = plt.subplots(
        rows, columns, figsize=(width * columns, height * rows), squeeze=False, **options
    )
    plt.close(figure)  # keep pyplot's global list of open figures empty
    return figure, axes


def legend_below(figure: Figure, ax: Axes, extra: Sequence[Line2D] = (), **options: Any) -> None:
    """One legend below all panels: what one of them shows, and lines of one's own."""
    handles, labels = ax.get_legend_handles_labels()
    handles += extra
    labels += [line.get_label() for line in extra]
    figure.legend(handles, labels, loc="outside lower center", fontsize=8, **options)


def error_bars(ax: Axes, x: ArrayLike, estimates: Sequence[Estimate], **style: Any) -> None:
    """Estimates against ``x`` with their intervals."""
    centre, low, high = (
        np.array([getattr(estimate, field) for estimate in estimates])
        for field in ("value", "low", "high")
    )
    ax.errorbar(x, centre, [centre - low, high - centre], elinewidth=0.8, capsize=2, **style)
