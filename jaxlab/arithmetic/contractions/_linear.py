"""Emulated values with the derivatives of the native operation."""

from collections.abc import Callable
from typing import Any

import jax
from jaxtyping import Array


def straight_through(native: Callable, emulated: Callable, key: Any, *operands: Array) -> Array:
    """``emulated(key, *operands)``, differentiated as ``native(*operands)``.

    Roundings are differentiated straight through, so the derivative of a sum in any order is that
    of the sum; this way no loop is differentiated, and the derivative is one native operation.
    """

    @jax.custom_jvp
    def call(key, *operands):
        return emulated(key, *operands)

    @call.defjvp
    def _(primals, tangents):
        with jax.enable_x64(True):
            return call(*primals), jax.jvp(native, primals[1:], tangents[1:])[1]

    return call(key, *operands)
