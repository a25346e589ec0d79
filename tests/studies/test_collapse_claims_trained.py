"""Claims about training are supported by data made to agree, and refuted when these are changed."""

import numpy as np
import pytest
import xarray as xr

from jaxlab.studies._judging import Missing, judged
from jaxlab.studies.collapse import laws
from jaxlab.studies.collapse.config import Config
from jaxlab.studies.collapse.targets import published, square
from jaxlab.studies.collapse.training import (
    claims_formats,
    claims_ladder,
    claims_trained,
    outcomes,
    trained,
)

CONFIG = Config(published_runs=1000, published_wide_runs=1000, ladder_depths=(2, 10))
SHARES = {3: 0.6, 5: 0.3, 10: 0.001}
FLOOR = square().states.rmse


def fill(dataset, name, dead, deviation):
    """Runs of which a share is born dead, stays so and is constant; the others are good."""
    born = dataset[f"{name}_born"]
    count = np.round(np.broadcast_to(dead, born.shape[:-1]) * born.shape[-1])
    flags = np.arange(born.shape[-1]) < np.asarray(count)[..., None]
    deviations = np.broadcast_to(deviation, born.shape[:-1])[..., None]
    for variable in ("born", "dead"):
        dataset[f"{name}_{variable}"][:] = flags.astype(int)
    dataset[f"{name}_died"][:] = np.where(flags, 0, outcomes.ALIVE)
    for variable in ("revivals", "broken", "permanent", "tentative", "still"):
        dataset[f"{name}_{variable}"][:] = 0
    last = int(dataset["ladder_step" if name == "ladder" else "step"][-1])
    dataset[f"{name}_taken"][:] = last
    for variable in ("level", "label_mean", "label_median"):
        dataset[f"{name}_{variable}"][:] = 0.0
    dataset[f"{name}_spread"][:] = np.where(flags, 0.0, 1.0)
    for variable in ("risk", "rmse", "absolute"):
        errors = np.where(flags, 1.01 * deviations, 0.01 * deviations)
        dataset[f"{name}_{variable}"][:] = errors[..., None]


@pytest.fixture
def ideal():
    dataset = xr.merge([part.template(CONFIG) for part in trained.PARTS], join="exact")
    dataset = dataset.copy(deep=True)
    deviations = np.array([published()[t].states.rmse for t in trained.TARGETS])
    he_and_rai = np.array([0.938, 0.326])[None, :, None]
    fill(dataset, "narrow", np.broadcast_to(he_and_rai, (4, 2, 2)), deviations[:, None, None])
    fill(dataset, "median", 0.92, deviations)
    fill(dataset, "wide", np.array([SHARES[w] for w in CONFIG.published_widths]), deviations[0])
    fill(dataset, "plane", np.array([[0.9, 0.9], [0.768, 0.096]]), 1.0)
    law = np.array([laws.one_ray([2] * depth).probability for depth in CONFIG.ladder_depths])
    fill(dataset, "ladder", law, FLOOR)
    shuffled = np.random.default_rng(0).permutation(CONFIG.ladder_runs)
    for name in [name for name in dataset if "ladder_run" in dataset[name].dims]:
        axis = dataset[name].dims.index("ladder_run")
        dataset[name][:] = dataset[name].values.take(shuffled, axis)
    return dataset


def verdicts(judge, dataset):
    return [claim.verdict for claim in judge(dataset)]


@pytest.mark.parametrize(
    "judge",
    [
        claims_trained._unchanged,
        claims_trained._states,
        claims_ladder._all_dead,
        claims_ladder._floor,
        claims_formats._same_birth,
    ],
)
def test_claims_that_hold_are_supported(judge, ideal):
    assert set(verdicts(judge, ideal)) == {"supported"}


def test_reported_widths_are_compared_one_by_one(ideal):
    assert verdicts(claims_trained._widths, ideal) == ["supported"] * 5
    ideal.wide_spread[:] = 1.0
    assert verdicts(claims_trained._widths, ideal)[2:4] == ["refuted"] * 2


def test_the_asymmetric_start_is_better_and_reported_pairs_agree_within_their_errors(ideal):
    assert verdicts(claims_trained._asymmetric, ideal) == ["supported"] * 3
    assert verdicts(claims_trained._plane, ideal) == ["supported"]
    swapped = ideal.isel(start=[1, 0]).assign_coords(start=ideal.start)
    assert verdicts(claims_trained._asymmetric, swapped) == ["refuted"] * 3
    ideal.narrow_spread.loc[{"start": "RAI"}][..., :500] = 0
    assert verdicts(claims_trained._asymmetric, ideal) == ["supported", "refuted", "refuted"]


def test_few_runs_meet_a_reported_share_without_supporting_it(ideal):
    few = ideal.isel(narrow_run=slice(0, 1000, 20), plane_run=slice(0, 1000, 20))
    assert verdicts(claims_trained._asymmetric, few)[1:] == ["inconclusive"] * 2
    assert verdicts(claims_trained._plane, few) == ["inconclusive"]


