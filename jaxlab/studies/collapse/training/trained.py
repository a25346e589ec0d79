"""Training parts of study `collapse`: the published experiments, and the ladder of depths.

Four parts reconstruct published experiments with Adam, in float32: networks of width 2 (with 10
layers of weights, 9 hidden, and with 10 hidden layers, since the papers' "10-layer" can be read
both ways), the same under absolute loss, wider ones, and functions of two variables. The fifth
trains networks of width 2 and many depths on ``x**2``, by SGD and by Adam, in every native format
and from the same starts.
"""

import itertools
from collections.abc import Mapping, Sequence

import xarray as xr

from jaxlab.studies._parts import Part, named_key
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell, Values
from jaxlab.studies.collapse.config import CONTROL, Config
from jaxlab.studies.collapse.training import outcomes
from jaxlab.studies.collapse.training.runs import STARTS, Runs, Setting, train

TARGETS = ("|x|, sqrt(7)", "|x|, sqrt(3)", "x sin 5x", "step + 0.2 sin 5x")
OPTIMISERS: tuple[str, ...] = ("SGD", "Adam")
EPSILON = 2.0**-13
"""Adam's epsilon on the ladder: about 1e-4, a normal number of float16, where 1e-8 is zero."""

GRID = "bfloat16"
"""Starts and data of the ladder are rounded to this format first: all formats share them."""


def _setting(config: Config, target: str, width: int, hidden: int, deepest: int, **options):
    return Setting(
        target,
        width,
        hidden,
        deepest,
        learning_rate=config.published_learning_rate,
        steps=config.published_steps,
        batch=config.batch,
        points=config.points,
        **options,
    )


def _ladder_setting(config: Config, optimiser: str, fmt: str, hidden: int) -> Setting:
    rates: dict[str, float] = dict(zip(OPTIMISERS, config.ladder_learning_rate, strict=True))
    return Setting(
        "x^2",
        2,
        hidden,
        max(config.ladder_depths),
        optimiser=optimiser,
        learning_rate=rates[optimiser],
        epsilon=EPSILON,
        fmt=fmt,
        grid=GRID,
        steps=config.ladder_steps,
        batch=config.batch,
        points=config.ladder_points,
    )


def _all(config: Config, name: str, settings: Sequence[Setting], runs: int) -> list[Runs]:
    """Every setting with the same starts (as far as they can be) and the same minibatches."""
    key = named_key(config.seed, name)
    return [train(key, setting, runs) for setting in settings]


def _template(
    name: str, coords: Mapping[str, Sequence], checkpoint: str, setting: Setting
) -> xr.Dataset:
    """Of one experiment, with these dimensions, the runs last, and the checkpoints of a setting."""
    return empty(
        {**coords, checkpoint: setting.checkpoints},
        outcomes.variables(name, tuple(coords), checkpoint),
    )


def _published(config: Config, name: str, coords: Mapping[str, Sequence]) -> xr.Dataset:
    """The template of a published experiment; all have the same checkpoints."""
    depth = _layers(config)
    return _template(name, coords, "step", _setting(config, TARGETS[0], 2, depth, depth))


def _layers(config: Config) -> int:
    """Hidden layers where only one reading of "10-layer" is tried."""
    return config.published_hidden[0]


def _narrow_template(config: Config) -> xr.Dataset:
    return _published(
        config,
        "narrow",
        {
            "target": TARGETS,
            "start": tuple(STARTS),
            "hidden": config.published_hidden,
            "narrow_run": range(config.published_runs),
        },
    )


def _narrow_cells(config: Config) -> list[Cell]:
    return [Cell("adam", {})]


def _narrow(config: Config, cell: Cell) -> Values:
    settings = [
        _setting(config, target, 2, hidden, max(config.published_hidden), start=start)
        for target, start, hidden in itertools.product(TARGETS, STARTS, config.published_hidden)
    ]
    runs = _all(config, "narrow", settings, config.published_runs)
    return outcomes.values(
        "narrow", runs, (len(TARGETS), len(STARTS), len(config.published_hidden))
    )


