"""The formats of a low-precision optimiser: which there are, and whether they fit together."""

import dataclasses
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from jaxlab.arithmetic import Format, as_format, float32, float64
from jaxlab.training.precision import NATIVE, as_dtype

WeightRounding = Literal["nearest_even", "stochastic", "compensated"]
"""How ``p + u`` becomes a parameter."""

MomentRounding = Literal["nearest_even", "stochastic"]
"""How a moment becomes a value of the format that it is kept in."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """The arguments of :func:`jaxlab.training.low_precision`, checked, as formats and a dtype.

    Raises
    ------
    ValueError
        For the reasons given there.

    Examples
    --------
    >>> plan = Plan(
    ...     parameters="bf16", moments=None, update=None, master=None, compensation=None,
    ...     rounding="compensated", moments_rounding="nearest_even", scaled_moments=False,
    ...     arithmetic="fp32")
    >>> plan.moments.name, plan.compensation.name, plan.arithmetic
    ('float32', 'bfloat16', dtype('float32'))
    """

    parameters: Any
    moments: Any
    update: Any
    master: Any
    compensation: Any
    rounding: WeightRounding
    moments_rounding: MomentRounding
    scaled_moments: bool
    arithmetic: Any

    def __post_init__(self):
        for field, modes in (("rounding", WeightRounding), ("moments_rounding", MomentRounding)):
            mode = getattr(self, field)
            if mode not in get_args(modes):
                raise ValueError(f"{field}: got {mode!r}, expected one of {get_args(modes)}")
        arithmetic = as_dtype(self.arithmetic, "arithmetic")
        if arithmetic not in (np.float32, np.float64):
            raise ValueError(f"arithmetic: got {arithmetic}, expected float32 or float64")
        object.__setattr__(self, "arithmetic", arithmetic)
        object.__setattr__(self, "parameters", as_format(self.parameters))
        compensated = self.rounding == "compensated"
        defaults = {
            "parameters": self.parameters,
            "moments": arithmetic,
            "update": arithmetic,
            "master": None,
            "compensation": self.parameters if compensated else None,
        }
        for field, default in defaults.items():
            spec = default if getattr(self, field) is None else getattr(self, field)
            fmt = None if spec is None else as_format(spec)
            if fmt is not None and not as_format(arithmetic).holds(fmt):
                raise ValueError(
                    f"{field}: got {fmt.name}, expected a format that arithmetic = {arithmetic} "
                    "holds"
                )
            object.__setattr__(self, field, fmt)
        _check_weights(self)
        _check_moments(self)

    @property
    def memory(self) -> Format | None:
        """The format of what is remembered beside the parameters, if anything is."""
        return self.master or self.compensation


def carrier(fmt: Format) -> np.dtype:
    """The dtype that stores a format: its own if that is native, else float32, else float64.

    Examples
    --------
    >>> carrier(as_format("bf16")), carrier(as_format("e4m3")), carrier(float64)
    (dtype(bfloat16), dtype('float32'), dtype('float64'))
    """
    if fmt.dtype is not None and fmt.dtype.name in NATIVE:
        return fmt.dtype
    return np.dtype(np.float32 if float32.holds(fmt) else np.float64)


def check_parameters(plan: Plan, params: PyTree) -> None:
    """Raise unless the dtype of every parameter holds their format."""
    for path, leaf in jax.tree.leaves_with_path(params):
        if not (
            jnp.issubdtype(leaf.dtype, jnp.floating)
            and as_format(leaf.dtype).holds(plan.parameters)
        ):
            raise ValueError(
                f"params{jax.tree_util.keystr(path)}: got {leaf.dtype}, expected a dtype that "
                f"holds {plan.parameters.name}, {carrier(plan.parameters)} for example"
            )


def _check_weights(plan):
    """Raise unless rounding, master copy and compensation go together."""
    if plan.compensation is not None and plan.rounding != "compensated":
        raise ValueError(
            f"compensation: got {plan.compensation.name} with rounding {plan.rounding!r}, "
            "expected rounding 'compensated'"
        )
    if plan.rounding == "compensated" and plan.master is not None:
        raise ValueError(
            f"master: got {plan.master.name} with rounding 'compensated', expected one of the two"
        )
    if plan.master is not None and not plan.master.holds(plan.parameters):
        raise ValueError(
            f"master: got {plan.master.name}, expected a format that holds parameters = "
            f"{plan.parameters.name}"
        )
    if plan.rounding == "stochastic" and plan.parameters.holds(plan.master or float64):
        raise ValueError(
            f"rounding: got 'stochastic' with parameters {plan.parameters.name}, expected a "
            f"narrower format than {(plan.master or float64).name}"
        )


def _check_moments(plan):
    """Raise if moments that are not rounded are to be rounded in some way."""
    if not plan.moments.holds(as_format(plan.arithmetic)):
        return
    if plan.moments_rounding == "stochastic" or plan.scaled_moments:
        field = "scaled_moments" if plan.scaled_moments else "moments_rounding"
        raise ValueError(
            f"{field}: got {getattr(plan, field)!r} with moments {plan.moments.name}, expected a "
            f"narrower format than arithmetic = {plan.arithmetic}"
        )
