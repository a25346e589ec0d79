"""The two walks of the microscope: both worlds side by side, and the twin with taps."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.extend.core import JaxprEqn, Literal

from jaxlab.arithmetic._binding import STRUCTURAL, bind, dtype_of, is_float
from jaxlab.arithmetic._places import Place
from jaxlab.arithmetic._rounding_visitor import RoundingVisitor, coarser
from jaxlab.arithmetic._shadow import _records
from jaxlab.arithmetic._shadow._records import Counts, Pair, Seen
from jaxlab.arithmetic._walk import Visitor
from jaxlab.arithmetic.emulation import enter
from jaxlab.arithmetic.formats import Format

CARRIER = np.dtype(np.float64)


def exactly(x: Any) -> Any:
    """A value of the program in the twin."""
    x = jnp.asarray(x)
    return enter(x, CARRIER) if is_float(x.dtype) else x


@dataclasses.dataclass(frozen=True)
class PairVisitor(Visitor):
    """Runs every operation in the format, on its rounded inputs exactly, and in the twin."""

    rounding: RoundingVisitor
    records = True

    def constant(self, value: Any, place: Place) -> Pair:
        return Pair(self.rounding.constant(value, place), exactly(value))

    def stored(self, array: Any, place: Place, tap: Any) -> tuple[Pair, Seen | Counts | None]:
        pair = self.constant(array, place)
        if not is_float(pair.low.dtype):
            return pair, None
        seen = _records.see("store", [], pair.high, pair)
        return pair, self._record(seen, [array.dtype], place)

    def predicate(self, value: Pair) -> Any:
        return value.low  # the twin follows the rounded run

    def opaque(self, eqn: JaxprEqn, place: Place) -> bool:
        return False

    def merge(self, first: Counts, second: Counts) -> Counts:
        return _records.merge(first, second)

    def totals(self, eqn: JaxprEqn, place: Place) -> str:
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
        seen = _records.see("add_any", [Pair(exact, high)], exact, out)
        return out, self._record(seen, [own], place)

    def apply(self, eqn: JaxprEqn, values: Sequence[Pair], place: Place, tap: Any) -> Any:
        lows, highs = [v.low for v in values], [v.high for v in values]
        high = bind(eqn, highs, CARRIER)
        low = list(self.rounding.apply(eqn, lows, place, None)[0])
        outs = [Pair(*pair) for pair in zip(low, high, strict=True)]
        owns = [dtype_of(var) for var in eqn.outvars]
        return outs, self._record(self._see(eqn, values, outs, first_float(owns)), owns, place)

    def _see(
        self, eqn: JaxprEqn, values: Sequence[Pair], outs: Sequence[Pair], number: int | None
    ) -> Seen | None:
        name, floats = eqn.primitive.name, [v for v in values if is_float(v.low.dtype)]
        if name in STRUCTURAL:
            return None
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

    def _record(self, seen: Seen | None, owns: Sequence[Any], place: Place) -> Seen | Counts | None:
        fmt = self.format(owns, place)
        if seen is None or fmt is None:
            return None
        return _records.measure(seen, fmt, jnp) if place.in_while else seen  # arrays do not stack

    def format(self, owns: Sequence[Any], place: Place) -> Format | None:
        """The format that results with these dtypes of their own are rounded to."""
        fmt, number = self.rounding.arithmetic(place).format, first_float(owns)
        return fmt if fmt is None or number is None else coarser(fmt, owns[number])


@dataclasses.dataclass(frozen=True)
class TapVisitor(Visitor):
    """The twin alone; an array is added to every result that has a tap."""

    rounding: RoundingVisitor

    def constant(self, value: Any, place: Place) -> Any:
        return exactly(value)

    def stored(self, array: Any, place: Place, tap: Any) -> Any:
        return _tapped(exactly(array), tap), None

    def opaque(self, eqn: JaxprEqn, place: Place) -> bool:
        return False

    def totals(self, eqn: JaxprEqn, place: Place) -> str:
        return "written" if self.rounding.totals(eqn, place) == "written" else "wide"

    def total(self, own: Any, start: Any, terms: Any, place: Place, tap: Any) -> Any:
        return _tapped(start, tap), None

    def apply(self, eqn: JaxprEqn, values: Sequence[Any], place: Place, tap: Any) -> Any:
        outs = bind(eqn, values, CARRIER)
        number = first_float([dtype_of(var) for var in eqn.outvars])
        if number is not None:
            outs[number] = _tapped(outs[number], tap)
        return outs, None


def _tapped(value: Any, tap: Any) -> Any:
    return value if tap is None else value + tap


def first_float(owns: Sequence[Any]) -> int | None:
    """Index of the first floating dtype (operations with several results count by it)."""
    return next((number for number, own in enumerate(owns) if is_float(own)), None)


def _terms(eqn: JaxprEqn, values: Sequence[Any]) -> Any:
    """The sum of the absolute values of what an equation adds up; None if it is no sum."""
    name = eqn.primitive.name
    if name in ("add", "add_any", "sub"):
        return jnp.abs(values[0]) + jnp.abs(values[1])
    if name in ("reduce_sum", "dot_general", "cumsum", "conv_general_dilated"):
        return bind(eqn, [jnp.abs(v) for v in values], CARRIER)[0]
    return None
