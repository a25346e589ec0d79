"""Part "exact": flows, critical points and risks that are known in closed form, in two formats.

A dead network and the bias-free pair share no parameter, so the flow of the sum of their risks is
both flows at once, in one program. Risks and gradients of random networks are compared with SciPy's
adaptive quadrature and with automatic differentiation of another formula.
"""

import functools
import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float
from scipy import integrate as quadrature

from jaxlab.flows import Flow, explicit, integrate, zigzag
from jaxlab.flows.relu_risk import Polynomials, Problem, Shallow, affine, gradient, network, risk
from jaxlab.studies._parts import Part, Variable
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell, Values
from jaxlab.studies.flow.config import CONTROL, Config

FORMATS = (CONTROL, "float32")
"""Formats of the flows: those in which linear algebra exists."""

TIMES = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
"""Output times."""

BREAKS = (0, 2, 4, 6)
"""Breakpoints of the saddles."""

SHIFT, PRODUCT, SLOPE = 2.0, 0.2, 1.3
"""``c(0)`` of the dead network; ``p(0)`` of the pair, and the slope of its target."""

RTOL = {CONTROL: 1e-12, "float32": 1e-6}
"""Relative tolerance of a step by format; the absolute one is a hundredth of it."""

NEURONS = 5
"""Of the random networks."""

STATE = 12
"""Entries of the integrated state: the parameters of both networks and the energy."""

_AFFINE = affine(1.0, 0.0)
_PAIR = Problem(Polynomials((), ((0.0, SLOPE),)), Polynomials((), ((0.5,),)), -1.0, 1.0)


class Both(NamedTuple):
    """Parameters of the dead network, and weights and outer weights of the bias-free pair."""

    dead: Shallow
    weight: Float[Array, "2"]
    outer: Float[Array, "2"]


def template(config: Config) -> xr.Dataset:
    """Flows by format and time, saddles by breakpoints, random networks by format."""
    at, each = ("exact_format", "exact_time"), ("exact_format", "exact_network")
    return empty(
        {
            "exact_format": FORMATS,
            "exact_time": TIMES,
            "exact_breaks": BREAKS,
            "exact_network": range(config.exact_networks),
        },
        {
            "exact_shift": Variable(at, float, "output of the dead network"),
            "exact_dead_risk": Variable(at, float, "risk of the dead network"),
            "exact_product": Variable(at, float, "product v w of the bias-free pair"),
            "exact_pair_risk": Variable(at, float, "risk of the bias-free pair"),
            "exact_moved": Variable(at, float, "largest change of a dead neuron's parameter"),
            "exact_steps": Variable(("exact_format",), int, "accepted and rejected steps"),
            "exact_around": Variable(
                ("exact_network",), float, "risk beside the dead minimum less the risk there"
            ),
            "exact_saddle_risk": Variable(("exact_breaks",), float, "risk of the saddle"),
            "exact_saddle_gradient": Variable(("exact_breaks",), float, "gradient norm there"),
            "exact_quadrature": Variable(
                each, float, "relative distance of a risk from adaptive quadrature"
            ),
            "exact_autodiff": Variable(
                each, float, "distance of G from autodiff of the formula by pieces, relative"
            ),
        },
    )


def cells(config: Config) -> list[Cell]:
    """The flows of each format, the critical points, the random networks."""
    flows = [Cell(f"flows-{fmt}", {"exact_format": i}) for i, fmt in enumerate(FORMATS)]
    return [*flows, Cell("critical", {}), Cell("networks", {})]


def compute(config: Config, cell: Cell) -> Values:
    """One of them."""
    if cell.name == "critical":
        return _critical(config)
    if cell.name == "networks":
        return _networks(config)
    fmt = FORMATS[cell.index["exact_format"]]
    start = jax.tree.map(lambda leaf: leaf.astype(fmt), _start())
    flow, dead, pair = jax.tree.map(np.asarray, _flow(start, RTOL[fmt]))
    still = [np.abs(leaf - leaf[:1]).max(axis=1) for leaf in flow.params.dead[:3]]
    return {
        "exact_shift": flow.params.dead.shift,
        "exact_dead_risk": dead,
        "exact_product": (flow.params.weight * flow.params.outer)[:, 0],
        "exact_pair_risk": pair,
        "exact_moved": np.max(still, axis=0),
        "exact_steps": np.int64(flow.accepted + flow.rejected),
    }


def _start() -> Both:
    """Two dead neurons, whatever else they are; and ``v = w`` for the pair."""
    size = np.sqrt(PRODUCT)
    pair = jnp.array([size, -size])
    dead = Shallow(
        jnp.array([1.0, -2.0]), jnp.array([-1.5, -0.25]), jnp.array([0.7, -1.1]), jnp.array(SHIFT)
    )
    return Both(dead, pair, pair)


