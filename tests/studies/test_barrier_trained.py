"""The trained network of the demonstration: its layers, its samples, and what it is scored by."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.inverse import noncomputable
from jaxlab.inverse.lista import Lista
from jaxlab.studies._judging import judged
from jaxlab.studies._study import place
from jaxlab.studies.barrier import claims_trained, trained
from jaxlab.studies.barrier.config import Config

TINY = Config(trained_digits=(1,), trained_gaps=(10,))


def task():
    problem = noncomputable.problem(1, 10, 2)
    size = np.linalg.norm(problem.matrix, 2)
    return trained.Task(*map(jnp.asarray, (problem.matrix, problem.minimiser, size)))


def test_layers_are_those_of_the_reference(x64):
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(10, 21, 22)) / 50
    thresholds = rng.uniform(0, 0.02, 10)
    y, own = rng.normal(size=21), task()
    x = np.zeros(22)
    for w, t in zip(weights, thresholds, strict=True):
        v = x + (y - own.matrix @ x / (10 * own.size)) @ w
        x = np.sign(v) * np.maximum(np.abs(v) - t, 0)
    network = Lista(jnp.asarray(weights), jnp.asarray(thresholds))
    got = trained._answers(network, own, jnp.asarray(y)[None])[0]
    linear = trained._answers(network._replace(thresholds=jnp.zeros(10)), own, jnp.asarray(y)[None])
    assert np.abs(linear[0] - x).max() > 0.01  # the thresholds matter
    np.testing.assert_allclose(got, x, rtol=1e-12, atol=1e-15)


def test_samples_are_solutions_of_the_problem_that_is_learnt(x64):
    own = task()
    x, y = jax.jit(trained._samples, static_argnums=2)(jax.random.key(0), own, 400)
    assert ((x[:, 2:] != 0).sum(axis=1) == 5).all()
    assert (x[:, 0] == 0).all()
    np.testing.assert_allclose(x[:, 1], 0.2121101, atol=1e-7)
    np.testing.assert_allclose(y, x @ own.matrix.T, atol=1e-14)
    # 2,000 normal numbers of variance 1: their mean square is within 0.13 (4 standard errors).
    block = np.asarray(x[:, 2:] * own.size)
    assert np.mean(block[block != 0] ** 2) == pytest.approx(1, abs=0.13)


def refuted(dataset):
    claims = judged(claims_trained.JUDGES, "source", dataset)
    return [claim.statement for claim in claims if claim.verdict == "refuted"], claims


def theory():
    dataset = trained.template(TINY).load()
    dataset["trained_loss"][...] = 1e-20
    dataset["trained_own"][...] = 1e-12
    dataset["trained_other"][...] = 0.299968929
    return dataset


def test_claims_are_supported_by_a_perfect_network_and_refuted_otherwise():
    assert {claim.verdict for claim in refuted(theory())[1]} == {"supported"}
    assert {c.verdict for c in refuted(trained.template(TINY).load())[1]} == {"inconclusive"}
    for name, value, start in (("loss", 1e-9, "LISTA learns"), ("other", 0.29998, "Scored on")):
        dataset = theory()
        dataset[f"trained_{name}"][...] = value
        assert [text.startswith(start) for text in refuted(dataset)[0]] == [True]


def test_training_approaches_its_own_problem_and_the_separation(x64):
    config = dataclasses.replace(TINY, trained_steps=200)
    values = trained.compute(config, trained.cells(config)[0])
    assert values["trained_loss"].shape == (20,)
    assert values["trained_loss"][-1] < values["trained_loss"][0] / 10
    assert abs(values["trained_other"] - 0.29997) <= values["trained_own"] + 1e-5


@pytest.mark.slow
def test_what_is_computed_supports_every_claim():
    dataset = trained.template(TINY).load()
    with jax.enable_x64(True):
        for cell in trained.cells(TINY):
            place(dataset, cell, trained.compute(TINY, cell))
    assert {claim.verdict for claim in refuted(dataset)[1]} == {"supported"}
