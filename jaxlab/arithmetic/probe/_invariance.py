"""Do the bits depend on what they should not: batch, vmap, jit, repetition, number of threads?"""

import functools
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxlab.arithmetic.probe._experiments import DTYPES, Unmeasured, attempt, same_bits
from jaxlab.arithmetic.probe._programs import full_product, total

_BATCH, _INNER, _OUTER = 64, 300, 200
_SMALLER = (1, 7, 32, 63)
_REPEATS = 10
_LONG = 3_000_001
_SECONDS = 120


def invariance(dtype: str) -> dict[str, Any]:
    """Whether results in one dtype are bitwise independent of circumstances.

    Returns
    -------
    True, False or :class:`Unmeasured` for

    ``batch``
        rows of a matrix product with 64 rows and the same rows in products with 1, 7, 32 and 63;
    ``vmap``
        a vector-matrix product alone and the same under ``jax.vmap``;
    ``jit``
        the gradient of a small tanh network, eager and under ``jit``;
    ``repetition``
        ten runs of a matrix product, a sum and a scatter-add with collisions.
    """
    x, weights = _normal((_BATCH, _INNER), dtype, 0), _normal((_INNER, _OUTER), dtype, 1)
    batched = lambda rows: np.asarray(full_product(x[:rows], weights))  # noqa: E731
    single = lambda: np.stack([np.asarray(full_product(row, weights)) for row in x])  # noqa: E731
    return {
        "batch": attempt(lambda: is_batch_invariant(batched, _BATCH, _SMALLER)),
        "vmap": attempt(lambda: same_bits(np.asarray(_vmapped(x, weights)), single())),
        "jit": attempt(lambda: _jit_agrees(dtype)),
        "repetition": attempt(lambda: _repeats(dtype)),
    }


def is_batch_invariant(
    batched: Callable[[int], np.ndarray], rows: int, fewer: tuple[int, ...]
) -> bool:
    """Whether the first rows of a result are the same bits in smaller batches.

    Examples
    --------
    >>> is_batch_invariant(lambda rows: np.arange(rows), 8, (1, 3))
    True
    >>> is_batch_invariant(lambda rows: np.arange(rows) + rows % 2, 8, (1, 3))
    False
    """
    whole = batched(rows)
    return all(same_bits(batched(few), whole[:few]) for few in fewer)


def thread_invariance(platform: str) -> bool | Unmeasured:
    """Whether float32 sums and products have the same bits on one CPU and on all.

    The same program runs in two subprocesses, one of which is tied to one CPU before JAX starts.
    Where the probed device is of another platform than CPU, and where processes cannot be tied,
    it is not measured.

    Examples
    --------
    >>> thread_invariance("gpu")
    Unmeasured(unmeasured='the platform is not CPU')
    """
    if platform != "cpu":
        return Unmeasured("the platform is not CPU")
    if not hasattr(os, "sched_setaffinity"):
        return Unmeasured("processes cannot be tied to a CPU here")
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) == 1:
        return Unmeasured("there is one CPU")
    return attempt(lambda: _on_cpus(cpus[:1]) == _on_cpus(cpus))


def threaded_digest() -> str:
    """SHA-256 of a long sum and of a matrix product, for :func:`thread_invariance`."""
    vector, matrix = _normal((_LONG,), "float32", 0), _normal((_INNER, _INNER), "float32", 1)
    results = (total(vector), full_product(matrix, matrix))
    return hashlib.sha256(b"".join(np.asarray(r).tobytes() for r in results)).hexdigest()


def _on_cpus(cpus: list[int]) -> str:
    code = (
        f"import os; os.sched_setaffinity(0, {cpus}); "
        f"from {__name__} import threaded_digest; print(threaded_digest())"
    )
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True, timeout=_SECONDS
    ).stdout


@functools.cache
def _normal(shape: tuple[int, ...], dtype: str, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(DTYPES[dtype])


_vmapped = jax.jit(jax.vmap(full_product, in_axes=(0, None)))


@jax.jit
def _collide(x: jax.Array) -> jax.Array:
    return jnp.zeros(7, x.dtype).at[jnp.arange(x.size) % 7].add(x)


def _loss(weights: tuple[jax.Array, ...], x: jax.Array) -> jax.Array:
    for layer in weights:
        x = jnp.tanh(full_product(x, layer))
    return jnp.mean(x * x)


def _jit_agrees(dtype: str) -> bool:
    weights = tuple(_normal((32, 32), dtype, seed) / DTYPES[dtype].type(6) for seed in (1, 2))
    x = _normal((16, 32), dtype, 0)
    weights, x = jax.tree.map(jnp.asarray, (weights, x))
    gradient = jax.grad(_loss)
    eager, jitted = gradient(weights, x), jax.jit(gradient)(weights, x)
    pairs = zip(eager, jitted, strict=True)
    return all(same_bits(np.asarray(one), np.asarray(other)) for one, other in pairs)


def _repeats(dtype: str) -> bool:
    x = _normal((_BATCH, _INNER), dtype, 0)
    weights, flat = _normal((_INNER, _OUTER), dtype, 1), x.reshape(-1)
    calls = (lambda: full_product(x, weights), lambda: total(flat), lambda: _collide(flat))
    return all(
        same_bits(np.asarray(call()), first)
        for call in calls
        for first in [np.asarray(call())]
        for _ in range(_REPEATS - 1)
    )
