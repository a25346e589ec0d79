"""Apply one equation of a jaxpr to values in a carrier dtype instead of its own dtypes."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import JaxprEqn

from jaxlab.arithmetic.emulation import enter, leave

MOVES = frozenset(
    [
        "broadcast_in_dim",
        "concatenate",
        "copy",
        "device_put",
        "dynamic_slice",
        "dynamic_update_slice",
        "gather",
        "optimization_barrier",
        "pad",
        "reshape",
        "rev",
        "scatter",
        "select_n",
        "slice",
        "split",
        "squeeze",
        "stop_gradient",
        "tile",
        "transpose",
        "unstack",
    ]
)
"""Primitives that only move entries."""

STRUCTURAL = MOVES | frozenset(
    [
        "abs",
        "argmax",
        "argmin",
        "clamp",
        "cummax",
        "cummin",
        "max",
        "min",
        "neg",
        "reduce_max",
        "reduce_min",
        "reduce_window_max",
        "reduce_window_min",
        "select_and_gather_add",
        "sort",
        "top_k",
    ]
)
"""Primitives that only move, choose or negate values: they round nothing."""

TOTALS = frozenset(
    [
        "dot_general",
        "reduce_sum",
        "cumsum",
        "conv_general_dilated",
        "scatter-add",
        "reduce_window_sum",
        "select_and_scatter_add",
    ]
)
"""Primitives whose result is a sum of many terms."""

_GENERIC = (
    STRUCTURAL
    | TOTALS
    | frozenset(
        [
            "acos",
            "acosh",
            "add",
            "add_any",
            "and",
            "asin",
            "asinh",
            "atan",
            "atan2",
            "atanh",
            "bessel_i0e",
            "bessel_i1e",
            "cbrt",
            "ceil",
            "cholesky",
            "convert_element_type",
            "cos",
            "cosh",
            "cumlogsumexp",
            "cumprod",
            "digamma",
            "div",
            "eigh",
            "eq",
            "erf",
            "erf_inv",
            "erfc",
            "exp",
            "exp2",
            "expm1",
            "floor",
            "ge",
            "gt",
            "igamma",
            "igammac",
            "integer_pow",
            "iota",
            "is_finite",
            "le",
            "lgamma",
            "log",
            "log1p",
            "logistic",
            "lt",
            "lu",
            "mul",
            "ne",
            "pow",
            "psum",
            "qr",
            "reduce_precision",
            "reduce_prod",
            "rem",
            "round",
            "rsqrt",
            "sign",
            "sin",
            "sinh",
            "sqrt",
            "square",
            "sub",
            "svd",
            "tan",
            "tanh",
            "triangular_solve",
            "zeta",
        ]
    )
)
"""Primitives that compute in whatever floating dtype they are given."""

_DTYPE_PARAMETERS = ("dtype", "new_dtype", "preferred_element_type", "out_dtype")


def is_float(dtype: Any) -> bool:
    """Whether a dtype is real floating point."""
    return bool(jnp.issubdtype(dtype, jnp.floating))


def dtype_of(atom: Any) -> Any:
    """Dtype of a variable or literal of a program; bool for what has none (tokens)."""
    return getattr(atom.aval, "dtype", np.dtype(bool))


def bind(eqn: JaxprEqn, values: Sequence[Any], carrier: np.dtype | None) -> list[Any]:
    """Outputs of an equation, the floating ones in the carrier.

    Primitives that are not known to work in every dtype (custom kernels, bit casts) are computed
    in the program's own dtype and their results carried over.

    Parameters
    ----------
    eqn
        The equation.
    values
        Its inputs, the floating ones in the carrier.
    carrier
        float32, float64, or None: apply the equation as it is.
    """
    own = [dtype_of(atom) for atom in (*eqn.invars, *eqn.outvars)]
    floats = {dtype for dtype in own if is_float(dtype)}
    if carrier is None or not floats:
        return _apply(eqn, values, {})
    name = eqn.primitive.name
    if name == "div":  # a divisor that is a broadcast would be replaced by its reciprocal
        x, y = jnp.broadcast_arrays(*values)  # a literal may be a scalar
        values = [x, jax.lax.select(x == x, y, x)]
    if name == "scatter-add":
        return [_scatter_add(eqn.params, *values)]
    if name in _GENERIC:
        changes: dict[str, Any] = {
            parameter: carrier
            for parameter in _DTYPE_PARAMETERS
            if eqn.params.get(parameter) is not None and is_float(eqn.params[parameter])
        }
        if "precision" in eqn.params:  # a device's default may be coarser than the carrier
            changes["precision"] = (jax.lax.Precision.HIGHEST,) * 2
        return _apply(eqn, values, changes)
    inputs = [
        leave(value, dtype_of(atom)) if is_float(value.dtype) else value
        for value, atom in zip(values, eqn.invars, strict=True)
    ]
    return [enter(x, carrier) if is_float(x.dtype) else x for x in _apply(eqn, inputs, {})]


def _apply(eqn: JaxprEqn, values: Sequence[Any], changes: dict[str, Any]) -> list[Any]:
    params = eqn.primitive.get_bind_params(eqn.params | changes)
    outputs = eqn.primitive.bind(*values, **params)
    return list(outputs) if eqn.primitive.multiple_results else [outputs]


def _scatter_add(params, operand, indices, updates):
    return jax.lax.scatter_add(
        operand,
        indices,
        updates,
        params["dimension_numbers"],
        indices_are_sorted=params["indices_are_sorted"],
        unique_indices=params["unique_indices"],
        mode=params["mode"],
    )
