"""Very many random samples, drawn in blocks of one size: one compiled program, bounded memory."""

from collections.abc import Callable, Iterator

import jax
import numpy as np
from jaxtyping import Array, Key, Shaped

SIZE = 2**20
"""Random numbers in a block: 8 MB of float64."""


def blocks(
    draw: Callable[[Key[Array, ""]], Shaped[Array, " numbers"]],
    key: Key[Array, ""],
    samples: int,
    entries: int,
) -> Iterator[Shaped[np.ndarray, "entries some"]]:
    """Independent samples of some random numbers each, block by block; the last axis is theirs.

    Parameters
    ----------
    draw
        A jitted function from a key to :data:`SIZE` random numbers.
    key
        Typed key; every block folds its number into it.
    samples
        Samples in all.
    entries
        Random numbers in a sample, at most :data:`SIZE`.

    Raises
    ------
    ValueError
        If a sample does not fit into a block.

    Examples
    --------
    >>> import jax
    >>> draw = jax.jit(lambda key: jax.random.bits(key, (SIZE,), "uint8"))
    >>> [block.shape for block in blocks(draw, jax.random.key(0), 5, 2**18)]
    [(262144, 4), (262144, 1)]
    """
    if not 1 <= entries <= SIZE:
        raise ValueError(f"entries: got {entries}, expected 1 to {SIZE}")
    at_once = SIZE // entries
    for number, first in enumerate(range(0, samples, at_once)):
        size = min(at_once, samples - first)
        numbers = np.asarray(draw(jax.random.fold_in(key, number)))
        yield numbers[: entries * size].reshape(entries, size)
