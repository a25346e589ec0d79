"""The realistic scenarios: exact laws against sampling, runs, and claims that can be refuted."""

import dataclasses
import itertools
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from jaxlab.networks import initialisers
from jaxlab.studies import _study
from jaxlab.studies._drawing import drawn
from jaxlab.studies._judging import judged
from jaxlab.studies._parts import combine
from jaxlab.studies.divergence.config import PRESETS
from jaxlab.studies.divergence.realistic import black_scholes, digits, fresh, heat
from jaxlab.studies.divergence.realistic.claims_realistic import JUDGES, start_moments
from jaxlab.studies.divergence.realistic.figures_realistic import PICTURES
from jaxlab.studies.divergence.realistic.scenario import NOT_AVAILABLE, network

TINY = dataclasses.replace(
    PRESETS["quick"],
    heat_steps=3,
    heat_batch=8,
    heat_sample=64,
    pricing_steps=3,
    digits_steps=3,
    digits_batch=8,
)
PART = combine((heat.PART, black_scholes.PART, digits.PART))
SIGMAS = 4.5  # a sound test fails with probability 7e-6


@pytest.mark.parametrize("module", [heat, black_scholes], ids=["heat", "pricing"])
def test_the_noise_of_drawn_labels_and_the_spread_of_the_solution_have_their_laws(module, x64):
    x, label = jax.jit(module.draw, static_argnums=1)(jax.random.key(3), 4096)
    x, label = np.asarray(x), np.asarray(label)
    exact = module.solution(x)
    law = module.law()
    # E[(label - u)^2 - floor^2 label^2] = 0, and E[(u - label) f(x)] = 0 for every f.
    assert _vanishes((label - exact) ** 2 - law.floor**2 * label**2)
    for weight in (np.ones(label.size), x[:, -1], exact):
        assert _vanishes((label - exact) * weight)
    # The best constant: Var u = constant^2 E[u^2], by the delta method.
    mean = exact.mean()
    assert _vanishes((exact - mean) ** 2 - law.constant**2 * exact**2)


def _vanishes(samples):
    """Whether the mean is zero within sampling error, and the error is not the whole story."""
    error = samples.std() / np.sqrt(samples.size)
    return abs(samples.mean()) < SIGMAS * error


def test_prices_agree_with_adaptive_quadrature_and_with_simulation():
    z = np.random.default_rng(0).uniform(-np.sqrt(3), np.sqrt(3), (3, 10))
    start = black_scholes.prices(z)
    volatility = np.array(black_scholes.VOLATILITIES)
    drift = -0.05 - volatility**2 / 2
    found = black_scholes.solution(z)

    def beyond(level):
        law = stats.lognorm(volatility, scale=start[0] * np.exp(drift))
        return 1 - np.prod(law.cdf(level))

    pieces = [100, 120, 160, 250, 500, 1000, 20000]
    adaptive = sum(
        integrate.quad(beyond, *ends, epsabs=1e-11, epsrel=1e-12)[0]
        for ends in itertools.pairwise(pieces)
    )
    assert found[0] == pytest.approx(np.exp(-0.05) * adaptive, rel=1e-9)
    normal = np.random.default_rng(1).normal(size=(3, 100_000, 10))
    last = start[:, None] * np.exp(drift + volatility * normal)
    payoff = np.exp(-0.05) * np.maximum(last.max(axis=2) - 100, 0)
    error = payoff.std(axis=1) / np.sqrt(payoff.shape[1])
    assert (abs(payoff.mean(axis=1) - found) < SIGMAS * error).all()
    assert (error < 0.005 * found).all()  # sharp enough to tell


def test_start_moments_are_those_of_drawn_networks(x64):
    widths = (10, 50, 50, 50, 1)
    keys = jax.random.split(jax.random.key(0), 64)
    start = jax.jit(jax.vmap(lambda k: initialisers.initialise(k, widths, initialisers.xavier())))
    squares = sum(
        (np.asarray(leaf) ** 2).reshape(64, -1).sum(axis=1) for leaf in jax.tree.leaves(start(keys))
    )
    mean, deviation = start_moments(widths)
    assert abs(squares.mean() - mean) < SIGMAS * deviation / 8
    assert squares.std() == pytest.approx(deviation, rel=0.4)


