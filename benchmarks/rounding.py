"""Rounding to a format: time and wrong bits, jaxlab and its peers on the same array.

A row's ``ratio_to_jaxlab`` is its time over jaxlab's in the same case: above 1, jaxlab is faster.
``mismatches`` counts the float32 inputs of the test set (:func:`bit_tests`) which the contender
rounds otherwise than NumPy or ml_dtypes (the sign and payload of NaN aside), ``wrong_numbers``
those whose right result is finite and another number: the rest are signs of zero, and what becomes
of overflow, infinities and NaN, where conventions differ.
``share_up`` is how often a stochastic contender rounded up what it should in a quarter of cases.
"""

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.peers import WIDTHS, compiling, pychop
from benchmarks.racing import Contender, Racer, quietly, race
from jaxlab.arithmetic import as_format, round_to

CASES = ("bfloat16", "float16", "float8_e4m3fn")
GFLOAT = {
    "bfloat16": "format_info_bfloat16",
    "float16": "format_info_binary16",
    "float8_e4m3fn": "format_info_ocp_e4m3",
}

Peer = tuple[str, Callable[[], Callable[[Any], Any]]]
"""A name, and what makes a function of an array."""


def main(size: int = 10_000_000, repeats: int = 7, dry: bool = False) -> dict:
    """Measure every case; ``dry`` shrinks the arrays so that it ends in seconds."""
    size, repeats, patterns = (10_000, 1, 5_000) if dry else (size, repeats, 1_000_000)
    data = np.random.default_rng(0).standard_normal(size, dtype=np.float32)
    ratio, rows = "ratio_to_jaxlab", []
    for name in CASES:
        contenders = _racers(_nearest(name), data, _bits_against_numpy(name, patterns))
        rows += race(f"{name} nearest", contenders, repeats, ratio)
    contenders = _racers(_stochastic("bfloat16"), data, _share_up)
    rows += race("bfloat16 stochastic", contenders, repeats, ratio)
    return {
        "title": f"Rounding {size:,} float32 numbers to a format (best of {repeats})",
        "rows": rows,
        "notes": [
            "targets: nearest within 1.5 of the elementwise pass; 10x pychop; 3x gfloat",
            "compile_s: the first call less the best; for eager contenders whatever they cache",
            "at overflow qwix, QPyTorch and, for E4M3, torch give the largest number by design",
            "pychop, QPyTorch and MPTorch have no OCP E4M3: (4, 3) is IEEE-like, up to 240 or 480",
            "qwix rounds to formats of 8 bits and fewer only",
            "pychop's stochastic mode stays eager: jitted, it draws the same noise at every call",
        ],
    }


