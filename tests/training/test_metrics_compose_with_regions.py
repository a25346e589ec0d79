"""Counts of regions and pieces are metrics like any other: pure functions of a snapshot."""

import jax
import jax.numpy as jnp
import numpy as np

import jaxlab as jl


def line(snapshot):
    wide = jl.networks.cast(snapshot.params, jnp.float64)  # exact
    found = jl.regions.line.breakpoints(
        wide, jnp.zeros(1, jnp.float64), jnp.ones(1, jnp.float64), capacity=64
    )
    return {"pieces": found.pieces, "regions": found.regions, "overflow": found.overflow}


def test_pieces_counted_inside_the_training_scan_are_those_counted_afterwards(x64):
    policy = jl.training.Policy.native("float16")
    law = jl.networks.initialisers.he(jl.networks.initialisers.fan_in_bias())
    keys = jax.random.split(jax.random.key(0), 5)
    start = jax.vmap(lambda k: jl.networks.initialise(k, (1, 6, 6, 1), law, "float16"))(keys)
    x = jnp.linspace(0.0, 1.0, 17, dtype=jnp.float64)[:, None]
    history = jl.training.ensemble(
        jl.training.mean_squared_error(policy),
        start,
        (x, x * x),
        jl.training.gradient_descent(0.05),
        policy=policy,
        checkpoints=(0, 3, 20),
        metrics={"line": line, "params": lambda snapshot: snapshot.params},
        keys=keys,
    )
    inside = history.metrics["line"]
    assert not np.asarray(inside["overflow"]).any()
    flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), history.metrics["params"])
    after = jl.regions.line.count(flat, 0.0, 1.0)
    np.testing.assert_array_equal(np.ravel(inside["pieces"]), after.pieces)
    np.testing.assert_array_equal(np.ravel(inside["regions"]), after.regions)
