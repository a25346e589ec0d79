"""Losses whose roundings follow a policy."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxlab.networks import mlp
from jaxlab.training.precision import Policy

_Loss = Callable[[Any, tuple[Array, Array]], Float[Array, ""]]


@functools.lru_cache(maxsize=64)
def mean_squared_error(
    policy: Policy,
    activation: Callable[[Array], Array] = jax.nn.relu,
    evaluate: Callable[..., Array] = mlp.apply,
) -> _Loss:
    """The mean squared error of a multilayer perceptron, rounded as the policy says.

    Residuals and squares round in ``compute``; dots and the mean leave in ``accumulate`` and are
    rounded once to ``compute``. The same arguments give the same function object, so compiled
    programs are found again.

    Parameters
    ----------
    policy
        ``compute`` and ``accumulate`` are used.
    activation
        Elementwise function after every layer but the last.
    evaluate
        ``evaluate(params, x, activation, accumulate=dtype)``: the network function, for example
        :func:`jaxlab.networks.stacked.apply`.

    Returns
    -------
    ``loss(params, (x, y)) -> scalar`` with ``x`` of shape ``(n, inputs)``, ``y`` ``(n, outputs)``,
    all in ``compute``.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> loss = mean_squared_error(Policy.native("float32"))
    >>> params = (mlp.Layer(jnp.ones((1, 1)), jnp.zeros(1)),)
    >>> loss(params, (jnp.array([[1.0], [3.0]]), jnp.zeros((2, 1))))
    Array(5., dtype=float32)
    """
    return _mean(policy, activation, evaluate, lambda residual: residual * residual)


@functools.lru_cache(maxsize=64)
def mean_absolute_error(
    policy: Policy,
    activation: Callable[[Array], Array] = jax.nn.relu,
    evaluate: Callable[..., Array] = mlp.apply,
) -> _Loss:
    """The mean absolute error of a multilayer perceptron; as :func:`mean_squared_error`.

    Its gradient is taken as 0 where a residual is 0.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> loss = mean_absolute_error(Policy.native("float32"))
    >>> params = (mlp.Layer(jnp.ones((1, 1)), jnp.zeros(1)),)
    >>> loss(params, (jnp.array([[1.0], [-3.0]]), jnp.zeros((2, 1))))
    Array(2., dtype=float32)
    """
    # jnp.abs has the derivative 1 at 0.
    return _mean(policy, activation, evaluate, lambda residual: residual * jnp.sign(residual))


def _mean(policy: Policy, activation, evaluate, size: Callable[[Array], Array]) -> _Loss:
    """The mean of the sizes of the residuals."""

    def loss(params, batch):
        x, y = batch
        residual = evaluate(params, x, activation, accumulate=policy.accumulate) - y
        # jnp.mean would choose its own accumulator for 16-bit types; here it is the policy's.
        mean = jnp.mean(size(residual), dtype=policy.accumulate)
        return mean.astype(policy.compute)

    return loss
