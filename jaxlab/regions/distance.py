"""Distance from an input to the boundary of its activation region."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int32

from jaxlab.networks import mlp

# The tolerances of jaxlab.regions.line.
_TOLERANCE = {"float32": 2.0**-22, "float64": 2.0**-42}


class Distance(NamedTuple):
    """What :func:`boundary_distance` returns.

    Attributes
    ----------
    distance
        Euclidean distance; infinity if no boundary is met in any direction.
    layer, neuron
        The hidden neuron whose boundary is nearest, the first one among equals; -1, -1 if none.
    """

    distance: Float[Array, ""]
    layer: Int32[Array, ""]
    neuron: Int32[Array, ""]


@jax.jit
def boundary_distance(params: mlp.Parameters, x: Float[Array, " inputs"]) -> Distance:
    """Exact Euclidean distance from ``x`` to the boundary of its activation region.

    Inside a region every pre-activation ``z_j`` is affine, and the region is the intersection of
    the half-spaces on which the ``z_j`` keep their signs. So the distance is ``min_j |z_j(x)| /
    |grad z_j|`` over all hidden neurons, the gradients taken in the region of ``x``: half-spaces
    that do not touch the region are never the nearest.

    Signs and zero gradients are decided as in :mod:`jaxlab.regions.line`: a pre-activation ``h w +
    b`` counts as zero within ``2**-42`` (float64; ``2**-22`` in float32) of ``|h| |w| + |b|``, a
    gradient within as much of ``sum_k |grad h_k| |w_k|``. A neuron with zero gradient bounds
    nothing; if ``x`` lies on a boundary of another, within that tolerance, the distance is 0.

    Pure: use under ``jit`` and ``vmap``. The Jacobian of each layer is carried forwards: about
    ``min(inputs, n_1)`` times the work of one evaluation, and ``min(inputs, n_1) * width`` numbers
    of memory per point. Inputs of more dimensions than the first layer has neurons are replaced by
    coordinates of the space its weights span (a QR factorisation), which keeps all lengths.

    Parameters
    ----------
    params
        Layers of one network, float32 or float64; ReLU after all but the last.
    x
        Input ``(inputs,)``, of the parameters' dtype.

    Returns
    -------
    Distance

    Raises
    ------
    ValueError
        If widths or dtypes disagree, or the dtype is neither float32 nor float64.

    References
    ----------
    Hanin, Rolnick, ICML 2019, arXiv 1901.09021. Its law is
    :func:`jaxlab.regions.laws.boundary_distance`.

    Examples
    --------
    Two neurons, ``3 x + 4 y - 5`` and ``y - 4``, seen from the origin:

    >>> import jax.numpy as jnp
    >>> from jaxlab.networks.mlp import Layer
    >>> hidden = Layer(jnp.array([[3.0, 0.0], [4.0, 1.0]]), jnp.array([-5.0, -4.0]))
    >>> boundary_distance((hidden, Layer(jnp.ones((2, 1)), jnp.zeros(1))), jnp.zeros(2))
    Distance(distance=Array(1., dtype=float32), layer=Array(0, dtype=int32),
             neuron=Array(0, dtype=int32))
    """
    tolerance = _check(params, x)
    best = Distance(jnp.asarray(jnp.inf, x.dtype), jnp.int32(-1), jnp.int32(-1))
    gradients = None
    lengths = jnp.zeros_like(x)  # of the gradients; those of the inputs themselves are exact
    for index, layer in enumerate(params[:-1]):
        weight, size = layer.weight, jnp.abs(layer.weight)
        gradients = _span(weight) if gradients is None else _dot(gradients, weight)
        vanishing = tolerance * _dot(lengths, size)
        values = mlp.affine(layer, x)
        zero = tolerance * (_dot(jnp.abs(x), size) + jnp.abs(layer.bias))
        lengths = _lengths(gradients)
        best = _nearer(best, index, values, zero, lengths, vanishing)
        active = values > zero
        x, lengths = jnp.where(active, values, 0), jnp.where(active, lengths, 0)
        gradients = jnp.where(jnp.broadcast_to(active, gradients.shape), gradients, 0)
    return best


def _check(params: mlp.Parameters, x: Array) -> float:
    """The tolerance for signs."""
    inputs, dtype = mlp.widths(params)[0], params[0].weight.dtype
    if dtype.name not in _TOLERANCE:
        raise ValueError(f"params: got dtype {dtype}, expected float32 or float64")
    if x.shape != (inputs,) or x.dtype != dtype:
        raise ValueError(f"x: got {x.dtype}{list(x.shape)}, expected {dtype}[{inputs}]")
    return _TOLERANCE[dtype.name]


def _nearer(best: Distance, layer: int, values, zero, lengths, vanishing) -> Distance:
    """The nearest boundary so far and of this layer."""
    if not values.size:
        return best
    bounding = lengths > vanishing
    heights = jnp.where(jnp.abs(values) > zero, jnp.abs(values), 0)
    away = jnp.where(bounding, heights / jnp.where(bounding, lengths, 1), jnp.inf)
    neuron = jnp.argmin(away).astype(jnp.int32)
    here = Distance(away[neuron], jnp.int32(layer), neuron)
    return jax.tree.map(partial(jnp.where, here.distance < best.distance), here, best)


def _span(weight: Float[Array, "inputs outputs"]) -> Float[Array, "rows outputs"]:
    """The columns in coordinates of the space they span, if that is smaller."""
    return jnp.linalg.qr(weight, mode="r") if weight.shape[0] > weight.shape[1] else weight


def _dot(x: Array, weight: Array) -> Array:
    return jnp.matmul(x, weight, precision=jax.lax.Precision.HIGHEST)


def _lengths(columns: Float[Array, "rows outputs"]) -> Float[Array, " outputs"]:
    """Norms of the columns, without overflow or underflow of the squares."""
    largest = jnp.abs(columns).max(axis=0, initial=0)
    unit = jnp.where(largest > 0, largest, 1)
    scaled = columns / jnp.broadcast_to(unit, columns.shape)
    return unit * jnp.sqrt((scaled * scaled).sum(axis=0))
