"""The dimensions of a general dot product, sorted."""

import math
from collections.abc import Sequence
from typing import Any


def contracted_first(
    x: Any, contracted: Sequence[int], batch: Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...], Any]:
    """One operand of a ``dot_general`` as an array of three dimensions.

    Parameters
    ----------
    x
        NumPy or JAX array.
    contracted, batch
        Its contracted and batch dimensions.

    Returns
    -------
    Shapes of the free and of the batch dimensions, and ``x`` as [contracted, batch, free].

    Examples
    --------
    >>> import numpy as np
    >>> free, batch, flat = contracted_first(np.zeros((2, 3, 4, 5)), (3,), (1,))
    >>> free, batch, flat.shape
    ((2, 4), (3,), (5, 3, 8))
    """
    free = [d for d in range(x.ndim) if d not in (*contracted, *batch)]
    shapes = [tuple(x.shape[d] for d in dims) for dims in (contracted, batch, free)]
    flat = x.transpose(*contracted, *batch, *free).reshape([math.prod(s) for s in shapes])
    return shapes[2], shapes[1], flat