def _median_template(config: Config) -> xr.Dataset:
    coords = {"target": TARGETS, "median_run": range(config.published_wide_runs)}
    return _published(config, "median", coords)


def _median_cells(config: Config) -> list[Cell]:
    return [Cell("absolute-loss", {})]


def _median(config: Config, cell: Cell) -> Values:
    settings = [
        _setting(config, target, 2, _layers(config), _layers(config), loss="absolute")
        for target in TARGETS
    ]
    runs = _all(config, "median", settings, config.published_wide_runs)
    return outcomes.values("median", runs, (len(TARGETS),))


def _wide_template(config: Config) -> xr.Dataset:
    coords = {
        "wide_width": config.published_widths,
        "wide_run": range(config.published_wide_runs),
    }
    return _published(config, "wide", coords)


def _wide_cells(config: Config) -> list[Cell]:
    return [
        Cell(f"width{width}", {"wide_width": index})
        for index, width in enumerate(config.published_widths)
    ]


def _wide(config: Config, cell: Cell) -> Values:
    width = config.published_widths[cell.index["wide_width"]]
    setting = _setting(config, TARGETS[0], width, _layers(config), _layers(config))
    runs = _all(config, cell.name, [setting], config.published_wide_runs)
    return outcomes.values("wide", runs, ())


def _plane_template(config: Config) -> xr.Dataset:
    shapes = [f"width {width}, {hidden} hidden" for width, hidden in config.published_plane]
    coords = {
        "plane_shape": shapes,
        "start": tuple(STARTS),
        "plane_run": range(config.published_wide_runs),
    }
    return _published(config, "plane", coords)


def _plane_cells(config: Config) -> list[Cell]:
    return [
        Cell(f"{width}x{hidden}", {"plane_shape": index})
        for index, (width, hidden) in enumerate(config.published_plane)
    ]


def _plane(config: Config, cell: Cell) -> Values:
    width, hidden = config.published_plane[cell.index["plane_shape"]]
    settings = [
        _setting(config, "(|x1+x2|, |x1-x2|)", width, hidden, hidden, start=start)
        for start in STARTS
    ]
    runs = _all(config, f"plane-{cell.name}", settings, config.published_wide_runs)
    return outcomes.values("plane", runs, (len(STARTS),))


def _ladder_template(config: Config) -> xr.Dataset:
    coords = {
        "optimiser": OPTIMISERS,
        "format": config.ladder_formats,
        "ladder_depth": config.ladder_depths,
        "ladder_run": range(config.ladder_runs),
    }
    setting = _ladder_setting(config, OPTIMISERS[0], CONTROL, 1)
    return _template("ladder", coords, "ladder_step", setting)


def _ladder_cells(config: Config) -> list[Cell]:
    return [
        Cell(f"{optimiser}-{fmt}", {"optimiser": i, "format": j})
        for i, optimiser in enumerate(OPTIMISERS)
        for j, fmt in enumerate(config.ladder_formats)
    ]


def _ladder(config: Config, cell: Cell) -> Values:
    optimiser, fmt = cell.name.split("-")
    settings = [_ladder_setting(config, optimiser, fmt, hidden) for hidden in config.ladder_depths]
    runs = _all(config, "ladder", settings, config.ladder_runs)
    return outcomes.values("ladder", runs, (len(config.ladder_depths),))


PARTS = (
    Part("narrow", _narrow_template, _narrow_cells, _narrow),
    Part("ladder", _ladder_template, _ladder_cells, _ladder),
    Part("median", _median_template, _median_cells, _median),
    Part("plane", _plane_template, _plane_cells, _plane),
    Part("wide", _wide_template, _wide_cells, _wide),
)
"""The longest first."""
