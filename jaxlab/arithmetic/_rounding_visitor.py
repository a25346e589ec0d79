"""What ``rounded`` does with an equation: apply it in the carrier, round its results once."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, JaxprEqn

from jaxlab.arithmetic import contractions
from jaxlab.arithmetic._binding import STRUCTURAL, TOTALS, bind, dtype_of, is_float
from jaxlab.arithmetic._places import Place
from jaxlab.arithmetic._program import differentiated
from jaxlab.arithmetic._walk import Visitor, walk
from jaxlab.arithmetic.accumulators import Accumulator, sequential
from jaxlab.arithmetic.carriers import odd_sum
from jaxlab.arithmetic.emulation import enter
from jaxlab.arithmetic.formats import Format, as_format
from jaxlab.arithmetic.model import Arithmetic
from jaxlab.arithmetic.rounding import Rounding, round_to

PARTS = ("storage", "forward", "backward", "accumulate", "update")
"""Where roundings happen, a partition: inputs and constants; operations of the forward pass, of the
backward pass, and outside both in a program that has a backward pass; sums of many terms."""


@dataclasses.dataclass(frozen=True)
class RoundingVisitor(Visitor):
    """Visitor of :func:`jaxlab.arithmetic.rounded`; values are arrays in the carrier dtype.

    Attributes
    ----------
    forward, backward
        Arithmetic of the two passes.
    carrier
        Dtype of the values; None: nothing is rounded, and values keep their own.
    exempt, parts
        As in :func:`jaxlab.arithmetic.rounded`.
    differentiated
        Whether the program has a backward pass, so that what is outside of it is the update.
    """

    forward: Arithmetic
    backward: Arithmetic
    carrier: np.dtype | None
    exempt: frozenset[str] = frozenset()
    parts: frozenset[str] = frozenset(PARTS)
    differentiated: bool = False

    def visiting(self, program: ClosedJaxpr) -> "RoundingVisitor":
        """The visitor of one program."""
        return dataclasses.replace(self, differentiated=differentiated(program))

    def arithmetic(self, place: Place) -> Arithmetic:
        """The arithmetic of the pass that a place belongs to."""
        return self.backward if place.backward else self.forward

    def store(self, x: Any, place: Place) -> Any:
        """A value entering the program: carried, and rounded unless storage is exact."""
        if self.carrier is None or not is_float(x.dtype):
            return x
        if "storage" in self.parts:
            own = x.dtype  # float64 would be rounded by a narrower carrier first
            wide = x if own == _FLOAT64 else enter(x, self.carrier)
            x = self.round(wide, own, self.arithmetic(place), place)
        return enter(x, self.carrier)

    def round(self, x: Any, own: Any, arithmetic: Arithmetic, place: Place, number: int = 0) -> Any:
        """Round a carried value once, to the format or to its own dtype if that is coarser."""
        if arithmetic.format is None:
            return x
        key = place.draw(number).key if arithmetic.stochastic else None
        bits = arithmetic.random_bits if arithmetic.rounding == "stochastic" else None
        target = coarser(arithmetic.format, own)
        return round_to(x, target, arithmetic.rounding, key, random_bits=bits)

    def constant(self, value: Any, place: Place) -> Any:
        if self.carrier is None:
            return value
        return self.store(jnp.asarray(value), place._replace(backward=False))

    def opaque(self, eqn: JaxprEqn, place: Place) -> bool:
        return self.carrier is None

    def part(self, name: str, place: Place) -> str:
        """The part, of :data:`PARTS`, that an operation of this name belongs to."""
        if name in TOTALS or place.running:
            return "accumulate"
        if place.backward:
            return "backward"
        return "update" if self.differentiated and not place.differentiated else "forward"

    def active(self, eqn: JaxprEqn, place: Place) -> bool:
        """Whether the results of an equation are rounded."""
        name, fmt = eqn.primitive.name, self.arithmetic(place).format
        if fmt is None or name in self.exempt or self.exempt.intersection(place.scopes):
            return False
        makes_negative_zero = name == "neg" and not fmt.negative_zero
        if name in STRUCTURAL and not makes_negative_zero:
            return False
        return self.part(name, place) in self.parts

    def apply(self, eqn: JaxprEqn, values: Sequence[Any], place: Place, tap: Any) -> Any:
        for dtype in map(dtype_of, eqn.outvars):
            if self.carrier is not None and jnp.issubdtype(dtype, jnp.complexfloating):
                where = f"{dtype} at {place.location}"  # it would pass unrounded
                raise TypeError(f"fn: got a value of dtype {where}, expected real numbers")
        if self.carrier is None or not self.active(eqn, place):
            return bind(eqn, values, self.carrier), None
        arithmetic, name = self.arithmetic(place), eqn.primitive.name
        owns = [dtype_of(var) for var in eqn.outvars]
        if name in _SUMS and is_float(owns[0]):
            return [_SUMS[name](eqn.params, values, _how(arithmetic, owns[0], place))], None
        if name in TOTALS and is_float(owns[0]) and arithmetic.accumulate.order != "exact":
            raise NotImplementedError(
                f"accumulate: got {arithmetic.accumulate.order!r} for {name} at {place.location}, "
                "expected 'exact', its only order; or exempt it"
            )
        if name in _ADDITIONS and is_float(owns[0]) and arithmetic.directed:
            # An addend too small for the carrier still decides where a directed rounding goes.
            x, y = jnp.broadcast_arrays(*values)
            outputs = [odd_sum(x, -y if name == "sub" else y)]
        else:
            outputs = bind(eqn, values, _FLOAT64 if _from_integer(eqn) else self.carrier)
        for number, own in enumerate(owns):
            if is_float(own):
                exact = self.round(outputs[number], own, arithmetic, place, number)
                outputs[number] = enter(exact, self.carrier)
        return outputs, None

    def totals(self, eqn: JaxprEqn, place: Place) -> str:
        arithmetic = self.arithmetic(place)
        if self.carrier is None or arithmetic.format is None:
            return "written"
        if self.exempt.intersection(("add_any", *place.scopes)):
            return "written"
        if arithmetic.accumulate.order == "exact":
            return "wide"
        return "written" if arithmetic.accumulate == sequential() else "stacked"

    def total(self, own: Any, start: Any, terms: Any, place: Place, tap: Any) -> Any:
        arithmetic = self.arithmetic(place)
        if "accumulate" not in self.parts:
            return (start if terms is None else start + jnp.sum(terms, 0)), None
        if terms is not None:
            how = _how(arithmetic, own, place.draw(1))
            start = start + contractions.reduce_sum(terms, (0,), *how)
        return self.round(start, own, arithmetic, place), None


def evaluate(
    program: ClosedJaxpr,
    values: Sequence[Any],
    visitor: RoundingVisitor,
    place: Place,
    carried: int = 0,
) -> list[Any]:
    """Run a program; its first ``carried`` inputs and all its outputs are in the carrier."""
    visitor = visitor.visiting(program)
    if visitor.carrier is None:
        return walk(program, values, visitor, place)[0]
    with jax.enable_x64(True):
        entered = list(values[:carried])
        for number, value in enumerate(values[carried:]):
            entered.append(visitor.store(value, place.draw(number)))
        return walk(program, entered, visitor, place.draw(len(values)))[0]


def coarser(fmt: Format | None, own: Any) -> Format:
    """The format, or that of the variable's own dtype if it has fewer significand bits.

    A program that casts to float8 on its way says so on purpose, and stays as coarse there.
    """
    own = as_format(own)
    return own if fmt is None or own.precision < fmt.precision else fmt


_ADDITIONS = ("add", "add_any", "sub")
_FLOAT64 = np.dtype(np.float64)  # integers are converted there: float32 would round them first


def _from_integer(eqn: JaxprEqn) -> bool:
    return eqn.primitive.name == "convert_element_type" and not is_float(dtype_of(eqn.invars[0]))


class _How(NamedTuple):
    """The last arguments of the functions of :mod:`jaxlab.arithmetic.contractions`."""

    accumulator: Accumulator
    fmt: Format
    rounding: Rounding
    key: Any


def _how(arithmetic: Arithmetic, own: Any, place: Place) -> _How:
    key = place.key if arithmetic.stochastic_sums else None
    target = coarser(arithmetic.format, own)
    return _How(arithmetic.accumulate, target, arithmetic.rounding, key)


def _dot(params: Any, values: Sequence[Any], how: _How) -> Any:
    x, y = values
    return contractions.dot_general(x, y, params["dimension_numbers"], *how)


def _sum(params: Any, values: Sequence[Any], how: _How) -> Any:
    return contractions.reduce_sum(values[0], tuple(map(int, params["axes"])), *how)


def _cumsum(params: Any, values: Sequence[Any], how: _How) -> Any:
    return contractions.cumsum(values[0], int(params["axis"]), params["reverse"], *how)


def _conv(params: Any, values: Sequence[Any], how: _How) -> Any:
    geometry = {name: params[name] for name in _GEOMETRY}
    return contractions.conv_general_dilated(*values, **geometry, **how._asdict())


def _scatter_add(params: Any, values: Sequence[Any], how: _How) -> Any:
    operand, indices, updates = values
    options = {name: params[name] for name in _SCATTER}
    numbers = params["dimension_numbers"]
    return contractions.scatter_add(operand, indices, updates, numbers, *how, **options)


_GEOMETRY = (
    "window_strides",
    "padding",
    "lhs_dilation",
    "rhs_dilation",
    "dimension_numbers",
    "feature_group_count",
    "batch_group_count",
)
_SCATTER = ("mode", "indices_are_sorted", "unique_indices")
_SUMS = {
    "dot_general": _dot,
    "reduce_sum": _sum,
    "cumsum": _cumsum,
    "conv_general_dilated": _conv,
    "scatter-add": _scatter_add,
}
