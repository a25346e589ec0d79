"""Activation patterns of ReLU networks at sample points: packed to bits, and counted."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int32, UInt32

from jaxlab.networks import mlp
from jaxlab.regions import _pattern_count

WORD = 32
_LIMBS = 8  # bytes of a hash


def pack(bits: Bool[Array, "*batch neurons"]) -> UInt32[Array, "*batch words"]:
    """Pack a mask along its last axis, 32 neurons to a word.

    Parameters
    ----------
    bits
        Shape ``(*batch, neurons)``.

    Returns
    -------
    uint32 ``(*batch, ceil(neurons / 32))``: bit ``b`` of word ``w`` is neuron ``32 w + b``; unused
    bits are zero.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> pack(jnp.array([True, False, True]))
    Array([5], dtype=uint32)
    """
    *batch, neurons = bits.shape
    words = -(-neurons // WORD)
    padding = [(0, 0)] * len(batch) + [(0, words * WORD - neurons)]
    grouped = jnp.pad(bits, padding).reshape(*batch, words, WORD)
    place = jnp.left_shift(jnp.uint32(1), lax.iota(jnp.uint32, WORD))
    return jnp.where(grouped, jnp.broadcast_to(place, grouped.shape), jnp.uint32(0)).sum(
        axis=-1, dtype=jnp.uint32
    )


def unpack(words: UInt32[Array, "*batch words"], neurons: int) -> Bool[Array, "*batch neurons"]:
    """Inverse of :func:`pack`.

    Parameters
    ----------
    words
        Shape ``(*batch, words)``.
    neurons
        How many bits to return; static.

    Raises
    ------
    ValueError
        If ``words`` cannot hold that many neurons.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> unpack(jnp.array([5], jnp.uint32), 3)
    Array([ True, False,  True], dtype=bool)
    """
    *batch, count = words.shape
    if not 0 <= neurons <= count * WORD:
        raise ValueError(f"neurons: got {neurons}, expected 0 to {count * WORD} ({count} words)")
    bit = jnp.broadcast_to(lax.iota(jnp.uint32, WORD), (*batch, count, WORD))
    spread = (words[..., None] >> bit) & jnp.uint32(1)
    return spread.reshape(*batch, count * WORD)[..., :neurons] != 0


@jax.jit
def patterns(
    params: mlp.Parameters, xs: Float[Array, "points inputs"]
) -> UInt32[Array, "points words"]:
    """Packed activation patterns of all hidden layers at a batch of inputs.

    The bits of the hidden layers follow each other without gaps, layer 0 first; a bit is 1 where
    the pre-activation is greater than 0.

    Parameters
    ----------
    params
        Tuple of layers; the last is the output layer and has no activation.
    xs
        Inputs ``(points, inputs)``, of the parameters' dtype.

    Returns
    -------
    uint32 ``(points, words)``, ``words = ceil(hidden neurons / 32)``.

    Raises
    ------
    ValueError
        If widths disagree.

    Examples
    --------
    The hat function's two neurons left of its peak, and right of it:

    >>> import jax.numpy as jnp
    >>> from jaxlab.networks.mlp import Layer
    >>> hidden = Layer(jnp.array([[2.0, 4.0]]), jnp.array([0.0, -2.0]))
    >>> patterns((hidden, Layer(jnp.ones((2, 1)), jnp.zeros(1))), jnp.array([[0.25], [0.75]]))
    Array([[1], [3]], dtype=uint32)
    """
    none = jnp.zeros((xs.shape[0], 0), bool)
    return pack(jnp.concatenate([none, *_signs(params, xs)], axis=-1))


def _signs(params: mlp.Parameters, xs: Float[Array, "points inputs"]) -> list[Array]:
    """Where each hidden layer's pre-activations are greater than 0, ``(points, width)`` each."""
    mlp.check_widths(params)
    if xs.shape[-1] != params[0].weight.shape[0]:
        raise ValueError(
            f"xs: got {xs.shape[-1]} features, expected {params[0].weight.shape[0]} "
            "(the inputs of params[0])"
        )
    signs = []
    for layer in params[:-1]:
        xs = mlp.affine(layer, xs)
        signs.append(xs > 0)
        xs = jax.nn.relu(xs)
    return signs


