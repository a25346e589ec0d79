"""Deterministic integrals: Gauss-Legendre rules on intervals and boxes.

A flow needs a risk that is one smooth function of the parameters, without sampling noise. On a box
of few dimensions that is a tensor rule. For analytic integrands its error falls geometrically with
the nodes per axis; across the kinks of ReLU networks it falls as the square of the panels' size. In
one dimension there is no such error: see :mod:`jaxlab.flows.relu_risk`.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree


class Rule(NamedTuple):
    """Nodes and weights, float64 on the host; what uses them rounds them to its own dtype.

    Attributes
    ----------
    points
        ``(points, inputs)``.
    weights
        ``(points,)``, positive; their sum is the volume of the box.
    """

    points: Float[np.ndarray, "points inputs"]
    weights: Float[np.ndarray, " points"]


def gauss(nodes: int) -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]]:
    """Nodes and weights on [0, 1], exact for polynomials of degree ``2 nodes - 1``.

    Examples
    --------
    >>> [part.tolist() for part in gauss(1)]
    [[0.5], [1.0]]
    """
    nodes_, weights = np.polynomial.legendre.leggauss(nodes)
    return (nodes_ + 1) / 2, weights / 2


def box(
    start: Sequence[float],
    stop: Sequence[float],
    nodes: int | Sequence[int],
    panels: int | Sequence[int] = 1,
    capacity: int = 2**20,
) -> Rule:
    """The tensor Gauss-Legendre rule on a box, composite if there are several panels.

    Parameters
    ----------
    start, stop
        Opposite corners, ``(inputs,)``.
    nodes
        In every panel, per axis: exact for polynomials of degree ``2 nodes - 1`` in each input.
    panels
        Equal parts of every axis.
    capacity
        The most points that are wanted.

    Raises
    ------
    ValueError
        If the corners do not span a box, ``nodes`` or ``panels`` are not positive or not one per
        axis, or there are more points than ``capacity``.

    Examples
    --------
    >>> rule = box((0.0, 0.0), (1.0, 2.0), nodes=2)
    >>> rule.points.shape, round(float(rule.weights @ rule.points.prod(axis=1)), 12)
    ((4, 2), 1.0)
    """
    if len(start) != len(stop) or not all(a < b for a, b in zip(start, stop, strict=True)):
        raise ValueError(f"start, stop: got {start}, {stop}, expected corners with start < stop")
    nodes, panels = (
        (value,) * len(start) if isinstance(value, int) else tuple(value)
        for value in (nodes, panels)
    )
    if not len(nodes) == len(panels) == len(start) or min(*nodes, *panels) < 1:
        raise ValueError(
            f"nodes, panels: got {nodes}, {panels}, expected positive ones for {len(start)} axes"
        )
    if math.prod((*nodes, *panels)) > capacity:
        raise ValueError(
            f"nodes, panels: got {math.prod((*nodes, *panels)):,} points, "
            f"expected at most capacity = {capacity:,}"
        )
    axes = [_axis(*parts) for parts in zip(start, stop, nodes, panels, strict=True)]
    points = np.meshgrid(*(x for x, _ in axes), indexing="ij")
    weights = np.meshgrid(*(mass for _, mass in axes), indexing="ij")
    return Rule(np.stack(points, axis=-1).reshape(-1, len(axes)), np.prod(weights, axis=0).ravel())


def risk(
    params: PyTree,
    network: Callable[[PyTree, Array], Array],
    target: Callable[[Array], Array],
    rule: Rule,
) -> Float[Array, ""]:
    """``sum weights (N(x) - f(x))**2``, in the dtype of the parameters.

    Parameters
    ----------
    params
        Pytree of one floating dtype.
    network
        ``(params, points) -> (points, 1)``, such as :func:`jaxlab.networks.mlp.apply`.
    target
        ``points -> (points, 1)``.
    rule
        Where; for a mean, divide its weights by their sum.

    Raises
    ------
    ValueError
        If network and target differ in shape: broadcasting would pair every point with every other.

    Examples
    --------
    >>> square = lambda x: jnp.sum(x**2, axis=1, keepdims=True)
    >>> rule = box((-1.0, -1.0), (1.0, 1.0), nodes=3)
    >>> 45 * risk(jnp.array(2 / 3), lambda mean, x: mean + 0 * x[:, :1], square, rule) / 4
    Array(8., dtype=float32)
    """
    dtype = jnp.result_type(*jax.tree.leaves(params))
    x, mass = jnp.asarray(rule.points, dtype), jnp.asarray(rule.weights, dtype)
    output, wanted = network(params, x), target(x)
    if not output.shape == wanted.shape == (len(mass), 1):
        raise ValueError(
            f"network, target: got shapes {output.shape}, {wanted.shape}, expected {(len(mass), 1)}"
        )
    residual = (output - wanted)[:, 0]
    return jnp.sum(mass * residual * residual)


def _axis(start: float, stop: float, nodes: int, panels: int) -> tuple[np.ndarray, np.ndarray]:
    unit, share = gauss(nodes)
    edges = np.linspace(start, stop, panels + 1)
    left, width = edges[:-1, None], np.diff(edges)[:, None]
    return (left + width * unit).ravel(), (width * share).ravel()
