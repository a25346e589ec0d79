"""Shallow ReLU networks inside deeper ones, so that one program trains networks of all depths.

Behind a network's own hidden layers come layers whose weight is the identity and whose bias is
zero. Hidden features are not negative, so ReLU leaves them as they are: an added layer makes no
rounding error on finite features, and takes no gradient. The network's own layers round as they do
without it, up to how a compiler fuses the operations of two different programs.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxlab.networks import stacked
from jaxlab.networks.mlp import Layer
from jaxlab.networks.stacked import Stacked


class Padded(NamedTuple):
    """A stacked ReLU network, some of whose last hidden layers are identities.

    Attributes
    ----------
    network
        All layers.
    own
        ``(*batch, layers)``: of the hidden layers after the first, 1 for those of the network
        itself and 0 for the others, in the dtype of the parameters. It has no gradient.
    """

    network: Stacked
    own: Float[Array, "*batch layers"]


def pad(network: Stacked, hidden: int) -> Padded:
    """Add identity layers up to a number of hidden layers.

    Raises
    ------
    ValueError
        If the network has more hidden layers than that.

    Examples
    --------
    >>> layers = (Layer(jnp.ones((1, 2)), jnp.zeros(2)), Layer(jnp.ones((2, 1)), jnp.zeros(1)))
    >>> padded = pad(stacked.stack(layers), 3)
    >>> padded.own, apply(padded, jnp.array([0.5]))
    (Array([0., 0.], dtype=float32), Array([1.], dtype=float32))
    """
    weight, bias = network.hidden
    *batch, layers, width = bias.shape
    if hidden <= layers:
        raise ValueError(
            f"hidden: got {hidden}, expected at least the {layers + 1} hidden layers there are"
        )
    added = (*batch, hidden - 1 - layers, width)
    identity = jnp.broadcast_to(jnp.eye(width, dtype=weight.dtype), (*added, width))
    weight = jnp.concatenate([weight, identity], axis=-3)
    bias = jnp.concatenate([bias, jnp.zeros(added, bias.dtype)], axis=-2)
    own = jnp.zeros(bias.shape[:-1], bias.dtype).at[..., :layers].set(1)
    return Padded(network._replace(hidden=Layer(weight, bias)), own)


def apply(
    padded: Padded,
    x: Float[Array, "*batch inputs"],
    activation: Callable[[Array], Array] = jax.nn.relu,
    *,
    accumulate: jnp.dtype | type | None = None,
) -> Float[Array, "*batch outputs"]:
    """Evaluate the network: :func:`jaxlab.networks.stacked.apply` without the padding's gradients.

    Parameters
    ----------
    padded
        A network without batch axes (``vmap`` over them).
    x, activation, accumulate
        As there. The activation must leave its own values as they are, as ReLU does.

    Examples
    --------
    >>> layers = (Layer(jnp.ones((1, 2)), jnp.zeros(2)), Layer(jnp.ones((2, 1)), jnp.zeros(1)))
    >>> gradient = jax.grad(lambda p: apply(p, jnp.array([0.5]))[0])(pad(stacked.stack(layers), 2))
    >>> bool(gradient.network.hidden.weight.any()), bool(gradient.own.any())
    (False, False)
    """

    def trained(leaf: Array) -> Array:
        own = padded.own.reshape(-1, *[1] * (leaf.ndim - 1))
        return jnp.where(jnp.broadcast_to(own > 0, leaf.shape), leaf, jax.lax.stop_gradient(leaf))

    hidden = jax.tree.map(trained, padded.network.hidden)
    return stacked.apply(
        padded.network._replace(hidden=hidden), x, activation, accumulate=accumulate
    )
