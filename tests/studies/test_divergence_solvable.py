"""Exactly known flows agree with other methods, and wrong ones are refuted."""

import fractions
import math

import numpy as np
import pytest
from scipy import integrate

from jaxlab.flows import Flow, closed_forms
from jaxlab.studies._judging import Missing
from jaxlab.studies.divergence import exact
from jaxlab.studies.divergence.certificates import certificate, certified
from jaxlab.studies.divergence.config import Config
from jaxlab.studies.divergence.escape import claims_solvable, solvable
from jaxlab.studies.divergence.polynomials import PROBLEMS
from jaxlab.studies.divergence.printed import Digits, digits

CONFIG = Config()


def verdicts(claims):
    return {claim.verdict for claim in claims}


@pytest.fixture
def closed():
    """A dataset whose scalar flows are the closed forms, nearer to them at the last tolerance."""
    dataset = solvable.PART.template(CONFIG).load()
    times = dataset.solvable_time.values
    exact_theta = np.stack(
        [f(0.0, times) for f in (closed_forms.exponential, closed_forms.logistic)]
    )
    dataset.solvable_theta[:] = exact_theta + np.array([1e-12, 1e-13])[:, None, None]
    return dataset


@pytest.mark.parametrize("name", ["1D", "2D"])
def test_exact_moments_are_those_of_quadrature(name):
    problem = PROBLEMS[name]
    nodes, weights = np.polynomial.legendre.leggauss(30)
    grids = np.meshgrid(*[nodes] * problem.widths[0])
    mass = math.prod(np.meshgrid(*[weights / 2] * problem.widths[0]))
    values = problem.target(*grids)
    design = np.stack([np.ones_like(values), *grids]).reshape(len(grids) + 1, -1)
    root = np.sqrt(mass).ravel()
    rest = np.linalg.lstsq((design * root).T, values.ravel() * root, rcond=None)[1]
    found = exact.moments(problem.target, problem.widths[0])
    assert float(found.mean) == pytest.approx(np.sum(mass * values), rel=1e-12)
    assert float(found.affine) == pytest.approx(rest[0], rel=1e-12)
    assert float(found.constant) == pytest.approx(
        np.sum(mass * values**2) - np.sum(mass * values) ** 2, rel=1e-12
    )


def test_polynomials_subtract_and_multiply():
    x, y = (exact.Polynomial({unit: fractions.Fraction(1)}) for unit in ((1, 0), (0, 1)))
    difference = ((x - y) * (x + y) - (x**2 - y**2)).terms
    assert set(difference.values()) == {0}


def test_closed_forms_support_the_claims_on_scalar_flows(closed):
    assert verdicts(claims_solvable._logistic(closed)) == {"supported"}
    assert verdicts(claims_solvable._steady(closed)) == {"supported"}


def test_a_wrong_equation_is_refuted(closed):
    closed.solvable_theta[:] *= 1 + 1e-7
    assert verdicts(claims_solvable._logistic(closed)) == {"refuted"}


def test_a_flow_that_converges_refutes_the_claim_on_the_steady_state_test(closed):
    late = closed.solvable_time > 100
    closed["solvable_theta"] = closed.solvable_theta.where(~late, 5.3)
    assert verdicts(claims_solvable._steady(closed)) == {"refuted"}


def test_missing_cells_are_reported(closed):
    for judge in (claims_solvable._pair, claims_solvable._limits, claims_solvable._divergent):
        with pytest.raises(Missing):
            judge(closed)


def filled_pair(closed, weight_factor=1.0):
    """The pair's asymptotic law as data."""
    law = closed_forms.pair_asymptote()
    times = np.maximum(closed.solvable_time.values, 1e-3)
    closed.solvable_weight[:] = weight_factor * law.weight * times**0.25
    closed.solvable_norm[:] = weight_factor * law.weight * times**0.25
    closed.solvable_risk[:] = law.loss * times**-0.5
    closed.solvable_verdict[:] = 2
    return closed


def test_the_law_supports_its_limits_and_its_class(closed):
    data = filled_pair(closed)
    assert verdicts(claims_solvable._limits(data)) == {"supported"}
    assert verdicts(claims_solvable._divergent(data)) == {"supported"}


def test_another_constant_or_a_converging_start_is_refuted(closed):
    data = filled_pair(closed, 1 + 1e-6)
    assert claims_solvable._limits(data)[0].verdict == "refuted"
    data.solvable_verdict[3, -1] = 1
    assert verdicts(claims_solvable._divergent(data)) == {"refuted"}


def test_digits_may_be_off_by_half_a_unit_and_no_more():
    assert digits("", "", {"a": Digits("2.5", 2.5499)}).verdict == "supported"
    assert digits("", "", {"a": Digits("2.5", 2.5501)}).verdict == "refuted"
    assert digits("", "", {"a": Digits("5.3590e-5", 5.35906e-5)}).verdict == "refuted"


def flow_of(loss, energy, displacement):
    """A flow of three times of which only some entries matter."""
    times = np.array([0.0, 1.0, 4.0])
    nothing = np.zeros(3)
    loss, energy = np.array(loss), np.array(energy)
    return Flow(
        times, None, loss, nothing, nothing, np.array(displacement), energy,
        loss[0] - loss - energy, nothing, None, np.int64(1), np.int64(0), np.int64(0),
    )  # fmt: skip


def test_a_certificate_measures_energy_path_and_rises():
    good = certificate(flow_of([2.0, 1.0, 0.5], [0.0, 1.0, 1.5], [0.0, 1.0, 1.0]))
    assert good == {"defect": 0.0, "bound": 1.0, "rise": 0.0}
    bad = certificate(flow_of([2.0, 1.0, 1.5], [0.0, 0.5, 0.6], [0.0, 2.0, 2.0]))
    assert bad == {"defect": 0.25, "bound": 4.0, "rise": 0.25}


def test_a_flow_that_is_none_is_refuted(closed):
    for name, value in (("defect", 1e-9), ("bound", 0.9), ("rise", 0.0)):
        closed[f"solvable_{name}"][:] = value
    assert verdicts(certified(closed, "solvable", "x")) == {"supported"}
    for name, value in (("defect", 1e-7), ("bound", 1.1), ("rise", 1e-6)):
        closed[f"solvable_{name}"][2, 0] = value
    assert verdicts(certified(closed, "solvable", "x")) == {"refuted"}


@pytest.mark.slow
def test_the_pair_agrees_with_radau_and_the_closed_formula_of_its_network(x64):
    nodes, weights = np.polynomial.legendre.leggauss(40)

    def downhill(_, state):
        a, b = state
        shape = 2 * np.log(np.cosh(b * nodes / 2))
        force = weights * (a * shape - nodes**2)
        return -np.array([force @ shape, force @ (a * nodes * np.tanh(b * nodes / 2))])

    other = integrate.solve_ivp(downhill, (0, 1e4), [1.0, 1.0], "Radau", rtol=1e-10, atol=1e-12)
    flow = solvable.follow_pair((1.0, 1.0), 1e-9)
    at = np.argmin(np.abs(flow.times - 1e4))
    mine = flow.params.weight[at], flow.params.slope[at]
    np.testing.assert_allclose(mine, other.y[:, -1], rtol=1e-7)
