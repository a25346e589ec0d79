"""Orthonormal periodic wavelets of Daubechies: images from their coefficients, and back.

References
----------
Daubechies, Ten Lectures on Wavelets, doi 10.1137/1.9781611970104, ch. 6 (the filters). Mallat, A
Wavelet Tour of Signal Processing, ch. 7 (the fast transform).
"""

import fractions
import functools
import math
import operator
from collections.abc import Callable, Iterable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxlab.inverse.operators import Operator
from jaxlab.inverse.transforms import image_sides, last_axes

ORDERS = range(1, 9)
"""Vanishing moments of the wavelets that there are."""


@functools.cache
def daubechies(order: int) -> Float[np.ndarray, " taps"]:
    """The low-pass filter with ``order`` vanishing moments, of extremal phase; its sum is 2.

    Found by spectral factorisation, then by Newton's method for orthonormality with exact defects;
    the moments vanish by construction. Every tap is the float64 nearest to its true value; the
    orthonormal filter is ``sqrt(1/2)`` times this one.

    Parameters
    ----------
    order
        From 1, Haar's wavelet, to 8.

    Returns
    -------
    ``(2 order,)``, float64 on the host, read-only.

    Raises
    ------
    ValueError
        If ``order`` is not in :data:`ORDERS`.

    Examples
    --------
    >>> daubechies(1).tolist(), daubechies(2).round(4).tolist()
    ([1.0, 1.0], [0.683, 1.183, 0.317, -0.183])
    """
    if order not in ORDERS:
        raise ValueError(f"order: got {order}, expected {ORDERS[0]}, ..., {ORDERS[-1]}")
    # |filter|^2 = 4 cos^2p P(sin^2); the roots of P are at sin^2 = (2 - z - 1/z) / 4.
    polynomial = [math.comb(order - 1 + k, k) for k in reversed(range(order))]
    middle = 1 - 2 * np.roots(polynomial).astype(complex)
    pair = middle + np.sqrt(middle**2 - 1)
    rest = np.atleast_1d(np.poly(np.where(abs(pair) < 1, pair, 1 / pair)).real)
    rest = _exactly(rest * 2.0 ** (1 - order) / rest.sum())
    binomial = [math.comb(order, k) for k in range(order + 1)]
    spread = np.stack([np.convolve(binomial, unit) for unit in np.eye(order, dtype=int)], axis=1)
    shifts = np.stack([np.eye(2 * order, k=2 * k, dtype=int) for k in range(order)])
    for _ in range(2):
        taps = spread @ rest
        defect = shifts @ taps @ taps - 2 * np.eye(order, dtype=int)[0]
        jacobian = (shifts + shifts.swapaxes(1, 2)) @ taps @ spread
        rest = rest - _exactly(np.linalg.solve(jacobian.astype(float), defect.astype(float)))
    taps = (spread @ rest).astype(float)
    taps.setflags(write=False)
    return taps


@functools.cache
def synthesis(order: int, levels: int, dimensions: int) -> Operator:
    """The orthonormal inverse wavelet transform; its adjoint is the transform.

    Coefficients are one array of the image's shape, in the standard order: the coarsest
    approximation first, then details from coarse to fine, along both axes (nested squares in 2-D).
    Boundaries are periodic, and phases those of PyWavelets' ``mode="periodization"``.

    The filters are scaled to the sum 2, so that Haar's are sums and differences, and every level is
    followed by a factor ``2**(-dimensions / 2)``, which is exact in 2-D. No level has a dot:
    ``jl.arithmetic.rounded`` sees every product and sum.

    Parameters
    ----------
    order
        Vanishing moments of the wavelet, from 1 (Haar) to 8.
    levels
        How often the approximation is split; not negative.
    dimensions
        1 or 2: the transform is over that many last axes.

    Returns
    -------
    ``forward`` maps coefficients to images, ``adjoint`` images to coefficients. Both take any
    floating or complex dtype and keep it.

    Raises
    ------
    ValueError
        If an argument is out of its range; and when applied, if ``2**levels`` does not divide the
        sides.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> haar = synthesis(1, 2, 2)
    >>> image = jnp.arange(16.0).reshape(4, 4)
    >>> haar.adjoint(image)[0, 0], bool(jnp.all(haar.forward(haar.adjoint(image)) == image))
    (Array(30., dtype=float32), True)
    """
    axes = last_axes(dimensions)
    if levels < 0:
        raise ValueError(f"levels: got {levels}, expected at least 0")
    taps = daubechies(order)
    taps = taps.tolist(), (taps[::-1] * (-1.0) ** np.arange(taps.size)).tolist()
    scale = 2.0 ** (-dimensions / 2)

    def analysed(image: Array, level: int) -> Array:
        if not level:
            return image
        for axis in axes:
            image = jnp.concatenate(_split(image, taps, axis), axis)
        image = image * scale
        return _with_corner(image, analysed(_corner(image, axes), level - 1), axes)

    def synthesised(coefficients: Array, level: int) -> Array:
        if not level:
            return coefficients
        corner = synthesised(_corner(coefficients, axes), level - 1)
        image = _with_corner(coefficients, corner, axes)
        for axis in axes:
            low, high = jnp.split(image, 2, axis)
            image = _merged(low, high, taps, axis)
        return image * scale

    def checked(image: Array) -> Array:
        sides = image_sides(image, dimensions)
        if any(side % 2**levels or not side for side in sides):
            raise ValueError(
                f"levels: got {levels} for sides {sides}, expected 2**levels to divide the sides"
            )
        return image

    return Operator(
        jax.jit(lambda coefficients: synthesised(checked(coefficients), levels)),
        jax.jit(lambda image: analysed(checked(image), levels)),
    )