@functools.partial(jax.jit, static_argnames="rtol")
def _flow(start: Both, rtol: float) -> tuple[Flow, Array, Array]:
    """The flow, and both risks along it."""

    def pair(params: Both) -> Array:
        zero = jnp.zeros_like(params.weight)
        return risk(Shallow(params.weight, zero, params.outer, zero[0]), _PAIR)

    def dead(params: Both) -> Array:
        return risk(params.dead, _AFFINE)

    flow = integrate(
        lambda p: dead(p) + pair(p),
        start,
        np.array(TIMES),
        rtol=rtol,
        atol=rtol / 100,
        solver=explicit(),
    )
    return flow, jax.vmap(dead)(flow.params), jax.vmap(pair)(flow.params)


def _critical(config: Config) -> Values:
    """Saddles, and networks near the dead one at its minimum: their neurons stay dead."""
    at = [zigzag.saddle(breaks, _AFFINE) for breaks in BREAKS]
    slopes = [np.concatenate([np.ravel(leaf) for leaf in _gradient(p, _AFFINE)]) for p in at]
    minimum = _start().dead._replace(shift=jnp.array(0.5))
    rng = np.random.default_rng(config.seed)
    many = config.exact_networks
    near = jax.tree.map(
        lambda leaf: jnp.asarray(np.asarray(leaf) + rng.uniform(-0.1, 0.1, (many, *leaf.shape))),
        minimum,
    )
    return {
        "exact_saddle_risk": np.array([_risk(p, _AFFINE) for p in at]),
        "exact_saddle_gradient": np.array([np.linalg.norm(slope) for slope in slopes]),
        "exact_around": np.asarray(_risks(near, _AFFINE) - _risk(minimum, _AFFINE)),
    }


_risk, _gradient = (jax.jit(f, static_argnums=1) for f in (risk, gradient))
_risks, _gradients = (jax.jit(jax.vmap(f, (0, None)), static_argnums=1) for f in (risk, gradient))


def _networks(config: Config) -> Values:
    """Random networks: the same reals in both formats, against float64 oracles."""
    rng = np.random.default_rng(config.seed)
    shapes = (*[(config.exact_networks, NEURONS)] * 3, (config.exact_networks,))
    drawn = Shallow(*(jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in shapes))
    wide = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), drawn)
    risks = np.array([_adaptive(Shallow(*one)) for one in zip(*wide, strict=True)])
    slopes = _matrix(_autodiff(wide))
    gaps = {"exact_quadrature": [], "exact_autodiff": []}
    for fmt in FORMATS:
        params = jax.tree.map(lambda leaf, fmt=fmt: leaf.astype(fmt), wide)
        got = np.asarray(_risks(params, _AFFINE)).astype(np.float64)
        slope = _matrix(_gradients(params, _AFFINE))
        size = np.linalg.norm(slopes, axis=1)
        gaps["exact_quadrature"].append(np.abs(got / risks - 1))
        gaps["exact_autodiff"].append(np.linalg.norm(slope - slopes, axis=1) / size)
    return {name: np.array(values) for name, values in gaps.items()}


def _matrix(params: Shallow) -> Float[np.ndarray, "networks parameters"]:
    columns = [np.asarray(leaf).astype(np.float64) for leaf in params]
    return np.concatenate([column.reshape(len(column), -1) for column in columns], axis=1)


def _adaptive(params: Shallow) -> float:
    """The risk for ``x`` by SciPy's adaptive quadrature between the kinks."""
    weight, bias, outer, shift = (np.asarray(leaf) for leaf in params)
    inside = sorted(q for q in -bias / weight if 0 < q < 1)

    def squared(x: float) -> float:
        return (shift + np.sum(outer * np.maximum(weight * x + bias, 0)) - x) ** 2

    return sum(
        quadrature.quad(squared, left, right, epsabs=0, epsrel=1e-13)[0]
        for left, right in itertools.pairwise([0.0, *inside, 1.0])
    )


@jax.jit
def _autodiff(params: Shallow) -> Shallow:
    """Derivatives of ``sum (g_k**2 h_k + s_k**2 h_k**3 / 12)``, through the breakpoints too."""

    def pieces(p: Shallow) -> Array:
        edges = jnp.sort(jnp.concatenate([jnp.clip(-p.bias / p.weight, 0, 1), jnp.array([0.0, 1])]))
        width, middle = jnp.diff(edges), (edges[1:] + edges[:-1]) / 2
        active = (middle[:, None] * p.weight[None] + p.bias[None] > 0).astype(middle.dtype)
        slope = jnp.sum(active * (p.outer * p.weight)[None], axis=1) - 1
        value = network(p, middle) - middle
        return jnp.sum(value**2 * width + slope**2 * width**3 / 12)

    return jax.vmap(jax.grad(pieces))(params)


PART = Part("exact", template, cells, compute)
