"""Where everything in a program stands: paths, scopes, passes and source lines."""

import re
from typing import Any, NamedTuple

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal

from jaxlab.arithmetic._source import Location, in_backward, location

TOTAL, STORED, CHOSEN, RESULT = "total", "const", "chosen", "result"
"""How last parts of paths begin that are no numbers of equations: additions of a scan carried out
at its end, constant arrays of a program, the branch of a ``cond``, the results of a ``while``."""


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
        Whether it belongs to the backward pass of one, see :func:`in_backward`.
    running
        Whether it adds to a running sum of a gradient, see :func:`accumulated_carries`.
    key
        Random key of this equation in this iteration, or None.
    around
        The equation and those around it, outermost first.
    """

    path: str = ""
    scopes: tuple[str, ...] = ()
    differentiated: bool = False
    backward: bool = False
    running: bool = False
    key: Any = None
    around: tuple[JaxprEqn, ...] = ()

    @property
    def location(self) -> Location:
        """The source line of the equation, or of the innermost one around it that has one."""
        found = [location(eqn) for eqn in reversed(self.around)]
        return next((place for place in found if place.line), found[0])

    @property
    def in_while(self) -> bool:
        """Whether it is executed an unknown number of times."""
        return any(eqn.primitive.name == "while" for eqn in self.around[:-1])

    def draw(self, number: Any) -> "Place":
        """The same place with an independent key, by number (an integer, in loops a traced one)."""
        if self.key is None:
            return self
        return self._replace(key=jax.random.fold_in(self.key, number))

    def below(self, name: str) -> str:
        """The path of something inside."""
        return f"{self.path}.{name}" if self.path else name

    def inside(self, name: str) -> "Place":
        """The place of one of the programs of the equation, see :func:`nested_programs`."""
        return self._replace(path=self.below(name)) if name else self

    def stored(self, number: int) -> "Place":
        """The place of a constant array of a program at this place: in the forward pass."""
        here = self.inside(f"{STORED}{number}")._replace(backward=False)
        return here.draw(2**30 + number)

    def at(self, index: int, eqn: JaxprEqn) -> "Place":
        """The place of one equation of a program at this place."""
        names = str(eqn.source_info.name_stack)  # such as transpose(jvp(layer))/dense
        return Place(
            self.below(str(index)),
            (*self.scopes, *re.findall(r"[^/()]+(?=[/)]|$)", names)),
            self.differentiated or "jvp(" in names,
            in_backward(eqn, self.backward),
            key=self.draw(index).key,
            around=(*self.around, eqn),
        )


TOP = Place()
"""The place of a whole program."""

_PROGRAMS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("jit", "remat2", "scan"), ("jaxpr",)),
    **dict.fromkeys(("closed_call", "custom_jvp_call", "custom_vjp_call"), ("call_jaxpr",)),
    "while": ("cond_jaxpr", "body_jaxpr"),
    "cond": ("branches",),
}


def nested_programs(eqn: JaxprEqn) -> dict[str, ClosedJaxpr]:
    """The programs inside an equation, by what distinguishes the paths inside them.

    That is ``""`` for the only one, ``"cond"`` and ``"body"`` in a ``while``, and the number of a
    branch in a ``cond``.
    """
    found = [eqn.params[name] for name in _PROGRAMS.get(eqn.primitive.name, ())]
    if eqn.primitive.name == "cond":
        return {str(number): branch for number, branch in enumerate(found[0])}
    names = ("cond", "body") if eqn.primitive.name == "while" else ("",) * len(found)
    return {
        name: program if isinstance(program, ClosedJaxpr) else ClosedJaxpr(program, ())
        for name, program in zip(names, found, strict=True)
    }


class Site(NamedTuple):
    """Something that a walk hands to a visitor.

    Attributes
    ----------
    place
        Its place.
    name
        Name of the primitive; ``"store"`` for a constant array.
    defines
        The variables that it defines.
    """

    place: Place
    name: str
    defines: tuple[Any, ...]


def sites(program: ClosedJaxpr, place: Place = TOP) -> dict[str, Site]:
    """Every equation and constant array that a walk hands to a visitor, by path."""
    found = {}
    for number, var in enumerate(program.jaxpr.constvars):
        here = place.stored(number)
        found[here.path] = Site(here, "store", (var,))
    for index, eqn in enumerate(program.jaxpr.eqns):
        here, programs = place.at(index, eqn), nested_programs(eqn)
        if not programs:
            found[here.path] = Site(here, eqn.primitive.name, tuple(eqn.outvars))
        for name, inner in programs.items():
            found |= sites(inner, here.inside(name))
        for total in accumulated_carries(eqn, here).values():
            site = found[here.below(str(total.equation))]
            site = site._replace(place=site.place._replace(running=True))
            found[site.place.path] = found[here.below(f"{TOTAL}{total.equation}")] = site
    return found


class Sum(NamedTuple):
    """A carry that only adds up: index of its addition and the position of the carry in it."""

    equation: int
    own: int


def accumulated_carries(eqn: JaxprEqn, place: Place) -> dict[int, Sum]:
    """The carries of a scan in a backward pass that are nothing but running sums (``add_any``)."""
    if eqn.primitive.name != "scan" or not place.backward:
        return {}
    body: Jaxpr = eqn.params["jaxpr"].jaxpr
    made_by = {eqn.outvars[0]: i for i, eqn in enumerate(body.eqns)}
    used = [atom for eqn in body.eqns for atom in eqn.invars] + list(body.outvars)
    found = {}
    for i in range(eqn.params["num_carry"]):
        before, after = body.invars[eqn.params["num_consts"] + i], body.outvars[i]
        index = None if isinstance(after, Literal) else made_by.get(after)
        if index is None or body.eqns[index].primitive.name != "add_any":
            continue
        once = sum(atom is before for atom in used) == 1 and sum(a is after for a in used) == 1
        operands = list(body.eqns[index].invars)
        if once and any(atom is before for atom in operands):
            found[i] = Sum(index, 0 if operands[0] is before else 1)
    return found