@jax.jit
def distinct(codes: UInt32[Array, "points words"]) -> Int32[Array, ""]:
    """Number of distinct rows, in fixed shapes: a lexicographic sort, then neighbours compared.

    Patterns seen at samples are a *lower bound* on the linear regions of the sampled set: regions
    without a sample are missed (15% of 4,000 regions in the plane with a 1000 x 1000 grid). The
    bound needs samples off the boundaries: exactly on one, a pattern of no region may show.

    Parameters
    ----------
    codes
        uint32 ``(points, words)``, as from :func:`patterns`.

    Returns
    -------
    int32 scalar.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> distinct(jnp.array([[1, 2], [0, 2], [1, 2]], jnp.uint32))
    Array(2, dtype=int32)
    """
    points, words = codes.shape
    if points == 0 or words == 0:
        return jnp.int32(min(points, 1))
    columns = lax.sort(tuple(codes.T), num_keys=words)
    differs = jnp.zeros(points - 1, bool)
    for column in columns:
        differs |= column[1:] != column[:-1]
    return 1 + differs.sum(dtype=jnp.int32)


def count_distinct(codes: UInt32[Array, "points words"] | np.ndarray) -> int:
    """Number of distinct rows, on the host (exact; rows compared as byte strings).

    A *lower bound* on the linear regions of the sampled set, like :func:`distinct`, and faster than
    it for patterns of many words.

    Parameters
    ----------
    codes
        Integers ``(points, words)``, as from :func:`patterns`.

    Examples
    --------
    >>> import numpy as np
    >>> count_distinct(np.array([[1, 2], [0, 2], [1, 2]], np.uint32))
    2
    """
    rows = np.ascontiguousarray(np.asarray(codes))
    points, words = rows.shape
    if points == 0 or words == 0:
        return min(points, 1)
    return len(np.unique(rows.view(np.dtype((np.void, rows.itemsize * words)))))


class PatternCount(NamedTuple):
    """What :func:`distinct_patterns` returns.

    Attributes
    ----------
    distinct
        Number of different activation patterns; a lower bound where ``exact`` is False.
    exact
        False if the patterns of data that can be read once only did not fit into the memory.
    estimate
        ``distinct`` where that is exact. Else the count in the part of the hashes' range that did
        fit, divided by its share of the range (adaptive sampling): relative standard error at most
        about ``2 / sqrt(distinct)``.
    points
        Number of inputs.
    passes
        How often the data were read.
    collision_probability
        Bound on the probability, over the random hash function, that two different patterns had the
        same hash, so that ``distinct`` is too small: ``points**2 / 2**65``. (If there are as few
        patterns as were counted, it is ``distinct**2 / 2**65``.)
    """

    distinct: int
    exact: bool
    estimate: float
    points: int
    passes: int
    collision_probability: float


