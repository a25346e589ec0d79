"""A configuration that cannot be run is refused when it is made, by the name of its field."""

import pytest

from jaxlab.studies import barrier, collapse, divergence, flow, pieces, stability

BAD = [
    (pieces, {"training_models": ("He", "unknown")}),
    (pieces, {"step_draws": 0}),
    (collapse, {"ladder_formats": ("float64", "float8_e5m2")}),
    (collapse, {"underflow_formats": ("float32", "float64")}),
    (collapse, {"underflow_gains": (1.0, 0.0)}),
    (divergence, {"published_problems": ("3D",)}),
    (divergence, {"published_tight": ("tanh",)}),
    (divergence, {"published_schemes": ("GD",)}),
    (divergence, {"heat_formats": ("bfloat16",)}),
    (divergence, {"frozen_starts": ((1.0, -1.0),)}),
    (divergence, {"shallow_tolerances": ()}),
    (barrier, {"staircase_digits": (1, 3)}),
    (barrier, {"resolution_arithmetics": ("float32",)}),
    (stability, {"accuracy_gap_transforms": ("cosine",)}),
    (stability, {"floor_arithmetics": ("float32",)}),
    (flow, {"saddle_breaks": (2, 3)}),
    (flow, {"target_formats": ("float64", "float64")}),
    (flow, {"limits_flows": -1}),
]


@pytest.mark.parametrize(("study", "field"), BAD, ids=[next(iter(field)) for _, field in BAD])
def test_a_bad_field_is_named_with_what_was_got(study, field):
    ((name, value),) = field.items()
    with pytest.raises(ValueError, match=rf"^{name}: got .*, expected") as error:
        study.Config(**field)
    entries = value if isinstance(value, tuple) else (value,)
    assert any(repr(entry) in str(error.value) for entry in entries) or not entries
