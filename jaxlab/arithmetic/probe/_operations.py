"""Does each operation round once? Fused, rewritten and unrounded elementwise arithmetic."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
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
from jaxlab.arithmetic.probe._programs import cast_and_back

MEANINGS = {
    "fma": "a*b + c",
    "fma_in_scan": "s + a*b in a scan",
    "fma_across_scan": "s + (a*b of the step before)",
    "divide": "x / y",
    "divide_by_constant": "x / 3",
    "divide_by_scalar": "x / broadcast y",
    "divide_twice": "x / y / z",
    "cancel_constant": "(x + 32768) - 32768",
    "cancel_sum": "(x + tiny) - x",
    "merge_constants": "(x * 3.3) * 7.7",
    "sqrt": "sqrt(x)",
    "reciprocal_sqrt": "1 / sqrt(x)",
    "log_of_exp": "log(exp(x))",
    "product_of_exps": "exp(x) * exp(y)",
    "unrounded_sum": "(x + small) - x",
    "unrounded_cast": "cast to and fro",
}
"""The expression that each experiment looks at."""

_STEPS = 5
_LARGE = 2.0**15


def operations(dtype: str, runner: Runner = run) -> dict[str, Any]:
    """Judge elementwise arithmetic in one dtype.

    Parameters
    ----------
    dtype
        ``float16``, ``bfloat16``, ``float32`` or ``float64``.
    runner
        What evaluates the programs: by default JAX's default device, under ``jit``.

    Returns
    -------
    For each name in :data:`MEANINGS` ``"ieee"``, ``"fused"`` (a product or sum went unrounded into
    a multiply-add), ``"rewritten"`` (by the rule of algebra that the expression invites),
    ``"unrounded"`` (kept in a wider format), ``"other"`` or an :class:`Unmeasured`.

    Notes
    -----
    Where fusion and excess precision give the same bits, as in ``fma``, the word is ``"fused"``.
    The two roots are ``"rewritten"`` by way of a correctly rounded reciprocal square root; one
    that is less accurate makes them ``"other"``. A sum whose terms were reordered is
    ``"rewritten"`` in ``cancel_sum`` and ``"other"`` in ``unrounded_sum``. The wider format is
    float32 for the half precisions, float64 for float32, and 64 bits for float64, which has no
    ``unrounded_cast``: no dtype is wider.

    Examples
    --------
    >>> operations("float32")["divide"]
    'ieee'
    """
    return verdicts(experiments(dtype), runner)


@functools.cache
def experiments(dtype: str) -> tuple[Experiment, ...]:
    """The experiments of one dtype; the results of both kinds are computed on the host."""
    parts = (_fused, _divided, _simplified, _rooted, _unrounded)
    return tuple(one for part in parts for one in part(dtype))


# The programs. They are compiled; the host functions beside the expected results are not.
def _multiply_add(a: Any, b: Any, c: Any) -> Any:
    return a * b + c


def _scan_multiply_add(a: Any, b: Any, c: Any) -> Any:
    return jax.lax.scan(lambda s, ab: (s + ab[0] * ab[1], None), c, (a, b))[0]


def _scan_across(a: Any, b: Any, c: Any) -> Any:
    def body(carry, ab):
        total, product = carry
        return (total + product, ab[0] * ab[1]), None

    return jax.lax.scan(body, (c, jnp.zeros_like(c)), (a, b))[0][0]


def _divide(x: Any, y: Any) -> Any:
    return x / y


def _divide_by_constant(x: Any) -> Any:
    return x / 3.0


def _divide_by_scalar(x: Any, y: Any) -> Any:
    return x / jnp.broadcast_to(y, x.shape)


def _divide_twice(x: Any, y: Any, z: Any) -> Any:
    return x / y / z


def _cancel_constant(x: Any) -> Any:
    return (x + _LARGE) - _LARGE


def _merge_constants(x: Any) -> Any:
    return (x * 3.3) * 7.7


def _reciprocal_sqrt(x: Any) -> Any:
    return 1.0 / jnp.sqrt(x)


def _log_of_exp(x: Any) -> Any:
    return jnp.log(jnp.exp(x))


def _product_of_exps(x: Any, y: Any) -> Any:
    return jnp.exp(x) * jnp.exp(y)


def _cancel_sum(x: Any, y: Any) -> Any:
    return (x + y) - x


def _fused(dtype: str) -> list[Experiment]:
    """(1 + d)(1 + d) - (1 + 2d) is d*d with one rounding and 0 with two."""
    kind = DTYPES[dtype]
    delta = 2.0 ** -(as_format(dtype).precision // 2 + 1)
    a, zeros = _full(1 + delta, kind), _full(0, kind)
    c, square = _full(-(1 + 2 * delta), kind), _full(delta**2, kind)
    steps = np.concatenate([a[None], np.zeros((_STEPS - 1, LANES), kind)])
    return [
        Experiment("fma", _multiply_add, (a, a, c), zeros, square, "fused"),
        Experiment("fma_in_scan", _scan_multiply_add, (steps, steps, c), zeros, square, "fused"),
        Experiment("fma_across_scan", _scan_across, (steps, steps, c), zeros, square, "fused"),
    ]


def _divided(dtype: str) -> list[Experiment]:
    """Quotients of general numbers, rounded once on the host, or taken by the reciprocal."""
    kind = DTYPES[dtype]
    x, y, z = _general(kind, 0), _general(kind, 1), _general(kind, 2)
    one, three = kind.type(1), kind.type(3)
    rows = [
        ("divide", _divide, (x, y), x / y, x * (one / y)),
        ("divide_by_constant", _divide_by_constant, (x,), x / three, x * (one / three)),
        ("divide_by_scalar", _divide_by_scalar, (x, y[0]), x / y[0], x * (one / y[0])),
        ("divide_twice", _divide_twice, (x, y, z), x / y / z, x / (y * z)),
    ]
    return [Experiment(*row, deviation="rewritten") for row in rows]


def _simplified(dtype: str) -> list[Experiment]:
    """What holds for real numbers and not for rounded ones."""
    kind = DTYPES[dtype]
    x = _general(kind, 0)
    three, seven = kind.type(3.3), kind.type(7.7)
    # At least 29 binades apart: one absorbs the other in the wider format, too.
    large, tiny = _full(_LARGE, kind), _full(max(2.0**-100, 2.0 ** as_format(dtype).emin), kind)
    # exp overflows at huge and vanishes at -huge, in every format.
    huge = _full(1000 if dtype == "float64" else 200, kind)
    zeros, ones = _full(0, kind), _full(1, kind)
    infinite, nan = _full(np.inf, kind), _full(np.nan, kind)
    merged = x * (three * seven)
    rows = [
        ("cancel_constant", _cancel_constant, (tiny,), zeros, tiny),
        ("cancel_sum", _cancel_sum, (large, tiny), zeros, tiny),
        ("merge_constants", _merge_constants, (x,), (x * three) * seven, merged),
        ("log_of_exp", _log_of_exp, (huge,), infinite, huge),
        ("product_of_exps", _product_of_exps, (huge, -huge), nan, ones),
    ]
    return [Experiment(*row, deviation="rewritten") for row in rows]


def _rooted(dtype: str) -> list[Experiment]:
    """Square roots, rounded once or taken from a reciprocal square root that is."""
    kind = DTYPES[dtype]
    x = _general(kind, 0)
    root, reciprocal = np.sqrt(x), np.reciprocal(np.sqrt(x.astype(np.longdouble))).astype(kind)
    inverse = kind.type(1) / root
    return [
        Experiment("sqrt", jnp.sqrt, (x,), root, x * reciprocal, "rewritten"),
        Experiment("reciprocal_sqrt", _reciprocal_sqrt, (x,), inverse, reciprocal, "rewritten"),
    ]


def _unrounded(dtype: str) -> list[Experiment]:
    """What a sum and a cast leave of a small term: nothing, or what a wider format holds of it.

    The term of the sum has one bit within the wider format and one below it: algebra leaves both.
    """
    kind, wide = DTYPES[dtype], WIDER.get(dtype)
    seen = _LARGE * 2.0 ** (4 - (as_format(wide).precision if wide else 64))
    large, kept, zeros = _full(_LARGE, kind), _full(seen, kind), _full(0, kind)
    small = _full(seen * (1 + 2 * as_format(dtype).unit_roundoff), kind)
    found = [Experiment("unrounded_sum", _cancel_sum, (large, small), zeros, kept, "unrounded")]
    if wide:
        exact = _full(1 + as_format(dtype).unit_roundoff / 2, DTYPES[wide])
        ones, program = _full(1, DTYPES[wide]), cast_and_back(dtype)
        found.append(Experiment("unrounded_cast", program, (exact,), ones, exact, "unrounded"))
    return found


def _full(value: float, kind: np.dtype) -> np.ndarray:
    return np.full(LANES, value, kind)


def _general(kind: np.dtype, seed: int) -> np.ndarray:
    """Numbers in [1, 2) with general significands."""
    return (1 + np.random.default_rng(seed).random(LANES)).astype(kind)
