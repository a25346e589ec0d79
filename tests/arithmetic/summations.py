"""Sums on the host with a known order and rounding, for the probe to recognise."""

import math
import random

import numpy as np


def sequential(dtype=np.float32):
    """One after the other, every partial sum rounded to the dtype."""

    def total(terms):
        partial = dtype(0)
        for term in terms:
            partial = dtype(partial + dtype(term))
        return float(partial)

    return total


def backwards(terms):
    return sequential()(terms[::-1])


def pairwise(terms):
    terms = [np.float32(term) for term in terms]
    while len(terms) > 1:
        terms = [sum(terms[i : i + 2], np.float32(0)) for i in range(0, len(terms), 2)]
    return float(terms[0])


def by_halves(terms):
    terms = np.asarray(terms, np.float32)
    while len(terms) > 1:
        terms = terms[: len(terms) // 2] + terms[len(terms) // 2 :]
    return float(terms[0])


def blocked(block, outer=sequential(), inner=sequential()):  # noqa: B008
    return lambda terms: outer([inner(terms[i : i + block]) for i in range(0, len(terms), block)])


def strided(lanes):
    return lambda terms: pairwise([sequential()(terms[i::lanes]) for i in range(lanes)])


def rounded(to_integer, precision):
    """Sequential, every partial sum rounded to ``precision`` bits by ``to_integer``."""

    def total(terms):
        partial = 0.0
        for term in terms:
            significand, exponent = math.frexp(partial + term)
            kept = to_integer(math.ldexp(significand, precision))
            partial = math.ldexp(kept, exponent - precision)
        return partial

    return total


def half_away(x):
    return math.copysign(math.floor(abs(x) + 0.5), x)


def tensor_core(width, precision):
    """Aligns the accumulator and ``width`` terms to the largest, truncates, adds exactly."""

    def total(terms):
        partial = 0.0
        for i in range(0, len(terms), width):
            group = [partial, *terms[i : i + width]]
            largest = max((math.frexp(term)[1] for term in group if term), default=0)
            unit = 2.0 ** (largest - precision)
            partial = unit * sum(math.trunc(term / unit) for term in group)
        return partial

    return total


def shuffled(seed=0):
    """Another order in every call."""
    draw = random.Random(seed)

    def total(terms):
        return sequential()(draw.sample(list(terms), len(terms)))

    return total
