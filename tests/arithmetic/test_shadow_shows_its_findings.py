"""The table and the heat map: what a person reads."""

import io
import itertools
import re

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest

from jaxlab.arithmetic import shadow
from tests.arithmetic import faulty_code
from tests.arithmetic.faulty_code import normal


@pytest.fixture(scope="module")
def network():
    """A gradient with named layers; the third one's underflows."""
    weights = [normal(10 + i, 6, 6, scale=0.4) for i in range(4)]
    loss = faulty_code.deep_network(faulty_code.gated_layer)
    return shadow(jax.grad(loss), "fp16")(weights, normal(1, 5, 6), normal(2, 5, 6))[1]


@pytest.fixture(scope="module")
def scan():
    fault = {fault.name: fault for fault in faulty_code.faults()}["running sum in a scan"]
    return shadow(fault.fn, fault.format)(*fault.args)[1]


def test_the_table_is_sorted_by_blame_and_its_columns_line_up(network):
    lines = network.table(most=10).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("blame"))
    header, *rows = lines[start:]
    assert len(rows) == 10
    shares = [float(line.split("%")[0]) for line in rows]
    assert shares == sorted(shares, key=lambda share: -abs(share))
    made = sum(abs(row.made) for row in network.rows)
    assert shares[0] == pytest.approx(100 * network.by_blame()[0].made / made, abs=0.051)
    columns = [header.index(word) for word in ("operation", "pass", "where", "scope", "local/u")]
    for line in rows:
        assert all(line[at - 2 : at] == "  " and line[at] != " " for at in columns[:3])
    assert max(map(len, lines)) <= 160
    assert any("layer3" in line and "subnormal" in line for line in rows)


def test_the_verdict_says_the_error_in_units_of_u_and_where_it_is(network):
    first, second = network.table().splitlines()[:2]
    u = 2.0**-11
    found = re.match(r"float16: relative error (\S+) = (\S+) u, of which (\S+) is explained", first)
    error, in_u, explained = map(float, found.groups())
    assert error == pytest.approx(network.measured, rel=0.01)
    assert in_u == pytest.approx(network.measured / u, rel=0.01)
    assert explained == pytest.approx(network.explained, rel=0.01)
    worst = max(network.errors, key=network.errors.get)
    half = network.errors[worst] > network.measured / 2
    assert (second == f"Most of it is in the output {worst}.") is half


def test_an_operation_in_a_scan_names_the_iteration_that_dominates(scan):
    assert "mostly iteration" not in scan.table()  # 344 iterations share the blame alike
    fault = {fault.name: fault for fault in faulty_code.faults()}["underflow in a scan"]
    _, trace = shadow(fault.fn, fault.format)(*fault.args)
    assert "backward pass, mostly iteration 2\n    gate = jnp.exp(-distance)" in trace.table()


def test_the_heat_map_shows_layers_in_the_order_of_the_program_by_pass(network):
    ax = network.plot()
    layers = [label.get_text() for label in ax.get_yticklabels()]
    assert layers[:5] == ["arguments", "layer1", "layer2", "layer3", "layer4"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["forward", "backward"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("pass", "layer")
    assert f"float16 made the relative error {network.measured:.2g}" in ax.get_title()
    shares = ax.images[0].get_array()
    assert shares.sum() == pytest.approx(1)
    third = sum(abs(r.made) for r in network.rows if r.scope == "layer3" and r.backward)
    made = sum(abs(row.made) for row in network.rows)
    assert shares[3, 1] == pytest.approx(third / made)
    assert np.argmax(shares.filled(0)) == 7  # layer 3, backward
    assert "share" in ax.figure.axes[-1].get_ylabel()
    plt.close(ax.figure)


@pytest.mark.parametrize("few", [False, True])
def test_nothing_in_the_figure_overlaps_or_leaves_it(network, few):
    ax = (shadow(jnp.exp, "fp16")(np.float32(1.1))[1] if few else network).plot()
    ax.figure.savefig(io.BytesIO())
    boxes = [label.get_window_extent() for label in ax.get_yticklabels()]
    assert all(a.y1 <= b.y0 or b.y1 <= a.y0 for a, b in itertools.pairwise(boxes))
    whole = ax.figure.bbox
    colours = ax.figure.axes[-1].yaxis.label
    for text in (ax.title, colours, ax.yaxis.label, *ax.get_yticklabels(), *ax.texts):
        box = text.get_window_extent()
        assert whole.x0 <= box.x0
        assert box.x1 <= whole.x1
        assert whole.y0 <= box.y0
        assert box.y1 <= whole.y1
    plt.close(ax.figure)


def test_every_iteration_of_a_scan_is_a_layer_and_the_label_says_how_many_are_left_out(scan):
    _, ax = plt.subplots()
    assert scan.plot(ax, most=7) is ax
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert len(labels) == 7
    assert re.fullmatch(r"faulty_code.py:\d+ \[\d+\]", labels[0])
    assert ax.get_ylabel() == "layer (the worst 7 of 601)"
    plt.close(ax.figure)


def test_a_result_without_any_error_can_be_shown():
    _, trace = shadow(lambda x: x + 1.0, "fp16")(np.float32(2.0))
    assert trace.table().startswith("float16: relative error 0 = 0 u")
    ax = trace.plot()
    assert len(ax.get_yticklabels()) == 2
    plt.close(ax.figure)
