"""The picture of emulated training: what rounding and noise keep, and the errors of gradients."""

import xarray as xr
from matplotlib.axes import Axes

from jaxlab.studies import _style
from jaxlab.studies._drawing import error_bars, legend_below, panels, plain
from jaxlab.studies._judging import CONFIDENCE
from jaxlab.studies._study import Figure
from jaxlab.studies.pieces.judging import kept_share

_SCOPES = {"gradient": ("bfloat16", "rounded gradient"), "step": ("float8_e5m2", "rounded step")}
_QUANTILES = {0.5: "median", 0.9: "90%", 0.99: "99%"}


def draw_survival(dataset: xr.Dataset, model: str, rate: float, ax: Axes) -> None:
    """Pieces relative to the control's against the precision, for every arm, on ``ax``."""
    one = dataset.sel(emulated_model=model, emulated_rate=rate)
    arms = {
        label: (one.rounded_pieces.sel(scope=scope), fmt)
        for scope, (fmt, label) in _SCOPES.items()
        if scope in one.scope
    }
    noise = one.noisy_pieces.sel(noise_exponent=one.precision.values)
    arms["noise model, ε = u"] = (noise.rename(noise_exponent="precision"), "float32")
    for number, (label, (counts, fmt)) in enumerate(arms.items()):
        shares = [
            kept_share(counts.sel(precision=p), one.exact_pieces, "emulated_seed").share
            for p in one.precision.values
        ]
        beside = one.precision.values + 0.15 * number  # else the arms hide each other
        error_bars(ax, beside, shares, label=label, **_style.line(fmt))
    ax.axhline(1, color="k", lw=0.8)
    ax.set(xlabel="precision p (bits)", xticks=one.precision.values)


def draw_errors(dataset: xr.Dataset, model: str, ax: Axes) -> None:
    """Quantiles of the relative error of the first gradient, in ``u``, on ``ax``."""
    errors = dataset.gradient_error.sel(emulated_model=model, leaves="all")
    for (quantile, label), stroke in zip(_QUANTILES.items(), ("-", "--", ":"), strict=True):
        values = errors.sel(error_quantile=quantile)
        tint = _style.colour("bfloat16")
        ax.plot(errors.precision, values, stroke, marker="o", color=tint, label=label)
    ax.axhspan(ax.get_ylim()[0], 1, color=_style.colour("float32"), alpha=0.15, label="noise model")
    ax.set(xlabel="precision p (bits)", xticks=errors.precision.values, yscale="log")


def emulated(dataset: xr.Dataset) -> Figure:
    """One row per model: a panel per learning rate, and one for the errors of the gradient."""
    models = [str(model) for model in dataset.emulated_model.values]
    rates = [float(rate) for rate in dataset.emulated_rate.values]
    figure, axes = panels(len(rates) + 1, rows=len(models), width=3.1, height=3.0)
    for row, model in zip(axes, models, strict=True):
        for ax, rate in zip(row, rates, strict=False):
            draw_survival(dataset, model, rate, ax)
            ax.set_title(f"{model}, rate {rate:g}")
        for ax in row[1:-1]:
            ax.sharey(row[0])
        row[0].set_yscale("log", base=2)
        row[0].set_ylabel("pieces at the end / float64's")
        plain(row[0].yaxis)
        draw_errors(dataset, model, row[-1])
        row[-1].set(title=f"{model}: first gradient", ylabel="relative error of an entry / u")
        row[-1].legend(fontsize=8)
    legend_below(figure, axes[0, 0], ncols=4)
    return Figure(
        "emulated",
        "True rounding against the noise model: pieces after training with every operation of the "
        "gradient (or of the whole step) rounded once to p bits, and with relative noise of size "
        "u = 2^-p on every entry of the exact gradient; geometric mean over "
        f"{dataset.sizes['emulated_seed']} starts relative to the float64 run from the same start, "
        f"with {CONFIDENCE}s; runs that do not finish are left out. Right: relative errors of the "
        "entries of the first rounded gradient, against the exact one at the rounded start and "
        "data; the noise model takes them to be below u (shaded).",
        figure,
    )
