"""Elementwise expressions that XLA contracts, rewrites or flushes, and arguments that show it."""

import jax.numpy as jnp
import numpy as np

from tests.arithmetic import oracle
from tests.arithmetic.rational_numbers import Number


def root(x):
    return x.sqrt() if isinstance(x, Number) else jnp.sqrt(x)


def two_sum_error(x, y, z):
    total = x + y
    back = total - x
    return (x - (total - back)) + (y - back)


def long(x, y, z):
    first = (root(x * x + y * y) - z / (x + y * z)) * 0.1
    second = (x - y) * (x + y) / z - (z * z - 1.7) / x
    return (first + second) * 0.3 - (first - second) / 7.0


EXPRESSIONS = {
    "division by a constant": lambda x, y, z: x / 3.0,
    "two constant factors": lambda x, y, z: (x * 3.3) * 7.7,
    "adding and taking away": lambda x, y, z: (x + 100.0) - 100.0,
    "product and sum": lambda x, y, z: x * y + z,
    "product and difference": lambda x, y, z: z - x * y,
    "quotient of a quotient": lambda x, y, z: x / y / z,
    "quotient by a quotient": lambda x, y, z: x / (y / z),
    "quotient by a root": lambda x, y, z: y / root(x),
    "polynomial": lambda x, y, z: ((x * y + z) * x - y) * z + 0.3,
    "error of a sum": two_sum_error,
    "long": long,
}


def program(x, y, z):
    """All of the expressions, and a division whose divisor is a broadcast scalar."""
    results = [expression(x, y, z) for expression in EXPRESSIONS.values()]
    return [*results, x / jnp.broadcast_to(y[0], y.shape)]


NAMES = [*EXPRESSIONS, "division by a scalar"]


def arguments(fmt, size, seed=0):
    """Three float32 columns: hard cases of a format in all combinations, then ordinary numbers."""
    rng = np.random.default_rng(seed)
    columns = []
    for column in range(3):
        hard = rng.permutation(oracle.samples(fmt, seed + column, size, np.float32))
        ordinary = rng.standard_normal(size) * 2.0 ** rng.integers(-3, 4, size)
        columns.append(np.concatenate([ordinary.astype(np.float32), hard]))
    return columns
