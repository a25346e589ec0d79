"""Training a thousand small networks at once: jaxlab beside a hand-written JAX loop and torch."""

import itertools
import time

import jax
import jax.numpy as jnp
import numpy as np

from jaxlab.networks import mlp
from jaxlab.training import Policy, ensemble, gradient_descent, mean_squared_error, metrics

WIDTHS = (1, 16, 16, 16, 1)
RATE = 0.01


def main(nets: int = 1000, steps: int = 200, repeats: int = 3, dry: bool = False) -> dict:
    """Time full-batch gradient descent in float32 for 64 and 256 points; best of ``repeats``.

    Contenders take turns within every repeat, so that a busy machine slows all of them. Compile
    times are first calls less the best time. ``dry`` runs tiny sizes to see that all is well.
    """
    if dry:
        nets, steps, repeats = 8, 3, 1
    rows = []
    for points in (64, 256):
        case = f"K={nets} 1-[16]^3-1 n={points} steps={steps} float32"
        rows += time_case(case, contenders(nets, steps, points), nets * steps, repeats)
    return {"title": "Ensemble training throughput", "rows": rows}


def contenders(nets, steps, points):
    """Name -> (run, share of the networks it runs); run blocks until the result is there."""
    params = jax.jit(jax.vmap(initial))(jax.random.split(jax.random.key(0), nets))
    x = jnp.linspace(-1.0, 1.0, points, dtype=jnp.float32)[:, None]
    data = (x, jnp.sin(3 * x))
    found = {
        "jaxlab ensemble": (jaxlab_runner(params, data, steps, True), 1.0),
        "jaxlab ensemble, batch_invariant=False": (jaxlab_runner(params, data, steps, False), 1.0),
        "hand-written vmap(grad) in fori_loop": (hand_runner(params, data, steps), 1.0),
    }
    few = max(1, min(nets, 10))
    found[f"Python loop over networks ({few} run, extrapolated)"] = (
        loop_runner(params, data, steps, few),
        few / nets,
    )
    torch_run, share = torch_runner(params, data, steps)
    if torch_run is not None:
        label = "torch.func vmap(grad)" + (f" ({share:.0%} of steps, extrapolated)" * (share < 1))
        found[label] = (torch_run, share)
    return found


def time_case(case, runs, network_steps, repeats):
    """Rows of one case: best seconds, first call less best, throughput, ratio to jaxlab."""
    first, best = {}, dict.fromkeys(runs, float("inf"))
    for name, (run, share) in runs.items():
        first[name] = clock(run) / share
    for _ in range(repeats):
        for name, (run, share) in runs.items():
            best[name] = min(best[name], clock(run) / share)
    own = best[next(iter(runs))]
    return [
        {
            "case": case,
            "contender": name,
            "seconds": best[name],
            "compile_seconds": max(0.0, (first[name] - best[name]) * share),
            "network_steps_per_second": network_steps / best[name],
            "ratio_to_jaxlab": own / best[name],
        }
        for name, (_, share) in runs.items()
    ]


def jaxlab_runner(params, data, steps, invariant):
    policy = Policy.native("float32")
    nets = params[0].bias.shape[0]
    keys = jax.random.split(jax.random.key(1), nets)
    rates = jnp.full(nets, RATE, jnp.float32)
    measured = {"loss": metrics.loss, "gradient": metrics.gradient_norm}

    def run():
        history = ensemble(
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
        jax.block_until_ready(history)

    return run


def hand_runner(params, data, steps):
    gradient = jax.vmap(jax.grad(squared_error), (0, None))

    @jax.jit
    def train(params):
        def body(_, p):
            return jax.tree.map(lambda a, g: a - RATE * g, p, gradient(p, data))

        return jax.lax.fori_loop(0, steps, body, params)

    return lambda: jax.block_until_ready(train(params))


def loop_runner(params, data, steps, few):
    @jax.jit
    def step(p):
        return jax.tree.map(lambda a, g: a - RATE * g, p, jax.grad(squared_error)(p, data))

    singles = [jax.tree.map(lambda leaf, i=i: leaf[i], params) for i in range(few)]

    def run():
        for p in singles:
            for _ in range(steps):
                p = step(p)
            jax.block_until_ready(p)

    return run


def torch_runner(params, data, steps):
    """The torch.func contender and the share of the steps it runs; (None, 0) without torch."""
    try:
        import torch
    except ImportError:
        return None, 0.0
    weights = [torch.tensor(np.array(leaf)) for leaf in jax.tree.leaves(params)]
    x, y = (torch.tensor(np.array(leaf)) for leaf in data)
    few = max(1, min(steps, 20))

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
        for _ in range(few):
            now = [w - RATE * g for w, g in zip(now, gradient(*now), strict=True)]
        return now

    return run, few / steps


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


def clock(run):
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    for line in main()["rows"]:
        print(line)
