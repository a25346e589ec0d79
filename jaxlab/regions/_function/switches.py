"""Primitives that switch between affine functions, or are steps of them.

Each refines the domain where its forms change sign, and then chooses by cell.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from jaxlab.regions._function import linear as _function_linear
from jaxlab.regions._function.state import State
from jaxlab.regions._function.values import Affine, Operand, Step, Value, switched, where
from jaxlab.regions._line.host import TOLERANCE


def larger(state: State, params: Any, a: Any, b: Any) -> Affine:
    """The maximum; at a zero of ``a - b`` exactly ``b``, and a constant is always ``b``."""
    one, second = (a, b) if isinstance(a, Value) else (b, a)
    first = state.affine(one)
    if isinstance(second, Value):
        second = state.affine(second)
        form = first.plus(-second)
    else:
        always = np.equal(second, -np.inf)
        second = np.where(always, 0.0, second)
        form = first.plus(-second)
        form = form._replace(rows=np.where(always, 1.0, form.rows))
    forms, (first, second) = state.split(form, first, second)
    pair = (x.fit(forms.ndim - 1) for x in (first, state.affine(second)))
    return where(state.touching(forms > 0), forms > 0, *pair)


def smaller(state: State, params: Any, a: Operand, b: Operand) -> Affine:
    """The minimum."""
    pair = (-state.affine(x) if isinstance(x, Value) else np.negative(x) for x in (a, b))
    return -larger(state, params, *pair)


def absolute(state: State, params: Any, x: Affine) -> Affine:
    """The larger of a number and its negative."""
    return larger(state, params, x, -x)


def clamp(state: State, params: Any, low: np.ndarray, x: Affine, high: np.ndarray) -> Affine:
    """Between two constants: first the maximum with ``low``, then the minimum with ``high``."""
    return smaller(state, params, larger(state, params, x, low), high)


def sign(state: State, params: Any, x: Affine) -> Step:
    """1, -1, or 0 where it is zero on the whole cell."""
    forms, _ = state.split(x)
    return Step(1.0 * state.touching(forms > 0) - state.touching(forms < 0))


def comparison(decide: Callable[..., np.ndarray]) -> Callable[..., Step]:
    """A comparison: ``decide`` gets where ``a - b`` is positive and negative in a cell."""

    def compare(state: State, params: Any, a: Operand, b: Operand) -> Step:
        first, second = state.affine(a), state.affine(b)
        forms, _ = state.split(first.plus(-second))
        return Step(decide(state.touching(forms > 0), state.touching(forms < 0)))

    return compare


def choose(state: State, params: Any, which: Step, *cases: Operand) -> Affine:
    """``select_n``; where neighbouring cells choose differently, the cases must agree."""
    out = state.affine(cases[0])
    for number, case in enumerate(map(state.affine, cases[1:]), 1):
        chosen = Step(which.cells >= number).fit(len(out.shape))
        least, greatest = state.around(chosen)
        gap = np.abs(case.rows - out.rows)
        apart = gap > 4 * TOLERANCE * (case.size[:1] + out.size[:1])
        if (apart & (least != greatest)).any():
            raise state.jump()
        out = where(chosen.cells, least, case, out)
    return out


def scaled(state: State, params: Any, x: Affine, factor: Step) -> Affine:
    """An affine value times a step, which may jump only where the value is zero."""
    ndim = max(len(x.shape), len(factor.shape))
    x, factor = x.fit(ndim), factor.fit(ndim)
    least, greatest = state.around(factor)
    jumps = np.abs(x.rows) * (greatest - least)
    if (jumps > 4 * TOLERANCE * x.size[:1] * np.abs(factor.cells).max(axis=0)).any():
        raise state.jump()
    return switched(x.rows * least, x.slopes * factor.cells[:, None])


def best(state: State, x: Any) -> tuple[Affine, Step]:
    """The largest along the last axis, and which it is (the first of equal ones).

    A tournament of pairs. Cuts where only losers changed places are taken back: what is left are
    the cells on which the winners stay.
    """
    age, entries = state.domain.age, x.shape[-1]
    names: Any = Step(np.broadcast_to(np.arange(entries), (state.domain.cells, *x.shape)))
    while entries > 1:
        even, odd, rest = slice(0, entries - 1, 2), slice(1, entries, 2), slice(entries & ~1, None)
        parts = [
            value.map(lambda rows, part=part: rows[..., part])
            for value in (x, names)
            for part in (even, odd, rest)
        ]
        forms, (a, b, bye, name_a, name_b, name_bye) = state.split(parts[1].plus(-parts[0]), *parts)
        later = state.touching(forms > 0)
        won = where(later, forms > 0, b, a)
        x = Affine(*(np.concatenate(pair, axis=-1) for pair in zip(won, bye, strict=True)))
        chosen = np.where(later, name_b.cells, name_a.cells)
        names = Step(np.concatenate([chosen, name_bye.cells], axis=-1))
        entries = x.shape[-1]
    x, names = (value.map(lambda rows: rows[..., 0]) for value in (x, names))
    decisions = names.cells.reshape(len(names.cells), -1)
    x, names = state.join(decisions, age, x, names)
    return x, names


def _last(axes: tuple[int, ...], x: Affine) -> Affine:
    """Some axes as one, the last."""

    def move(rows: np.ndarray) -> np.ndarray:
        ends = range(-len(axes), 0)
        rows = np.moveaxis(rows, [a + 1 for a in axes], list(ends))
        return rows.reshape(*rows.shape[: rows.ndim - len(axes)], -1)

    return x.map(move)


def reduce_max(state: State, params: Any, x: Affine) -> Affine:
    """The largest entry over some axes."""
    return best(state, _last(params["axes"], x))[0]


def argmax(state: State, params: Any, x: Affine) -> Step:
    """The place of the largest entry along an axis."""
    return best(state, _last(params["axes"], x))[1].map(lambda n: n.astype(params["index_dtype"]))


def window_max(state: State, params: Any, x: Affine) -> Affine:
    """The largest entry in every window; padding never wins."""
    labels = np.arange(np.prod(x.shape, dtype=int)).reshape(1, *x.shape)
    places = np.stack(list(_function_linear.windows(params, labels, -1)), axis=-1)[0]
    places = np.where(places < 0, places.max(axis=-1, keepdims=True), places)
    return best(state, x.map(lambda rows: rows.reshape(len(rows), -1)[:, places]))[0]


def negated(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of minima for one of maxima."""

    def of_negative(state: State, params: Any, x: Affine) -> Any:
        found = function(state, params, -x)
        return found if isinstance(found, Step) else -found

    return of_negative


