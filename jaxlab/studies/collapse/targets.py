"""The target functions of the collapse experiments, and the constants a dead network ends at.

A dead network is a constant ``c``. Trained with squared loss it ends at the *mean state*, with
absolute loss at a *median state* of the target (Lu, Su, Karniadakis, arXiv 1808.04947); the error
that remains is the floor below which it cannot get. All states and floors are for inputs uniform on
the domain.

Published by Lu, Shin, Su, Karniadakis, arXiv 1903.06733: the functions. Their domains, apart from
``[-sqrt(7), sqrt(7)]`` for ``|x|``, are from memory (``shared/reference/collapse.md``, 2.3), and
the square ``[-sqrt(3), sqrt(3)]**2`` of the planar target is assumed. ``x^2`` on ``[0, 1]`` is the
laboratory's own, and so are all floors.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxlab.arithmetic import as_format, round_to
from jaxlab.arithmetic.draws import uniform64
from jaxlab.studies.collapse._oscillation import best_constants


class States(NamedTuple):
    """The best constants of a target, per output, and their errors, averaged over the outputs.

    Attributes
    ----------
    mean
        Best constant for squared loss, the same for every output.
    median
        Least and greatest best constant for absolute loss; equal where it is unique.
    rmse
        Root of the mean squared error of the mean: the standard deviation of the target.
    absolute
        Mean absolute error of a median.
    absolute_at_mean
        Mean absolute error of the mean.
    """

    mean: float
    median: tuple[float, float]
    rmse: float
    absolute: float
    absolute_at_mean: float


@dataclasses.dataclass(frozen=True)
class Target:
    """A function on the cube ``[low, high]**inputs``.

    Attributes
    ----------
    function
        ``x (*batch, inputs) -> y (*batch, outputs)`` on JAX arrays, in the dtype of ``x``.
    low, high
        Ends of the domain along every axis.
    inputs, outputs
        Dimensions. The outputs of one target have one distribution.
    states
        Best constants and their errors.
    """

    function: Callable[[Float[Array, "*batch inputs"]], Float[Array, "*batch outputs"]]
    low: float
    high: float
    inputs: int
    outputs: int
    states: States


def _check(radius: float) -> None:
    if not radius > 0:
        raise ValueError(f"radius: got {radius}, expected a positive number")


def absolute_value(radius: float) -> Target:
    """``|x|`` on ``[-r, r]``, whose values are uniform on ``[0, r]``.

    Examples
    --------
    >>> absolute_value(1.0).states.mean, round(absolute_value(1.0).states.rmse, 6)
    (0.5, 0.288675)
    """
    _check(radius)
    half, mean_error = radius / 2, radius / 4
    states = States(half, (half, half), radius / math.sqrt(12), mean_error, mean_error)
    return Target(jnp.abs, -radius, radius, 1, 1, states)


def square() -> Target:
    """``x**2`` on ``[0, 1]``.

    Examples
    --------
    >>> states = square().states
    >>> states.median, round(states.rmse, 6), round(states.absolute_at_mean, 6)
    ((0.25, 0.25), 0.298142, 0.2566)
    """
    at_mean = 4 / (9 * math.sqrt(3))  # (2/3)(c - c**3) with c = 1 / sqrt(3)
    states = States(1 / 3, (0.25, 0.25), math.sqrt(4 / 45), 0.25, at_mean)
    return Target(jnp.square, 0.0, 1.0, 1, 1, states)


def step_wave(radius: float) -> Target:
    """``1_{x > 0} + 0.2 sin(5 x)`` on ``[-r, r]``.

    Its values lie in ``[-0.2, 0.2]`` to the left of 0 and in ``[0.8, 1.2]`` to the right, and
    reach 0.2 and 0.8 for ``r >= pi / 10``. So every number in ``[0.2, 0.8]`` is a median: the state
    reached under absolute loss is not determined.

    Raises
    ------
    ValueError
        If ``radius < pi / 10``.

    Examples
    --------
    >>> step_wave(3**0.5).states.mean, step_wave(3**0.5).states.median
    (0.5, (0.2, 0.8))
    """
    if radius < math.pi / 10:
        raise ValueError(f"radius: got {radius}, expected at least pi / 10")
    wave = (1 - math.cos(5 * radius)) / (5 * radius)  # mean of sin(5 x) on [0, r]
    power = 0.5 - math.sin(10 * radius) / (20 * radius)  # mean of its square
    error = 0.5 + 0.2 * wave
    rmse = math.sqrt(0.25 + 0.2 * wave + 0.04 * power)  # f - 1/2 is odd
    states = States(0.5, (0.2, 0.8), rmse, error, error)

    def function(x: Array) -> Array:
        return jnp.where(x > 0, jnp.ones_like(x), jnp.zeros_like(x)) + 0.2 * jnp.sin(5 * x)

    return Target(function, -radius, radius, 1, 1, states)


def rotated_absolute_values(radius: float) -> Target:
    """``(|x_1 + x_2|, |x_1 - x_2|)`` on ``[-r, r]**2``.

    Both outputs are distributed like ``2 r (1 - U)`` with ``U`` of density ``2 u`` on ``[0, 1]``.

    Examples
    --------
    >>> round(rotated_absolute_values(1.0).states.rmse, 6)
    0.471405
    """
    _check(radius)
    median = radius * (2 - math.sqrt(2))
    states = States(
        mean=2 * radius / 3,
        median=(median, median),
        rmse=radius * math.sqrt(2) / 3,
        absolute=4 * radius / 3 * (1 - math.sqrt(0.5)),
        absolute_at_mean=32 * radius / 81,
    )

    def function(x: Float[Array, "*batch 2"]) -> Float[Array, "*batch 2"]:
        first, second = x[..., 0], x[..., 1]
        return jnp.abs(jnp.stack([first + second, first - second], axis=-1))

    return Target(function, -radius, radius, 2, 2, states)


def oscillation(radius: float) -> Target:
    """``x sin(5 x)`` on ``[-r, r]``; its median, for which there is no closed form, to about 1e-14.

    Examples
    --------
    >>> round(oscillation(3**0.5).states.mean, 6)
    0.160328
    """
    _check(radius)
    mean, rmse, median, absolute, at_mean = best_constants(radius)
    states = States(mean, (median, median), rmse, absolute, at_mean)
    return Target(lambda x: x * jnp.sin(5 * x), -radius, radius, 1, 1, states)


@functools.cache
def published() -> Mapping[str, Target]:
    """The targets of the study by name, in the order of the reference.

    Examples
    --------
    >>> list(published())[:2], published()["|x|, sqrt(7)"].high
    (['|x|, sqrt(7)', '|x|, sqrt(3)'], 2.6457513110645907)
    """
    return {
        "|x|, sqrt(7)": absolute_value(math.sqrt(7)),
        "|x|, sqrt(3)": absolute_value(math.sqrt(3)),
        "|x|, 1": absolute_value(1.0),
        "x^2": square(),
        "x sin 5x": oscillation(math.sqrt(3)),
        "step + 0.2 sin 5x": step_wave(math.sqrt(3)),
        "(|x1+x2|, |x1-x2|)": rotated_absolute_values(math.sqrt(3)),
    }


def draw(
    key: Key[Array, ""],
    target: Target,
    points: int = 3000,
    fmt: Any = "float64",
    *,
    grid: Any = None,
) -> tuple[Float[Array, "points inputs"], Float[Array, "points outputs"]]:
    """A data set: inputs uniform on the domain and the target's values there.

    Inputs are drawn in float64 and rounded to the format; labels are the values at the *rounded*
    inputs, computed in float64 and rounded once. So data sets of one key in two formats hold the
    same points up to rounding, and every label belongs to its input.

    Parameters
    ----------
    key
        Typed key (``jax.random.key``).
    target
        A target of this module.
    points
        Number of points; 3,000 as published.
    fmt
        Format of the result. Formats without a dtype of their own come in float64 arrays.
    grid
        Coarser format to round inputs and labels to first, so that several formats share them.

    Returns
    -------
    Inputs ``(points, inputs)`` and labels ``(points, outputs)``.

    Raises
    ------
    ValueError
        If ``points`` is not positive.

    Examples
    --------
    >>> import jax
    >>> x, y = draw(jax.random.key(0), absolute_value(1.0), 4, "float32")
    >>> x.shape, x.dtype, bool((y == abs(x)).all())
    ((4, 1), dtype('float32'), True)
    """
    if points < 1:
        raise ValueError(f"points: got {points}, expected at least 1")
    fmt = as_format(fmt)

    def place(values: Float[Array, "points axes"]) -> Float[Array, "points axes"]:
        return round_to(values if grid is None else round_to(values, grid), fmt)

    with jax.enable_x64(True):
        unit = uniform64(key, (points, target.inputs))
        x = place(target.low + (target.high - target.low) * unit)
        y = place(target.function(x))
        dtype = fmt.dtype or jnp.float64
        return x.astype(dtype), y.astype(dtype)
