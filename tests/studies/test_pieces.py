"""Study `pieces` runs end to end, repeats itself bit for bit, and its claims can fail."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxlab.studies import _study, pieces
from jaxlab.studies.pieces import models, trained
from jaxlab.studies.pieces.config import POLICIES
from jaxlab.studies.pieces.constructed import square_errors
from jaxlab.studies.pieces.counting import NO_COUNT

TINY = pieces.Config(
    initial_widths=(5, 10),
    initial_depths=(1, 2),
    initial_networks=200,
    constructed_depths=(1, 2, 6),
    step_depths=(2, 4, 6, 9),
    step_exponents=(2, 4, 6, 8),
    step_draws=40,
    step_width=4,
    step_training_steps=5,
    training_models=("He", "sawtooth", "Milkert-Hyde-Laine"),
    training_policies=("float64", "bfloat16", "float16 gradients"),
    training_depth=3,
    training_width=4,
    training_seeds=4,
    training_learning_rates=(0.1, 1e-3),
    training_steps=12,
    training_points=16,
    emulated_models=("sawtooth",),
    emulated_precisions=(4,),
    emulated_scopes=("gradient",),
    emulated_learning_rates=(1e-3,),
    emulated_seeds=4,
)


@pytest.fixture(scope="module")
def dataset():
    return pieces.run(TINY)


def verdicts(dataset):
    return {claim.statement: claim.verdict for claim in pieces.claims(dataset)}


def of(dataset, beginning):
    (verdict,) = {v for s, v in verdicts(dataset).items() if s.startswith(beginning)}
    return verdict


def test_every_variable_is_filled(dataset):
    for name, variable in dataset.data_vars.items():
        values = variable.values
        if variable.dtype.kind == "i":
            assert (values != -1).all(), name
        elif name.startswith("square"):
            assert np.isfinite(variable.sel(construction="yarotsky square").values).all()
        elif name == "gradient_share":  # where no entry is zero, there is no share of the zeros
            assert np.isfinite(variable.drop_sel(entry="from zero").values).all()
        else:
            assert np.isfinite(values).all(), name
        assert variable.attrs["long_name"]


def test_a_cell_is_the_same_bits_alone_and_beside_others(dataset):
    cells = pieces.STUDY.cells(TINY)
    for cell in (cells[0], cells[8], cells[20], cells[-4], cells[-1]):
        ((_, values, seconds),) = _study.evaluate(pieces.STUDY, TINY, [cell], workers=1)
        assert seconds > 0
        for name, value in values.items():
            index = {dim: at for dim, at in cell.index.items() if dim in dataset[name].dims}
            np.testing.assert_array_equal(dataset[name].isel(index).values, value)


def test_all_claims_are_judged_and_the_exact_ones_supported(dataset):
    got = verdicts(dataset)
    assert len(got) >= 10
    assert of(dataset, "Constructed networks") == "supported"
    assert of(dataset, "Yarotsky's s_n") == "supported"
    assert of(dataset, "After one noisy step") == "supported"


@pytest.mark.parametrize(
    ("variable", "change", "claim", "verdict"),
    [
        ("constructed_pieces", lambda v: v + 1, "Constructed networks", "refuted"),
        ("square_sup_error", lambda v: v * (1 + 2**-52), "Yarotsky's s_n", "refuted"),
        ("initial_pieces", lambda v: v + 3, "One hidden layer", "refuted"),
        ("step_regions", lambda v: v * 1000, "After one noisy step", "refuted"),
        ("step_regions", lambda v: v * 0 - 2, "After one noisy step", "inconclusive"),
        ("step_pieces", lambda v: v // 4 + 1, "The usual sawtooth", "refuted"),
        ("trained_pieces", lambda v: v * 0 + 10**6, "From He's start", "refuted"),
        ("trained_pieces", lambda v: v * 0 + 1, "Milkert, Hyde and Laine", "refuted"),
    ],
)
def test_a_claim_fails_on_data_that_contradict_it(dataset, variable, change, claim, verdict):
    doctored = dataset.assign(
        {variable: dataset[variable].copy(data=change(dataset[variable].values))}
    )
    assert of(dataset, claim) != verdict
    assert of(doctored, claim) == verdict


def test_means_below_the_bound_do_not_support_it_where_their_intervals_are_not(dataset):
    means = dataset.step_regions.mean("draw")
    at_the_bound = dataset.assign(step_bound=means * (1 + 1e-9))
    assert of(at_the_bound, "After one noisy step") == "inconclusive"
    assert of(dataset.assign(step_bound=means * 2), "After one noisy step") == "supported"


def test_a_steep_or_loose_power_law_does_not_support_the_assumption(dataset):
    depth = dataset.step_depth.values
    scatter = np.where(np.arange(len(depth)) % 2, 1.5, 1 / 1.5)
    for values, verdict in (
        (depth**2.0, "supported"),
        (depth**6.0, "refuted"),
        (depth * scatter, "inconclusive"),
    ):
        reciprocal = dataset.mean_reciprocal.copy()
        reciprocal.loc[{"step_network": "trained from He"}] = values
        assert of(dataset.assign(mean_reciprocal=reciprocal), "(A) The mean") == verdict


def test_claims_without_their_data_are_inconclusive(dataset):
    empty = pieces.STUDY.template(TINY)
    judged = pieces.claims(empty)
    assert judged
    assert {claim.verdict for claim in judged} == {"inconclusive"}
    assert pieces.figures(empty) == []


def test_every_figure_is_drawn_and_labelled(dataset):
    drawn = pieces.figures(dataset)
    assert len(drawn) == 8
    for figure in drawn:
        assert figure.caption
        for label in ("get_xlabel", "get_ylabel"):
            assert any(getattr(ax, label)() for ax in figure.figure.axes), figure.name


@pytest.mark.slow
@pytest.mark.slow
def test_the_smallest_configuration_has_claims_and_figures():
    smallest = pieces.Config(
        initial_widths=(3,),
        initial_depths=(2,),
        initial_networks=1,
        constructed_depths=(1,),
        step_depths=(2,),
        step_exponents=(2,),
        step_draws=1,
        step_width=2,
        step_training_steps=1,
        training_models=("sawtooth",),
        training_policies=("float64", "float16"),
        training_depth=1,
        training_width=1,
        training_seeds=1,
        training_learning_rates=(0.1,),
        training_steps=1,
        training_points=1,
        emulated_models=("sawtooth",),
        emulated_precisions=(2,),
        emulated_scopes=("step",),
        emulated_learning_rates=(0.1,),
        emulated_seeds=1,
    )
    dataset = pieces.run(smallest)
    assert pieces.claims(dataset)
    assert len(pieces.figures(dataset)) == 8


def test_a_run_that_is_frozen_has_no_counts_from_there_on():
    # One step of rate 1e45 ends at finite parameters, with pieces to count, and an infinite loss.
    config = dataclasses.replace(TINY, training_learning_rates=(1e-3, 1e45), training_seeds=2)
    cell = _study.Cell("sawtooth-float64", {"model": 1, "policy": 0})
    with jax.enable_x64(True):
        values = trained.compute(config, cell)
    steps = np.array(trained.checkpoints(config))
    later = steps > values["steps_taken"][..., None]
    assert not later[:, 0].any()
    assert (later[:, 1] == (steps > 1)).all()
    for name in ("trained_pieces", "trained_regions"):
        np.testing.assert_array_equal(values[name] == NO_COUNT, later)
        assert (values[name][~later] > 0).all()


def test_every_format_starts_from_identical_reals():
    with jax.enable_x64(True):
        keys = jax.random.split(jax.random.key(0), 3)
        for name in models.MODELS:
            for leaf in jax.tree.leaves(models.starts(name, TINY)(keys)):
                for narrow in ("float16", "bfloat16", "float32"):
                    back = np.asarray(leaf.astype(narrow)).astype(np.float64)
                    np.testing.assert_array_equal(back, leaf)


def test_the_targets_are_the_square_and_the_third_sawtooth():
    x = np.linspace(0, 1, 33)
    hat = x
    for _ in range(3):
        hat = np.minimum(2 * hat, 2 - 2 * hat)
    np.testing.assert_array_equal(models.TARGETS["sawtooth"](x), hat)
    np.testing.assert_array_equal(models.TARGETS["x^2"](x), x * x)


def test_square_errors_are_exact_for_the_straight_line():
    # s_0(x) = x: sup 1/4, integral 1/30. Depth 1 is its first refinement.
    params = pieces.constructed.build("yarotsky square", 1, jax.random.key(0))
    assert square_errors(params) == (4.0**-2, 1 / 480)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"step_draws": 0}, "step_draws: got 0"),
        ({"initial_widths": ()}, r"initial_widths: got \(\)"),
        ({"training_points": 100}, "training_points: got 100"),
        ({"training_policies": ("float32",)}, "training_policies: got"),
        ({"training_policies": (POLICIES[0], "float8")}, "training_policies: got"),
        ({"training_models": ("transformer",)}, "training_models: got"),
    ],
)
def test_a_bad_configuration_names_its_field(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(TINY, **change)


def test_run_refuses_another_configuration():
    with pytest.raises(TypeError, match="config: got dict"):
        _study.run(pieces.STUDY, {})
