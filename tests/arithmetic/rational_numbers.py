"""Numbers of a format by exact rationals: ``+ - * /`` and ``sqrt``, each rounded once."""

import dataclasses
import math
import operator
from fractions import Fraction
from typing import Any

import numpy as np

from tests.arithmetic import oracle


@dataclasses.dataclass(frozen=True)
class Number:
    """A value of a format, held as the float64 that it is."""

    value: float
    format: Any
    rounding: str = "nearest_even"

    def _apply(self, exact, other):
        """One operation: by rationals where there are any, else by float64's special values.

        A constant is a float32 literal of the program before it is a number of the format.
        """
        other = other if isinstance(other, Number) else self.of(float(np.float32(other)))
        x, y = self.value, other.value
        with np.errstate(all="ignore"):
            special = float(exact(np.float64(x), np.float64(y)))
        divides = exact is operator.truediv
        if not (math.isfinite(x) and math.isfinite(y)) or (divides and y == 0):
            return self.of(special)
        return self._finish(exact(Fraction(x), Fraction(y)), special)

    def _finish(self, q: Fraction, special: float):
        if q == 0:
            return dataclasses.replace(self, value=special)  # float64 knows the sign
        spacing = oracle.spacing_at(abs(q), self.format)
        index, rest = divmod(abs(q) / spacing, 1)
        index += oracle.goes_up(int(index), rest, q < 0, self.rounding)
        value = oracle.finish(index * spacing, q < 0, False, self.format, self.rounding)
        return dataclasses.replace(self, value=value)

    def of(self, value: float) -> "Number":
        """Another number of the same format: ``value`` rounded."""
        rounded = oracle.round_exactly(value, self.format, self.rounding)
        return dataclasses.replace(self, value=rounded)

    def __add__(self, other):
        return self._apply(operator.add, other)

    def __sub__(self, other):
        return self._apply(operator.sub, other)

    def __mul__(self, other):
        return self._apply(operator.mul, other)

    def __truediv__(self, other):
        return self._apply(operator.truediv, other)

    def __neg__(self):
        return dataclasses.replace(self, value=-self.value)

    def power(self, exponent: int) -> "Number":
        with np.errstate(all="ignore"):
            special = float(np.float64(self.value) ** exponent)
        if self.value == 0 or not math.isfinite(self.value):
            return self.of(special)
        return self._finish(Fraction(self.value) ** exponent, special)

    def sqrt(self) -> "Number":
        """Square root: an integer one with 200 bits to spare, and a sticky bit."""
        x = self.value
        if not x > 0 or math.isinf(x):
            return self.of(math.nan if x < 0 else x)
        scaled = Fraction(x) * 4**400
        root = math.isqrt(int(scaled))  # an integer: formats end far above 2**-800
        return self._finish(Fraction(2 * root + (root * root != scaled), 2 * 2**400), 0.0)


def evaluate(expression, columns, fmt, rounding="nearest_even") -> np.ndarray:
    """An expression of numbers over the rows of columns of floats, as float64."""
    rows = zip(*(np.asarray(c, np.float64).tolist() for c in columns), strict=True)
    one = Number(1.0, fmt, rounding)
    return np.array([expression(*map(one.of, row)).value for row in rows])
