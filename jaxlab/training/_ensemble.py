"""Many trajectories at once: batched by vmap, bounded in memory, sharded over devices."""

import functools
import os
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float, Key, PyTree

from jaxlab.training._checks import check_networks
from jaxlab.training._trajectory import History, Loss, train
from jaxlab.training.metrics import Metric
from jaxlab.training.precision import Policy
from jaxlab.training.scaling import LossScaling
from jaxlab.training.updates import Update

# XLA:CPU hands dots and sums to kernels that it picks by the size of the whole batch, so a
# network's last bits would depend on how many others run beside it. Without these kernels the
# order of summation within one network is the same for every batch (measured on jaxlib 0.10.2).
_INVARIANT_CPU = (("xla_cpu_experimental_ynn_fusion_type", ""),)
# Networks side by side on a CPU device: small enough for the activations to stay in cache.
_CPU_CHUNK = 8


class _Plan(NamedTuple):
    """The static part of an ensemble run; hashable, one compiled program each."""

    loss: Loss
    update: Update | Callable[[Array], Update]
    policy: Policy
    checkpoints: tuple[int, ...]
    metrics: tuple[tuple[str, Metric], ...]
    batch_size: int | None
    scaling: LossScaling | None
    data_axes: tuple[int | None, ...]
    chunk: int | None
    mesh: Mesh
    options: tuple[tuple[str, Any], ...]


def ensemble(
    loss: Loss,
    params: PyTree,
    data: PyTree,
    update: Update | Callable[[Array], Update],
    *,
    policy: Policy,
    checkpoints: tuple[int, ...],
    metrics: Mapping[str, Metric],
    keys: Key[Array, " networks"],
    batch_size: int | None = None,
    scaling: LossScaling | None = None,
    learning_rate: Float[Array, " networks"] | None = None,
    data_axes: PyTree = None,
    chunk: int | None = None,
    mesh: Mesh | None = None,
    batch_invariant: bool = True,
) -> History:
    """Train ``networks`` initialisations at once: ``jit(vmap(train))``, chunked and sharded.

    A host call (compiler options are refused inside another ``jit``). Programs are cached by the
    identity of ``loss``, ``update`` and the metrics: build them once, and hand rates in through
    ``learning_rate``, so that a second call compiles nothing.

    With ``batch_invariant`` a network's bits depend neither on the other networks, nor on their
    number, the chunk or the number of CPU devices; see the tests for the cases measured. It turns
    off XLA:CPU kernels that are picked by batch size. On other platforms nothing is promised
    beyond: same chunk, same number of networks, same devices, same bits.

    Parameters
    ----------
    loss, policy, checkpoints, metrics, batch_size, scaling
        See :func:`jaxlab.training.train`.
    params
        Leaves with a leading axis ``networks``.
    data
        Shared by all networks, or with a network axis where ``data_axes`` says 0.
    update
        An update; with ``learning_rate``, a function from a scalar rate to an update, such as
        :func:`jaxlab.training.updates.gradient_descent` itself.
    keys
        Typed keys ``(networks,)``.
    learning_rate
        ``(networks,)``, one rate per network, or None.
    data_axes
        None (shared), 0 (every leaf per network), or a pytree prefix of these.
    chunk
        At most this many networks side by side on a device, bounding memory; None: 8 on CPU,
        all elsewhere.
    mesh
        Devices; networks are sharded over all its axes. Default: all local devices.
    batch_invariant
        See above.

    Returns
    -------
    :class:`jaxlab.training.History`, every leaf but ``steps`` with a leading axis ``networks``.

    Raises
    ------
    ValueError
        If the leading axes disagree, or for the reasons of :func:`jaxlab.training.train`.

    Examples
    --------
    >>> from jaxlab.training.updates import gradient_descent
    >>> history = ensemble(
    ...     lambda p, batch: (p - batch) ** 2, jnp.zeros(3), jnp.array(1.0), gradient_descent,
    ...     policy=Policy.native("float32"), checkpoints=(0, 1), metrics={},
    ...     keys=jax.random.split(jax.random.key(0), 3),
    ...     learning_rate=jnp.array([0.0, 0.25, 0.5]))
    >>> history.params
    Array([0. , 0.5, 1. ], dtype=float32)
    """
    if mesh is None:
        mesh = Mesh(np.array(jax.local_devices()), ("networks",))
    on_cpu = mesh.devices.flat[0].platform == "cpu"
    if chunk is None and on_cpu:
        chunk = _CPU_CHUNK
    axes = jax.tree.leaves(jax.tree.broadcast(data_axes, data, is_leaf=_is_none), is_leaf=_is_none)
    if isinstance(update, Update) is not (learning_rate is None):
        raise ValueError(
            "update: got an Update with learning_rate or a function without it, expected a "
            "function from a scalar rate to an Update exactly when learning_rate is given"
        )
    count = check_networks(params, keys, learning_rate, data, axes, chunk)
    plan = _Plan(
        loss=loss,
        update=update,
        policy=policy,
        checkpoints=tuple(checkpoints),
        metrics=tuple(metrics.items()),
        batch_size=batch_size,
        scaling=scaling,
        data_axes=tuple(axes),
        chunk=chunk,
        mesh=mesh,
        options=_supported(_INVARIANT_CPU) if on_cpu and batch_invariant else (),
    )
    own, shared = _split(data, axes)
    spread = PartitionSpec(mesh.axis_names) if count % mesh.size == 0 else PartitionSpec()
    each = jax.device_put((params, keys, learning_rate, own), NamedSharding(mesh, spread))
    shared = jax.device_put(shared, NamedSharding(mesh, PartitionSpec()))
    streams = min(_cpus(), -(-count // (chunk or count))) if on_cpu and mesh.size == 1 else 1
    return _execute(plan, each, shared, jax.tree.structure(data), streams)


def _execute(plan: _Plan, each: PyTree, shared: PyTree, structure: Any, streams: int) -> History:
    """Run one program on ``streams`` slices of the networks at once and join the results.

    XLA:CPU leaves cores idle inside small kernels; whole executions side by side do not. Each
    network's arithmetic is the same in every slice.
    """
    networks = each[1].shape[0]
    size = -(-networks // streams)
    leaves, tree = jax.tree.flatten((each, shared))
    shapes = tuple(
        jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding) for leaf in leaves
    )
    precision = jax.config.jax_default_matmul_precision  # pyright: ignore[reportAttributeAccessIssue]
    settings = (jax.dtypes.canonicalize_dtype(jnp.float64), precision)
    program = _compiled(plan, structure, size, tree, shapes, settings)
    starts = [np.int32(index * size) for index in range(streams)]
    if streams == 1:
        results = program(each, shared, starts[0])
    else:
        with ThreadPoolExecutor(streams) as pool:
            parts = list(
                pool.map(lambda start: jax.block_until_ready(program(each, shared, start)), starts)
            )
        results = _join(parts, networks)
    return History(jnp.asarray(plan.checkpoints, jnp.int32), *results)


@functools.lru_cache(maxsize=64)
def _compiled(
    plan: _Plan, structure: Any, size: int, tree: Any, shapes: tuple[Any, ...], settings: Any
) -> Callable[..., tuple[PyTree, ...]]:
    """The executable of a plan for inputs of these shapes, under these settings."""
    each, shared = jax.tree.unflatten(tree, shapes)
    run = jax.jit(
        functools.partial(_run, plan, structure, size), compiler_options=dict(plan.options) or None
    )
    return run.lower(each, shared, jax.ShapeDtypeStruct((), jnp.int32)).compile()


@functools.partial(jax.jit, static_argnums=1)
def _join(parts: list[PyTree], networks: int) -> PyTree:
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves)[:networks], *parts)


