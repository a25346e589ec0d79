"""Counting in study `pieces`: what cannot be counted exactly is marked, not guessed."""

from typing import Any

import numpy as np

from jaxlab import regions
from jaxlab.networks import Parameters

NO_COUNT = -2
"""Stands for a count that is not there (-1: not computed): of a network whose values overflow or
whose regions pass the counter's limit, or of a run that was frozen before the count was due."""


def count(networks: Parameters, start: Any, stop: Any) -> regions.line.LineCount:
    """:func:`jaxlab.regions.line.count` with :data:`NO_COUNT` wherever it is not exact.

    Examples
    --------
    >>> from jaxlab.networks.mlp import Layer
    >>> hidden = Layer(np.array([[[2.0, 4.0]], [[2.0, np.inf]]]), np.array([[0.0, -2.0]] * 2))
    >>> out = Layer(np.array([[[1.0], [-1.0]]] * 2), np.zeros((2, 1)))
    >>> count((hidden, out), 0.0, 1.0).pieces
    array([ 2, -2])
    """
    found = regions.line.count(networks, start, stop)
    pieces, areas = (np.where(found.exact, n, NO_COUNT) for n in (found.pieces, found.regions))
    return found._replace(pieces=pieces, regions=areas)
