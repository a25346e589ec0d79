"""Risks of the best constant and the best affine function for a polynomial, in rationals.

Both are critical or asymptotic critical values of every network with that target: a constant
network is a critical point of its own kind, and softplus networks come as close as they like to
affine maps (exactly, with two neurons: ``softplus(x) - softplus(-x) = x``).
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

Monomial = tuple[int, ...]


class Polynomial:
    """A polynomial with rational coefficients, for targets written as Python functions.

    Examples
    --------
    >>> x = Polynomial({(1,): Fraction(1)})
    >>> sorted((3 * x**2 - x + 2).terms.items())
    [((0,), Fraction(2, 1)), ((1,), Fraction(-1, 1)), ((2,), Fraction(3, 1))]
    """

    def __init__(self, terms: Mapping[Monomial, Fraction]) -> None:
        self.terms = dict(terms)

    def _with(self, other: "Polynomial | int") -> "Polynomial":
        if isinstance(other, Polynomial):
            return other
        return Polynomial({(0,) * len(next(iter(self.terms))): Fraction(other)})

    def __add__(self, other: "Polynomial | int") -> "Polynomial":
        total = defaultdict(Fraction, self.terms)
        for powers, coefficient in self._with(other).terms.items():
            total[powers] += coefficient
        return Polynomial(total)

    def __mul__(self, other: "Polynomial | int") -> "Polynomial":
        product = defaultdict(Fraction)
        for left, a in self.terms.items():
            for right, b in self._with(other).terms.items():
                product[tuple(i + j for i, j in zip(left, right, strict=True))] += a * b
        return Polynomial(product)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> "Polynomial":
        return self * -1

    def __sub__(self, other: "Polynomial | int") -> "Polynomial":
        return self + -self._with(other)

    def __pow__(self, power: int) -> "Polynomial":
        return math.prod([self] * power, start=self._with(1))

    def mean(self) -> Fraction:
        """Under the uniform probability on ``[-1, 1]**d``."""
        return sum(
            (
                coefficient * math.prod(Fraction(1 - i % 2, i + 1) for i in powers)
                for powers, coefficient in self.terms.items()
            ),
            Fraction(0),
        )


class Moments(NamedTuple):
    """What constants and affine maps can do for one target.

    Attributes
    ----------
    mean
        The best constant.
    square
        Mean of the squared target.
    constant, affine
        Risk of the best constant and of the best affine map.
    """

    mean: Fraction
    square: Fraction
    constant: Fraction
    affine: Fraction


def moments(target: Callable[..., Any], inputs: int) -> Moments:
    """Exactly, for a target that is a polynomial of its arguments with integer coefficients.

    Parameters
    ----------
    target
        Of ``inputs`` arguments; it is called with :class:`Polynomial`.
    inputs
        Dimension ``d`` of the cube ``[-1, 1]**d``.

    Examples
    --------
    >>> moments(lambda x: x**2, 1).constant
    Fraction(4, 45)
    """
    units = [tuple(int(i == j) for i in range(inputs)) for j in range(inputs)]
    x = [Polynomial({unit: Fraction(1)}) for unit in units]
    values = target(*x)
    mean, square = values.mean(), (values * values).mean()
    # Coordinates are uncorrelated, with variance 1/3.
    slopes = [3 * (values * one).mean() for one in x]
    constant = square - mean**2
    return Moments(mean, square, constant, constant - sum(s**2 for s in slopes) / 3)
