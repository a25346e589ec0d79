"""Flows start and end where independent computations say, and claims are judged on the data."""

import dataclasses
import itertools

import jax
import matplotlib.figure
import numpy as np
import pytest
from scipy import integrate

from jaxlab.flows import zigzag
from jaxlab.studies._drawing import drawn
from jaxlab.studies._judging import judged
from jaxlab.studies._study import place
from jaxlab.studies.flow import claims_limits, figures_limits, limits, starts
from jaxlab.studies.flow.config import Config

TINY = Config(
    limits_neurons=(1, 2),
    limits_batches=2,
    limits_flows=40,
    limits_stop=1e4,
    limits_checked=2,
    limits_checked_neurons=1,
)


def exact_risk(w, b, v, c):
    """The risk for ``x`` on [0, 1] from the residual at the kinks, in NumPy."""
    breaks = [-bias / weight for weight, bias in zip(w, b, strict=True) if weight]
    edges = np.array([0.0, *sorted(q for q in breaks if 0 < q < 1), 1.0])
    left, right = (
        np.maximum(np.multiply.outer(x, w) + b, 0) @ v + c - x for x in (edges[:-1], edges[1:])
    )
    return float(np.sum(np.diff(edges) * (left**2 + left * right + right**2)) / 3)


def networks(params):
    return zip(*(np.asarray(leaf) for leaf in params), strict=True)


def test_normal_starts_are_those_of_the_reference(x64):
    found = starts.normal(5, 3, 2)
    rng = np.random.default_rng(6)
    for leaf, size in zip(found.params, (3, 3, 3, None), strict=True):
        np.testing.assert_array_equal(leaf[1], rng.normal(size=size))
    assert found.drawn == 2


@pytest.mark.parametrize(
    ("family", "neurons"),
    [(starts.beside_saddle, 1), (starts.beside_saddle, 3), (starts.around_target, 8)],
)
def test_near_starts_have_risks_just_below_the_threshold(family, neurons, x64):
    found = family(1, neurons, 7)
    risks = np.array([exact_risk(*network) for network in networks(found.params)])
    threshold = float(zigzag.threshold(neurons))
    assert risks.shape == (7,)
    assert ((threshold / 2 < risks) & (risks < threshold)).all()
    assert len(set(risks)) == 7
    assert found.drawn >= 7


def test_starts_beside_the_saddle_are_near_it(x64):
    saddle = zigzag.saddle(2, starts.PROBLEM)
    for leaf, around in zip(saddle, starts.beside_saddle(0, 2, 20).params, strict=True):
        assert 0 < np.abs(np.asarray(around) - np.asarray(leaf)).max() < 0.5


def test_so_few_starts_are_found_that_it_is_an_error(monkeypatch, x64):
    monkeypatch.setattr(starts, "_ROUNDS", 1)
    monkeypatch.setattr(starts, "_DRAWS", 4)
    with pytest.raises(RuntimeError, match="wanted 100"):
        starts.beside_saddle(0, 2, 100)


def theory(config):
    """A dataset in which everything is as the theory says."""
    dataset = limits.template(config).load()
    times = dataset.limits_time.values
    falling = 1 / (12 + times) ** 3
    for name, value in {
        "risk": falling, "gradient": 0.0, "norm": 2.0, "defect": 1e-6, "displacement": 0.9,
        "rise": 0.0, "steps": 50, "status": 0, "born": 1, "active": 1, "breaks": 1, "verdict": 1,
    }.items():  # fmt: skip
        dataset[f"limits_{name}"][...] = value
    for index, (dead, born) in enumerate(((21, 13), (14, 5))):
        normal = {"limits_neurons": index, "limits_batch": 0}
        for batch in (0, 1):
            at = normal | {"limits_batch": batch, "limits_flow": slice(dead)}
            dataset["limits_risk"][at] = 1 / 12 + 0.1 * np.exp(-times)
            dataset["limits_active"][at] = 0
            dataset["limits_born"][at | {"limits_flow": slice(born)}] = 0
    dataset["limits_drawn"][...] = 40
    dataset["limits_tightened"] = 1e-3
    dataset["limits_tight_defect"][...] = 1e-9
    dataset["limits_tight_risk"][...] = 1 / 12
    return dataset


def verdicts_of(dataset):
    return {c.statement: c.verdict for c in judged(claims_limits.JUDGES, "source", dataset)}


def test_what_the_theory_says_is_supported():
    found = verdicts_of(theory(TINY))
    assert len(found) == 15
    assert {text: verdict for text, verdict in found.items() if verdict != "supported"} == {}


LAST = {"limits_neurons": 1, "limits_batch": 1, "limits_flow": 39}
NEAR = {"limits_neurons": 1, "limits_batch": 2, "limits_flow": 0}


