"""Deep networks of one width as a loop over their layers: they compile in the time of one layer.

A :class:`Stacked` network holds the layers of :mod:`jaxlab.networks.mlp` in another shape, and
:func:`apply` makes the roundings of ``mlp.apply``: those of :func:`jaxlab.networks.mlp.affine`.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxlab.networks.mlp import Layer, Parameters, affine, check_widths


class Stacked(NamedTuple):
    """A network with at least one hidden layer, all of one width.

    Attributes
    ----------
    first
        The first hidden layer.
    hidden
        The other hidden layers: weight ``(*batch, layers, width, width)``, bias
        ``(*batch, layers, width)``; ``layers`` may be 0.
    last
        The output layer.
    """

    first: Layer
    hidden: Layer
    last: Layer


def stack(params: Parameters) -> Stacked:
    """Join the hidden layers after the first along a new axis, behind any batch axes.

    Raises
    ------
    ValueError
        If there is no hidden layer, or they differ in width.

    Examples
    --------
    >>> layers = [Layer(jnp.ones((n, m)), jnp.zeros(m)) for n, m in [(1, 2), (2, 2), (2, 1)]]
    >>> stack(tuple(layers)).hidden.weight.shape
    (1, 2, 2)
    """
    check_widths(params)
    widths = [layer.bias.shape[-1] for layer in params[:-1]]
    if len(set(widths)) != 1:
        raise ValueError(
            f"params: got hidden layers of widths {widths}, expected one or more of one width"
        )
    first, *hidden, last = params
    if hidden:
        weight = jnp.stack([layer.weight for layer in hidden], axis=-3)
        bias = jnp.stack([layer.bias for layer in hidden], axis=-2)
    else:
        shape = (*first.bias.shape[:-1], 0, widths[0])
        weight = jnp.zeros((*shape, widths[0]), first.weight.dtype)
        bias = jnp.zeros(shape, first.bias.dtype)
    return Stacked(first, Layer(weight, bias), last)


def unstack(stacked: Stacked) -> Parameters:
    """The layers one by one: the inverse of :func:`stack`.

    Examples
    --------
    >>> layers = (Layer(jnp.ones((1, 2)), jnp.zeros(2)), Layer(jnp.ones((2, 1)), jnp.zeros(1)))
    >>> len(unstack(stack(layers)))
    2
    """
    weight, bias = stacked.hidden
    hidden = [Layer(weight[..., i, :, :], bias[..., i, :]) for i in range(bias.shape[-2])]
    return (stacked.first, *hidden, stacked.last)


def apply(
    stacked: Stacked,
    x: Float[Array, "*batch inputs"],
    activation: Callable[[Array], Array] = jax.nn.relu,
    *,
    accumulate: jnp.dtype | type | None = None,
) -> Float[Array, "*batch outputs"]:
    """Evaluate the network: :func:`jaxlab.networks.mlp.apply` with a loop over hidden layers.

    Parameters
    ----------
    stacked
        A network without batch axes (``vmap`` over them).
    x
        Inputs ``(*batch, inputs)``, of the parameters' dtype.
    activation
        Elementwise function; the default is ReLU with ``relu'(0) = 0``.
    accumulate
        See :func:`jaxlab.networks.mlp.affine`.

    Returns
    -------
    Array ``(*batch, outputs)``.

    Examples
    --------
    >>> layers = [Layer(jnp.ones((n, m)), jnp.zeros(m)) for n, m in [(1, 2), (2, 2), (2, 1)]]
    >>> apply(stack(tuple(layers)), jnp.array([0.5]))
    Array([2.], dtype=float32)
    """

    def forward(x: Array, layer: Layer) -> Array:
        return activation(affine(layer, x, accumulate=accumulate))

    x = forward(x, stacked.first)
    x, _ = jax.lax.scan(lambda x, layer: (forward(x, layer), None), x, stacked.hidden)
    return affine(stacked.last, x, accumulate=accumulate)
