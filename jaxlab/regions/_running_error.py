"""Float64 values that carry rigorous bounds of their own errors, entry by entry.

Running error analysis (Higham, "Accuracy and Stability of Numerical Algorithms", 2002, chapter 3,
doi 10.1137/1.9780898718027): a sum of n rounded products is within ``gamma(n) sum |x| |w|`` of the
true one in whatever order it is taken, with fused multiply-adds or without. Assumed is IEEE 754
binary64, rounded to nearest. Results below the normal range may be rounded or flushed to zero: an
absolute term covers both. A bound that overflowed is infinite or NaN: nothing is below it.
"""

import numpy as np

UNIT = 2.0**-53
_TINY = 2.0**-1018  # a few smallest normal numbers


def gamma(operations: int) -> float:
    """``n u / (1 - n u)``: the largest relative effect of ``n`` roundings."""
    return operations * UNIT / (1 - operations * UNIT)


def affine(
    values: np.ndarray, errors: np.ndarray, weight: np.ndarray, bias: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """``values @ weight + bias`` and bounds, from values with bounds.

    A bound of zero says exact: so it is where a row or a column is zero altogether.

    Examples
    --------
    >>> found, bounds = affine(np.ones((1, 2)), np.zeros((1, 2)), np.eye(2), np.zeros(2))
    >>> found, bool((bounds < 1e-15).all())
    (array([[1., 1.]]), True)
    """
    inputs = len(weight)
    found = values @ weight + bias
    slack = gamma(inputs + 2)
    own = 1 + 4 * gamma(inputs + 8)  # the bound is rounded too
    size = np.abs(weight) * own
    bounds = np.abs(values)
    bounds *= slack
    bounds += errors
    bounds = bounds @ size
    largest = max(1.0, np.abs(values).max(initial=0), np.abs(weight).max(initial=0))
    bounds += slack * own * np.abs(bias) + inputs * largest * _TINY
    bounds[~(values.any(axis=1) | errors.any(axis=1))] = 0
    bounds[:, ~weight.any(axis=0)] = 0
    return found, bounds


def derivative(
    slopes: tuple[np.ndarray, np.ndarray], weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Gradients ``(cells, axes, inputs)`` with bounds, behind one more affine map."""
    cells, axes, inputs = slopes[0].shape
    flat, errors = (slope.reshape(cells * axes, inputs) for slope in slopes)
    found, bounds = affine(flat, errors, weight, np.zeros(weight.shape[1]))
    return found.reshape(cells, axes, -1), bounds.reshape(cells, axes, -1)


def between(
    first: tuple[np.ndarray, np.ndarray],
    second: tuple[np.ndarray, np.ndarray],
    fraction: np.ndarray,
    blur: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Rows at a fraction ``(rows, 1)``, known within ``blur``, of the way between two rows.

    Both are values with bounds of a function that is affine between them.
    """
    step = second[0] - first[0]
    found = first[0] + fraction * step
    ends = np.maximum(first[1], second[1])
    bounds = (1 + 8 * UNIT) * ends + (1.01 * blur + 4 * UNIT) * np.abs(step)
    bounds += 2 * UNIT * np.abs(found) + _TINY
    bounds[(step == 0) & (ends == 0)] = 0
    return found, bounds


def crossing(
    left: tuple[np.ndarray, np.ndarray], right: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where an affine function with strictly opposite signs at 0 and 1 vanishes.

    Returns
    -------
    The fraction, and the smallest and largest it can be, all in [0, 1].
    """
    # A quarter, so that the sums do not overflow.
    (a, da), (b, db) = [(0.25 * np.abs(value), 0.25 * bound) for value, bound in (left, right)]
    least, other = np.maximum(a - da, 0), np.maximum(b - db, 0)
    lower = least / (least + (b + db)) * (1 - 8 * UNIT) - _TINY
    upper = (a + da) / ((a + da) + other) * (1 + 8 * UNIT) + _TINY
    # fmax and fmin also turn NaN into the ends.
    return np.fmin(np.fmax(a / (a + b), 0), 1), np.fmax(lower, 0), np.fmin(upper, 1)


def rounded_once(values: np.ndarray, nonzero: np.ndarray) -> np.ndarray:
    """The bounds of true values, of which it is known who is zero, that were rounded to nearest."""
    return np.where(nonzero, UNIT * np.abs(values) + _TINY, 0)
