"""Claims about born-dead networks hold on the laws' own data and fail on data that deny them."""

import numpy as np
import pytest
import xarray as xr

from jaxlab.studies._comparing import Between, Expected, compare
from jaxlab.studies._drawing import drawn
from jaxlab.studies._judging import Missing, judged
from jaxlab.studies._parts import combine
from jaxlab.studies._statistics import Estimate
from jaxlab.studies.collapse import inactivity, laws
from jaxlab.studies.collapse.birth import (
    births,
    claims_births,
    claims_neurons,
    claims_tables,
    figures_births,
    negative,
    neurons,
    reference,
)
from jaxlab.studies.collapse.config import Config

CONFIG = Config(born_networks=1_000_000, negative_networks=1_000_000)
PARTS = combine((births.FREE_PART, births.BIASED_PART, neurons.PART, negative.PART))
JUDGES = (*claims_births.JUDGES, *claims_tables.JUDGES, *claims_neurons.JUDGES)
FREE, BOTH, UNIFORM = births.FREE


def chance(family, width, depth):
    """The law, and where there is none a curve through what the reference prints."""
    if family == FREE:
        return laws.one_ray([width] * depth).probability
    if family in births.BIASED:
        known, values = reference.BIASED_DEPTHS, reference.BIASED[family]
        off = inactivity.symmetric_interval() if "-1" in family else inactivity.positive_interval()
        if depth == 1:
            return laws.one_hidden_layer(width, off).probability
        if width == 2:
            return np.interp(depth, known, [float(value) for value in values])
        return laws.one_ray([width] * depth).probability
    low, high = bounds(width, depth)
    return low + (high - low) * float(np.interp(depth, *places(width)))


def bounds(width, depth):
    return [law([width] * depth).probability for law in (laws.two_rays, laws.surviving_ray)]


def places(width):
    """How far up between the bounds the estimates of the reference are, by depth."""
    table = [(d, float(v)) for (n, d), (_, v, _) in reference.TWO_SIDED.items() if n == width]
    depths, shares = [2], [0.0]
    for depth, value in table:
        low, high = bounds(width, depth)
        depths.append(depth)
        shares.append((value - low) / (high - low))
    return depths, shares


def fill(array, family, width, values):
    array.loc[{f"{array.dims[0]}": family, f"{array.dims[1]}": width}] = values


@pytest.fixture(scope="module")
def dataset():
    """The counts nearest to what the laws expect."""
    data = PARTS.template(CONFIG).load()
    for name, families in (("born", births.FREE), ("born_biased", births.BIASED)):
        for family in families:
            for width in data[f"{name}_width"].values:
                networks = births.networks(CONFIG, int(width))
                deaths = [
                    round(networks * chance(family, int(width), int(depth)))
                    for depth in data[f"{name}_depth"].values
                ]
                fill(data[f"{name}_dead"], family, width, np.maximum.accumulate(deaths))
                fill(data[f"{name}_networks"], family, width, networks)
                off = 0 if name == "born" else claims_births.first_layer(family)
                inactive = round(networks * inactivity.some_inactive(int(width), off))
                fill(data[f"{name}_inactive"], family, width, inactive)
    for case in data.negative_case.values:
        width, depth = map(int, str(case).split("x"))
        law = laws.negative_layer([width] * depth).probability
        data.negative_dead.loc[case] = round(law * CONFIG.negative_networks)
    data.negative_networks[:] = CONFIG.negative_networks
    for tested in ("ball_tested", "interval_tested", "layers_tested"):
        data[tested][:] = 10**6
    data.ball_inactive[:] = [round(1e6 * inactivity.ball(int(d))) for d in data.ball_inputs]
    data.interval_inactive[:] = [250_000, 375_000]
    data.layers_inactive[:] = [
        round(1e6 * inactivity.some_inactive(int(n), 0.375)) for n in data.born_width
    ]
    return data


def claims(dataset):
    return judged(JUDGES, "test", dataset)


@pytest.fixture(scope="module")
def of(dataset):
    """The claim that begins so, by the one judge that makes it."""
    judges = {claim.statement: judge for judge in JUDGES for claim in judge(dataset)}

    def claim(data, beginning):
        ((statement, judge),) = [(s, j) for s, j in judges.items() if s.startswith(beginning)]
        return next(c for c in judge(data) if c.statement == statement)

    return claim


