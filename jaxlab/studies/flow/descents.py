"""Gradient descent on a ReLU risk in any arithmetic, every iterate kept in float64.

An arithmetic is named ``float32``, ``bfloat16``, ... for what this device does in that dtype, or
``p=8`` for an emulated one: every operation rounded once to 8 bits, exponents as in float32. Either
way parameters travel as float64 numbers. *Narrow* runs round the update and the stored parameters
as well; the others compute nothing but the gradient in the arithmetic.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from jaxlab.arithmetic import round_to, rounded
from jaxlab.flows import relu_risk
from jaxlab.flows.relu_risk import Problem, Shallow
from jaxlab.studies._arithmetics import format_of, is_emulated
from jaxlab.training.precision import add_update, convert_tree


def stored(params: Shallow, name: str) -> Shallow:
    """Parameters rounded to the format of an arithmetic.

    Examples
    --------
    >>> third = Shallow(jnp.ones(1), jnp.ones(1), jnp.ones(1), jnp.array(1 / 3))
    >>> float(stored(third, "p=2").shift)
    0.375
    """
    return jax.tree.map(lambda leaf: round_to(leaf, format_of(name)), params)


def force(name: str, problem: Problem) -> Callable[[Shallow], Shallow]:
    """The generalised gradient in an arithmetic, from and to float64 numbers.

    Its argument is rounded first.
    """
    if is_emulated(name):
        return rounded(lambda params: relu_risk.gradient(params, problem), format_of(name))

    def native(params: Shallow) -> Shallow:
        narrow = convert_tree(params, format_of(name).dtype)
        return convert_tree(relu_risk.gradient(narrow, problem), jnp.float64)

    return native


@functools.partial(jax.jit, static_argnames=("name", "problem", "rate", "records", "every"))
def descend(
    starts: Shallow,
    narrow: Bool[Array, " runs"],
    *,
    name: str,
    problem: Problem,
    rate: float,
    records: int,
    every: int = 1,
) -> tuple[Shallow, Shallow]:
    """Gradient descent from many starts.

    Parameters
    ----------
    starts
        Leaves with a leading axis ``runs``, float64.
    narrow
        Whether a run rounds its updates and its parameters too; the start is not rounded here.
    name
        The arithmetic.
    problem
        Target, density and domain.
    rate
        Learning rate; a power of two, so that no format rounds it or the product with it.
    records
        How many iterates are kept.
    every
        Steps before each of them.

    Returns
    -------
    Iterates, without the start, and the gradients of the steps that led to them, as computed at
    the iterates before; leaves ``(runs, records, ...)``.
    """
    slope = force(name, problem)
    fmt = format_of(name)

    def one(start: Shallow, narrow: Bool[Array, ""]) -> tuple[Shallow, Shallow]:
        def move(params: Array, gradient: Array) -> Array:
            moved = add_update(params, -rate * gradient)
            return jnp.where(narrow, round_to(moved, fmt), moved)

        def step(_, state: tuple[Shallow, Shallow]) -> tuple[Shallow, Shallow]:
            params, _ = state
            gradient = slope(params)
            return jax.tree.map(move, params, gradient), gradient

        def record(state, _):
            state = jax.lax.fori_loop(0, every, step, state)
            return state, state

        return jax.lax.scan(record, (start, start), None, length=records)[1]

    return jax.vmap(one)(starts, narrow)
