"""Evaluate a JAX function in double-double arithmetic: the step of the ladder above float64."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import JaxprEqn

from jaxlab.arithmetic._binding import MOVES, bind, is_float
from jaxlab.arithmetic._places import Place
from jaxlab.arithmetic._source import location
from jaxlab.arithmetic._walk import Visitor, walk
from jaxlab.arithmetic.double_double import _elementary as elementary
from jaxlab.arithmetic.double_double import _pairs as pairs
from jaxlab.arithmetic.double_double._pairs import DoubleDouble
from jaxlab.arithmetic.reference import widen_tree


def in_double_double(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A function that evaluates ``fn`` with pairs of float64 for every floating value.

    The arguments are taken exactly, ``fn`` is traced with them in float64 (so that its Python
    constants are float64 numbers, as in :func:`jaxlab.arithmetic.in_float64`), and every
    equation of the trace is evaluated in pairs, through ``jit``, ``scan``, ``while``, ``cond``,
    ``remat`` and custom derivatives. Conversions to a floating dtype inside ``fn`` change nothing;
    those from integers are exact, those to integers truncate and saturate.
    ``in_double_double(jax.grad(loss))`` is a gradient to about 30 digits. The whole is compiled; a
    ``jit`` outside is possible and not needed.

    Parameters
    ----------
    fn
        Any JAX function of pytrees.

    Returns
    -------
    A function of the same arguments, with :class:`DoubleDouble` for every floating array in the
    result.

    Raises
    ------
    NotImplementedError
        If ``fn`` uses a primitive on floating values that has no rule here, naming it.

    Examples
    --------
    >>> third = in_double_double(lambda x: x / 3)(jnp.float32(1))
    >>> float(third.hi), float(third.lo)
    (0.333..., 1.850...e-17)
    """

    @jax.jit
    def compiled(args, kwargs):
        program, shape = jax.make_jaxpr(fn, return_shape=True)(*args, **kwargs)
        inputs = [_lift(leaf) for leaf in jax.tree.leaves((args, kwargs))]
        outputs, _ = walk(program, inputs, _Pairs())
        return jax.tree.unflatten(jax.tree.structure(shape), outputs)

    @functools.wraps(fn)
    @pairs.in_x64
    def evaluate(*args, **kwargs):
        return compiled(*widen_tree(jax.tree.map(jnp.asarray, (args, kwargs))))

    return evaluate


def _lift(x):
    return pairs.lift(x) if is_float(x.dtype) else x


class _Pairs(Visitor):
    """Values are pairs or, where the program's are not floating, plain arrays."""

    def constant(self, value: Any, place: Place) -> Any:
        return _lift(jnp.asarray(value))

    def opaque(self, eqn: JaxprEqn, place: Place) -> bool:
        return False

    def totals(self, eqn: JaxprEqn, place: Place) -> str:
        return "written"

    def total(self, own: Any, start: Any, terms: Any, place: Place, tap: Any) -> Any:
        raise NotImplementedError  # never asked: totals are added up as the program says

    def apply(
        self, eqn: JaxprEqn, values: Sequence[Any], place: Place, tap: Any
    ) -> tuple[list[Any], None]:
        name, params = eqn.primitive.name, eqn.params
        exact = not any(isinstance(value, DoubleDouble) for value in values)
        avals: list[Any] = [v.aval for v in eqn.outvars]
        if exact and not any(is_float(aval.dtype) for aval in avals):
            return bind(eqn, values, None), None
        if name in MOVES:  # a gather that fills out-of-range entries fills both parts with NaN
            his = bind(eqn, [v.hi if isinstance(v, DoubleDouble) else v for v in values], None)
            los = bind(eqn, [v.lo if isinstance(v, DoubleDouble) else v for v in values], None)
            return [_pair(*found) for found in zip(his, los, avals, strict=True)], None
        if exact and name == "convert_element_type":
            return [_from_exact(*values)], None
        if exact and name == "iota":
            return [_lift(x) for x in bind(eqn, values, np.dtype(np.float64))], None
        if name not in _RULES:
            raise NotImplementedError(
                f"in_double_double: no rule for primitive {name!r} at {location(eqn)}"
            )
        return [_RULES[name](*values, **params)], None


def _pair(hi, lo, aval):
    """One result of moving both parts; what is not floating moved along."""
    return DoubleDouble(hi, lo) if is_float(aval.dtype) else hi


