"""Networks for the line tests: random, adversarial, and with closed-form counts."""

import itertools
from pathlib import Path

import numpy as np

DATA = Path(__file__).parents[1] / "data" / "regions"


def he(rng, widths, bias=0.1):
    """He-normal weights and N(0, bias^2) biases."""
    return [
        (rng.normal(size=(a, b)) * np.sqrt(2 / a), rng.normal(size=b) * bias)
        for a, b in itertools.pairwise(widths)
    ]


def degenerate(rng, widths):
    """Small dyadic weights; neurons repeated, negated, tripled, or constant; some zero biases."""
    scale = rng.choice([1.0, 0.25])
    params = []
    for inputs, outputs in itertools.pairwise(widths):
        weight = rng.integers(-3, 4, (inputs, outputs)) * scale
        bias = rng.integers(-2, 3, outputs) * float(rng.integers(0, 2))
        for column in range(1, outputs):
            factor = {0: 1.0, 1: -1.0, 2: 3.0, 3: -3.0, 4: 0.0}.get(int(rng.integers(0, 9)))
            if factor is not None:
                weight[:, column] = factor * weight[:, column - 1]
                bias[column] = factor * bias[column - 1]
        params.append((weight, bias))
    return params


def sawtooth(depth):
    """Width 2, slopes +-2**depth: 2**depth pieces on [0, 1], 2**depth + 2 on [-1, 2]."""
    first = (np.array([[2.0, 4.0]]), np.array([0.0, -2.0]))
    inner = (np.array([[2.0, 4.0], [-2.0, -4.0]]), np.array([0.0, -2.0]))
    return [first] + [inner] * (depth - 1) + [(np.array([[1.0], [-1.0]]), np.zeros(1))]


def unit_sawtooth(depth):
    """Slopes +-1 and amplitude 2**-depth: z -> relu(z) - 2 relu(z - 2**-(j+1))."""
    params = []
    for layer in range(depth):
        weight = np.ones((1, 2)) if layer == 0 else np.array([[1.0, 1.0], [-2.0, -2.0]])
        params.append((weight, np.array([0.0, -(2.0 ** -(layer + 1))])))
    return [*params, (np.array([[1.0], [-2.0]]), np.zeros(1))]


def stored(name):
    """A stored network and its box, ``(params, lo, hi)``; the file holds (outputs, inputs)."""
    with np.load(DATA / f"{name}.npz") as file:
        layers = sum(key.startswith("W") for key in file.files)
        params = [(file[f"W{i}"].T, file[f"b{i}"]) for i in range(layers)]
        return params, float(file["lo"]), float(file["hi"])


def layers(params):
    """As the float64 NumPy leaves that ``regions.line.count`` takes."""
    from jaxlab.networks.mlp import Layer

    return tuple(Layer(np.asarray(w, np.float64), np.asarray(b, np.float64)) for w, b in params)


def stack(nets):
    """Networks of one architecture as an ensemble."""
    from jaxlab.networks.mlp import Layer

    return tuple(
        Layer(np.stack([w for w, _ in pairs]), np.stack([b for _, b in pairs]))
        for pairs in zip(*nets, strict=True)
    )


def sawtooth_grid(depth):
    """The sawtooth on each of two inputs, added: on [0, 1]^2 a grid of 4**depth squares."""
    params = []
    for weight, bias in sawtooth(depth):
        zeros = np.zeros_like(weight)
        params.append((np.block([[weight, zeros], [zeros, weight]]), np.tile(bias, 2)))
    weight, bias = params[-1]
    return [*params[:-1], (weight.sum(axis=1, keepdims=True), bias[:1])]


def of_lines(lines):
    """One hidden layer of two inputs whose boundaries are the lines ``a x + b y + c = 0``."""
    forms = np.asarray(lines, float)
    return [(forms[:, :2].T, forms[:, 2]), (np.ones((len(forms), 1)), np.zeros(1))]
