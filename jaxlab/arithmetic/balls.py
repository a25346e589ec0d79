"""Rigorous enclosures: evaluate a JAX function in ball arithmetic, on the host, for spot checks.

A ball is a midpoint and a radius with the exact result inside, every rounding error included
(Johansson 2017, doi:10.1109/TC.2017.2690633). This is the top of the reference ladder: slow (about
a microsecond an operation) and beyond doubt. It needs python-flint (``pip install python-flint``).
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, JaxprEqn, Var
from jaxtyping import PyTree

from jaxlab.arithmetic._ball_rules import (
    RULES,
    UndecidedError,
    arb,
    decided,
    flint,
    is_key,
    lift,
)
from jaxlab.arithmetic._binding import MOVES, bind, is_float
from jaxlab.arithmetic._places import nested_programs
from jaxlab.arithmetic._source import location
from jaxlab.arithmetic.reference import widen_tree

_DOUBLE = np.dtype(np.float64)
_GUARD_BITS = 1024  # differences of balls and floats are formed with this many bits


class Enclosure(NamedTuple):
    """Balls that contain exact results, and the same as float64 arrays.

    Attributes
    ----------
    midpoint
        float64 array.
    radius
        float64 array, rounded upwards: ``|exact - midpoint| <= radius``.
    balls
        NumPy object array of ``flint.arb``, the enclosures themselves.
    """

    midpoint: np.ndarray
    radius: np.ndarray
    balls: np.ndarray


def enclose(fn: Callable[..., Any], bits: int = 128) -> Callable[..., PyTree]:
    """A function that encloses the exact value of ``fn``.

    The arguments are the exact binary numbers that they hold; ``fn`` is traced with them in float64
    (so that its Python constants are float64 numbers), and conversions to a floating dtype inside
    it change nothing. Loops are run, not bounded. Where a comparison cannot be decided because a
    ball straddles it, a selection returns a ball around both cases.

    Parameters
    ----------
    fn
        A JAX function of pytrees, ``jax.grad(loss)`` for example.
    bits
        Working precision of the midpoints.

    Returns
    -------
    A function of the same arguments. It returns the pytree of ``fn``'s result, with an
    :class:`Enclosure` for every floating array and a NumPy array for every other (keys stay).

    Raises
    ------
    ImportError
        Without python-flint.
    UndecidedError
        If a branch, a loop or an integer depends on a comparison that the balls do not decide:
        more bits help, unless the two sides are equal.
    NotImplementedError
        If ``fn`` uses a primitive on floating values that has no rule here, naming it.

    Examples
    --------
    >>> from fractions import Fraction
    >>> square = enclose(lambda x: x * x)(np.float64(0.1))
    >>> exact = Fraction(0.1) ** 2
    >>> abs(exact - Fraction(float(square.midpoint))) <= Fraction(float(square.radius))
    True
    >>> 0 < square.radius < 1e-18
    np.True_
    """

    @functools.wraps(fn)
    def run(*args: Any, **kwargs: Any) -> PyTree:
        with jax.enable_x64(True), flint().ctx.workprec(bits):
            args, kwargs = widen_tree(jax.tree.map(_as_array, (args, kwargs)))
            program, shape = jax.make_jaxpr(fn, return_shape=True)(*args, **kwargs)
            outputs = _evaluate(program, [lift(leaf) for leaf in jax.tree.leaves((args, kwargs))])
            results = [
                _enclosure(x) if is_float(aval.dtype) else x
                for x, aval in zip(outputs, program.out_avals, strict=True)
            ]
        return jax.tree.unflatten(jax.tree.structure(shape), results)

    return run


def error_bound(enclosure: Enclosure, value: Any, low: Any = None) -> np.ndarray:
    """Upper bound of ``|value - exact|`` (of ``|value + low - exact|``), itself rigorous.

    Parameters
    ----------
    enclosure
        From :func:`enclose`.
    value, low
        Arrays of the enclosure's shape, in any floating dtype; ``low`` is the second part of a
        double-double number.

    Returns
    -------
    float64 array, rounded upwards.

    Examples
    --------
    >>> third = enclose(lambda x: x / 3)(np.float64(1))
    >>> float(error_bound(third, np.float64(1 / 3)))
    1.8503...e-17
    """
    with flint().ctx.workprec(_GUARD_BITS):
        parts = [lift(widen_tree(np.asarray(part))) for part in (value, low) if part is not None]
        return _radius(enclosure.balls - functools.reduce(np.add, parts))


def _as_array(leaf: Any) -> Any:
    return leaf if is_key(leaf) else np.asarray(leaf)


def _enclosure(balls: np.ndarray) -> Enclosure:
    midpoint = np.vectorize(lambda ball: float(ball.mid()), otypes=[np.float64])(balls)
    with flint().ctx.workprec(_GUARD_BITS):
        return Enclosure(midpoint, _radius(balls - lift(midpoint)), balls)


@functools.partial(np.vectorize, otypes=[np.float64])
def _radius(ball):
    """The smallest float64 number that is surely at least |ball|, or the one after it."""
    bound = ball.abs_upper()
    near = float(bound)
    return near if arb()(near) >= bound else np.nextafter(near, np.inf)


def _evaluate(program: ClosedJaxpr, values: Sequence[Any]) -> list[Any]:
    env: dict[Any, Any] = dict(zip(program.jaxpr.invars, values, strict=True))
    env |= {v: lift(c) for v, c in zip(program.jaxpr.constvars, program.consts, strict=True)}

    def read(atom: Any) -> Any:
        if isinstance(atom, Var):
            return env[atom]
        return lift(jnp.asarray(atom.val, atom.aval.dtype))

    for eqn in program.jaxpr.eqns:
        env.update(zip(eqn.outvars, _apply(eqn, [read(a) for a in eqn.invars]), strict=True))
    return [read(atom) for atom in program.jaxpr.outvars]


def _apply(eqn: JaxprEqn, values: list[Any]) -> list[Any]:
    name, programs = eqn.primitive.name, list(nested_programs(eqn).values())
    try:
        if programs:
            return _LOOPS.get(name, _call)(values, eqn.params, programs)
        if name in _BARRIERS:
            return values
        exact = not any(x.dtype == object for x in values)  # integers, booleans and keys
        converts = name == "convert_element_type" and is_float(eqn.params["new_dtype"])
        if exact and not converts:
            return [lift(x) for x in bind(eqn, values, _DOUBLE)]
        if name in RULES:
            return [RULES[name](*values, **eqn.params)]
        if name in MOVES:
            return _move(eqn, values)
    except UndecidedError as error:
        raise UndecidedError(f"{error} (primitive {name!r} at {location(eqn)})") from None
    raise NotImplementedError(f"enclose: no rule for primitive {name!r} at {location(eqn)}")


_BARRIERS = ("optimization_barrier", "device_put")  # each result is one of the inputs


def _move(eqn, values):
    """Move the positions of the entries, as integers."""
    entries, moved = [], []
    for value in values:
        is_data = value.dtype == object
        positions = np.arange(value.size).reshape(value.shape) + len(entries)
        moved.append(positions if is_data else value)
        entries += list(value.flat) if is_data else []
    entries.append(arb().nan())  # at position -1: what a gather finds out of range
    params = eqn.params | ({"fill_value": -1} if "fill_value" in eqn.params else {})
    pool = np.array(entries, dtype=object)
    places = bind(eqn.replace(params=params), moved, None)
    return [np.asarray(pool[np.asarray(at)], dtype=object) for at in places]


def _call(values, params, programs):
    return _evaluate(programs[0], values)


def _scan(values, params, programs):
    num_consts, num_carry, length = (params[n] for n in ("num_consts", "num_carry", "length"))
    consts, carry = values[:num_consts], values[num_consts : num_consts + num_carry]
    xs, ys = values[num_consts + num_carry :], []
    for i in reversed(range(length)) if params["reverse"] else range(length):
        outs = _evaluate(programs[0], [*consts, *carry, *[lift(x[i]) for x in xs]])
        carry = outs[:num_carry]
        ys.append(outs[num_carry:])
    ordered = ys[::-1] if params["reverse"] else ys
    avals = programs[0].out_avals[num_carry:]
    return [*carry, *[_stack([y[n] for y in ordered], aval) for n, aval in enumerate(avals)]]


def _stack(entries, aval):
    if not entries:
        return lift(jnp.zeros((0, *aval.shape), aval.dtype))
    return jnp.stack(entries) if is_key(entries[0]) else np.stack(entries)


def _while(values, params, programs):
    a, b = params["cond_nconsts"], params["body_nconsts"]
    cond_consts, body_consts, state = values[:a], values[a : a + b], values[a + b :]
    while decided(_evaluate(programs[0], [*cond_consts, *state])[0]):
        state = _evaluate(programs[1], [*body_consts, *state])
    return state


def _cond(values, params, programs):
    index, *operands = values
    return _evaluate(programs[min(max(int(decided(index)), 0), len(programs) - 1)], operands)


_LOOPS: dict[str, Callable[..., list[Any]]] = {"scan": _scan, "while": _while, "cond": _cond}
