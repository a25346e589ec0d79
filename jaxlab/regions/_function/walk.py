"""Evaluate a program on all cells of a domain at once: the walk shared by line and plane.

What depends on the input is either affine on every cell and continuous, or constant on every cell.
Primitives that switch first refine the domain where their forms change sign, which carries every
live value along. Decisions are those of :mod:`jaxlab.regions.line`: a form is zero where it is
within ``2**-42`` of its largest possible size, counted from the values after the switches before.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from jaxlab.arithmetic._binding import is_float
from jaxlab.regions._function import linear as _function_linear
from jaxlab.regions._function import switches as _function_switches
from jaxlab.regions._function.domains import Domain
from jaxlab.regions._function.program import Instruction, Program, Slot
from jaxlab.regions._function.state import State, not_finite
from jaxlab.regions._function.values import Affine, Operand, Step, Value


class Walked(NamedTuple):
    """The domain, the output on it, and the number of undecided decisions."""

    domain: Any
    output: Value
    undecided: int


def walk(program: Program, domain: Domain, start: Affine, limit: int) -> Walked:
    """Evaluate a program.

    Raises
    ------
    TypeError
        Naming the primitive and its source line where the function is not piecewise affine.
    ValueError
        If it is discontinuous or not finite on the domain, or has more than ``limit`` regions.
    """
    zero = start.map(lambda rows: np.zeros(len(rows)))
    state = State(domain, {program.input.number: start}, zero, limit)
    with np.errstate(all="ignore"):
        _run(program, state)
        found = _read(state, program.output)
        output = found if isinstance(found, Step) else state.affine(found)
    if isinstance(output, Affine) and not all(np.isfinite(x).all() for x in output[:2]):
        raise not_finite()
    return Walked(state.domain, output, state.undecided)


def _run(program: Program, state: State) -> None:
    """Carry out all instructions; values that are not needed again are dropped."""
    steps = program.instructions
    uses = [(index, x) for index, step in enumerate(steps) for x in step.operands]
    uses.append((len(steps), program.output))
    last = {program.input.number: -1}
    last |= {x.number: index for index, x in uses if isinstance(x, Slot)}
    settled = max((i + 1 for i, step in enumerate(steps) if _switches(step)), default=0)
    for index, step in enumerate(steps):
        if index == settled:
            state.settle()
        state.at = step
        operands = [_read(state, x) for x in step.operands]
        state.values = {n: x for n, x in state.values.items() if last[n] > index}
        for slot, result in zip(step.results, _apply(state, step, operands), strict=True):
            if slot.number in last:
                state.values[slot.number] = result
    if settled == len(steps):
        state.settle()


def _switches(step: Instruction) -> bool:
    """Whether cells, or which function holds in them, may change there."""
    varying = [isinstance(x, Slot) for x in step.operands]
    chosen = step.name == "select_n" and varying[0]
    scaled = step.name == "mul" and all(varying)
    return chosen or scaled or step.name in _function_switches.SWITCHES


def _read(state: State, operand: np.ndarray | Slot) -> Operand:
    return state.values[operand.number] if isinstance(operand, Slot) else operand


def _apply(state: State, step: Instruction, operands: list[Any]) -> list[Value]:
    """Results of an equation with at least one operand that varies."""
    name, params = step.name, step.eqn.params
    affine = any(isinstance(x, Affine) for x in operands)
    varying = [x for x in operands if isinstance(x, Value)]
    if name in _MOVES and not (name == "select_n" and isinstance(operands[0], Value)):
        return _move(state, step, operands)
    if name == "convert_element_type":
        return [_convert(state, params, operands[0])]
    if name in _function_linear.LINEAR and len(varying) == 1:
        return [_linear(state, step, operands)]
    if not affine:
        return [_stepwise(state, step, operands)]
    if name in ("add", "add_any", "sub"):
        return [_sum(state, name, *operands)]
    if name == "select_n":
        return [_function_switches.choose(state, params, *operands)]
    if name == "mul" and any(isinstance(x, Step) for x in operands):
        pair = operands if isinstance(operands[0], Affine) else operands[::-1]
        return [_function_switches.scaled(state, params, *pair)]
    switch = _function_switches.SWITCHES.get(name)
    if switch is None or (name in ("clamp", "sort") and len(varying) > 1):
        raise state.refusal()
    return [switch(state, params, *operands)]


_MOVES = frozenset([*_function_linear.MOVES, *_function_linear.OTHER_MOVES])


def _move(state: State, step: Instruction, operands: list[Any]) -> list[Value]:
    """Move entries, by moving their labels."""
    data = _function_linear.data_operands(step.name, len(operands))
    labels, parts, size = list(operands), [], 0
    for number in data:
        x = operands[number]
        entries = math.prod(x.shape)
        labels[number] = np.arange(size, size + entries, dtype=np.int32).reshape(x.shape)
        parts.append(x)
        size += entries
    if any(isinstance(x, Value) for x in labels):
        raise state.refusal()
    pool, order = _pool(state, parts), np.arange(size)

    def take(places: np.ndarray) -> Value:
        if np.array_equal(places.ravel(), order):
            return pool.map(lambda rows: rows.reshape(len(rows), *places.shape))
        return pool.map(lambda rows: rows.take(places, axis=1))

    return [take(places) for places in _function_linear.moved(step.eqn, labels)]


def _pool(state: State, parts: list[Any]) -> Value:
    """The entries of several values in one row."""
    if not any(isinstance(x, Affine) for x in parts):
        cells = [np.broadcast_to(_cells(x, 0), (state.domain.cells, *x.shape)) for x in parts]
        return Step(np.concatenate([x.reshape(len(x), -1) for x in cells], axis=1))
    flat = [state.affine(x).map(lambda rows: rows.reshape(len(rows), -1)) for x in parts]
    return flat[0] if len(flat) == 1 else Affine(*map(_joined, zip(*flat, strict=True)))


def _joined(arrays: Any) -> np.ndarray:
    return np.concatenate(arrays, axis=-1)


def _convert(state: State, params: Any, x: Value) -> Value:
    """A conversion; between floating dtypes it is left out."""
    dtype = np.dtype(params["new_dtype"])
    if isinstance(x, Step):
        return Step(x.cells.astype(np.float64 if is_float(dtype) else dtype))
    if not is_float(dtype):
        raise state.refusal()
    return x


def _linear(state: State, step: Instruction, operands: list[Any]) -> Value:
    """A linear function of the one operand that varies."""
    name, params = step.name, step.eqn.params
    side = next(number for number, x in enumerate(operands) if isinstance(x, Value))
    weights = [x for x in operands if not isinstance(x, Value)]
    sizes = [np.asarray(np.abs(x)) for x in weights]
    ndim = max(map(np.ndim, weights), default=0) if name in ("mul", "div") else 0
    function = _function_linear.LINEAR[name]
    try:
        return (
            operands[side]
            .fit(ndim)
            .map(
                lambda rows: function(params, side, rows, *weights),
                lambda rows: np.abs(function(params, side, rows, *sizes)),
            )
        )
    except NotImplementedError:
        raise state.refusal() from None


def _sum(state: State, name: str, a: Any, b: Any) -> Affine:
    a, b = (state.affine(x) if isinstance(x, Step) else x for x in (a, b))
    b = -b if name == "sub" else b
    return a.plus(b) if isinstance(a, Affine) else b.plus(a)


def _stepwise(state: State, step: Instruction, operands: list[Any]) -> Step:
    """An equation between steps and constants."""
    name, params = step.name, step.eqn.params
    ndim = max(len(np.shape(x)) if not isinstance(x, Step) else len(x.shape) for x in operands)
    cells = [_cells(x, ndim) for x in operands]
    if name == "select_n":
        return Step(np.choose(cells[0].astype(int), np.broadcast_arrays(*cells[1:])))
    if name in _function_linear.ELEMENTWISE and name != "div":
        return Step(_function_linear.ELEMENTWISE[name](*cells))
    if name in _function_linear.REDUCTIONS:
        axes = tuple(a + 1 for a in params["axes"])
        return Step(_function_linear.REDUCTIONS[name](cells[0], axes))
    raise state.refusal()


def _cells(x: Any, ndim: int) -> np.ndarray:
    """A step or a constant by cell."""
    return (x if isinstance(x, Step) else Step(np.asarray(x)[None])).fit(ndim).cells
