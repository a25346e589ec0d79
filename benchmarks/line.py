"""Exact regions along a line: time per network against NumPy, Rust (regioncam) and the mere GEMMs.

``ms_per_network`` is wall time over one pass through all networks, the best of ``repeats``; the
contenders take turns, so that a busy machine disturbs all of them alike. Compilation is apart.
jaxlab and the floor use all cores, NumPy and regioncam one: ``cpu_ms_per_network`` adds up cores.
"""

import functools
import itertools
import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from jaxlab.networks.mlp import Layer
from jaxlab.regions import line

CASES = {"1-[16]^5-1": (1, *[16] * 5, 1), "1-[64]^3-1": (1, *[64] * 3, 1)}


def random_networks(nets: int, widths: tuple[int, ...]) -> tuple[Layer, ...]:
    """He weights and N(0, 0.1^2) biases, float64 NumPy."""
    rng = np.random.default_rng(0)
    return tuple(
        Layer(rng.normal(size=(nets, a, b)) * np.sqrt(2 / a), rng.normal(size=(nets, b)) * 0.1)
        for a, b in itertools.pairwise(widths)
    )


def numpy_regions(params: list[tuple[np.ndarray, np.ndarray]], start: float, stop: float) -> int:
    """The plain algorithm, dynamic shapes, no tolerance; the last layer is only counted."""
    hidden = np.array([[start], [stop]])
    for index, (weight, bias) in enumerate(params[:-1]):
        values = hidden @ weight + bias
        positive = values > 0
        flat = np.flatnonzero(positive[1:] != positive[:-1])
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


def regioncam_regions(params: list[tuple[np.ndarray, np.ndarray]]) -> int:
    """The Rust peer on [-1, 1], float32."""
    import regioncam

    camera = regioncam.Regioncam1D(size=2)
    for weight, bias in params[:-1]:
        camera.linear(weight, bias)
        camera.relu()
    return camera.num_edges


def forward_floor(params: tuple[Layer, ...]) -> Callable[[], None]:
    """The hidden matrix products at as many knots as a random network has, nothing else."""

    @jax.jit
    def run(params):
        def one(params):
            rows, x = 2, jnp.zeros((2, 1))
            for weight, _ in params[:-1]:
                x = jax.nn.relu(x @ weight)
                rows += weight.shape[1]
                x = jnp.concatenate([x, jnp.ones((rows - len(x), x.shape[1]))])
            return x[0, 0]

        return jax.vmap(one)(params)

    size = 40
    nets = len(params[0].weight)
    with jax.enable_x64(True):
        chunks = [
            jax.tree.map(lambda leaf, i=i: jnp.asarray(leaf[i : i + size]), params)
            for i in range(0, nets, size)
        ]

    def floor() -> None:
        with jax.enable_x64(True):
            jax.block_until_ready([run(chunk) for chunk in chunks])

    return floor


def contenders(params: tuple[Layer, ...]) -> dict[str, Callable[[], object]]:
    """Each by name: a pass through all networks, returning their counts if it has any."""
    nets = len(params[0].weight)
    loose = [[(w[i], b[i]) for w, b in params] for i in range(nets)]
    single = [[(np.float32(w), np.float32(b)) for w, b in net] for net in loose]
    count = functools.partial(line.count, params, -1.0, 1.0, compiled=True)
    found: dict[str, Callable[[], object]] = {
        "jaxlab regions": lambda: count(pieces=False).regions,
        "jaxlab regions+pieces": lambda: count().regions,
        "numpy loop": lambda: np.array([numpy_regions(net, -1.0, 1.0) for net in loose]),
        "forward floor": forward_floor(params),
    }
    try:
        regioncam_regions(single[0])
    except ImportError:
        return found
    found["regioncam float32"] = lambda: np.array([regioncam_regions(net) for net in single])
    return found


def main(nets: int = 1000, repeats: int = 5, dry: bool = False) -> dict:
    """Time every contender on every case.

    Parameters
    ----------
    nets
        Networks per case.
    repeats
        Timed passes per contender, taken in turns.
    dry
        Tiny sizes, seconds in all.

    Returns
    -------
    dict
        ``title`` and ``rows``: per case and contender the first call (with compilation), the best
        and the median ms per network, the ratio to jaxlab's regions, and the mean count.
    """
    if dry:
        nets, repeats = 40, 1
    rows = []
    for case, widths in CASES.items():
        functions = contenders(random_networks(nets, widths))
        times: dict[str, list[float]] = {name: [] for name in functions}
        cpu: dict[str, list[float]] = {name: [] for name in functions}
        counts = {}
        for _ in range(repeats + 1):
            for name, function in functions.items():
                begin, begin_cpu = time.perf_counter(), time.process_time()
                counts[name] = function()
                times[name].append(time.perf_counter() - begin)
                cpu[name].append(time.process_time() - begin_cpu)
        best = {name: min(seconds[1:]) for name, seconds in times.items()}
        for name, seconds in times.items():
            rows.append(
                {
                    "case": case,
                    "contender": name,
                    "ms_per_network": 1e3 * best[name] / nets,
                    "median_ms_per_network": 1e3 * statistics.median(seconds[1:]) / nets,
                    "cpu_ms_per_network": 1e3 * min(cpu[name][1:]) / nets,
                    "ratio_to_jaxlab": best[name] / best["jaxlab regions"],
                    "first_call_s": seconds[0],
                    "mean_regions": None if counts[name] is None else float(np.mean(counts[name])),
                }
            )
    return {"title": "Exact regions along a line", "nets": nets, "repeats": repeats, "rows": rows}