def _run(
    plan: _Plan, structure: Any, size: int, each: PyTree, shared: PyTree, start: Array
) -> tuple[PyTree, ...]:
    """Train networks ``start`` to ``start + size``, in chunks, sharded over the devices."""
    devices = plan.mesh.size
    per_device = -(-size // devices)
    chunks = -(-per_device // (plan.chunk or per_device))
    # Chunks of equal length waste fewer than one network per chunk and need no second program.
    length = -(-per_device // chunks)

    def device(each, shared):
        blocks = jax.tree.map(lambda leaf: leaf.reshape(chunks, length, *leaf.shape[1:]), each)
        one = functools.partial(_one, plan, structure, shared)
        results = jax.lax.map(jax.vmap(one), blocks)
        return jax.tree.map(lambda leaf: leaf.reshape(chunks * length, *leaf.shape[2:]), results)

    spread = PartitionSpec(plan.mesh.axis_names)
    results = jax.shard_map(
        device,
        mesh=plan.mesh,
        in_specs=(spread, PartitionSpec()),
        out_specs=spread,
        check_vma=False,
    )(_take(each, start, devices * chunks * length), shared)
    return jax.tree.map(lambda leaf: leaf[:size], results)


def _one(plan: _Plan, structure: Any, shared: list[Any], each: PyTree) -> tuple[PyTree, ...]:
    """One network's History without the steps, which all networks share."""
    params, key, rate, own = each
    leaves = [
        a if axis is None else b for a, b, axis in zip(shared, own, plan.data_axes, strict=True)
    ]
    history = train(
        plan.loss,
        params,
        jax.tree.unflatten(structure, leaves),
        plan.update if isinstance(plan.update, Update) else plan.update(rate),
        policy=plan.policy,
        checkpoints=plan.checkpoints,
        metrics=dict(plan.metrics),
        key=key,
        batch_size=plan.batch_size,
        scaling=plan.scaling,
    )
    return tuple(history[1:])


def _take(each: PyTree, start: Array, count: int) -> PyTree:
    """Networks ``start`` to ``start + count``, the last one repeated where they run out."""
    networks = each[1].shape[0]
    if count == networks:
        return each
    index = jnp.minimum(start + jnp.arange(count, dtype=jnp.int32), networks - 1)
    return jax.tree.map(lambda leaf: leaf[index], each)


def _split(data: PyTree, axes: list[int | None]) -> tuple[list[Any], list[Any]]:
    """The leaves with a network axis and the shared ones, None in the other's places."""
    leaves = jax.tree.leaves(data)
    own = [None if axis is None else leaf for leaf, axis in zip(leaves, axes, strict=True)]
    shared = [leaf if axis is None else None for leaf, axis in zip(leaves, axes, strict=True)]
    return own, shared


@functools.cache
def _supported(options: tuple[tuple[str, Any], ...]) -> tuple[tuple[str, Any], ...]:
    """The options if this jaxlib knows them, else none and a warning."""
    try:
        jax.jit(lambda x: x, compiler_options=dict(options)).lower(np.float32(0)).compile()
    except jax.errors.JaxRuntimeError:
        warnings.warn(
            f"ensemble: this jaxlib does not know {[name for name, _ in options]}; a network's "
            "last bits may depend on the number of networks beside it",
            stacklevel=3,
        )
        return ()
    return options


def _cpus() -> int:
    """Cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _is_none(leaf: Any) -> bool:
    return leaf is None
