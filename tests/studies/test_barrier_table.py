"""The table: FIRENET against a NumPy loop; the three columns are kept apart and can be refuted."""

import numpy as np
import pytest

from jaxlab.inverse import noncomputable
from jaxlab.studies._judging import judged
from jaxlab.studies.barrier import claims_table, table
from jaxlab.studies.barrier.config import Config

TINY = Config()


def firenet(matrix, y, tau, size):
    """Sections 1.2 and 1.3 of the reference, data form, written out in NumPy."""
    z, eps = np.zeros(matrix.shape[1]), np.linalg.norm(y)
    for _ in range(30):
        eps = np.exp(-1) * (1e-6 + eps)
        scale = 2 * size / (50 * eps)
        x, q, total = scale * z, np.zeros(len(y)), 0
        for _ in range(50):
            v = x - tau * matrix.T @ q
            new = np.sign(v) * np.maximum(np.abs(v) - tau, 0)
            q = q + tau * (matrix @ (2 * new - x) - scale * y)
            q, x = q / max(1, np.linalg.norm(q)), new
            total = total + x
        z = total / 50 / scale
    return z


@pytest.fixture(scope="module")
def first():
    """``K = 1``, ``n = 10``, as computed by the study."""
    import jax

    with jax.enable_x64(True):
        return table.compute(TINY, table.cells(TINY)[0])


def test_short_steps_give_the_numbers_of_a_numpy_loop(first):
    seen, other = (noncomputable.problem(1, 10, which) for which in (2, 1))
    size = np.linalg.norm(seen.matrix, 2)
    z = firenet(seen.matrix, seen.measured, 1 / size, size)
    right = np.linalg.norm(z - other.minimiser)
    assert right == pytest.approx(0.1505736, abs=5e-8)
    assert first["table_score"][1, 1] == pytest.approx(right, abs=1e-9)
    excess = np.abs(z).sum() + np.linalg.norm(seen.matrix @ z - seen.measured)
    excess -= seen.minimiser.sum()
    assert first["table_excess"][1] == pytest.approx(excess, rel=1e-4)


def test_the_script_is_scored_against_a_truth_at_the_end_of_the_vector(first):
    assert first["table_score"][0] == pytest.approx([0.25978, 0.15002], abs=1e-5)
    assert first["table_step"] == pytest.approx([2.58, 1], rel=1e-3)
    assert first["table_separation"] == pytest.approx(0.299968929, abs=1e-9)


def theory():
    """A dataset with what is published and derived, written out once more."""
    dataset = table.template(TINY).load()
    k, n = np.array([[1], [3], [6]]), np.array([[10, 20, 30]])
    half = 0.5**0.5 / (2**0.5 * 10.0**k / 3 + 2.0 ** -(n + 1))
    dataset["table_separation"][...] = 2 * half
    wrong = half * np.sqrt([[3], [3], [1]])
    wrong[0] = 0.2597827, 0.2598050, 0.2598052
    wrong[1] = 0.0025980
    dataset["table_score"][...] = np.array([[wrong, half], [wrong, half]])
    dataset["table_score"][:, 1, 0, 0] = np.array([0.1500233, 0.1505736])
    dataset["table_step"][...] = np.array([2.582, 25.75, 749.8])[:, None]
    small = np.array([[3.5e-5, 1.31e-4, 5.45e-3], [1.1e-5, 1.7e-9, 6e-13]])
    dataset["table_excess"][...] = small[:, :, None]
    return dataset


def refuted(dataset):
    claims = judged(claims_table.JUDGES, "source", dataset)
    return {claim.statement for claim in claims if claim.verdict == "refuted"}, claims


def test_what_was_published_and_derived_is_supported():
    found, claims = refuted(theory())
    assert not found
    assert [claim.verdict for claim in claims] == ["supported"] * 7


def test_missing_cells_make_claims_inconclusive():
    claims = refuted(table.template(TINY).load())[1]
    assert {claim.verdict for claim in claims} == {"inconclusive"}


@pytest.mark.parametrize(
    ("name", "at", "value", "statements"),
    [
        ("score", (0, 0, 0, 1), 0.2598062, {"AS THE SCRIPT"}),
        ("score", (0, 0, 2, 0), 1.56e-6, {"AS THE SCRIPT", "DEFECT 1"}),
        ("score", (0, 1, 0, 0), 0.150025, {"CORRECTED"}),
        ("score", (1, 1, 1, 2), 0.00151, {"CORRECTED"}),
        ("score", (1, 1, 2, 2), 0.9e-6, {"FIRENET obtains"}),
        ("excess", (1, 2, 0), 6e-3, {"DEFECT 2"}),
        ("step", (0, 1, 0), 25.0, {"DEFECT 2"}),
        ("separation", (2, 1), 3.06e-6, {"The published LISTA"}),
    ],
)
def test_wrong_numbers_refute(name, at, value, statements):
    dataset = theory()
    dataset[f"table_{name}"][at] = value
    found, _ = refuted(dataset)
    assert len(found) == len(statements), found
    assert all(any(text.startswith(start) for text in found) for start in statements), found
