"""Parts "restarts" and "constants" of `stability`: their values, and verdicts that can fail."""

import dataclasses
import functools

import numpy as np
import pytest

from jaxlab.studies._drawing import drawn
from jaxlab.studies._judging import judged
from jaxlab.studies._study import place
from jaxlab.studies.stability import (
    claims_constants,
    claims_restarts,
    figures_restarts,
    problems,
    restarts,
    restarts_constants,
)
from jaxlab.studies.stability.config import Config

CONFIG = Config(problem_side=16, constant_radii=(1e-2,), constant_steps=6, constant_starts=1)
JUDGES = (*claims_restarts.JUDGES, *claims_constants.JUDGES)


def test_the_tiny_problem_is_that_of_the_reference(x64):
    given = problems.problem("tiny")
    assert given.mask.sum() == 31
    assert abs(np.linalg.norm(given.measurements) - 4.825141401320757) < 1e-14
    np.testing.assert_allclose(given.weights, np.sqrt(7))


@pytest.mark.parametrize("name", ["fourier", "walsh"])
def test_a_third_of_the_phantom_s_transform_is_measured_isometrically(x64, name):
    given = problems.problem(name, 16)
    assert given.mask.sum() == round(problems.RATE * 16**2)
    back = np.asarray(given.operator.forward(given.operator.adjoint(given.measurements)))
    np.testing.assert_allclose(back, given.measurements, atol=1e-13)
    assert not given.measurements[~given.mask].any()


def test_cells_fill_the_paths_of_one_problem(x64):
    dataset = restarts.template(CONFIG).load()
    for cell in restarts.cells(CONFIG):
        if cell.name in ("tiny-sizes", "tiny-p5", "tiny-p20", "tiny-nu0.5"):
            place(dataset, cell, restarts.compute(CONFIG, cell))
    path = dataset.restart_error.sel(restart_problem="tiny", restart_lam=0.01)
    size = float(dataset.restart_size[0])
    assert abs(size * float(path.sel(restart_iterations=20, restart=10)) / 1.562441e-5 - 1) < 1e-6
    assert abs(size * float(path.sel(restart_iterations=5, restart=25)) / 2.234622e-1 - 1) < 1e-6
    half = dataset.restart_nu_error.sel(restart_problem="tiny", restart_nu=0.5)
    assert abs(claims_restarts.rate(half) - 0.5) < 1e-3
    gaps = dataset.restart_gap.sel(restart_problem="tiny", restart_iterations=20, restart_lam=0.01)
    assert (gaps > -1e-14).all()


@pytest.mark.slow
def test_the_search_finds_its_bound_in_the_range_and_more_outside(x64):
    (cell,) = [c for c in restarts_constants.cells(CONFIG) if c.name == "search-tiny"]
    found = restarts_constants.compute(CONFIG, cell)["constant_quotient"]
    assert found.shape == (2, 1)
    assert 1.55 < found[0, 0] < 1.6184 * 1.001
    assert found[1, 0] > 2


@functools.cache
def synthetic():
    """What the reference says, at every place."""
    config = dataclasses.replace(CONFIG, problem_side=64)
    dataset = restarts.template(config).merge(restarts_constants.template(config)).load()
    k = dataset.restart
    dataset["restart_size"][:] = dataset["restart_data"][:] = 5.0
    dataset["restart_error"][:] = 0.1 * np.exp(-k)
    dataset["restart_error"].loc[{"restart_iterations": 5}] = 0.05
    for (lam, p), rows in claims_restarts._TINY.items():
        for at, digits in rows.items():
            where = {"restart_problem": "tiny", "restart_lam": lam, "restart_iterations": p}
            dataset["restart_error"].loc[{**where, "restart": at}] = float(digits) / 5
    dataset["restart_gap"][:] = dataset.restart_error / 100
    lost = {"restart_problem": "walsh", "restart_lam": 0.05}
    dataset["restart_error"].loc[lost], dataset["restart_gap"].loc[lost] = 0.9, -1.0
    dataset["restart_nu_error"][:] = 0.1 * dataset.restart_nu**k
    dataset["constant_delta_error"][:] = 0.2 * dataset.constant_delta
    dataset["constant_stability"][:] = [1.618395, 3.689]
    dataset["constant_noise_error"][:] = dataset.constant_noise * dataset.constant_stability
    dataset["constant_lam_max"][:] = [0.121931, 0.0253]
    dataset["constant_off_support"][:] = [0.7182, 0.87]
    dataset["constant_least"][:] = 0.5
    dataset["constant_bound"][:] = [300.0, np.inf]
    dataset["constant_step_error"][:] = [[0] * 5, [1e-2, 0, 0, 0, 1e-2]]
    dataset["constant_forms"][:] = 1e-15
    dataset["constant_ratio_error"][:] = 0.6 * (dataset.constant_ratio > 1)
    dataset["constant_quotient"][:] = 1.618
    return dataset


