"""How a gradient becomes an update: pure functions whose hyper-parameters are data."""

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree

from jaxlab.training.precision import add_update


def add_updates(params: PyTree, updates: PyTree, state: PyTree) -> tuple[PyTree, PyTree]:
    """``p + u`` by :func:`jaxlab.training.precision.add_update`; the state is handed on.

    Examples
    --------
    >>> add_updates(jnp.bfloat16(1), jnp.bfloat16(1e-3), ())
    (Array(1, dtype=bfloat16), ())
    """
    return jax.tree.map(add_update, params, updates), state


class Update(NamedTuple):
    """An optimiser as three pure functions.

    Attributes
    ----------
    init
        ``init(key, params) -> state``; the parameters come in the policy's ``update`` dtype.
    step
        ``step(gradient, state, params) -> (updates, state)``; all in the ``update`` dtype, and the
        updates are *added* to the parameters.
    apply
        ``apply(params, updates, state) -> (params, state)``: the addition, with the parameters in
        the policy's ``parameters`` dtype. An optimiser that rounds in a way of its own, such as
        :func:`jaxlab.training.low_precision`, brings one.
    """

    init: Callable[[Key[Array, ""], PyTree], PyTree]
    step: Callable[[PyTree, PyTree, PyTree], tuple[PyTree, PyTree]]
    apply: Callable[[PyTree, PyTree, PyTree], tuple[PyTree, PyTree]] = add_updates


class DescentState(NamedTuple):
    """State of :func:`gradient_descent`: the learning rate, in the update dtype."""

    learning_rate: Float[Array, ""]


class PerturbedState(NamedTuple):
    """State of :func:`perturbed_gradient_descent`: the key and both hyper-parameters."""

    key: Key[Array, ""]
    learning_rate: Float[Array, ""]
    epsilon: Float[Array, ""]


def gradient_descent(learning_rate: float | Float[Array, ""]) -> Update:
    """Gradient descent, ``u = -lr g``: one rounding of ``lr`` and one of the product.

    The rate lives in the state, so one compiled program serves every rate, and a grid of rates is
    a ``vmap`` (see the ``learning_rate`` of :func:`jaxlab.training.ensemble`).

    Parameters
    ----------
    learning_rate
        A number or a scalar array, traced or not.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> descent = gradient_descent(0.5)
    >>> state = descent.init(jax.random.key(0), jnp.ones(2))
    >>> descent.step(jnp.array([1.0, -2.0]), state, jnp.ones(2))[0]
    Array([-0.5,  1. ], dtype=float32)
    """

    def init(key, params):
        return DescentState(_scalar(learning_rate, params))

    def step(gradient, state, params):
        return jax.tree.map(lambda g: -(_like(state.learning_rate, g) * g), gradient), state

    return Update(init, step)


def perturbed_gradient_descent(
    learning_rate: float | Float[Array, ""],
    epsilon: float | Float[Array, ""],
    biases_only: bool = True,
) -> Update:
    """Gradient descent with relative noise: ``u = -lr g (1 + epsilon U)``, ``U ~ U[-1, 1)``.

    The model of inexact gradients of Karner, Kazeev and Petersen (2024,
    doi:10.1007/s10444-024-10106-x; our reconstruction). ``U`` is drawn anew for every entry and
    step, in float32 whatever the update dtype, so that every format sees the same noise. With
    ``epsilon = 0`` the updates are bitwise those of :func:`gradient_descent`. The noise is meant
    for a wide update dtype: where ``epsilon`` is below its unit roundoff, ``1 + epsilon U`` is 1.

    Parameters
    ----------
    learning_rate
        A number or a scalar array.
    epsilon
        Relative extent of the noise, a number or a scalar array.
    biases_only
        Perturb only leaves called ``bias``; the others follow plain gradient descent.

    Raises
    ------
    ValueError
        If ``biases_only`` and no leaf is called ``bias``.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> noisy = perturbed_gradient_descent(1.0, 0.25, biases_only=False)
    >>> state = noisy.init(jax.random.key(0), jnp.ones(3))
    >>> updates, state = noisy.step(jnp.ones(3), state, jnp.ones(3))
    >>> bool(jnp.all(jnp.abs(updates + 1) <= 0.25))
    True
    """

    def init(key, params):
        if biases_only and not any(is_bias(path) for path, _ in _leaves(params)):
            raise ValueError("biases_only: got params without a leaf called 'bias'")
        return PerturbedState(key, _scalar(learning_rate, params), _scalar(epsilon, params))

    def step(gradient, state, params):
        key, draw = jax.random.split(state.key)
        leaves, structure = jax.tree.flatten_with_path(gradient)
        updates = []
        for index, (path, g) in enumerate(leaves):
            u = _like(state.learning_rate, g) * g
            if not biases_only or is_bias(path):
                u = u * _noise(jax.random.fold_in(draw, index), state.epsilon, g)
            updates.append(-u)
        return jax.tree.unflatten(structure, updates), state._replace(key=key)

    return Update(init, step)


def from_optax(transformation: Any) -> Update:
    """Adapt an optax ``GradientTransformation``; its state follows the policy's ``update`` dtype.

    optax promotes integer counters to floats by JAX's standard rules, so its code is traced under
    them whatever the caller's setting; a transformation that returns updates of another dtype is
    refused by :func:`jaxlab.training.train` all the same. Adam's ``eps = 1e-8`` is zero in
    float16: choose ``eps`` and the update dtype together, or have optax compute in float32 on
    narrow parameters and state with :func:`jaxlab.training.low_precision`.

    Examples
    --------
    >>> import jax, jax.numpy as jnp, optax
    >>> momentum = from_optax(optax.sgd(0.5, momentum=0.9))
    >>> state = momentum.init(jax.random.key(0), jnp.ones(1))
    >>> momentum.step(jnp.ones(1), state, jnp.ones(1))[0]
    Array([-0.5], dtype=float32)
    """

    def init(key, params):
        with standard_promotion():
            return transformation.init(params)

    def step(gradient, state, params):
        with standard_promotion():
            return transformation.update(gradient, state, params)

    return Update(init, step)


def is_bias(path: Any) -> bool:
    """Whether a leaf's path in its pytree ends with the name ``bias``.

    Examples
    --------
    >>> [is_bias(path) for path, _ in jax.tree.leaves_with_path({"bias": 0, "weight": 1})]
    [True, False]
    """
    last = path[-1] if path else None
    return getattr(last, "name", getattr(last, "key", None)) == "bias"


@contextlib.contextmanager
def standard_promotion():
    """Promotion of dtypes and ranks as optax expects them, while its code is traced.

    Examples
    --------
    >>> with standard_promotion():
    ...     jnp.float32(1) + jnp.bfloat16(1)
    Array(2., dtype=float32)
    """
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def _scalar(value, params):
    """``value`` in the dtype of the parameters: the only rounding of a hyper-parameter."""
    return jnp.asarray(value).astype(jax.tree.leaves(params)[0].dtype)


def _like(scalar, array):
    """A scalar spread over the shape and dtype of an array (rank promotion is never implicit)."""
    return jnp.broadcast_to(scalar.astype(array.dtype), array.shape)


def _noise(key, epsilon, gradient):
    """``1 + epsilon U`` in the gradient's dtype."""
    uniform = jax.random.uniform(key, gradient.shape, jnp.float32, -1.0, 1.0)
    return 1 + _like(epsilon, gradient) * uniform.astype(gradient.dtype)


def _leaves(tree):
    return jax.tree.leaves_with_path(tree)
