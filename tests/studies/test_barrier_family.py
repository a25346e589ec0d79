"""The problems are as near and their solutions as far apart as said, and wrong data refute it."""

import numpy as np
import pytest

from jaxlab.studies._judging import judged
from jaxlab.studies._study import place
from jaxlab.studies.barrier import claims_family, family
from jaxlab.studies.barrier.config import Config

TINY = Config(family_digits=(1, 6), family_gaps=(10, 20, 30))


def computed():
    dataset = family.template(TINY).load()
    for cell in family.cells(TINY):
        place(dataset, cell, family.compute(TINY, cell))
    return dataset


def refuted(dataset):
    claims = judged(claims_family.JUDGES, "source", dataset)
    return [claim.statement for claim in claims if claim.verdict == "refuted"], claims


def test_what_is_computed_supports_every_claim():
    dataset = computed()
    assert not any(np.isnan(variable).any() for variable in dataset.data_vars.values())
    assert {claim.verdict for claim in refuted(dataset)[1]} == {"supported"}


def test_the_margin_of_the_certificate_is_the_relative_gap():
    margin = computed().family_margin.values
    alpha = np.sqrt(2) * 10.0 ** np.array([[1], [6]]) / 3
    gap = 2.0 ** -np.array([[11, 21, 31]])
    np.testing.assert_allclose(margin, gap / (alpha + gap), rtol=1e-12)


def test_missing_cells_make_claims_inconclusive():
    claims = judged(claims_family.JUDGES, "source", family.template(TINY).load())
    assert [claim.verdict for claim in claims] == ["inconclusive"] * 3


@pytest.mark.parametrize(
    ("name", "factor", "shift", "statement"),
    [
        ("matrices", 1 + 1e-9, 0, "The matrices of"),
        ("minimisers", 1 + 1e-8, 0, "Their minimisers"),
        ("norm", 1 + 1e-12, 0, "Their minimisers"),
        ("residual", 1, 1e-13, "e_j/"),
        ("slope", 1, 1e-13, "e_j/"),
        ("dual", 1, 1, "e_j/"),
        ("off", 1, 1e-12, "e_j/"),
        ("margin", 0, 0, "e_j/"),
    ],
)
def test_wrong_numbers_refute(name, factor, shift, statement):
    dataset = computed()
    at = {"family_digits": 0, "family_gap": 0}
    dataset[f"family_{name}"][at] = dataset[f"family_{name}"][at] * factor + shift
    found, _ = refuted(dataset)
    assert [text.startswith(statement) for text in found] == [True], found
