"""The two walks of the microscope: both worlds side by side, and the twin with taps."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import JaxprEqn, Literal

from jaxlab.arithmetic._binding import STRUCTURAL, bind, dtype_of, is_float
from jaxlab.arithmetic._rounding_visitor import RoundingVisitor, coarser
from jaxlab.arithmetic._shadow import _records
from jaxlab.arithmetic._shadow._records import Counts, Pair, Seen
from jaxlab.arithmetic._walk import Place, Visitor
from jaxlab.arithmetic.emulation import enter
from jaxlab.arithmetic.formats import Format

CARRIER = np.dtype(np.float64)


@dataclasses.dataclass(frozen=True)
class PairVisitor(Visitor):
    """Runs every operation in the format, on its rounded inputs exactly, and in the twin."""

    rounding: RoundingVisitor
    records = True

    def constant(self, value: Any, place: Place) -> Pair:
        high = enter(jnp.asarray(value), CARRIER) if is_float(value.dtype) else jnp.asarray(value)
        return Pair(self.rounding.constant(value, place), high)

    def predicate(self, value: Pair) -> Any:
        return value.low  # the twin follows the rounded run

    def opaque(self, eqn: JaxprEqn, place: Place) -> bool:
        return False

    def merge(self, first: Counts, second: Counts) -> Counts:
        return _records.merge(first, second)

    def totals(self, eqn: JaxprEqn, place: Place) -> str | None:
        return self.rounding.totals(eqn, place)

    def add(self, first: Pair, second: Pair) -> Pair:
        return Pair(first.low + second.low, first.high + second.high)

    def total(self, own: Any, start: Pair, terms: Pair | None, place: Place, tap: Any) -> Any:
        if terms is None:
            exact, high = start
        else:
            exact, high = (s + jnp.sum(t, 0) for s, t in zip(start, terms, strict=True))
        low, _ = self.rounding.total(own, start.low, terms and terms.low, place, None)
        out = Pair(low, high)
        return out, _records.see("add_any", [Pair(exact, high)], exact, out)

    def apply(self, eqn: JaxprEqn, values: Sequence[Pair], place: Place, tap: Any) -> Any:
        lows, highs = [v.low for v in values], [v.high for v in values]
        high = bind(eqn, highs, CARRIER)
        low = list(self.rounding.apply(eqn, lows, place, None)[0])
        outs = [Pair(*pair) for pair in zip(low, high, strict=True)]
        seen = self._see(eqn, values, outs)
        fmt = self.format(eqn, place)
        if seen is None or fmt is None:
            return outs, None
        if ".body." in place.path or ".cond." in place.path:
            return outs, _records.measure(seen, fmt, jnp)  # a while loop keeps no arrays
        return outs, seen

    def _see(self, eqn: JaxprEqn, values: Sequence[Pair], outs: Sequence[Pair]) -> Seen | None:
        name, floats = eqn.primitive.name, [v for v in values if is_float(v.low.dtype)]
        if name in STRUCTURAL:
            return None
        number = first_float(eqn)
        if number is None:
            compared = floats and outs[0].low.dtype == bool
            return _records.see(name, floats, None, outs[0]) if compared else None
        # Rounded constants count as errors of the operation that they stand in.
        mixed = [
            v.high if isinstance(a, Literal) else v.low
            for v, a in zip(values, eqn.invars, strict=True)
        ]
        exact = bind(eqn, mixed, CARRIER)[number]
        return _records.see(name, floats, exact, outs[number], _terms(eqn, mixed))

    def format(self, eqn: JaxprEqn, place: Place) -> Format | None:
        """The format that an equation rounds to."""
        fmt = self.rounding.arithmetic(place).format
        number = first_float(eqn)
        if fmt is None or number is None:
            return fmt
        return coarser(fmt, dtype_of(eqn.outvars[number]))


@dataclasses.dataclass(frozen=True)
class TapVisitor(Visitor):
    """The twin alone; an array is added to the result of every operation that has a tap."""

    rounding: RoundingVisitor

    def constant(self, value: Any, place: Place) -> Any:
        return enter(jnp.asarray(value), CARRIER) if is_float(value.dtype) else jnp.asarray(value)

    def opaque(self, eqn: JaxprEqn, place: Place) -> bool:
        return eqn.primitive.name == "while"  # has no reverse-mode derivative

    def totals(self, eqn: JaxprEqn, place: Place) -> str | None:
        return "wide" if self.rounding.totals(eqn, place) else None

    def total(self, own: Any, start: Any, terms: Any, place: Place, tap: Any) -> Any:
        return (start if tap is None else start + tap), None

    def apply(self, eqn: JaxprEqn, values: Sequence[Any], place: Place, tap: Any) -> Any:
        if eqn.primitive.name == "while":
            values = jax.lax.stop_gradient(list(values))
        outs = bind(eqn, values, CARRIER)
        if tap is not None:
            number = first_float(eqn)
            assert number is not None
            outs[number] = outs[number] + tap
        return outs, None


def first_float(eqn: JaxprEqn) -> int | None:
    """Index of the first floating output (operations with several count by it)."""
    for number, var in enumerate(eqn.outvars):
        if is_float(dtype_of(var)):
            return number
    return None


def _terms(eqn: JaxprEqn, values: Sequence[Any]) -> Any:
    """The sum of the absolute values of what an equation adds up; None if it is no sum."""
    name = eqn.primitive.name
    if name in ("add", "add_any", "sub"):
        return jnp.abs(values[0]) + jnp.abs(values[1])
    if name in ("reduce_sum", "dot_general", "cumsum", "conv_general_dilated"):
        return bind(eqn, [jnp.abs(v) for v in values], CARRIER)[0]
    return None
