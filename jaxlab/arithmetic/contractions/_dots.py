"""Dots whose sums are accumulated as asked."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from jaxlab.arithmetic._dimensions import contracted_first
from jaxlab.arithmetic.contractions._linear import straight_through
from jaxlab.arithmetic.contractions._orders import fold
from jaxlab.arithmetic.contractions._summation import Summation, Terms, fold_in, resolve
from jaxlab.arithmetic.rounding import Rounding

_HIGHEST = jax.lax.Precision.HIGHEST


def dot_general(
    x: Float[Array, "..."],
    y: Float[Array, "..."],
    dimension_numbers: Any,
    accumulator: Any,
    fmt: Any,
    rounding: Rounding = "nearest_even",
    key: Key[Array, ""] | None = None,
) -> Float[Array, "..."]:
    """``jax.lax.dot_general`` with a chosen accumulator.

    The terms of a sum are the products in row-major order over the contracted dimensions as listed
    in ``dimension_numbers``.

    Parameters
    ----------
    x, y
        Carriers (float32 or float64, say) of one dtype whose entries are numbers of ``fmt``; the
        emulation is exact for entries of at most that precision.
    dimension_numbers
        ``((x_contracting, y_contracting), (x_batch, y_batch))``, as for ``jax.lax.dot_general``.
    accumulator
        An :class:`Accumulator` or its name.
    fmt
        Format of the result.
    rounding
        Mode of the result, and of the partial sums where the accumulator names none.
    key
        For stochastic modes, and for them only.

    Returns
    -------
    Array of the dtype of ``x``, every entry a number of ``fmt``: batch dimensions, then the free
    dimensions of ``x``, then those of ``y``. Its derivative is that of the native operation at
    highest precision. The sums are done in float32, or in float64 where the carrier or a format of
    more than 11 bits needs it. XLA:CPU flushes the subnormals of that dtype; bfloat16 has the
    exponents of float32, so with a float32 carrier its subnormals are flushed, and its products may
    underflow or overflow where the sum does not (a product of ``2**128`` is infinite, also when it
    is added to ``-2**127``). A float64 carrier has room for them.

    Raises
    ------
    TypeError
        If ``x`` and ``y`` are not of one floating-point dtype.
    ValueError
        If the dtype cannot hold ``fmt``, a format has more than 25 bits (unless ``exact``), the key
        is missing or superfluous.

    Examples
    --------
    >>> ones = jnp.ones(5000)
    >>> dims = (((0,), (0,)), ((), ()))
    >>> dot_general(ones, ones, dims, "sequential", "bfloat16")
    Array(256., dtype=float32)
    >>> dot_general(ones, ones, dims, "exact", "bfloat16")
    Array(4992., dtype=float32)
    """
    how = resolve(accumulator, fmt, rounding, key, x, y, products=True)
    (x_sum, y_sum), (x_batch, y_batch) = dimension_numbers
    dims = ((tuple(x_sum), tuple(y_sum)), (tuple(x_batch), tuple(y_batch)))
    with jax.enable_x64(True):
        return _dot_general(x, y, key, dims, how)


@functools.partial(jax.jit, static_argnums=(3, 4))
def _dot_general(x, y, key, dims, how: Summation):
    native = functools.partial(jax.lax.dot_general, dimension_numbers=dims, precision=_HIGHEST)

    def emulated(key, x, y):
        x, y = x.astype(how.working), y.astype(how.working)
        products, partial, result = how.keys(key)
        if how.accumulator.order == "exact":
            return how.finish(native(x, y), result)
        (x_sum, y_sum), (x_batch, y_batch) = dims
        x_free, batch, x = contracted_first(x, x_sum, x_batch)
        y_free, _, y = contracted_first(y, y_sum, y_batch)
        total = contract(x, y, how, products, partial)
        return how.finish(total.reshape(*batch, *x_free, *y_free), result)

    return straight_through(native, emulated, key, x, y)


def contract(
    x: Float[Array, "k b m"], y: Float[Array, "k b n"], how: Summation, products: Any, key: Any
) -> Float[Array, "b m n"]:
    """Sums over ``k`` of outer products, in the format of the partial sums."""
    count, batch, rows = x.shape
    if count == 0:
        return jnp.zeros((batch, rows, y.shape[2]), x.dtype)

    def term(k):
        left = jax.lax.dynamic_index_in_dim(x, k, keepdims=False)
        right = jax.lax.dynamic_index_in_dim(y, k, keepdims=False)
        return how.multiply(left[:, :, None], right[:, None, :], fold_in(products, k))

    def total(first, size):
        if how.product is not None:
            return jax.lax.fori_loop(
                np.int32(1), np.int32(size), lambda k, s: s + term(first + k), term(first)
            )
        left = jax.lax.dynamic_slice_in_dim(x, first, size)
        right = jax.lax.dynamic_slice_in_dim(y, first, size)
        return jax.lax.dot_general(left, right, (((0,), (0,)), ((1,), (1,))), precision=_HIGHEST)

    return fold(how, Terms(term, total), count, key)
