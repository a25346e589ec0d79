"""Sums by definition, in exact rationals: every addition is exact and then rounded once."""

from fractions import Fraction

import numpy as np

from tests.arithmetic import oracle

MODES = ("nearest_even", "nearest_away", "toward_zero", "up", "down", "to_odd")


def round_rational(q: Fraction, fmt, rounding: str) -> Fraction:
    """A rational rounded to a format; overflow is not expected here."""
    if q == 0:
        return q
    spacing = oracle.spacing_at(abs(q), fmt)
    index, rest = divmod(abs(q) / spacing, 1)
    rounded = (index + oracle.goes_up(index, rest, q < 0, rounding)) * spacing
    assert rounded <= oracle.largest(fmt)
    return -rounded if q < 0 else rounded


def total(terms, accumulator, fmt, rounding: str = "nearest_even") -> Fraction:
    """The sum of rationals as ``Accumulator`` defines it."""

    def load(q):
        return round_rational(q, accumulator.format or fmt, accumulator.rounding or rounding)

    def sequential(terms):
        s = load(terms[0])
        for t in terms[1:]:
            s = load(s + t)
        return s

    def blocked(terms):
        size = accumulator.block
        blocks = [terms[i : i + size] for i in range(0, len(terms), size)]
        if accumulator.inner == "exact":
            return sequential([sum(block) for block in blocks])
        return sequential([sequential(block) for block in blocks])

    def pairwise(nodes):
        while len(nodes) > 1:
            sums = [load(a + b) for a, b in zip(nodes[::2], nodes[1::2], strict=False)]
            nodes = sums + nodes[2 * len(sums) :]
        return load(nodes[0])

    def kahan(terms):
        s, c = load(terms[0]), Fraction(0)
        for t in terms[1:]:
            y = load(t - c)
            z = load(s + y)
            c = load(load(z - s) - y)
            s = z
        return s

    orders = {
        "exact": sum,
        "sequential": sequential,
        "blocked": blocked,
        "pairwise": pairwise,
        "kahan": kahan,
    }
    return round_rational(orders[accumulator.order](list(terms)), fmt, rounding)


def rationals(values) -> list[Fraction]:
    return [Fraction(v) for v in np.asarray(values, np.float64).ravel().tolist()]


def products(xs, ys, accumulator, fmt, rounding: str = "nearest_even") -> list[Fraction]:
    """The terms of a dot."""
    exact = [x * y for x, y in zip(rationals(xs), rationals(ys), strict=True)]
    if accumulator.product == "exact":
        return exact
    product = accumulator.product or accumulator.format or fmt
    return [round_rational(q, product, accumulator.rounding or rounding) for q in exact]


def dot(x, y, accumulator, fmt, rounding: str = "nearest_even") -> np.ndarray:
    """The matrix product, as float64."""

    def entry(row, column):
        terms = products(row, column, accumulator, fmt, rounding)
        return float(total(terms, accumulator, fmt, rounding))

    return np.array([[entry(row, column) for column in np.asarray(y).T] for row in np.asarray(x)])


def sums(rows, accumulator, fmt, rounding: str = "nearest_even") -> np.ndarray:
    """The sum of every row, as float64."""
    return np.array([float(total(rationals(r), accumulator, fmt, rounding)) for r in rows])


def numbers(fmt, shape, seed: int, reach: int) -> np.ndarray:
    """Random numbers of a format with exponents from -reach to reach, as float64."""
    rng = np.random.default_rng(seed)
    p = fmt.precision
    significands = rng.integers(2 ** (p - 1), 2**p, shape)
    signed = np.where(rng.random(shape) < 0.5, significands, -significands)
    return np.ldexp(signed.astype(np.float64), rng.integers(-reach, reach, shape) - p + 1)