def _from_exact(x):
    """Integers and booleans as pairs, those of 64 bits in two parts."""
    if x.dtype.itemsize < 8:
        return _lift(x.astype(np.float64))
    low = x & x.dtype.type(2**32 - 1)
    return pairs.two_sum((x - low).astype(np.float64), low.astype(np.float64))


def _convert(x, *, new_dtype, **_):
    if is_float(new_dtype):
        return x
    if new_dtype == jnp.bool:
        return x.hi != 0
    limits = jnp.iinfo(new_dtype)
    x = _min(_max(x, pairs.constant(int(limits.min), x)), pairs.constant(int(limits.max), x))
    size = pairs.absolute(x)
    high = jnp.floor(size.hi)
    low = jnp.where(high == size.hi, jnp.floor(size.lo), 0.0).astype(np.int64)
    half = jnp.floor(high / 2)  # 2**64 is no integer of 64 bits, but a sum that wraps around is
    whole = (high - half).astype(np.uint64) + half.astype(np.uint64) + low.astype(np.uint64)
    return jnp.where(jnp.signbit(x.hi), -whole, whole).astype(new_dtype)


def _power(x, *, y):
    result = pairs.constant(1, x)
    for bit in bin(abs(y))[2:]:
        result = pairs.multiply(result, result)
        result = pairs.multiply(result, x) if bit == "1" else result
    return result if y >= 0 else pairs.divide(pairs.constant(1, x), result)


def _max(x, y):
    return pairs.where(pairs.less(y, x) | jnp.isnan(x.hi), x, y)


def _min(x, y):
    return pairs.negative(_max(pairs.negative(x), pairs.negative(y)))


def _reduce_max(x, *, axes, **_):
    hi = jnp.max(x.hi, axis=axes)
    largest = x.hi == jnp.expand_dims(hi, axes)
    lo = jnp.max(jnp.where(largest, x.lo, -jnp.inf), axis=axes)
    return DoubleDouble(hi, jnp.where(jnp.isnan(hi), 0.0, lo))


def _reduce_min(x, *, axes, **_):
    return pairs.negative(_reduce_max(pairs.negative(x), axes=axes))


def _entrywise(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A rule for pairs of one shape; in an equation, scalars may stand beside arrays."""

    def rule(*values: DoubleDouble, **params: Any) -> Any:
        shape = jnp.broadcast_shapes(*(value.shape for value in values))
        return fn(*jax.tree.map(lambda part: jnp.broadcast_to(part, shape), values))

    return rule


_RULES: dict[str, Callable[..., Any]] = {
    name: _entrywise(fn)
    for name, fn in {
        "add": pairs.add,
        "add_any": pairs.add,
        "sub": pairs.subtract,
        "mul": pairs.multiply,
        "div": pairs.divide,
        "neg": pairs.negative,
        "abs": pairs.absolute,
        "sign": lambda x: pairs.lift(jnp.sign(x.hi)),
        "sqrt": pairs.sqrt,
        "rsqrt": lambda x: pairs.divide(pairs.constant(1, x), pairs.sqrt(x)),
        "square": lambda x: pairs.multiply(x, x),
        "exp": elementary.exp,
        "expm1": elementary.expm1,
        "log": elementary.log,
        "log1p": elementary.log1p,
        "tanh": elementary.tanh,
        "logistic": elementary.logistic,
        "max": _max,
        "min": _min,
        "clamp": lambda low, x, high: _min(_max(low, x), high),
        "reduce_precision": lambda x: x,
        "lt": pairs.less,
        "gt": lambda x, y: pairs.less(y, x),
        "le": lambda x, y: pairs.less(x, y) | pairs.equal(x, y),
        "ge": lambda x, y: pairs.less(y, x) | pairs.equal(x, y),
        "eq": pairs.equal,
        "ne": lambda x, y: ~pairs.equal(x, y),
        "is_finite": lambda x: jnp.isfinite(x.hi),
    }.items()
} | {
    "integer_pow": _power,
    "reduce_max": _reduce_max,
    "reduce_min": _reduce_min,
    "reduce_sum": lambda x, *, axes, **_: pairs.total(x, axes),
    "dot_general": lambda x, y, *, dimension_numbers, **_: pairs.dot_general(
        x, y, dimension_numbers
    ),
    "convert_element_type": _convert,
}
