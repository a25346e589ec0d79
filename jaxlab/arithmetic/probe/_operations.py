"""Does each operation round once? Fused, rewritten and unrounded elementwise arithmetic."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxlab.arithmetic.formats import as_format
from jaxlab.arithmetic.probe._experiments import DTYPES, LANES, Experiment, Runner, run, verdicts

MEANINGS = {
    "fma": "a*b + c",
    "fma_in_scan": "s + a*b in a scan",
    "fma_across_scan": "s + (a*b of the step before)",
    "divide": "x / y",
    "divide_by_constant": "x / 3",
    "divide_by_scalar": "x / broadcast y",
    "divide_twice": "x / y / z",
    "cancel_constant": "(x + 1) - 1",
    "merge_constants": "(x * 3.3) * 7.7",
    "reciprocal_sqrt": "1 / sqrt(x)",
    "log_of_exp": "log(exp(x))",
    "product_of_exps": "exp(x) * exp(y)",
    "unrounded_sum": "(x + y) - x",
    "unrounded_cast": "cast to and fro",
}
"""The expression that each experiment looks at."""

_STEPS = 5


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
    ``"unrounded"`` (kept in a wider format), ``"other"`` or an :class:`Unmeasured`. Where fusion
    and excess precision give the same bits, as in ``fma``, the word is ``"fused"``.

    Notes
    -----
    float64 has no ``unrounded_cast``: nothing wider exists.

    Examples
    --------
    >>> operations("float32")["divide"]
    'ieee'
    """
    return verdicts(experiments(dtype), runner)


@functools.cache
def experiments(dtype: str) -> tuple[Experiment, ...]:
    """The experiments of one dtype; the results of both kinds are computed on the host."""
    return (*_fused(dtype), *_divided(dtype), *_simplified(dtype), *_unrounded(dtype))


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
    return (x + 1.0) - 1.0


def _merge_constants(x: Any) -> Any:
    return (x * 3.3) * 7.7


def _reciprocal_sqrt(x: Any) -> Any:
    return 1.0 / jnp.sqrt(x)


def _log_of_exp(x: Any) -> Any:
    return jnp.log(jnp.exp(x))


def _product_of_exps(x: Any, y: Any) -> Any:
    return jnp.exp(x) * jnp.exp(y)


def _unrounded_sum(x: Any, y: Any) -> Any:
    return (x + y) - x


def _cast_to_float16(x: Any) -> Any:
    return x.astype(jnp.float16).astype(x.dtype)


def _cast_to_bfloat16(x: Any) -> Any:
    return x.astype(jnp.bfloat16).astype(x.dtype)


def _cast_to_float32(x: Any) -> Any:
    return x.astype(jnp.float32).astype(x.dtype)


_CASTS = {
    "float16": (_cast_to_float16, np.float32),
    "bfloat16": (_cast_to_bfloat16, np.float32),
    "float32": (_cast_to_float32, np.float64),
}


def _fused(dtype: str) -> list[Experiment]:
    """(1 + d)(1 + d) - (1 + 2d) is d*d with one rounding and 0 with two."""
    kind = DTYPES[dtype]
    delta = 2.0 ** -(as_format(dtype).precision // 2 + 1)
    a, zeros = np.full(LANES, 1 + delta, kind), np.zeros(LANES, kind)
    c, square = np.full(LANES, -(1 + 2 * delta), kind), np.full(LANES, delta**2, kind)
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
    return [
        Experiment("divide", _divide, (x, y), x / y, x * (one / y), "rewritten"),
        Experiment(
            "divide_by_constant",
            _divide_by_constant,
            (x,),
            x / three,
            x * (one / three),
            "rewritten",
        ),
        Experiment(
            "divide_by_scalar",
            _divide_by_scalar,
            (x, y[0]),
            x / y[0],
            x * (one / y[0]),
            "rewritten",
        ),
        Experiment("divide_twice", _divide_twice, (x, y, z), x / y / z, x / (y * z), "rewritten"),
    ]


def _simplified(dtype: str) -> list[Experiment]:
    """What holds for real numbers and not for rounded ones."""
    kind, precision = DTYPES[dtype], as_format(dtype).precision
    x = _general(kind, 0)
    one, three, seven = kind.type(1), kind.type(3.3), kind.type(7.7)
    tiny = np.full(LANES, 2.0 ** -(precision + 1), kind)
    # exp overflows at large and vanishes at -large, in every format.
    large = np.full(LANES, 1000 if dtype == "float64" else 200, kind)
    zeros, ones = np.zeros(LANES, kind), np.ones(LANES, kind)
    infinite, nan = np.full(LANES, np.inf, kind), np.full(LANES, np.nan, kind)
    merged = x * (three * seven)
    root, reciprocal = np.sqrt(x), np.reciprocal(np.sqrt(x.astype(np.longdouble))).astype(kind)
    return [
        Experiment("cancel_constant", _cancel_constant, (tiny,), zeros, tiny, "rewritten"),
        Experiment(
            "merge_constants", _merge_constants, (x,), (x * three) * seven, merged, "rewritten"
        ),
        Experiment("reciprocal_sqrt", _reciprocal_sqrt, (x,), one / root, reciprocal, "rewritten"),
        Experiment("log_of_exp", _log_of_exp, (large,), infinite, large, "rewritten"),
        Experiment("product_of_exps", _product_of_exps, (large, -large), nan, ones, "rewritten"),
    ]


def _unrounded(dtype: str) -> list[Experiment]:
    """1 + u/2 rounds to 1 in the format and to itself in a wider one."""
    kind, small = DTYPES[dtype], as_format(dtype).unit_roundoff / 2
    x, y, zeros = np.ones(LANES, kind), np.full(LANES, small, kind), np.zeros(LANES, kind)
    found = [Experiment("unrounded_sum", _unrounded_sum, (x, y), zeros, y, "unrounded")]
    if dtype in _CASTS:
        program, wide = _CASTS[dtype]
        ones, exact = np.ones(LANES, wide), np.full(LANES, 1 + small, wide)
        found.append(Experiment("unrounded_cast", program, (exact,), ones, exact, "unrounded"))
    return found


def _general(kind: np.dtype, seed: int) -> np.ndarray:
    """Numbers in [1, 2) with general significands."""
    return (1 + np.random.default_rng(seed).random(LANES)).astype(kind)
