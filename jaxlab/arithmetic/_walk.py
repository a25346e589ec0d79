"""Walk a jaxpr equation by equation, through every kind of nested program and control flow.

Control flow is rebuilt with JAX's own transformations; every other equation goes to a *visitor*,
which decides what a value is (an array, a pair of arrays, ...) and what an equation does to it.
Whatever the visitor records on the way comes back stacked over the iterations of the loops.
"""

import abc
import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal

from jaxlab.arithmetic._binding import dtype_of
from jaxlab.arithmetic._source import in_backward

Records = dict[str, Any]
"""What the visitor recorded, by path."""

TOTAL = "total"
"""Prefix, in paths, of the additions of a scan that :meth:`Visitor.total` carries out."""


class Place(NamedTuple):
    """Where an equation stands in the program.

    Attributes
    ----------
    path
        Indices of the equation and of those around it, such as ``"3.0.12"``.
    scopes
        Names of the scopes (``jax.named_scope``) around it, outermost first.
    differentiated
        Whether it belongs to a function that is differentiated there.
    backward
        Whether it belongs to the backward pass of one; what ``jax.checkpoint`` computes again
        there belongs to the forward pass.
    key
        Random key of this equation in this iteration, or None.
    """

    path: str = ""
    scopes: tuple[str, ...] = ()
    differentiated: bool = False
    backward: bool = False
    key: Any = None

    def draw(self, number: Any) -> "Place":
        """The same place with an independent key, by number (an integer, in loops a traced one)."""
        if self.key is None:
            return self
        return self._replace(key=jax.random.fold_in(self.key, number))

    def at(self, index: int, eqn: JaxprEqn) -> "Place":
        """The place of one equation of a program at this place."""
        names = str(eqn.source_info.name_stack)  # such as transpose(jvp(layer))/dense
        return Place(
            f"{self.path}.{index}" if self.path else str(index),
            (*self.scopes, *re.findall(r"[^/()]+(?=[/)]|$)", names)),
            self.differentiated or "jvp(" in names,
            (self.backward or in_backward(eqn)) and "rematted_computation" not in names,
            self.draw(index).key,
        )


TOP = Place()
"""The place of a whole program."""


