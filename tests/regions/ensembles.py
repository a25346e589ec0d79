"""Ensembles of random networks for the laws, and the stored networks' exact counts."""

import itertools
import json
import math
import re

from jaxlab.networks.mlp import Layer
from tests.regions import networks


def gaussian(rng, widths, nets, bias):
    """He's weights and ``N(0, bias**2)`` biases, every leaf with a leading network axis."""
    return tuple(
        Layer(
            rng.normal(size=(nets, a, b)) * math.sqrt(2 / a),
            rng.normal(size=(nets, b)) * bias,
        )
        for a, b in itertools.pairwise(widths)
    )


def five_sigma(samples):
    """Five standard errors of the mean."""
    return 5 * samples.std(ddof=1) / math.sqrt(samples.size)


def stored():
    """``name -> (inputs, hidden, exact count)`` of the stored benchmark networks."""
    file = json.loads((networks.DATA / "counts.json").read_text())
    counts = file["certified by rational arithmetic"] | file["agreed by independent tools"]
    shapes = {name: re.match(r"\w(\d)_[a-z]*(\d+)x(\d+)", name).groups() for name in counts}
    return {
        name: (int(inputs), [int(width)] * int(layers), counts[name])
        for name, (inputs, width, layers) in shapes.items()
    }
