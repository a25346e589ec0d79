"""Loss scaling by powers of two: exact, with its state as data."""

import dataclasses
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PyTree


@dataclasses.dataclass(frozen=True)
class LossScaling:
    """The loss is multiplied by ``scale`` before the backward pass, the gradient divided after it.

    Made by :func:`static_scaling` and :func:`dynamic_scaling`. The scale enters as the seed of the
    backward pass, so the loss value itself is never scaled and cannot overflow by it. Multiplying
    by a power of two is exact unless the result leaves the normal range, which is its purpose
    (Micikevicius et al. 2018, arXiv:1710.03740).

    Attributes
    ----------
    initial
        First scale, a power of two.
    growth_interval
        Good steps in a row after which the scale doubles; None for a static scale.
    minimum
        Smallest scale that an overflow may lead to; an overflow there fails the run.
    """

    initial: float
    growth_interval: int | None = None
    minimum: float = 1.0

    def __post_init__(self):
        for name in ("initial", "minimum"):
            value = float(getattr(self, name))
            if not 2.0**-100 <= value <= 2.0**100 or math.frexp(value)[0] != 0.5:
                raise ValueError(
                    f"{name}: got {value}, expected a power of two in [2**-100, 2**100]"
                )
            object.__setattr__(self, name, value)
        if self.growth_interval is not None and self.growth_interval < 1:
            raise ValueError(f"growth_interval: got {self.growth_interval}, expected at least 1")
        if self.growth_interval is not None and self.minimum > self.initial:
            raise ValueError(f"minimum: got {self.minimum}, expected at most {self.initial}")


class ScalingState(NamedTuple):
    """The current scale and the number of good steps since it last changed."""

    scale: Float[Array, ""]
    good: Int[Array, ""]


def static_scaling(scale: float) -> LossScaling:
    """A constant scale. A gradient that is not finite fails the run, as without scaling.

    Raises
    ------
    ValueError
        Unless ``scale`` is a power of two.

    Examples
    --------
    >>> static_scaling(2**10).initial
    1024.0
    """
    return LossScaling(scale, None, min(float(scale), 1.0))


def dynamic_scaling(
    initial: float = 2.0**15, growth_interval: int = 2000, minimum: float = 1.0
) -> LossScaling:
    """A scale that halves on overflow (the step is skipped) and doubles after good steps.

    It never grows beyond the largest power of two of the loss dtype (2**15 in float16).

    Raises
    ------
    ValueError
        Unless ``initial`` and ``minimum`` are powers of two and ``growth_interval >= 1``.

    Examples
    --------
    >>> dynamic_scaling(2**8, growth_interval=100).growth_interval
    100
    """
    return LossScaling(initial, growth_interval, minimum)


def largest_scale(dtype: Any) -> float:
    """The largest power of two that is a scale for losses of this dtype.

    Examples
    --------
    >>> largest_scale(jnp.float16)
    32768.0
    """
    return 2.0 ** min(int(jnp.finfo(dtype).maxexp) - 1, 100)


def start(scaling: LossScaling | None) -> ScalingState:
    """The state before the first step (scale 1 without scaling); float32, exact."""
    initial = 1.0 if scaling is None else scaling.initial
    return ScalingState(jnp.array(initial, jnp.float32), jnp.zeros((), jnp.int32))


def unscale(gradient: PyTree, state: ScalingState) -> PyTree:
    """Divide by the scale, in the gradient's dtype.

    Exact unless the quotient is subnormal: 1 / scale is a power of two, and one of [2**-24, 2**15]
    in float16 (subnormal powers included), so the product only moves the exponent.
    """

    def leaf(g):
        # The reciprocal of a power of two is exact in float32.
        return g * jnp.broadcast_to((1 / state.scale).astype(g.dtype), g.shape)

    return jax.tree.map(leaf, gradient)


def adjust(
    state: ScalingState, overflow: Bool[Array, ""], scaling: LossScaling, largest: float
) -> ScalingState:
    """Halve after an overflow, double after ``growth_interval`` good steps; static: unchanged.

    Examples
    --------
    >>> scaling = dynamic_scaling(2**4)
    >>> adjust(start(scaling), jnp.array(True), scaling, 2.0**15).scale
    Array(8., dtype=float32)
    """
    if scaling.growth_interval is None:
        return state
    good = jnp.where(overflow, 0, state.good + 1).astype(jnp.int32)
    grow = good >= scaling.growth_interval
    doubled = jnp.minimum(state.scale * 2, largest)
    halved = jnp.maximum(state.scale / 2, scaling.minimum)
    scale = jnp.where(overflow, halved, jnp.where(grow, doubled, state.scale))
    return ScalingState(scale, jnp.where(grow, 0, good).astype(jnp.int32))