class Visitor(abc.ABC):
    """What :func:`walk` needs to know: what values are and what equations do to them."""

    records: bool = False
    """Whether :meth:`apply` records anything."""

    @abc.abstractmethod
    def constant(self, value: Any, place: Place) -> Any:
        """The value of a literal or a constant of the program."""

    @abc.abstractmethod
    def apply(self, eqn: JaxprEqn, values: Sequence[Any], place: Place, tap: Any) -> Any:
        """The list of outputs of an equation, and its record or None."""

    @abc.abstractmethod
    def opaque(self, eqn: JaxprEqn, place: Place) -> bool:
        """Whether an equation that contains a program is applied as a whole."""

    @abc.abstractmethod
    def totals(self, eqn: JaxprEqn, place: Place) -> str | None:
        """How a scan adds up a gradient: ``"wide"``, ``"stacked"`` or None (as written)."""

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
    override: Mapping[int, Callable[..., Any]] | None = None,
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
        Arrays handed to the visitor's ``apply``, by path.
    override
        Functions that replace single equations of this program, by index.

    Returns
    -------
    The values of the outputs, and the records by path.
    """
    taps, override, records = taps or {}, override or {}, {}
    jaxpr: Jaxpr = program.jaxpr
    env: dict[Any, Any] = dict(zip(jaxpr.invars, values, strict=True))
    for number, (var, const) in enumerate(zip(jaxpr.constvars, program.consts, strict=True)):
        env[var] = visitor.constant(const, place.draw(2**31 + number))

    def read(atom: Any, here: Place) -> Any:
        if not isinstance(atom, Literal):
            return env[atom]
        return visitor.constant(np.asarray(atom.val, dtype_of(atom)), here)

    for index, eqn in enumerate(jaxpr.eqns):
        here = place.at(index, eqn)
        inputs = [read(atom, here.draw(2**31 + n)) for n, atom in enumerate(eqn.invars)]
        nested = _NESTED.get(eqn.primitive.name)
        with eqn.ctx.manager:
            if index in override:
                outputs, found = [override[index](*inputs)], {}
            elif nested and not visitor.opaque(eqn, here):
                outputs, found = nested(eqn, inputs, visitor, here, taps)
            else:
                outputs, record = visitor.apply(eqn, inputs, here, taps.get(here.path))
                found = {} if record is None else {here.path: record}
        env.update(zip(eqn.outvars, outputs, strict=True))
        records |= found
    return [read(atom, place) for atom in jaxpr.outvars], records


def sites(program: ClosedJaxpr, place: Place = TOP) -> dict[str, tuple[JaxprEqn, Place]]:
    """Every equation that :func:`walk` hands to a visitor, with its place, by path."""
    found = {}
    for index, eqn in enumerate(program.jaxpr.eqns):
        here = place.at(index, eqn)
        inner = nested_programs(eqn)
        if not inner:
            found[here.path] = (eqn, here)
        names = {"while": ("cond", "body"), "cond": tuple(map(str, range(len(inner))))}
        below = [f"{here.path}.{name}" for name in names.get(eqn.primitive.name, ())]
        for path, nested in zip(below or [here.path], inner, strict=False):
            found |= sites(nested, here._replace(path=path))
        if eqn.primitive.name == "scan":
            sums = accumulated_carries(
                inner[0].jaxpr, eqn.params["num_consts"], eqn.params["num_carry"]
            )
            for total in sums.values():
                addition = found[f"{here.path}.{total.equation}"]
                found[f"{here.path}.{TOTAL}{total.equation}"] = addition
    return found


def nested_programs(eqn: JaxprEqn) -> list[ClosedJaxpr]:
    """The programs inside an equation that :func:`walk` enters."""
    if eqn.primitive.name not in _NESTED:
        return []
    names = ("jaxpr", "call_jaxpr", "cond_jaxpr", "body_jaxpr")
    found = [eqn.params[name] for name in names if name in eqn.params]
    return [_closed(program) for program in [*found, *eqn.params.get("branches", ())]]


def _closed(program: Any) -> ClosedJaxpr:
    return program if isinstance(program, ClosedJaxpr) else ClosedJaxpr(program, ())


def _call(eqn, inputs, visitor, place, taps):
    """jit, remat and the functions with custom derivatives."""
    if eqn.params.get("prevent_cse") and eqn.params.get("differentiated"):
        inputs = jax.lax.optimization_barrier(inputs)  # what remat recomputes stays recomputed
    return walk(nested_programs(eqn)[0], inputs, visitor, place, taps)


def _scan(eqn, inputs, visitor, place, taps):
    program = eqn.params["jaxpr"]
    num_consts, num_carry, length, reverse, unroll = (
        eqn.params[name] for name in ("num_consts", "num_carry", "length", "reverse", "unroll")
    )
    consts, carry = inputs[:num_consts], inputs[num_consts : num_consts + num_carry]
    xs = inputs[num_consts + num_carry :]
    keys = None if place.key is None else jax.random.split(place.key, length)
    below, totals = f"{place.path}.", f"{place.path}.{TOTAL}"
    inside = {
        path: tap
        for path, tap in taps.items()
        if path.startswith(below) and not path.startswith(totals)
    }

    how = visitor.totals(eqn, place)
    sums = accumulated_carries(program.jaxpr, num_consts, num_carry) if how else {}
    if how == "stacked":
        override = {s.equation: (lambda *terms, own=s.own: terms[1 - own]) for s in sums.values()}
    else:
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
    for i in sums:
        here = place.draw(i)._replace(path=f"{totals}{sums[i].equation}")
        stacked = jax.tree.map(lambda x: x[::-1] if reverse else x, terms.get(i))
        own = dtype_of(eqn.outvars[i])
        after[i], record = visitor.total(own, after[i], stacked, here, taps.get(here.path))
        records |= {} if record is None else {here.path: record}
    return [*after, *ys], records


class _Sum(NamedTuple):
    """A carry that only adds up: index of its addition and the position of the carry in it."""

    equation: int
    own: int


def accumulated_carries(body: Jaxpr, num_consts: int, num_carry: int) -> dict[int, _Sum]:
    """The carries of a scan that are nothing but running sums of a gradient (``add_any``)."""
    made_by = {eqn.outvars[0]: i for i, eqn in enumerate(body.eqns)}
    used = [atom for eqn in body.eqns for atom in eqn.invars] + list(body.outvars)
    found = {}
    for i in range(num_carry):
        before, after = body.invars[num_consts + i], body.outvars[i]
        index = None if isinstance(after, Literal) else made_by.get(after)
        if index is None or body.eqns[index].primitive.name != "add_any":
            continue
        once = sum(atom is before for atom in used) == 1 and sum(a is after for a in used) == 1
        operands = list(body.eqns[index].invars)
        if once and any(atom is before for atom in operands):
            found[i] = _Sum(index, 0 if operands[0] is before else 1)
    return found


def _while(eqn, inputs, visitor, place, taps):
    params, a, b = eqn.params, eqn.params["cond_nconsts"], eqn.params["body_nconsts"]
    cond_consts, body_consts, start = inputs[:a], inputs[a : a + b], inputs[a + b :]

    def at(name, number):
        return place.draw(number)._replace(path=f"{place.path}.{name}")

    def go_on(count, values):
        here = at("cond", 2 * count)
        outs, _ = walk(params["cond_jaxpr"], [*cond_consts, *values], visitor, here)
        return visitor.predicate(outs[0])

    def step(count, values):
        here = at("body", 2 * count + 1)
        return walk(params["body_jaxpr"], [*body_consts, *values], visitor, here)

    def body(state):
        count, values, records = state
        after, new = step(count, values)
        if params["cond_jaxpr"].out_avals[0].ndim:  # a batch: loops that ended keep their values
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
    return values, records


def _where(active, new, old):
    """Entries of ``new`` where the leading dimensions are active, of ``old`` elsewhere."""
    return jnp.where(active.reshape(active.shape + (1,) * (new.ndim - active.ndim)), new, old)


def _cond(eqn, inputs, visitor, place, taps):
    index, *operands = inputs

    def branch(number, program):
        def run(values):
            here = place._replace(path=f"{place.path}.{number}")
            return walk(program, values, visitor, here, taps)

        return run

    branches = [branch(*numbered) for numbered in enumerate(eqn.params["branches"])]
    blank: Records = {}
    if visitor.records:
        for run in branches:
            blank |= _zeros(jax.eval_shape(run, operands)[1])

    def complete(run):
        def full(values):
            outs, records = run(values)
            return outs, blank | records

        return full

    chosen = visitor.predicate(index).astype(np.int32)
    return jax.lax.switch(chosen, [complete(run) for run in branches], operands)


def _zeros(shapes):
    return jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)


_NESTED: dict[str, Callable[..., tuple[Any, Records]]] = {
    "jit": _call,
    "pjit": _call,
    "closed_call": _call,
    "core_call": _call,
    "checkpoint": _call,
    "remat": _call,
    "remat2": _call,
    "custom_jvp_call": _call,
    "custom_vjp_call": _call,
    "custom_vjp_call_jaxpr": _call,
    "scan": _scan,
    "while": _while,
    "cond": _cond,
}
