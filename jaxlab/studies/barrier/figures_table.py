"""The picture of the table: published, as the script behaves, and corrected, side by side."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from jaxlab.studies._drawing import panels
from jaxlab.studies._study import Figure
from jaxlab.studies.barrier.table import DIGITS, GAPS, PUBLISHED_FIRENET, PUBLISHED_LISTA

_LISTA: dict[str, Any] = {"color": "#d55e00", "marker": "s", "label": "LISTA"}
_FIRENET: dict[str, Any] = {"color": "#0072b2", "marker": "o", "label": "FIRENET"}
_SHORT: dict[str, Any] = {"color": "#009e73", "marker": "D", "label": "FIRENET, steps 1/||A||"}
_TRAINED: dict[str, Any] = {"color": "#000000", "marker": "x", "label": "LISTA trained here"}
_LINES = {1.5: "1.5", 1.5 * 3**0.5: "1.5√3", 3.0: "3"}


def draw_scores(rows: Sequence | xr.DataArray, ax: Axes, up: float = 0.0, **style) -> None:
    """Scores times ``10**K``, one row of the picture for every ``K`` and ``n``, on ``ax``."""
    units = np.asarray(rows) * 10.0 ** np.array(DIGITS)[:, None]
    ax.plot(units.ravel(), np.arange(units.size) - up, ls="", **style)


def table(dataset: xr.Dataset) -> Figure:
    """Three columns, kept apart."""
    figure, (axes,) = panels(3, width=3.3, height=3.7, sharey=True, sharex=True)
    score, right = dataset.table_score.sel(table_steps="script"), {"table_truth": "right"}
    draw_scores(PUBLISHED_LISTA, axes[0], **_LISTA)
    draw_scores(PUBLISHED_FIRENET, axes[0], **_FIRENET)
    draw_scores(score.sel(table_truth="script"), axes[1], **_FIRENET)
    draw_scores(dataset.table_separation, axes[2], **_LISTA)
    draw_scores(score.sel(**right), axes[2], up=0.15, **_FIRENET)
    draw_scores(
        dataset.table_score.sel(table_steps="1/||A||", **right), axes[2], up=-0.15, **_SHORT
    )
    for i, k in enumerate(DIGITS):
        for j, n in enumerate(GAPS):
            if k in dataset.trained_digits and n in dataset.trained_gap:
                got = float(dataset.trained_other.sel(trained_digits=k, trained_gap=n))
                axes[2].plot(got * 10**k, len(GAPS) * i + j, ls="", **_TRAINED)
    titles = ("published (recalled)", "as the script behaves", "corrected")
    for ax, title in zip(axes, titles, strict=True):
        ax.set(title=title, xscale="log", xlim=(0.75, 12), xlabel="error × $10^{K}$")
        ax.set_xticks([1, *_LINES, 10], ["1", *_LINES.values(), "10"], fontsize=8)
        ax.set_xticks([], minor=True)
        ax.get_xticklabels()[2].set_ha("right")
        for most, label in ((1, "K digits"), (10, "K−1 digits")):
            ax.axvline(most, color="k", lw=1)
            ax.text(most, 4, f"{label} ", rotation=90, fontsize=7, va="center", ha="right")
    names = [f"K={k}, n={n}" for k in DIGITS for n in GAPS]
    axes[0].set_yticks(range(len(names)), names)
    axes[0].invert_yaxis()
    handles = {line.get_label(): line for line in axes[2].get_lines()}
    shown = [
        handles[style["label"]]
        for style in (_LISTA, _FIRENET, _SHORT, _TRAINED)
        if style["label"] in handles
    ]
    figure.legend(handles=shown, loc="outside lower center", fontsize=8, ncols=4)
    figure.suptitle(
        "K−1 digits, never K: the script's wrong truth moves FIRENET from 1.5 to 1.5√3",
        x=0.01,
        ha="left",
    )
    return Figure(
        "table",
        "Errors of the demonstration in units of 10^-K; left of the line 1 would be K digits, left "
        "of 10 are K−1. Published digits are recalled. The script compares K = 1 and 3 with a "
        "truth whose entry is at the end of the vector. LISTA in the right column: the distance of "
        "the two minimisers, which a network that has learnt the other problem must score.",
        figure,
    )


PICTURES = ((table, ()),)
