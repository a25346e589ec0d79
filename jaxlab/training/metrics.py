"""What is measured at a checkpoint: pure functions of a snapshot of one trajectory."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from jaxlab.networks import mlp
from jaxlab.training.precision import convert, convert_tree


class Snapshot(NamedTuple):
    """One trajectory at a checkpoint, and the step that it is about to take.

    Attributes
    ----------
    step
        Number of steps taken.
    params
        In the policy's ``parameters`` dtype.
    gradient
        Of the next step (its minibatch included), unscaled, in ``update``.
    updates
        What the next step adds to the parameters, in ``update``.
    loss
        Of the next step's batch, in the loss function's dtype.
    data
        All the data, in ``compute``.
    state
        The optimiser's, before the step.
    proposed
        What the next step makes of the parameters, in ``parameters``, whether or not it is taken.
    """

    step: Int[Array, ""]
    params: PyTree
    gradient: PyTree
    updates: PyTree
    loss: Float[Array, ""]
    data: PyTree = ()
    state: PyTree = ()
    proposed: PyTree = ()


Metric = Callable[[Snapshot], PyTree]


def loss(snapshot: Snapshot) -> Float[Array, ""]:
    """The loss of the next step's batch (of all the data in full-batch training), widened.

    Examples
    --------
    >>> example = Snapshot(jnp.int32(0), jnp.ones(2), jnp.ones(2), -jnp.ones(2), jnp.float32(0.5))
    >>> loss(example)
    Array(0.5, dtype=float32)
    """
    return snapshot.loss.astype(_wide())


def parameter_norm(snapshot: Snapshot) -> Float[Array, ""]:
    """Euclidean norm of all parameters, in float64 (float32 while x64 is off).

    Examples
    --------
    >>> p = jnp.array([3e30, 4e30])
    >>> round(float(parameter_norm(Snapshot(jnp.int32(0), p, p, p, jnp.float32(0)))) / 1e30, 5)
    5.0
    """
    return norm(snapshot.params)


def parameter_largest(snapshot: Snapshot) -> Float[Array, ""]:
    """Largest absolute value of a parameter.

    Examples
    --------
    >>> p = jnp.array([3.0, -4.0])
    >>> parameter_largest(Snapshot(jnp.int32(0), p, p, p, jnp.float32(0)))
    Array(4., dtype=float32)
    """
    return jnp.max(jnp.abs(_flat(snapshot.params)))


def gradient_norm(snapshot: Snapshot) -> Float[Array, ""]:
    """Euclidean norm of the gradient.

    Examples
    --------
    >>> g = jnp.array([3.0, -4.0])
    >>> gradient_norm(Snapshot(jnp.int32(0), g, g, g, jnp.float32(0)))
    Array(5., dtype=float32)
    """
    return norm(snapshot.gradient)


def gradient_largest(snapshot: Snapshot) -> Float[Array, ""]:
    """Largest absolute entry of the gradient; distance from overflow.

    Examples
    --------
    >>> g = jnp.array([3.0, -4.0])
    >>> gradient_largest(Snapshot(jnp.int32(0), g, g, g, jnp.float32(0)))
    Array(4., dtype=float32)
    """
    return jnp.max(jnp.abs(_flat(snapshot.gradient)))


def gradient_smallest(snapshot: Snapshot) -> Float[Array, ""]:
    """Smallest absolute nonzero entry of the gradient, inf if every entry is zero.

    XLA:CPU treats subnormal float32 and float64 entries as zero.

    Examples
    --------
    >>> g = jnp.array([0.0, -4.0])
    >>> gradient_smallest(Snapshot(jnp.int32(0), g, g, g, jnp.float32(0)))
    Array(4., dtype=float32)
    """
    size = jnp.abs(_flat(snapshot.gradient))
    return jnp.min(jnp.where(size == 0, jnp.array(jnp.inf, size.dtype), size))


def gradient_zero_share(snapshot: Snapshot) -> Float[Array, ""]:
    """Share of the gradient's entries that are exactly zero, in [0, 1].

    Examples
    --------
    >>> g = jnp.array([0.0, -4.0])
    >>> gradient_zero_share(Snapshot(jnp.int32(0), g, g, g, jnp.float32(0)))
    Array(0.5, dtype=float32)
    """
    return jnp.mean(_flat(snapshot.gradient) == 0, dtype=_wide())


def stagnated_share(snapshot: Snapshot) -> Float[Array, ""]:
    """Share of the nonzero updates that change nothing: the optimiser makes ``p`` of ``p + u``.

    Rounding to nearest loses ``u`` once it is below half an ulp of ``p`` (Xia, Massei,
    Hochstenbach and Koren 2024). What a master copy or a compensation remembers counts as lost
    here, and not in :func:`jaxlab.training.optimisers.lost_share`. 0 if all updates are zero.

    Examples
    --------
    >>> from jaxlab.training.precision import add_update
    >>> p, u = jnp.ones(2, jnp.bfloat16), jnp.array([1e-3, 1e-2], jnp.bfloat16)
    >>> stagnated_share(
    ...     Snapshot(jnp.int32(0), p, u, u, jnp.bfloat16(0), proposed=add_update(p, u)))
    Array(0.5, dtype=float32)
    """

    # Counts per leaf, not one long vector: joining many small arrays would take time to compile.
    def counts(p, u, proposed):
        nonzero = u != 0
        lost = nonzero & (proposed == p)
        return jnp.stack([jnp.sum(lost, dtype=jnp.int32), jnp.sum(nonzero, dtype=jnp.int32)])

    leaves = jax.tree.leaves(
        jax.tree.map(counts, snapshot.params, snapshot.updates, snapshot.proposed)
    )
    lost, nonzero = sum(leaves, jnp.zeros(2, jnp.int32))
    return lost.astype(_wide()) / jnp.maximum(nonzero, 1).astype(_wide())


def dead_share(inputs: Float[Array, "points features"], dtype: Any = None) -> Metric:
    """Share of hidden ReLU neurons that are zero on every given input.

    Parameters
    ----------
    inputs
        Shape ``(points, inputs)``; rounded once to the dtype of the evaluation.
    dtype
        Format of the evaluation, for instance the policy's ``compute``; None means the storage
        dtype of the parameters. A neuron may be dead in one format and alive in another.

    Returns
    -------
    A metric for parameters that are a tuple of layers: snapshot -> share in [0, 1].

    Examples
    --------
    >>> layers = mlp.Layer(jnp.ones((1, 2)), jnp.array([0.0, -9.0])), mlp.Layer(
    ...     jnp.ones((2, 1)), jnp.zeros(1))
    >>> metric = dead_share(jnp.linspace(-1, 1, 5)[:, None])
    >>> metric(Snapshot(jnp.int32(0), layers, layers, layers, jnp.float32(0)))
    Array(0.5, dtype=float32)
    """

    def metric(snapshot: Snapshot) -> Float[Array, ""]:
        storage = snapshot.params[0].weight.dtype
        params = convert_tree(snapshot.params, storage if dtype is None else dtype)
        x = convert(inputs, params[0].weight.dtype)
        dead = []
        for layer in params[:-1]:
            x = jax.nn.relu(mlp.affine(layer, x))
            dead.append(jnp.all(x == 0, axis=0))
        if not dead:
            return jnp.zeros((), _wide())
        return jnp.mean(jnp.concatenate(dead), dtype=_wide())

    return metric


def norm(tree: PyTree) -> Float[Array, ""]:
    """Euclidean norm of a pytree in float64 (float32 while x64 is off), scaled against overflow.

    Examples
    --------
    >>> norm((jnp.array([3e30]), jnp.array([4e-30])))
    Array(3.e+30, dtype=float32)
    """
    flat = _flat(tree)
    _, exponent = jnp.frexp(jnp.max(jnp.abs(flat)))
    # Dividing by a power of two near the largest entry is exact (up to entries so small that
    # their squares do not count); the clip keeps 2**-e and 2**e normal, and e finite for inf.
    limit = int(jnp.finfo(flat.dtype).maxexp) - 8
    exponent = jnp.clip(exponent, -limit, limit)
    one = jnp.ones((), flat.dtype)
    scaled = flat * jnp.broadcast_to(jnp.ldexp(one, -exponent), flat.shape)
    return jnp.sqrt(jnp.sum(scaled * scaled)) * jnp.ldexp(one, exponent)


def _wide():
    """float64 where x64 is on, else float32."""
    return jax.dtypes.canonicalize_dtype(jnp.float64)


def _flat(tree):
    """All entries as one wide vector; widening is exact."""
    return jnp.concatenate([leaf.ravel().astype(_wide()) for leaf in jax.tree.leaves(tree)])
