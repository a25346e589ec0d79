"""Risks whose gradient flows are followed: polynomial targets, integrated by Gauss's rule.

The law of ``x`` is uniform on [-1, 1] and the loss is the mean squared error. The integrals are
Gauss-Legendre sums: a deterministic risk, smooth in the parameters, without sampling noise. With
40 nodes they are exact to rounding for networks that vary over a length of about 0.1 or more; for
ReLU networks use :mod:`jaxlab.flows.relu_risk`.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxlab.flows.relu_risk import Shallow, network

Activation = Callable[[Array], Array]

NODES = 40
"""Of Gauss's rule; exact for polynomials of degree 79."""

SQUARE = (0.0, 0.0, 1.0)
"""The target ``x**2``: coefficients of ascending powers."""


def _gelu(x: Array) -> Array:
    return jax.nn.gelu(x, approximate=False)


ACTIVATIONS: Mapping[str, Activation] = {
    "softplus": jax.nn.softplus,
    "GELU": _gelu,
    "tanh": jnp.tanh,
    "swish": jax.nn.swish,
    "logistic": jax.nn.sigmoid,
    "ELU": jax.nn.elu,
}
"""All are definable, sublinear and C^1; all but ELU are analytic (SAD). GELU is the exact one."""


class Pair(NamedTuple):
    """The two-parameter softplus network ``a (softplus(b x) + softplus(-b x) - 2 log 2)``.

    Attributes
    ----------
    weight
        Scalar ``a``.
    slope
        Scalar ``b``.
    """

    weight: Float[Array, ""]
    slope: Float[Array, ""]


PairOutput = Callable[[Pair, Float[Array, " points"]], Float[Array, " points"]]


def uniform(dtype: jnp.dtype, nodes: int = NODES) -> tuple[Array, Array]:
    """Nodes and weights of Gauss's rule for the uniform probability on [-1, 1].

    Parameters
    ----------
    dtype
        To which the float64 numbers are rounded.
    nodes
        How many.

    Examples
    --------
    >>> x, mass = uniform(jnp.dtype("float32"), 3)
    >>> round(float((mass * x**2).sum()), 6)
    0.333333
    """
    x, mass = np.polynomial.legendre.leggauss(nodes)
    return jnp.asarray(x, dtype), jnp.asarray(mass / 2, dtype)


def pair_output(params: Pair, x: Float[Array, " points"]) -> Float[Array, " points"]:
    """Values of the two-parameter network, in the dtype of its parameters.

    Examples
    --------
    It is ``2 a log(cosh(b x / 2))``:

    >>> values = pair_output(Pair(jnp.array(1.0), jnp.array(2.0)), jnp.array([0.0, 1.0]))
    >>> [round(float(value), 4) for value in values]
    [0.0, 0.8676]
    """
    inside = params.slope * x
    both = jax.nn.softplus(inside) + jax.nn.softplus(-inside)
    return params.weight * (both - jnp.asarray(2 * np.log(2), x.dtype))


def pair_risk(
    params: Pair, nodes: int = NODES, output: PairOutput = pair_output
) -> Float[Array, ""]:
    """Risk ``E (N(x) - x**2)**2`` of the two-parameter network.

    It has no minimum: it falls to 0 along the valley ``a b**2 = 4``, as ``1/(3969 a**2)``.

    Parameters
    ----------
    params
        Any floating dtype; everything is computed in it, Gauss's rule included.
    nodes
        Of Gauss's rule, static.
    output
        The formula of the network, static: formats tell equal ones apart.

    Examples
    --------
    >>> round(float(pair_risk(Pair(jnp.array(1.0), jnp.array(1.0)))), 4)
    0.1146
    """
    x, mass = uniform(jnp.result_type(params.weight), nodes)
    residual = output(params, x) - x * x
    return jnp.sum(mass * residual * residual)


def shallow_risk(
    params: Shallow,
    activation: Activation,
    target: tuple[float, ...] = SQUARE,
    nodes: int = NODES,
) -> Float[Array, ""]:
    """Risk ``E (N(x) - f(x))**2`` of a shallow network.

    Parameters
    ----------
    params
        Of one floating dtype.
    activation
        Elementwise, differentiable.
    target
        Coefficients of ``f``, ascending powers.
    nodes
        Of Gauss's rule.

    Examples
    --------
    The best constant for ``x**2`` leaves its variance, 4/45:

    >>> flat = Shallow(jnp.zeros(1), jnp.zeros(1), jnp.zeros(1), jnp.array(1 / 3))
    >>> round(float(45 * shallow_risk(flat, jnp.tanh)), 5)
    4.0
    """
    dtype = jnp.result_type(params.weight)
    x, mass = uniform(dtype, nodes)
    wanted = jnp.polyval(jnp.asarray(target[::-1], dtype), x)
    residual = network(params, x, activation) - wanted
    return jnp.sum(mass * residual * residual)
