"""How the moments of an optimiser are kept in a low-precision format between two steps."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key, PyTree

from jaxlab.arithmetic import Format, as_format, round_to
from jaxlab.training._plan import Plan, carrier
from jaxlab.training.precision import convert
from jaxlab.training.updates import standard_promotion


class Moment(NamedTuple):
    """A stored array of moments: ``values * 2**exponent``.

    Attributes
    ----------
    values
        Values of the moments' format, in the dtype that carries it.
    exponent
        One for the whole array, or None where moments are stored as they are.
    """

    values: Float[Array, "*shape"]
    exponent: Int[Array, ""] | None


def keep(plan: Plan, state: PyTree, which: PyTree, key: Key[Array, ""] | None) -> PyTree:
    """The state of an optax transformation with its moments rounded and stored as :class:`Moment`.

    ``which`` says for every leaf whether it is a moment, see :func:`which_are_moments`; a key asks
    for stochastic rounding.
    """
    leaves, structure = jax.tree.flatten(state)
    kept = []
    for index, (leaf, moment) in enumerate(zip(leaves, jax.tree.leaves(which), strict=True)):
        if moment:
            draw = None if key is None else jax.random.fold_in(key, index)
            leaf = store(convert(leaf, plan.arithmetic), plan.moments, draw, plan.scaled_moments)
        kept.append(leaf)
    return jax.tree.unflatten(structure, kept)


def widen(plan: Plan, state: PyTree) -> PyTree:
    """The state as optax knows it, its moments in the dtype of the arithmetic; exact."""

    def leaf(kept):
        return load(kept, plan.arithmetic) if _is_stored(kept) else kept

    return jax.tree.map(leaf, state, is_leaf=_is_stored)


def which_are_moments(plan: Plan, transformation: Any, state: PyTree) -> PyTree:
    """For every leaf of optax's state whether it is kept in the format of the moments.

    These are the floating-point arrays that belong to a parameter. Where that format is the
    arithmetic itself there are none, so that optax is not asked.
    """
    if plan.moments.holds(as_format(plan.arithmetic)):
        return jax.tree.map(lambda leaf: False, state)
    with standard_promotion():
        return optax.tree_map_params(
            transformation,
            lambda leaf: bool(jnp.issubdtype(leaf.dtype, jnp.floating)),
            state,
            transform_non_params=lambda leaf: False,
        )


def store(
    x: Float[Array, "*shape"], fmt: Format, key: Key[Array, ""] | None, scaled: bool
) -> Moment:
    """Round an array of moments to its format; finite ones beyond it become its largest number.

    With ``scaled`` the array is first multiplied by the power of two that takes its largest entry
    into ``[2**(emax - 1), 2**emax)``, the binade below the format's highest one. With a key the
    rounding is stochastic.

    Examples
    --------
    >>> from jaxlab.arithmetic import float16
    >>> x = jnp.array([1e-14, 1e6])
    >>> store(x, float16, None, scaled=False).values
    Array([0.00e+00, 6.55e+04], dtype=float16)
    >>> store(x[:1], float16, None, scaled=True)
    Moment(values=Array([2.306e+04], dtype=float16), exponent=Array(-61, dtype=int32))
    """
    exponent = None
    if scaled:
        _, top = jnp.frexp(jnp.max(jnp.abs(x), initial=0.0))
        limit = int(jnp.finfo(x.dtype).maxexp) - 2  # so that both powers of two are normal
        exponent = jnp.clip(top - fmt.emax, -limit, limit).astype(jnp.int32)
        x = _times_power_of_two(x, -exponent)
    x = jnp.where(jnp.isfinite(x), jnp.clip(x, -fmt.max, fmt.max), x)
    rounding = "nearest_even" if key is None else "stochastic"
    return Moment(round_to(x, fmt, rounding, key).astype(carrier(fmt)), exponent)


def load(moment: Moment, dtype: Any) -> Float[Array, "*shape"]:
    """The moments in a dtype that holds them; exact.

    Examples
    --------
    >>> load(Moment(jnp.float16(3), jnp.int32(-2)), jnp.float32)
    Array(0.75, dtype=float32)
    """
    wide = moment.values.astype(dtype)
    return wide if moment.exponent is None else _times_power_of_two(wide, moment.exponent)


def _times_power_of_two(x, exponent):
    return x * jnp.broadcast_to(jnp.ldexp(jnp.ones((), x.dtype), exponent), x.shape)


def _is_stored(leaf):
    return isinstance(leaf, Moment)
