"""Sums and running sums accumulated as asked."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from jaxlab.arithmetic.contractions._linear import straight_through
from jaxlab.arithmetic.contractions._orders import fold, push, start, value
from jaxlab.arithmetic.contractions._summation import Summation, Terms, fold_in, resolve
from jaxlab.arithmetic.rounding import Rounding


def reduce_sum(
    x: Float[Array, "..."],
    axes: Sequence[int],
    accumulator: Any,
    fmt: Any,
    rounding: Rounding = "nearest_even",
    key: Key[Array, ""] | None = None,
) -> Float[Array, "..."]:
    """Sum over some axes with a chosen accumulator.

    The terms are the entries in row-major order over the summed axes, in increasing order of axis.

    Parameters
    ----------
    x
        Carrier (float32 or float64, say) whose entries are numbers of ``fmt``.
    axes
        The axes to sum over, nonnegative.
    accumulator, fmt, rounding, key
        As in :func:`dot_general`.

    Returns
    -------
    Array of the dtype of ``x``, every entry a number of ``fmt``; zero for a sum without terms.

    Raises
    ------
    TypeError, ValueError
        As in :func:`dot_general`.

    Examples
    --------
    >>> reduce_sum(jnp.ones(5000), (0,), "sequential", "float16")
    Array(2048., dtype=float32)
    """
    how = resolve(accumulator, fmt, rounding, key, x, products=False)
    with jax.enable_x64(True):
        return _reduce_sum(x, key, tuple(axes), how)


@functools.partial(jax.jit, static_argnums=(2, 3))
def _reduce_sum(x, key, axes, how: Summation):
    def native(x):
        return jnp.sum(x, axes)

    def emulated(key, x):
        _, partial, result = how.keys(key)
        x = x.astype(how.working)
        free = [d for d in range(x.ndim) if d not in axes]
        x = x.transpose(*sorted(axes), *free)
        x = x.reshape(-1 if x.size else math.prod(x.shape[: len(axes)]), *x.shape[len(axes) :])
        return how.finish(_sum_rows(x, how, partial), result)

    return straight_through(native, emulated, key, x)


def _sum_rows(x: Float[Array, "terms *rest"], how: Summation, key: Any) -> Float[Array, "*rest"]:
    def term(k):
        return jax.lax.dynamic_index_in_dim(x, k, keepdims=False)

    def total(first, size):
        return jnp.sum(jax.lax.dynamic_slice_in_dim(x, first, size), axis=0)

    if len(x) == 0:
        return jnp.zeros(x.shape[1:], x.dtype)
    return fold(how, Terms(term, total), len(x), key)


def cumsum(
    x: Float[Array, "*shape"],
    axis: int,
    reverse: bool,
    accumulator: Any,
    fmt: Any,
    rounding: Rounding = "nearest_even",
    key: Key[Array, ""] | None = None,
) -> Float[Array, "*shape"]:
    """Running sums with a chosen accumulator.

    Entry ``k`` is what :func:`reduce_sum` makes of the first ``k + 1`` entries (of the last ones,
    beginning with the last, if ``reverse``), for every order; with stochastic modes it is so in
    distribution.

    Parameters
    ----------
    x
        Carrier whose entries are numbers of ``fmt``.
    axis, reverse
        As for ``jax.lax.cumsum``.
    accumulator, fmt, rounding, key
        As in :func:`dot_general`.

    Returns
    -------
    Array of the shape and dtype of ``x``, every entry a number of ``fmt``.

    Raises
    ------
    TypeError, ValueError
        As in :func:`dot_general`.

    Examples
    --------
    >>> cumsum(jnp.ones(5000), 0, False, "sequential", "bfloat16")[-1]
    Array(256., dtype=float32)
    """
    how = resolve(accumulator, fmt, rounding, key, x, products=False)
    with jax.enable_x64(True):
        return _cumsum(x, key, axis, reverse, how)


@functools.partial(jax.jit, static_argnums=(2, 3, 4))
def _cumsum(x, key, axis, reverse, how: Summation):
    native = functools.partial(jax.lax.cumsum, axis=axis, reverse=reverse)

    def emulated(key, x):
        _, partial, result = how.keys(key)
        x = x.astype(how.working)
        if how.accumulator.order == "exact" or x.shape[axis] == 0:
            return how.finish(native(x), result)
        terms = jnp.moveaxis(jnp.flip(x, axis) if reverse else x, axis, 0)
        sums = jnp.moveaxis(_running_sums(terms, how, partial), 0, axis)
        return how.finish(jnp.flip(sums, axis) if reverse else sums, result)

    return straight_through(native, emulated, key, x)


def _running_sums(
    terms: Float[Array, "terms *rest"], how: Summation, key: Any
) -> Float[Array, "terms *rest"]:
    count = len(terms)
    state = start(how, terms[0], count, fold_in(key, 0))

    def read(state, k):
        return value(how, state, k + np.int32(1), fold_in(key, count + k))

    def body(state, k):
        term = jax.lax.dynamic_index_in_dim(terms, k, keepdims=False)
        state = push(how, state, k, term, fold_in(key, k))
        return state, read(state, k)

    rest = jax.lax.scan(body, state, jnp.arange(1, count, dtype=np.int32))[1]
    return jnp.concatenate([read(state, np.int32(0))[None], rest])
