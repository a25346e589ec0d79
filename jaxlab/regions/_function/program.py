"""A JAX function as a straight list of equations on what depends on its input.

Calls are entered, scans unrolled, branches chosen, and whatever depends on constants alone is
computed at once, in float64.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, JaxprEqn, Literal

from jaxlab.arithmetic._binding import bind, is_float
from jaxlab.arithmetic._source import Location, location
from jaxlab.regions._function import linear as _function_linear


class Slot(NamedTuple):
    """A value that depends on the input, by number."""

    number: int
    shape: tuple[int, ...]
    dtype: Any


Operand = np.ndarray | Slot


class Instruction(NamedTuple):
    """One equation: its operands, what it defines, and the equations around it."""

    eqn: JaxprEqn
    operands: tuple[Operand, ...]
    results: tuple[Slot, ...]
    around: tuple[JaxprEqn, ...]

    @property
    def name(self) -> str:
        """The primitive."""
        return self.eqn.primitive.name

    @property
    def source(self) -> Location:
        """The source line of the equation, or of the innermost one around it that has one."""
        found = [location(eqn) for eqn in (self.eqn, *reversed(self.around))]
        return next((place for place in found if place.line), found[0])


class Program(NamedTuple):
    """Instructions in order, the slot of the input, and the output."""

    instructions: tuple[Instruction, ...]
    input: Slot
    output: Operand


def program(fn: Callable[..., Any], shape: tuple[int, ...], dtype: Any) -> Program:
    """Trace a function of one array, and keep the equations that depend on it.

    Raises
    ------
    TypeError
        If it does not return one array.
    """
    traced = jax.make_jaxpr(fn)(jax.ShapeDtypeStruct(shape, dtype))
    if len(traced.out_avals) != 1:
        raise TypeError(f"fn: got {len(traced.out_avals)} outputs, expected one array")
    flat = _Flat()
    start = flat.slot(traced.in_avals[0])
    (output,) = flat.walk(traced, [start], ())
    return Program(tuple(flat.instructions), start, output)


_CALLS = ("jit", "closed_call", "remat2", "custom_jvp_call", "custom_vjp_call")


def _body(eqn: JaxprEqn) -> ClosedJaxpr:
    """The program that a call applies."""
    found = next(eqn.params[name] for name in ("jaxpr", "call_jaxpr") if name in eqn.params)
    return found if isinstance(found, ClosedJaxpr) else ClosedJaxpr(found, ())


def _entry(x: Any, index: int) -> Any:
    return x[index]


class _Flat:
    """The instructions so far."""

    def __init__(self) -> None:
        self.instructions: list[Instruction] = []
        self.slots = 0

    def slot(self, aval: Any) -> Slot:
        self.slots += 1
        return Slot(self.slots - 1, aval.shape, aval.dtype)

    def walk(
        self, closed: ClosedJaxpr, values: Sequence[Operand], around: tuple[JaxprEqn, ...]
    ) -> list[Operand]:
        """Append a program's instructions; its outputs."""
        jaxpr = closed.jaxpr
        env: dict[Any, Operand] = dict(zip(jaxpr.invars, values, strict=True))
        env |= {v: constant(c) for v, c in zip(jaxpr.constvars, closed.consts, strict=True)}

        def read(atom: Any) -> Operand:
            return constant(atom.val) if isinstance(atom, Literal) else env[atom]

        for eqn in jaxpr.eqns:
            operands = [read(atom) for atom in eqn.invars]
            env.update(zip(eqn.outvars, self.equation(eqn, operands, around), strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def equation(
        self, eqn: JaxprEqn, operands: list[Operand], around: tuple[JaxprEqn, ...]
    ) -> Sequence[Operand]:
        inside, name = (*around, eqn), eqn.primitive.name
        known = [x for x in operands if isinstance(x, np.ndarray)]
        if name == "scan":
            return self.scan(eqn, operands, inside)
        if name == "cond" and isinstance(operands[0], np.ndarray):
            branches = eqn.params["branches"]
            chosen = int(np.clip(operands[0], 0, len(branches) - 1))
            return self.walk(branches[chosen], operands[1:], inside)
        if name in _CALLS:
            return self.walk(_body(eqn), operands, inside)
        if len(known) == len(operands):
            return evaluate(eqn, known)
        results = tuple(self.slot(var.aval) for var in eqn.outvars)
        self.instructions.append(Instruction(eqn, tuple(operands), results, around))
        return results

    def scan(
        self, eqn: JaxprEqn, operands: list[Operand], around: tuple[JaxprEqn, ...]
    ) -> list[Operand]:
        consts, carries, length, reverse = (
            eqn.params[name] for name in ("num_consts", "num_carry", "length", "reverse")
        )
        fixed, carry = operands[:consts], operands[consts : consts + carries]
        outs = []
        for index in reversed(range(length)) if reverse else range(length):
            entry = partial(_entry, index=index)
            xs = [self.inline(entry, [x], around) for x in operands[consts + carries :]]
            after = self.walk(eqn.params["jaxpr"], [*fixed, *carry, *xs], around)
            carry = after[:carries]
            outs.append(after[carries:])
        outs = outs[::-1] if reverse else outs
        stacked = [
            self.inline(lambda *ys: jnp.stack(ys), ys, around) for ys in zip(*outs, strict=True)
        ]
        if not length:
            shapes: list[Any] = [var.aval for var in eqn.outvars[carries:]]
            stacked = [np.zeros(aval.shape) for aval in shapes]
        return [*carry, *stacked]

    def inline(
        self, function: Callable[..., Any], values: Sequence[Any], around: tuple[JaxprEqn, ...]
    ) -> Operand:
        """Append what a function of JAX does to values."""
        shapes = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in values]
        with jax.enable_x64(True):
            traced = jax.make_jaxpr(function)(*shapes)
        return self.walk(traced, values, around)[0]


def constant(value: Any) -> np.ndarray:
    """A constant of the program; floating ones exactly as float64."""
    array = np.asarray(value)
    return array.astype(np.float64) if is_float(array.dtype) else array


def evaluate(eqn: JaxprEqn, values: Sequence[np.ndarray]) -> list[np.ndarray]:
    """An equation between constants, in float64: in NumPy if it is a common one, else by JAX."""
    with np.errstate(all="ignore"):
        known = _function_linear.between_constants(eqn, values)
    if known is not None:
        return [np.asarray(known)]
    with jax.enable_x64(True):
        outputs = bind(eqn, [jnp.asarray(value) for value in values], np.dtype(np.float64))
        return [constant(output) for output in outputs]
