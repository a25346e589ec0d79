"""Pictures of what a network looks like: along a line, on a plane, before and after, in motion.

All functions draw into an ``ax`` of matplotlib and return it.
"""

import pathlib
from collections.abc import Sequence
from typing import Any, Literal

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import FuncAnimation
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.lines import Line2D

from jaxlab.regions.decision import Boundary
from jaxlab.regions.line import LineTrace
from jaxlab.regions.plane import Tessellation

Colouring = Literal["pattern", "slope", "layer", "piece"]

_LAYERS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7b4ea3", "#5f6b73")


def layer_colour(layer: int) -> str:
    """The colour of a hidden layer, the same in every picture; colours repeat after 8 layers.

    Examples
    --------
    >>> layer_colour(0)
    '#0072b2'
    """
    return _LAYERS[layer % len(_LAYERS)]


def line(found: LineTrace, widths: Sequence[int], *, output: int = 0, ax: Any = None) -> Any:
    """A network along a segment, with its breakpoints marked by the layer that makes them.

    Parameters
    ----------
    found
        From :func:`jaxlab.regions.line.trace`.
    widths
        Widths of the hidden layers, which tell the activation bits apart.
    output
        Which output to draw.
    ax
        Where to draw; None makes a figure.

    Raises
    ------
    ValueError
        If ``widths`` do not add up to the number of neurons.

    Examples
    --------
    >>> from jaxlab.networks import constructions
    >>> from jaxlab.regions.line import trace
    >>> ax = line(trace(constructions.sawtooth(3), 0.0, 1.0), (2, 2, 2))
    >>> ax.get_title()
    '8 regions, 8 pieces'
    """
    neurons = found.patterns.shape[1]
    if sum(widths) != neurons:
        raise ValueError(
            f"widths: got {tuple(widths)}, expected hidden widths that add to {neurons}"
        )
    ax = plt.subplots(layout="constrained")[1] if ax is None else ax
    ax.plot(found.positions, found.values[:, output], color="#9aa3ab", linewidth=1.0, zorder=1)
    layer_of = np.repeat(np.arange(len(widths)), widths)
    changed = found.patterns[1:] != found.patterns[:-1]
    origin = layer_of[np.argmax(changed, axis=1)] if len(changed) else np.zeros(0, int)
    for layer in np.unique(origin).tolist():
        here = 1 + np.flatnonzero(origin == layer)
        label = f"layer {layer + 1} ({len(here)})"
        spot = {"color": layer_colour(layer), "s": 40 / (1 + len(origin) / 60) + 2}
        ax.scatter(found.positions[here], found.values[here, output], label=label, zorder=2, **spot)
    ax.set_xlabel("distance along the segment")
    ax.set_ylabel(f"output {output}" if found.values.shape[1] > 1 else "output")
    ax.set_title(f"{found.regions:,} regions, {found.pieces:,} pieces")
    if len(origin):
        ax.legend(title="breakpoints made by", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def plane(
    found: Tessellation,
    colour: Colouring = "pattern",
    *,
    output: int = 0,
    boundary: Boundary | None = None,
    ax: Any = None,
) -> Any:
    """A tessellation of a plane.

    Parameters
    ----------
    found
        From :func:`jaxlab.regions.plane.tessellate`.
    colour
        ``"pattern"``: every region in a colour of its activation pattern (the same pattern has the
        same colour in every picture); ``"piece"``: a colour per affine piece; ``"slope"``: by the
        size of the gradient of ``output``; ``"layer"``: boundaries by the layer that makes them.
    output
        Which output's gradient.
    boundary
        A decision boundary to draw on top.
    ax
        Where to draw; None makes a figure.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from jaxlab.networks.mlp import Layer
    >>> from jaxlab.regions.plane import box, tessellate
    >>> params = (Layer(jnp.eye(2), jnp.zeros(2)), Layer(jnp.ones((2, 1)), jnp.zeros(1)))
    >>> plane(tessellate(params, box(-1.0, 1.0)), "slope").get_title()
    '4 regions, 4 pieces'
    """
    ax = plt.subplots(layout="constrained")[1] if ax is None else ax
    polygons = [
        found.coordinates[corners] for corners in np.split(found.corners, found.first_corner[1:-1])
    ]
    thin = {"linewidths": 0.6 / (1 + len(polygons) / 1500), "edgecolors": "#3a3f44"}
    if colour == "slope":
        slope = np.linalg.norm(found.gradients[:, :, output], axis=1)
        faces = PolyCollection(polygons, array=slope, cmap="viridis", **thin)
        ax.figure.colorbar(faces, ax=ax, label="size of the gradient")
    elif colour == "layer":
        faces = PolyCollection(polygons, facecolors="white", edgecolors="none")
    else:
        numbers = found.patterns if colour == "pattern" else found.pieces[:, None]
        faces = PolyCollection(polygons, facecolors=_pastels(numbers), **thin)
    ax.add_collection(faces)
    if colour == "layer":
        _edges_by_layer(found, ax)
    if boundary is not None:
        ax.add_collection(LineCollection(list(boundary.segments), colors="black", linewidths=2.0))
    ax.set_xlim(found.coordinates[:, 0].min(), found.coordinates[:, 0].max())
    ax.set_ylim(found.coordinates[:, 1].min(), found.coordinates[:, 1].max())
    ax.set_aspect("equal")
    ax.grid(visible=False)
    named = ("input", 0, 1) if found.points.shape[1] == 2 else ("plane coordinate", 1, 2)
    ax.set_xlabel(f"{named[0]} {named[1]}")
    ax.set_ylabel(f"{named[0]} {named[2]}")
    pieces = int(found.pieces.max()) + 1
    ax.set_title(f"{len(polygons):,} regions, {pieces:,} pieces")
    return ax


def _pastels(codes: np.ndarray) -> np.ndarray:
    """A light colour for every row, the same for equal rows: ``(rows, 3)``."""
    rng = np.random.default_rng(0)
    words = codes.astype(np.int64) @ rng.integers(1, 2**20, codes.shape[1])
    mixed = (words[:, None] * np.array([2654435761, 40503 * 65537, 2246822519])) % 2**16 / 2**16
    return 0.55 + 0.42 * mixed


def _edges_by_layer(found: Tessellation, ax: Any) -> None:
    """Boundaries drawn from the last layer to the first, which stays on top."""
    shown = []
    for layer in sorted(set(found.layers[found.layers >= 0].tolist()), reverse=True):
        segments = found.coordinates[found.edges[found.layers == layer]]
        look = {"color": layer_colour(layer), "linewidth": 1.6 / (1 + 0.5 * layer)}
        ax.add_collection(
            LineCollection(list(segments), colors=look["color"], linewidths=look["linewidth"])
        )
        shown.append(Line2D([], [], label=f"layer {layer + 1}", **look))
    if shown:
        ax.legend(handles=shown[::-1], loc="upper left", bbox_to_anchor=(1.0, 1.0))


def step(
    before: Tessellation,
    after: Tessellation,
    colour: Colouring = "pattern",
    *,
    axes: Any = None,
) -> Any:
    """Two tessellations side by side, as before and after a training step.

    Equal patterns have equal colours, so that a region which moved can be recognised.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from jaxlab.networks.mlp import Layer
    >>> from jaxlab.regions.plane import box, tessellate
    >>> params = (Layer(jnp.eye(2), jnp.zeros(2)), Layer(jnp.ones((2, 1)), jnp.zeros(1)))
    >>> found = tessellate(params, box(-1.0, 1.0))
    >>> [ax.get_title() for ax in step(found, found)]
    ['before: 4 regions, 4 pieces', 'after: 4 regions, 4 pieces']
    """
    if axes is None:
        axes = plt.subplots(1, 2, figsize=(9.5, 4.6), layout="constrained")[1]
    for name, found, ax in zip(("before", "after"), (before, after), axes, strict=True):
        plane(found, colour, ax=ax)
        ax.set_title(f"{name}: {ax.get_title()}")
    return axes


def animation(
    frames: Sequence[Tessellation],
    path: str | pathlib.Path,
    *,
    colour: Colouring = "pattern",
    titles: Sequence[str] = (),
    per_second: int = 8,
) -> pathlib.Path:
    """Regions through training as a GIF, or as any film that matplotlib's ffmpeg writes (``.mp4``).

    Parameters
    ----------
    frames
        One tessellation per frame, for example one per checkpoint.
    path
        File to write; ``.gif`` needs nothing else, other endings need ffmpeg.
    colour
        As in :func:`plane`; not ``"slope"``, whose scale would change from frame to frame.
    titles
        One per frame, put before the counts.
    per_second
        Frames per second.

    Returns
    -------
    The path written.

    Raises
    ------
    ValueError
        If there are no frames, as many titles as frames are not given, or ``colour`` is "slope".
    """
    if not frames or (titles and len(titles) != len(frames)) or colour == "slope":
        raise ValueError(
            f"frames: got {len(frames)} with {len(titles)} titles and colour {colour!r}, expected "
            "at least one, as many titles (or none), and a colour other than 'slope'"
        )
    figure, ax = plt.subplots(figsize=(6.4, 5.4), layout="constrained")

    def draw(number: int) -> list[Any]:
        ax.clear()
        plane(frames[number], colour, ax=ax)
        if titles:
            ax.set_title(f"{titles[number]}: {ax.get_title()}")
        return []

    film = FuncAnimation(figure, draw, frames=len(frames), init_func=list)
    path = pathlib.Path(path)
    film.save(path, writer="pillow" if path.suffix == ".gif" else None, fps=per_second, dpi=90)
    plt.close(figure)
    return path
