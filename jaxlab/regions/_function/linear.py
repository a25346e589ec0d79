"""Primitives that move, add and weigh the entries of an array, in NumPy.

Linear ones take the array with a leading axis of rows (knots, slopes, sizes), all treated alike.
Those that only move entries are applied once to the *labels* of the entries, whatever the rows.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.extend.core import JaxprEqn

from jaxlab.arithmetic._binding import is_float

# Numbers that the patches of a convolution may hold at once.
_PATCHES = 2**24

_DATA = {"gather": (0,), "dynamic_slice": (0,), "dynamic_update_slice": (0, 1), "scatter": (0, 2)}


def _broadcast(params: Any, x: np.ndarray) -> np.ndarray:
    shape = [1] * len(params["shape"])
    for axis, size in zip(params["broadcast_dimensions"], x.shape, strict=True):
        shape[axis] = size
    return np.broadcast_to(x.reshape(shape), params["shape"])


def _slice(params: Any, x: np.ndarray) -> np.ndarray:
    strides = params["strides"] or (1,) * x.ndim
    bounds = zip(params["start_indices"], params["limit_indices"], strides, strict=True)
    return x[tuple(slice(*bound) for bound in bounds)]


def _pad(params: Any, x: np.ndarray, fill: np.ndarray) -> np.ndarray:
    low, high, interior = zip(*params["padding_config"], strict=True)
    return _widened(x, [gap + 1 for gap in interior], list(zip(low, high, strict=True)), fill)


def _select(params: Any, which: np.ndarray, *cases: np.ndarray) -> np.ndarray:
    return np.choose(which.astype(int), np.broadcast_arrays(*cases))


MOVES: dict[str, Callable[..., np.ndarray]] = {
    "broadcast_in_dim": _broadcast,
    "concatenate": lambda params, *xs: np.concatenate(xs, axis=params["dimension"]),
    "copy": lambda params, x: x,
    "copy_p": lambda params, x: x,
    "pad": _pad,
    "reshape": lambda params, x: x.reshape(params["new_sizes"]),
    "rev": lambda params, x: np.flip(x, params["dimensions"]),
    "select_n": _select,
    "slice": _slice,
    "squeeze": lambda params, x: np.squeeze(x, params["dimensions"]),
    "stack": lambda params, *xs: np.stack(xs, axis=params["axis"]),
    "stop_gradient": lambda params, x: x,
    "tile": lambda params, x: np.tile(x, params["reps"]),
    "transpose": lambda params, x: x.transpose(params["permutation"]),
}
"""Primitives that only move entries."""

OTHER_MOVES = (*_DATA, "split", "unstack")
"""More of them, that JAX applies to the labels."""

ELEMENTWISE: dict[str, Callable[..., np.ndarray]] = {
    "abs": np.abs,
    "add": np.add,
    "add_any": np.add,
    "and": np.bitwise_and,
    "div": np.true_divide,
    "eq": np.equal,
    "ge": np.greater_equal,
    "gt": np.greater,
    "le": np.less_equal,
    "lt": np.less,
    "max": np.maximum,
    "min": np.minimum,
    "mul": np.multiply,
    "ne": np.not_equal,
    "neg": np.negative,
    "not": np.invert,
    "or": np.bitwise_or,
    "sign": np.sign,
    "sqrt": np.sqrt,
    "sub": np.subtract,
    "xor": np.bitwise_xor,
}
"""Primitives applied entry by entry to constants and to piecewise constants."""

REDUCTIONS: dict[str, Callable[..., Any]] = {
    "argmax": lambda x, axes: np.argmax(x, *axes),
    "argmin": lambda x, axes: np.argmin(x, *axes),
    "reduce_and": np.all,
    "reduce_max": np.max,
    "reduce_min": np.min,
    "reduce_or": np.any,
}
"""Reductions of piecewise constants, over axes."""


def data_operands(name: str, count: int) -> tuple[int, ...]:
    """Operands whose entries a primitive moves; the others say whereto."""
    return _DATA.get(name, tuple(range(name == "select_n", count)))


def moved(eqn: JaxprEqn, labels: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The labels at the outputs of a primitive that moves entries."""
    name = eqn.primitive.name
    if name in MOVES:
        return [MOVES[name](eqn.params, *labels)]
    params = eqn.primitive.get_bind_params(eqn.params)
    outputs = eqn.primitive.bind(*map(jnp.asarray, labels), **params)
    return list(map(np.asarray, outputs if eqn.primitive.multiple_results else [outputs]))


def between_constants(
    eqn: JaxprEqn, values: Sequence[np.ndarray]
) -> np.ndarray | np.generic | None:
    """The result of a common primitive applied to constants; None if it is not one of these."""
    name = eqn.primitive.name
    if name in MOVES:
        return MOVES[name](eqn.params, *values)
    if name == "convert_element_type":
        dtype = np.dtype(eqn.params["new_dtype"])
        return values[0].astype(np.float64 if is_float(dtype) else dtype)
    if name in ELEMENTWISE and (name != "div" or values[0].dtype == np.float64):
        return ELEMENTWISE[name](*values)
    if name in ("dot_general", "conv_general_dilated", "reduce_sum", "cumsum"):
        return LINEAR[name](eqn.params, 0, values[0][None], *values[1:])[0]
    return None


