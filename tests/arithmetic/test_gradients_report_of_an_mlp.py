"""Native gradients of an MLP against float64: the reference's own numbers, within bands."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.figure import Figure

import jaxlab as jl
from jaxlab.arithmetic import round_to
from jaxlab.arithmetic.gradients import EDGES, format_report, gradient_report, plot_report
from jaxlab.arithmetic.reference import in_float64


def on_the_common_grid(tree):
    """Numbers that bfloat16 and float16, and so all dtypes, hold exactly."""
    return jax.tree.map(lambda x: round_to(round_to(x, "bfloat16"), "float16"), tree)


def loss(params, x, y):
    return jnp.mean((jl.networks.apply(params, x, jnp.tanh) - y) ** 2)


@pytest.fixture(scope="module")
def reports():
    law = jl.networks.initialisers.he(jl.networks.initialisers.fan_in_bias())
    params = jl.networks.initialise(jax.random.key(0), (32, 32, 32, 32), law, "float32")
    x = jax.random.normal(jax.random.key(1), (128, 32))
    arguments = on_the_common_grid((params, x, jnp.sin(x)))
    reference = in_float64(jax.jit(jax.grad(loss)))(*arguments)
    native = jax.jit(jax.grad(loss))
    found = {}
    for dtype in ("bfloat16", "float16", "float32"):
        gradient = native(*jax.tree.map(lambda leaf, d=dtype: leaf.astype(d), arguments))
        found[dtype] = gradient_report(gradient, reference, dtype)
    return found


# Measured by others on another network: worst layer 2.1u, 2.3u and 12u; signs 0.27%, 0.04% and 0.
@pytest.mark.parametrize(
    ("dtype", "worst", "flips", "deficit"),
    [
        ("bfloat16", (1.0, 6.0), (1e-4, 1e-2), (1e-6, 1e-3)),
        ("float16", (1.0, 6.0), (1e-5, 2e-3), (1e-8, 1e-5)),
        ("float32", (1.0, 20.0), (0.0, 0.0), (1e-15, 1e-12)),
    ],
)
def test_a_gradient_is_wrong_by_a_few_unit_roundoffs_in_norm(reports, dtype, worst, flips, deficit):
    *leaves, everything = reports[dtype].rows
    assert worst[0] < max(row.normwise for row in leaves) < worst[1]
    assert flips[0] <= everything.sign_flips <= flips[1]
    assert deficit[0] < everything.cosine_deficit < deficit[1]
    assert everything.overflow == 0.0


def test_the_largest_componentwise_error_says_nothing(reports):
    for report in reports.values():
        median, ninety, _, largest = report.rows[-1].componentwise
        assert median < 6
        assert ninety < 40
        assert largest > 1000


def test_rows_are_leaves_or_layers_and_then_everything(reports):
    rows = reports["float32"].rows
    assert [row.name for row in rows][:2] == ["[0].weight", "[0].bias"]
    assert sum(row.size for row in rows[:-1]) == rows[-1].size == 3168
    for row in rows:
        assert row.ulps.shape == (len(EDGES) + 1,)
        assert row.ulps.sum() == pytest.approx(1.0, abs=1e-12)


def test_the_histogram_quantiles_and_shares_are_right_on_a_small_example():
    exact = {"a": np.array([1.0, 1.0, 1.0, 1.0]), "b": np.array([-1.0, 1e-9, 1e6, 1.0])}
    ulp = 2.0**-10
    wrong = {
        "a": np.array([1.0, 1 + ulp, 1 + 3 * ulp, 1 + 5000 * ulp]).astype(np.float32),
        "b": np.array([1.0, 0.0, np.inf, 1.0], np.float32),
    }
    report = gradient_report(wrong, exact, "float16")
    a, b, everything = report.rows
    counts = dict(zip((*EDGES, np.inf), 4 * a.ulps, strict=True))
    assert {edge: count for edge, count in counts.items() if count} == {0: 1, 1: 1, 4: 1, np.inf: 1}
    assert np.array_equal(a.componentwise, [2, 10000, 10000, 10000])
    assert (b.sign_flips, b.underflow, b.overflow) == (pytest.approx(1 / 3), 0.25, 0.25)
    assert everything.overflow == 0.125
    assert [row.name for row in gradient_report(wrong, exact, "float16", depth=0).rows] == [
        "",
        "all",
    ]


def test_the_table_has_a_line_for_each_row_and_the_plot_a_curve(reports):
    report = reports["bfloat16"]
    lines = format_report(report).splitlines()
    assert lines[0] == "errors in units of u = 2**-8 (bfloat16)"
    assert len(lines) == 2 + len(report.rows)
    assert len({len(line) for line in lines[1:]}) == 1
    ax = Figure().subplots()
    assert plot_report(report, ax) is ax
    assert len(ax.lines) == len(report.rows)


def test_trees_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match="reference: got"):
        gradient_report([np.ones(1)], (np.ones(1),), "float32")
    with pytest.raises(ValueError, match="gradient: got no leaves"):
        gradient_report((), (), "float32")
