"""ONNX operators of piecewise affine networks, in JAX; what is constant stays in NumPy.

Each takes its inputs (NumPy constants, JAX arrays, None where left out) and its attributes, as
specified at https://onnx.ai/onnx/operators (attributes that later became inputs are taken as both).
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Attributes = dict[str, Any]
_HIGHEST = jax.lax.Precision.HIGHEST


def _numpy(*inputs: Any) -> Any:
    """NumPy where all inputs are constants, else ``jax.numpy``."""
    return np if all(isinstance(x, np.ndarray | np.generic | None) for x in inputs) else jnp


def _option(inputs: Sequence[Any], index: int, attributes: Attributes, name: str) -> Any:
    """An input that may be left out, or an attribute in older versions of the operator."""
    found = inputs[index] if len(inputs) > index else None
    return attributes.get(name) if found is None else found


def _elementwise(name: str) -> Callable[..., Any]:
    """A function of two or more arrays of shapes that broadcast, folded from the left."""

    def apply(inputs: Sequence[Any], attributes: Attributes) -> Any:
        library = _numpy(*inputs)
        shape = np.broadcast_shapes(*(x.shape for x in inputs))
        result, *others = (library.broadcast_to(x, shape) for x in inputs)
        for other in others:
            result = getattr(library, name)(result, other)
        return result

    return apply


def _sub_axes(x: Any, per_channel: Any) -> Any:
    """Parameters per channel of ``(batch, channels, ...)``, ready to broadcast."""
    shape = (1, per_channel.size, *[1] * (x.ndim - 2))
    return jnp.broadcast_to(jnp.reshape(per_channel, shape), x.shape)


def _gemm(inputs, attributes):
    a, b, *rest = inputs
    a = a.T if attributes.get("transA", 0) else a
    b = b.T if attributes.get("transB", 0) else b
    out = jnp.matmul(a, b, precision=_HIGHEST)
    alpha, beta = attributes.get("alpha", 1.0), attributes.get("beta", 1.0)
    out = out if alpha == 1 else alpha * out
    if not rest or rest[0] is None:
        return out
    bias = jnp.broadcast_to(rest[0], out.shape)
    return out + (bias if beta == 1 else beta * bias)


def _matmul(inputs, attributes):
    if _numpy(*inputs) is np:
        return np.matmul(*inputs)
    return jnp.matmul(*inputs, precision=_HIGHEST)


def _leaky(inputs, attributes):
    (x,) = inputs
    return jnp.where(x < 0, attributes.get("alpha", 0.01) * x, x)


def _prelu(inputs, attributes):
    x, slope = inputs
    return jnp.where(x < 0, jnp.broadcast_to(slope, x.shape) * x, x)


def _clip(inputs, attributes):
    x = inputs[0]
    for index, name, function in ((1, "min", jnp.maximum), (2, "max", jnp.minimum)):
        bound = _option(inputs, index, attributes, name)
        if bound is not None:
            x = function(x, jnp.broadcast_to(jnp.asarray(bound, x.dtype), x.shape))
    return x


def _hard_sigmoid(inputs, attributes):
    inner = attributes.get("alpha", 0.2) * inputs[0] + attributes.get("beta", 0.5)
    return jnp.minimum(jnp.maximum(inner, 0), 1)


def _batch_norm(inputs, attributes):
    x, *statistics = inputs
    scale, bias, mean, variance = (_sub_axes(x, parameter) for parameter in statistics)
    centred = x - mean
    return centred / jnp.sqrt(variance + attributes.get("epsilon", 1e-5)) * scale + bias


def _padding(shape, kernel, strides, dilations, attributes) -> list[tuple[int, int]]:
    """Entries added before and after every axis; with ``ceil_mode`` a last window may reach out."""
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    auto = attributes.get("auto_pad", b"NOTSET").decode()
    pads = attributes.get("pads", [0] * 2 * len(kernel))
    found = list(zip(pads[: len(kernel)], pads[len(kernel) :], strict=True))
    if auto.startswith("SAME"):
        found = []
        for n, stride, k in zip(shape, strides, reach, strict=True):
            total = max((math.ceil(n / stride) - 1) * stride + k - n, 0)
            half = total // 2
            found.append((half, total - half) if auto == "SAME_UPPER" else (total - half, half))
    if attributes.get("ceil_mode", 0):
        for axis, (n, stride, k) in enumerate(zip(shape, strides, reach, strict=True)):
            low, high = found[axis]
            stops = math.ceil((n + low + high - k) / stride) + 1
            stops -= (stops - 1) * stride >= n + low
            found[axis] = low, max((stops - 1) * stride + k - n - low, 0)
    return found


def _conv(inputs, attributes):
    x, weight, *rest = inputs
    spatial = weight.ndim - 2
    strides = attributes.get("strides", [1] * spatial)
    dilations = attributes.get("dilations", [1] * spatial)
    out = jax.lax.conv_general_dilated(
        x,
        jnp.asarray(weight),
        strides,
        _padding(x.shape[2:], weight.shape[2:], strides, dilations, attributes),
        rhs_dilation=dilations,
        feature_group_count=attributes.get("group", 1),
        precision=_HIGHEST,
    )
    return out if not rest or rest[0] is None else out + _sub_axes(out, rest[0])


def _stops(attributes: Attributes) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
    """Kernel, strides and dilations of a pooling."""
    kernel = attributes["kernel_shape"]
    ones = [1] * len(kernel)
    return kernel, attributes.get("strides", ones), attributes.get("dilations", ones)


def _pool(x, attributes, start, function, padding):
    """A reduction over windows of the axes after the first two."""
    kernel, strides, dilations = ((1, 1, *sizes) for sizes in _stops(attributes))
    around = [(0, 0), (0, 0), *padding]
    return jax.lax.reduce_window(
        x, start, function, kernel, strides, around, window_dilation=dilations
    )


def _max_pool(inputs, attributes):
    (x,) = inputs
    padding = _padding(x.shape[2:], *_stops(attributes), attributes)
    return _pool(x, attributes, -np.inf, jax.lax.max, padding)


def _average_pool(inputs, attributes):
    (x,) = inputs
    padding = _padding(x.shape[2:], *_stops(attributes), attributes)
    own = _padding(x.shape[2:], *_stops(attributes), attributes | {"ceil_mode": 0})
    counted = np.ones(x.shape[2:], np.float32)
    counted = np.pad(counted, own, constant_values=attributes.get("count_include_pad", 0))
    counted = np.pad(counted, [(0, p[1] - o[1]) for p, o in zip(padding, own, strict=True)])
    counted = jnp.asarray(counted[None, None]).astype(x.dtype)
    number = _pool(counted, attributes, 0.0, jax.lax.add, [(0, 0)] * len(padding))
    total = _pool(x, attributes, 0.0, jax.lax.add, padding)
    return total / jnp.broadcast_to(number, total.shape)


def _global(name: str) -> Callable[..., Any]:
    def apply(inputs, attributes):
        (x,) = inputs
        return getattr(jnp, name)(x, axis=tuple(range(2, x.ndim)), keepdims=True)

    return apply


def _reduce(name: str) -> Callable[..., Any]:
    """A reduction over some axes, by default all."""

    def apply(inputs, attributes):
        x, axes = inputs[0], _option(inputs, 1, attributes, "axes")
        if axes is None and attributes.get("noop_with_empty_axes", 0):
            return x
        chosen = None if axes is None else tuple(int(a) for a in axes)
        kept = bool(attributes.get("keepdims", 1))
        return getattr(_numpy(x), name)(x, axis=chosen, keepdims=kept)

    return apply


def _flatten(inputs, attributes):
    (x,) = inputs
    axis = attributes.get("axis", 1) % (x.ndim + 1)
    return x.reshape(math.prod(x.shape[:axis]), -1)


def _reshape(inputs, attributes):
    x, shape = inputs[0], _option(inputs, 1, attributes, "shape")
    kept = not attributes.get("allowzero", 0)
    return x.reshape([x.shape[i] if n == 0 and kept else int(n) for i, n in enumerate(shape)])


def _squeeze(inputs, attributes):
    axes = _option(inputs, 1, attributes, "axes")
    chosen = None if axes is None else tuple(int(a) for a in axes)
    return _numpy(inputs[0]).squeeze(inputs[0], axis=chosen)


def _unsqueeze(inputs, attributes):
    axes = _option(inputs, 1, attributes, "axes")
    return _numpy(inputs[0]).expand_dims(inputs[0], tuple(int(a) for a in axes))


def _pad(inputs, attributes):
    x, pads = inputs[0], _option(inputs, 1, attributes, "pads")
    value = _option(inputs, 2, attributes, "value")
    axes = range(x.ndim) if len(inputs) < 4 or inputs[3] is None else inputs[3]
    around = [(0, 0)] * x.ndim
    for number, axis in enumerate(axes):
        around[int(axis)] = int(pads[number]), int(pads[number + len(pads) // 2])
    mode = attributes.get("mode", b"constant").decode()
    if mode != "constant":
        return jnp.pad(x, around, mode=mode)
    fill = jnp.zeros((), x.dtype) if value is None else jnp.asarray(value, x.dtype).reshape(())
    return jax.lax.pad(x, fill, [(low, high, 0) for low, high in around])


def _slice(inputs, attributes):
    x, starts, ends, *rest = inputs
    axes = rest[0] if rest and rest[0] is not None else range(len(starts))
    steps = rest[1] if len(rest) > 1 else [1] * len(starts)
    index = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        index[int(axis)] = slice(int(start), int(end), int(step))
    return x[tuple(index)]


def _gather(inputs, attributes):
    x, places = inputs
    return _numpy(x).take(x, np.asarray(places), axis=attributes.get("axis", 0))


def _concat(inputs, attributes):
    return _numpy(*inputs).concatenate(inputs, axis=attributes["axis"])


def _shape(inputs, attributes):
    chosen = slice(attributes.get("start", 0), attributes.get("end"))
    return np.array(np.shape(inputs[0])[chosen], np.int64)


def _constant(inputs, attributes):
    (value,) = attributes.values()
    return np.asarray(value)


def _transpose(inputs, attributes):
    return inputs[0].transpose(attributes.get("perm", range(inputs[0].ndim)[::-1]))


def _first(inputs, attributes):
    return inputs[0]


OPERATORS: dict[str, Callable[..., Any]] = {
    "Abs": lambda inputs, attributes: abs(inputs[0]),
    "Add": _elementwise("add"),
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Clip": _clip,
    "Concat": _concat,
    "Constant": _constant,
    "Conv": _conv,
    "Div": _elementwise("divide"),
    "Dropout": _first,
    "Flatten": _flatten,
    "Gather": _gather,
    "Gemm": _gemm,
    "GlobalAveragePool": _global("mean"),
    "GlobalMaxPool": _global("max"),
    "HardSigmoid": _hard_sigmoid,
    "Identity": _first,
    "LeakyRelu": _leaky,
    "MatMul": _matmul,
    "Max": _elementwise("maximum"),
    "MaxPool": _max_pool,
    "Min": _elementwise("minimum"),
    "Mul": _elementwise("multiply"),
    "Neg": lambda inputs, attributes: -inputs[0],
    "PRelu": _prelu,
    "Pad": _pad,
    "ReduceMax": _reduce("max"),
    "ReduceMean": _reduce("mean"),
    "ReduceMin": _reduce("min"),
    "ReduceSum": _reduce("sum"),
    "Relu": lambda inputs, attributes: jax.nn.relu(inputs[0]),
    "Reshape": _reshape,
    "Shape": _shape,
    "Slice": _slice,
    "Squeeze": _squeeze,
    "Sub": _elementwise("subtract"),
    "Sum": _elementwise("add"),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
"""The operators, by name."""
