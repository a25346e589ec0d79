"""What each primitive does to NumPy arrays of balls (``flint.arb``).

Booleans that a comparison of balls cannot decide are None, in arrays of dtype object.
"""

import importlib
import itertools
import operator
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxlab.arithmetic._dimensions import contracted_first
from jaxlab.arithmetic.ulps import widen


class UndecidedError(ArithmeticError):
    """A comparison of balls that overlap had to be decided."""


def flint() -> Any:
    """python-flint, imported when it is needed.

    Raises
    ------
    ImportError
        Saying what to install.
    """
    try:
        return importlib.import_module("flint")
    except ImportError as error:
        message = "enclosures need python-flint: pip install python-flint"
        raise ImportError(message) from error


def arb() -> Any:
    """The type of a ball."""
    return flint().arb


def is_key(x: Any) -> bool:
    """Whether an array consists of typed random keys."""
    return isinstance(x, jax.Array) and jnp.issubdtype(x.dtype, jax.dtypes.prng_key)


def _is_balls(x: Any) -> bool:
    """Whether an array consists of balls: one of dtype object may be of undecided booleans."""
    return x.dtype == object and (x.size == 0 or isinstance(x.flat[0], arb()))


def lift(x: Any) -> Any:
    """A floating array as exact balls; any other as it is, on the host (keys stay).

    Examples
    --------
    >>> lift(np.float64(0.5)).item()
    0.500000000000000
    """
    if is_key(x):
        return x
    x = np.asarray(x)
    if x.dtype == object or not jnp.issubdtype(x.dtype, jnp.floating):
        return x
    return _map(lambda entry: arb()(float(entry)), np.asarray(widen(x)))


def decided(x: Any) -> Any:
    """The only entry of an integer or boolean array, if it is known."""
    if x.item() is None:
        raise UndecidedError("the balls overlap: more bits may decide, unless the sides are equal")
    return x.item()


def _map(fn: Callable[..., Any], *arrays: Any) -> np.ndarray:
    """Apply a function of balls entrywise, to an object array (also without dimensions)."""
    result = np.frompyfunc(fn, len(arrays), 1)(*arrays)
    filled = np.empty(np.shape(result), dtype=object)
    filled[...] = result
    return filled


def _entrywise(fn: Callable[..., Any]) -> Callable[..., np.ndarray]:
    return lambda *arrays, **_: _map(fn, *arrays)


def _compare(yes: Callable[[Any, Any], bool], no: Callable[[Any, Any], bool]) -> Any:
    """A comparison that answers True or False when sure, and None otherwise."""
    return _known(lambda x, y: True if yes(x, y) else False if no(x, y) else None)


def _known(fn: Callable[..., Any]) -> Callable[..., np.ndarray]:
    """Entrywise with boolean results, in a bool array if none of them is None."""

    def apply(*arrays, **_):
        result = _map(fn, *arrays)
        return result if any(entry is None for entry in result.flat) else result.astype(bool)

    return apply


def _and(x, y):
    return False if x is False or y is False else None if x is None or y is None else x and y


def _not(x):
    return None if x is None else not x


def _select(which, *cases, **_):
    def choose(index, *options):
        if index is not None:
            return options[int(index)]
        first, second = options
        if isinstance(first, arb()):
            return first.union(second)
        return first if first == second else None

    if not _is_balls(cases[0]):
        kind = _known(choose) if cases[0].dtype in (bool, object) else _whole(choose)
        return kind(which, *cases)
    return _map(choose, which, *cases)


def _whole(choose):
    def apply(which, *cases):
        if any(entry is None for entry in which.flat):
            raise UndecidedError("an integer depends on balls that overlap")
        return _map(choose, which, *cases).astype(cases[0].dtype)

    return apply


def _convert(x, *, new_dtype, **_):
    balls = _is_balls(x)
    if jnp.issubdtype(new_dtype, jnp.floating):
        return x if balls else _map(_from_exact, x)
    if balls:
        zero = arb()(0)
        return (
            RULES["ne"](x, zero) if new_dtype == np.bool_ else _map(_truncate, x).astype(new_dtype)
        )
    if any(entry is None for entry in x.flat):
        raise UndecidedError("an integer depends on balls that overlap")
    return x.astype(new_dtype)


