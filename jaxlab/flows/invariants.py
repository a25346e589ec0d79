"""What a ReLU gradient flow conserves, what it must lose, and the same for gradient descent.

The flow keeps ``w**2 + b**2 - v**2`` of every neuron (balancedness); for a constant target it loses
``8 L`` of a Lyapunov function per unit of time. A step of gradient descent changes both by exactly
known amounts, so that the distance from them is rounding and nothing else: a precision meter.

References
----------
Du, Hu, Lee, arXiv 1806.00900 (balancedness). Cheridito, Jentzen, Riekert, Rossmannek, J. Complexity
72 (2022) 101646, arXiv 2102.09924 (the Lyapunov function). The discrete laws are derived for jaxlab
(``shared/reference/flow.md``, B.4).
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxlab.flows.relu_risk import Shallow


def balancedness(params: Shallow) -> Float[Array, " neurons"]:
    """``w**2 + b**2 - v**2`` of every neuron; constant along gradient flows of any target.

    Examples
    --------
    >>> balancedness(Shallow(jnp.array([3.0]), jnp.array([4.0]), jnp.array([5.0]), jnp.array(1.0)))
    Array([0.], dtype=float32)
    """
    return params.weight**2 + params.bias**2 - params.outer**2


def balancedness_change(
    gradient: Shallow, rate: float | Float[Array, ""]
) -> Float[Array, " neurons"]:
    """What one step of gradient descent adds to :func:`balancedness`, exactly.

    Parameters
    ----------
    gradient
        The generalised gradient before the step.
    rate
        Learning rate.

    Examples
    --------
    >>> force = Shallow(jnp.array([2.0]), jnp.array([1.0]), jnp.array([1.0]), jnp.array(0.0))
    >>> balancedness_change(force, 0.5)
    Array([1.], dtype=float32)
    """
    return jnp.asarray(rate, gradient.weight.dtype) ** 2 * balancedness(gradient)


def lyapunov(params: Shallow, target: float) -> Float[Array, ""]:
    """``|theta|**2 + |c - 2 target|**2``, which flows for a constant target lose at the rate 8 L.

    So ``8 integral_0^t L = V(0) - V(t)``, and ``L(t) <= V(0) / (8 t)``. The density must have the
    integral 1.

    Examples
    --------
    >>> lyapunov(Shallow(jnp.ones(1), jnp.ones(1), jnp.ones(1), jnp.array(1.0)), 1.0)
    Array(5., dtype=float32)
    """
    return _square(params) + (params.shift - 2 * target) ** 2


def lyapunov_change(
    risk: Float[Array, ""], gradient: Shallow, rate: float | Float[Array, ""]
) -> Float[Array, ""]:
    """What one step of gradient descent adds to :func:`lyapunov`, exactly.

    ``-8 rate L + rate**2 (|G|**2 + G_c**2)`` with risk and gradient before the step.

    Examples
    --------
    >>> still = Shallow(jnp.zeros(1), jnp.zeros(1), jnp.zeros(1), jnp.array(2.0))
    >>> lyapunov_change(jnp.array(1.0), still, 0.5)
    Array(-2., dtype=float32)
    """
    rate = jnp.asarray(rate, gradient.weight.dtype)
    return -8 * rate * risk + rate**2 * (_square(gradient) + gradient.shift**2)


def _square(params: Shallow) -> Float[Array, ""]:
    return jnp.stack([jnp.sum(leaf**2) for leaf in jax.tree.leaves(params)]).sum()
