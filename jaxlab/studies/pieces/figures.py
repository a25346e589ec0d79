"""The pictures of study `pieces`: each shows one thing, from stored data alone."""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from jaxlab.regions import bounds
from jaxlab.studies import _style
from jaxlab.studies._drawing import drawn, error_bars, legend_below, panels, plain
from jaxlab.studies._judging import CONFIDENCE
from jaxlab.studies._study import Figure
from jaxlab.studies.pieces import figure_emulated
from jaxlab.studies.pieces.config import CONTROL
from jaxlab.studies.pieces.judging import kept_share
from jaxlab.studies.pieces.step import example_depth

_COLOURS = ("#000000", "#0072b2", "#d55e00", "#009e73")
_NOISE_FORMATS = {8: "bfloat16", 11: "float16", 24: "float32", 53: "float64"}


def figures(dataset: xr.Dataset) -> list[Figure]:
    """All figures whose data are complete."""
    return drawn(_FIGURES, dataset)


def _step_legend(figure, ax: Axes) -> None:
    """One legend below all panels: noise levels, the exact step, the bound."""
    extra = [
        Line2D([], [], color="0.6", lw=3, alpha=0.5, label="exact step: $2^L$"),
        Line2D([], [], color="0.3", lw=1, ls=":", label="bound (colour: ε)"),
    ]
    legend_below(figure, ax, extra, ncols=5, title="noise ε")


def draw_initial(dataset: xr.Dataset, ax: Axes) -> None:
    """Mean pieces at He's start against the number of hidden neurons, on ``ax``."""
    means = dataset.initial_pieces.sel(segment="[-1, 1]").mean("network")
    labels = {"gaussian": "N(0, 1)", "he": "He", "pytorch": "PyTorch default"}
    for (law, label), tint in zip(labels.items(), _COLOURS, strict=False):
        for width, marker in zip(means.width.values, "osD^vP", strict=False):
            one = means.sel(law=law, width=width)
            ax.plot(
                one.depth * width,
                one,
                marker=marker,
                color=tint,
                mfc="none",
                label=f"{label}, width {width}",
            )
    neurons = dataset.width * dataset.depth
    neurons = np.array([float(neurons.min()), float(neurons.max())])
    ax.plot(neurons, 1 + neurons / 2, color="0.5", ls="--", label="1 + neurons / 2")
    ax.set(xlabel="hidden neurons", ylabel="mean affine pieces on [−1, 1]")
    ax.set_xscale("log", base=2)
    ax.set_yscale("log", base=2)
    plain(ax.xaxis, ax.yaxis)
    ax.legend(fontsize=7.5)


def _initial(dataset: xr.Dataset) -> Figure:
    figure, ((ax,),) = panels(1, width=5.2, height=3.8)
    draw_initial(dataset, ax)
    ax.set_title("Random networks: pieces follow the neurons, not the depth")
    return Figure(
        "initial",
        f"Mean number of affine pieces of {dataset.sizes['network']} random networks per point, "
        "before training. Dashed: the exact law 1 + N/2 of one hidden layer. Exact counts by "
        "breakpoint propagation in float64.",
        figure,
    )


def draw_step(dataset: xr.Dataset, network: str, variable: str, ax: Axes) -> None:
    """Mean counts after the noisy step against depth, one line per noise level, on ``ax``."""
    counts = dataset[variable].sel(step_network=network).mean("draw")
    exponents = -np.log2(dataset.epsilon.values)
    shades = plt.get_cmap("viridis")(np.linspace(0.05, 0.85, len(exponents)))
    for exponent, shade in zip(exponents, shades, strict=True):
        at = {"epsilon": 2.0**-exponent}
        name = _NOISE_FORMATS.get(int(exponent))
        label = f"$2^{{-{exponent:.0f}}}$" + (f" ({name})" if name else "")
        style = {"color": shade, "marker": "o"}
        if name:
            style |= {"color": _style.colour(name), "marker": _style.line(name)["marker"]}
        ax.plot(counts.step_depth, counts.sel(at), label=label, **style)
        bound = dataset.step_bound.sel(step_network=network, **at)
        ax.plot(counts.step_depth, bound, color=style["color"], ls=":", lw=1)
    depth = dataset.step_depth
    if "sawtooth" in network:
        ax.plot(depth, 2.0**depth, color="0.6", lw=3, alpha=0.5, zorder=0)
    ax.set(yscale="log", xlabel="hidden layers L")
    ax.set_ylim(0.8, 4 * 2.0 ** int(depth.max()))


