"""Many networks evaluated in one number format: which layer stops the data, and why.

Everything that comes in is float64 and holds numbers of the format. Native formats are evaluated in
their own dtype, the others in float64 with two roundings per layer.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int32

from jaxlab.arithmetic import Format, as_format, round_to
from jaxlab.networks import mlp
from jaxlab.networks.mlp import Layer
from jaxlab.training import Policy, mean_squared_error
from jaxlab.training.precision import NATIVE

ALIVE, NOT_FINITE, UNDERFLOW, CANCELLATION, INHERITED = range(5)
"""What the layer is that stops the data, see :func:`cause`."""

Networks = Float[Array, "networks layers rows width"]
"""Every layer, first and last included, as a square weight above its bias: the neurons that pad a
layer to the common width have zeros only, are never active, and add zeros to sums."""


class Passed(NamedTuple):
    """How far the data come.

    Attributes
    ----------
    layers
        How many hidden layers there are before the first one that is dead or not finite: a network
        of ``d`` of these layers is alive if ``d <= layers``.
    inputs
        Of that layer, in the format's own numbers; the features, if there is no such layer.
    """

    layers: Int32[Array, " networks"]
    inputs: Float[Array, "networks points width"]


def any_exponent(fmt: Format) -> Format:
    """The format's significand with the exponents of float64.

    Examples
    --------
    >>> from jaxlab.arithmetic import float16
    >>> any_exponent(float16).precision, any_exponent(float16).emin
    (11, -1022)
    """
    return Format.ieee(exponent_bits=11, precision=fmt.precision)


def affine(
    layer: Layer, x: Float[Array, "points inputs"], fmt: Format
) -> Float[Array, "points outputs"]:
    """One layer as computed in a format: the dot rounds once, the addition of the bias again.

    Arrays come and go in the dtype of :func:`_dtype`. (:func:`jaxlab.arithmetic.rounded` has no
    carrier for the exponents of :func:`any_exponent`; these networks stay far inside float64's.)
    """
    if fmt.name in NATIVE:
        return mlp.affine(layer, x)
    product = round_to(jnp.matmul(x, layer.weight, precision=jax.lax.Precision.HIGHEST), fmt)
    return round_to(product + jnp.broadcast_to(layer.bias, product.shape), fmt)


def _dtype(fmt: Format) -> np.dtype:
    return np.dtype(fmt.name if fmt.name in NATIVE else "float64")


def _layers(blocks: Float[Array, "*batch rows width"], fmt: Format) -> Layer:
    stored = blocks.astype(_dtype(fmt))
    return Layer(stored[..., :-1, :], stored[..., -1, :])


@functools.partial(jax.jit, static_argnames="fmt")
def passed(networks: Networks, x: Float[Array, "points width"], fmt: Format) -> Passed:
    """Find the first hidden layer that is dead or not finite, as computed in a format.

    Parameters
    ----------
    networks
        The last layer is not used.
    x
        Inputs.
    fmt
        The format; static, one program each.
    """

    def step(carry: tuple, layer: Layer) -> tuple:
        x, running = carry
        values = affine(layer, x, fmt)
        running &= jnp.isfinite(values).all() & (values > 0).any()
        return (jnp.where(running, jax.nn.relu(values), x), running), running

    def one(network: Float[Array, "layers rows width"]) -> Passed:
        start = (x.astype(_dtype(fmt)), jnp.bool_(True))
        (inputs, _), running = jax.lax.scan(step, start, _layers(network[:-1], fmt))
        return Passed(running.sum(dtype=jnp.int32), inputs)

    return jax.vmap(one)(networks)


@functools.partial(jax.jit, static_argnames="fmt")
def cause(networks: Networks, found: Passed, fmt: Format) -> Int32[Array, " networks"]:
    """What the layer is that stopped the data of :func:`passed`.

    A dead layer is asked for its exact pre-activations, given the inputs that the format handed to
    it. If none of them is positive, the death is *inherited* from earlier roundings. Else it is an
    *underflow*, if with any exponent the layer were alive, or a *cancellation*.
    """
    exact, unbounded = as_format("float64"), any_exponent(fmt)

    def one(network: Float[Array, "layers rows width"], found: Passed) -> Int32[Array, ""]:
        block, inputs = network[found.layers], found.inputs.astype(jnp.float64)
        finite = jnp.isfinite(affine(_layers(block, fmt), found.inputs, fmt)).all()
        is_exactly, would_be = (
            (affine(_layers(block, ideal), inputs, ideal) > 0).any() for ideal in (exact, unbounded)
        )
        own = jnp.where(would_be, UNDERFLOW, CANCELLATION)
        why = jnp.where(finite, jnp.where(is_exactly, own, INHERITED), NOT_FINITE)
        alive = found.layers == len(network) - 1
        return jnp.where(alive, ALIVE, why).astype(jnp.int32)

    return jax.vmap(one)(networks, found)


@functools.partial(jax.jit, static_argnames="fmt")
def zero_gradient(
    networks: Networks,
    depth: Int32[Array, ""],
    x: Float[Array, "points width"],
    fmt: Format,
) -> Bool[Array, " networks"]:
    """Whether the first layer's gradient of the mean squared error to ``|x_1|`` is all zeros.

    Parameters
    ----------
    networks
        At least two hidden layers.
    depth
        How many of them are used, one at least; an array, so that one program serves all.
    x
        Inputs.
    fmt
        A native format; static.
    """
    loss = mean_squared_error(Policy.native(fmt.name), evaluate=_leading_layers)
    x = x.astype(_dtype(fmt))
    y = jnp.abs(x[:, :1])

    def one(network: Float[Array, "layers rows width"]) -> Bool[Array, ""]:
        first, rest = _layers(network[0], fmt), _layers(network[1:], fmt)
        gradient = jax.grad(lambda first: loss((first, rest, depth), (x, y)))(first)
        return (gradient.weight == 0).all() & (gradient.bias == 0).all()

    return jax.vmap(one)(networks)


def _leading_layers(params: tuple, x: Array, activation: Any, *, accumulate: Any) -> Array:
    """The network of the first ``depth`` hidden layers and the last layer."""
    first, rest, depth = params
    hidden = Layer(rest.weight[:-1], rest.bias[:-1])
    last = Layer(rest.weight[-1], rest.bias[-1])

    def forward(x: Array, layer: Layer) -> Array:
        return activation(mlp.affine(layer, x, accumulate=accumulate))

    def step(x: Array, at: tuple) -> tuple[Array, None]:
        number, layer = at
        return jnp.where(number < depth, forward(x, layer), x), None

    numbers = jnp.arange(1, len(rest.bias), dtype=jnp.int32)
    x, _ = jax.lax.scan(step, forward(x, first), (numbers, hidden))
    return mlp.affine(last, x, accumulate=accumulate)[:, :1]
