"""Tessellations by functions: those of the plane counter, of closed forms, and of lines through."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.networks import apply
from jaxlab.regions import function, plane
from tests.regions import networks

HIGHEST = jax.lax.Precision.HIGHEST
RNG = np.random.default_rng(8)
SQUARE = np.array([[-2.0, -2.0], [2.0, -2.0], [2.0, 2.0], [-2.0, 2.0]])


def areas(found):
    """The area of every face, by the shoelace formula."""
    corners = found.coordinates[found.corners]
    first, last = found.first_corner[:-1], found.first_corner[1:] - 1
    following = np.arange(len(corners)) + 1
    following[last] = first
    x, y = corners.T
    return np.add.reduceat(x * y[following] - x[following] * y, first) / 2


def centres(found):
    """A point inside every face, in the coordinates of the plane."""
    sums = np.add.reduceat(found.coordinates[found.corners], found.first_corner[:-1])
    return sums / np.diff(found.first_corner)[:, None]


@pytest.mark.parametrize("make", [networks.he, networks.degenerate])
@pytest.mark.parametrize("inputs", [2, 5])
def test_networks_have_the_tessellation_of_the_plane_counter(x64, make, inputs):
    layers = networks.layers(make(np.random.default_rng(2), (inputs, 8, 7, 3)))
    polygon = SQUARE if inputs == 2 else plane.through(RNG.normal(size=(3, inputs)))
    found = function.plane(lambda x: apply(layers, x), polygon)
    expected = plane.tessellate(layers, polygon)
    assert found.exact
    assert found.regions == len(expected.patterns)
    assert found.pieces.max() == expected.pieces.max()
    assert len(found.edges) == len(expected.edges)
    assert found.points.shape == (len(found.coordinates), inputs)


def pooled(x):
    """Absolute values, a maximum over windows, a convolution, a leaky ReLU: on ``(2, 3)``."""
    rng = np.random.default_rng(0)
    first, second = (jnp.asarray(rng.normal(size=s)) for s in [(12, 6), (2, 1, 2)])
    h = jnp.abs(jnp.dot(first, x.reshape(-1), precision=HIGHEST))[None, None]
    h = jax.lax.reduce_window(h, -jnp.inf, jax.lax.max, (1, 1, 3), (1, 1, 3), "VALID")
    h = jax.lax.conv_general_dilated(h - 1, second, (1,), "VALID", precision=HIGHEST)
    return jax.nn.leaky_relu(h[0])


def test_values_and_gradients_are_those_of_the_function(x64):
    polygon = plane.through(RNG.normal(size=(3, 6)))
    found = function.plane(pooled, polygon.reshape(-1, 2, 3))
    assert found.exact
    assert found.undecided == 0
    assert 20 < found.pieces.max() + 1 <= found.regions
    values = jax.jit(jax.vmap(pooled))(jnp.asarray(found.points))
    np.testing.assert_allclose(found.values, values, atol=1e-11)
    big = areas(found) > 1e-6
    np.testing.assert_allclose(areas(found).sum(), areas(plane_of(polygon)).sum(), rtol=1e-12)
    middle = centres(found)
    origin, axes = frame_of(found)
    points = (origin + middle @ axes).reshape(-1, 2, 3)
    jacobians = jax.jit(jax.vmap(jax.jacfwd(pooled)))(jnp.asarray(points))
    expected = np.einsum("fioxy,axy->faio", jacobians, axes.reshape(2, 2, 3))
    np.testing.assert_allclose(found.gradients[big], expected[big], atol=1e-8)


def plane_of(polygon):
    return function.plane(lambda x: x, polygon)


def frame_of(found):
    """Origin and axes of the coordinates, by least squares."""
    columns = np.concatenate([np.ones((len(found.coordinates), 1)), found.coordinates], axis=1)
    flat = found.points.reshape(len(found.points), -1)
    solution = np.linalg.lstsq(columns, flat, rcond=None)[0]
    return solution[0], solution[1:]


def test_the_faces_of_a_maximum_are_the_cells_of_its_winners(x64):
    forms = RNG.normal(size=(30, 3))

    def entries(x):
        return jnp.dot(jnp.asarray(forms[:, :2]), x, precision=HIGHEST) + forms[:, 2]

    grid = np.stack(np.meshgrid(*[np.linspace(-2, 2, 800)] * 2), axis=-1).reshape(-1, 2)
    winners = np.unique(np.argmax(grid @ forms[:, :2].T + forms[:, 2], axis=1))
    largest = function.plane(lambda x: jnp.max(entries(x)), SQUARE)
    chosen = function.plane(lambda x: jnp.argmax(entries(x)), SQUARE)
    for found in (largest, chosen):
        assert found.exact
        assert found.regions == found.pieces.max() + 1 == len(winners) > 4
        np.testing.assert_allclose(areas(found).sum(), 16)
        assert (areas(found) > 0).all()
    np.testing.assert_array_equal(np.sort(chosen.values), winners)
    gradients = {tuple(g) for g in np.round(largest.gradients, 9)}
    assert gradients == {tuple(g) for g in np.round(forms[winners, :2], 9)}


def test_decision_regions_of_a_network_agree_with_its_outputs(x64):
    layers = networks.layers(networks.he(np.random.default_rng(5), (2, 8, 4)))
    found = function.plane(lambda x: jnp.argmax(apply(layers, x)), SQUARE)
    outputs = jax.jit(lambda x: apply(layers, x))(jnp.asarray(centres(found)))
    np.testing.assert_array_equal(found.values, np.argmax(outputs, axis=1))
    assert found.pieces.max() + 1 < found.regions


def test_regions_cut_by_a_line_are_those_along_it(x64):
    polygon = plane.through(RNG.normal(size=(3, 6)))
    found = function.plane(pooled, polygon.reshape(-1, 2, 3))
    start, stop = 0.3 * polygon[0] + 0.7 * polygon[1], 0.6 * polygon[2] + 0.4 * polygon[3]
    along = function.line(pooled, start.reshape(2, 3), stop.reshape(2, 3))
    origin, axes = frame_of(found)
    ends = [np.linalg.lstsq(axes.T, end - origin, rcond=None)[0] for end in (start, stop)]
    inner = found.edges[(found.sides >= 0).all(axis=1)]
    tail, head = (found.coordinates[inner[:, k]] - ends[0] for k in (0, 1))
    way = ends[1] - ends[0]
    above = [np.sign(way[0] * p[:, 1] - way[1] * p[:, 0]) for p in (tail, head)]
    assert along.regions == 1 + (above[0] != above[1]).sum()


def test_a_jump_and_a_limit_are_reported():
    with pytest.raises(ValueError, match="got a jump at select_n"):
        function.plane(lambda x: jnp.where(x[0] > x[1], x, x + 1), SQUARE)
    with pytest.raises(ValueError, match="limit: got 3, expected at least 4 regions"):
        function.plane(lambda x: jnp.abs(x), SQUARE, limit=3)
