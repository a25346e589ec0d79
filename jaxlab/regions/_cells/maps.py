"""The affine maps of a network where it has given activation patterns."""

import numpy as np
from jaxtyping import Bool, Float64

from jaxlab.networks import mlp
from jaxlab.regions._line import ensembles as _count
from jaxlab.regions._line.host import HostParameters


def maps(
    params: mlp.Parameters, patterns: Bool[np.ndarray, "cells neurons"]
) -> Float64[np.ndarray, "cells affine outputs"]:
    """The affine map of the network where it has the given activation patterns.

    Parameters
    ----------
    params
        Layers of one network, any format; converted exactly.
    patterns
        ``(cells, neurons)``: activation of every hidden neuron, layer 0 first.

    Returns
    -------
    float64 ``(cells, inputs + 1, outputs)``: row 0 the constant, then the gradient. The network is
    ``[1, x] @ map`` on the cell.

    Raises
    ------
    ValueError
        If ``patterns`` does not fit the hidden neurons.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from jaxlab.networks.mlp import Layer
    >>> params = (Layer(jnp.eye(2), jnp.ones(2)), Layer(jnp.ones((2, 1)), jnp.zeros(1)))
    >>> maps(params, np.array([[True, False]]))[0, :, 0].tolist()
    [1.0, 1.0, 0.0]
    """
    net = one_network(params)
    found = hidden_maps(net, patterns) @ net[-1].weight
    found[:, 0] += net[-1].bias
    return found


def hidden_maps(net: HostParameters, patterns: np.ndarray) -> np.ndarray:
    """The affine maps up to the output layer, ``(cells, inputs + 1, width)``."""
    hidden = [bias.size for _, bias in net[:-1]]
    if patterns.shape[1] != sum(hidden):
        raise ValueError(f"patterns: got {patterns.shape[1]} neurons, expected {sum(hidden)}")
    inputs = net[0].weight.shape[0]
    found = np.broadcast_to(np.eye(inputs + 1)[:, 1:], (len(patterns), inputs + 1, inputs))
    masks = np.split(patterns, np.cumsum(hidden)[:-1], axis=1) if hidden else []
    for (weight, bias), mask in zip(net[:-1], masks, strict=True):
        found = found @ weight
        found[:, 0] += bias
        found *= mask[:, None]
    return found


def one_network(params: mlp.Parameters) -> HostParameters:
    """The network in float64; an ensemble is refused."""
    leaves, single = _count.to_host(params)
    if not single:
        raise ValueError("params: got an ensemble, expected one network")
    return _count.pick(leaves, 0)
