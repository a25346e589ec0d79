"""Are subnormal numbers kept? Inputs taken for zero (DAZ) and outputs flushed to zero (FTZ)."""

import functools
from typing import Any

import numpy as np

from jaxlab.arithmetic.formats import as_format
from jaxlab.arithmetic.probe._experiments import (
    DTYPES,
    LANES,
    WIDER,
    Experiment,
    Runner,
    run,
    verdicts,
)
from jaxlab.arithmetic.probe._programs import cast

MEANINGS = {
    "input_of_multiply": "subnormal * 4",
    "input_of_add": "subnormal + normal",
    "input_of_compare": "subnormal == 0",
    "output_of_multiply": "normal / 2 by a product",
    "output_of_subtract": "normal - normal",
    "input_of_conversion": "subnormal to a wider dtype",
    "output_of_conversion": "subnormal from a wider dtype",
}
"""The operation that each experiment looks at."""


def subnormals(dtype: str, runner: Runner = run) -> dict[str, Any]:
    """Judge what a device does with the subnormal numbers of one dtype.

    The parameters are those of :func:`operations`.

    Returns
    -------
    For each name in :data:`MEANINGS` ``"ieee"`` (kept), ``"flushed"`` (to zero), ``"other"``
    (some lanes of the vector this way, some that) or an :class:`Unmeasured`. float64 has no
    conversions: nothing wider exists.

    Examples
    --------
    >>> subnormals("float32")["output_of_multiply"] in ("ieee", "flushed")
    True
    """
    return verdicts(experiments(dtype), runner)


@functools.cache
def experiments(dtype: str) -> tuple[Experiment, ...]:
    """The experiments of one dtype. All results are exact: nothing is rounded, only flushed."""
    kind = DTYPES[dtype]
    least = 2.0 ** as_format(dtype).emin  # the smallest normal number

    def full(value: float, of: Any = kind) -> np.ndarray:
        return np.full(LANES, value, of)

    zeros, half, small = full(0), full(0.5), full(least / 2)
    rows = [
        ("input_of_multiply", _multiply, (small, full(4)), full(2 * least), zeros),
        ("input_of_add", _add, (small, full(least)), full(1.5 * least), full(least)),
        ("input_of_compare", _is_zero, (small,), zeros != 0, zeros == 0),
        ("output_of_multiply", _multiply, (full(least), half), small, zeros),
        ("output_of_subtract", _subtract, (full(1.5 * least), full(least)), small, zeros),
    ]
    if dtype in WIDER:
        wide = WIDER[dtype]
        large, nothing = full(least / 2, DTYPES[wide]), full(0, DTYPES[wide])
        rows += [
            ("input_of_conversion", cast(wide), (small,), large, nothing),
            ("output_of_conversion", cast(dtype), (large,), small, zeros),
        ]
    return tuple(Experiment(*row, deviation="flushed") for row in rows)


def _multiply(x: Any, y: Any) -> Any:
    return x * y


def _add(x: Any, y: Any) -> Any:
    return x + y


def _subtract(x: Any, y: Any) -> Any:
    return x - y


def _is_zero(x: Any) -> Any:
    return x == 0