def test_all_claims_hold_on_the_data_of_the_laws(dataset):
    found = claims(dataset)
    assert len(found) == 43
    assert len({claim.statement for claim in found}) == 43
    assert [claim.statement for claim in found if claim.verdict != "supported"] == []


def test_where_no_network_is_alive_the_median_has_no_upper_end(dataset, of):
    dead = dataset.born_dead.copy()
    dead.loc[{"born_family": FREE, "born_width": 2, "born_depth": 50}] = CONFIG.born_networks
    claim = of(dataset.assign(born_dead=dead), "Half of all attempts succeed only")
    assert claim.verdict == "inconclusive"
    assert "inf]" in claim.interval


TESTED = {
    "born_dead": "born_networks",
    "born_biased_dead": "born_biased_networks",
    "born_biased_inactive": "born_biased_networks",
    "negative_dead": "negative_networks",
    "ball_inactive": "ball_tested",
    "interval_inactive": "interval_tested",
    "layers_inactive": "layers_tested",
}


def shifted(variable, family=None, by=0.06):
    """Counts of one family, or all, moved by a share of what was tested."""

    def change(dataset):
        counts, most = xr.broadcast(dataset[variable], dataset[TESTED[variable]])
        moved = np.clip(counts + (by * most).astype(int), 0, most)
        if family is not None:
            moved = moved.where(dataset.born_family == family, counts)
        return dataset.assign({variable: moved.astype(int)})

    return change


@pytest.mark.parametrize(
    ("change", "claim"),
    [
        (shifted("born_dead", FREE), "Bias-free on [0, b]: P"),
        (shifted("born_dead", FREE), "All K starts are dead"),
        (shifted("born_dead", FREE), "Half of all attempts succeed with"),
        (shifted("born_dead", FREE, -0.03), "Half of all attempts succeed only"),
        (shifted("born_dead", FREE, -0.06), "Bias-free on [0, b], width 2"),
        (shifted("born_dead", FREE, -0.06), "Bias-free on [0, b], 9 hidden"),
        (shifted("born_dead", FREE), "The reference's own sample"),
        (shifted("born_dead", FREE, -0.1), "Every layer multiplies the starts needed, 1/(1-p), "
         "by 1/(1 - 2^-N): bias-free on [0, b]"),
        (shifted("born_dead", BOTH, -0.1), "Every layer multiplies the starts needed, 1/(1-p), "
         "by 1/(1 - 2^-N): bias-free on [-a, b]"),
        (shifted("born_dead", BOTH), "L = 3 is exact, 4^-N (3 - 2^(1-N)): zero"),
        (shifted("born_dead", UNIFORM), "L = 3 is exact, 4^-N (3 - 2^(1-N)): uniform"),
        (shifted("born_dead", UNIFORM), "Width 1 is exact"),
        (shifted("born_dead", BOTH, 1e-4), "One hidden layer (L = 2) is never"),
        (shifted("born_dead", BOTH), "The two rays bound P(born dead) from both sides in every "
         "cell: zero"),
        (shifted("born_dead", UNIFORM, -0.1), "The two rays bound P(born dead) from both sides "
         "in every cell: uniform"),
        (shifted("born_dead", BOTH, 0.4), "The table's lower and upper"),
        (shifted("born_dead", BOTH, 0.03), "'10 layers of width 2': 9 hidden"),
        (shifted("born_dead", BOTH, 0.03), "'10 layers of width 2': .880"),
        (shifted("born_dead", BOTH, 0.1), "10 layers of width 3, 5, 10"),
        (shifted("born_dead", BOTH, 0.03), "The table holds for width 2,"),
        (shifted("born_dead", BOTH, 0.03), "The table holds for width 10,"),
        (shifted("born_dead", UNIFORM, 0.03), "The estimates with uniform weights"),
        (shifted("born_biased_dead", by=1.0), "Negative layers bound"),
        (shifted("born_biased_dead", by=-1.0), "Negative layers bound"),
        (shifted("born_biased_dead", by=0.02), "The estimates with biases hold for width 2: PyT"),
        (shifted("born_biased_dead", by=0.02), "One hidden layer is dead with probability (3/8)"),
        (shifted("born_biased_inactive", by=0.02), "First layers of the networks have an inactive "
         "neuron: PyTorch"),
        (shifted("negative_dead", by=0.01), "Width 2: a layer of negative"),
        (shifted("ball_inactive", by=0.01), "A neuron is inactive on the unit ball"),
        (shifted("interval_inactive", by=0.01), "A neuron with U(-1, 1)"),
        (shifted("layers_inactive", by=0.01), "A first layer has an inactive"),
        (shifted("layers_inactive", by=-0.01), "The chance that none is inactive"),
    ],
)  # fmt: skip
def test_a_claim_fails_on_data_that_contradict_it(dataset, of, change, claim):
    assert of(change(dataset), claim).verdict == "refuted"


