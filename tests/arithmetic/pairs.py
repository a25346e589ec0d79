"""Pairs as exact rationals and MPFR numbers, for checking double-double arithmetic against."""

from fractions import Fraction

import gmpy2
import jax
import jax.numpy as jnp
import numpy as np

from jaxlab.arithmetic.double_double import DoubleDouble

WIDE = gmpy2.context(precision=400, emin=-100_000, emax=100_000)


def rationals(pair) -> list[Fraction]:
    parts = (np.asarray(part, np.float64).ravel() for part in pair)
    return [Fraction(float(hi)) + Fraction(float(lo)) for hi, lo in zip(*parts, strict=True)]


def random_pair(hi, dtype, seed) -> DoubleDouble:
    """A pair with the given high part and a random low part of at most half an ulp."""
    rng = np.random.default_rng(seed)
    hi = np.asarray(hi).astype(dtype)
    lo = (np.spacing(np.abs(hi)) * rng.uniform(-0.49, 0.49, hi.shape)).astype(dtype)
    with jax.enable_x64(True):
        return DoubleDouble(jnp.asarray(hi), jnp.asarray(lo))


def worst_error(pair, expected) -> float:
    """Largest relative error in units of u**2, against MPFR numbers."""
    unit = float(np.finfo(pair.hi.dtype).eps) / 2
    with WIDE:
        got = [gmpy2.mpfr(gmpy2.mpq(x)) for x in rationals(pair)]
        return max(float(abs(g / e - 1)) for g, e in zip(got, expected, strict=True)) / unit**2
