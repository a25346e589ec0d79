"""Piecewise affine networks from ONNX files, as JAX functions."""

import importlib
import os
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxlab.networks._onnx_operators import OPERATORS


def from_onnx(model: Any) -> Callable[[jax.Array], jax.Array]:
    """Read a network as a function of its one input, for :func:`jaxlab.regions.function.line`.

    PyTorch writes such files with ``torch.onnx.export``. The batch axis is part of the input.

    Parameters
    ----------
    model
        Path of a file, or an ``onnx.ModelProto``. Needs the package ``onnx`` (the extra ``onnx``).

    Returns
    -------
    A pure function of one floating array, which JAX can transform. Weights are constants in it;
    they take the dtype of the input.

    Raises
    ------
    ImportError
        If ``onnx`` is not installed.
    ValueError
        If the graph has more than one input or output, or an operator that is not known here: names
        the operator and the node.

    Examples
    --------
    >>> import onnx
    >>> network = onnx.parser.parse_model('''
    ...     <ir_version: 8, opset_import: ["" : 17]>
    ...     agraph (float[1, 2] x) => (float[1, 2] y) {y = LeakyRelu<alpha = 0.5>(x)}''')
    >>> from_onnx(network)(jnp.array([[-2.0, 3.0]])).tolist()
    [[-1.0, 3.0]]
    """
    onnx = _library()
    proto = onnx.load(model) if isinstance(model, str | os.PathLike) else model
    graph, array = proto.graph, onnx.numpy_helper.to_array
    stored = {tensor.name: array(tensor) for tensor in graph.initializer}
    inputs = [entry.name for entry in graph.input if entry.name not in stored]
    for kind, found in (("input", inputs), ("output", graph.output)):
        if len(found) != 1:
            raise ValueError(f"model: got {len(found)} {kind}s, expected one {kind}")
    for node in graph.node:
        if node.op_type not in OPERATORS or node.domain not in ("", "ai.onnx"):
            raise ValueError(
                f"model: got operator {node.op_type} at node {node.name or node.output[0]!r}, "
                f"expected one of {', '.join(OPERATORS)}"
            )
    steps = [
        (node, {entry.name: _attribute(onnx, entry) for entry in node.attribute})
        for node in graph.node
    ]

    def network(x: jax.Array) -> jax.Array:
        def own(value: Any) -> Any:
            is_float = isinstance(value, np.ndarray) and jnp.issubdtype(value.dtype, jnp.floating)
            return value.astype(x.dtype) if is_float else value

        values: dict[str, Any] = {name: own(value) for name, value in stored.items()}
        values |= {"": None, inputs[0]: x}
        for node, attributes in steps:
            result = OPERATORS[node.op_type]([values[name] for name in node.input], attributes)
            values[node.output[0]] = own(result)
        return values[graph.output[0].name]

    return network


def _library() -> Any:
    try:
        for part in ("numpy_helper", "helper"):
            importlib.import_module(f"onnx.{part}")
        return importlib.import_module("onnx")
    except ImportError as error:
        raise ImportError("onnx: not installed, expected pip install jaxlab[onnx]") from error


def _attribute(onnx: Any, entry: Any) -> Any:
    """An attribute's value; tensors as NumPy arrays."""
    value = onnx.helper.get_attribute_value(entry)
    return onnx.numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value
