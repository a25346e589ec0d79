"""What is known in closed form is computed to its digits, and wrong data refute it."""

import jax
import numpy as np
import pytest

from jaxlab.flows import zigzag
from jaxlab.studies._judging import judged
from jaxlab.studies._study import place
from jaxlab.studies.flow import claims_exact, exact
from jaxlab.studies.flow.config import Config

TINY = Config(exact_networks=3)


def theory():
    """A dataset with what the closed forms say, written out once more."""
    dataset = exact.template(TINY).load()
    times = np.array(exact.TIMES)
    dataset["exact_shift"][...] = 0.5 + 1.5 * np.exp(-2 * times)
    dataset["exact_dead_risk"][...] = 1 / 12 + 2.25 * np.exp(-4 * times)
    product = 1.3 / (1 + 5.5 * np.exp(-2.6 * times / 3))
    dataset["exact_product"][...] = product
    dataset["exact_pair_risk"][...] = (product - 1.3) ** 2 / 3
    for name in ("moved", "around", "saddle_gradient", "quadrature", "autodiff"):
        dataset[f"exact_{name}"][...] = 0.0
    dataset["exact_steps"][...] = 50
    dataset["exact_saddle_risk"][...] = [float(r) for r in zigzag.risks(6)]
    return dataset


def verdicts_of(dataset):
    return {c.statement: c.verdict for c in judged(claims_exact.JUDGES, "source", dataset)}


def test_the_closed_forms_are_supported():
    found = verdicts_of(theory())
    assert len(found) == 11
    assert set(found.values()) == {"supported"}


def test_missing_cells_make_claims_inconclusive():
    empty = exact.template(TINY).load()
    assert set(verdicts_of(empty).values()) == {"inconclusive"}


@pytest.mark.parametrize(
    ("name", "at", "value", "refuted"),
    [
        ("shift", {"exact_format": 0, "exact_time": 3}, 0.5275, "In float64, dead network"),
        ("pair_risk", {"exact_format": 1, "exact_time": 2}, 0.5, "In float32, bias-free pair"),
        ("product", {"exact_format": 0, "exact_time": 4}, 1.2124824046, "The bias-free pair"),
        ("moved", {"exact_format": 1, "exact_time": 6}, 1e-9, "Dead networks end"),
        ("around", {"exact_network": 1}, -1e-12, "Dead networks end"),
        ("saddle_risk", {"exact_breaks": 3}, 1 / 28812 * (1 + 1e-13), "The zigzag networks"),
        ("saddle_gradient", {"exact_breaks": 1}, 1e-14, "The zigzag networks"),
        ("quadrature", {"exact_format": 0, "exact_network": 2}, 1e-13, "Risks of random networks"),
        ("autodiff", {"exact_format": 1, "exact_network": 0}, 1e-4, "G of random networks"),
    ],
)
def test_wrong_numbers_refute(name, at, value, refuted):
    dataset = theory()
    dataset[f"exact_{name}"][at] = value
    found = [text for text, verdict in verdicts_of(dataset).items() if verdict == "refuted"]
    assert [text.startswith(refuted) for text in found] == [True], found


def test_the_state_has_as_many_entries_as_said(x64):
    assert sum(leaf.size for leaf in jax.tree.leaves(exact._start())) + 1 == exact.STATE


@pytest.mark.slow
def test_what_is_computed_supports_every_claim():
    dataset = exact.template(TINY).load()
    with jax.enable_x64(True):
        for cell in exact.cells(TINY):
            place(dataset, cell, exact.compute(TINY, cell))
    for name, variable in dataset.data_vars.items():
        assert not np.isnan(variable.values).any(), name
    assert set(verdicts_of(dataset).values()) == {"supported"}
    # float32 rounds: distances that are zero there would mean that nothing was computed in it.
    single = dataset.sel(exact_format="float32")
    assert float(single.exact_quadrature.max()) > 1e-8
    assert (
        float(abs(single.exact_shift - theory().exact_shift.sel(exact_format="float32")).max()) > 0
    )
