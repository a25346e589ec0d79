"""Descent to the end: an iteration on a finite set of numbers stops moving, or goes in circles.

An optimiser whose step depends on parameters and state alone, both of a fixed number of bits,
visits a pair of them twice at last, and repeats from there what it did before. Brent's method
finds out for the price of one comparison a step, so that "frozen" is a fact and not a tolerance,
and a run that is frozen after a hundred steps need not be followed for two million.

References
----------
Brent, BIT 20 (1980) 176, doi 10.1007/BF01933190 (finding cycles).
"""

import functools
import operator
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Key, PyTree

from jaxlab.training import Update


class Descent(NamedTuple):
    """What an optimiser did.

    Attributes
    ----------
    params
        The pytree of parameters with a leading axis of checkpoints.
    moved
        Steps until the parameters changed for the last time; 0 if they never did.
    period
        Steps after which parameters and optimiser state come back for ever: 1 at a fixed point, 0
        where no cycle was found. What ``params`` shows after a longer cycle was found is one of
        its points.
    """

    params: PyTree
    moved: Int[Array, ""]
    period: Int[Array, ""]


class _Carry(NamedTuple):
    """``mark``: parameters and state after ``marked`` steps, the last power of two."""

    step: Int[Array, ""]
    params: PyTree
    state: PyTree
    mark: PyTree
    marked: Int[Array, ""]
    moved: Int[Array, ""]
    period: Int[Array, ""]


def descend(
    gradient: Callable[[PyTree], PyTree],
    params: PyTree,
    update: Update,
    checkpoints: Int[Array, " checkpoints"],
    key: Key[Array, ""],
) -> Descent:
    """Take steps until the last checkpoint or until everything repeats. Pure: ``jit`` it.

    The steps are those of :func:`jaxlab.training.train` with the full batch, bit for bit, where the
    gradient has the dtype of the parameters.

    Parameters
    ----------
    gradient
        Of the parameters, in the dtype that ``update`` expects.
    params
        Where to start.
    update
        See :mod:`jaxlab.training.updates`.
    checkpoints
        Increasing numbers of steps, below ``2**31``.
    key
        For the optimiser.

    Returns
    -------
    :class:`Descent`.

    Examples
    --------
    In bfloat16 the tenth of the gradient is soon below half a gap:

    >>> from jaxlab.training import gradient_descent
    >>> found = descend(lambda p: p - 3, jnp.bfloat16(1), gradient_descent(0.1),
    ...                 jnp.array([1, 10, 1000]), jax.random.key(0))
    >>> found.params, int(found.moved), int(found.period)
    (Array([1.20312, 2.29688, 2.9375], dtype=bfloat16), 31, 1)
    """
    none = jnp.zeros((), jnp.int32)
    state = update.init(key, params)

    def advance(carry: _Carry) -> _Carry:
        updates, state = update.step(gradient(carry.params), carry.state, carry.params)
        params, state = update.apply(carry.params, updates, state)
        now = carry.step + 1
        both = (params, state)
        still = _equal(both, (carry.params, carry.state))
        back = _equal(both, carry.mark)
        renew = (now & carry.step) == 0
        return _Carry(
            now,
            params,
            state,
            mark=jax.tree.map(functools.partial(jnp.where, renew), both, carry.mark),
            marked=jnp.where(renew, now, carry.marked),
            moved=jnp.where(_equal(params, carry.params), carry.moved, now),
            period=jnp.where(still, none + 1, jnp.where(back, now - carry.marked, none)),
        )

    def segment(carry: _Carry, end: Array) -> tuple[_Carry, PyTree]:
        def going(carry: _Carry) -> Bool[Array, ""]:
            return (carry.step < end) & (carry.period == 0)

        carry = jax.lax.while_loop(going, advance, carry)
        return carry, carry.params

    carry = _Carry(none, params, state, (params, state), none, none, none)
    carry, seen = jax.lax.scan(segment, carry, checkpoints.astype(jnp.int32))
    return Descent(seen, carry.moved, carry.period)


def _equal(some: PyTree, others: PyTree) -> Bool[Array, ""]:
    same = jax.tree.leaves(jax.tree.map(lambda a, b: jnp.all(a == b), some, others))
    return functools.reduce(operator.and_, same, jnp.ones((), bool))
