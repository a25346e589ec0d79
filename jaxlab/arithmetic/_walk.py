"""Walk a jaxpr equation by equation, through every kind of nested program and control flow.

Control flow is rebuilt with JAX's own transformations; every other equation goes to a *visitor*,
which decides what a value is (an array, a pair of arrays, ...) and what an equation does to it.
Whatever the visitor records on the way comes back stacked over the iterations of the loops.
"""

import abc
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal

from jaxlab.arithmetic._binding import dtype_of
from jaxlab.arithmetic._places import (
    CHOSEN,
    RESULT,
    TOP,
    TOTAL,
    Place,
    accumulated_carries,
    nested_programs,
)

Records = dict[str, Any]
"""What the visitor recorded, by path."""


class Visitor(abc.ABC):
    """What :func:`walk` needs to know: what values are and what equations do to them."""

    records: bool = False
    """Whether :meth:`apply` records anything."""

    @abc.abstractmethod
    def constant(self, value: Any, place: Place) -> Any:
        """The value of a literal of the program."""

    def stored(self, array: Any, place: Place, tap: Any) -> Any:
        """The value of a constant array of the program, and its record or None."""
        return self.constant(array, place), None

    @abc.abstractmethod
    def apply(self, eqn: JaxprEqn, values: Sequence[Any], place: Place, tap: Any) -> Any:
        """The list of outputs of an equation, and its record or None."""

    @abc.abstractmethod
    def opaque(self, eqn: JaxprEqn, place: Place) -> bool:
        """Whether an equation that contains a program is applied as a whole."""

    @abc.abstractmethod
    def totals(self, eqn: JaxprEqn, place: Place) -> str:
        """How a scan adds up a gradient: ``"wide"``, ``"stacked"``, or ``"written"``."""

    @abc.abstractmethod
    def total(self, own: Any, start: Any, terms: Any, place: Place, tap: Any) -> Any:
        """The rounded total and its record: of a start and stacked terms, or of a wide sum.

        ``own`` is the dtype that the program gives it.
        """

    def predicate(self, value: Any) -> Any:
        """The array that a branch or a loop is decided by."""
        return value

    def add(self, first: Any, second: Any) -> Any:
        """An addition without rounding, for ``"wide"``."""
        return first + second

    def merge(self, first: Any, second: Any) -> Any:
        """One record for two executions of one equation in a ``while`` loop."""
        raise NotImplementedError


def walk(
    program: ClosedJaxpr,
    values: Sequence[Any],
    visitor: Visitor,
    place: Place = TOP,
    taps: Mapping[str, Any] | None = None,
    override: Mapping[int, Callable[..., Any] | None] | None = None,
) -> tuple[list[Any], Records]:
    """Evaluate a program, every equation by the visitor.

    Parameters
    ----------
    program
        The closed jaxpr.
    values
        One value for each of its inputs.
    visitor
        See :class:`Visitor`.
    place
        Where the program itself stands.
    taps
        Arrays handed to the visitor's ``apply``, by path; and decisions of an earlier walk of the
        same program (branches of ``cond``, results of ``while``), which are followed.
    override
        Functions that replace the additions of running sums in this program, by index; None: the
        addition is done by the visitor.

    Returns
    -------
    The values of the outputs, and the records by path.
    """
    taps, override, records = taps or {}, override or {}, {}
    jaxpr: Jaxpr = program.jaxpr
    env: dict[Any, Any] = dict(zip(jaxpr.invars, values, strict=True))
    for number, (var, const) in enumerate(zip(jaxpr.constvars, program.consts, strict=True)):
        here = place.stored(number)
        env[var], record = visitor.stored(const, here, taps.get(here.path))
        records |= {} if record is None else {here.path: record}

    def read(atom: Any, here: Place) -> Any:
        if not isinstance(atom, Literal):
            return env[atom]
        return visitor.constant(np.asarray(atom.val, dtype_of(atom)), here)

    for index, eqn in enumerate(jaxpr.eqns):
        here = place.at(index, eqn)._replace(running=index in override)
        inputs = [read(atom, here.draw(2**31 + n)) for n, atom in enumerate(eqn.invars)]
        replacement, known = override.get(index), taps.get(here.below(RESULT))
        with eqn.ctx.manager:
            if replacement is not None:
                outputs, found = [replacement(*inputs)], {}
            elif known is not None:
                outputs, found = known, {}
            elif nested_programs(eqn) and not visitor.opaque(eqn, here):
                enter = _CONTROL.get(eqn.primitive.name, _call)
                outputs, found = enter(eqn, inputs, visitor, here, taps)
            else:
                outputs, record = visitor.apply(eqn, inputs, here, taps.get(here.path))
                found = {} if record is None else {here.path: record}
        env.update(zip(eqn.outvars, outputs, strict=True))
        records |= found
    return [read(atom, place) for atom in jaxpr.outvars], records


