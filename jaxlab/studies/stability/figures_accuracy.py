"""Figures of part "accuracy": reconstructions with error maps, PSNR, and the gap along restarts."""

import numpy as np
import xarray as xr

from jaxlab.studies._drawing import legend_below, panels, plain
from jaxlab.studies._study import Figure
from jaxlab.studies._style import line
from jaxlab.studies.stability.accuracy import NOISE, NOISY_LAM, NOISY_RATE
from jaxlab.studies.stability.config import CONTROL

_STRETCH = 5
"""Errors are shown so many times brighter."""


def reconstructions(dataset: xr.Dataset) -> Figure:
    """Truth, adjoint, and FIRENET in 64 and 16 bits, with the errors below."""
    scenes, shown = dataset.accuracy_scene.values, dataset.accuracy_shown.values
    figure, axes = panels(len(shown), rows=2 * len(scenes), width=2.1, height=2.25)
    stacks = dataset.accuracy_picture.values
    for i, (scene, stack) in enumerate(zip(scenes, stacks, strict=True)):
        for j, name in enumerate(shown):
            top, below = axes[2 * i, j], axes[2 * i + 1, j]
            top.imshow(stack[j], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            error = np.abs(stack[j] - stack[0])
            below.imshow(_STRETCH * error, cmap="magma", vmin=0, vmax=1, interpolation="nearest")
            psnr = -10 * np.log10(np.mean(error**2)) if j else None
            label = f"FIRENET, {name}" if j > 1 else name
            top.set_title(label + ("" if psnr is None else f"\n{psnr:.1f} dB"), fontsize=9)
        axes[2 * i, 0].set_ylabel(scene)
        axes[2 * i + 1, 1].set_ylabel(f"|error| x {_STRETCH}")
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
    for ax in axes[1::2, 0]:
        ax.remove()  # the truth has no error
    rate = int(dataset.accuracy_shown_kept[0]) / stacks[0, 0].size
    figure.suptitle(f"{rate:.0%} of the Walsh samples: 16 bits show what 64 bits show", fontsize=11)
    return Figure(
        "accuracy_reconstructions",
        f"Reconstructions from {rate:.0%} of the sequency-ordered Walsh samples, the same random "
        "mask for all: the adjoint alone (zero-filled) and FIRENET in native float64 and bfloat16. "
        f"Below each the modulus of its error, {_STRETCH} times brighter.",
        figure,
    )


def psnr_against_rate(dataset: xr.Dataset) -> Figure:
    """PSNR against the share of measurements, by scene and transform."""
    scenes, transforms = dataset.accuracy_scene.values, ("fourier", "walsh")
    figure, axes = panels(len(scenes), width=3.9, sharex=True)
    rates = 100 * dataset.accuracy_rate.values
    for ax, scene in zip(axes[0], scenes, strict=True):
        found = dataset.sel(accuracy_scene=scene).mean("accuracy_mask")
        for method in dataset.accuracy_method.values:
            transform, fmt = method.split()
            style = line(fmt) | {"linestyle": "--" if transform == "fourier" else "-"}
            value = found.accuracy_psnr.sel(accuracy_method=method)
            ax.plot(rates, value, label=f"{transform.capitalize()}, {fmt}", **style)
        for transform, stroke in zip(transforms, ("--", "-"), strict=True):
            value = found.accuracy_adjoint_psnr.sel(accuracy_method=f"{transform} {CONTROL}")
            label = f"{transform.capitalize()}, adjoint alone"
            ax.plot(rates, value, color="#9aa1a8", linestyle=stroke, label=label)
        ax.set(title=scene, xlabel="measurements (%)", ylabel="PSNR (dB)", xticks=rates)
        plain(ax.xaxis)
    figure.suptitle("Rounding shows only where the reconstruction is exact", fontsize=11)
    legend_below(figure, axes[0, 0], ncols=3)
    return Figure(
        "accuracy_psnr",
        "PSNR against the share of measurements, means over random masks. Formats are native; all "
        "see the same masks. They part only where the control's error falls below a few unit "
        "roundoffs of the narrower format.",
        figure,
    )


def gap_along_restarts(dataset: xr.Dataset) -> Figure:
    """The gap of the objective against iterations, for few and many in a restart."""
    names = dataset.accuracy_transform.values
    figure, axes = panels(len(names), width=3.9, sharey=True)
    tints = ("#d55e00", "#0072b2", "#009e73", "#7b4ea3")
    for ax, name in zip(axes[0], names, strict=True):
        for p, tint in zip(dataset.accuracy_iterations.values, tints, strict=False):
            found = dataset.accuracy_gap.sel(accuracy_transform=name, accuracy_iterations=p)
            ax.loglog(p * found.accuracy_restart, found, color=tint, marker=".", label=f"p = {p}")
        ax.set(title=str(name).capitalize(), xlabel="iterations: restarts times p")
        plain(ax.xaxis)
    axes[0, 0].set_ylabel("relative gap of the objective")
    figure.suptitle("Too few iterations per restart stall", fontsize=11)
    legend_below(figure, axes[0, 0], ncols=4)
    return Figure(
        "accuracy_gap",
        f"Phantom, {NOISY_RATE:.0%} of the samples with {NOISE:.0%} noise, lam = {NOISY_LAM:g}: "
        "gap of the objective after every restart, above the least value that a long run found.",
        figure,
    )


PICTURES = (
    (reconstructions, ("accuracy_shown_kept",)),
    (psnr_against_rate, ("accuracy_kept",)),
    (gap_along_restarts, ("accuracy_gap_kept",)),
)
