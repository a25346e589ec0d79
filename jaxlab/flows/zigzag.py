"""Critical points of the risk of shallow ReLU networks for affine targets, in closed form.

For ``f = alpha x + beta`` on ``[A, B]`` with density 1 the risks of all critical points are 0 and
``alpha**2 (B - A)**3 / (12 (n + 1)**4)`` for even ``n`` from 0 to the number of neurons: the
residual is a zigzag of constant amplitude with ``n`` breakpoints. ``n = 0`` is the best constant.
So a bounded flow that starts below the smallest positive one ends at 0.

References
----------
Derived for jaxlab (``shared/reference/flow.md``, B.3). The classification of critical points is due
to Cheridito, Jentzen, Rossmannek, J. Nonlinear Sci. 32 (2022) 64, arXiv 2103.10922.
"""

from fractions import Fraction

import jax.numpy as jnp
import numpy as np

from jaxlab.flows.relu_risk import Polynomials, Problem, Shallow


def risks(neurons: int, slope: Fraction | int = 1, length: Fraction | int = 1) -> list[Fraction]:
    """The positive critical risks, from the largest to the smallest.

    Raises
    ------
    ValueError
        If ``neurons`` is not positive.

    Examples
    --------
    >>> risks(4)
    [Fraction(1, 12), Fraction(1, 972), Fraction(1, 7500)]
    """
    if neurons < 1:
        raise ValueError(f"neurons: got {neurons}, expected at least 1")
    scale = Fraction(slope) ** 2 * Fraction(length) ** 3
    return [scale / (12 * (n + 1) ** 4) for n in range(0, neurons + 1, 2)]


def threshold(neurons: int, slope: Fraction | int = 1, length: Fraction | int = 1) -> Fraction:
    """The smallest positive critical risk: from below it every bounded flow ends at 0.

    Examples
    --------
    >>> threshold(1), threshold(3)
    (Fraction(1, 12), Fraction(1, 972))
    """
    return risks(neurons, slope, length)[-1]


def saddle(breaks: int, problem: Problem, neurons: int | None = None) -> Shallow:
    """A critical point whose residual has ``breaks`` breakpoints, in float64 where it is enabled.

    Parameters
    ----------
    breaks
        ``n``, even.
    problem
        With an affine target in one piece and the density 1.
    neurons
        At least ``breaks``, which is the default (1 for none); the others are dead.

    Raises
    ------
    ValueError
        If ``breaks`` is odd or negative, there are too few neurons, or the problem is another one.

    Examples
    --------
    >>> from jaxlab.flows.relu_risk import affine, risk
    >>> round(float(1 / risk(saddle(2, affine(1.0, 0.0)), affine(1.0, 0.0))))
    972
    """
    count = max(breaks, 1) if neurons is None else neurons
    if breaks < 0 or breaks % 2 or count < max(breaks, 1):
        raise ValueError(
            f"breaks: got {breaks} for {count} neurons, expected an even number up to these"
        )
    coefficients = problem.target.coefficients
    if problem.density != Polynomials((), ((1.0,),)) or [len(c) for c in coefficients] != [2]:
        raise ValueError(f"problem: got {problem}, expected an affine target and the density 1")
    ((offset, slope),) = coefficients
    length = (problem.stop - problem.start) / (breaks + 1)
    places = problem.start + length * np.arange(1, breaks + 1)
    # Odd breakpoints open to the right and even ones to the left: the slope of the residual
    # alternates between -slope / (n + 1) and its opposite.
    turn = np.where(np.arange(breaks) % 2 == 0, 1.0, -1.0)
    middle = problem.start + length / 2  # of the first piece, where the residual is zero
    outer = 2 * slope / (breaks + 1) * turn
    reached = outer @ np.maximum(turn * (middle - places), 0)
    dead = count - breaks
    return Shallow(
        jnp.asarray(np.append(turn, np.zeros(dead))),
        jnp.asarray(np.append(-turn * places, -np.ones(dead))),
        jnp.asarray(np.append(outer, np.zeros(dead))),
        jnp.asarray(offset + slope * middle - reached),
    )
