"""Multilayer perceptrons as pure functions over a tuple of layers."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


class Layer(NamedTuple):
    """One affine map ``x -> x @ weight + bias``.

    Attributes
    ----------
    weight
        Shape ``(inputs, outputs)``.
    bias
        Shape ``(outputs,)``, same dtype as ``weight``.
    """

    weight: Float[Array, "inputs outputs"]
    bias: Float[Array, " outputs"]


Parameters = tuple[Layer, ...]


def affine(
    layer: Layer,
    x: Float[Array, "*batch inputs"],
    *,
    accumulate: jnp.dtype | type | None = None,
) -> Float[Array, "*batch outputs"]:
    """Apply one affine map, with the dot's precision stated.

    The dot runs at ``Precision.HIGHEST`` (no TF32, no bfloat16 passes). Its products are summed in
    ``accumulate`` (on CPU the backend sums bfloat16 and float16 in float32 whatever is asked),
    rounded once to the dtype of ``x``, and the bias is added with a second rounding.

    Parameters
    ----------
    layer
        Weight ``(inputs, outputs)`` and bias ``(outputs,)``.
    x
        Inputs ``(*batch, inputs)``, of the layer's dtype.
    accumulate
        Dtype of the dot's result before it is rounded to ``x.dtype``; None means ``x.dtype``.

    Returns
    -------
    Array ``(*batch, outputs)`` of the dtype of ``x``.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> affine(Layer(jnp.ones((2, 1)), jnp.zeros(1)), jnp.array([3.0, 4.0]))
    Array([7.], dtype=float32)
    """
    product = jnp.matmul(
        x, layer.weight, precision=jax.lax.Precision.HIGHEST, preferred_element_type=accumulate
    )
    product = product.astype(x.dtype)
    return product + jnp.broadcast_to(layer.bias, product.shape)


def apply(
    params: Parameters,
    x: Float[Array, "*batch inputs"],
    activation: Callable[[Array], Array] = jax.nn.relu,
    *,
    accumulate: jnp.dtype | type | None = None,
) -> Float[Array, "*batch outputs"]:
    """Evaluate a multilayer perceptron: ``activation`` after every layer but the last.

    Parameters
    ----------
    params
        Tuple of :class:`Layer`; consecutive widths must agree.
    x
        Inputs ``(*batch, inputs)``, of the parameters' dtype.
    activation
        Elementwise function; the default is ReLU with ``relu'(0) = 0``.
    accumulate
        See :func:`affine`.

    Returns
    -------
    Array ``(*batch, outputs)``.

    Raises
    ------
    ValueError
        If the widths of consecutive layers, or of ``x`` and the first layer, disagree.

    Examples
    --------
    The hat function on [0, 1] at its peak:

    >>> import jax.numpy as jnp
    >>> hidden = Layer(jnp.array([[2.0, 4.0]]), jnp.array([0.0, -2.0]))
    >>> apply((hidden, Layer(jnp.array([[1.0], [-1.0]]), jnp.zeros(1))), jnp.array([0.5]))
    Array([1.], dtype=float32)
    """
    check_widths(params)
    if x.shape[-1] != params[0].weight.shape[0]:
        raise ValueError(
            f"x: got {x.shape[-1]} features, expected {params[0].weight.shape[0]} "
            "(the inputs of params[0])"
        )
    for layer in params[:-1]:
        x = activation(affine(layer, x, accumulate=accumulate))
    return affine(params[-1], x, accumulate=accumulate)


def widths(params: Parameters) -> tuple[int, ...]:
    """Layer widths ``(inputs, hidden..., outputs)``; leading batch axes are ignored.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> widths((Layer(jnp.ones((1, 8)), jnp.ones(8)), Layer(jnp.ones((8, 1)), jnp.ones(1))))
    (1, 8, 1)
    """
    check_widths(params)
    return (params[0].weight.shape[-2], *(layer.weight.shape[-1] for layer in params))


def check_widths(params: Parameters) -> None:
    """Raise unless ``params`` is a non-empty chain of layers whose widths agree.

    Raises
    ------
    ValueError
        Naming the first layer whose weight or bias does not fit, with both shapes.
    """
    if not params:
        raise ValueError("params: got an empty tuple, expected at least one Layer")
    previous = params[0].weight.shape[-2]
    for index, (weight, bias) in enumerate(params):
        if weight.shape[-2] != previous:
            raise ValueError(
                f"params[{index}].weight: got {weight.shape[-2]} inputs, expected {previous} "
                "(the outputs of the layer before)"
            )
        if bias.shape[-1] != weight.shape[-1]:
            raise ValueError(
                f"params[{index}].bias: got {bias.shape[-1]} entries, expected {weight.shape[-1]}"
            )
        previous = weight.shape[-1]


def cast(params: Parameters, dtype: jnp.dtype | type) -> Parameters:
    """Convert every leaf to ``dtype`` (one rounding where ``dtype`` is narrower).

    Converting float64 to bfloat16 this way rounds twice in JAX; round with
    :func:`jaxlab.arithmetic.round_to` first where that matters.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> cast((Layer(jnp.ones((1, 1)), jnp.ones(1)),), jnp.bfloat16)[0].bias.dtype
    dtype(bfloat16)
    """
    return jax.tree.map(lambda leaf: leaf.astype(dtype), params)
