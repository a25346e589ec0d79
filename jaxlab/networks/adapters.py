"""Take sequential ReLU networks from other libraries, without importing them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxlab.networks.mlp import Layer, Parameters, check_widths


def from_pytree(network: Any) -> Parameters:
    """Read the layers of a sequential fully connected network, dtypes kept.

    Only weights and biases are read: that the activation between them is the ReLU, and that the
    layers are applied in order, is the caller's claim.

    Parameters
    ----------
    network
        One of: a tuple of :class:`Layer` (returned unchanged); an Equinox module with ``layers``
        (``eqx.nn.MLP``, ``eqx.nn.Sequential``); Flax Linen variables or parameters (nested
        mappings with ``kernel``, optionally ``bias``; modules in natural order of their names,
        ``Dense_2`` before ``Dense_10``); a PyTorch ``state_dict`` of arrays or CPU tensors
        (``"0.weight"``, ``"0.bias"``, ... in its own order).

    Returns
    -------
    Tuple of layers, weights of shape ``(inputs, outputs)``; missing biases are zeros.

    Raises
    ------
    TypeError
        If the structure is none of the above.
    ValueError
        If a weight is not a matrix (convolutions, batch norm), or widths do not chain. For such
        networks take the function itself, or :func:`jaxlab.networks.onnx.from_onnx`.

    Examples
    --------
    >>> state = {"0.weight": np.ones((3, 1)), "0.bias": np.zeros(3), "2.weight": np.ones((1, 3))}
    >>> [layer.weight.shape for layer in from_pytree(state)]
    [(1, 3), (3, 1)]
    """
    if isinstance(network, tuple) and network and all(isinstance(n, Layer) for n in network):
        params = network
    elif isinstance(network, Mapping):
        found = list(_from_flax(network.get("params", network), ""))
        found = found or list(_from_state_dict(network))
        params = tuple(found)
    elif hasattr(network, "layers"):
        params = tuple(_from_equinox(network))
    else:
        params = ()
    if not params:
        raise TypeError(
            f"network: got {type(network).__name__}, expected a tuple of Layer, an Equinox module "
            "with .layers, Flax parameters with 'kernel', or a state_dict with '.weight' keys"
        )
    check_widths(params)
    return params


def _layer(name: str, weight: Any, bias: Any, *, transpose: bool) -> Layer:
    with jax.enable_x64(True):  # only so that float64 leaves keep their dtype
        weight = jnp.asarray(weight if isinstance(weight, jax.Array) else np.asarray(weight))
        if weight.ndim != 2:
            raise ValueError(
                f"{name}: got a weight of shape {weight.shape}, expected a matrix "
                "(only fully connected layers are taken)"
            )
        weight = weight.T if transpose else weight
        if bias is None:
            return Layer(weight, jnp.zeros(weight.shape[1], weight.dtype))
        bias = bias if isinstance(bias, jax.Array) else np.asarray(bias)
        return Layer(weight, jnp.asarray(bias))


def _from_equinox(module: Any) -> Iterator[Layer]:
    for index, layer in enumerate(module.layers):
        if getattr(layer, "weight", None) is not None:
            bias = getattr(layer, "bias", None)
            yield _layer(f"layers[{index}]", layer.weight, bias, transpose=True)
        elif hasattr(layer, "layers"):
            yield from _from_equinox(layer)


def _natural(name: str) -> list[tuple[bool, int, str]]:
    parts = re.split(r"(\d+)", name)
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]


def _from_flax(tree: Mapping[str, Any], path: str) -> Iterator[Layer]:
    if "kernel" in tree:
        yield _layer(path or "kernel", tree["kernel"], tree.get("bias"), transpose=False)
        return
    for name in sorted(tree, key=_natural):
        if isinstance(tree[name], Mapping):
            yield from _from_flax(tree[name], f"{path}/{name}" if path else name)


def _from_state_dict(state: Mapping[str, Any]) -> Iterator[Layer]:
    for name, weight in state.items():
        if name == "weight" or name.endswith(".weight"):
            bias = state.get(name.removesuffix("weight") + "bias")
            yield _layer(name, weight, bias, transpose=True)
