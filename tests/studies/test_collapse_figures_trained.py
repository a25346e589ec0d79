"""Pictures of the training parts of `collapse`: drawn from complete data, and from nothing else."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure as MatplotlibFigure

from jaxlab.studies._drawing import drawn
from jaxlab.studies._parts import combine
from jaxlab.studies._statistics import proportion
from jaxlab.studies._study import Figure
from jaxlab.studies.collapse.config import Config
from jaxlab.studies.collapse.training import figures_ladder, figures_trained, trained
from jaxlab.studies.collapse.training.claims_ladder import FLOOR

PICTURES = (*figures_trained.PICTURES, *figures_ladder.PICTURES)
NAMES = ["trajectories", "collapse", "states", "best-of-k", "success", "fates"]
CONFIG = Config(
    published_runs=12,
    published_wide_runs=10,
    published_steps=10,
    ladder_depths=(2, 5),
    ladder_runs=16,
    ladder_steps=10,
)


@pytest.fixture(scope="module")
def dataset():
    """Made up: a run is born dead, dies, freezes, stalls, or none of these, at random."""
    rng = np.random.default_rng(0)
    made = combine(trained.PARTS).template(CONFIG).load()
    for name, variable in made.data_vars.items():
        kind = str(name).partition("_")[2]
        if variable.dtype.kind == "f":
            variable[...] = rng.uniform(0.01, 0.5, variable.shape)
        elif kind in ("born", "dead", "still"):
            variable[...] = rng.integers(0, 2, variable.shape)
        else:
            variable[...] = 10
    for part in ("narrow", "median", "wide", "plane", "ladder"):
        dead = made[f"{part}_dead"]
        dead[...] = np.maximum(dead, made[f"{part}_born"])
        made[f"{part}_spread"][...] = 1.0 - dead
    made.ladder_taken[..., 0] = 3
    return made


@pytest.fixture(scope="module")
def pictures(dataset):
    return {picture.name: picture for picture in drawn(PICTURES, dataset)}


def texts(ax):
    return [text.get_text() for text in ax.texts]


def legends(figure):
    found = [*figure.legends, *(ax.get_legend() for ax in figure.axes)]
    return [text.get_text() for legend in found if legend for text in legend.get_texts()]


def test_without_data_nothing_is_drawn():
    assert drawn(PICTURES, combine(trained.PARTS).template(CONFIG)) == []


@pytest.mark.parametrize(
    ("variable", "left_out"),
    [
        ("narrow_dead", {"trajectories", "collapse", "states"}),
        ("wide_dead", {"collapse"}),
        ("plane_dead", {"collapse"}),
        ("median_dead", {"states"}),
        ("ladder_born", {"best-of-k", "success", "fates"}),
    ],
)
def test_one_missing_cell_leaves_out_the_pictures_that_need_it(dataset, variable, left_out):
    holed = dataset[variable].copy(deep=True)
    holed[(0,) * holed.ndim] = -1
    blank = [
        (lambda _, name=name: Figure(name, "", MatplotlibFigure()), needed)
        for name, (_, needed) in zip(NAMES, PICTURES, strict=True)
    ]
    left = {picture.name for picture in drawn(blank, dataset.assign({variable: holed}))}
    assert left == set(NAMES) - left_out


def test_every_picture_has_a_title_labels_a_legend_and_a_caption(pictures):
    assert list(pictures) == NAMES
    for name, (_, caption, figure) in pictures.items():
        assert figure.get_suptitle(), name
        figure.draw_without_rendering()
        assert sum(bool(ax.get_xlabel()) for ax in figure.axes) == 2, name  # below two panels
        ticks = figure.axes[0].get_yticklabels()
        assert figure.axes[0].get_ylabel() or all(tick.get_text() for tick in ticks), name
        assert legends(figure), name
        assert caption.endswith("."), name


def test_trajectories_are_counted_in_the_legend_and_start_at_zero_steps(dataset, pictures):
    one = dataset.isel(target=0, hidden=0)
    for ax, start in zip(pictures["trajectories"].figure.axes, ("He", "RAI"), strict=True):
        born, dead = (one[f"narrow_{v}"].sel(start=start).values > 0 for v in ("born", "dead"))
        expected = {
            f"born dead: {born.sum()}",
            f"died in training: {(dead & ~born).sum()}",
            f"alive: {(~dead).sum()}",
        }
        assert expected <= {text.get_text() for text in ax.get_legend().get_texts()}
        drawn_lines = [line for line in ax.lines if len(line.get_xdata()) == dataset.sizes["step"]]
        assert len(drawn_lines) == CONFIG.published_runs
        assert {line.get_xdata()[0] for line in drawn_lines} == {0}


def test_the_share_that_collapses_stands_with_its_interval_and_in_the_bars(dataset, pictures):
    left, right = pictures["collapse"].figure.axes
    place = {"wide_width": 3}
    dead = dataset.wide_dead.sel(place).values > 0
    share = proportion(int(dead.sum()), dead.size)
    rows = [tick.get_text() for tick in left.get_yticklabels()]
    row = rows.index("|x|, sqrt(7): width 3, 9 hidden")
    (bar,) = [
        c
        for c in left.containers
        if c[0].__class__.__name__ == "Line2D" and c[0].get_ydata()[0] == row
    ]
    assert bar[0].get_xdata()[0] == share.value
    (segment,) = bar[2][0].get_segments()
    np.testing.assert_allclose(segment[:, 0], [share.low, share.high])
    height = [p for p in left.patches if p.get_y() < row < p.get_y() + p.get_height()]
    np.testing.assert_allclose(sum(p.get_width() for p in height), share.value)
    born = (dataset.wide_born.sel(place).values > 0).mean()
    np.testing.assert_allclose(height[0].get_width(), born)
    assert not any(p.get_y() < row < p.get_y() + p.get_height() for p in right.patches)


def test_every_dead_network_is_a_dot_at_its_constant(dataset, pictures):
    arms = (dataset.sel(start="He", hidden=9), "narrow"), (dataset, "median")
    for ax, (one, name) in zip(pictures["states"].figure.axes, arms, strict=True):
        dots = [line for line in ax.lines if line.get_marker() == "o"]
        total = sum(len(line.get_xdata()) for line in dots)
        assert total == int((one[f"{name}_dead"] > 0).sum())
        assert f"{total} dead" in ax.get_title(loc="left")
        first = one.isel(target=0)
        levels = first[f"{name}_level"].values[first[f"{name}_born"].values > 0]
        expected = (levels - float(first[f"{name}_label_mean"])) / (7 / 12) ** 0.5
        np.testing.assert_allclose(dots[0].get_xdata(), expected)


def winners(dataset, optimiser, depth, number):
    """Whether the best of each group is good, by a loop over runs."""
    arm = dataset.sel(optimiser=optimiser, format="float64", ladder_depth=depth)
    good = []
    for first in range(0, CONFIG.ladder_runs, number):
        runs = range(first, first + number)
        steps = range(dataset.sizes["ladder_step"])
        _, run, step = min((float(arm.ladder_risk[r, s]), r, s) for r in runs for s in steps)
        good.append(float(arm.ladder_rmse[run, step]) <= FLOOR.rmse / 2)
    return np.array(good)


def test_successes_and_failures_of_groups_are_those_of_their_best_runs(dataset, pictures):
    # Of 16 runs there are 8 groups of 2; 4 groups of 4 are too few to be shown.
    for panel, optimiser in enumerate(("SGD", "Adam")):
        good = [[winners(dataset, optimiser, h, k).mean() for h in (2, 5)] for k in (1, 2)]
        phases = pictures["success"].figure.axes[panel]
        assert texts(phases) == [f"{share:.2f}" for row in good for share in row]
        lines = pictures["best-of-k"].figure.axes[panel].containers
        stuck = np.array([line[0].get_ydata() for line in lines])
        np.testing.assert_allclose(stuck, 1 - np.array(good).T)
    ticks = [tick.get_text() for tick in pictures["success"].figure.axes[0].get_yticklabels()]
    assert ticks == ["1  (16)", "2  (8)"]


def test_the_law_and_the_frontier_are_those_of_birth(pictures):
    ax = pictures["best-of-k"].figure.axes[0]
    law = [line for line in ax.lines if line.get_linestyle() == "--"]
    for line, depth in zip(law, (2, 5), strict=True):
        expected = (1 - 0.75**depth) ** np.asarray(line.get_xdata())
        np.testing.assert_allclose(line.get_ydata(), expected)
    frontier = pictures["success"].figure.axes[0].lines[-1]
    layers = np.asarray(frontier.get_xdata(), float)
    np.testing.assert_allclose(frontier.get_ydata(), (4 / 3) ** layers)


def test_the_fates_of_every_bar_add_up_to_all_runs(dataset, pictures):
    axes = np.array(pictures["fates"].figure.axes).reshape(2, 2)
    for (row, column), ax in np.ndenumerate(axes):
        counts = [int(text) for text in texts(ax)]
        assert sum(counts) == 4 * CONFIG.ladder_runs
        arm = dataset.isel(optimiser=column, ladder_depth=row)
        alive = (arm.ladder_dead.values == 0) & (arm.ladder_taken.values == 10)
        expected = (alive & (arm.ladder_still.values > 0)).sum(axis=1) / CONFIG.ladder_runs
        tint = figures_ladder._FATES["stalled"][1]
        widths = [p.get_width() for p in ax.patches if to_hex(p.get_facecolor()) == tint]
        np.testing.assert_allclose(widths, expected)
