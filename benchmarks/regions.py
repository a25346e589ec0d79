"""Exact regions on planes and in n dimensions: time and counts against Rust, LPs and themselves.

``ratio`` is the time over that of jaxlab's count. Counts stand beside the times: a fast wrong
number is worth nothing. jaxlab computes in float64, regioncam in float32. Where neurons are integer
or have no bias the exact count is the certificate's, decided in rational arithmetic.
"""

import functools
import itertools
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.racing import Contender, Racer, race
from jaxlab.networks.mlp import Layer
from jaxlab.regions import cells, plane

Network = tuple[Layer, ...]

PLANES = [(2, 16, 16, 1), *((2, n, n, n, 1) for n in (32, 64, 128, 256))]
ENSEMBLES = {(2, 16, 16, 1): 1000, (2, 32, 32, 32, 1): 200, (2, 64, 64, 64, 1): 32}
SPACES = [(3, 16, 16, 1), (3, 32, 32, 1), (4, 16, 16, 1)]
# Slower tools take part up to this many regions.
AFFINITREE, RELUCENT = 5000, 600

REFERENCE = (
    "other tools on the reference machine (two cores), from shared/reference/regions.md:",
    "SyReNN: 2-[16]^2 7.7 ms, 2-[32]^3 53 ms, 2-[64]^3 170 ms, 2-[128]^3 0.92 s, 2-[256]^3 7.6 s",
    "relu_edge_subdivision: 2-[64]^3 380 ms, 2-[128]^3 5.6 s, 3-[16]^2 280 ms, 3-[32]^2 5.0 s, "
    "4-[16]^2 2.7 s; SplineCam: 2-[64]^3 21 s, 2-[128]^3 120 s",
    "its integer 2-[12]^2, exact 159: regioncam 180, SyReNN 202, affinitree 514, the others crash",
    "its zero biases 2-[32]^3, exact 184: SyReNN 5637, edge_subdivision 4, SplineCam crashes",
)


def network(widths: tuple[int, ...], seed: int = 0) -> Network:
    """He weights and N(0, 0.1^2) biases, representable in float32 so that all see the same."""
    rng = np.random.default_rng(seed)
    return tuple(
        Layer(*(np.float32(x).astype(float) for x in (weight, bias)))
        for weight, bias in (
            (rng.normal(size=(a, b)) * np.sqrt(2 / a), rng.normal(size=b) * 0.1)
            for a, b in itertools.pairwise(widths)
        )
    )


def integer_network(seed: int = 0) -> Network:
    """2-12-12-1 with weights and biases from -2 to 2: concurrent and overlapping boundaries."""
    rng = np.random.default_rng(seed)
    return tuple(
        Layer(rng.integers(-2, 3, (a, b)) * 1.0, rng.integers(-2, 3, b) * 1.0)
        for a, b in itertools.pairwise((2, 12, 12, 1))
    )


def central_network(seed: int = 0) -> Network:
    """2-[32]^3-1 without biases: all first boundaries meet in the origin."""
    return tuple(Layer(w, 0 * b) for w, b in network((2, 32, 32, 32, 1), seed))


def regioncam(params: Network) -> int:
    """Rust, float32, on [-1, 1]^2."""
    import regioncam

    camera = regioncam.Regioncam(size=1)
    for weight, bias in params[:-1]:
        camera.linear(np.float32(weight), np.float32(bias))
        camera.relu()
    return camera.num_faces


def affinitree(params: Network) -> int:
    """Rust, float64: a decision tree; infeasible paths are cut by linear programmes."""
    import affinitree as peer

    inputs = params[0].weight.shape[0]
    architecture = peer.Architecture(inputs)
    for weight, bias in params[:-1]:
        architecture.linear(peer.AffFunc.from_mats(np.ascontiguousarray(weight.T), bias))
        architecture.relu()
    box = peer.Polytope.hyperrectangle(inputs, [(-1.0, 1.0)] * inputs)
    start = peer.AffTree.from_poly(box, peer.AffFunc.identity(inputs))
    return peer.builder.from_layers(architecture, precondition=start).num_terminals()


def relucent(params: Network) -> int:
    """PyTorch and Gurobi: a search from region to region, with an LP per facet."""
    import torch
    from relucent import Complex

    modules = []
    for weight, bias in params:
        linear = torch.nn.Linear(*weight.shape).double()
        linear.load_state_dict({"weight": torch.tensor(weight.T), "bias": torch.tensor(bias)})
        modules += [linear, torch.nn.ReLU()]
    found = Complex(torch.nn.Sequential(*modules[:-1]))
    found.bfs(cube_radius=1.0, cube_mode="clipped", nworkers=1, verbose=0)
    return len(found)


def racer(function: Callable[..., Any], *arguments: Any) -> Callable[[], Racer]:
    """A contender whose result is its number of regions."""
    return lambda: Racer(
        functools.partial(function, *arguments), lambda found: {"regions": int(found)}
    )


