r"""The risk of shallow ReLU networks of one input, and its generalised gradient, exactly.

The network is ``N(x) = c + sum_j v_j relu(w_j x + b_j)``, target and density are piecewise
polynomial, and the risk is ``L = integral (N - f)**2 p`` over ``[A, B]``. Between two neighbours
among the network's breakpoints and the knots the integrand is a polynomial, which a Gauss-Legendre
rule of enough nodes integrates without error. So risk and gradient are exact up to rounding, for
every number of neurons, with fixed shapes: they run under ``jit`` and ``vmap``.

The generalised gradient ``G`` is the limit of the gradients for smooth approximations of ReLU whose
derivatives tend to the left derivative, ``relu'(0) = 0``; the risk is differentiable almost
everywhere and ``G`` is its gradient there. A neuron with ``w = b = 0`` has ``G = 0``. Here ``G`` is
what :func:`jax.grad` of :func:`risk` gives, and its own derivatives count the motion of the
breakpoints, as implicit ODE solvers and Hessian-vector products need it.

References
----------
Jentzen, Riekert, J. Math. Anal. Appl. 517 (2023) 126601, arXiv 2107.04479.
"""

import itertools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxlab.flows import quadrature


class Shallow(NamedTuple):
    """A network with one input, one hidden layer of ReLUs and one output.

    Attributes
    ----------
    weight, bias
        ``(neurons,)``: ``w`` and ``b``.
    outer
        ``(neurons,)``: ``v``.
    shift
        Scalar ``c``.
    """

    weight: Float[Array, " neurons"]
    bias: Float[Array, " neurons"]
    outer: Float[Array, " neurons"]
    shift: Float[Array, ""]


class Polynomials(NamedTuple):
    """A piecewise polynomial function.

    Attributes
    ----------
    knots
        Increasing, ``pieces - 1`` of them; a knot belongs to the piece on its right.
    coefficients
        Per piece, ascending powers of ``x``; of one length. Tuples, so that it is hashable.
    """

    knots: tuple[float, ...]
    coefficients: tuple[tuple[float, ...], ...]


class Problem(NamedTuple):
    """What is learned, and where; hashable, a static argument.

    Attributes
    ----------
    target, density
        ``f`` and ``p``; the density need not have the integral 1.
    start, stop
        The domain ``[A, B]``.
    """

    target: Polynomials
    density: Polynomials = Polynomials((), ((1.0,),))
    start: float = 0.0
    stop: float = 1.0


def affine(slope: float, offset: float, start: float = 0.0, stop: float = 1.0) -> Problem:
    """The target ``slope x + offset`` with the density 1.

    Examples
    --------
    >>> affine(1.0, 0.0).target.coefficients
    ((0.0, 1.0),)
    """
    return Problem(Polynomials((), ((offset, slope),)), start=start, stop=stop)


def network(
    params: Shallow,
    x: Float[Array, " points"],
    activation: Callable[[Array], Array] = jax.nn.relu,
) -> Float[Array, " points"]:
    """Values ``N(x)``, also with another activation in the place of ReLU.

    Examples
    --------
    >>> hat = Shallow(jnp.array([1.0, 1.0]), jnp.array([0.0, -0.5]), jnp.array([2.0, -4.0]),
    ...               jnp.array(0.0))
    >>> network(hat, jnp.array([0.0, 0.5, 1.0]))
    Array([0., 1., 0.], dtype=float32)
    """
    hidden = activation(_preactivations(params, x))
    return params.shift + jnp.matmul(hidden, params.outer, precision=jax.lax.Precision.HIGHEST)


def risk(params: Shallow, problem: Problem) -> Float[Array, ""]:
    """The risk, in the dtype of the parameters.

    Parameters
    ----------
    params
        float32 or float64.
    problem
        Static under ``jit``.

    Raises
    ------
    ValueError
        If the domain is empty, knots do not increase strictly, or coefficients do not fit them.

    Examples
    --------
    The best constant for ``x`` on [0, 1] has the risk 1/12:

    >>> dead = Shallow(jnp.zeros(1), jnp.array([-1.0]), jnp.zeros(1), jnp.array(0.5))
    >>> round(float(12 * risk(dead, affine(1.0, 0.0))), 6)
    1.0
    """

    @jax.custom_jvp
    def value(params: Shallow) -> Array:
        x, mass = nodes(params, problem)
        residual = network(params, x) - evaluate(problem.target, x)
        return jnp.sum(mass * residual * residual)

    @value.defjvp
    def _(primals, tangents):
        (params,), (tangent,) = primals, tangents
        parts = jax.tree.map(lambda g, t: jnp.sum(g * t), gradient(params, problem), tangent)
        return value(params), jnp.stack(jax.tree.leaves(parts)).sum()

    return value(params)