def _step(dataset: xr.Dataset) -> Figure:
    figure, axes = panels(3, sharey=True, width=3.3, height=3.9)
    titles = {
        "sawtooth": "Usual sawtooth:\nslopes $2^L$, noise is harmless",
        "slope-normalised sawtooth": "Slopes ≤ 1 (assumption B):\nnoise caps the pieces near 1/ε",
        "trained from He": "Trained from He's start:\nfew pieces to lose",
    }
    for ax, (network, title) in zip(axes[0], titles.items(), strict=True):
        draw_step(dataset, network, "step_pieces", ax)
        ax.set_title(title)
    axes[0, 0].set_ylabel("affine pieces on [0, 1]")
    _step_legend(figure, axes[0, 0])
    return Figure(
        "step",
        "Affine pieces after one gradient step whose bias updates carry relative noise ε (mean of "
        f"{dataset.sizes['draw']} draws). Left and middle: the exact step, of size 1 in every "
        "bias, would land on the sawtooth with 2^L pieces (thick grey). Dotted: bound on the "
        "expected regions at the measured slopes. Noise model: Karner, Kazeev, Petersen (2024); "
        "networks and constants are jaxlab's reconstruction.",
        figure,
    )


def _regions_and_pieces(dataset: xr.Dataset) -> Figure:
    figure, axes = panels(2, sharey=True, width=3.9, height=3.7)
    for ax, variable in zip(axes[0], ("step_regions", "step_pieces"), strict=True):
        draw_step(dataset, "slope-normalised sawtooth", variable, ax)
    axes[0, 0].set_title("Activation regions level off ...")
    axes[0, 1].set_title("... while affine pieces decay")
    axes[0, 0].set_ylabel("mean count on [0, 1]")
    _step_legend(figure, axes[0, 0])
    return Figure(
        "regions-and-pieces",
        "The same noisy steps to the slope-normalised sawtooth, counted both ways. The paper "
        "counts activation regions as a proxy; beyond the critical depth log2(1/ε) the proxy "
        "stays up while the function itself becomes affine. Dotted: bound.",
        figure,
    )


def _functions(dataset: xr.Dataset) -> Figure:
    chosen = [e for e in (2.0**-8, 2.0**-6, 2.0**-4) if e in dataset.epsilon]
    figure, axes = panels(1 + len(chosen), rows=2, sharex=True, width=2.6, height=2.2)
    depth = example_depth([int(d) for d in dataset.step_depth])
    x = dataset["sample"]
    for row, network in zip(axes, dataset.step_network.values[:2], strict=True):
        one = dataset.sel(step_network=network, step_depth=depth, draw=0)
        row[0].plot(x, one.control_example, color="k", lw=0.7)
        row[0].set_title(f"exact step: {int(one.control_pieces)} pieces")
        for ax, epsilon in zip(row[1:], chosen, strict=True):
            after = one.sel(epsilon=epsilon)
            ax.plot(x, after.step_example, color=_style.colour("bfloat16"), lw=0.7)
            exponent = np.log2(epsilon)
            ax.set_title(f"ε = $2^{{{exponent:.0f}}}$: {int(after.step_pieces)} pieces")
        row[0].set_ylabel(f"{network}\nf(x)".replace("slope-normalised ", "slope-normalised\n"))
    for ax in axes[1]:
        ax.set_xlabel("x")
    return Figure(
        "functions",
        f"The network function of depth {depth} after the exact step and after noisy ones (the "
        "first draw). Above, the usual sawtooth; below, the one with internal slopes ±1, which the "
        "same noise flattens. The vertical scales differ.",
        figure,
    )


