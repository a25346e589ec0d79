"""Part `published` of study `divergence`: problems, flows, optimisers, and claims on them."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from scipy.integrate import solve_ivp
from scipy.special import erf
from scipy.stats import t as student

from jaxlab.networks import widths
from jaxlab.studies._drawing import drawn
from jaxlab.studies._judging import judged
from jaxlab.studies._study import place
from jaxlab.studies.divergence import polynomials
from jaxlab.studies.divergence.config import PRESETS, Config
from jaxlab.studies.divergence.experiments import (
    authors,
    claims_published,
    claims_schemes,
    figures_published,
    published,
    schemes,
)

SMALL = Config(
    published_activations=("tanh", "ELU"),
    published_starts=2,
    published_until=10.0,
    published_tight=("tanh",),
    published_schemes=("GD float64", "GD float32", "GD bfloat16"),
    published_steps=500,
    published_draws=30,
)
JUDGES = claims_published.JUDGES + claims_schemes.JUDGES

# divergence.md, A.3: means, and mean squared errors of the best constant.
MOMENTS = {
    "1D": (416 / 99, 748573721 / 205771995),
    "2D": (5 / 3, 11414 / 3465),
    "4D": (1741 / 525, 26372023 / 32248125),
}


@pytest.mark.parametrize("problem", polynomials.PROBLEMS)
def test_targets_have_their_exact_mean_and_variance(x64, problem):
    mean, variance = MOMENTS[problem]
    data = polynomials.quadrature_data(problem)
    found = float((data.mass * data.y).sum())
    assert found == pytest.approx(mean, rel=1e-13)
    assert float((data.mass * (data.y - found) ** 2).sum()) == pytest.approx(variance, rel=1e-13)


def test_a_sample_is_uniform_and_labelled_by_the_target(x64):
    data = polynomials.sample(jax.random.key(1), "2D", 4000)
    x, y = np.asarray(data.x[:, 0]), np.asarray(data.x[:, 1])
    by_hand = y**5 - x**3 * y**2 - 4 * x**2 * y + 3 * x**3 - y**2 + x + 2
    np.testing.assert_allclose(data.y[:, 0], by_hand, rtol=1e-12)
    # Five standard errors of a mean of U(-1, 1): one false alarm in a million.
    assert np.abs(np.asarray(data.x).mean(axis=0)).max() < 5 / np.sqrt(3 * 4000)
    assert np.abs(np.asarray(data.x)).max() > 0.99


def test_starts_are_xavier_uniform_with_zero_biases(x64):
    params = polynomials.start(0, "1D", 0)
    assert widths(params) == (1, 10, 20, 10, 1)
    assert all(not np.any(layer.bias) for layer in params)
    bound = np.sqrt(6 / 30)
    assert 0.9 * bound < np.abs(params[1].weight).max() <= bound
    assert not np.array_equal(params[0].weight, polynomials.start(0, "1D", 1)[0].weight)


@pytest.mark.parametrize("activation", ["softplus", "GELU", "swish", "ELU", "tanh"])
def test_the_risk_is_the_mean_squared_error_of_the_network(x64, activation):
    by_hand = {
        "softplus": lambda z: np.logaddexp(z, 0),
        "GELU": lambda z: z * (1 + erf(z / np.sqrt(2))) / 2,
        "swish": lambda z: z / (1 + np.exp(-z)),
        "ELU": lambda z: np.where(z > 0, z, np.expm1(z)),
        "tanh": np.tanh,
    }[activation]
    data, params = polynomials.quadrature_data("1D", 3), polynomials.start(3, "1D", 0)
    h = np.asarray(data.x)
    for layer in params[:-1]:
        h = by_hand(h @ np.asarray(layer.weight) + np.asarray(layer.bias))
    residual = h @ np.asarray(params[-1].weight) + np.asarray(params[-1].bias) - data.y
    expected = float((np.asarray(data.mass) * residual**2).sum())
    assert float(polynomials.risk(activation)(params, data)) == pytest.approx(expected, rel=1e-12)


def test_the_filter_of_the_authors_falls_by_its_decay_alone():
    step = authors.smoothed(np.array([1.0] + [0.0] * 50))
    assert step[50] == pytest.approx(0.95**50, rel=1e-12)


def test_the_tables_of_the_authors_are_complete():
    pairs = {(p, a) for p in polynomials.PROBLEMS for a in PRESETS["paper"].published_activations}
    assert set(authors.NORM) == set(authors.LOSS) == pairs
    assert {len(row) for row in authors.NORM.values()} == {len(authors.NORM_STEPS)}
    assert {len(row) for row in authors.LOSS.values()} == {len(authors.LOSS_STEPS)}


def test_presets_measure_optimisers_at_times_of_the_flow():
    for config in PRESETS.values():
        at = np.array(published.steps(config)) * authors.RATE
        assert np.isin(at.round(9), published.times(config.published_until).round(9)).all()
    late = published.steps(PRESETS["paper"])
    assert late[-1] == 500_000
    assert set(authors.NORM_STEPS) <= set(late)


def test_cells_fill_every_slot_once():
    template = published.PART.template(SMALL)
    cells = published.PART.cells(SMALL)
    assert len({cell.name for cell in cells}) == len(cells)
    kinds = [cell.name.split("-")[0] for cell in cells]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "flow": 4,
        "run": 6,
        "tight": 1,
        "norms": 3,
    }
    assert template.sizes["published_step"] == 4


@pytest.fixture(scope="module")
def computed() -> xr.Dataset:
    """One flow, one run and one set of norms; the rest copied, so that the template is full."""
    dataset = published.PART.template(SMALL).load()
    with jax.enable_x64(True):
        for cell in published.PART.cells(SMALL):
            if cell.name in ("flow-1D-tanh-0", "run-1D-tanh-GD_float32"):
                place(dataset, cell, published.PART.compute(SMALL, cell))
    return dataset


@pytest.mark.slow
def test_a_flow_is_that_of_scipy(computed):
    with jax.enable_x64(True):
        data, risk = polynomials.quadrature_data("1D"), polynomials.risk("tanh")
        flat, unravel = jax.flatten_util.ravel_pytree(polynomials.start(0, "1D", 0))
        slope = jax.jit(jax.grad(lambda v: risk(unravel(v), data)))
        oracle = solve_ivp(
            lambda _, v: -np.asarray(slope(jnp.asarray(v))), (0, 1), flat, "DOP853",
            rtol=1e-8, atol=1e-10,
        )  # fmt: skip
    flow = computed.isel(published_problem=0, published_activation=0, published_start=0)
    at = flow.sel(published_time=1.0)
    assert float(at.published_norm) == pytest.approx(np.linalg.norm(oracle.y[:, -1]), abs=2e-5)
    moved = np.linalg.norm(oracle.y[:, -1] - oracle.y[:, 0])
    assert float(at.published_displacement) == pytest.approx(moved, abs=2e-5)


@pytest.mark.slow
def test_a_run_measures_the_flows_start_first(computed):
    one = computed.isel(published_problem=0, published_activation=0, published_start=0)
    run = one.sel(published_scheme="GD float32").isel(published_step=0)
    assert float(run.published_run_loss) == pytest.approx(float(one.published_loss[0]), rel=1e-6)
    assert float(run.published_run_largest) == pytest.approx(
        float(one.published_largest[0]), rel=1e-4
    )


LATE = dataclasses.replace(
    SMALL, published_activations=("softplus", "GELU"), published_tight=("GELU",),
    published_starts=5, published_until=1e6, published_steps=10_000,
)  # fmt: skip


def pretend(config: Config = LATE) -> xr.Dataset:
    """What flows that obey every claim would leave: norms like log t, losses like 1/t."""
    dataset = published.PART.template(config).load()
    time, step = dataset.published_time, dataset.published_step * authors.RATE
    start = 0.001 * dataset.published_start

    def put(name: str, values: xr.DataArray) -> None:
        slot = dataset[name]
        dataset[name] = values.broadcast_like(slot).transpose(*slot.dims).assign_attrs(slot.attrs)

    lift = xr.DataArray([0.0, 0.0], {"published_activation": dataset.published_activation})
    for prefix, t in (("published", time), ("published_run", step)):
        put(f"{prefix}_norm", 5.5 + 0.5 * np.log1p(t) + start + lift)
        put(f"{prefix}_loss", 20 / (1 + t) + 0 * start + lift)
        put(
            f"{prefix}_largest", 10 + 2500 * t / (t + 1000) + 100 * np.log1p(t / 1e3) + start + lift
        )
    scheme = xr.DataArray([0.01, 0.011, 3.0], {"published_scheme": dataset.published_scheme})
    put("published_run_norm", dataset.published_run_norm + scheme)
    put("published_run_loss", dataset.published_run_loss * (1 + 0.1 * scheme))
    put("published_run_stagnated", (scheme > 1).astype(float) + 0 * step + start * 0 + lift)
    put("published_displacement", 0.5 * np.log1p(time) + 0 * start + lift)
    put("published_energy", 20 - dataset.published_loss)
    put("published_defect", 1e-9 * dataset.published_energy)
    put("published_allowed", 1e-6 + 0 * start + lift)
    put("published_refined", 0 * start + lift)
    put("published_verdict", (2 + 0 * start + lift).astype(int))
    for name in ("norm", "loss"):
        first = dataset[f"published_{name}"].sel(published_start=0, published_activation=["GELU"])
        first = first.rename(published_activation="published_tight_activation")
        put(f"published_tight_{name}", first + 1e-6)
    square = [polynomials.mean_square(problem.widths) for problem in polynomials.PROBLEMS.values()]
    draw = 1 + 0.001 * (dataset.published_draw - dataset.published_draw.mean())
    put("published_square", draw * xr.DataArray(square, dims="published_network"))
    return dataset


def verdicts(dataset: xr.Dataset) -> dict[str, str]:
    found = judged(JUDGES, claims_published.SAD, dataset)
    assert len({claim.statement for claim in found}) == len(found)
    return {claim.statement: claim.verdict for claim in found}


def test_flows_that_obey_the_theory_support_every_claim_about_it():
    found = {k: v for k, v in verdicts(pretend()).items() if "published mean" not in k}
    assert len(found) == 13
    assert set(found.values()) == {"supported"}


@pytest.mark.parametrize(
    ("variable", "spoil", "word"),
    [
        ("published_square", lambda a: a * 1.1, "Xavier"),
        ("published_defect", lambda a: a + 1e-3, "integral of the squared"),
        ("published_loss", lambda a: a.where(a.published_time < 1e6, 30.0), "never rises"),
        ("published_displacement", lambda a: a * 100, "at most sqrt"),
        ("published_tight_norm", lambda a: a + 1e-3, "printed digit"),
        ("published_refined", lambda a: a + 1e-3, "nodes"),
        ("published_norm", lambda a: a.where(a.published_time < 1e6, 1.0), "still grows"),
        ("published_largest", lambda a: a * 0 + 1.0, "soon after"),
        ("published_verdict", lambda a: a * 0 + 1, "critical point"),
        ("published_run_loss", lambda a: a * 2, "to first order"),
        ("published_run_largest", lambda a: a + 3000, "> 2/lr"),
        ("published_run_norm", lambda a: a + 9 * (a.published_scheme == "GD float32"), "float32"),
        ("published_run_stagnated", lambda a: a * 0, "freezes"),
    ],
)
def test_every_claim_can_be_refuted(variable, spoil, word):
    dataset = pretend()
    dataset[variable] = spoil(dataset[variable]).transpose(*dataset[variable].dims)
    (verdict,) = [v for k, v in verdicts(dataset).items() if word in k]
    assert verdict == "refuted"


def test_presets_that_end_early_leave_late_claims_out():
    early = dataclasses.replace(LATE, published_until=100.0)
    found = verdicts(pretend(early))
    assert not any("soon after" in k or "critical point" in k for k in found)
    assert "inconclusive" not in {v for k, v in found.items() if "published mean" not in k}


def test_missing_cells_are_inconclusive_and_draw_nothing():
    empty = published.PART.template(LATE)
    assert set(verdicts(empty).values()) == {"inconclusive"}
    assert drawn(figures_published.PICTURES, empty) == []


def test_an_interval_for_the_authors_mean_counts_both_spreads():
    ours = xr.DataArray([1.0, 2.0, 4.0], dims="published_start")
    estimate, _ = claims_schemes.beside_authors(ours, 2.5, 0.0, 0.95)
    spread = np.std([1, 2, 4], ddof=1) * np.sqrt(1 / 3 + 1 / 20)
    assert estimate.high - estimate.value == pytest.approx(student.ppf(0.975, 2) * spread)


@pytest.mark.parametrize(
    ("theirs", "expected"), [(7.0, "supported"), (7.5, "refuted"), (6.0, "refuted")]
)
def test_a_printed_norm_is_judged_by_a_narrow_interval(theirs, expected):
    ours = xr.DataArray(7 + 0.01 * np.arange(-3, 4), dims="published_start")
    assert claims_schemes.beside_authors(ours, theirs, 5.5, 0.99)[1] == expected


def test_a_wide_interval_supports_nothing():
    ours = xr.DataArray([6.0, 8.0], dims="published_start")
    assert claims_schemes.beside_authors(ours, 7.0, 5.5, 0.99)[1] == "inconclusive"


def test_pictures_name_every_scheme():
    pictures = drawn(figures_published.PICTURES, pretend())
    assert [picture.name for picture in pictures] == ["published", "published_sharpness"]
    for picture in pictures:
        named = [text.get_text() for text in picture.figure.legends[0].get_texts()]
        assert set(LATE.published_schemes) <= set(named)
    assert set(LATE.published_schemes) <= set(schemes.SCHEMES)