def refuted(dataset):
    return [c.statement for c in judged(JUDGES, "source", dataset) if c.verdict == "refuted"]


def test_numbers_of_the_reference_support_every_claim():
    assert {claim.verdict for claim in judged(JUDGES, "source", synthetic())} == {"supported"}


@pytest.mark.parametrize(
    ("name", "place", "value", "words"),
    [
        ("restart_error", {"restart_problem": "tiny", "restart": 10}, 4e-6, "printed digit"),
        ("restart_nu_error", {"restart": 20}, 1e-5, "exactly nu"),
        ("restart_error", {"restart_iterations": 40, "restart_problem": "walsh"}, 0.1, "stalls"),
        ("restart_gap", {"restart_problem": "walsh", "restart_lam": 0.01}, 1.0, "Fewer"),
        ("restart_gap", {"restart_problem": "walsh", "restart_lam": 0.05}, 1.0, "no minimiser"),
        ("constant_stability", {"constant_problem": "tiny"}, 1.6185, "printed constants"),
        ("constant_delta_error", {"constant_delta": 1e-7}, 1e-7, "delta"),
        ("constant_noise_error", {"constant_noise": 1e-5}, 3e-5, "times the noise"),
        ("constant_noise_error", {"constant_problem": "walsh"}, 0.1, "left singular"),
        ("constant_ratio_error", {"constant_ratio": 0.99}, 1e-3, "lam_max"),
        ("constant_ratio_error", {"constant_ratio": 1.01}, 0.4, "lam_max"),
        ("constant_quotient", {"constant_space": "all measurements"}, 1.7, "small perturbation"),
        ("constant_quotient", {"constant_space": "range of A_S"}, 1.7, "in the range"),
        ("constant_bound", {"constant_problem": "tiny"}, 1.5, "its certificate"),
        ("constant_forms", {"constant_problem": "tiny"}, 1e-11, "Data form"),
        ("constant_step_error", {"constant_step": 1.2}, 1e-3, "from 0.6 to 1.2"),
        ("constant_step_error", {"constant_step": 2.0}, 0.0, "0.25 and of 2"),
    ],
)
def test_other_numbers_refute_their_claim(name, place, value, words):
    dataset = synthetic().copy(deep=True)
    dataset[name].loc[place] = value
    assert any(words in statement for statement in refuted(dataset))


def test_without_data_every_claim_is_inconclusive():
    empty = restarts.template(CONFIG).merge(restarts_constants.template(CONFIG)).load()
    verdicts = [claim.verdict for claim in judged(JUDGES, "source", empty)]
    assert set(verdicts) == {"inconclusive"}
    assert len(verdicts) == len(JUDGES)


def test_the_pictures_show_every_problem():
    figures = drawn(figures_restarts.PICTURES, synthetic())
    assert [figure.name for figure in figures] == ["restarts", "constants"]
    paths, quotients = figures[0].figure.axes[0], figures[1].figure.axes[2]
    assert len(paths.lines) == len(CONFIG.restart_iterations) + 1
    np.testing.assert_allclose(quotients.lines[0].get_ydata(), 1.618395)
