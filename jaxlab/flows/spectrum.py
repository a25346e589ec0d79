"""Extreme eigenvalues of a Hessian from Hessian-vector products alone.

References
----------
Golub, Van Loan, Matrix Computations, 4th ed., ch. 10 (Lanczos). Parlett, The Symmetric Eigenvalue
Problem, doi 10.1137/1.9781611971163, ch. 13 (the residual bound).
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Key, PyTree


class Extremes(NamedTuple):
    """The ends of a spectrum.

    Attributes
    ----------
    least, largest
        Ritz values: not below the least eigenvalue and not above the largest.
    least_residual, largest_residual
        Some eigenvalue is at most this far from the Ritz value, up to rounding.
    """

    least: Float[Array, ""]
    largest: Float[Array, ""]
    least_residual: Float[Array, ""]
    largest_residual: Float[Array, ""]


def extremes(
    loss: Callable[[PyTree], Float[Array, ""]],
    params: PyTree,
    key: Key[Array, ""],
    iterations: int = 32,
) -> Extremes:
    """Least and largest eigenvalue of the Hessian of ``loss``, by Lanczos' method.

    Every new vector is orthogonalised twice against all before it, so no eigenvalue comes back as
    a ghost. With as many iterations as parameters the result is exact up to rounding.

    Parameters
    ----------
    loss
        ``params -> scalar``, twice differentiable.
    params
        Pytree of one floating dtype.
    key
        Typed key, for the first vector.
    iterations
        Hessian-vector products; at most the number of parameters are made.

    Raises
    ------
    ValueError
        If ``iterations`` is not positive.

    Examples
    --------
    >>> ends = extremes(lambda p: p[0] ** 2 - 2 * p[1] ** 2, jnp.ones(2), jax.random.key(0))
    >>> round(float(ends.least), 4), round(float(ends.largest), 4)
    (-4.0, 2.0)
    """
    if iterations < 1:
        raise ValueError(f"iterations: got {iterations}, expected at least 1")
    flat, unravel = ravel_pytree(params)
    steps = min(iterations, flat.size)

    def product(vector: Array) -> Array:
        gradient = jax.grad(lambda p: loss(unravel(p)))
        return jax.jvp(gradient, (flat,), (vector,))[1]

    def orthogonal(vector: Array, basis: Array) -> Array:
        for _ in range(2):
            vector = vector - _dot(_dot(basis, vector), basis)
        return vector

    def step(basis: Array, k: Array) -> tuple[Array, tuple[Array, Array]]:
        vector = product(basis[k])
        diagonal = _dot(basis[k], vector)
        rest = orthogonal(vector, basis)
        size = jnp.sqrt(_dot(rest, rest))
        # In an invariant subspace nothing is left but rounding: a zero ends the matrix there.
        exhausted = size <= jnp.finfo(flat.dtype).eps * jnp.sqrt(_dot(vector, vector))
        size = jnp.where(exhausted, jnp.zeros_like(size), size)
        unit = rest / jnp.where(exhausted, jnp.ones_like(size), size)
        unit = jnp.where(exhausted, jnp.zeros_like(unit), unit)
        return basis.at[k + 1].set(unit, mode="drop"), (diagonal, size)

    first = jax.random.normal(key, flat.shape, flat.dtype)
    basis = (
        jnp.zeros((steps, flat.size), flat.dtype).at[0].set(first / jnp.sqrt(_dot(first, first)))
    )
    _, (diagonal, sizes) = jax.lax.scan(step, basis, jnp.arange(steps))
    # Zero vectors after the end of an invariant subspace would add the eigenvalue 0: repeat the
    # first diagonal entry instead, which lies inside the spectrum.
    ended = jnp.cumsum(jnp.concatenate([jnp.zeros(1, bool), sizes[:-1] == 0]))
    diagonal = jnp.where(ended > 0, diagonal[0], diagonal)
    beside = sizes[:-1]
    matrix = jnp.diag(diagonal) + jnp.diag(beside, 1) + jnp.diag(beside, -1)
    values, vectors = jnp.linalg.eigh(matrix)
    residuals = jnp.abs(sizes[-1] * vectors[-1])
    return Extremes(values[0], values[-1], residuals[0], residuals[-1])


def _dot(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)
