"""Numbers of cells and faces that are known in closed form."""

import math

import numpy as np
import pytest

from jaxlab.regions import cells
from tests.regions import networks


def one_layer(weight, bias):
    return networks.layers([(weight, bias), (np.ones((len(bias), 1)), np.zeros(1))])


@pytest.mark.parametrize(("d", "neurons"), [(1, 9), (2, 12), (3, 10), (4, 8), (5, 7), (6, 7)])
def test_generic_hyperplanes_make_as_many_faces_as_zaslavsky_says(d, neurons):
    rng = np.random.default_rng(d)
    params = one_layer(rng.normal(size=(d, neurons)), 0.01 * rng.normal(size=neurons))
    found = cells.enumerate(params, -1e3, 1e3)
    assert (np.abs(found.points) < 1e3).all(axis=1).sum() == math.comb(neurons, d)
    assert found.f_vector[-1] == sum(math.comb(neurons, i) for i in range(d + 1))
    assert found.undecided == 0


@pytest.mark.parametrize("d", range(1, 7))
def test_coordinate_neurons_halve_every_side(d):
    params = one_layer(np.eye(d), np.zeros(d))
    found = cells.count(params, -1.0, 1.0)
    faces = [math.comb(d, k) * 2**k * 3 ** (d - k) for k in range(d + 1)]
    assert (found.regions, found.f_vector.tolist()) == (2**d, faces)
    assert (found.exact, found.undecided) == (True, 0)


@pytest.mark.parametrize("d", range(1, 5))
@pytest.mark.parametrize("factor", [1.0, -1.0, 3.0, -0.5])
def test_multiples_of_a_neuron_cut_nothing_new(d, factor):
    rng = np.random.default_rng(d)
    weight, bias = rng.integers(-4, 5, (d, 4)) + 0.5, rng.integers(-4, 5, 4) / 8
    once = cells.count(one_layer(weight, bias), -1.0, 1.0)
    twice = one_layer(np.hstack([weight, factor * weight]), np.hstack([bias, factor * bias]))
    again = cells.count(twice, -1.0, 1.0)
    assert again.regions == once.regions > 3
    assert (again.f_vector == once.f_vector).all()


@pytest.mark.parametrize("d", range(1, 6))
def test_boundaries_along_the_sides_of_the_box_cut_nothing(d):
    params = one_layer(np.hstack([np.eye(d), -np.eye(d)]), np.ones(2 * d))
    found = cells.enumerate(params, -1.0, 1.0)
    assert (found.f_vector[-1], len(found.neighbours)) == (1, 0)
    assert found.patterns.all()


@pytest.mark.parametrize("d", range(2, 6))
def test_the_diagonal_of_a_cube_cuts_it_through_its_vertices(d):
    weight = np.zeros((d, 1))
    weight[:2, 0] = 1, -1
    found = cells.enumerate(one_layer(weight, np.zeros(1)), 0.0, 1.0)
    assert found.f_vector[0] == 2**d
    # Two prisms over a triangle: a square with its diagonal, times a cube.
    square, line = np.array([4, 5, 2]), np.array([2, 1])
    faces = square
    for _ in range(d - 2):
        faces = np.convolve(faces, line)
    assert found.f_vector.tolist() == faces.tolist()


@pytest.mark.parametrize("d", range(1, 5))
def test_braid_arrangements_have_a_cell_per_permutation(d):
    n = d + 1
    pairs = [(i, j) for i in range(n) for j in range(i)]
    weight, bias = np.zeros((n, len(pairs))), np.zeros(len(pairs))
    for column, (i, j) in enumerate(pairs):
        weight[i, column], weight[j, column] = 1, -1
    assert cells.count(one_layer(weight, bias), -1.0, 1.0).regions == math.factorial(n)


def test_a_dead_layer_leaves_one_cell_per_pattern_before_it():
    first = (np.eye(3), np.zeros(3))
    dead = (-np.ones((3, 4)), -np.ones(4))
    params = networks.layers(
        [first, dead, (np.ones((4, 2)), np.zeros(2)), (np.ones((2, 1)), [0.0])]
    )
    found = cells.enumerate(params, -1.0, 1.0)
    assert found.f_vector[-1] == 8
    assert not found.patterns[:, 3:].any()


@pytest.mark.parametrize("d", [1, 2, 3])
def test_no_hidden_layer_is_one_cell(d):
    found = cells.enumerate(networks.layers([(np.ones((d, 2)), np.zeros(2))]), -1.0, 1.0)
    assert (found.f_vector[-1], found.patterns.shape, found.values.shape) == (1, (1, 0), (2**d, 2))


@pytest.mark.parametrize("depth", [1, 5, 10])
def test_sawtooths_times_an_interval_are_slabs(depth):
    (weight, bias), *rest = networks.sawtooth(depth)
    params = networks.layers([(np.vstack([weight, np.zeros((1, 2))]), bias), *rest])
    assert cells.count(params, 0.0, 1.0).regions == 2**depth
