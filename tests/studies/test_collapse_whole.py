"""Study `collapse` as a whole: what an empty Dataset says, its cells, configurations refused.

The gate runs it end to end through the command line and refuses missing cells.
"""

import pytest

import jaxlab as jl
from jaxlab.studies import collapse

TINY = collapse.Config(
    born_widths=(1, 2),
    born_depth=3,
    born_networks=200,
    born_biased_widths=(1, 2),
    born_biased_depth=3,
    ball_inputs=(1, 2),
    ball_neurons=100,
    negative_cases=((1, 3), (2, 3)),
    negative_networks=100,
    underflow_formats=("float64", "float16"),
    underflow_gains=(1.0, 0.0625),
    underflow_widths=(2,),
    underflow_depths=(2, 3),
    underflow_networks=50,
    published_runs=4,
    published_wide_runs=4,
    published_steps=2,
    points=16,
    batch=4,
    ladder_depths=(1, 3),
    ladder_formats=("float64", "float16"),
    ladder_runs=16,
    ladder_steps=2,
    ladder_points=16,
)


def test_a_dataset_without_cells_has_claims_that_say_so_and_no_figures():
    empty = collapse.STUDY.template(TINY)
    claims = collapse.claims(empty)
    assert claims
    assert {claim.verdict for claim in claims} == {"inconclusive"}
    assert collapse.figures(empty) == []


def test_every_position_of_the_template_belongs_to_exactly_one_cell():
    empty = collapse.STUDY.template(TINY)
    cells = collapse.STUDY.cells(TINY)
    assert len({cell.name for cell in cells}) == len(cells)
    for cell in cells:
        for dim, at in cell.index.items():
            assert 0 <= at < empty.sizes[dim]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("ladder_formats", ("float16",), "ladder_formats: got .* expected 'float64' first"),
        ("ladder_formats", ("float64", "float8_e5m2"), "ladder_formats: got"),
        ("underflow_formats", ("float64", "float64"), "no format twice"),
        ("points", 0, "points: got 0, expected positive numbers"),
        ("negative_cases", ((2, -1),), "negative_cases"),
    ],
)
def test_configurations_that_do_not_fit_are_refused(field, value, message):
    with pytest.raises(ValueError, match=message):
        collapse.Config(**{field: value})


def test_the_registry_knows_the_study():
    assert jl.studies.REGISTRY["collapse"] is collapse.STUDY
