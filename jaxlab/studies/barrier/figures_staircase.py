"""Pictures of digits: by format against the gap, and in the plane of gap and known input."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

from jaxlab.studies import _style
from jaxlab.studies._drawing import panels
from jaxlab.studies._study import Figure
from jaxlab.studies.barrier.staircase import GAPS, OVERFLOW, PLANE, READINGS

_STRENGTH = (1.0, 0.45, 0.15)
"""Opacity of ``K``, ``K - 1`` and ``K - 2`` digits."""

_PANELS = 4
_LEVELS = ("#d9dde3", "#56b4e9", "#0072b2")
_READ = {"adversary": "read by an adversary", "nearest": "read to the nearest multiple"}
_ROWS = {"equal": "both rows have the gap $2^{-n}$", "hidden": "gap of row K below all $2^{-m}$"}


def draw_stairs(dataset: xr.Dataset, digits: int, ax: Axes) -> None:
    """Bars by format along ``n``: the paler, the fewer digits, on ``ax``."""
    obtained = dataset.staircase_obtained.sel(staircase_digits=digits)
    n = dataset.staircase_gap.values
    for at, name in enumerate(obtained.staircase_format.values):
        own = obtained.sel(staircase_format=name).values
        if not np.isfinite(own).all():
            text = "overflow" if (own == OVERFLOW).any() else "not computed"
            ax.text(0.5, at, text, fontsize=7, va="center", color="#777777")
            continue
        missing = digits - np.minimum(own, digits)
        falls = 1 + np.flatnonzero(np.diff(missing))
        edges = np.concatenate([[0], falls, [n.size]]) - 0.5
        for left, right, tier in zip(edges, edges[1:], missing[np.append(0, falls)], strict=False):
            strength = _STRENGTH[int(tier)]
            ax.barh(at, right - left, left=left, color=_style.colour(str(name)), alpha=strength)
        if falls.size:
            text = ", ".join(map(str, n[falls]))
            ax.text(edges[-2] + 0.4, at, text, fontsize=7, va="center")
    ax.set(xlabel="n (gap $2^{-(n+1)}$)", title=f"K = {digits}", xlim=(-0.5, n[-1] + 0.5))
    ax.set_yticks(range(obtained.sizes["staircase_format"]), obtained.staircase_format.values)
    ax.grid(axis="y", visible=False)


def stairs(dataset: xr.Dataset) -> Figure:
    """The staircase of every format."""
    chosen = dataset.staircase_digits.values[:_PANELS]
    figure, (axes,) = panels(len(chosen), width=2.9, height=3.8, sharey=True)
    for digits, ax in zip(map(int, chosen), axes, strict=True):
        draw_stairs(dataset, digits, ax)
    axes[0].invert_yaxis()
    figure.suptitle(
        "K, then K−1, then K−2 digits: every format has the staircase, each at its own gaps",
        x=0.01,
        ha="left",
    )
    shades = [
        Patch(color="#333333", alpha=alpha, label=label)
        for alpha, label in zip(_STRENGTH, ("K digits", "K−1 digits", "K−2 digits"), strict=True)
    ]
    figure.legend(handles=shades, loc="outside lower center", fontsize=8, ncols=3)
    return Figure(
        "staircase",
        "Digits that an exact solver obtains from the three-tier problem (rows for K and for K−1, "
        "gaps of both 2^-(n+1)) when every number is rounded once to a format; least of four "
        "problems, in exact integers. Numbers: the n at which a step is lost. p=16, ...: so many "
        "bits, exponents of float32. Row K can outlive row K−1 (float16, K = 2): then K−1 is "
        "skipped.",
        figure,
    )


def draw_plane(dataset: xr.Dataset, reading: str, above: str, ax: Axes) -> None:
    """Digits by ``n`` and ``m``, on ``ax``."""
    plane = dataset.staircase_plane.sel(staircase_reading=reading, staircase_above=above)
    plane = plane.transpose("staircase_bits", "staircase_row")
    n, m = plane.staircase_row.values, plane.staircase_bits.values
    ax.pcolormesh(
        n,
        m,
        np.minimum(plane.values, PLANE),
        cmap=ListedColormap(_LEVELS),
        vmin=PLANE - 2.5,
        vmax=PLANE + 0.5,
        edgecolors="white",
        lw=0.4,
    )
    steps = np.repeat(np.arange(n[0], n[-1] + 2) - 0.5, 2)[1:-1]
    ax.plot(steps, np.repeat(n + 1.5, 2), color="k", lw=1.2)
    ax.set(title=f"{_ROWS[above]};\n{_READ[reading]}", ylim=(m[0] - 0.5, m[-1] + 0.5))
    ax.title.set_fontsize(9)
    ax.grid(visible=False)


def plane(dataset: xr.Dataset) -> Figure:
    """Both kinds of gaps, both ways to read."""
    figure, axes = panels(len(GAPS) * len(READINGS), width=2.7, height=3.6, sharey=True)
    pairs = [(reading, above) for reading in reversed(READINGS) for above in GAPS]
    for (reading, above), ax in zip(pairs, axes[0], strict=True):
        draw_plane(dataset, reading, above, ax)
        ax.set(xlabel="n (gap)")
    axes[0][0].set(ylabel="m (input known to $2^{-m}$)")
    axes[0][0].set_yticks(dataset.staircase_bits.values[::4])
    figure.suptitle(
        "Exact arithmetic does not help: the input must be known two bits beyond the gap",
        x=0.01,
        ha="left",
    )
    labels = [f"{PLANE - 2} digits", f"{PLANE - 1} digits", f"{PLANE} digits"]
    shades = [Patch(color=c, label=t) for c, t in zip(_LEVELS, labels, strict=True)]
    figure.legend(handles=shades, loc="outside lower center", fontsize=8, ncols=3)
    return Figure(
        "plane",
        f"Digits of the three-tier problem, K = {PLANE}, against the gap 2^-n and the accuracy "
        "2^-m of the input, in rational arithmetic; least of four problems. Black: m = n + 2, from "
        "which on balls of radius 2^-m about the two matrices are disjoint. A row whose gap is "
        "smaller than anything seen costs the K-th digit for ever; the (K−1)-st comes after a wait "
        "that no one can bound.",
        figure,
    )


PICTURES = ((stairs, ()), (plane, ()))
