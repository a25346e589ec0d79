"""The sum ``p + u`` rounded once to a format: plainly, with a compensation, or in a master copy.

Everything here is float64 inside, whatever the arrays are stored in and whether x64 is on or off.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree

from jaxlab.arithmetic import Format, float64, round_to
from jaxlab.arithmetic.carriers import odd_sum
from jaxlab.training._plan import Plan, carrier


def first_memory(plan: Plan, params: PyTree) -> PyTree:
    """The master copy of some parameters, or a compensation of zero, or None."""
    fmt = plan.memory
    if fmt is None:
        return None

    def leaf(p):
        return (round_to(p, fmt) if plan.master else jnp.zeros_like(p)).astype(carrier(fmt))

    return jax.tree.map(leaf, params)


def add(
    plan: Plan, params: PyTree, updates: PyTree, memory: PyTree, key: Key[Array, ""] | None
) -> tuple[PyTree, PyTree]:
    """Parameters and memory after a step; a key asks for stochastic rounding."""
    leaves, structure = jax.tree.flatten(params)
    memories = [None] * len(leaves) if memory is None else jax.tree.leaves(memory)
    added, remembered = [], []
    for index, (p, u, m) in enumerate(zip(leaves, jax.tree.leaves(updates), memories, strict=True)):
        draw = None if key is None else jax.random.fold_in(key, index)
        if m is None:
            p = add_plainly(p, u, plan.parameters, draw)
        elif plan.master is not None:
            p, m = add_to_master(m, u, plan.master, plan.parameters, p.dtype, draw)
        else:
            p, m = add_compensated(p, u, m, plan.parameters, plan.compensation)
        added.append(p)
        remembered.append(m)
    unflatten = structure.unflatten
    return unflatten(added), None if memory is None else unflatten(remembered)


def add_plainly(
    parameter: Float[Array, "*shape"],
    update: Float[Array, "*shape"],
    fmt: Format,
    key: Key[Array, ""] | None,
) -> Float[Array, "*shape"]:
    """``p + u`` rounded once to ``fmt``, in the dtype of ``p``.

    Examples
    --------
    >>> from jaxlab.arithmetic import bfloat16
    >>> add_plainly(jnp.bfloat16(1), jnp.float32(-1e-3), bfloat16, None)
    Array(1, dtype=bfloat16)
    """
    with jax.enable_x64(True):
        return _round(_sum(parameter, update, fmt), fmt, key).astype(parameter.dtype)


def add_compensated(
    parameter: Float[Array, "*shape"],
    update: Float[Array, "*shape"],
    compensation: Float[Array, "*shape"],
    fmt: Format,
    compensation_format: Format,
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    """``p + u`` to nearest, and what the rounding left out, to be added at the next step.

    Compensated summation (Kahan 1965, doi:10.1145/363707.363723), used for weights by Zamirai et
    al. (2020, arXiv:2010.06192).

    Examples
    --------
    >>> from jaxlab.arithmetic import bfloat16
    >>> one, nothing = jnp.bfloat16(1), jnp.bfloat16(0)
    >>> add_compensated(one, jnp.float32(-1e-3), nothing, bfloat16, bfloat16)
    (Array(1, dtype=bfloat16), Array(-0.000999451, dtype=bfloat16))
    """
    with jax.enable_x64(True):
        due = _sum(compensation, update, float64)
        new = _round(_sum(parameter, due, fmt), fmt, None)
        left = _round(due - (new - parameter.astype(jnp.float64)), compensation_format, None)
        return new.astype(parameter.dtype), left.astype(compensation.dtype)


def add_to_master(
    master: Float[Array, "*shape"],
    update: Float[Array, "*shape"],
    master_format: Format,
    fmt: Format,
    dtype: Any,
    key: Key[Array, ""] | None,
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    """``m + u`` rounded to the master's format, then rounded to ``fmt`` in ``dtype``; and itself.

    Micikevicius et al. (2018, arXiv:1710.03740).

    Examples
    --------
    >>> from jaxlab.arithmetic import bfloat16, float32
    >>> add_to_master(jnp.float32(1), jnp.float32(-1e-3), float32, bfloat16, jnp.bfloat16, None)
    (Array(1, dtype=bfloat16), Array(0.999, dtype=float32))
    """
    with jax.enable_x64(True):
        wide = _round(_sum(master, update, master_format), master_format, None)
        return _round(wide, fmt, key).astype(dtype), wide.astype(master.dtype)


def _sum(a, b, fmt: Format):
    """``a + b`` in float64: rounding the sum once more, to ``fmt``, is the only rounding."""
    # The comparison keeps a product inside b from fusing with the sum.
    b = jnp.where(b == b, b, jnp.array(jnp.nan, b.dtype)).astype(jnp.float64)
    a = a.astype(jnp.float64)
    return a + b if fmt.holds(float64) else odd_sum(a, b)


def _round(x, fmt: Format, key):
    """To nearest; with a key stochastically, 32 random bits: a bias below ``2**-32`` of a gap."""
    if key is None:
        return round_to(x, fmt)
    return round_to(x, fmt, "stochastic", key, random_bits=32)
