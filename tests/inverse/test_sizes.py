"""Layers and widths of theorem 3."""

import pytest

from jaxlab.inverse.sizes import network_size


def test_three_hidden_layers_per_iteration():
    size = network_size(5, 7, restarts=4, iterations=3)
    assert size.affine_layers == 3 * 4 * 3 + 1
    assert size.widths == (5, *(19, 24, 20) * 12, 7)


def test_layers_join_as_many_widths_as_there_are():
    size = network_size(1, 1, restarts=1, iterations=1)
    assert len(size.widths) == size.affine_layers + 1


@pytest.mark.parametrize("wrong", [0, 1, 2, 3])
def test_arguments_below_one_are_refused(wrong):
    arguments = [2, 3, 4, 5]
    arguments[wrong] = 0
    with pytest.raises(ValueError, match="positive"):
        network_size(*arguments)
