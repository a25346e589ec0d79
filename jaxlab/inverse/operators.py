"""Linear operators as pairs of pure functions: a map and its adjoint."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Inexact

from jaxlab.inverse.proximal import norm as euclidean


class Operator(NamedTuple):
    """A linear map and its adjoint, for one vector or image at a time.

    Any pair of pure functions will do; :func:`adjoint_defect` says whether they belong together.
    The inner product is ``sum(conj(u) * v)``, real or complex.

    Attributes
    ----------
    forward
        ``z -> A z``.
    adjoint
        ``y -> A^H y``.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> shift = Operator(lambda z: jnp.roll(z, 1), lambda y: jnp.roll(y, -1))
    >>> shift.adjoint(shift.forward(jnp.arange(3.0)))
    Array([0., 1., 2.], dtype=float32)
    """

    forward: Callable[[Any], Array]
    adjoint: Callable[[Any], Array]


def matrix(a: Inexact[Array, "m n"]) -> Operator:
    """The operator of a dense matrix; products at the highest precision of the device.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> matrix(jnp.array([[1.0, 2.0]])).adjoint(jnp.array([3.0]))
    Array([3., 6.], dtype=float32)
    """
    product = jax.lax.Precision.HIGHEST
    return Operator(
        lambda z: jnp.matmul(a, z, precision=product),
        lambda y: jnp.matmul(a.conj().T, y, precision=product),
    )


def compose(outer: Operator, inner: Operator) -> Operator:
    """The operator ``z -> outer(inner(z))``.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> double = matrix(2 * jnp.eye(2))
    >>> compose(double, double).forward(jnp.ones(2))
    Array([4., 4.], dtype=float32)
    """
    return Operator(
        lambda z: outer.forward(inner.forward(z)), lambda y: inner.adjoint(outer.adjoint(y))
    )


def restricted(operator: Operator, mask: Bool[Any, "..."]) -> Operator:
    """Keep the measurements where a mask is true; the others are zero, not absent.

    Norms and inner products are those of the shorter vector ``P A z``, shapes do not depend on how
    many are kept, and ``vmap`` runs over masks. The adjoint ignores what a vector has off the mask,
    but norms do not: make measurements with ``forward``, and put noise on the mask only.

    Parameters
    ----------
    operator
        For example a unitary transform.
    mask
        Of the shape of ``operator.forward``'s results.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> kept = restricted(matrix(jnp.eye(3)), jnp.array([True, False, True]))
    >>> kept.forward(jnp.ones(3))
    Array([1., 0., 1.], dtype=float32)
    """

    def keep(y: Any) -> Array:
        y = jnp.asarray(y)
        if jnp.shape(mask) != y.shape:
            raise ValueError(
                f"mask: got shape {jnp.shape(mask)}, expected that of the measurements, {y.shape}"
            )
        return jnp.where(mask, y, jnp.zeros((), y.dtype))

    return Operator(lambda z: keep(operator.forward(z)), lambda y: operator.adjoint(keep(y)))


def norm(key: Array, operator: Operator, like: Any, iterations: int = 32) -> Float[Array, ""]:
    """A lower bound of ``||A||``, by the power method; it grows towards it with the iterations.

    Parameters
    ----------
    key
        Typed key of the start, which is normally distributed.
    operator
        The operator.
    like
        An array, or ``jax.ShapeDtypeStruct``, of what ``operator.forward`` takes.
    iterations
        Applications of ``A^H A``.

    Returns
    -------
    ``||A v||`` of the last unit vector ``v``, in the real dtype of ``like``.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> stretch = matrix(jnp.diag(jnp.array([3.0, 1.0])))
    >>> float(norm(jax.random.key(0), stretch, jnp.zeros(2)))
    3.0
    """

    def step(_: Array, z: Array) -> Array:
        z = operator.adjoint(operator.forward(z))
        return z / euclidean(z).astype(z.dtype)

    start = jax.random.normal(key, like.shape, like.dtype)
    return euclidean(operator.forward(jax.lax.fori_loop(0, iterations, step, start)))


def adjoint_defect(key: Array, operator: Operator, like: Any) -> Float[Array, ""]:
    """How far two functions are from being adjoint: ``|<y, A z> - <A^H y, z>| / (||y|| ||A z||)``.

    For normally distributed ``z`` and ``y``: a few unit roundoffs times the square root of the
    length if they are adjoint, of the order of one if they are not.

    Parameters
    ----------
    key, operator, like
        As in :func:`norm`.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> wrong = Operator(lambda z: jnp.roll(z, 1), lambda y: jnp.roll(y, 1))
    >>> bool(adjoint_defect(jax.random.key(0), wrong, jnp.zeros(9)) > 0.01)
    True
    """
    first, second = jax.random.split(key)
    z = jax.random.normal(first, like.shape, like.dtype)
    image = operator.forward(z)
    y = jax.random.normal(second, image.shape, image.dtype)
    back = operator.adjoint(y)
    product = jax.lax.Precision.HIGHEST
    difference = jnp.vdot(y, image, precision=product) - jnp.vdot(
        back, z.astype(back.dtype), precision=product
    ).astype(image.dtype)
    return jnp.abs(difference) / (euclidean(y) * euclidean(image))
