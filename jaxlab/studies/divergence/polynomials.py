r"""The published deep networks on their polynomial targets, and their risk without sampling noise.

The law of ``x`` is uniform on ``[-1, 1]**d`` and the loss is the mean squared error. The mean is a
tensor Gauss-Legendre sum, so that the gradient flow is that of one smooth risk; the authors draw
10,000 points. In four dimensions seven nodes per axis are the fewest that integrate the squared
target exactly (degree 12), and keep the Jacobian of an implicit step within a GPU's memory.

References
----------
Kranz, Gallon, Dereich, Jentzen, arXiv 2505.09572, with its public code: networks, targets, starts.
"""

import functools
import itertools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from jaxlab.flows import quadrature
from jaxlab.networks import Parameters, apply, initialise
from jaxlab.networks.initialisers import xavier
from jaxlab.studies._parts import named_key
from jaxlab.studies.divergence.problems import ACTIVATIONS

NOT_ANALYTIC = ("ELU",)
"""Activations that are C^1 only: flows converge or diverge, but may have a global minimum."""


class Problem(NamedTuple):
    """A target, the network that learns it, and the rule that integrates the risk.

    Attributes
    ----------
    widths
        Of the network.
    target
        From the coordinates, one array each, to the values.
    nodes
        Of Gauss's rule, per axis.
    """

    widths: tuple[int, ...]
    target: Callable[..., Any]
    nodes: int


PROBLEMS: Mapping[str, Problem] = {
    "1D": Problem(
        (1, 10, 20, 10, 1),
        lambda x: x**10 - 2 * x**8 + 2 * x**5 + 3 * x**3 - 2 * x**2 + 5,
        32,
    ),
    "2D": Problem(
        (2, 20, 40, 20, 1),
        lambda x, y: y**5 - x**3 * y**2 - 4 * x**2 * y + 3 * x**3 - y**2 + x + 2,
        24,
    ),
    "4D": Problem(
        (4, 20, 40, 20, 1),
        lambda a, b, c, d: (
            a**6 * d**5 + b**6 - a**3 * b**2 * c + d**2
            - 4 * c**4 * b**4 + 3 * d**3 * b**3 - c**2 * a + c + 3
        ),
        7,
    ),
}  # fmt: skip
"""By the number of inputs."""


class Data(NamedTuple):
    """Points that stand for the law of ``x``.

    Attributes
    ----------
    x
        ``(points, inputs)``.
    y
        ``(points, 1)``: the target.
    mass
        ``(points, 1)``: weights; only their ratios count.
    """

    x: Float[Array, "points inputs"]
    y: Float[Array, "points 1"]
    mass: Float[Array, "points 1"]


def quadrature_data(problem: str, nodes: int | None = None) -> Data:
    """Gauss's rule on the cube, in float64; 64-bit types must be enabled.

    Parameters
    ----------
    problem
        Name in :data:`PROBLEMS`.
    nodes
        Per axis; those of the problem if None.

    Examples
    --------
    >>> import jax
    >>> with jax.enable_x64(True):
    ...     data = quadrature_data("1D")
    ...     print(round(float((data.mass * data.y).sum()) * 99, 9))
    416.0
    """
    widths, target, usual = PROBLEMS[problem]
    inputs = widths[0]
    rule = quadrature.box([-1.0] * inputs, [1.0] * inputs, usual if nodes is None else nodes)
    y = target(*rule.points.T)[:, None]
    mass = rule.weights[:, None] / 2**inputs
    return Data(jnp.asarray(rule.points), jnp.asarray(y), jnp.asarray(mass))


def sample(key: Key[Array, ""], problem: str, points: int) -> Data:
    """Uniform points, as the authors drew them, in float64; 64-bit types must be enabled.

    Parameters
    ----------
    key
        Typed key.
    problem
        Name in :data:`PROBLEMS`.
    points
        How many.
    """
    widths, target, _ = PROBLEMS[problem]
    x = jax.random.uniform(key, (points, widths[0]), jnp.float64, -1.0, 1.0)
    return Data(x, target(*x.T)[:, None], jnp.full((points, 1), 1 / points))


@functools.cache
def risk(activation: str) -> Callable[[Parameters, Data], Float[Array, ""]]:
    """The mean squared error ``(params, data) -> scalar``, in the dtype of its arguments.

    The same name gives the same function, so that compiled programs are found again.
    """
    function = ACTIVATIONS[activation]

    def loss(params: Parameters, data: Data) -> Float[Array, ""]:
        residual = apply(params, data.x, function) - data.y
        return jnp.sum(data.mass * residual * residual) / jnp.sum(data.mass)

    return loss


def start(seed: int, problem: str, number: int) -> Parameters:
    """Start ``number`` of a problem, the same for all activations and schemes, in float64."""
    key = named_key(seed, f"published {problem} start {number}")
    return _drawn(PROBLEMS[problem].widths)(key)


@functools.cache
def _drawn(widths: tuple[int, ...]) -> Callable[[Key[Array, ""]], Parameters]:
    return jax.jit(lambda key: initialise(key, widths, xavier()))


def mean_square(widths: tuple[int, ...]) -> float:
    """Expected ``|theta|**2`` at the start: ``sum 2 m n/(m + n)`` over the layers.

    Each of ``m n`` weights of a layer has variance ``2/(m + n)``; biases are zero.

    Examples
    --------
    >>> [round(mean_square(problem.widths) ** 0.5, 3) for problem in PROBLEMS.values()]
    [5.505, 7.673, 7.868]
    """
    return float(sum(2 * m * n / (m + n) for m, n in itertools.pairwise(widths)))


def squared_norms(key: Key[Array, ""], problem: str, draws: int) -> Float[np.ndarray, " draws"]:
    """``|theta|**2`` of independent starts; 64-bit types must be enabled."""

    def one(key: Key[Array, ""]) -> Float[Array, ""]:
        leaves = jax.tree.leaves(initialise(key, PROBLEMS[problem].widths, xavier()))
        return jnp.sum(jnp.stack([jnp.sum(leaf * leaf) for leaf in leaves]))

    return np.asarray(jax.jit(lambda keys: jax.lax.map(one, keys))(jax.random.split(key, draws)))
