"""Claims of part "underflow" can go any way, and its laws hold for drawn numbers."""

import math

import numpy as np
import pytest

from jaxlab.studies._drawing import drawn
from jaxlab.studies._judging import Missing, judged
from jaxlab.studies.collapse.config import Config
from jaxlab.studies.collapse.rounding import (
    claims_rounding,
    claims_underflow,
    figure_underflow,
    onset,
    underflow,
)

CONFIG = Config(underflow_widths=(2,), underflow_depths=(2, 5, 12), underflow_networks=4000)
ALIVE, DEAD = {"underflow_control": "alive"}, {"underflow_control": "dead"}
JUDGES = (*claims_underflow.JUDGES, *claims_rounding.JUDGES)


def put(array, value, **where):
    array.loc[where] = value


@pytest.fixture
def ideal():
    """What the claims say: nothing happens but underflow, at the predicted depth, in float16."""
    dataset = underflow.template(CONFIG)
    for table in dataset.data_vars.values():
        table[:] = 0
    fates, twins = dataset.underflow_fates, dataset.underflow_twins
    put(fates, 3000, **ALIVE, underflow_fate="alive")
    put(fates, 1000, **DEAD, underflow_fate="inherited, precision")
    put(twins, 3000, **ALIVE, underflow_state="alive")
    put(twins, 1000, **DEAD, underflow_state="dead")
    put(dataset.underflow_gradients, 3000, gradient="nonzero")
    for law, gain in claims_underflow.gains(dataset).items():
        for depth in fates.underflow_depth.values:
            if depth > onset.onset("float16", 2, gain) - 0.5:
                at = {"underflow_law": law, "underflow_depth": depth, **ALIVE}
                at["underflow_format"] = "float16"
                put(fates, 0, **at, underflow_fate="alive")
                put(fates, 3000, **at, underflow_fate="underflow")
    # Without precision nothing is killed or revived; let it be a fair game.
    put(twins, 900, underflow_twin="any exponent", underflow_format="float8_e5m2")
    return dataset


def verdicts(judge, dataset):
    return {claim.verdict for claim in judge(dataset)}


def test_every_claim_is_supported_where_only_the_range_of_float16_kills(ideal):
    for judge in JUDGES:
        assert verdicts(judge, ideal) == {"supported"}, judge.__name__


def gain_revives_one(dataset):
    put(
        dataset.underflow_twins,
        2999,
        underflow_law="0.25 He",
        underflow_depth=3,
        underflow_twin="any exponent",
        underflow_format="float16",
        underflow_state="alive",
        **ALIVE,
    )


def gain_spares(dataset):
    dataset.underflow_fates.loc[{"underflow_law": "0.0625 He"}] = dataset.underflow_fates.sel(
        underflow_law="He"
    )
    at = {"underflow_law": "He", "underflow_format": "float16", **ALIVE}
    put(dataset.underflow_fates, 2000, **at, underflow_fate="cancellation")


def bfloat16_underflows(dataset):
    at = {"underflow_format": "bfloat16", **ALIVE}
    put(dataset.underflow_fates, 2000, **at, underflow_fate="inherited, range")


def weights_kill(dataset):
    at = {"underflow_twin": "rounded weights", "underflow_format": "float16", **ALIVE}
    put(dataset.underflow_twins, 1000, **at, underflow_state="dead")


def underflow_comes_late(dataset):
    at = {"underflow_law": "0.0625 He", "underflow_depth": [6, 7], **ALIVE}
    put(dataset.underflow_fates, 0, **at, underflow_format="float16", underflow_fate="underflow")
    put(dataset.underflow_fates, 3000, **at, underflow_format="float16", underflow_fate="alive")


def float32_kills_one(dataset):
    at = {"underflow_law": "PyTorch", "underflow_depth": 2, "underflow_format": "float32", **ALIVE}
    put(dataset.underflow_fates, 1, **at, underflow_fate="cancellation")


def one_rises(dataset):
    at = {"underflow_law": "He", "underflow_depth": 2, "underflow_format": "bfloat16", **DEAD}
    put(dataset.underflow_fates, 1, **at, underflow_fate="alive")


def precision_only_kills(dataset):
    at = {"underflow_twin": "any exponent", "underflow_format": "float8_e5m2", **DEAD}
    put(dataset.underflow_twins, 700, **at, underflow_state="alive")


def gradients_vanish(dataset):
    at = {"underflow_law": "PyTorch", "gradient_depth": 12}
    put(dataset.underflow_gradients, 300, **at, gradient="zero")


@pytest.mark.parametrize(
    ("judge", "tamper"),
    [
        (claims_underflow._homogeneous, gain_revives_one),
        (claims_underflow._gain_kills, gain_spares),
        (claims_underflow._range_kills, bfloat16_underflows),
        (claims_underflow._weights_alone, weights_kill),
        (claims_underflow._onsets, underflow_comes_late),
        (claims_rounding._none_killed, float32_kills_one),
        (claims_rounding._dead_stay_dead, one_rises),
        (claims_rounding._balanced, precision_only_kills),
        (claims_rounding._silent, gradients_vanish),
    ],
    ids=lambda value: value.__name__,
)
def test_every_claim_can_be_refuted(ideal, judge, tamper):
    tamper(ideal)
    assert verdicts(judge, ideal) == {"refuted"}


def test_claims_without_data_are_inconclusive_and_figures_wait():
    empty = underflow.template(CONFIG)
    for judge in JUDGES:
        with pytest.raises(Missing):
            judge(empty)
    assert {claim.verdict for claim in judged(JUDGES, "", empty)} == {"inconclusive"}
    assert drawn(figure_underflow.PICTURES, empty) == []


def test_the_picture_shows_every_law_and_names_every_format(ideal):
    (picture,) = drawn(figure_underflow.PICTURES, ideal)
    titles = [ax.get_title(loc="left") for ax in picture.figure.axes[:4]]
    assert titles == ["He", "0.25 He", "0.0625 He", "PyTorch (with biases)"]
    (legend,) = picture.figure.legends
    assert {*CONFIG.underflow_formats, *underflow.FATES[2:]} <= {
        text.get_text() for text in legend.get_texts()
    }


@pytest.mark.parametrize("width", [1, 2, 4])
def test_features_shrink_by_the_derived_mean(width):
    rng = np.random.default_rng(0)
    active = np.maximum(rng.normal(size=(200_000, width)), 0)
    squares = (active**2).sum(axis=1) * 2 / width
    logs = np.log2(squares[squares > 0]) / 2
    error = logs.std() / math.sqrt(len(logs))
    assert abs(logs.mean() - onset.shrinkage(width)) < 4 * error  # false alarm: 6e-5


def test_an_onset_needs_a_crossing_and_enough_networks():
    alive = np.array([1000, 1000, 50])
    assert math.isnan(onset.measured(np.array([0, 100, 50]), alive))
    assert onset.measured(np.array([0, 750, 50]), alive) == pytest.approx(5 / 3)
    assert onset.onset("float16", 2, 4.0) == math.inf