def _call(eqn, inputs, visitor, place, taps):
    """jit, remat and the functions with custom derivatives."""
    if eqn.params.get("prevent_cse") and eqn.params.get("differentiated"):
        inputs = jax.lax.optimization_barrier(inputs)  # what remat recomputes stays recomputed
    return walk(nested_programs(eqn)[""], inputs, visitor, place, taps)


def _scan(eqn, inputs, visitor, place, taps):
    program = eqn.params["jaxpr"]
    num_consts, num_carry, length, reverse, unroll = (
        eqn.params[name] for name in ("num_consts", "num_carry", "length", "reverse", "unroll")
    )
    consts, carry = inputs[:num_consts], inputs[num_consts : num_consts + num_carry]
    xs = inputs[num_consts + num_carry :]
    # split(key)[i] is fold_in(key, i): iterations draw from a key of their own.
    keys = None if place.key is None else jax.random.split(place.draw(2**30).key, length)
    below, totals = place.below(""), place.below(TOTAL)
    inside = {
        path: tap
        for path, tap in taps.items()
        if path.startswith(below) and not path.startswith(totals)
    }

    how = visitor.totals(eqn, place)
    sums = accumulated_carries(eqn, place)
    override: dict[int, Any] = dict.fromkeys(s.equation for s in sums.values())
    if how == "stacked":
        override = {s.equation: (lambda *terms, own=s.own: terms[1 - own]) for s in sums.values()}
    if how == "wide":
        override = {s.equation: visitor.add for s in sums.values()}

    def body(carry, scanned):
        x, key, taps = scanned
        here = place._replace(key=key)
        outs, records = walk(program, [*consts, *carry, *x], visitor, here, taps, override)
        after, terms = list(outs[:num_carry]), {}
        if how == "stacked":
            terms = {i: after[i] for i in sums}
            after = [carry[i] if i in sums else value for i, value in enumerate(after)]
        return after, (outs[num_carry:], terms, records)

    after, (ys, terms, records) = jax.lax.scan(
        body, list(carry), (xs, keys, inside), length=length, reverse=reverse, unroll=unroll
    )
    after = list(after)
    for i in sums if how != "written" else ():
        here = place.draw(i)._replace(path=f"{totals}{sums[i].equation}", running=True)
        stacked = jax.tree.map(lambda x: x[::-1] if reverse else x, terms.get(i))
        own = dtype_of(eqn.outvars[i])
        after[i], record = visitor.total(own, after[i], stacked, here, taps.get(here.path))
        records |= {} if record is None else {here.path: record}
    return [*after, *ys], records


def _while(eqn, inputs, visitor, place, taps):
    a, b, programs = eqn.params["cond_nconsts"], eqn.params["body_nconsts"], nested_programs(eqn)
    cond_consts, body_consts, start = inputs[:a], inputs[a : a + b], inputs[a + b :]

    def go_on(count, values):
        here = place.draw(2 * count).inside("cond")
        outs, _ = walk(programs["cond"], [*cond_consts, *values], visitor, here)
        return visitor.predicate(outs[0])

    def step(count, values):
        here = place.draw(2 * count + 1).inside("body")
        return walk(programs["body"], [*body_consts, *values], visitor, here)

    def body(state):
        count, values, records = state
        after, new = step(count, values)
        if programs["cond"].out_avals[0].ndim:  # a batch: loops that ended keep their values
            choose = functools.partial(_where, go_on(count, values))
            after = jax.tree.map(choose, after, values)
        return count + 1, after, {path: visitor.merge(records[path], new[path]) for path in new}

    zero = jnp.uint32(0)
    records = {}
    if visitor.records:
        records = _zeros(jax.eval_shape(step, zero, list(start))[1])
    _, values, records = jax.lax.while_loop(
        lambda state: go_on(*state[:2]).any(), body, (zero, list(start), records)
    )
    if visitor.records and not place.in_while:
        records[place.below(RESULT)] = values
    return values, records


def _where(active, new, old):
    """Entries of ``new`` where the leading dimensions are active, of ``old`` elsewhere."""
    return jnp.where(active.reshape(active.shape + (1,) * (new.ndim - active.ndim)), new, old)


def _cond(eqn, inputs, visitor, place, taps):
    index, *operands = inputs

    def branch(name, program):
        return lambda values: walk(program, values, visitor, place.inside(name), taps)

    branches = [branch(*named) for named in nested_programs(eqn).items()]
    blank: Records = {}
    if visitor.records:
        for run in branches:
            blank |= _zeros(jax.eval_shape(run, operands)[1])

    def complete(run):
        def full(values):
            outs, records = run(values)
            return outs, blank | records

        return full

    path = place.below(CHOSEN)
    chosen = taps.get(path, visitor.predicate(index).astype(np.int32))
    outs, records = jax.lax.switch(chosen, [complete(run) for run in branches], operands)
    return outs, records | ({path: chosen} if visitor.records and not place.in_while else {})


def _zeros(shapes):
    return jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)


_CONTROL: dict[str, Callable[..., tuple[Any, Records]]] = {
    "scan": _scan,
    "while": _while,
    "cond": _cond,
}
