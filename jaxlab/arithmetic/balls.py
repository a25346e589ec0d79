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

from jaxlab.arithmetic._ball_rules import RULES, UndecidedError, arb, decided, flint, lift
from jaxlab.arithmetic._source import location
from jaxlab.arithmetic.reference import widen_tree

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


def enclose(fn: Callable[..., Any], *args: Any, bits: int = 128) -> PyTree:
    """Enclose the exact value of ``fn(*args)``.

    The arguments are the exact binary numbers that they hold; ``fn`` is traced with them in float64
    (so that its Python constants are float64 numbers), and conversions between floating dtypes
    inside it change nothing. Loops are run, not bounded. Where a comparison cannot be decided
    because a ball straddles it, a selection returns a ball around both cases.

    Parameters
    ----------
    fn
        A JAX function of pytrees, ``jax.grad(loss)`` for example.
    args
        Its arguments.
    bits
        Working precision of the midpoints.

    Returns
    -------
    The pytree of ``fn``'s result, with an :class:`Enclosure` for every floating array and a NumPy
    array for every other.

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
    >>> square = enclose(lambda x: x * x, np.float64(0.1))
    >>> exact = Fraction(0.1) ** 2
    >>> abs(exact - Fraction(float(square.midpoint))) <= Fraction(float(square.radius))
    True
    >>> 0 < square.radius < 1e-18
    np.True_
    """
    with jax.enable_x64(True), flint().ctx.workprec(bits):
        args = widen_tree(jax.tree.map(np.asarray, args))
        program, shape = jax.make_jaxpr(fn, return_shape=True)(*args)
        outputs = _evaluate(program, [lift(leaf) for leaf in jax.tree.leaves(args)])
        results = [_enclosure(x) if _is_balls(x) else np.asarray(x) for x in outputs]
    return jax.tree.unflatten(jax.tree.structure(shape), results)


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
    >>> third = enclose(lambda x: x / 3, np.float64(1))
    >>> float(error_bound(third, np.float64(1 / 3)))
    1.8503...e-17
    """
    with flint().ctx.workprec(_GUARD_BITS):
        parts = [lift(widen_tree(np.asarray(part))) for part in (value, low) if part is not None]
        return _radius(enclosure.balls - functools.reduce(np.add, parts))


def _is_balls(x: Any) -> bool:
    return x.dtype == object and (x.size == 0 or isinstance(x.flat[0], arb()))


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
    name = eqn.primitive.name
    try:
        if name in _NESTED:
            return _NESTED[name](values, eqn.params)
        if not any(x.dtype == object for x in values):  # nothing but integers, booleans and keys
            return [lift(x) for x in _as_it_is(eqn, values)]
        if name in _MOVES:
            return _move(eqn, values)
        if name not in RULES:
            raise NotImplementedError(f"enclose: no rule for primitive {name!r} at {location(eqn)}")
        return [RULES[name](*values, **eqn.params)]
    except UndecidedError as error:
        raise UndecidedError(f"{error} (primitive {name!r} at {location(eqn)})") from None


def _as_it_is(eqn, values, **changes):
    params = eqn.primitive.get_bind_params(eqn.params | changes)
    outputs = eqn.primitive.bind(*values, **params)
    return outputs if eqn.primitive.multiple_results else [outputs]


# Primitives that only move entries: moved are the entries' positions, as integers.
_MOVES = frozenset(
    (
        *("broadcast_in_dim", "concatenate", "copy", "copy_p", "dynamic_slice", "expand_dims"),
        *("dynamic_update_slice", "gather", "pad", "reshape", "rev", "slice", "split"),
        *("squeeze", "stop_gradient", "transpose"),
    )
)


def _move(eqn, values):
    entries, moved = [], []
    for value in values:
        is_data = value.dtype == object
        positions = np.arange(value.size).reshape(value.shape) + len(entries)
        moved.append(positions if is_data else value)
        entries += list(value.flat) if is_data else []
    entries.append(arb().nan())  # at position -1: what a gather finds out of range
    outside = {"fill_value": -1} if "fill_value" in eqn.params else {}
    pool = np.array(entries, dtype=object)
    return [pool[np.asarray(positions)] for positions in _as_it_is(eqn, moved, **outside)]


def _call(values, params):
    program = params.get("jaxpr", params.get("call_jaxpr"))
    closed = program if isinstance(program, ClosedJaxpr) else ClosedJaxpr(program, ())
    return _evaluate(closed, values)


def _scan(values, params):
    num_consts, num_carry, length = (params[n] for n in ("num_consts", "num_carry", "length"))
    consts, carry = values[:num_consts], values[num_consts : num_consts + num_carry]
    xs, ys = values[num_consts + num_carry :], []
    for i in reversed(range(length)) if params["reverse"] else range(length):
        outs = _evaluate(params["jaxpr"], [*consts, *carry, *[np.asarray(x[i]) for x in xs]])
        carry = outs[:num_carry]
        ys.append(outs[num_carry:])
    ordered = ys[::-1] if params["reverse"] else ys
    return [*carry, *[np.stack(y) for y in zip(*ordered, strict=True)]]


def _while(values, params):
    a, b = params["cond_nconsts"], params["body_nconsts"]
    cond_consts, body_consts, state = values[:a], values[a : a + b], values[a + b :]
    while decided(_evaluate(params["cond_jaxpr"], [*cond_consts, *state])[0]):
        state = _evaluate(params["body_jaxpr"], [*body_consts, *state])
    return state


def _cond(values, params):
    index, *operands = values
    branches = params["branches"]
    chosen = min(max(int(decided(index)), 0), len(branches) - 1)
    return _evaluate(branches[chosen], operands)


_NESTED: dict[str, Callable[..., list[Any]]] = {
    **dict.fromkeys(("jit", "pjit", "closed_call", "core_call", "remat2", "checkpoint"), _call),
    **dict.fromkeys(("custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr"), _call),
    "scan": _scan,
    "while": _while,
    "cond": _cond,
}
