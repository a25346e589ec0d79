"""Pictures of worst-case perturbations: what they do, which details survive, who is stable."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from jaxlab.studies._drawing import panels
from jaxlab.studies._study import Figure
from jaxlab.studies.stability.attack import SHOWN
from jaxlab.studies.stability.claims_attack import FIRENET, LINEAR, quotients

_STYLES: dict[str, tuple[str, str]] = {
    LINEAR: ("#5f6b73", "x"),
    FIRENET: ("#0072b2", "o"),
    "LISTA": ("#d55e00", "^"),
    "U-Net": ("#009e73", "s"),
    "U-Net + noise": ("#7b4ea3", "D"),
}
_MAGNIFIED = 10


def draw_image(ax: Axes, image: xr.DataArray | np.ndarray, title: str, **style: Any) -> None:
    """A grey image between 0 and 1 without ticks, on ``ax``."""
    ax.imshow(
        image, **{"cmap": "gray", "vmin": 0.0, "vmax": 1.0, "interpolation": "nearest"} | style
    )
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    ax.spines[:].set_visible(False)
    ax.set_title(title, fontsize=9)


def rows(dataset: xr.Dataset) -> Figure:
    """One row per network: what it sees, the perturbation, and both reconstructions."""
    kinds = [str(kind) for kind in dataset.attack_network.values if kind != LINEAR]
    figure, axes = panels(4, rows=len(kinds), width=2.1, height=2.25)
    radius = float(dataset.attack_radius[-1])
    truth = dataset.attack_original.sel(attack_truth="image")
    before = dataset.attack_error.isel(attack_picture=SHOWN)
    after = dataset.attack_harm.sel(attack_way="worst").isel(attack_radius=-1, attack_image=SHOWN)
    for line, kind in zip(axes, kinds, strict=True):
        shown = dataset.attack_shown.sel(attack_network=kind)
        r = shown.sel(attack_view="perturbation")
        draw_image(line[0], truth + r, f"{kind}: x + r")
        draw_image(line[1], _MAGNIFIED * r, f"{_MAGNIFIED} r", cmap="RdBu_r", vmin=-1.0, vmax=1.0)
        for ax, view, name, error in (
            (line[2], "clean", "from A x", before),
            (line[3], "attacked", "from A(x + r)", after),
        ):
            percent = 100 * float(error.sel(attack_network=kind))
            draw_image(ax, shown.sel(attack_view=view), f"{name}: error {percent:.3g}%")
    ends = ", ".join(f"{100 * float(after.sel(attack_network=k)):.0f}% ({k})" for k in kinds)
    figure.suptitle(
        f"One image, perturbed by {radius:.0%}; error then: {ends}",
        x=0.01,
        ha="left",
        fontsize=10,
    )
    return Figure(
        "attack_rows",
        f"Test image {SHOWN} of random ellipses; for every network the worst perturbation found "
        f"with ||r|| = {radius:.0%} of ||x||, magnified {_MAGNIFIED} times in the second column "
        "(red: more, blue: less); reconstructions from clean and from perturbed measurements with "
        "their relative errors against x.",
        figure,
    )


def details(dataset: xr.Dataset) -> Figure:
    """Letters that are there, and a detail that is not."""
    kinds = [str(kind) for kind in dataset.attack_network.values]
    figure, axes = panels(len(kinds) + 1, rows=2, width=1.9, height=2.15)
    originals = dataset.attack_original
    letters = (
        originals.sel(attack_truth="with detail") - originals.sel(attack_truth="image")
    ).values
    draw_image(axes[0, 0], originals.sel(attack_truth="with detail"), "image with letters")
    draw_image(axes[1, 0], originals.sel(attack_truth="image"), "image without")
    places = np.argwhere(letters != 0)
    top, left = places.min(axis=0) - 0.5
    height, width = np.ptp(places, axis=0) + 1
    for kind, column in zip(kinds, axes.T[1:], strict=True):
        one = dataset.sel(attack_network=kind)
        views = one.attack_shown
        share = float(one.attack_detail.sel(attack_image=SHOWN))
        false = float(one.attack_false.sel(attack_image=SHOWN))
        draw_image(
            column[0], views.sel(attack_view="with detail"), f"{kind}\n{share:.0%} of contrast"
        )
        draw_image(column[1], views.sel(attack_view="false detail"), f"{false:.2f} ||r|| inside")
    for ax in axes[1]:
        ax.add_patch(Rectangle((left, top), width, height, fill=False, ec="#e69f00", lw=0.8))
    most = kinds[int(dataset.attack_false.sel(attack_image=SHOWN).argmax("attack_network"))]
    figure.suptitle(
        "Above: letters that no training image contains. Below: a perturbation outside the "
        f"rectangle draws false details inside, here most with {most}",
        x=0.01,
        ha="left",
    )
    return Figure(
        "attack_details",
        f"Test image {SHOWN}. Above: reconstructions from clean measurements of the image with "
        "letters, and how much of their contrast appears. Below: reconstructions of the image "
        "without letters from perturbed measurements; the perturbation, "
        f"{float(dataset.attack_radius[-1]):.0%} of the image, is zero inside the rectangle, and "
        "changes the result there by the given multiple of its norm.",
        figure,
    )


def draw_quotients(dataset: xr.Dataset, ax: Axes) -> None:
    """Quotient against radius: every image, geometric mean, and random perturbations, on ``ax``."""
    radius = 100 * dataset.attack_radius.values
    for place, kind in enumerate(map(str, dataset.attack_network.values)):
        tint, marker = _STYLES[kind]
        found = quotients(dataset, kind)
        shift = radius * 1.04 ** (place - 2)
        ax.plot(shift, found, marker, color=tint, ms=3, alpha=0.5)
        ax.plot(shift, np.exp(np.log(found).mean(axis=1)), color=tint, label=kind)
        ax.plot(shift, quotients(dataset, kind, "random").mean(axis=1), ":", color=tint, lw=1.2)
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="||r|| / ||x|| (%)",
        ylabel="||change|| / ||r||",
        title="Worst found (solid), random r (dotted)",
    )
    ax.set_xticks(radius, [f"{x:g}" for x in radius], minor=False)
    ax.minorticks_off()


def draw_balance(dataset: xr.Dataset, ax: Axes) -> None:
    """Error without perturbation against the quotient at the largest radius, on ``ax``."""
    tests = slice(0, dataset.sizes["attack_image"])
    for kind in map(str, dataset.attack_network.values):
        tint, marker = _STYLES[kind]
        error = dataset.attack_error.sel(attack_network=kind).isel(attack_picture=tests).values
        found = quotients(dataset, kind)[-1]
        ax.plot(error, found, marker, color=tint, ms=3, alpha=0.5)
        ax.plot(np.median(error), np.median(found), marker, color=tint, ms=9, mec="black", mew=0.8)
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="relative error without perturbation",
        ylabel=f"worst ||change|| / ||r|| at {float(dataset.attack_radius[-1]):.0%}",
        title="Accuracy and stability, every image",
    )


def stability(dataset: xr.Dataset) -> Figure:
    """Quotients against radii, and against accuracy."""
    figure, (axes,) = panels(2, width=4.2, height=3.7)
    draw_quotients(dataset, axes[0])
    draw_balance(dataset, axes[1])
    handles = [
        Line2D([], [], color=tint, marker=marker, lw=1.5, label=kind)
        for kind, (tint, marker) in _STYLES.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=8)
    figure.suptitle(_headline(dataset), x=0.01, ha="left")
    return Figure(
        "attack_stability",
        "Left: change of the reconstruction per size of the perturbation, for the worst found of "
        f"{dataset.sizes['attack_search']} searches (points: test images; lines: geometric means; "
        "lower bounds of the worst case) and for random perturbations. Right: the same at the "
        "largest radius against the error without perturbation; large symbols are medians.",
        figure,
    )


def _headline(dataset: xr.Dataset) -> str:
    """The largest quotient of every network, the largest first."""
    most = {str(kind): quotients(dataset, kind).max() for kind in dataset.attack_network.values}
    order = sorted(most, key=lambda kind: -most[kind])
    return "Largest change per perturbation: " + ", ".join(f"{k} {most[k]:.2g}" for k in order)


_NEEDED = ("attack_failed",)
PICTURES = ((rows, _NEEDED), (details, _NEEDED), (stability, _NEEDED))
