"""Shallow flows agree with other methods; wrong outcomes are refuted."""

import jax
import numpy as np
import pytest
from scipy import integrate, special

from jaxlab.flows.relu_risk import Shallow
from jaxlab.studies.divergence import problems
from jaxlab.studies.divergence.config import Config
from jaxlab.studies.divergence.escape import claims_controls, claims_shallow, shallow

CONFIG = Config(shallow_groups=1, shallow_group_starts=3)

VALUES = {
    "softplus": lambda z: np.logaddexp(z, 0),
    "GELU": lambda z: z * special.ndtr(z),
    "tanh": np.tanh,
    "swish": lambda z: z * special.expit(z),
    "logistic": special.expit,
    "ELU": lambda z: np.where(z > 0, z, np.expm1(z)),
}


def verdicts(claims):
    return {claim.verdict for claim in claims}


def outcome(claims, beginning):
    return next(claim.verdict for claim in claims if claim.statement.startswith(beginning))


@pytest.fixture
def laws():
    """Every flow runs to infinity in the class m = 1."""
    dataset = shallow.PART.template(CONFIG).load()
    times = np.maximum(dataset.shallow_time.values, 1e-2)
    dataset.shallow_loss[:] = 1e-3 * times**-0.5
    dataset.shallow_norm[:] = 3 * times**0.25
    dataset.shallow_largest[:] = 1.0
    dataset.shallow_least[:] = 0.0
    dataset.shallow_end[:] = 0.0
    dataset.shallow_verdict[:] = 2
    return dataset


@pytest.mark.parametrize("name", shallow.SAD)
def test_the_risk_is_that_of_adaptive_quadrature(x64, name):
    params = shallow.start(2, 5)
    w, b, v, c = (np.asarray(leaf) for leaf in params)

    def squared(x):
        return (c + v @ VALUES[name](w * x + b) - x * x) ** 2 / 2

    expected = integrate.quad(squared, -1, 1, epsabs=1e-14, epsrel=1e-13)[0]
    found = problems.shallow_risk(params, problems.ACTIVATIONS[name])
    assert float(found) == pytest.approx(expected, rel=1e-12)


def test_the_pair_is_a_shallow_network(x64):
    a, b = 1.7, 0.9
    net = Shallow(*(jax.numpy.asarray(leaf) for leaf in (
        np.array([b, -b]), np.zeros(2), np.array([a, a]), np.float64(-2 * a * np.log(2)),
    )))  # fmt: skip
    pair = problems.Pair(jax.numpy.float64(a), jax.numpy.float64(b))
    wide = problems.shallow_risk(net, problems.ACTIVATIONS["softplus"])
    assert float(problems.pair_risk(pair)) == pytest.approx(float(wide), rel=1e-13)


@pytest.mark.parametrize("name", ["softplus", "GELU", "swish", "ELU"])
def test_two_neurons_represent_an_affine_target(x64, name):
    if name == "ELU":
        w, b, v, c = np.array([1.0, 1.0]), np.array([2.0, 2.0]), np.array([1.0, 0.0]), -1.5
    else:
        w, b, v, c = np.array([1.0, -1.0]), np.zeros(2), np.array([1.0, -1.0]), 0.5
    net = Shallow(*(jax.numpy.asarray(leaf) for leaf in (w, b, v, np.float64(c))))
    risk = problems.shallow_risk(net, problems.ACTIVATIONS[name], shallow.AFFINE)
    assert float(risk) < 1e-30


def test_power_laws_support_growth_and_other_norms_refute_it(laws):
    assert verdicts(claims_shallow._growth(laws)) == {"supported"}
    laws.shallow_norm[1] = 3 * np.log(laws.shallow_time.values + 3)
    assert verdicts(claims_shallow._growth(laws)) == {"refuted"}


