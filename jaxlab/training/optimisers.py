"""Any optax transformation; parameters, moments, update and master copy in their own formats.

Unlike :func:`jaxlab.training.from_optax`, where the optimiser computes in the dtype of its state,
here it computes in float32 or float64 and only what is *kept* between two steps is rounded. That
separates what a narrow store costs from what narrow arithmetic costs.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, PyTree

from jaxlab.arithmetic import round_to
from jaxlab.training._addition import add, first_memory
from jaxlab.training._moments import Moment as Moment
from jaxlab.training._moments import keep, which_are_moments, widen
from jaxlab.training._plan import (
    MomentRounding,
    Plan,
    WeightRounding,
    check_parameters,
)
from jaxlab.training.metrics import Snapshot
from jaxlab.training.precision import convert_tree, require_available
from jaxlab.training.updates import Update, from_optax


class Stagnation(NamedTuple):
    """What the last step lost to rounding, in numbers of array entries (below ``2**31``).

    Attributes
    ----------
    underflowed
        Updates that were not zero and became zero in the update's format.
    updated
        Updates that were not zero in that format.
    unchanged
        Of these, the ones whose parameter stayed the same.
    lost
        Of these, the ones that left no trace in the master copy or the compensation either.
    moments
        Moments that moved in the optimiser's arithmetic and not in the format they are kept in.
    """

    underflowed: Int[Array, ""]
    updated: Int[Array, ""]
    unchanged: Int[Array, ""]
    lost: Int[Array, ""]
    moments: Int[Array, ""]


class LowPrecisionState(NamedTuple):
    """State of :func:`low_precision`.

    Attributes
    ----------
    key
        Source of the stochastic roundings; unchanged where there are none.
    inner
        optax's own state, in which every moment that is rounded is a
        :class:`jaxlab.training.optimisers.Moment`.
    memory
        Per parameter the master copy or the compensation; None without either.
    stagnation
        Counts of the last step, all zero before the first.
    """

    key: Key[Array, ""]
    inner: PyTree
    memory: PyTree
    stagnation: Stagnation


def lost_share(snapshot: Snapshot) -> Float[Array, ""]:
    """Share of the last step's nonzero updates that left no trace: a metric for training.

    For trajectories of a :func:`low_precision` optimiser. An update is lost if the parameter stayed
    the same and neither a master copy nor a compensation remembers it. 0 before the first step.

    Examples
    --------
    >>> import optax
    >>> from jaxlab.training import Policy, train
    >>> slow = low_precision(optax.sgd(1e-3), "bfloat16")
    >>> history = train(
    ...     lambda p, data: jnp.sum(p.astype(jnp.float32)), jnp.ones(2, jnp.bfloat16), (), slow,
    ...     policy=Policy("bfloat16", "bfloat16", "float32", "float32"), checkpoints=(0, 5),
    ...     metrics={"lost": lost_share}, key=jax.random.key(0))
    >>> history.metrics["lost"]
    Array([0., 1.], dtype=float32)
    """
    stagnation = snapshot.state.stagnation
    return stagnation.lost / jnp.maximum(stagnation.updated, 1)


def low_precision(
    transformation: Any,
    parameters: Any,
    *,
    moments: Any = None,
    update: Any = None,
    master: Any = None,
    compensation: Any = None,
    rounding: WeightRounding = "nearest_even",
    moments_rounding: MomentRounding = "nearest_even",
    scaled_moments: bool = False,
    arithmetic: Any = "float32",
) -> Update:
    """Run an optax transformation on parameters and state that live in low-precision formats.

    One step: the gradient, the stored moments and the parameters (the master copy, if there is one)
    are widened to ``arithmetic``; the transformation runs there, with its betas, epsilons, counters
    and injected hyper-parameters; its moments are rounded to ``moments`` and its updates to
    ``update``; the sum ``p + u`` is formed exactly and rounded **once** to ``parameters``.

    With ``parameters``, ``moments`` and ``update`` in ``arithmetic`` the bits are optax's own.

    Parameters are carried by the dtype they come in, which must hold their format: bfloat16 by
    bfloat16 or float32, float8_e4m3fn by float32. For :func:`jaxlab.training.train` that is the
    policy's ``parameters``, and its ``update`` must be ``arithmetic``. In a loop of your own::

        state = optimiser.init(key, params)
        updates, state = optimiser.step(gradient, state, params)
        params, state = optimiser.apply(params, updates, state)

    Parameters
    ----------
    transformation
        Whatever optax makes: chains, schedules, ``inject_hyperparams``, masks. It may not need
        extra arguments, such as the loss.
    parameters
        Format of the parameters, whatever dtype carries them.
    moments
        Format of every floating-point array of the state that belongs to a parameter
        (``optax.tree_map_params`` says which); None, the safe choice, keeps them in ``arithmetic``.
        In float16 a gradient below 5e-3 leaves no second moment (``(1 - b2) g**2 < 2**-25``), but
        down to 3e-7 a first one, and Adam moves up to ``1 / sqrt(1 - b2)`` times too far, 32 by
        default. A finite moment beyond the largest number becomes that number. So all stays finite.
    update
        Format of the updates, None for ``arithmetic``.
    master
        Format of a wide copy that takes the updates and is rounded to the parameters.
    compensation
        Format of the compensation, None for that of the parameters.
    rounding
        Of the parameters: ``nearest_even``, ``stochastic``, or ``compensated`` (to nearest, with
        Kahan's compensation; not with a master copy).
    moments_rounding
        ``nearest_even`` or ``stochastic``; like ``scaled_moments`` only for moments narrower than
        the arithmetic.
    scaled_moments
        Keep every array of moments with an exponent of its own, which takes its largest entry to
        the binade below the format's highest one (2**14 to 2**15 in float16), where no rounding
        overflows. Entries further below it than the format reaches (2**39 in float16, a ratio of
        2**19 between gradients) still underflow.
    arithmetic
        float32 or float64; must hold the other formats.

    Returns
    -------
    An update whose state is a :class:`LowPrecisionState`. Its functions are compiled when called
    outside ``jit``: build it once, not in the loop.

    Raises
    ------
    ValueError
        If the arithmetic does not hold a format, a rounding is unknown or contradicts the other
        arguments, a dtype needs x64, or the parameters' dtype does not hold their format.

    References
    ----------
    Micikevicius et al. (2018, arXiv:1710.03740), master copies; Zamirai et al. (2020,
    arXiv:2010.06192), stochastic and compensated weights; Dettmers et al. (2021, arXiv:2110.02861),
    narrow optimiser states.

    Examples
    --------
    An update below half an ulp is lost by nearest and kept by compensated rounding:

    >>> import jax, jax.numpy as jnp, optax
    >>> for rounding in ("nearest_even", "compensated"):
    ...     descent = low_precision(optax.sgd(1e-3), "bfloat16", rounding=rounding)
    ...     params, gradient = jnp.bfloat16(1), jnp.float32(1)
    ...     state = descent.init(jax.random.key(0), params)
    ...     for _ in range(8):
    ...         updates, state = descent.step(gradient, state, params)
    ...         params, state = descent.apply(params, updates, state)
    ...     print(params, state.stagnation.lost)
    1 1
    0.992188 0
    """
    plan = Plan(
        parameters=parameters,
        moments=moments,
        update=update,
        master=master,
        compensation=compensation,
        rounding=rounding,
        moments_rounding=moments_rounding,
        scaled_moments=scaled_moments,
        arithmetic=arithmetic,
    )
    return _wrap(plan, transformation)


def _wrap(plan: Plan, transformation: Any) -> Update:
    """The three functions of a checked plan."""
    inner = from_optax(transformation)

    def init(key, params):
        require_available({"arithmetic": plan.arithmetic})
        check_parameters(plan, params)
        wide = convert_tree(params, plan.arithmetic)
        state = inner.init(key, wide)
        kept = keep(plan, state, which_are_moments(plan, transformation, state), None)
        none = jnp.zeros((), jnp.int32)
        return LowPrecisionState(key, kept, first_memory(plan, wide), Stagnation(*[none] * 5))

    def step(gradient, state, params):
        seen = params if plan.master is None else state.memory
        gradient, seen = convert_tree((gradient, seen), plan.arithmetic)
        old = widen(plan, state.inner)
        asked, new = inner.step(gradient, old, seen)
        asked = convert_tree(asked, plan.arithmetic)
        updates = jax.tree.map(lambda u: round_to(u, plan.update), asked)
        which = which_are_moments(plan, transformation, new)
        key, draw = _draw(state.key, plan.moments_rounding)
        kept = keep(plan, new, which, draw)
        stagnation = state.stagnation._replace(
            underflowed=_count(lambda a, u: (a != 0) & (u == 0), asked, updates),
            moments=_count(_stagnant, which, old, new, widen(plan, kept)),
        )
        return updates, LowPrecisionState(key, kept, state.memory, stagnation)

    def apply(params, updates, state):
        check_parameters(plan, params)
        key, draw = _draw(state.key, plan.rounding)
        added, memory = add(plan, params, updates, state.memory, draw)
        updated = jax.tree.map(lambda u: u != 0, updates)
        unchanged = jax.tree.map(_and_same, updated, params, added)
        lost = unchanged
        if memory is not None:
            lost = jax.tree.map(_and_same, unchanged, state.memory, memory)
        stagnation = state.stagnation._replace(
            updated=_total(updated), unchanged=_total(unchanged), lost=_total(lost)
        )
        return added, state._replace(key=key, memory=memory, stagnation=stagnation)

    return Update(jax.jit(init), jax.jit(step), jax.jit(apply))


def _draw(key, rounding):
    """The next key, and one to draw from where the rounding is stochastic."""
    if rounding != "stochastic":
        return key, None
    key, draw = jax.random.split(key)
    return key, draw


def _stagnant(is_moment, old, new, kept):
    return (new != old) & (kept == old) if is_moment else jnp.zeros((), bool)


def _and_same(condition, old, new):
    return condition & (old == new)


def _count(condition, *trees):
    return _total(jax.tree.map(condition, *trees))


def _total(tree):
    """How many entries of a pytree are true."""
    return sum((jnp.sum(leaf, dtype=jnp.int32) for leaf in jax.tree.leaves(tree)), jnp.int32(0))
