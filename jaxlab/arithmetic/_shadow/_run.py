"""Run the microscope: one compiled program that yields the value, all errors and their adjoints."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr

from jaxlab.arithmetic._binding import is_float
from jaxlab.arithmetic._places import CHOSEN, RESULT, Place
from jaxlab.arithmetic._rounding_visitor import RoundingVisitor
from jaxlab.arithmetic._shadow._records import Pair, Seen, cancelled_bits, see
from jaxlab.arithmetic._shadow._visitors import PairVisitor, TapVisitor, exactly
from jaxlab.arithmetic._walk import walk
from jaxlab.arithmetic.emulation import leave
from jaxlab.arithmetic.formats import Format

INPUT = "input"
"""Prefix, in paths, of the arguments of the function."""


class Blame(NamedTuple):
    """Shares of the error of the result, by first-order propagation; per iteration of a loop.

    Attributes
    ----------
    made
        Contribution of the rounding errors made at a site, signed.
    underflowed
        The part of ``made`` that comes from results below the normal numbers, zero included.
    absorbed
        The part of ``made`` that comes from additions in which a nonzero addend changed nothing,
        where it is not underflow.
    through
        Contribution of the errors that the site inherited, signed.
    cancelled
        The part of ``through`` in entries in which many leading bits cancelled.
    """

    made: Any
    underflowed: Any
    absorbed: Any
    through: Any
    cancelled: Any


class Result(NamedTuple):
    """What :func:`run` returns; the dictionaries are by path, leading axes are iterations of scans.

    Attributes
    ----------
    value
        Flat outputs of the rounded run, in the function's own dtypes.
    errors
        Normwise relative error of every floating output.
    records
        What every operation left behind; its :class:`Counts` inside ``while`` loops.
    adjoints
        Derivative of the sum of the errors with respect to every result, outside ``while`` loops.
    """

    value: list[Any]
    errors: list[Any]
    records: dict[str, Any]
    adjoints: dict[str, Any]


def run(program: ClosedJaxpr, visitor: RoundingVisitor, key: Any) -> Callable[[list[Any]], Result]:
    """The function of the program's inputs that looks at it; compile it with ``jit``."""

    def look(arrays: list[Any]) -> Result:
        place = Place(key=key)
        pairs = [Pair(visitor.store(x, place.draw(i)), exactly(x)) for i, x in enumerate(arrays)]
        outs, records = walk(program, pairs, PairVisitor(visitor), place.draw(len(arrays)))
        decisions = _decisions(records)
        for number, pair in enumerate(pairs):
            if is_float(pair.low.dtype):
                records[f"{INPUT}{number}"] = see("store", [], pair.high, pair)
        directions, errors = _directions(outs)
        twin = _twin(program, [pair.high for pair in pairs], decisions, visitor)
        taps = {
            path: jnp.zeros_like(seen.exact)
            for path, seen in records.items()
            if isinstance(seen, Seen) and seen.exact is not None
        }
        (adjoints,) = jax.vjp(twin, taps)[1](directions)
        value = [
            leave(pair.low, aval.dtype) if is_float(pair.low.dtype) else pair.low
            for pair, aval in zip(outs, program.out_avals, strict=True)
        ]
        return Result(value, errors, records, adjoints)

    return look


def _decisions(records):
    """Take the decisions of the rounded run out of the records, as the twin follows them."""
    found = {path: records.pop(path) for path in list(records) if path.endswith((CHOSEN, RESULT))}
    return {
        path: [pair.high for pair in value] if path.endswith(RESULT) else value
        for path, value in found.items()
    }


def _directions(outs):
    """For every floating output the unit direction of its error over its size, and its error.

    The inner products of the errors with the directions add up to the sum of the relative errors.
    """
    directions, errors = [], []
    floats = [pair for pair in outs if is_float(pair.low.dtype)]
    sizes = scales([jnp.linalg.norm(high.ravel()) for _, high in floats], jnp)
    for (low, high), size in zip(floats, sizes, strict=True):
        error = jnp.where(low == high, 0.0, low - high)
        norm = jnp.linalg.norm(error.ravel())
        usable = jnp.isfinite(norm) & (norm > 0)
        directions.append(jnp.where(usable, error / (jnp.where(usable, norm, 1.0) * size), 0.0))
        errors.append(norm / size)
    return directions, errors


def scales(norms: Sequence[Any], xp: Any) -> list[Any]:
    """What the errors of outputs with these norms are measured against: the norms themselves.

    An output whose norm is below ``2**-40`` of the largest is zero up to the twin's own error (the
    gradient of a bias before a normalisation, say), and is measured against the largest.
    """
    if not norms:
        return []
    largest = xp.max(xp.stack(norms))
    return [
        xp.where(norm > 2.0**-40 * largest, norm, xp.where(largest == 0, 1.0, largest))
        for norm in norms
    ]


def _twin(program, inputs, decisions, visitor):
    """The twin's floating outputs, as a function of what is added to its values."""

    def twin(taps):
        paths = [f"{INPUT}{number}" for number in range(len(inputs))]
        tapped = [
            x + taps[path] if path in taps else x for path, x in zip(paths, inputs, strict=True)
        ]
        outs, _ = walk(program, tapped, TapVisitor(visitor), taps=taps | decisions)
        return [out for out in outs if is_float(out.dtype)]

    return twin


def blame(adjoint: np.ndarray, seen: Seen, fmt: Format) -> Blame:
    """Contract an adjoint with the errors; what is not finite explains nothing."""
    loops = seen.ran.ndim
    axes = tuple(range(loops, adjoint.ndim))
    with np.errstate(all="ignore"):
        low, high = seen.out
        made, through = (adjoint * error for error in (low - seen.exact, seen.exact - high))
        cancelled = cancelled_bits(seen, fmt, np) >= notable_bits(fmt)
    made, through = (np.where(np.isfinite(x), x, 0.0) for x in (made, through))
    underflowed = np.abs(low) < fmt.smallest_normal
    absorbed = np.False_ if seen.absorbed is None else seen.absorbed & ~underflowed
    parts = (made, made * underflowed, made * absorbed, through, through * cancelled)
    return Blame(*(np.sum(part, axes) for part in parts))


def notable_bits(fmt: Format) -> float:
    """How many bits must cancel to be worth a word: 4, or half of a short significand."""
    return min(4.0, fmt.precision / 2)
