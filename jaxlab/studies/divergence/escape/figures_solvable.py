"""The picture of flows that are known exactly."""

import numpy as np
import xarray as xr

from jaxlab.flows import closed_forms
from jaxlab.studies import _style
from jaxlab.studies._drawing import legend_below, panels
from jaxlab.studies._study import Figure


def solvable(dataset: xr.Dataset) -> Figure:
    """Norm and risk of the pair to 1e12, and its weight over the law, in float64 and float32."""
    times = dataset.solvable_time.values
    late = times > 0
    last = dataset.isel(solvable_tolerance=-1)
    law = closed_forms.pair_asymptote()
    figure, axes = panels(3)
    norm, risk, ratio = axes[0]
    for start in range(last.sizes["solvable_start"]):
        one = last.isel(solvable_start=start)
        label = "pair, 8 starts, float64" if start == 0 else None
        style = {"color": _style.colour("float64"), "lw": 0.8, "alpha": 0.7, "label": label}
        norm.plot(times[late], one.solvable_norm[late], **style)
        risk.plot(times[late], one.solvable_risk[late], **style)
        ratio.plot(times[late], np.abs(one.solvable_weight[late]) / times[late] ** 0.25, **style)
    narrow = {
        name: dataset.solvable_float32.sel(solvable_quantity=name).values[late]
        for name in ("norm", "loss", "weight")
    }
    style = _style.line("float32") | {"ms": 3, "lw": 1, "linestyle": "", "label": "pair, float32"}
    norm.plot(times[late], narrow["norm"], **style)
    risk.plot(times[late], narrow["loss"], **style)
    ratio.plot(times[late], narrow["weight"] / times[late] ** 0.25, **style)
    logistic = last.solvable_theta.sel(solvable_loss="logistic")
    norm.plot(times[late], logistic[late], color="#a6324b", label="logistic loss, theta ~ log t")
    reference = {"color": "k", "ls": ":", "lw": 1.3, "label": "law of the pair"}
    norm.plot(times[late], law.weight * times[late] ** 0.25, **reference)
    risk.plot(times[late], law.loss * times[late] ** -0.5, **reference)
    ratio.axhline(law.weight, **reference)
    norm.set(title="norm", xscale="log", yscale="log", ylabel="|theta|", ylim=(0.05, 500))
    risk.set(title="risk", xscale="log", yscale="log", ylabel="L", ylim=(1e-9, 10))
    ratio.set(title="weight over t^(1/4)", xscale="log", ylabel="|a| / t^(1/4)", ylim=(0.1, 0.6))
    for ax in axes[0]:
        ax.set_xlabel("time t")
    figure.suptitle(
        "Two parameters run to infinity like t^(1/4); float32 loses the flow", x=0.01, ha="left"
    )
    legend_below(figure, norm, ncols=4)
    return Figure(
        "solvable",
        "The softplus pair a (softplus(b x) + softplus(-b x) - 2 log 2) learns x^2: |a| = "
        f"{law.weight:.7f} t^(1/4) and L = {law.loss:.7f} / sqrt(t) in the limit (dotted), from "
        "every start. In float32 the integrator stops where rounding errors are larger than the "
        "gradient. For comparison the flow of log(1 + exp(-theta)), which grows like log t.",
        figure,
    )


PICTURES = ((solvable, ("solvable_verdict",)),)
