"""Which number format each part of a training step uses, and where it is rounded."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from jaxlab.arithmetic import as_format, bfloat16, round_to

NATIVE = ("bfloat16", "float16", "float32", "float64")
"""The dtypes that training runs in."""


@dataclasses.dataclass(frozen=True)
class Policy:
    """The four dtypes of a training step, in *native* mode.

    Native mode is what this device does in these dtypes, not an emulation of a format. One step of
    :func:`jaxlab.training.train` rounds at these places and at no other:

    1. The weights, stored in ``parameters``, are rounded once to ``compute``; so are the data,
       before the first step.
    2. Every forward and backward operation rounds to ``compute``. Dots and the mean of the loss
       leave in ``accumulate`` and are then rounded to ``compute``; that is the loss function's
       part, see :func:`jaxlab.training.mean_squared_error`. XLA:CPU evaluates every bfloat16
       operation in float32 and rounds after it, and **sums the products of bfloat16 and float16
       dots in float32 whatever is asked**: ``accumulate`` decides the roundings of the result,
       not of the partial sums. float16, float32 and float64 multiply-adds may be fused.
    3. The gradient is converted to ``update`` and there divided by the loss scale.
    4. The optimiser works in ``update``; so does the sum ``p + u``, rounded once in ``update`` and
       once more to ``parameters`` where that is narrower. ``u`` is rounded before it is added: the
       two are never fused into one multiply-add.

    Attributes
    ----------
    parameters
        Storage of the weights.
    compute
        Forward and backward pass.
    accumulate
        Result of dots and of the loss mean before it is rounded to ``compute``; at least as wide
        as ``compute``.
    update
        Optimiser state and the sum ``p + u``; at least as wide as ``parameters``.

    Raises
    ------
    ValueError
        If a dtype is not bfloat16, float16, float32 or float64 (long, short or as a dtype), or one
        is too narrow for the field that it has to hold.

    Examples
    --------
    >>> Policy.mixed("bf16").compute
    dtype(bfloat16)
    >>> Policy("float16", "float16", "float32", "float16").update
    dtype('float16')
    """

    parameters: Any
    compute: Any
    accumulate: Any
    update: Any

    def __post_init__(self):
        for field in dataclasses.fields(self):
            dtype = as_dtype(getattr(self, field.name), f"policy.{field.name}")
            object.__setattr__(self, field.name, dtype)
        _check_holds(self, "accumulate", "compute")
        _check_holds(self, "update", "parameters")

    @classmethod
    def native(cls, dtype: Any) -> "Policy":
        """Everything in one dtype.

        Examples
        --------
        >>> Policy.native("bf16").parameters
        dtype(bfloat16)
        """
        return cls(dtype, dtype, dtype, dtype)

    @classmethod
    def gradient(cls, dtype: Any, parameters: Any = "float64") -> "Policy":
        """Only the gradient is computed in ``dtype``; weights and update are ``parameters``.

        The setting of Karner, Kazeev and Petersen (2024, doi:10.1007/s10444-024-10106-x).

        Examples
        --------
        >>> Policy.gradient("float16", parameters="float32").update
        dtype('float32')
        """
        return cls(parameters, dtype, dtype, parameters)

    @classmethod
    def mixed(cls, dtype: Any, master: Any = "float32") -> "Policy":
        """Mixed precision: compute in ``dtype``, master weights, dots and update in ``master``.

        Micikevicius et al. (2018, arXiv:1710.03740).

        Examples
        --------
        >>> Policy.mixed("float16").accumulate
        dtype('float32')
        """
        return cls(master, dtype, master, master)


def as_dtype(dtype: Any, name: str = "dtype") -> np.dtype:
    """The native dtype named by a long or short name, a scalar type or a dtype.

    Raises
    ------
    ValueError
        Unless it is bfloat16, float16, float32 or float64.

    Examples
    --------
    >>> as_dtype("bf16"), as_dtype("float64")
    (dtype(bfloat16), dtype('float64'))
    """
    try:
        found = as_format(dtype).dtype
    except ValueError:
        found = None
    if found is None or found.name not in NATIVE:
        raise ValueError(f"{name}: got {dtype!r}, expected one of {', '.join(NATIVE)}")
    return found


def require_available(dtypes: Mapping[str, np.dtype]) -> None:
    """Raise unless JAX can hold every dtype (float64 needs x64).

    Parameters
    ----------
    dtypes
        By the name of the argument.

    Raises
    ------
    ValueError
        Naming the first one that is float64 while x64 is off.

    Examples
    --------
    >>> require_available({"arithmetic": np.dtype("float64")})
    Traceback (most recent call last):
    ...
    ValueError: arithmetic: got float64 while x64 is off, expected a narrower dtype or ...
    """
    for name, dtype in dtypes.items():
        if jax.dtypes.canonicalize_dtype(dtype) != dtype:
            raise ValueError(
                f"{name}: got {dtype.name} while x64 is off, expected a narrower dtype or "
                "jax.config.update('jax_enable_x64', True)"
            )


def convert(x: Float[Array, "*shape"], dtype: Any) -> Float[Array, "*shape"]:
    """Convert with exactly one rounding to nearest even (none where ``dtype`` is wider).

    JAX takes float64 to bfloat16 through float32 and so rounds twice; here the value is rounded
    before it is converted.

    Parameters
    ----------
    x
        Any shape, floating.
    dtype
        The dtype of the result.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> convert(jnp.float32(1.01), jnp.bfloat16)
    Array(1.00781, dtype=bfloat16)
    """
    if x.dtype == jnp.float64 and dtype == jnp.bfloat16:
        x = round_to(x, bfloat16)
    return x.astype(dtype)


def convert_tree(tree: PyTree, dtype: Any) -> PyTree:
    """:func:`convert` the floating leaves of a pytree; integers, booleans and keys pass through.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> convert_tree((jnp.ones(1), jnp.arange(1)), jnp.bfloat16)
    (Array([1], dtype=bfloat16), Array([0], dtype=int32))
    """

    def leaf(x):
        return convert(x, dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x

    return jax.tree.map(leaf, tree)


def add_update(
    parameter: Float[Array, "*shape"], update: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """``p + u`` in the dtype of ``u``, converted once to the dtype of ``p``.

    The comparison of ``u`` with itself is the one barrier that keeps XLA:CPU from fusing the
    product inside ``u`` with the sum (reduce_precision and optimization_barrier do not), so ``u``
    is a number of its format.

    Examples
    --------
    An update below half an ulp is lost:

    >>> import jax.numpy as jnp
    >>> add_update(jnp.bfloat16(1), jnp.bfloat16(1e-3))
    Array(1, dtype=bfloat16)
    """
    rounded = jnp.where(update == update, update, jnp.array(jnp.nan, update.dtype))
    return convert(convert(parameter, update.dtype) + rounded, parameter.dtype)


def _check_holds(policy, wide, narrow):
    """Raise unless field ``wide`` represents every number of field ``narrow``."""
    large, small = (jnp.finfo(getattr(policy, name)) for name in (wide, narrow))
    if large.nmant < small.nmant or large.maxexp < small.maxexp:
        raise ValueError(
            f"policy.{wide}: got {large.dtype}, expected a dtype that holds "
            f"policy.{narrow} ({small.dtype})"
        )
