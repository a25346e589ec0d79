"""Worst-case perturbations of any map: gradient ascent with Nesterov's momentum, by autodiff.

A reconstruction ``fn`` is as stable at ``x`` as the largest change ``||fn(x + r) - fn(x)||`` over
small ``r``. The search follows the gradient of the squared change from several random starts.
What it finds is a **lower bound** of the worst case: a small quotient proves nothing by itself. For
a linear ``fn`` the worst quotient is the largest singular value.

Two forms share one loop: perturbations of bounded norm, :func:`worst_case`, and perturbations
whose squared norm is a price, :func:`penalised`.

References
----------
Antun, Renna, Poon, Adcock, Hansen, PNAS 117 (2020) 30088, doi 10.1073/pnas.1907377117 (the
penalised form); Colbrook, Antun, Hansen, PNAS 2022, doi 10.1073/pnas.2107151119.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Inexact, Int, Key

from jaxlab.inverse.proximal import ball, norm, scaled

Number = float | Float[Array, ""]
Field = Inexact[Array, "..."]


class Worst(NamedTuple):
    """The best perturbation of a search, over all steps of all restarts.

    Attributes
    ----------
    perturbation
        ``r``, like ``x``. Zero if no step of any restart was finite and better than that.
    change
        ``||fn(x + r) - fn(x)||_2``.
    quotient
        ``change / ||r||_2``, a lower bound of the worst one; 0 for ``r = 0``.
    changes, quotients
        ``[restart]``, of the best step of each one.
    status
        ``[restart]``: 0 ok; 1 if a value or gradient was not finite. The restart stays before that
        step, and what it had found counts.
    """

    perturbation: Field
    change: Float[Array, ""]
    quotient: Float[Array, ""]
    changes: Float[Array, " restart"]
    quotients: Float[Array, " restart"]
    status: Int[Array, " restart"]


class _Climb(NamedTuple):
    """State of one restart: two last places, and the best one seen."""

    place: Field
    previous: Field
    best: Field
    value: Float[Array, ""]
    broken: Bool[Array, ""]


def worst_case(
    key: Key[Array, ""],
    fn: Callable[[Field], Field],
    x: Field,
    *,
    radius: Number,
    steps: int,
    rate: Number = 1.0,
    momentum: Number = 0.5,
    restarts: int = 1,
) -> Worst:
    """Search the largest ``||fn(x + r) - fn(x)||_2`` over ``||r||_2 <= radius``.

    Projected ascent along the *direction* of the gradient, so that one rate suits every radius and
    every scale of ``fn``. Pure: jit it, and vmap it over ``x``, ``radius`` and ``key``.

    Parameters
    ----------
    key
        For the starts, uniform on the sphere of this radius.
    fn
        Differentiable map of one array to one array, real or complex, of any shapes.
    x
        Where it is perturbed. ``r`` has its dtype: for tiny radii, mind the rounding of ``x + r``.
    radius
        Of the ball, positive.
    steps
        Evaluations of ``fn`` with its gradient, per restart.
    rate
        Length of a step, in radii.
    momentum
        Nesterov's, in [0, 1).
    restarts
        Searches side by side.

    Examples
    --------
    >>> stretch = jnp.array([1.0, 3.0, 2.0])
    >>> found = worst_case(
    ...     jax.random.key(0), lambda x: stretch * x, jnp.ones(3), radius=0.1, steps=50)
    >>> round(float(found.quotient), 3)
    3.0
    """
    radius = jnp.asarray(radius, jnp.finfo(x.dtype).dtype)
    starts = jax.vmap(lambda k: sphere(k, x, radius))(jax.random.split(key, restarts))

    def move(place: Field, gradient: Field) -> Field:
        size = norm(gradient)
        return place + scaled(rate * radius / jnp.where(size > 0, size, 1), gradient)

    def inside(r: Field) -> Field:
        return scaled(radius, ball(scaled(1 / radius, r)))

    return _search(fn, x, starts, 0.0, move, inside, momentum, steps)


def penalised(
    key: Key[Array, ""],
    fn: Callable[[Field], Field],
    x: Field,
    *,
    price: Number,
    steps: int,
    rate: Number = 0.01,
    momentum: Number = 0.9,
    restarts: int = 1,
    spread: Number = 1e-3,
) -> Worst:
    """Search the largest ``||fn(x + r) - fn(x)||^2 / 2 - price ||r||^2 / 2``.

    Plain ascent, as published. The objective has no maximum where the map stretches by more than
    ``sqrt(price)``: there the number of steps decides how far the search goes.

    Parameters
    ----------
    key
        For the starts: entries (real and imaginary parts) uniform in ``[0, spread)``.
    fn, x, steps, momentum, restarts
        As in :func:`worst_case`.
    price
        Of squared norm.
    rate
        The gradient is multiplied by it.
    spread
        Size of the starts.

    Examples
    --------
    >>> found = penalised(
    ...     jax.random.key(0), jnp.sin, jnp.zeros(1), price=0.01, steps=300, rate=0.1)
    >>> round(float(found.change), 3)
    1.0
    """

    def start(k: Array) -> Field:
        parts = jax.random.uniform(k, (2, *x.shape), jnp.finfo(x.dtype).dtype) * spread
        return jax.lax.complex(*parts) if jnp.iscomplexobj(x) else parts[0]

    starts = jax.vmap(start)(jax.random.split(key, restarts))
    return _search(
        fn, x, starts, price, lambda place, g: place + rate * g, lambda r: r, momentum, steps
    )


def sphere(key: Key[Array, ""], like: Field, radius: Number) -> Field:
    """A random array of norm ``radius``, uniform on the sphere: the control of every search.

    Examples
    --------
    >>> round(float(norm(sphere(jax.random.key(0), jnp.zeros((2, 3)), 0.5))), 6)
    0.5
    """
    direction = jax.random.normal(key, like.shape, like.dtype)
    return scaled(radius / norm(direction), direction)


def _search(
    fn: Callable[[Field], Field],
    x: Field,
    starts: Field,
    price: Any,
    move: Callable[[Field, Field], Field],
    inside: Callable[[Field], Field],
    momentum: Any,
    steps: int,
) -> Worst:
    """Every restart evaluates ``fn`` at the place its momentum points to, and nowhere else."""
    reference = fn(x)

    def objective(r: Field) -> Array:
        return (norm(fn(x + r) - reference) ** 2 - price * norm(r) ** 2) / 2

    def step(state: _Climb, _: None) -> tuple[_Climb, None]:
        ahead = inside(state.place + momentum * (state.place - state.previous))
        value, gradient = jax.value_and_grad(objective)(ahead)
        finite = jnp.isfinite(value) & jnp.all(jnp.isfinite(gradient))
        better = finite & (value > state.value)
        moved = inside(move(ahead, jnp.conj(gradient)))
        return _Climb(
            jnp.where(finite, moved, state.place),
            jnp.where(finite, state.place, state.previous),
            jnp.where(better, ahead, state.best),
            jnp.where(better, value, state.value),
            state.broken | ~finite,
        ), None

    def climb(start: Field) -> _Climb:
        zero = jnp.zeros((), jnp.finfo(x.dtype).dtype)
        begin = _Climb(start, start, jnp.zeros_like(x), zero, jnp.zeros((), bool))
        return jax.lax.scan(step, begin, length=steps)[0]

    found = jax.vmap(climb)(starts)
    sizes = jax.vmap(norm)(found.best)
    changes = jnp.sqrt(2 * found.value + price * sizes**2)
    quotients = changes / jnp.where(sizes > 0, sizes, 1)
    first = jnp.argmax(found.value)
    return Worst(
        found.best[first],
        changes[first],
        quotients[first],
        changes,
        quotients,
        found.broken.astype(jnp.int32),
    )