def planes(widths: tuple[int, ...], params: Network, repeats: int) -> list[dict[str, Any]]:
    """All tools on one network on [-1, 1]^2."""
    box = plane.box(-1.0, 1.0)
    size = sum(widths[1:-1]) ** 2 / 2
    contenders: list[Contender] = [
        ("jaxlab count", racer(lambda: plane.count(params, box).regions)),
        ("jaxlab tessellate", racer(lambda: len(plane.tessellate(params, box).patterns))),
        ("jaxlab certify", racer(lambda: plane.certify(params, box).lower)),
        ("regioncam float32", racer(regioncam, params)),
    ]
    if size <= AFFINITREE:
        contenders.append(("affinitree", racer(affinitree, params)))
    if size <= RELUCENT:
        contenders.append(("relucent", racer(relucent, params)))
    return race(name(widths), contenders, repeats)


def ensembles(widths: tuple[int, ...], nets: int, repeats: int, dry: bool) -> list[dict[str, Any]]:
    """Many networks on [-1, 1]^2; ``regions`` is the mean."""
    alone = [network(widths, seed) for seed in range(nets)]
    together = tuple(
        Layer(*map(np.stack, zip(*layer, strict=True))) for layer in zip(*alone, strict=True)
    )
    box = plane.box(-1.0, 1.0)

    def mean(function: Callable[[], Any]) -> Callable[[], Racer]:
        return lambda: Racer(function, lambda found: {"regions": float(np.mean(found))})

    def host() -> Any:
        return plane.count(together, box, compiled=False).regions

    contenders: list[Contender] = [
        ("jaxlab compiled", mean(lambda: plane.count(together, box, compiled=True).regions)),
        ("jaxlab on the host", mean(host)),
        ("regioncam float32", mean(lambda: [regioncam(params) for params in alone])),
    ]
    return race(f"{nets:,} x {name(widths)}", contenders[dry:], repeats)


def spaces(widths: tuple[int, ...], params: Network, repeats: int) -> list[dict[str, Any]]:
    """n dimensions, on a cube."""
    contenders: list[Contender] = [
        ("jaxlab count", racer(lambda: cells.count(params, -1.0, 1.0).regions)),
        ("jaxlab enumerate", racer(lambda: len(cells.enumerate(params, -1.0, 1.0).patterns))),
        ("jaxlab certify", racer(lambda: cells.certify(params, -1.0, 1.0).lower)),
    ]
    if sum(widths[1:-1]) <= 32 and widths[0] == 3:
        contenders.append(("affinitree", racer(affinitree, params)))
    return race(name(widths), contenders, repeats)


def degenerate(case: str, params: Network, repeats: int) -> list[dict[str, Any]]:
    """Counts that the tools do not agree on."""
    box = plane.box(-1.0, 1.0)
    contenders: list[Contender] = [
        ("jaxlab count", racer(lambda: plane.count(params, box).regions)),
        ("jaxlab certify (exact)", racer(lambda: plane.certify(params, box).lower)),
        ("regioncam float32", racer(regioncam, params)),
    ]
    if "integer" in case:
        contenders.append(("affinitree", racer(affinitree, params)))
    return race(case, contenders, repeats)


def name(widths: tuple[int, ...]) -> str:
    """Such as 2-[64]^3-1."""
    return f"{widths[0]}-[{widths[1]}]^{len(widths) - 2}-{widths[-1]}"


def memory(widths: tuple[int, ...]) -> list[dict[str, Any]]:
    """Peak memory of a fresh process that counts once, in all and beyond what its imports take."""
    code = (
        "import re, sys; from benchmarks import regions as r\n"
        # Not getrusage: its peak begins with that of the process that started this one.
        "def peak():\n"
        " return int(re.search('VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])\n"
        f"params = r.network({widths}); small = r.network((2, 4, 1))\n"
        "run = {'jaxlab count': lambda p: r.plane.count(p, r.plane.box(-1.0, 1.0)).regions,"
        " 'regioncam float32': r.regioncam}[sys.argv[1]]\n"
        "run(small); before = peak(); run(params); print(peak() / 1024, (peak() - before) / 1024)"
    )
    rows = []
    for who in ("jaxlab count", "regioncam float32"):
        row: dict[str, Any] = {"case": f"{name(widths)}, memory", "contender": who}
        done = subprocess.run([sys.executable, "-c", code, who], capture_output=True, text=True)
        if done.returncode == 0:
            row["peak_mb"], row["own_mb"] = map(float, done.stdout.split())
        else:
            row["note"] = done.stderr.strip().splitlines()[-1][:60]
        rows.append(row)
    return rows


def main(repeats: int = 5, dry: bool = False) -> dict:
    """Race on planes, in spaces, and where tools disagree."""
    repeats = 1 if dry else repeats
    rows = []
    for widths in PLANES[:1] if dry else PLANES:
        rows += planes(widths, network(widths), repeats)
    for widths, nets in list(ENSEMBLES.items())[: 1 if dry else None]:
        rows += ensembles(widths, 8 if dry else nets, repeats, dry)
    for widths in SPACES[:1] if dry else SPACES:
        rows += spaces(widths, network(widths), repeats)
    for seed in range(1 if dry else 3):
        rows += degenerate(f"integer 2-[12]^2-1 #{seed}", integer_network(seed), repeats)
        rows += degenerate(f"zero biases 2-[32]^3-1 #{seed}", central_network(seed), repeats)
    if not dry:
        rows += memory(PLANES[-2]) + memory(PLANES[-1])
    return {
        "title": f"Exact regions on planes and in space (best of {repeats})",
        "rows": rows,
        "notes": REFERENCE,
    }
