"""How much a problem amplifies relative errors of its data, whatever the algorithm.

Everything is computed in the dtype of the arguments; wrap a call in
:func:`jaxlab.arithmetic.in_float64` for condition numbers that are themselves well computed:
``in_float64(jax.jit(lambda p: gradient_condition(loss, p, key)))(params)``.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from jaxlab.arithmetic.draws import normal64

_HIGHEST = jax.lax.Precision.HIGHEST


class NormEstimate(NamedTuple):
    """The 2-norm of a linear map by Lanczos iteration.

    Attributes
    ----------
    value
        A lower bound of the norm, up to rounding.
    residual
        ``||A v - value v|| / value`` of the symmetric map ``A`` iterated with: some eigenvalue is
        that close to ``value``, relatively and up to rounding.
    steps
        Lanczos steps taken; fewer than asked where the space was exhausted.
    """

    value: Float[Array, ""]
    residual: Float[Array, ""]
    steps: Int[Array, ""]


class Condition(NamedTuple):
    """A condition number and the norm estimate that it rests on.

    Attributes
    ----------
    value
        Relative change of the result per relative change of the data, in the 2-norm.
    norm
        The estimated norm of the derivative.
    """

    value: Float[Array, ""]
    norm: NormEstimate


class BackwardError(NamedTuple):
    """Smallest change of the parameters that explains a computed gradient, to first order.

    Attributes
    ----------
    perturbation
        ``dtheta``, like the parameters.
    relative
        ``||dtheta|| / ||theta||``.
    residual
        ``||H dtheta - (g_hat - g)|| / ||g_hat - g||``: the part of the error that no change of the
        parameters explains, 1 if none of it is explained.
    steps
        Iterations taken.
    converged
        Whether the gradient of the least-squares problem fell below the tolerance.
    """

    perturbation: PyTree
    relative: Float[Array, ""]
    residual: Float[Array, ""]
    steps: Int[Array, ""]
    converged: Bool[Array, ""]


def inner_product_condition(w: Float[Array, " n"], x: Float[Array, " n"]) -> Float[Array, ""]:
    """``|w|^T |x| / |w^T x|``: what the relative error bound of a dot is multiplied by.

    Higham, Accuracy and Stability of Numerical Algorithms (2002, doi:10.1137/1.9780898718027),
    section 3.1. Infinite for orthogonal vectors.

    Examples
    --------
    >>> float(inner_product_condition(jnp.array([1.0, 1.0]), jnp.array([3.0, -2.0])))
    5.0
    """
    return _ratio(_dot(jnp.abs(w), jnp.abs(x)), jnp.abs(_dot(w, x)))


def activation_condition(
    activation: Callable[[Array], Array], x: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """``|x phi'(x) / phi(x)|`` entrywise, 0/0 being 0.

    Parameters
    ----------
    activation
        Any entrywise JAX function.
    x
        Where, any shape.

    Examples
    --------
    >>> activation_condition(lambda x: x**3, jnp.array([-2.0, 0.0, 0.5]))
    Array([3., 0., 3.], dtype=float32)
    """
    value, slope = jax.jvp(activation, (x,), (jnp.ones_like(x),))
    return _ratio(jnp.abs(x * slope), jnp.abs(value))


def normwise_condition(
    fn: Callable[[Any], Any], x: PyTree, key: Key[Array, ""], steps: int = 32
) -> Condition:
    """``||J|| ||x|| / ||f(x)||`` in the 2-norm, with ``J`` the Jacobian of ``fn`` at ``x``.

    Rice (1966, doi:10.1137/0703023). The norm comes from Lanczos iteration with ``J^T J``, a
    ``jvp`` and a ``vjp`` a step.

    Parameters
    ----------
    fn
        A differentiable function of one pytree of floating arrays of one dtype.
    x
        The point.
    key
        For the starting vector.
    steps
        Lanczos steps; as many vectors of the size of ``x`` are kept.

    Examples
    --------
    >>> scale = lambda x: x * jnp.array([1.0, 100.0])
    >>> round(float(normwise_condition(scale, jnp.ones(2), jax.random.key(0)).value), 3)
    1.414
    """
    flat, unravel = ravel_pytree(x)

    def function(vector):
        return ravel_pytree(fn(unravel(vector)))[0]

    value, pushforward = jax.linearize(function, flat)
    pullback = jax.linear_transpose(pushforward, flat)
    squared = _lanczos(lambda v: pullback(pushforward(v))[0], flat, key, steps)
    norm = squared._replace(value=jnp.sqrt(squared.value))
    return Condition(_ratio(norm.value * _norm(flat), _norm(value)), norm)


def componentwise_condition(fn: Callable[[Any], Any], x: PyTree) -> Float[Array, " outputs"]:
    """``(|J| |x|)_i / |f_i(x)|``: relative change of each output per relative change of each input.

    One ``vjp`` for each output, one after the other.

    Parameters
    ----------
    fn
        A differentiable function of one pytree of floating arrays of one dtype.
    x
        The point.

    Returns
    -------
    One number for each entry of the result, in the order of its leaves.

    Examples
    --------
    >>> componentwise_condition(lambda x: x[0] - x[1], jnp.array([3.0, 2.0]))
    Array([5.], dtype=float32)
    """
    flat, unravel = ravel_pytree(x)
    value, pullback = jax.vjp(lambda vector: ravel_pytree(fn(unravel(vector)))[0], flat)

    def row(unit):
        return _dot(jnp.abs(pullback(unit)[0]), jnp.abs(flat))

    return _ratio(jax.lax.map(row, jnp.eye(value.size, dtype=value.dtype)), jnp.abs(value))


def gradient_condition(
    loss: Callable[[Any], Array], params: PyTree, key: Key[Array, ""], steps: int = 32
) -> Condition:
    """``kappa_g = ||H|| ||theta|| / ||g||``: condition number of the gradient.

    ``H`` is the Hessian of the loss and ``g`` its gradient. The norm comes from Lanczos iteration
    with Hessian-vector products.

    Parameters
    ----------
    loss
        A scalar function of the parameters alone.
    params
        Pytree of floating arrays of one dtype.
    key, steps
        As in :func:`normwise_condition`.

    Examples
    --------
    >>> loss = lambda p: 0.5 * (p[0] ** 2 + 9 * p[1] ** 2)
    >>> kappa = gradient_condition(loss, jnp.array([1.0, 0.0]), jax.random.key(0))
    >>> round(float(kappa.value), 3), round(float(kappa.norm.value), 3)
    (9.0, 9.0)
    """
    flat, gradient, hessian = _second_order(loss, params)
    norm = _lanczos(hessian, flat, key, steps)
    return Condition(_ratio(norm.value * _norm(flat), _norm(gradient)), norm)


def linearised_backward_error(
    loss: Callable[[Any], Array],
    params: PyTree,
    gradient_hat: PyTree,
    *,
    tolerance: float | None = None,
    max_steps: int | None = None,
) -> BackwardError:
    """The least ``||dtheta||`` with ``H dtheta = g_hat - g``: to first order, a backward error.

    ``g_hat`` is then nearly the exact gradient at ``theta + dtheta``. A minimum-norm least-squares
    solution by conjugate gradients on the normal equations (CGLS; Hestenes and Stiefel 1952,
    doi:10.6028/jres.049.044), started from zero so that it stays in the range of ``H``. What no
    perturbation explains, where ``H`` is singular, is in ``residual``.

    Parameters
    ----------
    loss
        A scalar function of the parameters alone.
    params
        Pytree of floating arrays of one dtype, float64 for a meaningful result.
    gradient_hat
        The computed gradient, like ``params``; converted to their dtype.
    tolerance
        Stop once ``||H r||`` has fallen by this factor; default: 100 unit roundoffs.
    max_steps
        Default: four times the number of parameters.

    Examples
    --------
    >>> loss = lambda p: 0.5 * (p[0] ** 2 + 4 * p[1] ** 2)
    >>> error = linearised_backward_error(loss, jnp.ones(2), jnp.array([1.0, 4.5]))
    >>> [round(float(d), 4) for d in error.perturbation], bool(error.converged)
    ([0.0, 0.125], True)
    """
    flat, gradient, hessian = _second_order(loss, params)
    unravel = ravel_pytree(params)[1]
    wrong = ravel_pytree(gradient_hat)[0].astype(flat.dtype) - gradient
    if tolerance is None:
        tolerance = 50 * float(jnp.finfo(flat.dtype).eps)
    limit = 4 * flat.size if max_steps is None else max_steps
    start = hessian(wrong)
    goal = tolerance * _norm(start)

    def proceed(state):
        steps, _, _, normal, _ = state
        return (_norm(normal) > goal) & (steps < limit)

    def step(state):
        steps, solution, rest, normal, direction = state
        image = hessian(direction)
        gamma = _dot(normal, normal)
        alpha = gamma / _dot(image, image)
        solution = solution + alpha * direction
        rest = rest - alpha * image
        normal = hessian(rest)
        direction = normal + _dot(normal, normal) / gamma * direction
        return steps + 1, solution, rest, normal, direction

    state = (jnp.int32(0), jnp.zeros_like(flat), wrong, start, start)
    steps, solution, _, normal, _ = jax.lax.while_loop(proceed, step, state)
    residual = _ratio(_norm(hessian(solution) - wrong), _norm(wrong))
    relative = _ratio(_norm(solution), _norm(flat))
    return BackwardError(unravel(solution), relative, residual, steps, _norm(normal) <= goal)


def _second_order(loss, params):
    """Flat parameters, gradient and the Hessian-vector product."""
    flat, unravel = ravel_pytree(params)
    return flat, *jax.linearize(jax.grad(lambda vector: loss(unravel(vector))), flat)


def _lanczos(matvec, like, key, steps: int) -> NormEstimate:
    """Largest absolute eigenvalue of a symmetric map, by Lanczos with full reorthogonalisation.

    Golub and Van Loan, Matrix Computations (2013), chapter 10.
    """
    steps = min(steps, like.size)
    start = normal64(key, like.shape).astype(like.dtype)

    def orthogonalised(v, basis):
        return v - _dot(_dot(basis, v), basis)

    def step(i, state):
        basis, alphas, betas, v, taken = state
        basis = basis.at[i].set(v)
        image = matvec(v)
        alpha = _dot(v, image)
        rest = orthogonalised(orthogonalised(image, basis), basis)
        beta = _norm(rest)
        alive = beta > 10 * jnp.finfo(v.dtype).eps * _norm(image)  # else the space is exhausted
        taken = jnp.where(_norm(v) > 0, i + 1, taken)
        v = jnp.where(alive, rest / beta, jnp.zeros_like(v))
        betas = betas.at[i].set(jnp.where(alive, beta, jnp.zeros_like(beta)))
        return basis, alphas.at[i].set(alpha), betas, v, taken

    zeros = jnp.zeros(steps, like.dtype)
    basis = jnp.zeros((steps, like.size), like.dtype)
    state = (basis, zeros, zeros, start / _norm(start), jnp.int32(0))
    _, alphas, betas, _, taken = jax.lax.fori_loop(0, steps, step, state)
    off = betas[:-1]
    values, vectors = jnp.linalg.eigh(jnp.diag(alphas) + jnp.diag(off, 1) + jnp.diag(off, -1))
    value = jnp.max(jnp.abs(values))
    last = jnp.where(jnp.abs(values) == value, jnp.abs(vectors[-1]), jnp.zeros_like(values))
    return NormEstimate(value, _ratio(betas[-1] * jnp.max(last), value), taken)


def _dot(x, y):
    return jnp.dot(x, y, precision=_HIGHEST)


def _norm(x):
    return jnp.sqrt(_dot(x, x))


def _ratio(numerator, denominator):
    """0 where the numerator is 0, also over 0."""
    return jnp.where(numerator == 0, jnp.zeros_like(numerator), numerator / denominator)