def sort(state: State, params: Any, x: Affine) -> Affine:
    """Sorted along an axis, by exchanges of neighbours in odd and even rounds."""
    axis = params["dimension"] + 1
    x = x.map(lambda rows: np.moveaxis(rows, axis, -1))
    for number in range(x.shape[-1]):
        first = number % 2
        stop = first + (x.shape[-1] - first) // 2 * 2
        left, right = slice(first, stop, 2), slice(first + 1, stop, 2)
        a, b = (x.map(lambda rows, side=side: rows[..., side]) for side in (left, right))
        forms, (x, a, b) = state.split(a.plus(-b), x, a, b)
        b = b._replace(rows=np.where(forms == 0, a.rows, b.rows))
        swap = state.touching(forms > 0)
        parts = [array.copy() for array in x]
        for side, pair in ((left, (b, a)), (right, (a, b))):
            for part, new in zip(parts, where(swap, forms > 0, *pair), strict=True):
                part[..., side] = new
        x = Affine(*parts)
    return x.map(lambda rows: np.moveaxis(rows, -1, axis))


SWITCHES: dict[str, Callable[..., Value]] = {
    "abs": absolute,
    "argmax": argmax,
    "argmin": negated(argmax),
    "clamp": clamp,
    "eq": comparison(lambda above, below: ~(above | below)),
    "ge": comparison(lambda above, below: ~below),
    "gt": comparison(lambda above, below: above),
    "le": comparison(lambda above, below: ~above),
    "lt": comparison(lambda above, below: below),
    "max": larger,
    "min": smaller,
    "ne": comparison(lambda above, below: above | below),
    "reduce_max": reduce_max,
    "reduce_min": negated(reduce_max),
    "reduce_window_max": window_max,
    "reduce_window_min": negated(window_max),
    "sign": sign,
    "sort": sort,
}
