"""Pictures show what was found: counted from the artists, not from pixels."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import LineCollection, PolyCollection
from PIL import Image
from regions.networks import he, layers

from jaxlab.networks import constructions
from jaxlab.regions import decision, line, pictures, plane


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.fixture
def found():
    params = he(np.random.default_rng(0), (2, 6, 6, 2), bias=0.5)
    params[-1][1][:] = [0.0, 0.5]  # so that both classes occur
    params = layers(params)
    return plane.tessellate(params, plane.box(-1.0, 1.0))


def polygons(ax):
    (collection,) = [c for c in ax.collections if isinstance(c, PolyCollection)]
    return collection


def test_every_region_is_a_polygon_and_equal_patterns_have_equal_colours(found):
    drawn = polygons(pictures.plane(found, "pattern"))
    assert len(drawn.get_paths()) == len(found.patterns) > 20
    colours = {tuple(c) for c in drawn.get_facecolors()}
    assert len(colours) == len({tuple(p) for p in found.patterns})


def test_slope_colours_are_gradient_sizes_with_a_labelled_bar(found):
    ax = pictures.plane(found, "slope", output=1)
    expected = np.linalg.norm(found.gradients[:, :, 1], axis=1)
    assert np.array_equal(polygons(ax).get_array(), expected)
    assert any(other.get_ylabel() == "size of the gradient" for other in ax.figure.axes)


def test_layers_are_told_apart_and_named(found):
    ax = pictures.plane(found, "layer")
    drawn = [c for c in ax.collections if isinstance(c, LineCollection)]
    sizes = sorted(len(c.get_segments()) for c in drawn)
    assert sizes == sorted(int((found.layers == layer).sum()) for layer in (0, 1))
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["layer 1", "layer 2"]


def test_the_decision_boundary_lies_on_top(found):
    edge = decision.boundary(found)
    ax = pictures.plane(found, "piece", boundary=edge)
    assert len(ax.collections[-1].get_segments()) == len(edge.segments) > 0


def test_breakpoints_are_marked_by_the_layer_that_makes_them():
    ax = pictures.line(line.trace(constructions.sawtooth(3), 0.0, 1.0), (2, 2, 2))
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["layer 1 (1)", "layer 2 (2)", "layer 3 (4)"]
    assert ax.get_xlabel() == "distance along the segment"


def test_wrong_widths_are_named():
    with pytest.raises(ValueError, match=r"widths: got \(2, 2\)"):
        pictures.line(line.trace(constructions.sawtooth(3), 0.0, 1.0), (2, 2))


def test_an_animation_has_a_frame_per_tessellation(found, tmp_path):
    shifted = found._replace(patterns=~found.patterns)
    path = pictures.animation(
        [found, shifted, found], tmp_path / "film.gif", titles=["a", "b", "c"]
    )
    with Image.open(path) as film:
        assert film.n_frames == 3


@pytest.mark.parametrize("arguments", [{"titles": ["a"]}, {"colour": "slope"}])
def test_animations_refuse_what_they_cannot_show(found, tmp_path, arguments):
    with pytest.raises(ValueError, match="frames: got 2"):
        pictures.animation([found, found], tmp_path / "film.gif", **arguments)
