"""How far a result is from its reference: norms, entries, directions, signs, lost entries.

Everything is computed in float64, whatever the x64 flag says, and returned in float64. Narrow
values are widened exactly, their subnormals included. Non-finite entries are data: equal infinities
and NaN against NaN are an error of 0, any other non-finite entry is an infinite error.

While x64 is off, ``jax.jit`` narrows a NumPy float64 argument before any of this sees it: hand such
a reference to a jitted function as a JAX array made inside ``jax.enable_x64(True)``.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from jaxlab.arithmetic.carriers import odd_sum
from jaxlab.arithmetic.formats import as_format
from jaxlab.arithmetic.rounding import round_to
from jaxlab.arithmetic.ulps import absolute_error, binade, power, widen


def relative_error(value: Any, reference: Any, scale: Any = None) -> Float[Array, "..."]:
    """Componentwise error ``|value - reference| / |reference|``, 0/0 being 0.

    Parameters
    ----------
    value, reference
        Floating arrays of the same shape.
    scale
        What to divide by instead of ``|reference|``: with ``|A| |B|`` for a product ``A B`` this is
        the mixed error that summation bounds speak of (Higham, Accuracy and Stability of Numerical
        Algorithms, 2002, doi:10.1137/1.9780898718027, chapter 3).

    Examples
    --------
    >>> relative_error(np.array([1.0, 1e-9]), np.array([2.0, 0.0]))
    Array([0.5, inf], dtype=float64)
    """
    with jax.enable_x64(True):
        return _ratio(
            absolute_error(value, reference),
            jnp.abs(widen(reference if scale is None else scale)),
        )


def normwise_error(value: PyTree, reference: PyTree) -> Float[Array, ""]:
    """``||value - reference|| / ||reference||`` in the Euclidean norm over all leaves; 0/0 is 0.

    Examples
    --------
    >>> float(normwise_error({"w": np.array([1.0, 4.0])}, {"w": np.array([4.0, 0.0])}))
    1.25
    """
    with jax.enable_x64(True):
        value, reference = _flat_pair(value, reference)
        return _ratio(
            _norm(absolute_error(value, reference)),
            _norm(jnp.where(jnp.isfinite(reference), reference, 0.0)),
        )


def quantiles(errors: Any, probabilities: tuple[float, ...]) -> Float[Array, " probabilities"]:
    """Order statistics of the errors: the smallest that at least this share does not exceed.

    No interpolation, so that infinite errors give infinity and not NaN. 1.0 is the maximum; of no
    errors at all every quantile is 0.

    Examples
    --------
    >>> quantiles(np.array([1.0, 2.0, 4.0, np.inf]), (0.5, 0.75, 1.0))
    Array([ 2.,  4., inf], dtype=float64)
    """
    with jax.enable_x64(True):
        ordered = jnp.sort(widen(errors).ravel())
        if ordered.size == 0:
            return jnp.zeros(len(probabilities))
        ranks = np.ceil(np.asarray(probabilities) * ordered.size).astype(np.int64) - 1
        return ordered[np.maximum(ranks, 0)]


def cosine_deficit(value: PyTree, reference: PyTree) -> Float[Array, ""]:
    """1 minus the cosine of the angle between two pytrees; NaN where one is 0 or not finite.

    Computed as ``d = |a/|a| - b/|b||**2 / 2``, with an absolute error of a few
    ``2**-53 sqrt(d) + 2**-106``: angles down to 1e-16 are resolved, which the inner product of the
    unit vectors would round away.

    Examples
    --------
    >>> float(cosine_deficit(np.array([1.0, 1e-10]), np.array([1.0, 0.0])))
    5...e-21
    """
    with jax.enable_x64(True):
        value, reference = _flat_pair(value, reference)
        gap = value / _norm(value) - reference / _norm(reference)
        return jnp.sum(gap * gap) / 2.0


def sign_agreement(value: PyTree, reference: PyTree) -> Float[Array, ""]:
    """Share of the entries with the reference's sign, among those where neither is 0 or NaN.

    Zeroed entries are counted by :func:`underflowed_share`. 1 if there are no such entries.

    Examples
    --------
    >>> float(sign_agreement(np.array([1.0, -1.0, 0.0]), np.array([2.0, 2.0, 2.0])))
    0.5
    """
    with jax.enable_x64(True):
        value, reference = (jnp.sign(x) for x in _flat_pair(value, reference))
        return 1.0 - _share(value == -reference, jnp.abs(value * reference) == 1.0)


def underflowed_share(value: PyTree, reference: PyTree) -> Float[Array, ""]:
    """Share of the nonzero entries of the reference that are exactly zero in ``value``.

    Examples
    --------
    >>> float(underflowed_share(np.array([0.0, 1.0, 0.0]), np.array([1e-9, 1.0, 0.0])))
    0.5
    """
    with jax.enable_x64(True):
        value, reference = _flat_pair(value, reference)
        return _share(value == 0.0, reference != 0.0)


def overflowed_share(value: PyTree, reference: PyTree) -> Float[Array, ""]:
    """Share of the finite entries of the reference that are infinite or NaN in ``value``.

    Examples
    --------
    >>> float(overflowed_share(np.array([np.inf, 1.0]), np.array([1e5, 1.0])))
    0.5
    """
    with jax.enable_x64(True):
        value, reference = _flat_pair(value, reference)
        return _share(~jnp.isfinite(value), jnp.isfinite(reference))


def stagnated_share(parameters: PyTree, updates: PyTree, fmt: Any) -> Float[Array, ""]:
    """Share of the nonzero updates with ``round_to(w + u, fmt) == w``: those that are lost.

    Rounding to nearest loses ``u`` once it is below half an ulp of ``w`` (Xia, Massei, Hochstenbach
    and Koren 2024). The exact sum is rounded once; for formats of more
    than 51 bits it is the native float64 sum. 0 if all updates are zero. What a training step
    really does is the metric :func:`jaxlab.training.metrics.stagnated_share`.

    Parameters
    ----------
    parameters, updates
        Pytrees of the same structure; the parameters are numbers of the format.
    fmt
        Whatever :func:`as_format` takes.

    Examples
    --------
    >>> float(stagnated_share(np.ones(2), np.array([1e-3, 1e-2]), "bfloat16"))
    0.5
    """
    with jax.enable_x64(True):
        w, u = _flat_pair(parameters, updates)
        total = odd_sum(w, u) if as_format(fmt).precision <= 51 else w + u
        return _share(round_to(total, fmt) == w, u != 0.0)


def check_match(value: PyTree, reference: PyTree) -> None:
    """Refuse pytrees of different structures or shapes.

    Raises
    ------
    ValueError
        Saying what the reference has, and what the value.
    """
    if jax.tree.structure(value) != jax.tree.structure(reference):
        raise ValueError(
            f"reference: got {jax.tree.structure(reference)}, expected "
            f"{jax.tree.structure(value)} as for value"
        )
    shapes = [[np.shape(leaf) for leaf in jax.tree.leaves(tree)] for tree in (value, reference)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"reference: got shapes {shapes[1]}, expected {shapes[0]} as for value")


def _ratio(numerator, denominator):
    """0 where the numerator is 0, and infinity where it is infinite, whatever the denominator."""
    fixed = (numerator == 0.0) | jnp.isinf(numerator)
    return jnp.where(fixed, numerator, numerator / denominator)


def _norm(x):
    """Euclidean norm without spurious overflow or underflow; inf if an entry is infinite."""
    largest = jnp.max(jnp.abs(x), initial=0.0)
    scale = power(jnp.clip(binade(largest), -1000, 1000))
    scaled = x / jnp.broadcast_to(scale, x.shape)
    return jnp.sqrt(jnp.sum(scaled * scaled)) * scale


def _share(chosen, population):
    count = jnp.sum(population)
    return jnp.sum(chosen & population) / jnp.maximum(count, 1)


def _flat_pair(value: PyTree, reference: PyTree) -> tuple[Array, Array]:
    """Both pytrees as float64 vectors, after a check that they match."""
    check_match(value, reference)
    flat = [[widen(leaf).ravel() for leaf in jax.tree.leaves(t)] for t in (value, reference)]
    empty = [jnp.zeros(0)]
    return jnp.concatenate(flat[0] + empty), jnp.concatenate(flat[1] + empty)
