"""Degenerate networks of any widths, for lines, planes and cells: where floats count wrongly.

Every maker takes ``(rng, widths)`` and returns ``[(weight (inputs, outputs), bias), ...]``.
"""

import itertools

import numpy as np

from jaxlab.regions import _running_error
from tests.regions import networks


def integer(rng, widths):
    """Small integers: concurrent and overlapping boundaries, touching, zeros on whole regions."""
    return [
        (rng.integers(-3, 4, (a, b)).astype(float), rng.integers(-3, 4, b).astype(float))
        for a, b in itertools.pairwise(widths)
    ]


def zero_biases(rng, widths):
    """Real weights, no biases: every boundary of every layer goes through the origin."""
    return networks.he(rng, widths, 0.0)


def _with_copies(rng, widths, factor):
    """He's network in which half of the neurons of each hidden layer are multiples of others."""
    params = networks.he(rng, widths)
    for weight, bias in params[:-1]:
        half = bias.size // 2
        weight[:, half : 2 * half] = factor * weight[:, :half]
        bias[half : 2 * half] = factor * bias[:half]
    return params


def duplicated(rng, widths):
    """Half of the neurons twice."""
    return _with_copies(rng, widths, 1.0)


def opposite(rng, widths):
    """Half of the neurons with their negatives."""
    return _with_copies(rng, widths, -1.0)


def tripled(rng, widths):
    """Half of the neurons tripled in floating point: boundaries that differ by roundings only."""
    return _with_copies(rng, widths, 3.0)


def tripled_dyadic(rng, widths):
    """Half of the neurons tripled exactly."""
    params = [(np.round(w * 64) / 64, np.round(b * 64) / 64) for w, b in networks.he(rng, widths)]
    for weight, bias in params[:-1]:
        half = bias.size // 2
        weight[:, half : 2 * half] = -3 * weight[:, :half]
        bias[half : 2 * half] = -3 * bias[:half]
    return params


def dead_layer(rng, widths):
    """The second hidden layer, or the first if there is one only, is off everywhere."""
    params = networks.he(rng, widths)
    index = min(1, len(params) - 2)
    weight, bias = params[index]
    weight = -np.abs(weight) if index else np.zeros_like(weight)
    params[index] = weight, -np.abs(bias)
    return params


def concurrent(rng, widths):
    """Dyadic weights; all boundaries of the first layer go through the point (1/4, ..., 1/4)."""
    params = [(np.round(w * 64) / 64, np.round(b * 64) / 64) for w, b in networks.he(rng, widths)]
    params[0] = params[0][0], -params[0][0].sum(axis=0) / 4
    return params


def nearly_concurrent(rng, widths):
    """Real weights; the first layer's boundaries meet in (0.3, ..., 0.3) but for roundings."""
    params = networks.he(rng, widths)
    params[0] = params[0][0], -(params[0][0] * 0.3).sum(axis=0)
    return params


def cancelling(rng, widths):
    """Layers after the first see a neuron and its negative: zero or constant on whole regions."""
    params = opposite(rng, widths)
    for index in range(1, len(params)):
        weight, bias = params[index]
        half = params[index - 1][1].size // 2
        weight[half : 2 * half] = -weight[:half]
        bias[::2] = 0
    return params


def mixed(rng, widths):
    """Dyadic weights with copies, multiples, constants and zero biases at random."""
    return networks.degenerate(rng, widths)


NETWORKS = {
    make.__name__: make
    for make in (
        integer,
        zero_biases,
        duplicated,
        opposite,
        tripled,
        tripled_dyadic,
        dead_layer,
        concurrent,
        nearly_concurrent,
        cancelling,
        mixed,
    )
}


def coarse(factor):
    """``_running_error.affine`` with bounds that are larger than they need be."""
    affine = _running_error.affine

    def looser(*arguments):
        values, bounds = affine(*arguments)
        return values, np.where(bounds > 0, bounds * factor, 0)

    return looser
