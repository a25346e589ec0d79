"""A small network's gradient in emulated arithmetic, as one hash; run as a script it prints them.

Nothing transcendental takes part, so that every bit is defined by the formats alone.
"""

import hashlib
import itertools
import sys

import jax
import jax.numpy as jnp
import numpy as np

from jaxlab.arithmetic import rounded

FORMATS = ("bfloat16", "float8_e4m3fn")


def loss(params, x, y):
    h = x
    for weight, bias in params[:-1]:
        h = jax.nn.relu(jnp.matmul(h, weight, precision="highest") + bias[None])
        h = h / (1.0 + jnp.sqrt(jnp.sum(h * h, axis=1, keepdims=True)))
    weight, bias = params[-1]
    error = jnp.matmul(h, weight, precision="highest") + bias[None] - y
    return jnp.mean(error * error) / 3.0


def gradient(fmt: str) -> list[np.ndarray]:
    """Value and gradient, from a fixed key."""
    keys = iter(jax.random.split(jax.random.key(2026), 8))

    def draw(*shape):  # random bits are the same on all machines, normal numbers need not be
        words = jax.random.bits(next(keys), shape, np.uint32) >> 8
        return words.astype(np.float32) * jnp.float32(2.0**-23) - jnp.float32(1)

    layers = itertools.pairwise((6, 16, 2))
    params = [(draw(n, m), jnp.zeros(m, np.float32)) for n, m in layers]
    ask = jax.jit(rounded(jax.value_and_grad(loss), fmt, accumulate="sequential"))
    return [np.asarray(x) for x in jax.tree.leaves(ask(params, draw(8, 6), draw(8, 2)))]


def fingerprint(leaves: list[np.ndarray]) -> str:
    """SHA-256 of arrays."""
    return hashlib.sha256(b"".join(x.tobytes() for x in leaves)).hexdigest()


if __name__ == "__main__":
    sys.stdout.write("".join(f"{name} {fingerprint(gradient(name))}\n" for name in FORMATS))