def test_the_order_of_the_widths_can_be_denied(dataset, of):
    turned = dataset.born_dead.copy(data=dataset.born_dead.values[:, ::-1])
    swapped = dataset.assign(
        born_dead=turned,
        born_networks=dataset.born_networks.copy(data=dataset.born_networks.values[:, ::-1]),
    )
    assert of(swapped, "Wider networks").verdict == "refuted"


def test_without_data_every_claim_is_missing_and_no_picture_drawn():
    empty = PARTS.template(CONFIG)
    assert {claim.measured for claim in claims(empty)} == {"cells missing"}
    assert drawn(figures_births.PICTURES, empty) == []
    for judge in JUDGES:
        with pytest.raises(Missing):
            judge(empty)


def test_a_configuration_without_the_places_of_a_claim_has_no_such_claim():
    small = Config(
        born_widths=(7,),
        born_depth=1,
        born_biased_widths=(7,),
        born_biased_depth=1,
        ball_inputs=(4,),
        negative_cases=((7, 2),),
    )
    left = PARTS.template(small).load()
    for name, variable in left.data_vars.items():
        if name != "born_in_doubt":
            variable[...] = 0 if "dead" in name else 10
    found = claims(left)
    assert {claim.statement[:12] for claim in found} >= {"Bias-free on", "Negative lay"}
    assert not any("10 layers" in claim.statement for claim in found)
    assert not any(claim.measured == "cells missing" for claim in found)


def test_every_picture_is_drawn_and_labelled(dataset):
    pictures = drawn(figures_births.PICTURES, dataset)
    assert [picture.name for picture in pictures] == ["born-dead", "starts", "first-layer"]
    for picture in pictures:
        labels = [ax.get_xlabel() + ax.get_ylabel() for ax in picture.figure.axes]
        assert any(labels), picture.name


def test_a_figure_is_judged_by_its_interval_and_its_own_slack():
    wide = Estimate(0.5, 0.4, 0.6, 0.99)
    assert Expected(0.6).verdict(wide) == "supported"
    assert Expected(0.61).verdict(wide) == "refuted"
    assert Expected(0.61, slack=0.02).verdict(wide) == "supported"
    assert Expected(9.0).verdict(Estimate(5.0, 4.0, np.inf, 0.99)) == "inconclusive"
    assert Expected(3.0).verdict(Estimate(5.0, 4.0, np.inf, 0.99)) == "refuted"


def test_a_range_is_judged_by_the_whole_interval():
    half = Between(Expected(0.5), Expected(1.0))
    assert half.verdict(Estimate(0.7, 0.6, 0.8, 0.99)) == "supported"
    assert half.verdict(Estimate(0.5, 0.4, 0.6, 0.99)) == "inconclusive"
    assert half.verdict(Estimate(0.4, 0.3, 0.49, 0.99)) == "refuted"


def test_one_refuted_figure_refutes_the_claim_and_is_named():
    met, missed = Estimate(0.5, 0.4, 0.6, 0.99), Estimate(0.9, 0.8, 1.0, 0.99)
    (claim,) = compare("s", "o", {"a": (Expected(0.5), met), "b": (Expected(0.5), missed)})
    assert claim.verdict == "refuted"
    assert claim.measured == "a: 0.5000 (supported); b: 0.9000 (refuted)"
    assert compare("s", "o", {}) == []


def test_digits_that_the_law_does_not_give_are_shown_beside_it():
    assert str(Expected(0.7500004, "0.7501")) == "0.7500 (printed: 0.7501)"
