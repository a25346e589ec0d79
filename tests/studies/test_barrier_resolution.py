"""FIRENET at small gaps: the study's loop against the library's, and claims that can be refuted."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.inverse import operators
from jaxlab.inverse.firenets import firenet
from jaxlab.studies._arithmetics import format_of
from jaxlab.studies._judging import judged
from jaxlab.studies._study import place
from jaxlab.studies.barrier import claims_resolution, resolution
from jaxlab.studies.barrier.config import Config

COUNTS = "A restart needs iterations in proportion to alpha^2/eps: as many as the reference needs"
SHARES = "A restart needs iterations in proportion to alpha^2/eps: 0.3 to 0.7 times as many"
TINY = Config(resolution_arithmetics=("float64", "float32", "float16", "bfloat16"))


def test_the_loop_is_that_of_the_library(x64):
    row = resolution.stored_row(0.25, format_of("float64"))
    size = np.linalg.norm(row)
    library = firenet(
        operators.matrix(jnp.asarray(row)[None]),
        jnp.ones(1),
        lam=1.0,
        restarts=5,
        iterations=20,
        delta=2.0**-53,
        tau=float(1 / size),
        sigma=float(1 / size),
        norm=float(size),
    ).solution
    ours = resolution.solve(
        jnp.asarray(row), jnp.asarray(20), name="float64", wide=True, restarts=5
    )
    np.testing.assert_allclose(ours, library, rtol=1e-13)


def test_iterates_added_up_in_bfloat16_tend_to_zero_and_in_float64_to_the_midpoint(x64):
    row = jnp.asarray(resolution.stored_row(2.0**-8, format_of("bfloat16")))
    count = jnp.asarray(resolution.iterations(2.0**-8))
    own, wide = (
        resolution.solve(row, count, name="bfloat16", wide=wide, restarts=9)
        for wide in (False, True)
    )
    assert float(row[0]) == float(row[1]) == 4.71875
    np.testing.assert_allclose(wide, 0.5 / 4.71875, rtol=0.01)
    assert float(jnp.abs(own).max()) < 0.02


def theory():
    """A dataset with what the laws say."""
    dataset = resolution.template(TINY).load()
    gaps = dataset.resolution_gap.values
    rng = np.random.default_rng(0)
    for name in map(str, dataset.resolution_arithmetic.values):
        fmt = format_of(name)
        stored = np.array([np.diff(resolution.stored_row(gap, fmt))[0] for gap in gaps])
        law = 4 * fmt.unit_roundoff / gaps * 2.0 ** rng.uniform(-1, 1, gaps.size)
        middle = [claims_resolution._middle(gap, name) for gap in gaps]
        error = np.where(stored == 0, middle, np.minimum(law, 1.4))
        at = {"resolution_arithmetic": name}
        dataset["resolution_stored"].loc[at] = stored
        narrow = np.where((gaps == gaps[-1]) & (stored == 0), 2.0, error)
        dataset["resolution_error"].loc[at] = np.array([narrow, error])
    at = {"resolution_arithmetic": "float16", "resolution_sum": "wide", "resolution_gap": 2.0**-8}
    dataset["resolution_error"].loc[at] = 1.48
    shares, gaps = dataset.resolution_iterations.values, [[1.0], [0.5], [0.25], [0.125]]
    enough = shares > np.where(np.array(gaps) == 1, 0.65, 0.55)
    dataset["resolution_few"][...] = np.where(enough, 1e-14, 0.3)
    return dataset


def refuted(dataset):
    claims = judged(claims_resolution.JUDGES, "source", dataset)
    return [claim.statement for claim in claims if claim.verdict == "refuted"], claims


def test_the_laws_are_supported():
    claims = refuted(theory())[1]
    assert len(claims) == 11
    assert {claim.verdict for claim in claims} == {"supported"}


def test_missing_cells_make_claims_inconclusive():
    empty = resolution.template(TINY).load()
    assert {claim.verdict for claim in refuted(empty)[1]} == {"inconclusive"}


@pytest.mark.parametrize(
    ("name", "at", "value", "statements"),
    [
        ("error", (slice(None), 1, slice(0, 6)), 1e-20, {"FIRENET's error"}),
        ("error", (2, 1, -1), 1.51, {"Where the stored"}),
        ("error", (3, 1, 6), 1.3, {"Where the stored", "The reference's cases"}),
        ("error", (2, 1, 8), 0.9, {"The reference's cases"}),
        ("error", (2, 1, 7), 0.6, {"Storage may lose"}),
        ("stored", (2, 8), 0.0, {"Storage may lose", "Where the stored"}),
        ("error", (0, 0, 3), 0.6, {"In float64"}),
        ("error", (3, 0, -1), 1.4, {"In 8 to 11 bits"}),
        ("few", (2, slice(0, 8)), 0.3, {COUNTS, SHARES}),
        ("few", (3, slice(2, 9)), 1e-9, {COUNTS, SHARES}),
        ("few", (0, 8), 0.3, {SHARES}),
    ],
)
def test_wrong_numbers_refute(name, at, value, statements):
    dataset = theory()
    dataset[f"resolution_{name}"][at] = value
    found, _ = refuted(dataset)
    assert {start for start in statements if any(text.startswith(start) for text in found)} == (
        statements
    ), found
    assert len(found) == len(statements), found


@pytest.mark.slow
def test_what_is_computed_supports_all_but_the_two_cases_that_do_not_reproduce():
    dataset = resolution.template(TINY).load()
    with jax.enable_x64(True):
        for cell in resolution.cells(TINY):
            place(dataset, cell, resolution.compute(TINY, cell))
    found, claims = refuted(dataset)
    assert len(claims) == 11
    assert found == ["The reference's cases in 16 bits: float16, eps = 2^-8", SHARES]