def _widened(x: np.ndarray, dilation, padding, fill: Any) -> np.ndarray:
    """The last axes with gaps between entries, and padded at the ends; negative padding cuts."""
    lead = x.ndim - len(dilation)
    shape = [
        max((size - 1) * gap + 1, 0) for size, gap in zip(x.shape[lead:], dilation, strict=True)
    ]
    low = [max(pair[0], 0) for pair in padding]
    high = [max(pair[1], 0) for pair in padding]
    total = [a + size + b for a, size, b in zip(low, shape, high, strict=True)]
    out = np.full((*x.shape[:lead], *total), fill, x.dtype)
    inner = [slice(a, a + size, g) for a, size, g in zip(low, shape, dilation, strict=True)]
    out[(..., *inner)] = x
    cut = [slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(padding, total, strict=True)]
    return out[(..., *cut)]


def _taps(x: np.ndarray, window: Sequence[int], settings: Any, fill: Any) -> Iterator[np.ndarray]:
    """For each place in the window, the entries there at every stop, over the last axes.

    ``settings``: strides, padding, and the dilations of the array and of the window.
    """
    strides, padding, base, dilation = settings
    x = _widened(x, base, padding, fill)
    sizes = x.shape[x.ndim - len(window) :]
    stops = [
        (size - (width - 1) * gap - 1) // stride + 1
        for size, width, gap, stride in zip(sizes, window, dilation, strides, strict=True)
    ]
    for place in np.ndindex(*window):
        starts = [number * gap for number, gap in zip(place, dilation, strict=True)]
        yield x[
            (
                ...,
                *(
                    slice(start, start + (count - 1) * stride + 1, stride)
                    for start, count, stride in zip(starts, stops, strides, strict=True)
                ),
            )
        ]


def windows(params: Any, x: np.ndarray, fill: Any) -> Iterator[np.ndarray]:
    """The taps of a ``reduce_window`` primitive, one for each place in the window."""
    names = ("window_strides", "padding", "base_dilation", "window_dilation")
    return _taps(x, params["window_dimensions"], [params[name] for name in names], fill)


def _dot(params: Any, side: int, x: np.ndarray, other: np.ndarray) -> np.ndarray:
    contracting, batch = params["dimension_numbers"]
    mine, theirs = (contracting[side], contracting[1 - side])
    shared, of_other = batch[side], batch[1 - side]
    free = [a for a in range(x.ndim - 1) if a not in (*mine, *shared)]
    rest = [a for a in range(other.ndim) if a not in (*theirs, *of_other)]
    lead = [other.shape[a] for a in of_other]
    inner = math.prod(other.shape[a] for a in theirs)
    left = x.transpose([a + 1 for a in shared] + [0] + [a + 1 for a in (*free, *mine)])
    left = left.reshape(math.prod(lead), -1, inner)
    right = other.transpose([*of_other, *theirs, *rest]).reshape(math.prod(lead), inner, -1)
    tails = [x.shape[a + 1] for a in free], [other.shape[a] for a in rest]
    out = (left @ right).reshape(*lead, len(x), *tails[0], *tails[1])
    out = np.moveaxis(out, len(lead), 0)
    if side == 0:
        return out
    first = 1 + len(lead)
    middle = first + len(free)
    return out.transpose([*range(first), *range(middle, out.ndim), *range(first, middle)])


def _convolve(params: Any, side: int, x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    numbers, groups = params["dimension_numbers"], params["feature_group_count"]
    if side != 0 or params["batch_group_count"] != 1:
        raise NotImplementedError
    x = x.transpose(0, *(a + 1 for a in numbers.lhs_spec))
    rows, batch = x.shape[:2]
    x = x.reshape(rows * batch, *x.shape[2:])
    kernel = kernel.transpose(numbers.rhs_spec)
    outputs, inner, *window = kernel.shape
    places = math.prod(window)
    weights = kernel.reshape(groups, outputs // groups, inner * places)
    names = ("window_strides", "padding", "lhs_dilation", "rhs_dilation")
    settings = [params[name] for name in names]

    def part(x: np.ndarray) -> np.ndarray:
        taps = list(_taps(x, window, settings, 0.0))
        patches = np.stack(taps, axis=2).reshape(len(x), groups, inner * places, -1)
        return (weights @ patches).reshape(len(x), outputs, *taps[0].shape[2:])

    chunk = max(_PATCHES // max(places * math.prod(x.shape[1:]), 1), 1)
    out = np.concatenate([part(x[first : first + chunk]) for first in range(0, len(x), chunk)])
    out = out.reshape(rows, batch, *out.shape[1:])
    return out.transpose(0, *(int(a) + 1 for a in np.argsort(numbers.out_spec)))


def _divide(params: Any, side: int, x: np.ndarray, divisor: np.ndarray) -> np.ndarray:
    if side != 0:
        raise NotImplementedError
    return x / divisor


def _cumsum(params: Any, side: int, x: np.ndarray) -> np.ndarray:
    axis = params["axis"] + 1
    if not params["reverse"]:
        return np.cumsum(x, axis)
    return np.flip(np.cumsum(np.flip(x, axis), axis), axis)


def _sum_windows(params: Any, side: int, x: np.ndarray) -> np.ndarray:
    first, *taps = windows(params, x, 0.0)
    out = first.copy()
    for tap in taps:
        out += tap
    return out


LINEAR: dict[str, Callable[..., np.ndarray]] = {
    "conv_general_dilated": _convolve,
    "cumsum": _cumsum,
    "div": _divide,
    "dot_general": _dot,
    "mul": lambda params, side, x, factor: x * factor,
    "neg": lambda params, side, x: -x,
    "reduce_sum": lambda params, side, x: x.sum(axis=tuple(a + 1 for a in params["axes"])),
    "reduce_window_sum": _sum_windows,
}
"""Primitives linear in one operand: of the parameters, its number, the rows, and the other."""
