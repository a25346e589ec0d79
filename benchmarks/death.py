"""How many random networks are tested for death per second: jaxlab beside torch, JAX and NumPy.

jaxlab decides exactly, on the whole interval. The peers make the sampled test at 64 points, which
counts too many as dead; the drawing is part of the time of all. A row's ``ratio_to_jaxlab`` is its
time over jaxlab's in the same case: above 1, jaxlab is faster.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.racing import Contender, Racer, race
from jaxlab.networks import initialisers
from jaxlab.regions import death

WIDTH, DEPTH, POINTS = 2, 10, 64
WIDTHS = (1, *(WIDTH,) * DEPTH, 1)
CASES = {"gaussian, biases": initialisers.gaussian(), "He, no biases": initialisers.he()}


def main(nets: int = 1_000_000, repeats: int = 3, dry: bool = False) -> dict:
    """Time the tests on [-1, 1] with and without biases; ``dry`` is tiny."""
    if dry:
        nets, repeats = 500, 1
    rows = []
    for name in CASES:
        case = f"{name} N={WIDTH} H={DEPTH} nets={nets} [-1, 1]"
        rows += race(case, contenders(nets, name), repeats, "ratio_to_jaxlab")
    for row in rows:
        if "seconds" in row:
            row["networks_per_second"] = nets / row["seconds"]
    return {"title": f"Death tests (best of {repeats})", "rows": rows}


def contenders(nets: int, name: str) -> list[Contender]:
    """Every way to count; the slow ones do a share of the work."""
    some, few, biases = min(nets, 100_000), min(nets, 2_000), name.startswith("gaussian")
    return [
        ("jaxlab count, exact", lambda: jaxlab_racer(nets, name)),
        (
            f"jax vmap, {POINTS} points ({some} nets, extrapolated)",
            lambda: jax_racer(nets, some, biases),
        ),
        (
            f"torch vmap, {POINTS} points ({some} nets, extrapolated)",
            lambda: torch_racer(nets, some, biases),
        ),
        (
            f"NumPy loop, {POINTS} points ({few} nets, extrapolated)",
            lambda: numpy_racer(nets, few, biases),
        ),
    ]


def probability(dead, nets):
    return {"dead": round(float(dead) / nets, 4)}


def jaxlab_racer(nets, name):
    rays = not name.startswith("gaussian")
    key = jax.random.key(0)

    def run():
        return death.count(key, WIDTHS, CASES[name], -1.0, 1.0, nets, rays=rays)

    return Racer(run, lambda found: probability(found.dead, nets))


def jax_racer(nets, some, biases):
    xs = jnp.linspace(-1, 1, POINTS, dtype=jnp.float32)

    def dead(key):
        x, died = xs[:, None], jnp.bool_(False)
        for rows, columns in itertools.pairwise(WIDTHS[:-1]):
            key, one, two = jax.random.split(key, 3)
            x = x @ jax.random.normal(one, (rows, columns), jnp.float32)
            if biases:
                shift = jax.random.normal(two, (columns,), jnp.float32)
                x = x + jnp.broadcast_to(shift, x.shape)
            died |= (x <= 0).all()
            x = jax.nn.relu(x)
        return died

    test = jax.jit(lambda keys: jax.vmap(dead)(keys).sum(dtype=jnp.int32))
    keys = jax.random.split(jax.random.key(0), some)
    return Racer(lambda: test(keys), lambda found: probability(found, some), share=some / nets)


def torch_racer(nets, some, biases):
    import torch

    xs = torch.linspace(-1, 1, POINTS)[:, None]
    layers = list(itertools.pairwise(WIDTHS[:-1]))

    def dead(weights, shifts):
        x, died = xs, torch.tensor(False)
        for weight, shift in zip(weights, shifts, strict=True):
            x = x @ weight + shift
            died = died | (x <= 0).all()
            x = torch.relu(x)
        return died

    def run():
        weights = [torch.randn(some, rows, columns) for rows, columns in layers]
        make = torch.randn if biases else torch.zeros
        shifts = [make(some, columns) for _, columns in layers]
        return torch.func.vmap(dead)(weights, shifts).sum().item()

    return Racer(run, lambda found: probability(found, some), share=some / nets)


def numpy_racer(nets, few, biases):
    xs = np.linspace(-1, 1, POINTS)[:, None]
    rng = np.random.default_rng(0)

    def dead():
        x = xs
        for rows, columns in itertools.pairwise(WIDTHS[:-1]):
            x = x @ rng.standard_normal((rows, columns))
            if biases:
                x = x + rng.standard_normal(columns)
            if (x <= 0).all():
                return True
            x = np.maximum(x, 0)
        return False

    return Racer(
        lambda: sum(dead() for _ in range(few)),
        lambda found: probability(found, few),
        share=few / nets,
    )


if __name__ == "__main__":
    for line in main()["rows"]:
        print(line)