def test_one_broken_network_refutes_constancy(ideal):
    run = int(np.flatnonzero(ideal.median_born[0] > 0)[0])
    ideal.median_broken[0, run] = 1
    assert verdicts(claims_trained._unchanged, ideal) == ["refuted"]


def test_constants_off_their_state_are_refuted(ideal):
    ideal.narrow_level[0] += 0.2 * published()[trained.TARGETS[0]].states.rmse
    assert verdicts(claims_trained._states, ideal) == ["refuted", "supported"]


def test_the_floor_is_violated_by_a_dead_network_that_is_too_good(ideal):
    ideal.ladder_rmse[:] = 0.9 * FLOOR
    assert verdicts(claims_ladder._floor, ideal) == ["refuted"]


def test_deaths_that_cluster_refute_independence(ideal):
    together = np.argsort(-ideal.ladder_born.values, axis=-1, kind="stable")
    ideal.ladder_born[:] = np.take_along_axis(ideal.ladder_born.values, together, axis=-1)
    assert verdicts(claims_ladder._all_dead, ideal) == ["refuted"]


def test_depth_hurts_starts_help_and_birth_is_all_there(ideal):
    assert verdicts(claims_ladder._more_starts, ideal) == ["supported"] * 2
    assert verdicts(claims_ladder._training_adds, ideal) == ["inconclusive"]
    for name in ("ladder_risk", "ladder_rmse"):
        ideal[name][:] = FLOOR
    assert verdicts(claims_ladder._training_adds, ideal) == ["supported"]
    assert "supported" not in verdicts(claims_ladder._more_starts, ideal)


@pytest.mark.parametrize(
    ("judge", "change"),
    [
        (claims_formats._death, {"ladder_dead": 1}),
        (claims_formats._stagnation, {"ladder_still": 1}),
    ],
)
def test_what_only_a_format_does_is_told_from_the_control(judge, change, ideal):
    assert set(verdicts(judge, ideal)) == {"refuted"}
    worse = ideal.copy(deep=True)
    for name, value in change.items():
        worse[name].loc[{"format": "float16"}] = value
    by_format = {claim.statement: claim.verdict for claim in judge(worse)}
    assert {v for s, v in by_format.items() if s.startswith("float16")} == {"supported"}
    assert {v for s, v in by_format.items() if s.startswith("bfloat16")} == {"refuted"}
    everywhere = ideal.copy(deep=True)
    for name, value in change.items():
        everywhere[name][:] = value
    assert set(verdicts(judge, everywhere)) == {"refuted"}  # the control does it too


def test_runs_that_freeze_are_counted(ideal):
    assert verdicts(claims_formats._frozen, ideal) == ["supported"]
    ideal.ladder_taken[:] = 3
    assert verdicts(claims_formats._frozen, ideal) == ["refuted"]


def test_a_format_that_spares_networks_is_told_from_one_that_kills_them(ideal):
    assert set(verdicts(claims_formats._spared, ideal)) == {"inconclusive"}  # nothing differs
    ideal.ladder_dead.loc[{"format": ["float64", "float16"]}] = 1
    found = {claim.statement: claim.verdict for claim in claims_formats._spared(ideal)}
    assert {v for s, v in found.items() if s.startswith("bfloat16")} == {"supported"}
    assert {v for s, v in found.items() if s.startswith("float16")} == {"inconclusive"}


def test_fates_do_not_overlap_and_leave_no_run_out(ideal):
    for name, value in {"ladder_dead": 1, "ladder_still": 1, "ladder_taken": 3}.items():
        ideal[name][..., ::3] = value
    found = claims_formats.fates(ideal)
    assert (sum(mask.astype(int) for mask in found) == 1).all()
    assert all(int(mask.sum()) > 0 for mask in (found.born, found.died, found.moving))


def test_births_that_differ_and_revivals_are_seen(ideal):
    ideal.ladder_born.loc[{"format": "bfloat16"}] = 1
    assert verdicts(claims_formats._same_birth, ideal) == ["refuted"]
    assert verdicts(claims_formats._revivals, ideal) == ["inconclusive"] * 2
    ideal.ladder_revivals.loc[{"optimiser": "Adam"}] = 1
    assert verdicts(claims_formats._revivals, ideal) == ["inconclusive", "refuted"]


def test_missing_cells_are_said_to_be_missing(ideal):
    ideal.ladder_born[:] = -1
    with pytest.raises(Missing):
        claims_ladder._floor(ideal)
    found = judged(claims_ladder.JUDGES, "source", ideal)
    assert {claim.verdict for claim in found} == {"inconclusive"}


def test_groups_too_few_are_not_counted(ideal):
    few = ideal.isel(ladder_run=slice(0, 40))
    assert claims_ladder.starts(few) == [1, 2, 4]