def distinct_patterns(
    params: mlp.Parameters,
    data: Array | np.ndarray | Iterable[Any] | Callable[[], Iterable[Any]],
    *,
    batch: int = 2**14,
    memory: int = 2**28,
    seed: int = 0,
) -> PatternCount:
    """Count the different activation patterns over a data set of any size, in bounded memory.

    Each pattern is hashed to 64 bits on the device and forgotten: every neuron has a random 64-bit
    number, and the numbers of the active neurons are summed, in two words modulo ``2**32``. The
    difference of two patterns is a sum of ``+-`` such numbers, so any two patterns have the same
    hash with probability ``2**-64`` exactly. The sums are dots of 0 and 1 with bytes, exact in
    float32: about 8 more outputs per layer. The hashes are kept sorted on the host; where they do
    not fit into ``memory``, ranges of hashes are counted one after the other, each by one pass over
    the data, and the count stays exact.

    The number of patterns seen at samples is a *lower bound* on the number of regions, if no sample
    is on a boundary (see :func:`distinct`). Signs are those of the arithmetic of the parameters'
    dtype on this device.

    Parameters
    ----------
    params
        Layers of one network; NumPy float64 leaves are computed in float64 whatever the x64 flag.
    data
        An array ``(points, inputs)``, an iterable of such arrays, or a function that makes one. An
        iterator (which can be read once only) gives a lower bound if its patterns do not fit. The
        dtype is the parameters'.
    batch
        Points at a time when ``data`` is one array. Other batches are used as they come; shorter
        ones than before are filled up, so that few shapes are compiled.
    memory
        Bytes for hashes, at 8 each; three quarters of them can be different in one pass. A batch
        and its activations come on top.
    seed
        Of the hash function: counts with two seeds that agree confirm each other.

    Returns
    -------
    PatternCount

    Raises
    ------
    ValueError
        If widths or dtypes disagree, a layer is wider than 65,793 neurons, ``memory`` is less than
        32 bytes, or a later pass meets another number of points.

    References
    ----------
    Carter, Wegman, Universal classes of hash functions, J. Comput. Syst. Sci. 18 (1979) 143-154.
    Flajolet, On adaptive sampling, Computing 43 (1990) 391-400.

    Examples
    --------
    >>> import numpy as np
    >>> from jaxlab.networks.mlp import Layer
    >>> hidden = Layer(np.array([[2.0, 4.0]]), np.array([0.0, -2.0]))
    >>> params = (hidden, Layer(np.ones((2, 1)), np.zeros(1)))
    >>> found = distinct_patterns(params, np.linspace(-1, 1, 1000)[:, None])
    >>> found.distinct, found.exact, found.points, found.passes
    (3, True, 1000, 1)
    """
    if memory < 32:
        raise ValueError(f"memory: got {memory} bytes, expected at least 32")
    rng = np.random.default_rng(seed)
    hidden = mlp.widths(params)[1:-1]
    if max(hidden, default=0) > (2**24 - 1) // 255:
        raise ValueError(f"params: got hidden widths {hidden}, expected at most 65,793")
    numbers = tuple(rng.integers(0, 256, (n, _LIMBS)).astype(np.float32) for n in hidden)
    batches, repeatable = _source(data, batch)
    found = _pattern_count.tally(lambda: _hashed(params, numbers, batches()), repeatable, memory)
    return PatternCount(
        distinct=found.distinct,
        exact=found.exact,
        estimate=found.estimate,
        points=found.points,
        passes=found.passes,
        collision_probability=min(found.points * (found.points - 1) / 2**65, 1.0),
    )


def _source(data: Any, batch: int) -> tuple[Callable[[], Iterator[Any]], bool]:
    """A function that starts reading the data, and whether it can be called again."""
    if callable(data):
        make: Callable[..., Any] = data
        return lambda: iter(make()), True
    if isinstance(data, jax.Array | np.ndarray):
        return lambda: (data[at : at + batch] for at in range(0, len(data), batch)), True
    return lambda: iter(data), iter(data) is not data


def _hashed(params: mlp.Parameters, numbers: tuple, batches: Iterator[Any]) -> Iterator[np.ndarray]:
    """The hashes of each batch, uint64 ``(points,)``; the device is one batch ahead."""
    dtype, most, ahead = np.asarray(params[0].weight).dtype, 0, []
    for xs in batches:
        if xs.dtype != dtype:
            raise ValueError(f"data: got dtype {xs.dtype}, expected {dtype} (the parameters')")
        if len(xs) == 0:
            continue
        most = max(most, len(xs))
        with jax.enable_x64(True):
            filled = jnp.asarray(xs)
            if len(xs) < most:  # repeated points add no pattern
                filled = jnp.concatenate([filled, jnp.repeat(filled[:1], most - len(xs), axis=0)])
            ahead.append((_hash(params, numbers, filled), len(xs)))
        if len(ahead) > 1:
            yield _on_host(*ahead.pop(0))
    for words in ahead:
        yield _on_host(*words)


def _on_host(words: Array, points: int) -> np.ndarray:
    return np.ascontiguousarray(words)[:points].view(np.uint64)[:, 0]


@jax.jit
def _hash(
    params: mlp.Parameters, numbers: tuple[Array, ...], xs: Float[Array, "points inputs"]
) -> UInt32[Array, "points 2"]:
    """Sum of the active neurons' random numbers, given in bytes, in two words modulo 2**32."""
    words = jnp.zeros((xs.shape[0], 2), jnp.uint32)
    place = jnp.arange(0, WORD, 8, dtype=jnp.uint32)[None, None]
    for signs, limbs in zip(_signs(params, xs), numbers, strict=True):
        sums = jnp.matmul(signs.astype(jnp.float32), limbs, precision=lax.Precision.HIGHEST)
        limbed = sums.astype(jnp.uint32).reshape(-1, 2, _LIMBS // 2)
        words += (limbed << jnp.broadcast_to(place, limbed.shape)).sum(axis=-1, dtype=jnp.uint32)
    return words
