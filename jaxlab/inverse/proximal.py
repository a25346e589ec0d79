"""Proximal maps of the square-root LASSO: soft thresholds and the projection onto a ball.

Real or complex, in any floating dtype, without NaN at zero (nor in derivatives there), and without
overflow of squares: float16 cannot square 257.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact


def scaled(factor: Float[Array, "..."], v: Inexact[Array, "..."]) -> Inexact[Array, "..."]:
    """A real factor times a real or complex array: two products per complex number, not four.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> scaled(jnp.float32(2.0), jnp.array([1.0 + 1.0j]))
    Array([2.+2.j], dtype=complex64)
    """
    if jnp.iscomplexobj(v):
        return jax.lax.complex(factor * v.real, factor * v.imag)
    return factor * v


def norm(v: Inexact[Array, "..."]) -> Float[Array, ""]:
    """The Euclidean norm of all entries; squares cannot overflow or vanish.

    The sum is over ``(v / max|v|)**2``, but for maxima near the end of the range. The
    derivative at zero is zero.

    Parameters
    ----------
    v
        Of any shape and dtype; the result has its real dtype.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> norm(jnp.array([300, 400], jnp.float16)), norm(jnp.zeros(2))
    (Array(500., dtype=float16), Array(0., dtype=float32))
    """
    size = jnp.abs(v)
    largest = jax.lax.stop_gradient(size.max())
    positive = largest > 0
    one = jnp.ones_like(largest)
    # XLA divides by multiplying with the reciprocal, which must not be a subnormal number.
    scale = jnp.where(positive, jnp.minimum(largest, 1 / jnp.finfo(size.dtype).tiny), one)
    squares = jnp.sum(jnp.square(size / scale))
    return jnp.where(positive, scale * jnp.sqrt(jnp.where(positive, squares, one)), 0 * largest)


def soft(v: Inexact[Array, "*shape"], threshold: Float[Array, "..."]) -> Inexact[Array, "*shape"]:
    """Soft threshold: shorten every entry by the threshold, those below it to zero.

    The proximal map of ``threshold * |v|``. The phase of a complex number is kept.

    Parameters
    ----------
    v
        Real or complex.
    threshold
        Not negative, of the real dtype of ``v``, and of its shape or a scalar.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> soft(jnp.array([-3.0, 0.5, 0.0]), jnp.float32(1.0))
    Array([-2.,  0.,  0.], dtype=float32)
    >>> soft(jnp.array([3.0 + 4.0j, 0.0j]), jnp.float32(5.0))
    Array([0.+0.j, 0.+0.j], dtype=complex64)
    """
    size = jnp.abs(v)
    rest = jnp.maximum(size - threshold, jnp.zeros((), size.dtype))
    if not jnp.iscomplexobj(v):
        return jnp.sign(v) * rest
    safe = jnp.where(size > 0, size, jnp.ones((), size.dtype))
    return scaled(rest / safe, v)


def ball(v: Inexact[Array, "*shape"], radius: float = 1.0) -> Inexact[Array, "*shape"]:
    """Projection of the whole array onto the Euclidean ball: the proximal map dual to the norm.

    Norms above the reciprocal of the smallest normal number (8.5e37 in float32) are out of its
    range: their own reciprocal is flushed to zero, and so is the result.

    Parameters
    ----------
    v
        Real or complex.
    radius
        Positive.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> ball(jnp.array([3.0, 4.0])), ball(jnp.array([0.3, 0.4]))
    (Array([0.6, 0.8], dtype=float32), Array([0.3, 0.4], dtype=float32))
    """
    length = norm(v)
    bound = jnp.asarray(radius, length.dtype)
    outside = length > bound
    factor = bound / jnp.where(outside, length, bound)
    return jnp.where(outside, scaled(factor, v), v)