def _from_exact(number):
    """The ball of an integer or a boolean; of an undecided one, the ball around 0 and 1."""
    return arb()(0).union(arb()(1)) if number is None else arb()(int(number))


def _truncate(ball):
    floor = abs(ball).floor().unique_fmpz()
    if floor is None:
        raise UndecidedError("an integer part that the ball does not decide")
    return -int(floor) if ball < 0 else int(floor)


def _reduce(fn: Callable[[Any, Any], Any]) -> Callable[..., np.ndarray]:
    def apply(x, *, axes, **_):
        for axis in sorted(axes, reverse=True):
            x = np.asarray(np.frompyfunc(fn, 2, 1).reduce(x, axis=axis), dtype=object)
        return x

    return apply


def _sum(x, *, axes, **_):
    return _map(arb(), np.sum(x, axis=tuple(axes)))


def _cumsum(x, *, axis, reverse, **_):
    flipped = np.flip(x, axis) if reverse else x
    sums = np.add.accumulate(flipped, axis=axis)
    return np.flip(sums, axis) if reverse else sums


def _dot_general(x, y, *, dimension_numbers, **_):
    (x_sum, y_sum), (x_batch, y_batch) = dimension_numbers
    rows, batch, x = contracted_first(x, x_sum, x_batch)
    columns, _, y = contracted_first(y, y_sum, y_batch)
    (k, count, m), n = x.shape, y.shape[2]
    matrix = flint().arb_mat
    products = [
        (matrix(m, k, list(x[:, i].T.flat)) * matrix(k, n, list(y[:, i].flat))).entries()
        for i in range(count)
    ]
    result = np.empty(count * m * n, dtype=object)
    result[:] = list(itertools.chain.from_iterable(products))
    return result.reshape((*batch, *rows, *columns))


def _power(x, *, y):
    return _map(lambda ball: ball**y, x)


RULES: dict[str, Callable[..., Any]] = {
    "add": _entrywise(lambda x, y: x + y),
    "add_any": _entrywise(lambda x, y: x + y),
    "sub": _entrywise(lambda x, y: x - y),
    "mul": _entrywise(lambda x, y: x * y),
    "div": _entrywise(lambda x, y: x / y),
    "neg": _entrywise(lambda x: -x),
    "abs": _entrywise(abs),
    "max": _entrywise(lambda x, y: x.max(y)),
    "min": _entrywise(lambda x, y: x.min(y)),
    "clamp": _entrywise(lambda low, x, high: x.max(low).min(high)),
    "sign": _entrywise(lambda x: x.sgn()),
    "square": _entrywise(lambda x: x**2),
    "integer_pow": _power,
    "pow": _entrywise(lambda x, y: x**y),
    "logistic": _entrywise(lambda x: 1 / (1 + (-x).exp())),
    "erf_inv": _entrywise(lambda x: x.erfinv()),
    "reduce_precision": lambda x, **_: x,
    "reduce_sum": _sum,
    "reduce_max": _reduce(lambda x, y: x.max(y)),
    "reduce_min": _reduce(lambda x, y: x.min(y)),
    "cumsum": _cumsum,
    "dot_general": _dot_general,
    "select_n": _select,
    "convert_element_type": _convert,
    "lt": _compare(lambda x, y: x < y, lambda x, y: x >= y),
    "gt": _compare(lambda x, y: x > y, lambda x, y: x <= y),
    "le": _compare(lambda x, y: x <= y, lambda x, y: x > y),
    "ge": _compare(lambda x, y: x >= y, lambda x, y: x < y),
    "eq": _compare(lambda x, y: x == y, lambda x, y: x != y),
    "ne": _compare(lambda x, y: x != y, lambda x, y: x == y),
    "and": _known(_and),
    "or": _known(lambda x, y: _not(_and(_not(x), _not(y)))),
    "not": _known(_not),
    "is_finite": _known(lambda x: x.is_finite()),
}
RULES |= {
    name: _entrywise(operator.methodcaller(name))
    for name in (
        *("acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh", "digamma", "erf"),
        *("erfc", "exp", "expm1", "lgamma", "log", "log1p", "rsqrt", "sin", "sinh", "sqrt"),
        *("tan", "tanh"),
    )
}