def gradient(params: Shallow, problem: Problem) -> Shallow:
    """The generalised gradient ``G``, also where the risk is not differentiable.

    Parameters, errors
        As :func:`risk`.

    Examples
    --------
    A dead neuron has no gradient:

    >>> dead = Shallow(jnp.zeros(1), jnp.array([-1.0]), jnp.ones(1), jnp.array(0.5))
    >>> [float(abs(leaf).max()) < 1e-7 for leaf in gradient(dead, affine(1.0, 0.0))]
    [True, True, True, True]
    """
    x, mass = nodes(params, problem)
    inside = _preactivations(params, x)
    force = 2 * mass * (network(params, x) - evaluate(problem.target, x))
    active = jnp.where(inside > 0, force[:, None], jnp.zeros_like(inside))
    return Shallow(
        params.outer * jnp.sum(active * x[:, None], axis=0),
        params.outer * jnp.sum(active, axis=0),
        jnp.sum(active * inside, axis=0),
        jnp.sum(force),
    )


def nodes(
    params: Shallow,
    problem: Problem,
    levels: tuple[float | Float[Array, ""], ...] = (0.0,),
    degree: int = 1,
) -> tuple[Float[Array, " nodes"], Float[Array, " nodes"]]:
    """Nodes of the composite Gauss rule, and its weights times the density.

    Exact for ``(N - f)**2 p`` if the network is, between its breakpoints, a polynomial.

    Parameters
    ----------
    params, problem, errors
        As :func:`risk`.
    levels
        Where the activation has kinks: neurons break where ``w x + b`` is one of these.
    degree
        Of the activation's polynomial pieces.

    Examples
    --------
    >>> one = Shallow(jnp.ones(1), jnp.array([-0.5]), jnp.ones(1), jnp.array(0.0))
    >>> x, mass = nodes(one, affine(1.0, 0.0))
    >>> [round(value, 3) for value in x.tolist()]
    [0.106, 0.394, 0.606, 0.894]
    >>> mass
    Array([0.25, 0.25, 0.25, 0.25], dtype=float32)
    """
    _check(problem)
    dtype = params.weight.dtype
    knots = sorted({*problem.target.knots, *problem.density.knots})
    fixed = [k for k in knots if problem.start < k < problem.stop]
    ends = jnp.asarray([problem.start, *fixed, problem.stop], dtype)
    flat = params.weight == 0
    # A neuron without slope breaks nowhere; its quotient must not be nan, nor its derivative.
    slope = jnp.where(flat, jnp.ones_like(params.weight), params.weight)
    breaks = [jnp.where(flat, ends[0], (level - params.bias) / slope) for level in levels]
    edges = jnp.sort(jnp.concatenate([ends, *(jnp.clip(b, ends[0], ends[-1]) for b in breaks)]))
    degree = max(degree, len(problem.target.coefficients[0]) - 1)
    total = 2 * degree + len(problem.density.coefficients[0]) - 1
    unit, share = quadrature.gauss(total // 2 + 1)
    left, width = edges[:-1, None], jnp.diff(edges)[:, None]
    x = (left + width * jnp.asarray(unit, dtype)[None]).ravel()
    weights = (width * jnp.asarray(share, dtype)[None]).ravel()
    return x, weights * evaluate(problem.density, x)


def evaluate(function: Polynomials, x: Float[Array, " points"]) -> Float[Array, " points"]:
    """Values of a piecewise polynomial function, by Horner's rule on every piece.

    Examples
    --------
    >>> evaluate(Polynomials((0.5,), ((0.0, 0.0), (1.0, 2.0))), jnp.array([0.25, 0.5]))
    Array([0., 2.], dtype=float32)
    """
    values = _horner(function.coefficients[0], x)
    for knot, coefficients in zip(function.knots, function.coefficients[1:], strict=True):
        values = jnp.where(x >= knot, _horner(coefficients, x), values)
    return values


def _preactivations(params: Shallow, x: Float[Array, " points"]) -> Float[Array, "points neurons"]:
    shape = (x.shape[0], params.weight.shape[0])
    weight, bias = (jnp.broadcast_to(leaf[None], shape) for leaf in (params.weight, params.bias))
    return x[:, None] * weight + bias


def _horner(coefficients: tuple[float, ...], x: Array) -> Array:
    value = jnp.zeros_like(x)
    for coefficient in reversed(coefficients):
        value = value * x + coefficient
    return value


def _check(problem: Problem) -> None:
    if not problem.start < problem.stop:
        raise ValueError(
            f"problem: got the domain [{problem.start}, {problem.stop}], expected start < stop"
        )
    for name, function in (("target", problem.target), ("density", problem.density)):
        increasing = all(a < b for a, b in itertools.pairwise(function.knots))
        lengths = {len(c) for c in function.coefficients}
        if (
            not increasing
            or len(function.coefficients) != len(function.knots) + 1
            or (len(lengths) != 1 or 0 in lengths)
        ):
            raise ValueError(
                f"problem.{name}: got knots {function.knots} and coefficients of lengths "
                f"{[len(c) for c in function.coefficients]}, expected increasing knots and one "
                "more list of coefficients, all of one length"
            )
