"""Breakpoints are counted at every step inside a compiled training scan, for a whole ensemble."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxlab.networks import mlp
from jaxlab.networks.mlp import Layer
from jaxlab.regions import line
from tests.regions import networks

WIDTHS, NETS, STEPS, CAPACITY = (1, 6, 6, 1), 2000, 3, 40


@jax.jit
def train(params):
    """Gradient steps on |x|, with the regions and pieces before every one of them."""
    xs = jnp.linspace(-1, 1, 32, dtype=jnp.float32)[:, None]

    def loss(params):
        return jnp.mean((mlp.apply(params, xs) - jnp.abs(xs)) ** 2)

    def step(params, _):
        found = line.breakpoints(params, -jnp.ones(1), jnp.ones(1), CAPACITY)
        slope = jax.grad(loss)(params)
        new = jax.tree.map(lambda p, g: p - jnp.float32(0.05) * g, params, slope)
        return new, (params, found.regions, found.pieces, found.overflow)

    return jax.lax.scan(step, params, length=STEPS)[1]


def test_thousands_of_networks_are_counted_at_every_training_step():
    rng = np.random.default_rng(1)
    stacked = networks.stack([networks.he(rng, WIDTHS) for _ in range(NETS)])
    params = tuple(Layer(jnp.float32(w), jnp.float32(b)) for w, b in stacked)
    history, regions, pieces, overflow = jax.vmap(train)(params)
    assert regions.shape == (NETS, STEPS)
    assert not overflow.any()
    for step in range(STEPS):
        seen = jax.tree.map(lambda leaf, at=step: np.asarray(leaf[:, at]), history)
        exact = line.count(seen, -1.0, 1.0)
        # Single precision against double: a crossing within 2^-22 is decided otherwise.
        assert (np.asarray(regions[:, step]) == exact.regions).mean() > 0.995
        assert (np.asarray(pieces[:, step]) == exact.pieces).mean() > 0.98
    assert (np.asarray(regions[:, 0]) != np.asarray(regions[:, -1])).any()