Taps = tuple[list[float], list[float]]
"""The low-pass filter and the high-pass filter."""


def _exactly(values: Float[np.ndarray, "..."]) -> np.ndarray:
    """The same numbers as fractions."""
    return np.vectorize(fractions.Fraction, otypes=[object])(values)


def _split(image: Array, taps: Taps, axis: int) -> list[Array]:
    """Low and high pass along an axis: ``sum_i taps[i] image[2 k + i + 1 - order]``, periodic."""
    axis += image.ndim
    pairs = image.reshape(*image.shape[:axis], -1, 2, *image.shape[axis + 1 :])
    halves = [jax.lax.index_in_dim(pairs, phase, axis + 1, keepdims=False) for phase in range(2)]
    phases = [_translates(half, taps, axis) for half in halves]
    parts = [phases[phase](shift) for shift, phase in _places(taps)]
    return [_sum(tap * part for tap, part in zip(row, parts, strict=True)) for row in taps]


def _merged(low: Array, high: Array, taps: Taps, axis: int) -> Array:
    """The transpose of :func:`_split`."""
    axis += low.ndim
    lows, highs = (_translates(half, taps, axis) for half in (low, high))
    phases = [[], []]
    for first, second, (shift, phase) in zip(*taps, _places(taps), strict=True):
        phases[phase].append(first * lows(-shift) + second * highs(-shift))
    pairs = jnp.stack([_sum(parts) for parts in phases], axis + 1)
    return pairs.reshape(*low.shape[:axis], -1, *low.shape[axis + 1 :])


def _places(taps: Taps) -> list[tuple[int, int]]:
    """Of every tap: how many pairs it is away, and whether it meets even or odd places."""
    return [divmod(i + 1 - len(taps[0]) // 2, 2) for i in range(len(taps[0]))]


def _translates(half: Array, taps: Taps, axis: int) -> Callable[[int], Array]:
    """Periodic translates ``shift -> half[k + shift]``, as slices of one longer array."""
    reach, size = len(taps[0]) // 4, half.shape[axis]
    wrapped = jnp.pad(half, [(reach * (i == axis),) * 2 for i in range(half.ndim)], mode="wrap")
    return lambda shift: jax.lax.slice_in_dim(
        wrapped, reach + shift, reach + shift + size, axis=axis
    )


def _sum(terms: Iterable[Array]) -> Array:
    return functools.reduce(operator.add, terms)


def _corner(image: Array, axes: tuple[int, ...]) -> Array:
    for axis in axes:
        image = jnp.split(image, 2, axis)[0]
    return image


def _with_corner(image: Array, corner: Array, axes: tuple[int, ...]) -> Array:
    """The image with another first half (1-D) or first quarter (2-D)."""
    for axis in reversed(axes):
        rest = jnp.split(image, 2, axis)[1]
        for other in axes[: len(axes) + axis]:
            rest = jnp.split(rest, 2, other)[0]
        corner = jnp.concatenate([corner, rest], axis)
    return corner
