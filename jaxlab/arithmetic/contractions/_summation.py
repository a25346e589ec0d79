"""What one summing operation needs to know: accumulator, format of the result, dtypes, keys."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxlab.arithmetic.accumulators import Accumulator, as_accumulator
from jaxlab.arithmetic.carriers import odd_sum, working_dtype
from jaxlab.arithmetic.formats import Format, as_format
from jaxlab.arithmetic.rounding import STOCHASTIC, Rounding, round_to

# Modes in which a sum rounded to nearest in the carrier may be rounded again (see carriers.py).
_INNOCUOUS = ("nearest_even", "nearest_away", "stochastic")


class Terms(NamedTuple):
    """What is summed.

    Attributes
    ----------
    term
        ``term(k)`` is the k-th term, in the working dtype; ``k`` may be traced.
    total
        ``total(first, n)`` is the working dtype's own sum of ``n`` terms; ``n`` is static.
    """

    term: Callable[[Any], Float[Array, "..."]]
    total: Callable[[Any, int], Float[Array, "..."]]


@dataclasses.dataclass(frozen=True)
class Summation:
    """An accumulator made definite for one operation; static and hashable.

    Attributes
    ----------
    accumulator, fmt, rounding
        As given by the caller.
    carrier, working
        Dtype of the operands and the result; dtype of the sums.
    fits
        Whether the terms are numbers of the format of the partial sums.
    """

    accumulator: Accumulator
    fmt: Format
    rounding: Rounding
    carrier: np.dtype
    working: np.dtype
    fits: bool

    @property
    def format(self) -> Format:
        """Format of the partial sums."""
        return self.accumulator.format or self.fmt

    @property
    def mode(self) -> Rounding:
        """Rounding mode of the partial sums."""
        return self.accumulator.rounding or self.rounding

    @property
    def product(self) -> Format | None:
        """Format to which products are rounded; None if they are exact."""
        product = self.accumulator.product
        return None if product == "exact" else product or self.format

    def load(self, x: Array, key: Any) -> Array:
        """Round to the format of the partial sums."""
        return round_to(x, self.format, self.mode, key)

    def add(self, a: Array, b: Array, key: Any, fits: bool = True) -> Array:
        """``a + b`` rounded once; ``fits``: both are numbers of the format of the partial sums."""
        plain = fits and self.mode in _INNOCUOUS
        return self.load(a + b if plain else odd_sum(a, b), key)

    def multiply(self, x: Array, y: Array, key: Any) -> Array:
        """The term ``x * y``."""
        product = x * y  # exact
        return product if self.product is None else round_to(product, self.product, self.mode, key)

    def finish(self, total: Array, key: Any) -> Array:
        """The result: rounded to its format where that does not hold the sum, in the carrier."""
        if self.accumulator.order == "exact" or not self.fmt.holds(self.format):
            total = round_to(total, self.fmt, self.rounding, key)
        return total.astype(self.carrier)

    def keys(self, key: Any) -> tuple[Any, Any, Any]:
        """Keys for the products, the partial sums and the result; None where nothing is drawn."""
        partial = key if self.mode in STOCHASTIC else None
        result = key if self.rounding in STOCHASTIC else None
        return fold_in(partial, 0), fold_in(partial, 1), fold_in(result, 2)


def fold_in(key: Any, data: Any) -> Any:
    """``jax.random.fold_in``, also of no key at all."""
    return None if key is None else jax.random.fold_in(key, data)


def resolve(
    accumulator: Any, fmt: Any, rounding: Rounding, key: Any, *operands: Array, products: bool
) -> Summation:
    """Check the arguments of an operation and choose the dtype of its sums.

    Raises
    ------
    TypeError
        If the operands are not of one floating-point dtype.
    ValueError
        If their dtype cannot hold ``fmt``, a format is too precise for its sums to be emulated, or
        the key is missing or superfluous.
    """
    accumulator, fmt = as_accumulator(accumulator), as_format(fmt)
    dtypes = [x.dtype for x in operands]
    if len(set(dtypes)) > 1 or not jnp.issubdtype(dtypes[0], jnp.floating):
        names = ", ".join(map(str, dtypes))
        raise TypeError(f"operands: got dtypes {names}, expected one real floating-point dtype")
    if not as_format(dtypes[0]).holds(fmt):
        raise ValueError(
            f"operands: got carrier {dtypes[0]}, expected one that holds every value of {fmt.name}"
        )
    double = np.dtype(np.float64)
    how = Summation(accumulator, fmt, rounding, np.dtype(dtypes[0]), double, False)
    random = rounding in STOCHASTIC or (accumulator.order != "exact" and how.mode in STOCHASTIC)
    if (key is not None) != random:
        raise ValueError(
            f"key: got {'None' if key is None else 'a key'} with rounding {rounding!r} and "
            f"{accumulator}; a key is needed by {STOCHASTIC} and by them only"
        )
    term = how.product if products else fmt
    formats = [fmt, how.format] + ([] if term is None else [term])
    working = working_dtype(how.carrier, *formats)
    if working is None and accumulator.order != "exact":
        most = max(formats, key=lambda f: f.precision)
        raise ValueError(
            f"fmt: got {most.name} with {most.precision} bits, expected at most 25 bits; only "
            "exact() sums more precise formats"
        )
    fits = term is not None and how.format.holds(term)
    return dataclasses.replace(how, working=working or double, fits=fits)
