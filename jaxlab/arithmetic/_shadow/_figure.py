"""The picture of a trace: where the error of the result was made, layer by layer."""

from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm

from jaxlab.arithmetic._shadow._row import Row

if TYPE_CHECKING:
    from jaxlab.arithmetic._shadow._trace import Trace

_PASSES = ("forward", "backward")


def heat_map(trace: "Trace", ax: Any, most: int) -> Any:
    """See :meth:`Trace.plot`."""
    layers = _layers(trace)
    shown = sorted(layers, key=lambda label: -sum(layers[label]))[:most]
    shown = [label for label in layers if label in shown]  # in the order of the program
    if ax is None:
        _, ax = plt.subplots(figsize=(6, max(3.0, 1.4 + 0.28 * len(shown))), layout="constrained")
    shares = np.array([layers[label] for label in shown]).reshape(len(shown), 2)
    total = max(sum(map(sum, layers.values())), np.finfo(float).tiny)
    shares = np.ma.masked_less_equal(shares / total, 0)
    largest = float(shares.max()) if shares.count() else 1.0
    norm = LogNorm(vmin=largest * 1e-4, vmax=largest)
    image = ax.imshow(shares, aspect="auto", cmap="viridis", norm=norm)
    for (i, j), share in np.ndenumerate(shares.filled(0.0)):
        if share >= 0.005:
            dark = share < largest * 1e-2
            ax.text(
                j, i, f"{share:.0%}", ha="center", va="center", color="white" if dark else "black"
            )
    ax.set_xticks([0, 1], _PASSES)
    ax.set_yticks(range(len(shown)), shown)
    ax.set_xlabel("pass")
    most_of = f" (the worst {len(shown)} of {len(layers)})" if len(shown) < len(layers) else ""
    ax.set_ylabel(f"layer{most_of}")
    ax.set_title(f"Where {trace.format.name} made the relative error {trace.measured:.2g}")
    ax.figure.colorbar(image, ax=ax, label="share of the blame (absolute)")
    return ax


def _layers(trace: "Trace") -> dict[str, list[float]]:
    """Absolute contributions by layer and pass; every iteration of a scan is a layer."""
    layers: dict[str, list[float]] = {}
    for row in trace.rows:
        for label, made in _iterations(row):
            layers.setdefault(label, [0.0, 0.0])[row.backward] += abs(made)
    return layers


def _iterations(row: Row) -> list[tuple[str, float]]:
    if row.blame is None:
        return []
    made = np.nan_to_num(row.blame.made)
    if made.ndim == 0:
        return [(row.label, float(made))]
    return [(f"{row.label} [{', '.join(map(str, i))}]", float(x)) for i, x in np.ndenumerate(made)]
