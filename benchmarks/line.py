"""Exact regions along lines: time against NumPy, Rust (regioncam) and the mere matrix products.

``seconds`` is the best wall time of one pass through all networks or lines of the case, ``ratio``
is contender over jaxlab: above 1 jaxlab is faster, except for the floor, which counts nothing. A
contender in processes has one per core, as jaxlab has a thread per core.
"""

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any

import numpy as np

from benchmarks.racing import Racer, race
from jaxlab.networks.mlp import Layer
from jaxlab.regions import line

SMALL = {"1-[16]^5-1": (1, *[16] * 5, 1), "1-[64]^3-1": (1, *[64] * 3, 1)}
WIDE = {
    "1-[256]^4-1": ((1, *[256] * 4, 1), 16),
    "1-[512]^6-1": ((1, *[512] * 6, 1), 2),
}
IMAGES = (784, 128, 128, 10)
CORES = os.cpu_count() or 1

Network = list[tuple[np.ndarray, np.ndarray]]


def random_networks(nets: int, widths: tuple[int, ...]) -> tuple[Layer, ...]:
    """He weights and N(0, 0.1^2) biases, float64 NumPy."""
    rng = np.random.default_rng(0)
    return tuple(
        Layer(rng.normal(size=(nets, a, b)) * np.sqrt(2 / a), rng.normal(size=(nets, b)) * 0.1)
        for a, b in itertools.pairwise(widths)
    )


def sawtooth(depth: int) -> Network:
    """2^depth pieces on [0, 1]: every layer composes the hat function once more."""
    hat, fold = np.array([[2.0, 4.0]]), np.array([[1.0], [-1.0]])
    inner = [(fold @ hat, np.array([0.0, -2.0])) for _ in range(depth - 1)]
    return [(hat, np.array([0.0, -2.0])), *inner, (fold, np.zeros(1))]


def numpy_regions(params: Network, start: Any, stop: Any) -> int:
    """The plain algorithm, dynamic shapes, no tolerance; the last layer is only counted."""
    hidden = np.stack([np.atleast_1d(start), np.atleast_1d(stop)])
    for index, (weight, bias) in enumerate(params[:-1]):
        values = hidden @ weight + bias
        flat = np.flatnonzero(values[1:] * values[:-1] < 0)
        if index == len(params) - 2:
            return len(hidden) - 1 + len(flat)
        interval, neuron = np.divmod(flat, values.shape[1])
        left, right = values[interval, neuron], values[interval + 1, neuron]
        fraction = left / (left - right)
        new = values[interval] + fraction[:, None] * (values[interval + 1] - values[interval])
        new[np.arange(len(new)), neuron] = 0
        keys = np.concatenate([np.arange(len(values)), interval + fraction])
        hidden = np.maximum(np.concatenate([values, new])[np.argsort(keys, kind="stable")], 0)
    return 1


def regioncam_regions(params: Network) -> int:
    """The Rust peer on [-1, 1], float32."""
    import regioncam

    camera = regioncam.Regioncam1D(size=2)
    for weight, bias in params[:-1]:
        camera.linear(weight, bias)
        camera.relu()
    return camera.num_edges


def network(params: tuple[Layer, ...], index: int, dtype: type = np.float64) -> Network:
    """One network of an ensemble."""
    return cast([(weight[index], bias[index]) for weight, bias in params], dtype)


def cast(params: Network, dtype: type = np.float32) -> Network:
    """In another precision; the peer takes float32 alone."""
    return [(weight.astype(dtype), bias.astype(dtype)) for weight, bias in params]


_share: list[Network] = []


def _hold(nets: int, widths: tuple[int, ...]) -> None:
    params = random_networks(nets, widths)
    _share[:] = [network(params, index, np.float32) for index in range(nets)]


def _count_share(first: int) -> list[int]:
    return [regioncam_regions(params) for params in _share[first::CORES]]


def regioncam_processes(nets: int, widths: tuple[int, ...]) -> Racer:
    """The peer in one process per core; starting them is not timed."""
    import regioncam  # noqa: F401  (missing here, it is missing there)

    pool = ProcessPoolExecutor(CORES, get_context("spawn"), _hold, (nets, widths))
    return Racer(
        lambda: list(itertools.chain.from_iterable(pool.map(_count_share, range(CORES)))), _mean
    )


