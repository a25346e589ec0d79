"""The square-root LASSO and the primal-dual iteration that a FIRENET unrolls."""

from typing import Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

from jaxlab.inverse.operators import Operator
from jaxlab.inverse.proximal import ball, norm, scaled, soft

Real = float | Float[Any, "..."]
"""A number, or a real array that broadcasts."""

Mean = Literal["sum", "deviations"]


def objective(
    operator: Operator, y: Inexact[Array, "..."], z: Inexact[Array, "..."], thresholds: Real
) -> Float[Array, ""]:
    """``F(z) = sum_i t_i |z_i| + ||A z - y||``; the norm is not squared.

    Parameters
    ----------
    operator, y
        ``A`` and the measurements.
    z
        Where.
    thresholds
        ``t = lam * w``, a scalar or of the shape of ``z``.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from jaxlab.inverse import operators
    >>> float(objective(operators.matrix(jnp.eye(2)), jnp.array([3.0, 4.0]), jnp.zeros(2), 1.0))
    5.0
    """
    size = jnp.abs(z)
    weighted = jnp.asarray(thresholds, size.dtype) * size
    return jnp.sum(weighted) + norm(operator.forward(z) - y)


def chambolle_pock(
    operator: Operator,
    y: Inexact[Array, "..."],
    start: Inexact[Array, "*shape"],
    *,
    thresholds: Real,
    iterations: int,
    tau: Real = 1.0,
    sigma: Real = 1.0,
    mean: Mean = "sum",
) -> Inexact[Array, "*shape"]:
    """Iterations of Chambolle and Pock for the square-root LASSO; the mean of their iterates.

    From ``x = start`` and the dual ``q = 0``: ``x' = soft(x - tau A^H q, tau t)``,
    ``q' = ball(q + sigma (A (2 x' - x) - y))``. For the mean of ``p`` iterates and any ``z``,
    ``F(mean) - F(z) <= (||start - z||**2 / tau + 1 / sigma) / p`` if ``tau sigma ||A||**2 <= 1``
    (Chambolle and Pock 2011, doi:10.1007/s10851-010-0251-1; Colbrook, Antun, Hansen 2022,
    doi:10.1073/pnas.2107151119).

    Parameters
    ----------
    operator, y
        ``A`` and the measurements.
    start
        The first ``x``, not part of the mean.
    thresholds
        ``t = lam * w``, a scalar or of the shape of ``start``.
    iterations
        ``p``, static, at least one.
    tau, sigma
        Primal and dual step.
    mean
        ``"sum"`` adds the iterates up, as published: ``p`` roundings of numbers that grow up to
        ``p`` times ``x``. ``"deviations"`` adds up ``x - start``, which is small near the solution,
        and adds the mean to the start: the same in exact arithmetic, and less than a unit roundoff.

    Returns
    -------
    The ergodic mean of the ``p`` primal iterates, of ``start``'s shape and dtype. Their sum is
    formed in that dtype too: with more iterations than ``1 / u`` it stagnates (256 in bfloat16).

    Raises
    ------
    ValueError
        If ``iterations`` is not positive.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from jaxlab.inverse import operators
    >>> y, identity = jnp.array([1.0, 0.0]), operators.matrix(jnp.eye(2))
    >>> mean = chambolle_pock(identity, y, jnp.zeros(2), thresholds=0.1, iterations=200)
    >>> bool(abs(mean - y).max() < 0.011)
    True
    """
    if iterations < 1:
        raise ValueError(f"iterations: got {iterations}, expected at least 1")
    real = jnp.zeros((), start.dtype).real.dtype
    t, primal, dual = (jnp.asarray(value, real) for value in (thresholds, tau, sigma))
    shrink = primal * t

    def step(_: Array, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        x, q, total = state
        moved = soft(x - scaled(primal, operator.adjoint(q)), shrink)
        residual = operator.forward(moved + (moved - x)) - y
        term = moved if mean == "sum" else moved - start
        return moved, ball(q + scaled(dual, residual)), total + term

    state = (start, jnp.zeros_like(y), jnp.zeros_like(start))
    _, _, total = jax.lax.fori_loop(0, iterations, step, state)
    average = scaled(1 / jnp.asarray(iterations, real), total)
    return average if mean == "sum" else start + average
