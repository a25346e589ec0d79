"""Part "targets" of `flow`: ramps, their derived asymptote, and the claims about it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.flows import relu_risk
from jaxlab.flows.relu_risk import Shallow
from jaxlab.flows.verdicts import Outcome
from jaxlab.studies._judging import judged
from jaxlab.studies.flow import claims_targets, meter, targets
from jaxlab.studies.flow.config import Config

CONFIG = Config(target_starts=3, target_records=8)


def risks(starts, target):
    return np.asarray(
        jax.jit(jax.vmap(lambda p: relu_risk.risk(p, targets.PROBLEMS[target])))(starts)
    )


def test_the_first_ramp_has_its_risk_and_the_others_are_near(x64):
    starts = targets.ramps(CONFIG, "step")
    found = risks(starts, "step")
    assert found[0] == pytest.approx(1 / (12 * 3), rel=1e-14)
    assert np.all((found[1:] != found[0]) & (found[1:] < 1 / 12))


def test_the_limits_are_those_of_balanced_ramps(x64):
    # On the valley L |theta|^2 is constant, and |theta|' = -dL/d|theta| along a curve that is
    # straight in the limit: |theta|^4 = 8 a t, with L = a/|theta|^2.
    slope = 1e6
    outer = np.sqrt(slope) * 1.25**0.25
    weight = slope / outer
    ends = np.array([0.5 - 0.5 / slope, 0.5 + 0.5 / slope])
    ramp = Shallow(
        jnp.full(2, weight),
        jnp.asarray(-weight * ends),
        jnp.asarray([outer, -outer]),
        jnp.asarray(0.0),
    )
    valley = float(relu_risk.risk(ramp, targets.PROBLEMS["step"]))
    valley *= sum(float(jnp.sum(leaf**2)) for leaf in ramp)
    limits = [targets.NORM_LIMIT, targets.LOSS_LIMIT]
    np.testing.assert_allclose(limits, [(8 * valley) ** 0.25, (valley / 8) ** 0.5], rtol=1e-5)


def test_smaller_networks_are_larger_ones_with_dead_neurons(x64):
    starts = targets._random(CONFIG, "polynomial")
    alive = (np.asarray(starts.weight) != 0).sum(axis=1)
    assert alive.tolist() == [2, 3, 4]


def test_bfloat16_stops_on_the_ramp_and_float64_does_not(x64):
    found = {
        name: targets._descent(CONFIG, name)["descent_loss"] for name in ("float64", "bfloat16")
    }
    assert found["float64"][-1] < 0.95 * found["float64"][0]
    assert found["bfloat16"][-1] == pytest.approx(found["bfloat16"][0], rel=1e-3)


def synthetic():
    """Flows on their asymptotes."""
    dataset = targets.template(CONFIG).merge(meter.template(CONFIG)).load()
    t = np.maximum(dataset.target_time.values, 1e-3)
    dataset["target_norm"][:] = 2.0
    dataset["target_norm"].loc[{"target": "step"}] = targets.NORM_LIMIT * t**0.25
    dataset["target_loss"][:] = 1 / 180 + 1 / (1 + t) ** 1.5
    loss = targets.LOSS_LIMIT * t**-0.5
    dataset["target_loss"].loc[{"target": "step"}] = loss
    dataset["ramp_slope"][:] = 1 / (12 * loss)
    dataset["target_defect"][:] = 0.0
    dataset["target_verdict"][:] = Outcome.CRITICAL
    dataset["target_verdict"].loc[{"target": "step"}] = Outcome.DIVERGENT
    dataset["target_bound"][:] = dataset["meter_bound"][:] = 0.5
    dataset["descent_loss"][:] = 1 / 36
    dataset["descent_loss"].loc[{"target_format": "float64"}] = np.linspace(1 / 36, 1 / 100, 8)
    return dataset


def verdicts(dataset):
    claims = judged(claims_targets.JUDGES, "source", dataset)
    return {claim.statement: claim.verdict for claim in claims}


def test_flows_on_their_asymptotes_support_every_claim():
    found = verdicts(synthetic())
    assert set(found.values()) == {"supported"}, found


@pytest.mark.parametrize(
    ("name", "change", "statement"),
    [
        ("target_verdict", lambda x: 3 - x, "Flows for the step target are judged"),
        ("target_verdict", lambda x: 3 - x, "Flows for the constant target are judged"),
        ("target_bound", lambda x: x + 0.6, "For a constant target"),
        ("meter_bound", lambda x: x + 0.6, "For a constant target"),
        ("target_norm", lambda x: x**0.8, "For the step target the norm"),
        ("target_norm", lambda x: x * 1.1, "Flows for the step target run"),
        ("ramp_slope", lambda x: x * 1.1, "The risk of a flow"),
        ("descent_loss", lambda x: x * np.linspace(1, 0.5, 8), "In formats of 8"),
    ],
)
def test_claims_can_be_refuted(name, change, statement):
    dataset = synthetic()
    dataset[name][:] = change(dataset[name].values)
    found = [v for text, v in verdicts(dataset).items() if text.startswith(statement)]
    assert found == ["refuted"]


def test_a_slower_rate_is_refuted():
    dataset = synthetic()
    t = dataset.target_time.values
    dataset["target_loss"].loc[{"target": "polynomial"}] = 1 / 180 + 1 / (1 + t) ** 0.5
    found = [v for text, v in verdicts(dataset).items() if "x^2" in text]
    assert found == ["refuted"]
