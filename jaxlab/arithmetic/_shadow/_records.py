"""What is measured at one operation: its own error, the error handed to it, what went wrong."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxlab.arithmetic.formats import Format

_ADDITIONS = ("add", "sub", "add_any")


class Pair(NamedTuple):
    """One value in both worlds: rounded as in the format, and in the float64 twin."""

    low: Any
    high: Any


class Counts(NamedTuple):
    """What one operation did, in one execution; sums over its entries unless said otherwise.

    Attributes
    ----------
    entries
        Number of entries.
    executions
        1 if the operation ran, 0 in a branch that was not taken.
    local, inherited, reference
        Sums of squares: of the rounding error made here, of the error due to the inputs, and of the
        twin's values.
    worst
        Largest relative rounding error made here.
    input_error
        Largest normwise relative error among the inputs.
    overflow, underflow, subnormal
        Entries beyond the format (more than half an ulp above its largest number, or no number
        after rounding), rounded to zero, and below its normal numbers.
    absorbed
        Entries of an addition in which a nonzero addend changed nothing.
    cancelled_bits
        Largest number of leading bits that cancelled in one entry of a sum or difference.
    nan_born, inf_born
        Entries that are NaN though no input is, and infinite though no input is.
    flipped
        Entries of a comparison that the twin decides the other way.
    exponents
        Histogram of ``floor(log2 |exact result|)`` of the nonzero entries; first bin: all below
        the format's smallest number; last bin: all beyond its largest binade.
    """

    entries: Any
    executions: Any
    local: Any
    inherited: Any
    reference: Any
    worst: Any
    input_error: Any
    overflow: Any
    underflow: Any
    subnormal: Any
    absorbed: Any
    cancelled_bits: Any
    nan_born: Any
    inf_born: Any
    flipped: Any
    exponents: Any


MAXIMA = ("worst", "input_error", "cancelled_bits")
"""The fields of :class:`Counts` that are maxima."""


class Seen(NamedTuple):
    """What an operation leaves behind to be measured; leading axes are iterations of scans.

    Attributes
    ----------
    ran
        False in a branch that was not taken.
    sizes, errors, references
        One entry per floating input: the sum of absolute values, and the sums of squares of its
        error and of its twin.
    absorbed
        Of an addition: the entries in which a nonzero addend changed nothing; else None.
    exact
        The result on the rounded inputs, in float64; None for a comparison.
    out
        The result in both worlds.
    terms
        The sum of the absolute values of the terms, where the operation is a sum; else None.
    """

    ran: Any
    sizes: Any
    errors: Any
    references: Any
    absorbed: Any
    exact: Any
    out: Pair
    terms: Any = None


def see(name: str, inputs: Sequence[Pair], exact: Any, out: Pair, terms: Any = None) -> Seen:
    """Look at an operation with these floating inputs, inside a compiled program."""
    zeros = jnp.zeros(0)
    if exact is None:
        return Seen(jnp.bool_(True), zeros, zeros, zeros, None, None, out)

    def each(measure):
        return jnp.stack([measure(pair) for pair in inputs]) if inputs else zeros

    return Seen(
        ran=jnp.bool_(True),
        sizes=each(lambda pair: jnp.sum(jnp.abs(pair.low))),
        errors=each(lambda pair: jnp.sum(jnp.square(_difference(pair.low, pair.high, jnp)))),
        references=each(lambda pair: jnp.sum(jnp.square(pair.high))),
        absorbed=_absorbed(name, inputs, out.low),
        exact=exact,
        out=out,
        terms=terms,
    )


def merge(first: Counts, second: Counts) -> Counts:
    """The counts of two executions of the same operation."""
    merged = {
        name: (jnp.maximum if name in MAXIMA else jnp.add)(a, b)
        for name, a, b in zip(Counts._fields, first, second, strict=True)
    }
    return Counts(**merged)


def bins(fmt: Format) -> np.ndarray:
    """Exponents that the bins of ``Counts.exponents`` stand for, the two outer ones included."""
    return np.arange(fmt.quantum_exponent - 1, fmt.emax + 2)


def cancelled_bits(seen: Seen, fmt: Format, xp: Any) -> Any:
    """``log2(sum |terms| / |sum of terms|)``, at most the precision, 0 where nothing was added."""
    if seen.terms is None:
        return xp.zeros(seen.exact.shape)
    bits = xp.log2(seen.terms) - xp.log2(xp.abs(seen.exact))
    usable = (seen.terms > 0) & xp.isfinite(seen.terms)
    return xp.where(usable, xp.clip(bits, 0.0, float(fmt.precision)), 0.0)


def measure(seen: Seen, fmt: Format, xp: Any) -> Counts:
    """The counts of an operation.

    Parameters
    ----------
    seen
        What it left behind.
    fmt
        The format that it rounds to.
    xp
        NumPy, or ``jax.numpy`` inside a compiled program.
    """
    loops = seen.ran.shape
    each = (*loops, math.prod(seen.out.low.shape[len(loops) :]))
    low, high = (xp.reshape(x, each) for x in seen.out)
    entries, zero = xp.where(seen.ran, float(each[-1]), 0.0), xp.zeros(loops)
    if seen.exact is None:
        blank = dict.fromkeys(Counts._fields, zero)
        exponents = xp.zeros((*loops, bins(fmt).size))
        blank |= {"entries": entries, "executions": xp.where(seen.ran, 1.0, 0.0)}
        return Counts(**blank | {"flipped": _count(low != high), "exponents": exponents})
    exact = xp.reshape(seen.exact, each)
    error, finite, total = _difference(low, exact, xp), xp.isfinite(exact), xp.sum(seen.sizes, -1)
    half_ulp = 2.0 ** (fmt.emax - fmt.precision)  # up to there the largest number is nearest
    beyond = finite & (~xp.isfinite(low) | (xp.abs(exact) > fmt.max + half_ulp))
    tiny = (low != 0) & (xp.abs(low) < fmt.smallest_normal)
    inputs = xp.sqrt(seen.errors / xp.where(seen.references == 0, 1.0, seen.references))
    return Counts(
        entries=entries,
        executions=xp.where(seen.ran, 1.0, 0.0),
        local=xp.sum(xp.square(error), -1),
        inherited=xp.sum(xp.square(_difference(exact, high, xp)), -1),
        reference=xp.sum(xp.square(high), -1),
        worst=xp.max(xp.where(exact == 0, 0.0, xp.abs(error / exact)), -1, initial=0.0),
        input_error=xp.max(inputs, -1, initial=0.0),
        overflow=_count(beyond),
        underflow=_count(finite & (exact != 0) & (low == 0)),
        subnormal=_count(tiny),
        absorbed=zero if seen.absorbed is None else _count(xp.reshape(seen.absorbed, each)),
        cancelled_bits=xp.max(xp.reshape(cancelled_bits(seen, fmt, xp), each), -1, initial=0.0),
        nan_born=xp.where(xp.isnan(total), 0.0, _count(xp.isnan(low))),
        inf_born=xp.where(xp.isfinite(total), _count(xp.isinf(low)), 0.0),
        flipped=zero,
        exponents=_histogram(exact, fmt, xp),
    )


def _difference(a, b, xp):
    """``a - b``, and 0 where both are the same infinity or both NaN."""
    same = (a == b) | (xp.isnan(a) & xp.isnan(b))
    return xp.where(same, 0.0, a - b)


def _count(mask):
    return mask.sum(-1, dtype=np.float64)


def _absorbed(name, inputs, low):
    if name not in _ADDITIONS or len(inputs) != 2:
        return None
    a, b = (pair.low for pair in inputs)
    lost = (low == a) | (low == (-b if name == "sub" else b))
    return lost & (a != 0) & (b != 0) & jnp.isfinite(low)


def _histogram(exact, fmt, xp):
    levels, loops = bins(fmt), exact.shape[:-1]
    nonzero = xp.isfinite(exact) & (exact != 0)
    exponent = xp.frexp(xp.where(nonzero, exact, 1.0))[1] - 1
    index = xp.clip(exponent, int(levels[0]), int(levels[-1])) - int(levels[0])
    first = np.arange(math.prod(loops)).reshape(*loops, 1) * levels.size
    found = xp.bincount(
        xp.ravel(index + first.astype(index.dtype)),
        weights=xp.ravel(xp.where(nonzero, 1.0, 0.0)),
        minlength=first.size * levels.size,
        **({} if xp is np else {"length": first.size * levels.size}),
    )
    return xp.reshape(found, (*loops, levels.size))