def test_a_flow_that_converges_below_the_variance_refutes_the_dichotomy(laws):
    assert verdicts(claims_shallow._dichotomy(laws)) == {"supported"}
    laws.shallow_verdict[2, 0, 1] = 1
    claims = claims_shallow._dichotomy(laws)
    assert outcome(claims, "tanh") == "refuted"
    assert outcome(claims, "GELU") == "supported"


def test_only_flat_critical_points_support_the_value_of_the_constant(laws):
    laws.shallow_verdict[0, 0, 0] = 1
    laws.shallow_loss[0, 0, 0] = claims_shallow.VARIANCE
    assert verdicts(claims_shallow._constants(laws)) == {"supported"}
    laws.shallow_least[0, 0, 0, -1] = -1e-3
    assert verdicts(claims_shallow._constants(laws)) == {"refuted"}


def test_a_steep_hessian_is_counted(laws):
    assert verdicts(claims_shallow._edge(laws)) == {"refuted"}
    laws.shallow_largest[3, 0, 0, -1] = 2001.0
    assert verdicts(claims_shallow._edge(laws)) == {"supported"}


def test_controls_that_run_to_infinity_are_refuted_and_converging_ones_supported(laws):
    assert verdicts(claims_controls._decay(laws)) == {"refuted"}
    laws.shallow_verdict[:] = 1
    assert verdicts(claims_controls._decay(laws)) == {"supported"}
    affine = claims_controls._affine(laws)
    assert outcome(affine, "softplus") == "supported"
    assert outcome(affine, "tanh") == "refuted"


def test_printed_values_are_met_to_half_a_digit(laws):
    loss, norm = (laws[f"shallow_reference_{name}"] for name in ("loss", "norm"))
    for power, (risk, size) in enumerate(
        zip(claims_shallow._LOSS, claims_shallow._NORM, strict=True)
    ):
        at = int(np.argmin(np.abs(laws.shallow_time.values - 10.0**power)))
        loss[..., at], norm[..., at] = float(risk), float(size)
    at = {"shallow_time": int(np.argmin(np.abs(laws.shallow_time.values / 1e8 - 1)))}
    loss[{"shallow_reference": 2} | at] = 1.402e-8
    norm[{"shallow_reference": 2} | at] = 7.2746
    laws.shallow_reference_loss[:] = loss.fillna(1.0)
    laws.shallow_reference_norm[:] = norm.fillna(1.0)
    assert verdicts(claims_shallow._printed(laws)) == {"supported"}
    laws.shallow_reference_loss[0, :, at["shallow_time"]] *= 1 + 1e-6
    assert outcome(claims_shallow._printed(laws), "H=2, seed 0: risk") == "refuted"


@pytest.mark.slow
def test_a_softplus_flow_for_an_affine_target_escapes_for_another_integrator_too(x64):
    """The control that the reference expects to converge does not: Radau agrees at t = 1e6."""
    start = shallow.start(2, 1)
    nodes, weights = np.polynomial.legendre.leggauss(40)

    def downhill(_, state):
        (w, b, v), c = state[:-1].reshape(3, 2), state[-1]
        inside = nodes[:, None] * w + b
        hidden, slope = np.logaddexp(inside, 0), special.expit(inside) * v
        force = weights * (hidden @ v + c - nodes - 0.5)
        parts = (force * nodes) @ slope, force @ slope, force @ hidden, [force.sum()]
        return -np.concatenate(parts)

    begin = np.concatenate([np.ravel(leaf) for leaf in start])
    other = integrate.solve_ivp(downhill, (0, 1e6), begin, "Radau", rtol=1e-9, atol=1e-12)
    flow = shallow.follow(start, shallow.Case("softplus", shallow.AFFINE), 1e-9).flow
    at = np.argmin(np.abs(flow.times / 1e6 - 1))
    assert float(flow.norm[at]) == pytest.approx(np.linalg.norm(other.y[:, -1]), rel=1e-5)
    assert float(flow.norm[-1]) > float(flow.norm[at]) + 2
