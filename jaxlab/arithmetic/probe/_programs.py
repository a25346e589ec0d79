"""Programs that several parts of the probe run: products, sums and casts."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxlab.arithmetic.probe._experiments import DTYPES


@functools.cache
def product(precision: Any) -> Callable[[Any, Any], jax.Array]:
    """A compiled matrix product at a precision or algorithm, in the dtype of its inputs."""

    @jax.jit
    def product(x: jax.Array, y: jax.Array) -> jax.Array:
        return jnp.dot(x, y, precision=precision, preferred_element_type=x.dtype)

    return product


full_product = product(jax.lax.Precision.HIGHEST)
"""The matrix product at the highest precision."""

total = jax.jit(jnp.sum)
"""The sum of all entries."""


@functools.cache
def cast(dtype: str) -> Callable[[Any], Any]:
    """A conversion to the dtype."""
    return lambda x: x.astype(DTYPES[dtype])


@functools.cache
def cast_and_back(dtype: str) -> Callable[[Any], Any]:
    """A conversion to the dtype and back to that of the input."""
    return lambda x: x.astype(DTYPES[dtype]).astype(x.dtype)
