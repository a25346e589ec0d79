"""A small fake study for the tests of store, report and command line; also runs as a script."""

import dataclasses
import math
import sys
import time

import matplotlib.figure
import numpy as np
import xarray as xr

from jaxlab.studies._study import Cell, Claim, Figure, Study

FORMATS = ("bfloat16", "float32")


@dataclasses.dataclass(frozen=True)
class Config:
    """Configuration of the toy study.

    Attributes
    ----------
    depths
        Depths of the pretended networks.
    inits
        How many pretended initialisations.
    seed
        Seed of the deterministic noise.
    scale
        Standard deviation of the noise.
    window
        First and last position looked at.
    limit
        Values above are ignored.
    pause
        Seconds slept in each cell.
    """

    depths: tuple[int, ...] = (1, 2, 3)
    inits: int = 4
    seed: int = 0
    scale: float = 0.1
    window: tuple[float, float] = (0.0, 1.0)
    limit: float = math.inf
    pause: float = 0.0


def template(config: Config) -> xr.Dataset:
    shape = (len(FORMATS), len(config.depths), config.inits)
    dims = ("format", "depth", "init")
    units = {"units": "1"}
    return xr.Dataset(
        {
            "loss": (dims, np.full(shape, np.nan), {"long_name": "final loss", **units}),
            "pieces": (dims, np.full(shape, -1), {"long_name": "affine pieces", "units": "s"}),
            "reference": (dims[1:], np.full(shape[1:], np.nan), units),
        },
        {
            "format": ("format", list(FORMATS), {"long_name": "number format"}),
            "depth": ("depth", list(config.depths)),
            "init": np.arange(config.inits),
            "precision": ("format", [8, 24]),
        },
        {"title": "a toy", "window": np.asarray(config.window)},
    )


def cells(config: Config) -> list[Cell]:
    return [
        Cell(f"{name}-depth{depth}", {"format": i, "depth": j})
        for i, name in enumerate(FORMATS)
        for j, depth in enumerate(config.depths)
    ]


def compute(config: Config, cell: Cell) -> dict[str, np.ndarray]:
    time.sleep(config.pause)
    at = (cell.index["format"], cell.index["depth"])
    noise = np.random.default_rng((config.seed, *at)).normal(size=config.inits)
    same = np.random.default_rng((config.seed, at[1])).normal(size=config.inits)
    pieces = np.arange(config.inits) + config.depths[at[1]]
    return {"loss": config.scale * noise, "pieces": pieces, "reference": same}


def claims(dataset: xr.Dataset) -> list[Claim]:
    mean = float(dataset.loss.mean())
    worst = int(dataset.pieces.max())
    source = "reconstruction"
    return [
        Claim(
            "The loss stays <below> 1 & 'finite'.",
            source,
            "< 1",
            f"{mean:.3f}",
            "95 %",
            "supported",
        ),
        Claim("No network has pieces.", source, "0", str(worst), "exact", "refuted"),
        Claim(
            "The loss depends on the number format in a way that takes a whole sentence to say.",
            "Toy & Toy (2026), arXiv:0000.00000",
            "a difference of the means of at least one standard deviation",
            "0.1 ± 0.2",
            "95 %, bootstrap",
            "inconclusive",
        ),
        Claim("Wall time halves.", source, "0.5", "not measured", "none", "not comparable"),
    ]


def figures(dataset: xr.Dataset) -> list[Figure]:
    from jaxlab.studies import _style

    with _style.context():
        figure = matplotlib.figure.Figure(figsize=(5, 3))
        axes = figure.subplots()
        for i, name in enumerate(FORMATS):
            mean = dataset.loss.isel(format=i).mean("init")
            axes.plot(dataset.depth, mean, **_style.line(name), label=name)
        axes.set(xlabel="depth", ylabel="mean final loss")
        axes.legend()
    return [Figure("loss", "Mean final loss <per depth> & format.", figure)]


STUDY = Study(
    name="toy",
    summary="A toy that pretends to train <networks>.",
    source="Nobody & Sons (2026), doi:10.0000/toy",
    presets={"quick": Config(), "large": Config(depths=tuple(range(1, 41)))},
    template=template,
    cells=cells,
    compute=compute,
    claims=claims,
    figures=figures,
)

if __name__ == "__main__":
    from jaxlab import cli

    sys.exit(cli.main(sys.argv[1:], {"toy": STUDY}))
