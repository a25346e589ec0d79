"""LISTA: iterative soft thresholding, unrolled, with learned matrices or learned steps.

Every layer corrects the coefficients by a map of the residual and shortens them by a threshold::

    x' = soft(x + correction(y - A x), threshold),    x = 0 at first

:func:`init` and :func:`apply` learn a dense correction per layer (Gregor and LeCun, ICML 2010).
:func:`init_banded` and :func:`apply_banded` keep the adjoint ``A^H`` and learn one step and one
threshold per layer and band of coefficients, as ALISTA does (Liu, Chen, Wang, Yin, ICLR 2019): few
numbers, for operators on images. Thresholds are the absolute values of their parameters.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact, Int, Key

from jaxlab.inverse.operators import Operator
from jaxlab.inverse.proximal import scaled, soft


class Lista(NamedTuple):
    """Parameters of :func:`apply`.

    Attributes
    ----------
    weights
        ``[layer, measurement, coefficient]``.
    thresholds
        ``[layer]``.
    """

    weights: Float[Array, "layers m n"]
    thresholds: Float[Array, " layers"]


class Banded(NamedTuple):
    """Parameters of :func:`apply_banded`, both ``[layer, band]``."""

    steps: Float[Array, "layers bands"]
    thresholds: Float[Array, "layers bands"]


def gain(matrix: Float[Any, "m n"]) -> float:
    """``10 ||A||``: data and matrix are divided by it before they enter the network.

    Examples
    --------
    >>> round(gain(np.diag([3.0, 2.0])), 6)
    30.0
    """
    return 10 * float(np.linalg.norm(matrix, 2))


def init(key: Key[Array, ""], matrix: Float[Any, "m n"], layers: int) -> Lista:
    """The published start: weights ``N(0, 0.05**2) / (10 ||A||)``, thresholds uniform to 1e-7.

    Parameters
    ----------
    key
        Typed key.
    matrix
        ``A`` itself, before it is divided by its :func:`gain`.
    layers
        At least one.

    Returns
    -------
    :class:`Lista` of the dtype of ``matrix``.

    References
    ----------
    Colbrook, Antun, Hansen, PNAS 2022, doi 10.1073/pnas.2107151119 (the demonstration of its
    theorem 2).
    """
    first, second = jax.random.split(key)
    dtype = jnp.asarray(matrix).dtype
    weights = jax.random.normal(first, (layers, *np.shape(matrix)), dtype)
    return Lista(
        weights * (0.05 / gain(matrix)), jax.random.uniform(second, (layers,), dtype) * 1e-7
    )


def apply(params: Lista, matrix: Float[Any, "m n"], y: Float[Array, " m"]) -> Float[Array, " n"]:
    """Coefficients from the measurements of one vector; ``vmap`` over more.

    Parameters
    ----------
    params
        See :func:`init`.
    matrix, y
        Both divided by the :func:`gain` of the matrix, if the start is the published one.

    Examples
    --------
    With the transposed matrix as its weights a layer is a step of ISTA:

    >>> a = jnp.array([[1.0, 0.0, 0.5]])
    >>> params = Lista(a[None], jnp.array([0.25]))
    >>> apply(params, a, jnp.array([1.0]))
    Array([0.75, 0.  , 0.25], dtype=float32)
    """
    precision = jax.lax.Precision.HIGHEST

    def correction(layer: Lista, x: Array) -> Array:
        residual = y - jnp.matmul(matrix, x, precision=precision)
        return jnp.matmul(residual, layer.weights, precision=precision)

    return _unroll(params, correction, jnp.zeros(np.shape(matrix)[1], y.dtype))


def init_banded(layers: int, bands: int, dtype: Any = "float32") -> Banded:
    """Steps of one and thresholds of 0.01: ISTA for an operator of norm one.

    Examples
    --------
    >>> init_banded(2, 3).steps.shape
    (2, 3)
    """
    return Banded(jnp.ones((layers, bands), dtype), jnp.full((layers, bands), 0.01, dtype))


def apply_banded(
    params: Banded,
    operator: Operator,
    bands: Int[Any, "*shape"],
    y: Inexact[Array, "..."],
) -> Inexact[Array, "*shape"]:
    """Coefficients from the measurements of one image; ``vmap`` over more.

    Parameters
    ----------
    params
        See :func:`init_banded`.
    operator
        ``A``, from coefficients to measurements.
    bands
        The band of every coefficient, from 0.
    y
        Measurements.

    Examples
    --------
    >>> from jaxlab.inverse import operators
    >>> params = Banded(jnp.ones((1, 2)), jnp.array([[0.0, 0.5]]))
    >>> apply_banded(params, operators.matrix(jnp.eye(2)), np.array([0, 1]), jnp.ones(2))
    Array([1. , 0.5], dtype=float32)
    """

    def correction(layer: Banded, x: Array) -> Array:
        return scaled(layer.steps, operator.adjoint(y - operator.forward(x)))

    placed = jax.tree.map(lambda leaf: leaf[:, bands], params)
    start = jax.eval_shape(operator.adjoint, y)
    return _unroll(placed, correction, jnp.zeros(start.shape, start.dtype))


def _unroll(params: Any, correction: Callable[[Any, Array], Array], start: Array) -> Array:
    def layer(x: Array, layer: Any) -> tuple[Array, None]:
        return soft(x + correction(layer, x), jnp.abs(layer.thresholds)), None

    return jax.lax.scan(layer, start, params)[0]
