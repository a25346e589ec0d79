"""FIRENET: a stable unrolled network whose error falls exponentially with its layers."""

import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

from jaxlab.inverse.operators import Operator
from jaxlab.inverse.primal_dual import Mean, Real, chambolle_pock
from jaxlab.inverse.proximal import norm as euclidean
from jaxlab.inverse.proximal import scaled

Form = Literal["step", "data"]


class Reconstruction(NamedTuple):
    """What a FIRENET gives.

    Attributes
    ----------
    solution
        Coefficients, of the shape of ``operator.adjoint``'s results. Not finite where a format
        overflowed: check it.
    epsilons
        ``(restarts,)``, the bound on the gap of the objective that every restart aims at.
    recorded
        What ``record`` gave after every restart, stacked; None without it.
    """

    solution: Inexact[Array, "..."]
    epsilons: Float[Array, " restarts"]
    recorded: Any


def firenet(
    operator: Operator,
    y: Inexact[Array, "..."],
    *,
    lam: Real,
    weights: Real = 1.0,
    restarts: int,
    iterations: int,
    nu: float = math.exp(-1),
    delta: Real | None = None,
    tau: Real = 1.0,
    sigma: Real = 1.0,
    norm: Real = 1.0,
    start: Inexact[Array, "..."] | None = None,
    form: Form = "step",
    mean: Mean = "sum",
    record: Callable[[Array], Any] | None = None,
) -> Reconstruction:
    """Reconstruct coefficients from measurements: restarted, averaged primal-dual iterations.

    Restart ``k`` runs :func:`chambolle_pock` from the last mean, scaled so that the gap of the
    objective falls from ``eps_(k-1)`` to ``eps_k = nu (delta + eps_(k-1))``, ``eps_0 = ||y||``. If
    ``A`` has the robust null space property in levels, and ``iterations`` is large enough for its
    constants, the error falls like ``nu**k`` down to a multiple of ``delta``, of the noise, and of
    the distance to sparse vectors (Colbrook, Antun, Hansen 2022, theorem 3,
    doi:10.1073/pnas.2107151119). Unrolled, it is a network of ``3 restarts * iterations + 1``
    affine layers: :func:`~jaxlab.inverse.sizes.network_size`.

    Parameters
    ----------
    operator
        ``A``, from coefficients to measurements. It must satisfy ``tau sigma ||A||**2 <= 1``.
    y
        Measurements of one image; ``vmap`` for more.
    lam, weights
        Of the l1 norm: ``lam * sum_i w_i |z_i|``; weights are a scalar or of the shape of ``z``.
    restarts, iterations
        ``n`` and ``p``, static.
    nu
        Factor of a restart, between 0 and 1; ``1 / e`` costs the least.
    delta
        Level at which to stop shrinking: the noise and misfit if they are known. None for
        ``u * ||y||`` with the unit roundoff of ``y``'s dtype: with less, rounding makes the error
        grow again after it has reached its floor.
    tau, sigma, norm
        Steps before scaling, and ``||A||``.
    start
        First coefficients; zero if None.
    form
        ``"data"`` multiplies data and start by ``1 / beta``, as published; ``"step"`` scales the
        steps instead: the same numbers in exact arithmetic, and no overflow of scaled data.
    mean
        How iterates are averaged, see :func:`chambolle_pock`; the error ends some unit roundoffs
        above zero with ``"sum"``, as published, and below one with ``"deviations"``.
    record
        Function of the coefficients, evaluated after every restart.

    Raises
    ------
    ValueError
        If ``restarts`` or ``iterations`` is not positive, ``nu`` not between 0 and 1, or ``form``
        unknown.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from jaxlab.inverse import operators
    >>> a = jnp.array([[1.0, 0.0, 0.6], [0.0, 1.0, 0.8]]) / 2**0.5
    >>> y = a @ jnp.array([0.0, 0.0, 1.0])
    >>> firenet(operators.matrix(a), y, lam=0.1, restarts=10, iterations=30).solution.round(4)
    Array([0., 0., 1.], dtype=float32)
    """
    _check(restarts, nu, form)
    z = jax.eval_shape(operator.adjoint, y)
    first = jnp.zeros(z.shape, z.dtype) if start is None else start
    size = euclidean(y)
    if delta is None:
        delta = jnp.finfo(size.dtype).eps / 2 * size
    goal, shrink = jnp.asarray(delta, size.dtype), jnp.asarray(nu, size.dtype)
    half = jnp.asarray(iterations / (2 * norm), size.dtype)

    def restart(carry: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], Any]:
        z, eps = carry
        eps = shrink * (goal + eps)
        beta = half * eps  # 1 / alpha of the paper
        problem = {
            "thresholds": lam * jnp.asarray(weights, size.dtype),
            "iterations": iterations,
            "mean": mean,
        }
        if form == "step":
            z = chambolle_pock(operator, y, z, tau=tau * beta, sigma=sigma / beta, **problem)
        else:
            alpha = 1 / beta
            z, data = scaled(alpha, z), scaled(alpha, y)
            z = scaled(beta, chambolle_pock(operator, data, z, tau=tau, sigma=sigma, **problem))
        return (z, eps), (eps, None if record is None else record(z))

    initial = jnp.where(size > 0, size, jnp.ones((), size.dtype))
    (solution, _), (epsilons, recorded) = jax.lax.scan(restart, (first, initial), length=restarts)
    return Reconstruction(solution, epsilons, recorded)


def _check(restarts: int, nu: float, form: str) -> None:
    """Raise ValueError for what no FIRENET can have."""
    if restarts < 1:
        raise ValueError(f"restarts: got {restarts}, expected at least 1")
    if not 0 < nu < 1:
        raise ValueError(f"nu: got {nu}, expected a number between 0 and 1")
    if form not in ("step", "data"):
        raise ValueError(f"form: got {form!r}, expected 'step' or 'data'")
