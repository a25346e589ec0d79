"""Part "floor" of `stability`: arithmetics, overflow laws, and verdicts that can fail."""

import functools
import math

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from jaxlab.studies._drawing import drawn
from jaxlab.studies._judging import judged
from jaxlab.studies.stability import claims_floor, figures_floor, floor, problems
from jaxlab.studies.stability.config import Config

CONFIG = Config(problem_side=16, floor_restarts=40)


def cell(name):
    return next(c for c in floor.cells(CONFIG) if c.name == name)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_means_of_copies_are_numpy_s(x64, dtype):
    x = np.random.default_rng(0).normal(size=20).astype(getattr(ml_dtypes, dtype, dtype))
    share = np.ones((), x.dtype) / np.full((), 40, x.dtype)
    expected = x
    found = jax.jit(floor.averages)(jnp.asarray(x))
    for got in found:
        total = np.zeros_like(x)
        for _ in range(40):
            total = total + expected
        expected = total * share
        np.testing.assert_array_equal(np.asarray(got), expected)


@pytest.mark.slow
def test_emulated_and_native_float32_are_as_accurate(x64):
    given = problems.problem("walsh", 32)
    y = jnp.asarray(given.measurements)
    delta = jnp.array([2.0**-24 * np.linalg.norm(given.measurements)])
    ends = [
        floor.distances(floor.path(given, name, "step", 20)(y, delta), given)[0, -1]
        for name in ("float32", "p=24")
    ]
    assert all(2.0**-25 < end < 8 * 2.0**-24 for end in ends)
    assert abs(ends[0] / ends[1] - 1) < 0.3


def test_float16_breaks_without_delta_where_the_closed_form_says_and_not_with_it(x64):
    size = floor.compute(CONFIG, cell("size"))
    norm, largest = size["floor_norm"], size["floor_coefficient"]
    laws = {
        "data": math.ceil(math.log(65520 * norm / (2 * largest))),
        "step": math.ceil(math.log(65520 * norm * 20)),
    }
    for kind, law in laws.items():
        (errors,) = [
            values
            for name, values in floor.compute(CONFIG, cell(f"{kind}-float16")).items()
            if name != "floor_mean_error"
        ]
        assert np.isfinite(errors[0, : law - 1]).all()
        assert not np.isfinite(errors[0, law - 1])
        assert np.isfinite(errors[1]).all()


@functools.cache
def synthetic():
    dataset = floor.template(CONFIG).load()
    dataset["floor_norm"][...], dataset["floor_largest"][...] = 13.0, 7.6
    dataset["floor_coefficient"][...] = 7.6
    k = np.arange(1, CONFIG.floor_restarts + 1)
    grows = {"step": 8.0, "data": 30.0, "Fourier": 8.0}
    for kind, (variable, dim) in claims_floor.KINDS.items():
        for name in map(str, dataset[dim].values):
            u = floor.unit_roundoff(name)
            path = np.maximum(13 * np.exp(-k), 4.5 * u)
            past = np.maximum(0, k - np.argmax(path <= 4.5 * u) - 4)
            growing = path * np.minimum(1 + 0.25 * past, grows[kind] / 4.5)
            if name == "float16":
                growing[claims_floor.overflows(dataset)[kind] - 1 :] = np.nan
            dataset[variable].loc[{dim: name, "floor_delta": floor.RULES[0]}] = growing
            dataset[variable].loc[{dim: name, "floor_delta": floor.RULES[1]}] = path
    for name in map(str, dataset.floor_deviation_arithmetic.values):
        where = {"floor_deviation_arithmetic": name}
        dataset["floor_deviation_error"].loc[where] = 0.6 * floor.unit_roundoff(name)
    units = [floor.unit_roundoff(str(name)) for name in dataset.floor_arithmetic.values]
    ends = np.where(np.arange(floor.AVERAGES) == 0, 4.5, 8.0)
    dataset["floor_mean_error"][:] = np.array(units)[:, None] * ends
    return dataset


def refuted(dataset):
    found = judged(claims_floor.JUDGES, "source", dataset)
    return [claim.statement for claim in found if claim.verdict == "refuted"]


def test_floors_of_the_reference_support_every_claim():
    found = judged(claims_floor.JUDGES, "source", synthetic())
    assert {claim.verdict for claim in found} == {"supported"}


RULE = {"floor_delta": floor.RULES[1]}
NONE = {"floor_delta": floor.RULES[0]}


@pytest.mark.parametrize(
    ("name", "where", "factor", "words"),
    [
        ("floor_error", RULE, 0.5, "Walsh, step form"),
        ("floor_data_error", RULE, 2.0, "Walsh, data form"),
        ("floor_complex_error", RULE, 2.0, "Fourier"),
        (
            "floor_error",
            {**RULE, "floor_arithmetic": "bfloat16", "floor_restart": slice(1, 12)},
            1e3,
            "log(1/u)",
        ),
        ("floor_mean_error", {"floor_average": 1}, 2.0, "ergodic mean"),
        ("floor_mean_error", {"floor_average": floor.AVERAGES}, 1.1, "copy itself"),
        ("floor_deviation_error", RULE, 2.0, "below u"),
        ("floor_error", {**NONE, "floor_restart": 40}, 0.5, "grows again"),
        ("floor_error", {**RULE, "floor_restart": 40}, 2.0, "it stays there (step"),
        ("floor_data_error", {**RULE, "floor_restart": 40}, 2.0, "it stays there (data"),
        ("floor_data_error", {**NONE, "floor_restart": 8}, np.nan, "data form breaks"),
        ("floor_error", {**NONE, "floor_restart": 8}, np.inf, "step form breaks"),
        ("floor_data_error", {**RULE, "floor_restart": 30}, np.inf, "keeps float16"),
    ],
)
def test_other_errors_refute_their_claim(name, where, factor, words):
    dataset = synthetic().copy(deep=True)
    if not np.isfinite(factor):
        where = {**where, claims_floor.KINDS["data" if "data" in name else "step"][1]: "float16"}
    dataset[name].loc[where] = dataset[name].loc[where] * factor
    assert any(words in statement for statement in refuted(dataset))


def test_without_data_every_claim_is_inconclusive():
    empty = floor.template(CONFIG).load()
    verdicts = {claim.verdict for claim in judged(claims_floor.JUDGES, "source", empty)}
    assert verdicts == {"inconclusive"}


def test_the_pictures_show_every_arithmetic():
    figures = drawn(figures_floor.PICTURES, synthetic())
    assert [figure.name for figure in figures] == ["floor", "floor-growth"]
    labels = [line.get_label() for line in figures[0].figure.axes[0].lines]
    assert set(CONFIG.floor_arithmetics) <= set(labels)