def _through_training(dataset: xr.Dataset) -> Figure:
    models = [str(m) for m in dataset.model.values]
    rates = dataset.learning_rate.values
    figure, axes = panels(
        len(models), rows=len(rates), sharex=True, sharey=True, width=2.9, height=2.0
    )
    pieces = dataset.trained_pieces.sel(target="x^2")
    # The same starts in every format: one that any of them does not finish is left out of all.
    pieces = pieces.where((pieces > 0).all(("policy", "checkpoint")))
    for column, model in enumerate(models):
        for ax, rate in zip(axes[:, column], rates, strict=True):
            for policy in dataset.policy.values:
                runs = pieces.sel(model=model, learning_rate=rate, policy=policy)
                ax.plot(
                    dataset.checkpoint,
                    runs.median("seed"),
                    label=policy,
                    **_policy_style(str(policy)),
                )
            ax.set_xscale("symlog", linthresh=1)
            ax.set_yscale("log", base=2)
            plain(ax.xaxis, ax.yaxis)
            if column == 0:
                ax.set_ylabel(f"rate {rate:g}\naffine pieces")
        axes[0, column].set_title(model)
        axes[-1, column].set_xlabel("gradient steps")
    legend_below(figure, axes[0, 0], ncols=3)
    return Figure(
        "training",
        f"Affine pieces through full-batch gradient descent towards x², median of "
        f"{dataset.sizes['seed']} starts less those that some format does not finish; every format "
        "begins from identical reals. Differences within a panel are rounding; differences between "
        "rows are the learning rate.",
        figure,
    )


def _policy_style(policy: str) -> dict:
    fmt, *gradients = policy.split(" ")
    style = _style.line(fmt) | {"markersize": 3.5, "lw": 1.1}
    if gradients:
        style |= {"linestyle": ":", "marker": ""}
    return style


def _damage(dataset: xr.Dataset) -> Figure:
    models = [str(m) for m in dataset.model.values]
    figure, axes = panels(len(models), sharey=True, width=2.7, height=3.2)
    final = dataset.trained_pieces.isel(checkpoint=-1)
    for ax, model in zip(axes[0], models, strict=True):
        for policy in dataset.policy.values[1:]:
            kept = [
                kept_share(one.sel(policy=policy), one.sel(policy=CONTROL), "seed").share
                for one in (final.sel(model=model, learning_rate=r) for r in final.learning_rate)
            ]
            style = _policy_style(str(policy))
            error_bars(ax, dataset.learning_rate, kept, label=policy, **style)
        ax.axhline(1, color="k", lw=0.8)
        ax.set(xscale="log", xlabel="learning rate", title=model)
        ax.set_yscale("log", base=2)
        plain(ax.yaxis)
    axes[0, 0].set_ylabel(f"pieces at the end / {CONTROL}'s")
    legend_below(figure, axes[0, 0], ncols=5)
    return Figure(
        "damage",
        "Rounding damage in real training: geometric mean over starts and targets of the final "
        "number of pieces, relative to the float64 run from the same start at the same rate "
        f"(1: no damage), with {CONFIDENCE}s; runs that do not finish are left out. 'gradients': "
        "only the gradient is computed in the format.",
        figure,
    )


def _constructed(dataset: xr.Dataset) -> Figure:
    figure, ((ax,),) = panels(1, width=5.0, height=3.6)
    depth = dataset.constructed_depth
    for name, marker, size in zip(dataset.construction.values, "osD^", (9, 7, 5, 3), strict=True):
        counts = dataset.constructed_pieces.sel(construction=name)
        ax.plot(depth, counts, marker, ms=size, mfc="none", label=name, color=_style.colour(name))
    ax.plot(depth, 2.0**depth, color="0.6", label="$2^L$", zorder=0)
    most = [bounds.most_regions([2] * int(d)) for d in depth.values]
    ax.plot(depth, most, color="0.3", ls=":", label="most for width 2: $3^L$")
    ax.set(yscale="log", xlabel="hidden layers L", ylabel="affine pieces on [0, 1]")
    ax.set_title("Constructed networks: pieces exponential in depth")
    ax.legend()
    return Figure(
        "constructed",
        "Exact counts of the constructed networks. All four constructions have 2^L pieces.",
        figure,
    )


_FIGURES = (
    (_step, ("step_pieces",)),
    (_regions_and_pieces, ("step_pieces", "step_regions")),
    (_functions, ("step_pieces",)),
    (_through_training, ("trained_pieces",)),
    (_damage, ("trained_pieces",)),
    (figure_emulated.emulated, ("rounded_pieces", "noisy_pieces", "exact_pieces")),
    (_constructed, ("constructed_pieces",)),
    (_initial, ("initial_pieces",)),
)
