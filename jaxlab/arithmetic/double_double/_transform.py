"""Evaluate a JAX function in double-double arithmetic: the step of the ladder above float64."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import JaxprEqn

from jaxlab.arithmetic._binding import bind, is_float
from jaxlab.arithmetic._source import location
from jaxlab.arithmetic._walk import Place, Visitor, walk
from jaxlab.arithmetic.double_double import _elementary as elementary
from jaxlab.arithmetic.double_double import _pairs as pairs
from jaxlab.arithmetic.double_double._pairs import DoubleDouble
from jaxlab.arithmetic.reference import widen_tree


def in_double_double(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A function that evaluates ``fn`` with pairs of float64 for every floating value.

    The arguments are taken exactly, ``fn`` is traced with them in float64 (so that its Python
    constants are float64 numbers, as in :func:`jaxlab.arithmetic.in_float64`), and every
    equation of the trace is evaluated in pairs, through ``jit``, ``scan``, ``while``, ``cond``,
    ``remat`` and custom derivatives. Conversions between floating dtypes inside ``fn`` change
    nothing. ``in_double_double(jax.grad(loss))`` is a gradient to about 30 digits. The whole is
    compiled; a ``jit`` outside is possible and not needed.

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
    def compiled(*args):
        program, shape = jax.make_jaxpr(fn, return_shape=True)(*args)
        inputs = [_lift(leaf) for leaf in jax.tree.leaves(args)]
        outputs, _ = walk(program, inputs, _Pairs())
        return jax.tree.unflatten(jax.tree.structure(shape), outputs)

    @functools.wraps(fn)
    @pairs.in_x64
    def evaluate(*args):
        return compiled(*widen_tree(jax.tree.map(jnp.asarray, args)))

    return evaluate


def _lift(x):
    return pairs.lift(x) if is_float(x.dtype) else x


class _Pairs(Visitor):
    """Values are pairs or, where the program's are not floating, plain arrays."""

    def constant(self, value: Any, place: Place) -> Any:
        return _lift(jnp.asarray(value))

    def opaque(self, eqn: JaxprEqn, place: Place) -> bool:
        return False

    def totals(self, eqn: JaxprEqn, place: Place) -> None:
        return None

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
        if name in _MOVES:
            his = bind(eqn, [v.hi if isinstance(v, DoubleDouble) else v for v in values], None)
            los = bind(eqn, [v.lo if isinstance(v, DoubleDouble) else v for v in values], None)
            return [DoubleDouble(*parts) for parts in zip(his, los, strict=True)], None
        if exact and name in ("iota", "convert_element_type"):  # integers: exact in float64
            return [_lift(x.astype(jnp.float64)) for x in bind(eqn, values, None)], None
        if name not in _RULES:
            raise NotImplementedError(
                f"in_double_double: no rule for primitive {name!r} at {location(eqn)}"
            )
        return [_RULES[name](*values, **params)], None


# Both parts move alike. A gather that fills out-of-range entries fills both with NaN.
_MOVES = frozenset(
    (
        *("broadcast_in_dim", "concatenate", "copy", "copy_p", "dynamic_slice", "expand_dims"),
        *("dynamic_update_slice", "gather", "optimization_barrier", "pad", "reshape", "rev"),
        *("select_n", "slice", "split", "squeeze", "stop_gradient", "transpose"),
    )
)


def _convert(x, *, new_dtype, **_):
    if is_float(new_dtype):
        return x
    if new_dtype == jnp.bool:
        return x.hi != 0
    whole = jnp.trunc(x.hi)  # towards zero: a low part of the other sign takes one away
    over = (whole == x.hi) & (x.lo != 0) & (jnp.signbit(x.lo) != jnp.signbit(x.hi))
    return (whole - jnp.where(over, jnp.sign(x.hi), 0.0)).astype(new_dtype)


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
