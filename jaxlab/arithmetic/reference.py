"""The lower steps of the reference ladder: whole functions in float64, dots summed in float64.

float64 is a few ulps of float64 away from the exact result; the steps above it are
:func:`jaxlab.arithmetic.double_double.in_double_double` (about 30 digits) and
:func:`jaxlab.arithmetic.balls.enclose` (a rigorous enclosure).
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from jaxlab.arithmetic.rounding import round_to
from jaxlab.arithmetic.ulps import widen


def in_float64(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A function that runs ``fn`` with every floating argument in float64, x64 on or off.

    The arguments are widened exactly. Arrays that ``fn`` closes over and conversions inside it
    (``astype``, ``preferred_element_type``) stay what they are: hand the former in as arguments,
    and see that the latter follow their inputs' dtype. Transformations go inside,
    ``in_float64(jax.jit(jax.grad(loss)))``: JAX narrows 64-bit draws and indices of a ``jit``
    outside while it lowers, with x64 off. The results are float64 arrays; while x64 is off, do
    further arithmetic on them in NumPy or inside ``jax.enable_x64(True)``.

    Examples
    --------
    >>> x = jnp.float32(0.1)
    >>> in_float64(lambda x: x * x)(x)
    Array(0.01..., dtype=float64)
    """

    @functools.wraps(fn)
    def run(*args, **kwargs):
        with jax.enable_x64(True):
            args, kwargs = widen_tree((args, kwargs))
            return fn(*args, **kwargs)

    return run


def widen_tree(tree: PyTree) -> PyTree:
    """:func:`widen` the floating arrays of a pytree; everything else passes through.

    Examples
    --------
    >>> widen_tree({"w": jnp.ones(1), "n": 3, "k": jnp.arange(1)})
    {'k': Array([0], dtype=int32), 'n': 3, 'w': Array([1.], dtype=float64)}
    """

    def leaf(x):
        floating = hasattr(x, "dtype") and jnp.issubdtype(x.dtype, jnp.floating)
        return widen(x) if floating else x

    return jax.tree.map(leaf, tree)


def dot_general_in_float64(
    x: Float[Array, "..."], y: Float[Array, "..."], dimension_numbers: Any
) -> Float[Array, "..."]:
    """``lax.dot_general`` with the products summed in float64 and rounded once to ``x.dtype``.

    Products of float32 numbers, and of narrower ones, are exact in float64, so that the sum of
    ``n`` of them is within ``n 2**-53 |x|^T |y|`` before it is rounded. On CPU this gives the bits
    of ``DotAlgorithmPreset.F64_F64_F64``, but it does not depend on a backend that honours that.

    Parameters
    ----------
    x, y
        Floating arrays of one dtype.
    dimension_numbers
        As for ``jax.lax.dot_general``.

    Raises
    ------
    ValueError
        If the dtypes differ.

    Examples
    --------
    >>> x = jnp.array([1e8, 1.0, -1e8])
    >>> dot_general_in_float64(x, jnp.ones(3), (((0,), (0,)), ((), ())))
    Array(1., dtype=float32)
    """
    if x.dtype != y.dtype:
        raise ValueError(f"y: got dtype {y.dtype}, expected {x.dtype} as for x")
    with jax.enable_x64(True):
        wide = jax.lax.dot_general(
            widen(x), widen(y), dimension_numbers, precision=jax.lax.Precision.HIGHEST
        )
        return round_to(wide, x.dtype).astype(x.dtype)