@pytest.mark.parametrize(
    ("name", "at", "value", "refuted"),
    [
        ("risk", LAST, 0.02, {"H=2: flows from N(0, 1) end"}),
        ("risk", NEAR, 1 / 972 - 1e-12, {"H=2, threshold 1/972"}),
        ("active", LAST, 0, {"Saddles attract nobody"}),
        ("verdict", LAST, 2, {"No flow for an affine target"}),
        ("rise", LAST, 1e-12, {"The risk does not rise"}),
        ("displacement", LAST, 1.001, {"|theta(t) - theta(0)|"}),
        ("born", {"limits_neurons": 0}, 0, {"N(0, 1) networks are born dead"}),
        ("tight_risk", {}, 0.0, {"Final risks do not depend"}),
        ("tight_defect", {}, 1e-7, {"L(0) - L(t) is the integral"}),
    ],
)
def test_data_against_the_theory_refute(name, at, value, refuted):
    dataset = theory(TINY)
    dataset[f"limits_{name}"][at] = value
    found = {text for text, verdict in verdicts_of(dataset).items() if verdict == "refuted"}
    assert all(any(text.startswith(start) for text in found) for start in refuted), found
    assert len(found) == len(refuted)


def test_flows_on_their_way_leave_claims_open():
    dataset = theory(TINY)
    dataset["limits_risk"][NEAR] = 1e-3 / (1 + dataset.limits_time.values) ** 0.5
    found = verdicts_of(dataset)
    assert [v for text, v in found.items() if text.startswith("H=2, threshold")] == ["inconclusive"]


def test_flows_that_fall_too_slowly_are_no_evidence_for_the_rate():
    dataset = theory(TINY)
    slow = {"limits_neurons": 1, "limits_batch": 0, "limits_flow": slice(30, 32)}
    dataset["limits_risk"][slow] = 1e-9 / (1 + dataset.limits_time.values) ** 0.1
    found = verdicts_of(dataset)
    assert found["Where the risk tends to 0 it does so at least as fast as 1/t"] == "inconclusive"


def test_classes_cover_every_flow_once():
    for neurons in TINY.limits_neurons:
        flows = limits.of(theory(TINY), neurons, *limits.STARTS)
        masks = claims_limits.classes(flows, neurons)
        assert (np.sum(list(masks.values()), axis=0) == 1).all()
        assert masks["1/12"].sum() == 2 * {1: 21, 2: 14}[neurons]


def test_missing_cells_make_claims_inconclusive_and_no_picture():
    empty = limits.template(TINY).load()
    assert set(verdicts_of(empty).values()) == {"inconclusive"}
    assert drawn(figures_limits.PICTURES, empty) == []


def test_pictures_show_the_atoms_and_the_counts():
    histogram, fans = drawn(figures_limits.PICTURES, theory(TINY))
    for picture in (histogram, fans):
        assert isinstance(picture.figure, matplotlib.figure.Figure)
    texts = {text.get_text() for ax in histogram.figure.axes for text in ax.texts}
    assert {"1/12: 42", "1/12: 28", "0: 38", "0: 52", "H = 1", "H = 2"} <= texts
    assert "H = 1: 52.5% dead" in {
        ax.get_title() or ax.get_title("left") for ax in fans.figure.axes
    }


@pytest.fixture(scope="module")
def computed():
    config = dataclasses.replace(TINY, limits_neurons=(1,), limits_batches=1, limits_flows=12)
    dataset = limits.template(config).load()
    with jax.enable_x64(True):
        for cell in limits.cells(config):
            place(dataset, cell, limits.compute(config, cell))
    return dataset


@pytest.mark.slow
def test_flows_end_where_an_independent_solver_ends(computed):
    for name, variable in computed.data_vars.items():
        assert (variable.values != -1).all(), name
        assert not np.isnan(variable.values).any(), name

    def field(_, theta):
        w, b, v, c = theta
        edges = np.array([0.0, *[q for q in (-b / w,) if 0 < q < 1], 1.0])
        slope = np.zeros(4)
        for left, right in itertools.pairwise(edges):
            x = np.array([left, (left + right) / 2, right])
            on = float(w * x[1] + b > 0)
            force = (right - left) / 3 * np.array([0.5, 2, 0.5])
            force = force * (c + on * v * (w * x + b) - x)
            slope -= [
                on * v * force @ x, on * v * force.sum(), on * force @ (w * x + b), force.sum(),
            ]  # fmt: skip
        return slope

    flows = limits.of(computed, 1, "normal")
    for seed in range(6):
        rng = np.random.default_rng(seed)
        start = np.array([rng.normal(size=1)[0] for _ in range(3)] + [rng.normal()])
        solved = integrate.solve_ivp(field, (0, 1e3), start, "LSODA", rtol=1e-9, atol=1e-11)
        w, b, v, c = solved.y[:, -1]
        expected = exact_risk(np.array([w]), np.array([b]), np.array([v]), c)
        at = int(np.argmin(np.abs(flows.limits_time.values - 1e3)))
        assert float(flows.risk[seed, at]) == pytest.approx(expected, rel=1e-3, abs=1e-12)
        assert int(flows.active[seed]) == int(max(b, w + b) > 0)


@pytest.mark.slow
def test_computed_flows_support_the_theory(computed):
    found = verdicts_of(computed)
    assert "refuted" not in set(found.values()), found
    near = limits.of(computed, 1, "saddle", "target")
    assert (near.risk.values[:, -1] < 1e-8).all()