def bit_tests(name: str, patterns: int) -> np.ndarray:
    """Every number of a format and every midpoint, their neighbours, and what is random.

    Random bit patterns are ``patterns``, normal numbers 30 %, log-uniform numbers 10 % as many.
    """
    dtype = as_format(name).dtype
    codes = np.arange(2 ** (8 * dtype.itemsize), dtype=f"u{dtype.itemsize}")
    with quietly():
        values = codes.view(dtype).astype(np.float64)
        values = np.unique(values[np.isfinite(values)])
        beyond = values[-1] + (values[-1] - values[-2]) * np.array([0.5, 1.0])
        tiny = values[values > 0][0] / 2
        edges = np.concatenate([values, (values[1:] + values[:-1]) / 2, beyond, -beyond, [-tiny]])
        edges = edges.astype(np.float32)
    near = [np.nextafter(edges, np.float32(sign * np.inf)) for sign in (-1, 1)]
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 2**32, patterns, dtype=np.uint32).view(np.float32)
    normal = rng.standard_normal(3 * patterns // 10, dtype=np.float32)
    sign, exponent = rng.choice([-1.0, 1.0], patterns // 10), rng.uniform(-40, 40, patterns // 10)
    special = np.float32([0.0, -0.0, np.inf, -np.inf, np.nan])
    return np.concatenate([edges, *near, noise, normal, np.float32(sign * 2**exponent), special])


def _racers(peers: Sequence[Peer], data: np.ndarray, check: Callable) -> list[Contender]:
    """Functions of an array as contenders: timed on the data, then checked."""
    on_device = jnp.asarray(data)

    def racer(make):
        f = make()
        argument = on_device if getattr(f, "on_jax", False) else data
        return Racer(lambda: f(argument), lambda _: check(f))

    return [(name, lambda make=make: racer(make)) for name, make in peers]


def _bits_against_numpy(name: str, patterns: int) -> Callable[[Callable], dict[str, Any]]:
    tests = bit_tests(name, patterns)
    with quietly():
        right = tests.astype(as_format(name).dtype).astype(np.float64).astype(np.float32)

    def check(f):
        got = np.asarray(f(tests), np.float32)
        same = got.view(np.uint32) == right.view(np.uint32)
        wrong = ~(same | (np.isnan(got) & np.isnan(right)))
        if getattr(f, "is_scale", False):  # the elementwise pass rounds nothing
            return {}
        counts = {"mismatches": wrong, "wrong_numbers": np.isfinite(right) & (got != right)}
        return {key: int(np.count_nonzero(which)) for key, which in counts.items()}

    return check


def _share_up(f: Callable) -> dict[str, Any]:
    if getattr(f, "is_scale", False):
        return {}
    quarter = np.full(100_000, 1 + 2.0**-9, np.float32)  # between 1 and 1 + 2**-7
    return {"share_up": float(np.mean(np.asarray(f(quarter)) > 1))}


def _on_jax(f: Callable, is_scale: bool = False) -> Callable:
    """Mark a function that takes a JAX array (which is put on the device before timing)."""

    def call(x):
        return f(x if isinstance(x, jax.Array) else jnp.asarray(x))

    call.on_jax, call.is_scale = True, is_scale
    return call


def _elementwise() -> Callable:
    return _on_jax(jax.jit(lambda x: x * 1.5), is_scale=True)


def _nearest(name: str) -> list[Peer]:
    dtype = as_format(name).dtype
    exponent, significand = WIDTHS[name]

    def jitted(f):
        return lambda: _on_jax(jax.jit(f))

    peers: list[Peer] = [
        ("jaxlab", jitted(lambda x: round_to(x, name))),
        ("x * 1.5", _elementwise),
        ("jnp.astype", jitted(lambda x: x.astype(dtype).astype(x.dtype))),
        ("jmp, jax jit", lambda: _on_jax(jax.jit(_jmp(dtype)))),
        ("reduce_precision", jitted(lambda x: jax.lax.reduce_precision(x, exponent, significand))),
        ("numpy/ml_dtypes astype", lambda: lambda x: x.astype(dtype).astype(np.float32)),
        ("torch .to", lambda: _torch(name)),
        ("gfloat, jax jit", lambda: _on_jax(jax.jit(_gfloat(name)))),
        ("gfloat, numpy", lambda: _gfloat(name)),
        ("pychop, jax jit", lambda: _on_jax(jax.jit(pychop(name, "jax")))),
        ("pychop, numpy", lambda: pychop(name, "numpy")),
        ("QPyTorch", lambda: _qtorch(name, "nearest")),
        ("MPTorch", lambda: _mptorch(name, "nearest")),
    ]
    if dtype.itemsize == 1:
        peers.append(("qwix, jax jit", lambda: _on_jax(jax.jit(_qwix(dtype)))))
    return peers


def _stochastic(name: str) -> list[Peer]:
    def own(impl, **options):
        key = jax.random.key(0, impl=impl)
        rounded = jax.jit(lambda x, key: round_to(x, name, "stochastic", key, **options))
        return _on_jax(lambda x: rounded(x, key))

    def gfloat():
        rounded = _gfloat(name, stochastic=True)

        def f(x, key):
            return rounded(x, jax.random.bits(key, x.shape, np.uint32))

        compiled = jax.jit(f)
        return _on_jax(lambda x: compiled(x, jax.random.key(0)))

    return [
        ("jaxlab, threefry", lambda: own("threefry2x32")),
        ("jaxlab, rbg", lambda: own("rbg")),
        ("jaxlab, rbg, 8 random bits", lambda: own("rbg", random_bits=8)),
        ("x * 1.5", _elementwise),
        ("gfloat, jax jit, threefry", gfloat),
        ("pychop, jax", lambda: _on_jax(pychop(name, "jax", rmode=5))),
        ("pychop, numpy", lambda: pychop(name, "numpy", rmode=5)),
        ("QPyTorch", lambda: _qtorch(name, "stochastic")),
        ("MPTorch", lambda: _mptorch(name, "stochastic")),
    ]


def _gfloat(name: str, stochastic: bool = False) -> Callable:
    gfloat = importlib.import_module("gfloat")
    info = getattr(importlib.import_module("gfloat.formats"), GFLOAT[name])
    if not stochastic:
        return lambda x: gfloat.round_ndarray(info, x)
    mode = gfloat.RoundMode.Stochastic
    return lambda x, bits: gfloat.round_ndarray(info, x, mode, srbits=bits >> 16, srnumbits=16)


def _jmp(dtype: np.dtype) -> Callable:
    jmp = importlib.import_module("jmp")
    policy = jmp.Policy(param_dtype=np.float32, compute_dtype=dtype, output_dtype=np.float32)
    return lambda x: policy.cast_to_output(policy.cast_to_compute(x))


def _qwix(dtype: np.dtype) -> Callable:
    """The rounding inside qwix, without its scales (which have no public name of their own)."""
    numerics = importlib.import_module("qwix._src.core.numerics")
    return lambda x: numerics.convert_to(x, dtype).astype(x.dtype)


def _torch(name: str) -> Callable:
    torch = importlib.import_module("torch")
    dtype = getattr(torch, name)
    return lambda x: torch.from_numpy(x).to(dtype).to(torch.float32).numpy()


def _qtorch(name: str, rounding: str) -> Callable:
    torch = importlib.import_module("torch")
    quantize = compiling("qtorch", "qtorch.quant").float_quantize
    return lambda x: quantize(torch.from_numpy(x), *WIDTHS[name], rounding=rounding).numpy()


def _mptorch(name: str, rounding: str) -> Callable:
    torch = importlib.import_module("torch")
    quantize = compiling("mptorch", "mptorch.quant").float_quantize

    def f(x):
        return quantize(torch.from_numpy(x), *WIDTHS[name], rounding, saturate=False).numpy()

    return f


if __name__ == "__main__":
    print(main())
