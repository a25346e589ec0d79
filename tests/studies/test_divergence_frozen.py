"""Study `divergence`, part "frozen": descents in few bits, and where they stop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab import training
from jaxlab.studies import _drawing, _judging, _parts, _study
from jaxlab.studies.divergence.config import Config
from jaxlab.studies.divergence.freezing import claims_frozen, figures_frozen, frozen, frozen_cures
from jaxlab.studies.divergence.freezing.frozen_descent import descend
from jaxlab.studies.divergence.freezing.frozen_law import gradient, half_gap, stopping_weight
from jaxlab.studies.divergence.problems import Pair, pair_risk

TINY = Config(
    frozen_steps=2000,
    frozen_forms=("log cosh",),
    frozen_formats=("float64", "float16"),
    frozen_starts=((1.0, 1.0),),
    frozen_portrait_steps=(0, 10, 100),
    frozen_precisions=(8,),
    frozen_precision_steps=200,
    frozen_arm_precisions=(8,),
    frozen_arm_steps=200,
    frozen_stored=("float16",),
    frozen_keys=2,
    frozen_scheme_steps=20,
)


@pytest.fixture(autouse=True)
def _wide(x64):
    """Studies compute with 64-bit types enabled."""


@pytest.mark.parametrize("fmt", ["float32", "float16"])
def test_a_descent_takes_the_steps_of_train_bit_for_bit(fmt):
    start = Pair(jnp.asarray(1, fmt), jnp.asarray(1, fmt))

    def loss(params, data):
        return pair_risk(params, output=frozen.FORMS["log cosh"])

    expected = training.train(
        loss,
        start,
        (),
        training.gradient_descent(0.1),
        policy=training.Policy.native(fmt),
        checkpoints=(0, 60),
        metrics={},
        key=jax.random.key(0),
    ).params
    slope = jax.grad(lambda params: loss(params, ()))
    found = descend(
        slope, start, training.gradient_descent(0.1), jnp.array([7, 60]), jax.random.key(0)
    )
    assert [float(leaf[1]) for leaf in found.params] == [float(leaf) for leaf in expected]


def test_a_fixed_point_and_a_cycle_are_found_with_their_periods():
    def step_by(move):
        return training.Update(
            lambda key, params: (),
            lambda g, state, params: (g, state),
            lambda p, u, s: (move(p), s),
        )

    def run(move, start):
        return descend(
            lambda p: p, jnp.int32(start), step_by(move), jnp.array([3, 10_000]), jax.random.key(0)
        )

    # 9, 4, 2, 1, 0, 0, ...: the fourth step is the last that moves.
    halving = run(lambda p: p // 2, 9)
    assert (int(halving.moved), int(halving.period)) == (4, 1)
    assert halving.params.tolist() == [1, 0]
    # 2 has order 12 modulo 13.
    assert int(run(lambda p: 2 * p % 13, 1).period) == 12
    endless = run(lambda p: p + 1, 0)
    assert (int(endless.moved), int(endless.period)) == (10_000, 0)


def test_the_closed_gradient_is_the_derivative_of_every_formula():
    for output in frozen.FORMS.values():
        entries = jax.grad(lambda p, output=output: pair_risk(p, output=output))(
            Pair(jnp.asarray(1.7), jnp.asarray(1.3))
        )
        np.testing.assert_allclose(entries, gradient(1.7, 1.3), rtol=1e-9)


def test_nothing_moves_where_the_law_says_that_everything_sticks():
    """Oracle: rounded steps in NumPy's float32 from just before the predicted point stay near."""
    rate, p = 0.1, 24
    low, high = stopping_weight(p, rate, 1.45)
    # 0.3 % before the bound: the descent must go on, and may not pass the second one.
    a = np.float32(low * 0.9997)
    b = np.float32(2 / np.sqrt(low))
    for _ in range(60_000):
        slope = gradient(float(a), float(b))
        moved = np.float32(float(a) - rate * slope[0]), np.float32(float(b) - rate * slope[1])
        if moved == (a, b):
            break
        a, b = moved
    else:
        pytest.fail("still moving")
    assert low - 2 * half_gap(low, p) <= a <= high + 2 * half_gap(high, p)


def test_the_float16_descent_ends_at_the_printed_digits():
    values = frozen.compute(TINY, frozen.cells(TINY)[2])
    assert f"{values['frozen_iterate'][-1, 0]:.6f}" == "1.432617"
    assert f"{values['frozen_risk'][-1]:.2e}" == "1.29e-04"
    assert values["frozen_period"] == 1
    assert values["frozen_moved"] < 200


def test_curvature_is_the_largest_eigenvalue_of_the_hessian():
    point = np.array([[2.0, 1.4]])
    step = 1e-5
    rows = [
        np.subtract(gradient(*(point[0] + d)), gradient(*(point[0] - d))) / (2 * step)
        for d in step * np.eye(2)
    ]
    expected = np.linalg.eigvalsh(np.array(rows))[-1]
    np.testing.assert_allclose(frozen.observe(point)["curvature"], [expected], rtol=1e-7)


def _study_of(part):
    return _study.Study("frozen", "", "", {"tiny": TINY}, *part[1:], lambda d: [], lambda d: [])


@pytest.mark.slow
def test_claims_and_pictures_come_from_the_smallest_run_and_miss_what_is_missing():
    part = _parts.combine([frozen.PART, *frozen_cures.PARTS])
    empty = part.template(TINY).load()
    missing = _judging.judged(claims_frozen.JUDGES, "reference", empty)
    assert {claim.verdict for claim in missing} == {"inconclusive"}
    dataset = _study.run(_study_of(part), TINY)
    claims = _judging.judged(claims_frozen.JUDGES, "reference", dataset)
    assert not any(claim.measured == "cells missing" for claim in claims)
    by_statement = {claim.statement: claim.verdict for claim in claims}
    assert by_statement["The 16-bit formats stop for ever before t = 200"] == "supported"
    freezing = "Rounded updates freeze the descent; rounded gradients alone let it go farther"
    assert by_statement[freezing] == "supported"
    assert len(_drawing.drawn(figures_frozen.PICTURES, dataset)) == 3


def test_claims_are_refuted_by_a_format_that_never_stops():
    part = frozen.PART
    dataset = part.template(TINY).load()
    dataset["frozen_moved"][:] = 2000
    dataset["frozen_period"][:] = 0
    verdicts = [claim.verdict for claim in claims_frozen._freezes(dataset)]
    assert verdicts == ["refuted"]
