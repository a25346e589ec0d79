"""Significant bits by Monte Carlo arithmetic: round at random many times, look at the scatter."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key, PyTree

from jaxlab.arithmetic._rounded import rounded
from jaxlab.arithmetic.reference import widen_tree


class Significance(NamedTuple):
    """Statistics of a result over random roundings; every field has the structure of the result.

    All of it is float64, with x64 on or off, as sums of squares leave the range of narrower dtypes;
    while x64 is off, do further arithmetic on it in NumPy.

    Attributes
    ----------
    mean, deviation
        Sample mean and standard deviation.
    bits
        ``-log2(deviation / |mean|)``: significant bits, entry by entry. ``inf`` where all samples
        agree, negative where the scatter exceeds the mean, NaN where a sample is not finite.
    """

    mean: PyTree
    deviation: PyTree
    bits: PyTree


def significant_bits(
    fn: Callable[..., Any], fmt: Any, key: Key[Array, ""], samples: int = 32, **options: Any
) -> Callable[..., Significance]:
    """Estimate how many bits of each entry of a result survive the rounding errors.

    The function is run ``samples`` times at once with stochastic rounding, by ``vmap`` over keys.
    Parker's Monte Carlo arithmetic; the estimate is ``s = -log2(sigma / |mu|)``. With ``n`` samples
    of a normal law the relative standard error of ``sigma`` is about ``1 / sqrt(2 (n - 1))``, which
    is 0.18 bit at the default 32. A stochastic rounding error has on average twice the variance of
    one to nearest: for round to nearest the estimate is about half a bit pessimistic.

    Parameters
    ----------
    fn
        A pure JAX function; ``jax.grad(loss)`` for the bits of a gradient.
    fmt
        The format.
    key
        Typed key; the same key gives the same estimate.
    samples
        Number of runs, at least 2.
    options
        Further options of :func:`rounded`, except ``rounding`` and ``key``.

    Returns
    -------
    A function of the same arguments returning a :class:`Significance`. It can be compiled by
    ``jit``.

    Raises
    ------
    ValueError
        If ``samples`` is below 2, and as :func:`rounded`.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> cancel = lambda x: jnp.array([x * 1.1, (1 + x * 1e-3) - 1])
    >>> found = significant_bits(cancel, "fp16", jax.random.key(0))(jnp.float32(1.3))
    >>> good, bad = map(float, found.bits)
    >>> good > 10, bad < 4
    (True, True)
    """
    if samples < 2:
        raise ValueError(f"samples: got {samples}, expected at least 2")

    def estimate(*args: Any, **kwargs: Any) -> Significance:
        def run(key):
            return rounded(fn, fmt, rounding="stochastic", key=key, **options)(*args, **kwargs)

        draws = jax.vmap(run)(jax.random.split(key, samples))
        with jax.enable_x64(True):
            statistics = [_statistics(leaf) for leaf in jax.tree.leaves(widen_tree(draws))]
        fields = zip(*statistics, strict=True)
        return Significance(*map(jax.tree.structure(draws).unflatten, fields))

    return estimate


def _statistics(draws):
    draws = draws.astype(jnp.float64)  # results that are not floating, too
    mean, deviation = jnp.mean(draws, 0), jnp.std(draws, 0, ddof=1)
    bits = jnp.log2(jnp.abs(mean)) - jnp.log2(deviation)
    same = jnp.all(draws == draws[:1], 0) & jnp.isfinite(draws[0])
    return (
        jnp.where(same, draws[0], mean),
        jnp.where(same, 0.0, deviation),
        jnp.where(same, jnp.inf, bits),
    )
