"""Trace-time checks of a training run's arguments: what was got, what was expected."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxlab.training.precision import require_available


def check_arguments(params, data, policy, checkpoints, key, batch_size):
    """Raise for arguments that do not fit; return the checkpoints as int32."""
    require_available({f"policy.{name}": dtype for name, dtype in vars(policy).items()})
    if not jax.tree.leaves(params):
        raise ValueError("params: got no leaves, expected at least one array")
    check_leaves(params, policy.parameters, "params", "policy.parameters")
    if not jnp.issubdtype(key.dtype, jax.dtypes.prng_key) or key.shape != ():
        raise ValueError(
            f"key: got {key.dtype}{list(key.shape)}, expected one typed key (jax.random.key)"
        )
    steps = np.asarray(checkpoints)
    if steps.ndim != 1 or steps.size == 0 or steps.dtype.kind not in "iu":
        raise ValueError(f"checkpoints: got {checkpoints!r}, expected a tuple of step numbers")
    if steps[0] != 0 or np.any(np.diff(steps) <= 0) or steps[-1] >= 2**31:
        raise ValueError(
            f"checkpoints: got {checkpoints!r}, expected increasing numbers from 0 below 2**31"
        )
    if batch_size is not None:
        sizes = {leaf.shape[:1] for leaf in jax.tree.leaves(data)}
        if batch_size < 1 or len(sizes) != 1 or () in sizes:
            raise ValueError(
                f"batch_size: got {batch_size} with data of leading sizes {sorted(sizes)}, "
                "expected at least 1 and one common number of examples"
            )
    return steps.astype(np.int32)


def check_leaves(tree, dtype, name, expected):
    """Raise unless every leaf has the dtype."""
    for path, leaf in jax.tree.leaves_with_path(tree):
        if leaf.dtype != dtype:
            raise ValueError(
                f"{name}{jax.tree_util.keystr(path)}: got {leaf.dtype}, "
                f"expected {expected} = {dtype}"
            )


def check_loss(value, policy):
    """Raise unless the loss is a scalar of the compute or accumulate dtype."""
    if value.shape != () or value.dtype not in (policy.compute, policy.accumulate):
        raise ValueError(
            f"loss: got {value.dtype}{list(value.shape)}, expected a scalar of policy.compute "
            f"({policy.compute}) or policy.accumulate ({policy.accumulate})"
        )


def check_networks(params, keys, learning_rate, data, axes, chunk) -> int:
    """Raise unless all leading axes agree; return the number of networks."""
    if chunk is not None and chunk < 1:
        raise ValueError(f"chunk: got {chunk}, expected at least 1 or None")
    if not jnp.issubdtype(keys.dtype, jax.dtypes.prng_key) or keys.ndim != 1 or not keys.size:
        raise ValueError(
            f"keys: got {keys.dtype}{list(keys.shape)}, expected at least one typed key in a "
            "vector (jax.random.split)"
        )
    if any(axis not in (None, 0) for axis in axes):
        raise ValueError(f"data_axes: got {axes}, expected None or 0 for every leaf")
    own = [leaf for leaf, axis in zip(jax.tree.leaves(data), axes, strict=True) if axis == 0]
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves((params, keys))):
        raise ValueError(
            "params: got traced values, expected arrays: ensemble is a host call, inside jit "
            "use vmap(train)"
        )
    named = {"params": params, "learning_rate": learning_rate, "data": own}
    for name, tree in named.items():
        for leaf in jax.tree.leaves(tree):
            if leaf.shape[:1] != keys.shape:
                raise ValueError(
                    f"{name}: got a leaf of shape {leaf.shape}, expected {keys.size} networks "
                    "(the number of keys) on its first axis"
                )
    return keys.size
