"""One training trajectory in a stated precision, measured at checkpoints."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from jaxlab.training import scaling as scalings
from jaxlab.training._checks import check_arguments, check_leaves, check_loss
from jaxlab.training.metrics import Metric, Snapshot
from jaxlab.training.precision import Policy, convert_tree
from jaxlab.training.scaling import LossScaling, ScalingState
from jaxlab.training.updates import Update

Loss = Callable[[PyTree, PyTree], Float[Array, ""]]


class History(NamedTuple):
    """What a training run leaves behind; an ensemble adds a leading axis to every leaf but steps.

    Attributes
    ----------
    steps
        ``[checkpoint]`` int32, the number of steps taken at each checkpoint.
    metrics
        For each name an array (or pytree of arrays) ``[checkpoint, ...]``.
    params
        Final parameters, in the policy's ``parameters`` dtype; always finite if they began so.
    status
        0 ok, 1 nonfinite: frozen at the parameters before the failing step.
    failed_at
        Steps taken when the failing one was tried, -1 if none failed. The parameters of every
        later checkpoint, and the final ones, are those after ``failed_at`` steps.
    skipped
        Steps skipped by dynamic loss scaling.
    """

    steps: Int[Array, " checkpoint"]
    metrics: dict[str, PyTree]
    params: PyTree
    status: Int[Array, ""]
    failed_at: Int[Array, ""]
    skipped: Int[Array, ""]


class _Carry(NamedTuple):
    step: Int[Array, ""]
    params: PyTree
    state: PyTree
    scaling: ScalingState
    failed_at: Int[Array, ""]
    skipped: Int[Array, ""]


class _Problem(NamedTuple):
    """Everything a step needs that it does not change."""

    loss: Loss
    data: PyTree
    update: Update
    policy: Policy
    scaling: LossScaling | None
    batch_size: int | None
    key: Key[Array, ""]


class _Attempt(NamedTuple):
    """One evaluation at the current parameters: what the next step would do."""

    loss: Float[Array, ""]
    gradient: PyTree
    updates: PyTree
    proposed: PyTree
    state: PyTree


def train(
    loss: Loss,
    params: PyTree,
    data: PyTree,
    update: Update,
    *,
    policy: Policy,
    checkpoints: tuple[int, ...],
    metrics: Mapping[str, Metric],
    key: Key[Array, ""],
    batch_size: int | None = None,
    scaling: LossScaling | None = None,
) -> History:
    """Train one network and measure it at checkpoints. Pure: ``jit`` and ``vmap`` it.

    A step whose loss, gradient or new parameters are not finite is not taken: the run stays at its
    last finite parameters and says so, and costs its ``vmap`` neighbours nothing. At a frozen
    checkpoint the metrics see the frozen parameters and the nonfinite loss or gradient as it is.

    Parameters
    ----------
    loss
        Pure ``loss(params, batch) -> scalar``; sees parameters and data in ``policy.compute`` and
        returns ``policy.compute`` or ``policy.accumulate``.
    params
        Pytree of ``policy.parameters`` leaves.
    data
        Pytree; floating leaves are rounded once to ``policy.compute``. With ``batch_size`` every
        leaf has a leading axis of the same number of examples.
    update
        See :mod:`jaxlab.training.updates`.
    policy
        Which dtype is used where.
    checkpoints
        Static, increasing, from 0; the run ends at the last one.
    metrics
        Name -> pure function of a :class:`jaxlab.training.metrics.Snapshot`.
    key
        Typed key. The minibatch of step ``s`` depends on the key and ``s`` alone.
    batch_size
        None for the full batch; else examples per step, drawn uniformly **with replacement**.
    scaling
        None, or a loss scaling of :mod:`jaxlab.training.scaling`.

    Returns
    -------
    :class:`History`.

    Raises
    ------
    ValueError
        At trace time, naming the argument: a dtype that is not the policy's, float64 without x64,
        bad checkpoints, an untyped key, a loss that is not a scalar, a scale out of range.

    Examples
    --------
    >>> from jaxlab.training.metrics import loss as loss_metric
    >>> from jaxlab.training.updates import gradient_descent
    >>> history = train(
    ...     lambda p, batch: (p - batch) ** 2, jnp.array(0.0), jnp.array(1.0),
    ...     gradient_descent(0.25), policy=Policy.native("float32"), checkpoints=(0, 1, 2),
    ...     metrics={"loss": loss_metric}, key=jax.random.key(0))
    >>> history.metrics["loss"]
    Array([1.    , 0.25  , 0.0625], dtype=float32)
    """
    steps = check_arguments(params, data, policy, checkpoints, key, batch_size)
    init_key, batch_key = jax.random.split(key)
    problem = _Problem(
        loss, convert_tree(data, policy.compute), update, policy, scaling, batch_size, batch_key
    )
    none = jnp.zeros((), jnp.int32)
    carry = _Carry(
        step=none,
        params=params,
        state=update.init(init_key, convert_tree(params, policy.update)),
        scaling=scalings.start(scaling),
        failed_at=none - 1,
        skipped=none,
    )

    def measure(carry: _Carry, attempt: _Attempt) -> dict[str, PyTree]:
        snapshot = _snapshot(problem, carry, attempt)
        return {name: metric(snapshot) for name, metric in metrics.items()}

    def segment(carry: _Carry, count: Array):
        # The number of steps is data, so one compiled step serves every segment; its first
        # iteration also measures, so the gradient is compiled once. The last segment has no step.
        def step(index: Array, state: tuple[_Carry, dict[str, PyTree]]):
            carry, measured = state
            attempt = _attempt(problem, carry)
            measured = jax.lax.cond(index == 0, lambda: measure(carry, attempt), lambda: measured)
            moved = _advance(problem, carry, attempt)
            return jax.lax.cond(index < count, lambda: moved, lambda: carry), measured

        empty = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
        last = jnp.maximum(count, 1)
        return jax.lax.fori_loop(jnp.zeros_like(count), last, step, (carry, empty))

    shapes = jax.eval_shape(lambda: measure(carry, _attempt(problem, carry)))
    counts = jnp.asarray(np.diff(steps, append=steps[-1:]))
    last, history = jax.lax.scan(segment, carry, counts)
    status = (last.failed_at >= 0).astype(jnp.int32)
    return History(jnp.asarray(steps), history, last.params, status, last.failed_at, last.skipped)


def _snapshot(problem: _Problem, carry: _Carry, attempt: _Attempt) -> Snapshot:
    """What metrics see before a step."""
    return Snapshot(
        carry.step,
        carry.params,
        attempt.gradient,
        attempt.updates,
        attempt.loss,
        problem.data,
        carry.state,
        attempt.proposed,
    )


def log_checkpoints(last: int, per_decade: int = 10) -> tuple[int, ...]:
    """Step numbers 0, 1, ..., ``last``, evenly spaced in the logarithm and without repeats.

    Raises
    ------
    ValueError
        If ``last`` is negative or ``per_decade`` below 1.

    Examples
    --------
    >>> log_checkpoints(100, per_decade=3)
    (0, 1, 2, 5, 10, 22, 46, 100)
    """
    if last < 0:
        raise ValueError(f"last: got {last}, expected at least 0")
    if per_decade < 1:
        raise ValueError(f"per_decade: got {per_decade}, expected at least 1")
    if last == 0:
        return (0,)
    spaced = 10.0 ** (np.arange(int(per_decade * np.log10(last)) + 2) / per_decade)
    inside = {int(step) for step in np.rint(spaced) if step < last}
    return (0, *sorted(inside), last)


def _attempt(problem: _Problem, carry: _Carry) -> _Attempt:
    """Loss, gradient, updates, parameters and state of the next step."""
    policy = problem.policy
    batch = _batch(problem, carry.step)
    low = convert_tree(carry.params, policy.compute)
    value, pullback = jax.vjp(lambda p: problem.loss(p, batch), low)
    check_loss(value, policy)
    if problem.scaling is None:
        gradient = convert_tree(pullback(jnp.ones_like(value))[0], policy.update)
    else:
        # The scale is the seed of the backward pass: the loss value is not scaled.
        gradient = convert_tree(pullback(carry.scaling.scale.astype(value.dtype))[0], policy.update)
        gradient = scalings.unscale(gradient, carry.scaling)
    wide = convert_tree(carry.params, policy.update)
    updates, state = problem.update.step(gradient, carry.state, wide)
    check_leaves(updates, policy.update, "update.step: updates", "policy.update")
    proposed, state = problem.update.apply(carry.params, updates, state)
    return _Attempt(value, gradient, updates, proposed, state)


def _advance(problem: _Problem, carry: _Carry, attempt: _Attempt) -> _Carry:
    """Take one step, skip it (overflow under dynamic scaling) or freeze (anything nonfinite)."""
    finite_loss = jnp.isfinite(attempt.loss)
    finite = finite_loss & _all_finite(attempt.gradient, attempt.proposed)
    running = carry.failed_at < 0
    scaling, skip = carry.scaling, jnp.zeros((), bool)
    if problem.scaling is not None and problem.scaling.growth_interval is not None:
        largest = _largest_scale(problem, attempt.loss.dtype)
        fits = _all_finite(attempt.gradient)
        skip = running & finite_loss & ~fits & (scaling.scale > problem.scaling.minimum)
        adjusted = scalings.adjust(scaling, skip, problem.scaling, largest)
        scaling = _select(running & (finite | skip), adjusted, scaling)
    elif problem.scaling is not None:
        _largest_scale(problem, attempt.loss.dtype)
    take = running & finite
    failed = running & ~finite & ~skip
    return _Carry(
        step=carry.step + 1,
        params=_select(take, attempt.proposed, carry.params),
        state=_select(take, attempt.state, carry.state),
        scaling=scaling,
        failed_at=jnp.where(failed, carry.step, carry.failed_at),
        skipped=carry.skipped + skip.astype(jnp.int32),
    )


def _batch(problem: _Problem, step: Array) -> PyTree:
    """The data of one step: all of it, or examples drawn with replacement."""
    if problem.batch_size is None:
        return problem.data
    examples = jax.tree.leaves(problem.data)[0].shape[0]
    chosen = jax.random.randint(
        jax.random.fold_in(problem.key, step), (problem.batch_size,), 0, examples, jnp.int32
    )
    return jax.tree.map(lambda leaf: leaf[chosen], problem.data)


def _all_finite(*trees: PyTree) -> Bool[Array, ""]:
    """Whether every entry is finite; leaves at the same place share one pass."""

    def leaf(*values):
        return jnp.all(functools.reduce(jnp.logical_and, [jnp.isfinite(v) for v in values]))

    return functools.reduce(jnp.logical_and, jax.tree.leaves(jax.tree.map(leaf, *trees)))


def _select(condition: Array, new: PyTree, old: PyTree) -> PyTree:
    """Leafwise choice; a leaf that the step hands on untouched costs nothing."""

    def leaf(a, b):
        return a if a is b else jnp.where(condition, a, b)

    return jax.tree.map(leaf, new, old)


def _largest_scale(problem: _Problem, loss_dtype: Any) -> float:
    """The largest scale that the loss and update dtypes carry exactly; the bounds are checked."""
    assert problem.scaling is not None
    largest = min(map(scalings.largest_scale, (loss_dtype, problem.policy.update)))
    initial, minimum = problem.scaling.initial, problem.scaling.minimum
    if initial > largest or minimum < 1 / largest:
        raise ValueError(
            f"scaling: got initial {initial} and minimum {minimum}, expected scales within "
            f"[{1 / largest}, {largest}] (loss {loss_dtype}, update {problem.policy.update})"
        )
    return largest
