"""The standard model of arithmetic in one object: a format, a way of rounding, a way of summing."""

import dataclasses
from typing import Any, get_args

from jaxlab.arithmetic.accumulators import as_accumulator
from jaxlab.arithmetic.formats import as_format
from jaxlab.arithmetic.rounding import Rounding


@dataclasses.dataclass(frozen=True)
class Arithmetic:
    """What every operation does with its exact result.

    Attributes
    ----------
    format
        The format that results are rounded to (anything :func:`as_format` takes), or None: nothing
        is rounded.
    rounding
        The rounding mode, see :func:`round_to`.
    accumulate
        How sums of more than two terms are formed (anything :func:`as_accumulator` takes): dots,
        reductions, cumulative sums, convolutions, scatters, and gradients shared through a scan.
    random_bits
        Random bits per stochastic rounding; None for all of them, which sums always use.

    Raises
    ------
    ValueError
        If a field is not what it should be.

    Examples
    --------
    >>> Arithmetic("bf16", accumulate="sequential").format.name
    'bfloat16'
    """

    format: Any
    rounding: Rounding = "nearest_even"
    accumulate: Any = "exact"
    random_bits: int | None = None

    def __post_init__(self) -> None:
        if self.format is not None:
            object.__setattr__(self, "format", as_format(self.format))
        if self.rounding not in get_args(Rounding):
            raise ValueError(
                f"rounding: got {self.rounding!r}, expected one of {get_args(Rounding)}"
            )
        object.__setattr__(self, "accumulate", as_accumulator(self.accumulate))

    @property
    def directed(self) -> bool:
        """Whether the rounding mode is not to nearest."""
        return not self.rounding.startswith("nearest")

    @property
    def stochastic(self) -> bool:
        """Whether the rounding needs a random key."""
        return self.rounding.startswith("stochastic")

    @property
    def stochastic_sums(self) -> bool:
        """Whether sums need a random key, for their result or for their partial sums."""
        partial = self.accumulate.rounding or ""
        return self.stochastic or partial.startswith("stochastic")


def as_arithmetic(spec: Any, **fields: Any) -> Arithmetic:
    """An :class:`Arithmetic` from one, or from a format with further fields.

    Raises
    ------
    ValueError
        If both an :class:`Arithmetic` and fields that it has itself are given.

    Examples
    --------
    >>> as_arithmetic("fp16", rounding="toward_zero").rounding
    'toward_zero'
    """
    fields = {name: value for name, value in fields.items() if value is not None}
    if not isinstance(spec, Arithmetic):
        return Arithmetic(spec, **fields)
    if fields:
        raise ValueError(f"{', '.join(fields)}: got values beside an Arithmetic that has its own")
    return spec


def both_passes(
    fmt: Any, rounding: Any, accumulate: Any, backward: Any
) -> tuple[Arithmetic, Arithmetic]:
    """The arithmetic of the forward and of the backward pass, from the options of ``rounded``.

    Raises
    ------
    ValueError
        As :func:`as_arithmetic`.

    Examples
    --------
    >>> [arithmetic.format for arithmetic in both_passes(None, None, None, None)]
    [None, None]
    """
    forward = as_arithmetic(fmt, rounding=rounding, accumulate=accumulate)
    if backward is None:
        return forward, forward
    exact = isinstance(backward, str) and backward == "straight_through"
    return forward, Arithmetic(None) if exact else as_arithmetic(backward)


def check_key(key: Any, *passes: Arithmetic) -> None:
    """Raise unless there is a random key exactly where a rounding mode needs one.

    Raises
    ------
    ValueError
        If the key is missing or superfluous.

    Examples
    --------
    >>> check_key(None, Arithmetic("bf16"))
    """
    if any(arithmetic.stochastic_sums for arithmetic in passes) != (key is not None):
        modes = ", ".join(repr(arithmetic.rounding) for arithmetic in passes)
        raise ValueError(
            f"key: got {'None' if key is None else 'a key'} with rounding modes {modes}; "
            "a key is needed by stochastic rounding, and by it only"
        )
