"""Emulated training in study `pieces`: its arms are what they say; its claims can go any way."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab import training
from jaxlab.arithmetic import Format, round_to, rounded
from jaxlab.networks.mlp import Layer
from jaxlab.studies import _study, pieces
from jaxlab.studies._parts import named_key
from jaxlab.studies.pieces import claims_emulated, emulated, figure_emulated, models
from jaxlab.studies.pieces.counting import NO_COUNT, count

TINY = pieces.Config(
    training_depth=2,
    training_width=4,
    training_steps=5,
    training_points=16,
    emulated_models=("sawtooth",),
    emulated_precisions=(4, 25),
    emulated_scopes=("gradient", "step"),
    emulated_learning_rates=(1e-2, 1e-3),
    emulated_seeds=20,
)
FLOAT64 = training.Policy.native("float64")


@pytest.fixture(scope="module")
def dataset():
    part = emulated.PART
    study = pieces.STUDY._replace(
        template=part.template, cells=part.cells, compute=part.compute, presets={"tiny": TINY}
    )
    return _study.run(study, TINY)


def filled(**values):
    """A dataset in which every count and number is the given one, or the default."""
    chosen: dict = {
        "starting_pieces": 64,
        "exact_pieces": 64,
        "noisy_pieces": 64,
        "rounded_pieces": 64,
        "gradient_error": 0.5,
        "gradient_share": 0.0,
        "sign_correlation": np.linspace(-0.05, 0.05, TINY.emulated_seeds),
    }
    template = emulated.template(TINY)
    return template.assign(
        {
            name: template[name].copy(data=np.broadcast_to(value, template[name].shape).copy())
            for name, value in (chosen | values).items()
        }
    )


def verdicts(dataset, judge):
    return {claim.verdict for claim in judge(dataset)}


def test_every_arm_is_filled(dataset):
    for name, variable in dataset.data_vars.items():
        if name == "gradient_share":  # where no entry is zero, there is no share of the zeros
            variable = variable.drop_sel(entry="from zero")
        assert np.isfinite(variable.values).all(), name
        assert variable.dtype.kind == "f" or (variable.values != -1).all(), name


def test_25_bits_end_with_the_pieces_of_the_control(dataset):
    wide = dataset.rounded_pieces.sel(precision=25)
    assert (wide == dataset.exact_pieces).all()
    assert (dataset.rounded_pieces.sel(precision=4) != dataset.exact_pieces).any()


def test_noise_of_25_bits_ends_with_the_pieces_of_the_control(dataset):
    assert (dataset.noisy_pieces.sel(noise_exponent=25) == dataset.exact_pieces).all()
    assert (dataset.noisy_pieces.sel(noise_exponent=-4) != dataset.exact_pieces).any()


def test_the_gradient_error_is_against_the_exact_gradient_at_the_rounded_arguments(dataset):
    fmt, objective = Format.ieee(exponent_bits=8, precision=4), models.loss("sawtooth", FLOAT64)

    def gradient(function):
        return jax.jit(jax.vmap(jax.grad(function), in_axes=(0, None)))

    with jax.enable_x64(True):
        keys = jax.random.split(named_key(TINY.seed, "emulated-sawtooth"), TINY.emulated_seeds)
        start = models.starts("sawtooth", TINY)(keys)
        x, y = models.data(TINY, models.MODELS["sawtooth"])
        given = start, (jnp.asarray(x), jnp.asarray(y[0]))
        seen = jax.tree.map(lambda leaf: round_to(leaf, fmt), given)
        got, exact = gradient(rounded(objective, fmt))(*given), gradient(objective)
        expected = emulated.gradient_errors(got, exact(*seen), fmt.unit_roundoff)
        naive = emulated.gradient_errors(got, exact(*given), fmt.unit_roundoff)
    measured = dataset.sel(precision=4, emulated_model="sawtooth")
    for name, values in expected.items():
        np.testing.assert_array_equal(measured[name], values)
    assert (naive["gradient_error"] > 1.2 * expected["gradient_error"]).any()


def test_the_control_takes_the_bits_of_plain_gradient_descent():
    rates = TINY.emulated_learning_rates
    with jax.enable_x64(True):
        objective = models.loss("sawtooth", FLOAT64)
        plain = emulated.train(TINY, "sawtooth", objective, training.gradient_descent, rates)
        noisy = emulated.train(
            TINY, "sawtooth", objective, emulated.noisy_descent(TINY), range(2 * len(rates))
        )
        count = len(rates) * TINY.emulated_seeds
        for ours, theirs in zip(
            jax.tree.leaves(noisy.params), jax.tree.leaves(plain.params), strict=True
        ):
            np.testing.assert_array_equal(ours[:count], theirs)
            assert (np.asarray(ours[count:]) != np.asarray(theirs)).any()


def test_a_run_that_is_frozen_has_no_final_count():
    # One step of rate 1e60 ends at finite parameters, with pieces to count, and an infinite loss.
    rates, seeds = (1e-3, 1e60), TINY.emulated_seeds
    with jax.enable_x64(True):
        objective = models.loss("sawtooth", FLOAT64)
        history = emulated.train(TINY, "sawtooth", objective, training.gradient_descent, rates)
        assert (count(history.params, 0.0, 1.0).pieces > 0).all()
        pieces = emulated.final_pieces("sawtooth", history)
    assert (pieces[:seeds] > 0).all()
    assert (pieces[seeds:] == NO_COUNT).all()


def test_a_whole_rounded_step_leaves_parameters_of_the_format():
    fmt, rates = Format.ieee(exponent_bits=8, precision=4), TINY.emulated_learning_rates
    with jax.enable_x64(True):
        objective = models.loss("sawtooth", FLOAT64)
        for update, ours in (
            (emulated.rounded_descent(fmt), True),
            (training.gradient_descent, False),
        ):
            history = emulated.train(TINY, "sawtooth", objective, update, rates)
            leaves = jax.tree.leaves(history.params)
            assert all((round_to(leaf, fmt) == leaf).all() for leaf in leaves) == ours


def test_gradient_errors_count_each_kind_of_entry():
    exact = (np.array([[1.0, 1.0, 1.0, -1.0, 0.0, 0.0, 1.0, 1.0]]),)
    gradient = (np.array([[1.25, 0.0, -1.0, -3.0, 0.0, 2.0, 1.0, 1.0]]),)
    found = emulated.gradient_errors(gradient, exact, 0.25)
    # Relative errors in u: 1, 4, 8, 8, -, -, 0, 0.
    np.testing.assert_array_equal(found["gradient_error"][0], [1.0, 8.0, 8.0])
    np.testing.assert_array_equal(found["gradient_share"][0], [3 / 6, 1 / 6, 1 / 6, 1 / 2])
    # Signs of the relative errors: +, -, -, +. Of the 12 ordered pairs 4 agree.
    np.testing.assert_allclose(found["sign_correlation"], [(4 - 8) / 12])


def test_biases_are_reported_apart_and_what_is_not_there_is_not_a_number():
    exact = Layer(np.ones((1, 2, 1)), np.array([[0.0, 2.0]]))
    gradient = Layer(np.full((1, 2, 1), 1.5), np.array([[0.0, 4.0]]))
    found = emulated.gradient_errors(gradient, exact, 0.25)
    np.testing.assert_array_equal(found["gradient_error"], [[2, 4, 4], [4, 4, 4]])
    np.testing.assert_array_equal(found["gradient_share"], [[0, 0, 0, 0], [0, 0, 0, 0]])
    weights = emulated.gradient_errors((gradient.weight,), (exact.weight,), 0.25)
    assert np.isnan(weights["gradient_error"][1]).all()
    np.testing.assert_array_equal(weights["gradient_share"][0], [0, 0, 0, np.nan])


def test_sign_correlation_is_one_for_a_common_error_and_none_without_errors():
    exact = (np.ones((2, 5)), np.ones((2, 3)))
    common = (np.full((2, 5), 1.5), np.full((2, 3), 0.5))
    np.testing.assert_array_equal(
        emulated.gradient_errors(common, exact, 1.0)["sign_correlation"], [1.0, 1.0]
    )
    assert np.isnan(emulated.gradient_errors(exact, exact, 1.0)["sign_correlation"]).all()


@pytest.mark.parametrize(
    ("rounded", "verdict"),
    [(64, "supported"), (32, "refuted"), (128, "refuted"), ([32, 128] * 10, "inconclusive")],
)
def test_the_prediction_is_judged_by_the_ratio_of_rounded_to_noisy(rounded, verdict):
    prediction = claims_emulated.JUDGES[0]
    assert verdicts(filled(rounded_pieces=rounded), prediction) == {verdict}


def test_one_precision_out_of_line_refutes_the_prediction():
    dataset = filled()
    dataset.rounded_pieces.loc[{"precision": 4}] = 32
    dataset.noisy_pieces.loc[{"noise_exponent": 0}] = 48
    dataset.noisy_pieces.loc[{"noise_exponent": -2}] = 32
    (claim, *_) = claims_emulated.JUDGES[0](dataset)
    assert claim.verdict == "refuted"
    assert "0.500 at p = 4" in claim.measured
    assert "as from noise of 64 u (interpolated)" in claim.measured  # 2**2 against 2**-4
    assert "outside at 2, surely inside at 2 of 4" in claim.measured
    assert "80 of 80 pairs" in claim.measured


def test_harm_beyond_every_noise_level_says_so():
    dataset = filled(rounded_pieces=32)
    (claim, *_) = claims_emulated.JUDGES[0](dataset)
    assert "less than noise of 2.6e+02 u keeps" in claim.measured  # 2**4 against 2**-4
    dataset.noisy_pieces.loc[{"noise_exponent": -4}] = NO_COUNT
    (claim, *_) = claims_emulated.JUDGES[0](dataset)
    assert "less than noise of 64 u keeps" in claim.measured


def test_pairs_that_do_not_finish_are_left_out_and_counted():
    dataset = filled()
    for counts in (dataset.rounded_pieces, dataset.noisy_pieces):
        counts.loc[{"emulated_seed": 3}] = NO_COUNT
    (claim, *_) = claims_emulated.JUDGES[0](dataset)
    assert claim.verdict == "supported"
    assert "76 of 80 pairs" in claim.measured


@pytest.mark.parametrize("arm", ["rounded_pieces", "noisy_pieces"])
def test_nothing_is_supported_where_one_arm_fails_more_often(arm):
    dataset = filled()
    dataset[arm].loc[{"emulated_seed": range(18)}] = NO_COUNT
    claims = claims_emulated.JUDGES[0](dataset)
    assert {claim.verdict for claim in claims} == {"inconclusive"}
    assert all("8 of 80 pairs, one arm fails more often" in claim.measured for claim in claims)


def test_zeros_that_there_are_not_do_not_stay_zero():
    share = filled().gradient_share.copy()
    share.loc[{"entry": "from zero"}] = np.nan
    (claim,) = claims_emulated.JUDGES[1](filled().assign(gradient_share=share))
    assert "none of the zeros" in claim.measured


def test_only_the_step_scope_is_said_to_be_beyond_the_paper():
    sources = [claim.source for claim in claims_emulated.JUDGES[0](filled())]
    assert ["not in the paper" in source for source in sources] == [False, True]


@pytest.mark.parametrize(("error", "verdict"), [(1.0, "supported"), (5.0, "refuted")])
def test_the_size_of_errors_is_judged_in_u(error, verdict):
    assert verdicts(filled(gradient_error=error), claims_emulated.JUDGES[1]) == {verdict}


@pytest.mark.parametrize(
    ("products", "verdict"),
    [
        (np.linspace(-0.05, 0.05, 20), "supported"),
        (np.linspace(0.4, 0.6, 20), "refuted"),
        (np.linspace(-0.6, -0.4, 20), "refuted"),
        (np.linspace(-1.0, 1.0, 20), "inconclusive"),
        (np.nan, "inconclusive"),
    ],
)
def test_correlation_is_judged_by_products_of_signs(products, verdict):
    assert verdicts(filled(sign_correlation=products), claims_emulated.JUDGES[2]) == {verdict}


def test_the_worst_correlation_may_be_negative():
    dataset = filled()
    dataset.sign_correlation.loc[{"precision": 25}] = np.linspace(-0.55, -0.45, 20)
    (claim,) = claims_emulated.JUDGES[2](dataset)
    assert claim.interval.startswith("[-0.5")


def test_the_figure_has_a_panel_per_rate_and_one_for_errors(dataset):
    figure = figure_emulated.emulated(dataset)
    axes = figure.figure.axes
    assert len(axes) == len(TINY.emulated_learning_rates) + 1
    assert [len(ax.containers) for ax in axes] == [3, 3, 0]  # two scopes and the noise model
    assert axes[-1].get_ylabel() == "relative error of an entry / u"
    drawn = [line.get_ydata() for line in axes[-1].lines]
    np.testing.assert_array_equal(drawn, dataset.gradient_error.values[0, :, 0].T)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"emulated_precisions": (8, 26)},
            "emulated_precisions: got 26 with emulated_exponent_bits 8",
        ),
        (
            {"emulated_exponent_bits": 10},
            "emulated_precisions: got 4 with emulated_exponent_bits 10",
        ),
        ({"emulated_exponent_bits": 1}, "emulated_precisions: got 4 with emulated_exponent_bits 1"),
        ({"emulated_scopes": ("update",)}, "emulated_scopes: got"),
        ({"emulated_models": ()}, r"emulated_models: got \(\)"),
        ({"emulated_seeds": 0}, "emulated_seeds: got 0"),
    ],
)
def test_a_bad_configuration_names_its_field(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(TINY, **change)