def matrix_products(params: tuple[Layer, ...]) -> Callable[[], Any]:
    """The hidden layers' products at as many knots as a random network has, nothing else."""
    nets, rng = len(params[0].weight), np.random.default_rng(1)
    rows = np.cumsum([2, *(layer.weight.shape[2] for layer in params[:-2])])
    size = max(2**17 // int(rows[-1] * max(params[0].weight.shape[2], 1)), 1)
    inputs = [
        rng.normal(size=(size, height, layer.weight.shape[1]))
        for height, layer in zip(rows.tolist(), params, strict=False)
    ]

    def chunk(first: int) -> None:
        for x, layer in zip(inputs, params, strict=False):
            weight = layer.weight[first : first + size]
            np.matmul(x[: len(weight)], weight)

    def run() -> None:
        with ThreadPoolExecutor(CORES) as pool:
            list(pool.map(chunk, range(0, nets, size)))

    return run


def _mean(counts: Any) -> dict[str, float]:
    counts = getattr(counts, "regions", counts)
    return {} if counts is None else {"mean_regions": float(np.mean(counts))}


def _racer(run: Callable[[], Any]) -> Callable[[], Racer]:
    return lambda: Racer(run, _mean)


def ensemble(name: str, widths: tuple[int, ...], nets: int, repeats: int, dry: bool) -> list[dict]:
    """Many networks along [-1, 1]."""
    params = random_networks(nets, widths)
    count = partial(line.count, params, -1.0, 1.0, pieces=False)
    loose = [network(params, index) for index in range(nets)]
    single = [network(params, index, np.float32) for index in range(nets)]
    contenders = [
        ("jaxlab", _racer(count)),
        ("jaxlab float32", _racer(partial(count, dtype=np.float32))),
        ("jaxlab, pieces too", _racer(partial(count, pieces=True))),
        ("numpy loop", _racer(lambda: [numpy_regions(net, -1.0, 1.0) for net in loose])),
        ("matrix products alone", _racer(matrix_products(params))),
        ("regioncam float32", _racer(lambda: [regioncam_regions(net) for net in single])),
    ]
    if not dry:
        contenders.append(("regioncam in processes", lambda: regioncam_processes(nets, widths)))
        if max(widths) < 100:
            contenders.append(("jaxlab compiled", _racer(partial(count, compiled=True))))
    return race(f"{nets:,} x {name}", contenders, repeats)


def teeth(depth: int, repeats: int) -> list[dict]:
    """One sawtooth network on [0, 1]: few neurons, 2^depth regions."""
    params = sawtooth(depth)
    layers = tuple(Layer(*pair) for pair in params)
    # On [-1, 1] the peer sees the teeth after t = (x + 1) / 2, which is exact here.
    shifted = [(params[0][0] / 2, params[0][0][0] / 2 + params[0][1]), *params[1:]]
    peer = cast(shifted)
    contenders = [
        ("jaxlab", _racer(lambda: line.count(layers, 0.0, 1.0, pieces=False))),
        ("jaxlab, pieces too", _racer(lambda: line.count(layers, 0.0, 1.0))),
        ("numpy loop", _racer(lambda: numpy_regions(params, 0.0, 1.0))),
        ("regioncam float32", _racer(lambda: regioncam_regions(peer))),
    ]
    return race(f"sawtooth of depth {depth}", contenders, repeats)


def single(widths: tuple[int, ...], repeats: int) -> list[dict]:
    """What one call costs."""
    params = random_networks(1, widths)
    wide, peer = network(params, 0), network(params, 0, np.float32)
    layers = tuple(Layer(*pair) for pair in wide)
    contenders = [
        ("jaxlab", _racer(lambda: line.count(layers, -1.0, 1.0, pieces=False))),
        ("jaxlab, pieces too", _racer(lambda: line.count(layers, -1.0, 1.0))),
        ("numpy loop", _racer(lambda: numpy_regions(wide, -1.0, 1.0))),
        ("regioncam float32", _racer(lambda: regioncam_regions(peer))),
    ]
    return race(f"one network {'-'.join(map(str, widths))}", contenders, repeats)


def segments(lines: int, repeats: int, dry: bool) -> list[dict]:
    """One network of many inputs along random segments."""
    params = random_networks(1, IMAGES)
    starts, stops = np.random.default_rng(1).uniform(size=(2, lines, IMAGES[0]))
    wide = network(params, 0)
    layers = tuple(Layer(*pair) for pair in wide)
    count = partial(line.count, layers, starts, stops, pieces=False)

    def peer() -> list[int]:
        (weight, bias), *rest = wide
        middle, half = (starts + stops) / 2 @ weight + bias, (stops - starts) / 2 @ weight
        firsts, hidden = cast(list(zip(half[:, None], middle, strict=True))), cast(rest)
        return [regioncam_regions([first, *hidden]) for first in firsts]

    contenders = [
        ("jaxlab", _racer(count)),
        ("jaxlab float32", _racer(partial(count, dtype=np.float32))),
        (
            "numpy loop",
            _racer(lambda: [numpy_regions(wide, *x) for x in zip(starts, stops, strict=True)]),
        ),
        ("regioncam float32", _racer(peer)),
    ]
    if not dry:
        contenders.append(("jaxlab compiled", _racer(partial(count, compiled=True))))
    return race(f"{lines:,} lines through {'-'.join(map(str, IMAGES))}", contenders, repeats)


def main(nets: int = 1000, repeats: int = 5, dry: bool = False) -> dict:
    """Time every contender on every case.

    Parameters
    ----------
    nets
        Networks of the smaller ensembles, and lines; the larger ensembles have ten times as many.
    repeats
        Timed passes per contender, taken in turns.
    dry
        Tiny sizes, seconds in all.

    Returns
    -------
    dict
        ``title`` and ``rows``: see :func:`benchmarks.racing.race`, and the mean count.
    """
    if dry:
        nets, repeats = 4, 1
    rows = []
    for name, widths in SMALL.items():
        for size in (nets, 10 * nets):
            rows += ensemble(name, widths, size, repeats, dry)
    if not dry:
        for name, (widths, size) in WIDE.items():
            rows += ensemble(name, widths, size, repeats, dry)
    for depth in range(10, 11 if dry else 21, 2):
        rows += teeth(depth, repeats)
    rows += single((1, 16, 16, 1), repeats)
    rows += segments(nets, repeats, dry)
    return {"title": "Exact regions along lines", "nets": nets, "repeats": repeats, "rows": rows}
