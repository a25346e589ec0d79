"""Part "meter" of `flow`: violations of exact laws are rounding and nothing else."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.flows import relu_risk
from jaxlab.studies._judging import judged
from jaxlab.studies.flow import claims_meter, meter
from jaxlab.studies.flow.config import Config

CONFIG = Config(
    meter_starts=2, meter_steps=3, meter_arithmetics=("float64", "float32", "bfloat16", "p=6")
)
RATE = Fraction(meter.RATE)
force = jax.jit(jax.vmap(lambda params: relu_risk.gradient(params, meter.PROBLEM)))


def exact(array):
    return [Fraction(float(x)) for x in np.asarray(array).ravel()]


def laws(before, after, gradient, risk):
    """Violations of both laws in rational arithmetic."""
    change = [
        sum(s * (b * b - a * a) for s, a, b in zip((1, 1, -1), old, new, strict=True))
        - RATE**2 * sum(s * g * g for s, g in zip((1, 1, -1), force, strict=True))
        for old, new, force in zip(
            *(zip(*map(exact, tree[:3]), strict=True) for tree in (before, after, gradient)),
            strict=True,
        )
    ]

    def lyapunov(params):
        (shift,) = exact(params.shift)
        numbers = [x for leaf in params for x in exact(leaf)]
        return sum(x * x for x in numbers) + (shift - 2 * Fraction(meter.TARGET)) ** 2

    (pull,) = exact(gradient.shift)
    square = sum(x * x for leaf in gradient for x in exact(leaf)) + pull**2
    law = -8 * RATE * exact(risk)[0] + RATE**2 * square
    return float(max(map(abs, change))), float(abs(lyapunov(after) - lyapunov(before) - law))


def pick(tree, run):
    return jax.tree.map(lambda leaf: leaf[run], tree)


def test_violations_agree_with_rational_arithmetic(x64):
    starts = meter.random_starts(0, "test", 2, 3)
    noise = meter.random_starts(1, "test", 2, 3)
    slopes = force(starts)
    slopes = jax.tree.map(lambda g, n: g * (1 + 1e-4 * n), slopes, noise)
    after = jax.tree.map(lambda p, g, n: p - meter.RATE * g + 1e-5 * n, starts, slopes, noise)
    path, forces = (jax.tree.map(lambda x: x[:, None], tree) for tree in (after, slopes))
    found, _ = meter.broken(starts, path, forces)
    exact_slopes = force(starts)
    for run in range(2):
        one, to = pick(starts, run), pick(after, run)
        by = jax.tree.map(lambda p, g: p - meter.RATE * g, one, pick(slopes, run))
        risk = relu_risk.risk(one, meter.PROBLEM)
        for share, end in enumerate((to, by)):
            expected = laws(one, end, pick(exact_slopes, run), risk)
            np.testing.assert_allclose(found[:, share, run, 0], expected, rtol=1e-8, atol=1e-15)


def test_narrow_formats_break_the_laws_by_some_u_and_float64_hardly(x64):
    sizes = {}
    for cell in meter.cells(CONFIG):
        if cell.name in ("float64", "bfloat16"):
            sizes[cell.name] = meter.compute(CONFIG, cell)["meter_violation"]
            assert sizes[cell.name].shape == (2, 2, 2, 3)
    assert sizes["float64"].max() < 64 * 2.0**-53
    assert 0.05 * 2.0**-8 < np.sqrt((sizes["bfloat16"][:, 0] ** 2).mean()) < 64 * 2.0**-8


def synthetic(exponent=1.0):
    dataset = meter.template(CONFIG).load()
    u = np.array([2.0**-53, 2.0**-24, 2.0**-8, 2.0**-6])
    scatter = np.array([1.1, 0.9, 1.0, 1.05])
    dataset["meter_violation"][:] = (scatter * u**exponent)[:, None, None, None, None]
    dataset["meter_balance"][:] = dataset["meter_lyapunov"][:] = 1e-13
    return dataset


def verdicts(dataset):
    claims = judged(claims_meter.JUDGES, "source", dataset)
    return {claim.statement: claim.verdict for claim in claims}


def test_violations_proportional_to_u_support_every_claim():
    assert set(verdicts(synthetic()).values()) == {"supported"}


@pytest.mark.parametrize("exponent", [0.8, 1.2])
def test_another_exponent_refutes_proportionality(exponent):
    found = verdicts(synthetic(exponent))
    refuted = [text for text, verdict in found.items() if "proportional" in text]
    assert len(refuted) == 2
    assert all(found[text] == "refuted" for text in refuted)


@pytest.mark.parametrize("name", ["meter_balance", "meter_lyapunov"])
def test_a_drift_refutes_conservation(name):
    dataset = synthetic()
    dataset[name][0, 0, -1] = 1e-10
    assert sorted(verdicts(dataset).values()) == ["refuted", *["supported"] * 4]


def test_dead_neurons_do_not_change_a_flow_s_start(x64):
    starts = meter.random_starts(0, "a", 3, 2)
    padded = starts._replace(
        **{name: jnp.pad(getattr(starts, name), ((0, 0), (0, 2))) for name in starts._fields[:3]}
    )
    small, large = force(starts), force(padded)
    np.testing.assert_allclose(small.outer, large.outer[:, :2], rtol=1e-13)
    np.testing.assert_array_equal(large.outer[:, 2:], 0)