def test_a_vector_holds_the_layers_one_after_another():
    first, last = network(jnp.arange(13.0), (2, 3, 1))
    np.testing.assert_array_equal(first.weight, [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(first.bias, [6, 7, 8])
    np.testing.assert_array_equal(last.weight, [[9], [10], [11]])
    np.testing.assert_array_equal(last.bias, [12])


def test_the_error_of_the_loss_is_the_scatter_of_independent_samples():
    rng = np.random.default_rng(5)
    exact = rng.uniform(1, 2, (400, 256))
    label = exact + rng.normal(size=exact.shape)
    found = [fresh._measure((u + 0.1)[None, None], y, u) for u, y in zip(exact, label, strict=True)]
    losses, errors = (np.array([f[name] for f in found]).ravel() for name in ("loss", "loss_error"))
    assert errors.mean() == pytest.approx(losses.std(), rel=0.2)
    np.testing.assert_allclose(
        [f["test"].item() for f in found], 0.1 / np.sqrt((exact**2).mean(axis=1))
    )


@pytest.fixture(scope="module")
def without_digits():
    """A dataset of plausible runs of the equations; the digits are not installed."""
    dataset = PART.template(TINY).load()
    for name, module in (("heat", heat), ("pricing", black_scholes)):
        steps = dataset.sizes[f"{name}_step"]
        law = module.law()
        test = np.linspace(1.0, law.constant / 2, steps)
        mean, _ = start_moments(module.WIDTHS)
        values = {
            "norm": mean**0.5 + np.arange(steps),
            "test": test,
            "loss": np.sqrt(law.floor**2 + (1 - law.floor**2) * test**2),
            "loss_error": np.full(steps, 1e-4),
            "lost": np.linspace(0, 0.7, steps),
        }
        for measure, value in values.items():
            dataset[f"{name}_{measure}"][:] = value
        dataset[f"{name}_taken"][:] = 3
    dataset["digits_taken"][:] = NOT_AVAILABLE
    return dataset


def verdicts(dataset):
    return {claim.statement: claim.verdict for claim in judged(JUDGES, "test", dataset)}


def test_without_scikit_learn_the_digits_say_so_and_the_rest_goes_on(
    monkeypatch, without_digits, x64
):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r"jaxlab\[data\]"):
        digits.load()
    (cell, *_) = digits.PART.cells(TINY)
    values = digits.PART.compute(TINY, cell)
    np.testing.assert_array_equal(values["digits_taken"], [NOT_AVAILABLE])
    found = verdicts(without_digits)
    assert found["The scenario digits grows as published"] == "not comparable"
    assert list(found.values()).count("not comparable") == 1
    (picture,) = drawn(PICTURES, without_digits)
    assert len(picture.figure.axes) == 8


DAMAGE = {
    "heat: no network's loss is below the floor, in any format, at any checkpoint": (
        "heat_loss",
        -0.1,
    ),
    "heat: loss^2 = floor^2 + (1 - floor^2) error^2 on a fresh sample": ("heat_loss", 0.1),
    "heat, Adam in float64: the norm grows at every later checkpoint": ("heat_norm", -50.0),
    "Networks start with the norm of Glorot's law, the authors' start": ("heat_norm", 1.0),
    "No run overflows or turns NaN, in any format": ("heat_taken", -1),
}


@pytest.mark.parametrize("statement", DAMAGE)
def test_a_claim_that_holds_is_refuted_by_damaged_data(without_digits, statement):
    name, change = DAMAGE[statement]
    assert verdicts(without_digits)[statement] == "supported"
    damaged = without_digits.copy(deep=True)
    where = {"heat_format": 0} | ({"heat_step": -1} if name != "heat_taken" else {})
    if statement.startswith("Networks start"):
        where["heat_step"] = 0
    damaged[name][where] += change
    assert verdicts(damaged)[statement] == "refuted"


def test_less_growth_and_lost_updates_are_told_from_none(without_digits):
    slow = "heat, Adam: bfloat16 slows the growth of the norm"
    lost = "heat, Adam: bfloat16 loses most of the updates to rounding in the end"
    assert verdicts(without_digits)[slow] == "refuted"
    assert verdicts(without_digits)[lost] == "supported"
    changed = without_digits.copy(deep=True)
    changed["heat_norm"].loc[{"heat_format": "bfloat16"}] = changed.heat_norm[0, 0, 0].item()
    changed["heat_lost"][:] = 0.2
    assert verdicts(changed)[slow] == "supported"
    assert verdicts(changed)[lost] == "refuted"


def test_missing_cells_make_claims_inconclusive():
    empty = PART.template(TINY).load()
    found = verdicts(empty)
    laws = [v for s, v in found.items() if "best constant" in s or "plateau" in s]
    assert laws == ["supported", "supported"]
    assert set(found.values()) == {"supported", "inconclusive"}
    assert not drawn(PICTURES, empty)


@pytest.mark.slow
@pytest.mark.parametrize("module", [heat, digits], ids=["heat", "digits"])
def test_formats_share_start_and_batches_and_adam_moves_by_its_rate(module, x64):
    """The first step moves every parameter by Adam's rate, whatever the gradient."""
    name = module.SCENARIO.name
    dataset = module.PART.template(TINY).load()
    for cell in module.PART.cells(TINY):
        _study.place(dataset, cell, module.PART.compute(TINY, cell))
    assert not any(bool(v.isnull().any()) for k, v in dataset.items() if k != f"{name}_taken")
    control, narrow = (dataset[f"{name}_loss"].values[i] for i in (0, -1))
    np.testing.assert_allclose(narrow, control, rtol=0.02)
    largest = dataset[f"{name}_largest"].values[0, 0]
    steps = dataset[f"{name}_step"].values
    assert (abs(np.diff(largest)) <= 1.01 * module.SCENARIO.learning_rate * np.diff(steps)).all()
    assert (np.diff(dataset[f"{name}_norm"].values[0, 0]) != 0).all()


def test_the_batch_of_a_step_follows_from_its_four_words(x64):
    words = jnp.array([1, 2, 3, 4], jnp.uint32)
    same, other = (jax.random.key_data(fresh.batch_key(w)) for w in (words, words[::-1]))
    np.testing.assert_array_equal(same, [(1 << 16) + 2, (3 << 16) + 4])
    np.testing.assert_array_equal(other, [(4 << 16) + 3, (2 << 16) + 1])
