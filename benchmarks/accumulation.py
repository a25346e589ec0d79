"""A product of bfloat16 matrices with a chosen order of accumulation: jaxlab, NumPy and MPTorch.

``ratio`` is the time over that of the native float32 dot. ``differing`` counts the entries that
differ from a NumPy loop which does the same sums in float64, rounding to bfloat16 where the order
says so (in the orders ``exact`` and ``blocked`` the unrounded inner sums are float32 in JAX).
``error`` is the largest error over |x| @ |y|, in units of u = 2**-8.
"""

import importlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.peers import WIDTHS, compiling
from benchmarks.racing import Contender, Racer, race
from jaxlab.arithmetic.contractions import dot_general

ORDERS = ("exact", "blocked(16)", "sequential", "kahan", "pairwise")
PLAIN = (((1,), (0,)), ((), ()))
HIGHEST = jax.lax.Precision.HIGHEST
BLOCK = 16


def main(repeats: int = 50, dry: bool = False) -> dict:
    """Time a 128x512 by 512x512 product in every order."""
    (rows, terms, columns), repeats = ((4, 32, 4), 1) if dry else ((128, 512, 512), repeats)
    rng = np.random.default_rng(0)
    x, y = (to_bfloat16(rng.standard_normal(shape)) for shape in ((rows, terms), (terms, columns)))
    oracles = {order: loop(x, y) for order, loop in LOOPS.items()}

    def check(order):
        def compare(result):
            result = np.asarray(result, np.float64)
            error = np.max(np.abs(result - x @ y) / (np.abs(x) @ np.abs(y)))
            facts = {"error": float(error * 2**8)}
            if order is not None:
                facts["differing"] = int(np.count_nonzero(result != oracles[order]))
            return facts

        return compare

    contenders = [*_in_jax(x, y, check), *_others(x, y, check)]
    return {
        "title": f"{rows}x{terms}x{columns} product in bfloat16 (best of {repeats})",
        "rows": race("bfloat16", contenders, repeats),
        "notes": [
            "target: blocked(16) within 6 of the native float32 dot",
            "by hand: the same order in JAX as one would write it, rounding by astype",
            "NumPy: a loop over the terms, each operation on the whole matrix",
            "tensor_core(4): blocks of 4, float32 sums that are truncated; no oracle here",
        ],
    }


def to_bfloat16(x: np.ndarray) -> np.ndarray:
    """Float64 rounded once to the nearest bfloat16; for normal numbers."""
    bits = np.ascontiguousarray(x, np.float64).view(np.uint64)
    odd = (bits >> np.uint64(45)) & np.uint64(1)
    bits = bits + np.uint64((1 << 44) - 1) + odd
    return (bits & ~np.uint64((1 << 45) - 1)).view(np.float64)


def _exact(x, y):
    return to_bfloat16(x @ y)


def _sequential(x, y):
    total = to_bfloat16(np.outer(x[:, 0], y[0]))
    for k in range(1, len(y)):
        total = to_bfloat16(total + np.outer(x[:, k], y[k]))
    return total


def _blocked(x, y):
    total = to_bfloat16(x[:, :BLOCK] @ y[:BLOCK])
    for k in range(BLOCK, len(y), BLOCK):
        total = to_bfloat16(total + x[:, k : k + BLOCK] @ y[k : k + BLOCK])
    return total


def _kahan(x, y):
    total = to_bfloat16(np.outer(x[:, 0], y[0]))
    lost = np.zeros_like(total)
    for k in range(1, len(y)):
        term = to_bfloat16(np.outer(x[:, k], y[k]) - lost)
        larger = to_bfloat16(total + term)
        lost = to_bfloat16(to_bfloat16(larger - total) - term)
        total = larger
    return total


def _pairwise(x, y):
    if len(y) == 1:
        return np.outer(x[:, 0], y[0])
    half = len(y) // 2  # of a power of two
    return to_bfloat16(_pairwise(x[:, :half], y[:half]) + _pairwise(x[:, half:], y[half:]))


LOOPS = {
    "exact": _exact,
    "blocked(16)": _blocked,
    "sequential": _sequential,
    "kahan": _kahan,
    "pairwise": _pairwise,
}


def _in_jax(x: np.ndarray, y: np.ndarray, check: Callable) -> list[Contender]:
    def racer(f, order=None, dtype=np.float32):
        operands = jnp.asarray(x, dtype), jnp.asarray(y, dtype)
        compiled = jax.jit(f)
        return Racer(lambda: compiled(*operands), check(order))

    def native(x, y):
        return jax.lax.dot_general(x, y, PLAIN, precision=HIGHEST)

    def own(order):
        return lambda x, y: dot_general(x, y, PLAIN, order, "bfloat16")

    return [
        ("native float32", lambda: racer(native)),
        ("native bfloat16", lambda: racer(native, dtype="bfloat16")),
        *((f"jaxlab, {order}", lambda order=order: racer(own(order), order)) for order in ORDERS),
        ("jaxlab, tensor_core(4)", lambda: racer(own("tensor_core(4)"))),
        ("by hand, blocked(16)", lambda: racer(blocked_by_hand, "blocked(16)")),
        ("by hand, sequential", lambda: racer(sequential_by_hand, "sequential")),
    ]


def sequential_by_hand(x: Any, y: Any) -> Any:
    """A scan over the terms, the sum rounded by casts."""

    def step(total, pair):
        row, column = pair
        return _cast(total + row[:, None] * column), None

    return jax.lax.scan(step, jnp.zeros((len(x), y.shape[1]), x.dtype), (x.T, y))[0]


def blocked_by_hand(x: Any, y: Any) -> Any:
    """A scan over blocks of 16 terms, the sum rounded by casts."""

    def step(total, pair):
        rows, columns = pair
        block = jax.lax.dot_general(rows, columns, (((0,), (0,)), ((), ())), precision=HIGHEST)
        return _cast(total + block), None

    blocks = (x.T.reshape(-1, BLOCK, len(x)), y.reshape(-1, BLOCK, y.shape[1]))
    return jax.lax.scan(step, jnp.zeros((len(x), y.shape[1]), x.dtype), blocks)[0]


def _cast(x):
    return x.astype(jnp.bfloat16).astype(x.dtype)


def _others(x: np.ndarray, y: np.ndarray, check: Callable) -> list[Contender]:
    def mptorch(order, **options):
        product = compiling("mptorch", "mptorch.quant.quant_function").float_mm
        torch = importlib.import_module("torch")
        a, b = (torch.from_numpy(operand.astype(np.float32)) for operand in (x, y))
        exponent, significand = WIDTHS["bfloat16"]
        widths = (significand, exponent) * 2

        def run():
            return product(a, b, *widths, saturate=False, **options).numpy()

        return Racer(run, check(order))

    loops = [
        (f"NumPy, {order}", lambda f=f, order=order: Racer(lambda: f(x, y), check(order)))
        for order, f in LOOPS.items()
    ]
    return [
        *loops,
        ("MPTorch, fused, sequential", lambda: mptorch("sequential")),
        ("MPTorch, compensated", lambda: mptorch("kahan", compensated=True)),
    ]


if __name__ == "__main__":
    print(main())
