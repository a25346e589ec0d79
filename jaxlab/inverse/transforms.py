"""Unitary transforms of signals and images: centred Fourier, sequency-ordered Walsh-Hadamard.

Both act on the last axes; axes before them are a batch. Equal arguments give one and the same pair
of compiled functions, so that whatever uses it is compiled once too.
"""

import functools
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Inexact

from jaxlab.inverse.operators import Operator


@functools.cache
def fourier(dimensions: int) -> Operator:
    """The unitary discrete Fourier transform, centred: frequency ``f`` stands at ``f + n // 2``.

    Parameters
    ----------
    dimensions
        1 or 2: the transform is over that many last axes.

    Returns
    -------
    Both functions take float32, float64, complex64 or complex128 and give complex numbers of that
    precision. Their sums are XLA's own; for arithmetic of any format there is :func:`walsh`.

    Raises
    ------
    ValueError
        If ``dimensions`` is not 1 or 2; and when applied, if there are fewer axes, or to 16 bits.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> abs(fourier(1).forward(jnp.ones(4)))
    Array([0., 0., 2., 0.], dtype=float32)
    """
    axes = last_axes(dimensions)

    def forward(image: Inexact[Array, "..."]) -> Complex[Array, "..."]:
        spectrum = jnp.fft.fftn(_as_complex(image, dimensions), axes=axes, norm="ortho")
        return jnp.fft.fftshift(spectrum, axes)

    def adjoint(spectrum: Inexact[Array, "..."]) -> Complex[Array, "..."]:
        uncentred = jnp.fft.ifftshift(_as_complex(spectrum, dimensions), axes)
        return jnp.fft.ifftn(uncentred, axes=axes, norm="ortho")

    return Operator(jax.jit(forward), jax.jit(adjoint))


@functools.cache
def walsh(dimensions: int) -> Operator:
    """The orthonormal Walsh-Hadamard transform; row ``k`` of the matrix changes sign ``k`` times.

    Fast: ``log2`` of the size stages of additions and subtractions, every one of which
    ``jl.arithmetic.rounded`` sees. Every two stages are followed by an exact halving, so that
    float16 does not overflow: no intermediate is above twice the Euclidean norm of the image. Only
    if the number of entries is an odd power of two there is one more factor, ``sqrt(1/2)``.

    Parameters
    ----------
    dimensions
        1 or 2: the transform is over that many last axes.

    Returns
    -------
    ``forward`` and ``adjoint`` are one function, for the matrix is symmetric. It takes any floating
    or complex dtype and keeps it.

    Raises
    ------
    ValueError
        If ``dimensions`` is not 1 or 2; and when applied, if a side is not a power of two.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> walsh(1).forward(jnp.array([1.0, 1.0, -1.0, -1.0]))
    Array([0., 2., 0., 0.], dtype=float32)
    """
    axes = last_axes(dimensions)

    def transform(image: Inexact[Array, "*shape"]) -> Inexact[Array, "*shape"]:
        sides = image_sides(image, dimensions)
        if any(side & (side - 1) or not side for side in sides):
            raise ValueError(f"image: got sides {sides}, expected powers of two")
        stages = 0
        for axis, side in zip(axes, sides, strict=True):
            before = math.prod(image.shape[: image.ndim + axis])
            parts = image.reshape(before, side, 1, -1)
            for _ in range(side.bit_length() - 1):
                parts, stages = _butterflies(parts), stages + 1
                if stages % 2 == 0:
                    parts = parts * 0.5
            image = parts.reshape(image.shape)
        return image * math.sqrt(0.5) if stages % 2 else image

    compiled = jax.jit(transform)
    return Operator(compiled, compiled)


def last_axes(dimensions: int) -> tuple[int, ...]:
    """The last axes of an array, as negative numbers.

    Raises
    ------
    ValueError
        If ``dimensions`` is not 1 or 2.

    Examples
    --------
    >>> last_axes(2)
    (-2, -1)
    """
    if dimensions not in (1, 2):
        raise ValueError(f"dimensions: got {dimensions}, expected 1 or 2")
    return tuple(range(-dimensions, 0))


def image_sides(image: Inexact[Array, "..."], dimensions: int) -> tuple[int, ...]:
    """The lengths of the last axes.

    Raises
    ------
    ValueError
        If the array has fewer axes.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> image_sides(jnp.zeros((5, 2, 3)), 2)
    (2, 3)
    """
    if image.ndim < dimensions:
        raise ValueError(f"image: got shape {image.shape}, expected at least {dimensions} axes")
    return image.shape[image.ndim - dimensions :]


def _butterflies(parts: Inexact[Array, "before rest done after"]) -> Inexact[Array, "..."]:
    """One stage of one axis, whose places are ``(rest, done)``: ``rest`` halves, ``done`` doubles.

    ``done`` counts in reflected Gray code, which is why the differences are reversed: after the
    last stage the order is that of sequency.
    """
    first, second = jnp.split(parts, 2, axis=1)
    return jnp.concatenate([first + second, jnp.flip(first - second, axis=2)], axis=2)


def _as_complex(image: Inexact[Array, "..."], dimensions: int) -> Complex[Array, "..."]:
    image_sides(image, dimensions)
    if image.dtype.itemsize < 4:
        raise ValueError(f"image: got {image.dtype}, expected at least 32 bits; see walsh")
    return jax.lax.complex(image, jnp.zeros_like(image)) if jnp.isrealobj(image) else image
