"""Parts join into a study without colliding."""

import numpy as np
import pytest

from jaxlab.studies._parts import Part, Variable, combine, named_key, template
from jaxlab.studies._study import Cell


def part(name, variable, coords):
    def empty(config):
        return template({"i": coords}, {variable: Variable(("i",), float, "a number")})

    def compute(config, cell):
        return {variable: np.float64(cell.index["i"] + config)}

    return Part(name, empty, lambda config: [Cell("first", {"i": 0})], compute)


def test_variables_stand_side_by_side_and_cells_one_after_another():
    both = combine((part("a", "x", [1, 2]), part("b", "y", [1, 2])))
    assert set(both.template(None).data_vars) == {"x", "y"}
    assert [cell.name for cell in both.cells(None)] == ["a.first", "b.first"]
    assert both.compute(5, both.cells(None)[1]) == {"y": 5.0}


def test_parts_that_disagree_about_a_dimension_are_refused():
    with pytest.raises(ValueError, match="i"):
        combine((part("a", "x", [1, 2]), part("b", "y", [1, 3]))).template(None)


def test_named_keys_depend_on_seed_and_name():
    keys = [named_key(0, "a"), named_key(0, "b"), named_key(1, "a")]
    assert len({str(key) for key in keys}) == 3
