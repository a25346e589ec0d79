"""How accurate are the elementary functions? Worst observed error in ulps on fixed points."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
import scipy.special

from jaxlab.arithmetic.formats import as_format
from jaxlab.arithmetic.probe._experiments import DTYPES, Unmeasured, attempt

_POINTS = 2000
_GOLDEN = (math.sqrt(5) - 1) / 2


class Function(NamedTuple):
    """An elementary function.

    Attributes
    ----------
    device, host
        The JAX primitive and its reference.
    lowest, highest
        Where it is evaluated; the range for float16 follows from its exponents.
    """

    device: Callable[[Any], Any]
    host: Callable[[np.ndarray], np.ndarray]
    lowest: float
    highest: float


def _erf(x: np.ndarray) -> np.ndarray:
    """erf in the precision of ``x``: 2/sqrt(pi) exp(-x^2) sum 2^n x^(2n+1) / (2n+1)!!."""
    if x.dtype == np.float64:
        return scipy.special.erf(x)
    term, total = x.copy(), x.copy()
    for n in range(1, 200):
        term = term * 2 * x * x / (2 * n + 1)
        total = total + term
    pi = 4 * np.arctan(np.ones((), x.dtype))
    return 2 / np.sqrt(pi) * np.exp(-x * x) * total


FUNCTIONS = {
    "exp": Function(jax.lax.exp, np.exp, -80, 80),
    "expm1": Function(jax.lax.expm1, np.expm1, -5, 5),
    "log": Function(jax.lax.log, np.log, 0, 1000),
    "log1p": Function(jax.lax.log1p, np.log1p, -0.9, 10),
    "sin": Function(jax.lax.sin, np.sin, -100, 100),
    "cos": Function(jax.lax.cos, np.cos, -100, 100),
    "atan": Function(jax.lax.atan, np.arctan, -50, 50),
    "tanh": Function(jax.lax.tanh, np.tanh, -9, 9),
    "logistic": Function(jax.lax.logistic, lambda x: 1 / (1 + np.exp(-x)), -30, 30),
    "erf": Function(jax.lax.erf, _erf, -4, 4),
    "sqrt": Function(jax.lax.sqrt, np.sqrt, 0, 1000),
    "rsqrt": Function(jax.lax.rsqrt, lambda x: 1 / np.sqrt(x), 0, 1000),
    "cbrt": Function(jax.lax.cbrt, np.cbrt, -1000, 1000),
}
"""The functions that are measured."""


def function_errors(dtype: str) -> dict[str, Any]:
    """The worst error of each function in one dtype, under ``jit`` on the default device.

    Returns
    -------
    By function the largest ``|computed - exact| / ulp(exact)`` over 2000 fixed points, half of
    them equidistant and half logarithmic; 0.5 is correct rounding. Points with a subnormal or
    infinite result are left out. Or :class:`Unmeasured`: for float64 where NumPy's ``longdouble``
    is no wider.

    Notes
    -----
    The reference is float64 for the narrower dtypes and ``longdouble`` for float64. The worst
    error over 2000 points is a lower bound of the worst error.

    Examples
    --------
    >>> function_errors("float32")["sqrt"]
    0.5
    """
    if dtype == "float64" and np.finfo(np.longdouble).nmant < 60:
        return dict.fromkeys(FUNCTIONS, Unmeasured("no longdouble wider than float64 here"))
    points = {name: _points(function, dtype) for name, function in FUNCTIONS.items()}
    try:
        results = _evaluate(points)
    except Exception:  # one function that the backend lacks must not hide the others
        results = {
            name: attempt(lambda name=name: _evaluate({name: points[name]})[name])
            for name in points
        }
    return {
        name: result
        if isinstance(result := results[name], Unmeasured)
        else worst_ulps(np.asarray(result), _reference(function, points[name]), dtype)
        for name, function in FUNCTIONS.items()
    }


def worst_ulps(computed: np.ndarray, exact: np.ndarray, dtype: str) -> float | str:
    """The largest error in ulps of the exact value, to three digits, or ``"not finite"``.

    Parameters
    ----------
    computed
        Values in the dtype.
    exact
        The same in a wider dtype; entries that are subnormal or out of range are ignored.
    dtype
        Name of the dtype whose ulp counts.

    Examples
    --------
    >>> worst_ulps(np.float32([1.0, 2.0]), np.float64([1.0, 2.0 + 2.0**-23]), "float32")
    0.5
    """
    fmt = as_format(dtype)
    size = np.abs(exact)
    ordinary = (size >= 2.0**fmt.emin) & (size <= fmt.max)
    ulp = np.ldexp(np.ones((), exact.dtype), np.frexp(size[ordinary])[1] - fmt.precision)
    error = np.abs(computed[ordinary].astype(exact.dtype) - exact[ordinary]) / ulp
    worst = float(np.max(error))
    return float(f"{worst:.3g}") if math.isfinite(worst) else "not finite"


@jax.jit
def _evaluate(points: dict[str, Any]) -> dict[str, jax.Array]:
    return {name: FUNCTIONS[name].device(x) for name, x in points.items()}


def _points(function: Function, dtype: str) -> np.ndarray:
    """Equidistant points in general position, then logarithmic ones towards zero."""
    lowest, highest = function.lowest, function.highest
    if dtype == "float16" and function.device is jax.lax.exp:
        lowest, highest = -9, 11
    share = np.modf(np.arange(1, _POINTS // 2 + 1) * _GOLDEN)[0]
    signs = np.where(np.arange(share.size) % 2 == 0, math.copysign(1, lowest or 1), 1)
    ends = np.where(signs < 0, -lowest, highest)
    small = signs * ends * 2.0 ** (-12 * share)
    return np.concatenate([lowest + (highest - lowest) * share, small]).astype(DTYPES[dtype])


def _reference(function: Function, points: np.ndarray) -> np.ndarray:
    wide = np.longdouble if points.dtype == np.float64 else np.float64
    return function.host(points.astype(wide))
