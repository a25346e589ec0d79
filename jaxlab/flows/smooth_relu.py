r"""Smooth approximations of ReLU, and the exact risk of networks that use them.

For ``r > 0`` let ``R_r(x) = 0`` for ``x <= 0``, ``r x**2 / 2`` up to ``1/r``, and ``x - 1/(2r)``
beyond. These functions are continuously differentiable, ``R_r'(0) = 0``, and for ``r`` to infinity
they tend to ReLU (uniformly, by ``1/(2r)``) and their derivatives to its left derivative. So the
gradients of the smooth risks tend to the generalised gradient
:func:`jaxlab.flows.relu_risk.gradient`, at every point.

The smooth networks are piecewise quadratic, with two breakpoints per neuron, so the composite Gauss
rule of :mod:`jaxlab.flows.relu_risk` integrates their risk exactly. The gradient does not jump at
breakpoints: the rule's nodes may be taken as constants in first and second derivatives (of third
derivatives the jumps of ``R_r''`` would be missed).

References
----------
Jentzen, Riekert, J. Math. Anal. Appl. 517 (2023) 126601, arXiv 2107.04479, whose generalised
gradient is defined by such approximations; these ones are jaxlab's choice.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxlab.flows import relu_risk
from jaxlab.flows.relu_risk import Problem, Shallow

Sharpness = float | Float[Array, ""]


def activation(x: Float[Array, "*shape"], sharpness: Sharpness) -> Float[Array, "*shape"]:
    """``R_r`` with ``r = sharpness > 0``, elementwise.

    Examples
    --------
    >>> activation(jnp.array([-1.0, 0.0, 0.25, 0.5, 2.0]), 2.0)
    Array([0.    , 0.    , 0.0625, 0.25  , 1.75  ], dtype=float32)
    """
    r = jnp.broadcast_to(jnp.asarray(sharpness, x.dtype), x.shape)
    return jnp.where(r * x < 1, r / 2 * jax.nn.relu(x) ** 2, x - 1 / (2 * r))


def network(
    params: Shallow, x: Float[Array, " points"], sharpness: Sharpness
) -> Float[Array, " points"]:
    """Values ``c + sum_j v_j R_r(w_j x + b_j)``.

    Examples
    --------
    >>> one = Shallow(jnp.ones(1), jnp.zeros(1), jnp.ones(1), jnp.array(0.0))
    >>> network(one, jnp.array([0.5, 1.0]), 1.0)
    Array([0.125, 0.5  ], dtype=float32)
    """
    return relu_risk.network(params, x, partial(activation, sharpness=sharpness))


def risk(params: Shallow, problem: Problem, sharpness: Sharpness) -> Float[Array, ""]:
    """The risk of the smooth network, exact up to rounding, in the dtype of the parameters.

    Parameters
    ----------
    params
        float32 or float64.
    problem
        Static under ``jit``.
    sharpness
        ``r``, positive; need not be static.

    Raises
    ------
    ValueError
        As :func:`jaxlab.flows.relu_risk.risk`.

    Examples
    --------
    ``integral (x**2 / 2 - 0)**2`` over [0, 1]:

    >>> one = Shallow(jnp.ones(1), jnp.zeros(1), jnp.ones(1), jnp.array(0.0))
    >>> round(float(20 * risk(one, relu_risk.affine(0.0, 0.0), 1.0)), 6)
    1.0
    """
    kinks = (0.0, 1 / jnp.asarray(sharpness, params.weight.dtype))
    x, mass = jax.lax.stop_gradient(relu_risk.nodes(params, problem, kinks, degree=2))
    residual = network(params, x, sharpness) - relu_risk.evaluate(problem.target, x)
    return jnp.sum(mass * residual * residual)


def gradient(params: Shallow, problem: Problem, sharpness: Sharpness) -> Shallow:
    """The gradient of :func:`risk`, which tends to the generalised gradient of ReLU networks.

    Examples
    --------
    A neuron with ``w = b = 0`` takes no force, whatever the sharpness:

    >>> zero = Shallow(jnp.zeros(1), jnp.zeros(1), jnp.ones(1), jnp.array(0.5))
    >>> [float(leaf.sum()) for leaf in gradient(zero, relu_risk.affine(1.0, 0.0), 9.0)[:3]]
    [0.0, 0.0, 0.0]
    """
    return jax.grad(risk)(params, problem, sharpness)
