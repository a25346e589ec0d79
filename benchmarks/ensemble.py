"""Training a thousand small networks at once: jaxlab beside a hand-written JAX loop and torch.

A row's ``ratio_to_jaxlab`` is its time over jaxlab's in the same case: above 1, jaxlab is faster.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.racing import Contender, Racer, race
from jaxlab.networks import mlp
from jaxlab.training import Policy, ensemble, gradient_descent, mean_squared_error, metrics

WIDTHS = (1, 16, 16, 16, 1)
RATE = 0.01


def main(nets: int = 1000, steps: int = 200, repeats: int = 3, dry: bool = False) -> dict:
    """Time full-batch gradient descent in float32 for 64 and 256 points; ``dry`` is tiny."""
    if dry:
        nets, steps, repeats = 8, 3, 1
    rows = []
    for points in (64, 256):
        case = f"K={nets} 1-[16]^3-1 n={points} steps={steps} float32"
        rows += race(case, contenders(nets, steps, points), repeats, "ratio_to_jaxlab")
    for row in rows:
        if "seconds" in row:
            row["network_steps_per_second"] = nets * steps / row["seconds"]
    return {"title": f"Ensemble training throughput (best of {repeats})", "rows": rows}


def contenders(nets: int, steps: int, points: int) -> list[Contender]:
    """Every way to train the ensemble; the slow ones do a share of the work."""
    params = jax.jit(jax.vmap(initial))(jax.random.split(jax.random.key(0), nets))
    x = jnp.linspace(-1.0, 1.0, points, dtype=jnp.float32)[:, None]
    data = (x, jnp.sin(3 * x))
    some, few = min(nets, 10), min(steps, 20)
    return [
        ("jaxlab ensemble", lambda: jaxlab_racer(params, data, steps, True)),
        (
            "jaxlab ensemble, batch_invariant=False",
            lambda: jaxlab_racer(params, data, steps, False),
        ),
        ("hand-written vmap(grad) in fori_loop", lambda: hand_racer(params, data, steps)),
        (
            f"Python loop over networks ({some} run, extrapolated)",
            lambda: loop_racer(params, data, steps, some),
        ),
        (
            f"torch.func vmap(grad) ({few / steps:.0%} of steps, extrapolated)",
            lambda: torch_racer(params, data, few, few / steps),
        ),
    ]


def jaxlab_racer(params, data, steps, invariant):
    policy = Policy.native("float32")
    nets = params[0].bias.shape[0]
    keys = jax.random.split(jax.random.key(1), nets)
    rates = jnp.full(nets, RATE, jnp.float32)
    measured = {"loss": metrics.loss, "gradient": metrics.gradient_norm}

    def run():
        return ensemble(
            mean_squared_error(policy),
            params,
            data,
            gradient_descent,
            policy=policy,
            checkpoints=(0, steps // 2, steps),
            metrics=measured,
            keys=keys,
            learning_rate=rates,
            batch_invariant=invariant,
        )

    return Racer(run)


def hand_racer(params, data, steps):
    gradient = jax.vmap(jax.grad(squared_error), (0, None))

    @jax.jit
    def train(params):
        def body(_, p):
            return jax.tree.map(lambda a, g: a - RATE * g, p, gradient(p, data))

        return jax.lax.fori_loop(0, steps, body, params)

    return Racer(lambda: train(params))


def loop_racer(params, data, steps, few):
    @jax.jit
    def step(p):
        return jax.tree.map(lambda a, g: a - RATE * g, p, jax.grad(squared_error)(p, data))

    singles = [jax.tree.map(lambda leaf, i=i: leaf[i], params) for i in range(few)]

    def run():
        for p in singles:
            for _ in range(steps):
                p = step(p)
            jax.block_until_ready(p)

    return Racer(run, share=few / params[0].bias.shape[0])


def torch_racer(params, data, steps, share):
    import torch

    weights = [torch.tensor(np.array(leaf)) for leaf in jax.tree.leaves(params)]
    x, y = (torch.tensor(np.array(leaf)) for leaf in data)

    def loss(*leaves):
        h = x
        for index in range(0, len(leaves), 2):
            h = h @ leaves[index] + leaves[index + 1]
            if index + 2 < len(leaves):
                h = torch.relu(h)
        return ((h - y) ** 2).mean()

    gradient = torch.func.vmap(torch.func.grad(loss, argnums=tuple(range(len(weights)))))

    def run():
        now = weights
        for _ in range(steps):
            now = [w - RATE * g for w, g in zip(now, gradient(*now), strict=True)]
        return now

    return Racer(run, share=share)


def initial(key):
    layers = []
    for index, (rows, columns) in enumerate(itertools.pairwise(WIDTHS)):
        draw = jax.random.normal(jax.random.fold_in(key, index), (rows, columns), jnp.float32)
        layers.append(mlp.Layer(draw * (2 / rows) ** 0.5, jnp.zeros(columns, jnp.float32)))
    return tuple(layers)


def squared_error(params, data):
    x, y = data
    residual = mlp.apply(params, x) - y
    return jnp.mean(residual * residual)


if __name__ == "__main__":
    for line in main()["rows"]:
        print(line)
