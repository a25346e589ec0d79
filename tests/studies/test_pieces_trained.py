"""Claims about training in study `pieces`: paired by start, honest about what is left out."""

import numpy as np
import pytest
import xarray as xr

from jaxlab.studies import _judging, pieces
from jaxlab.studies._statistics import LEVEL, geometric_mean
from jaxlab.studies.pieces import claims_trained, judging, trained
from jaxlab.studies.pieces.counting import NO_COUNT

SEEDS = 10
CONFIG = pieces.Config(
    training_models=("He", "sawtooth", "Milkert-Hyde-Laine"),
    training_policies=("float64", "float16", "bfloat16"),
    training_depth=3,
    training_learning_rates=(1e-2, 1e-3),
    training_seeds=SEEDS,
    training_steps=10,
)
LAST = trained.checkpoints(CONFIG)[-1]


def filled(*changes):
    """Every run keeps 8 pieces to the end, but for ``(pieces, where)`` in ``changes``."""
    template = trained.template(CONFIG)
    counts, undecided = template.trained_pieces.copy(), template.trained_undecided.copy()
    counts[:], undecided[:] = 8, 0
    for value, where in changes:
        counts.loc[{"checkpoint": LAST, **where}] = value
    return template.assign(trained_pieces=counts, trained_undecided=undecided)


def judged(judge, *changes):
    return judge(filled(*changes))


RATE, ROUNDING, INTERACTION, HE, MILKERT = claims_trained.JUDGES
LOSSY = (4, {"model": "sawtooth", "learning_rate": 1e-2})


@pytest.mark.parametrize("wider", [1, 4])
def test_runs_from_one_start_are_one_sample(wider):
    rng = np.random.default_rng(0)
    counts = xr.DataArray(np.exp(rng.normal(size=(1, SEEDS))), dims=("rate", "seed"))
    ones = xr.ones_like(counts)
    repeated = [xr.concat([array] * wider, "rate") for array in (counts, ones)]
    kept = judging.kept_share(*repeated, "seed")
    np.testing.assert_allclose(kept.share, geometric_mean(counts.values), rtol=1e-12)
    assert (kept.used, kept.pairs, kept.balanced) == (wider * SEEDS, wider * SEEDS, True)


def test_a_pair_needs_both_counts():
    counts = xr.DataArray([2, NO_COUNT, 2, 6], dims="seed")
    reference = xr.DataArray([1, 1, NO_COUNT, 1], dims="seed")
    kept = judging.kept_share(counts, reference, "seed")
    np.testing.assert_allclose(kept.share.value, np.sqrt(12))
    assert (kept.used, kept.pairs, kept.balanced) == (2, 4, True)
    assert not judging.kept_share(counts, reference * 0 + 1, "seed").balanced
    nothing = judging.kept_share(counts * 0 - 2, reference, "seed")
    assert np.isnan(nothing.share.value)
    assert nothing.used == 0


def test_an_interval_of_several_says_so():
    assert "simultaneous" not in _judging.interval(geometric_mean([1.0, 2.0], LEVEL))
    assert "simultaneous" in _judging.interval(geometric_mean([1.0, 2.0], 0.999))


def test_decisions_within_the_tolerance_are_told():
    assert judging.exactness(xr.DataArray([0, -1])) == "exact counts"
    assert "but for 3 decisions" in judging.exactness(xr.DataArray([2, 1]))


def test_the_rate_destroys_pieces_at_some_rate_or_at_none():
    (claim,) = judged(RATE, LOSSY)
    assert claim.verdict == "supported"
    assert "0.500 (20 of 20 pairs) at rate 0.01" in claim.measured
    assert "simultaneous" in claim.interval
    (claim,) = judged(RATE)
    assert claim.verdict == "refuted"


def test_control_runs_that_fail_prove_nothing_about_the_rate():
    frozen = {"model": "sawtooth", "policy": "float64", "learning_rate": 1e-2, "seed": range(2)}
    (claim,) = judged(RATE, LOSSY, (NO_COUNT, frozen))
    assert claim.verdict == "inconclusive"
    assert "0.500 (16 of 20 pairs) at rate 0.01" in claim.measured


@pytest.mark.parametrize("left", [8, 4])
def test_a_format_that_fails_more_often_than_its_control_is_not_judged_by_the_rest(left):
    frozen = {"model": "sawtooth", "policy": "float16"}
    half, bfloat = judged(ROUNDING, (left, frozen), (NO_COUNT, frozen | {"seed": range(SEEDS - 2)}))
    assert half.verdict == "inconclusive"
    assert "(8 of 40 pairs)" in half.measured
    assert bfloat.verdict == "refuted"
    assert "(40 of 40 pairs)" in bfloat.measured


def test_the_loss_beyond_the_controls_is_that_of_the_surest_format():
    worse = (2, {"model": "sawtooth", "learning_rate": 1e-2, "policy": "float16"})
    (claim,) = judged(INTERACTION, LOSSY, worse)
    assert claim.verdict == "supported"
    assert "0.500 (20 of 20 pairs) in float16" in claim.measured
    assert "simultaneous" in claim.interval
    (claim,) = judged(INTERACTION, LOSSY)
    assert claim.verdict == "refuted"


def test_starts_of_he_are_judged_by_the_runs_that_finish():
    frozen = {"model": "He", "learning_rate": 1e-2}
    (claim,) = judged(HE, (NO_COUNT, frozen))
    assert claim.verdict == "supported"
    assert "60 of 120 runs that finish" in claim.measured


def test_a_parameterisation_that_does_not_finish_is_not_supported():
    assert judged(MILKERT)[0].verdict == "supported"
    frozen = {"model": "Milkert-Hyde-Laine", "policy": "float16", "seed": 0}
    (claim,) = judged(MILKERT, (NO_COUNT, frozen))
    assert claim.verdict == "inconclusive"
    assert "36 of 36 in float16" in claim.measured
    assert "4 of 120 runs do not finish" in claim.measured
    (claim,) = judged(MILKERT, (4, frozen))
    assert claim.verdict == "refuted"
