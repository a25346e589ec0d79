"""A ReLU network on an affine slice, in integers: exact forms, points and signs.

Every binary float is an integer times a power of two. So on a region of the slice
``x = origin + u_1 e_1 + ... + u_d e_d`` every pre-activation is an affine form of ``u`` with
integer coefficients, up to one positive power of two per layer that no sign depends on. Points are
homogeneous: ``(p_0, ..., p_d)`` with ``p_0 > 0`` stands for ``u_i = p_i / p_0``, so nothing is ever
divided. Coefficients grow by about 75 bits a layer in networks of real weights.
"""

from collections.abc import Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from jaxlab.regions._line.host import HostParameters

# python-flint gives its classes no usable types: `fmpz_mat` and `fmpz` are Any here.
Matrix = Any
Point = tuple[Any, ...]
Form = Sequence[Any]


def flint() -> Any:
    """python-flint, imported when it is needed.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        import flint as module
    except ImportError as error:
        message = "exact decisions need python-flint, the extra balls: pip install 'jaxlab[balls]'"
        raise ImportError(message) from error
    return module


class Slice(NamedTuple):
    """A network on a slice of ``d`` dimensions; made by :func:`restrict`.

    Attributes
    ----------
    inputs
        The network's inputs as forms of ``u``: integers ``(d + 1, inputs)``, row 0 constant.
    weights
        One integer matrix ``(inputs, outputs)`` per layer.
    biases
        One integer matrix ``(d + 1, outputs)`` per layer, zero below row 0, in the scale of that
        layer's forms.
    scales
        The true forms of layer ``l`` are the integer ones times ``2**-scales[l]``.
    """

    inputs: Matrix
    weights: tuple[Matrix, ...]
    biases: tuple[Matrix, ...]
    scales: tuple[int, ...]


def integers(values: np.ndarray) -> tuple[list[int], int]:
    """The entries, flat, as integers times ``2**-scale``, and the smallest such scale.

    Examples
    --------
    >>> integers(np.array([0.75, -2.0, 0.0]))
    ([3, -8, 0], 2)
    """
    fraction, exponent = np.frexp(np.ravel(values))
    digits = np.ldexp(fraction, 53).astype(np.int64)
    if not digits.any():
        return [0] * digits.size, 0
    lowest = np.frexp((digits & -digits).astype(float))[1]  # 1 + the position of the lowest bit
    odd = digits >> np.maximum(lowest - 1, 0)
    place = exponent - 53 + lowest - 1
    scale = -int(place[digits != 0].min())
    shift = np.where(digits != 0, place + scale, 0)
    if (np.frexp(odd.astype(float))[1] + shift).max() < 63:
        return (odd << shift).tolist(), scale
    return [number << by for number, by in zip(odd.tolist(), shift.tolist(), strict=True)], scale


def restrict(params: HostParameters, origin: np.ndarray, directions: np.ndarray) -> Slice:
    """The network on ``origin + u @ directions``.

    Parameters
    ----------
    params
        One network in float64; all entries finite.
    origin
        ``(inputs,)``.
    directions
        ``(d, inputs)``; they are taken as they are, so a caller whose direction is a difference of
        floats hands in the slice another way (:func:`segment`).

    Returns
    -------
    Slice
    """
    numbers, scale = integers(np.concatenate([origin[None], directions]))
    return _slice(params, flint().fmpz_mat(len(directions) + 1, origin.size, numbers), scale)


def segment(params: HostParameters, start: np.ndarray, stop: np.ndarray) -> Slice:
    """The network on ``start + u (stop - start)``, with the exact difference of the ends."""
    numbers, scale = integers(np.stack([start, stop]))
    first, last = numbers[: start.size], numbers[start.size :]
    steps = [b - a for a, b in zip(first, last, strict=True)]
    return _slice(params, flint().fmpz_mat(2, start.size, first + steps), scale)


def _slice(params: HostParameters, inputs: Matrix, scale: int) -> Slice:
    matrix = flint().fmpz_mat
    rows = inputs.nrows()
    weights, biases, scales = [], [], []
    for weight, bias in params:
        numbers, layer = integers(weight)
        shifts, constant = integers(bias)
        # Forms times weights have scale `before`; it rises if the biases are finer.
        before = scale + layer
        scale = max(before, constant)
        factor = 1 << (scale - before)
        weights.append(matrix(*weight.shape, [number * factor for number in numbers]))
        row = [number << (scale - constant) for number in shifts]
        biases.append(matrix(rows, bias.size, row + [0] * (bias.size * (rows - 1))))
        scales.append(scale)
    return Slice(inputs, tuple(weights), tuple(biases), tuple(scales))


def extend(net: Slice, layer: int, forms: Matrix, mask: np.ndarray) -> Matrix:
    """Forms of ``layer`` from those of the layer before, where ``mask`` says who is active."""
    rows, columns = forms.nrows(), forms.ncols()
    active = mask.tolist() * rows
    kept = [entry if on else 0 for entry, on in zip(forms.entries(), active, strict=True)]
    return flint().fmpz_mat(rows, columns, kept) * net.weights[layer] + net.biases[layer]


def forms(net: Slice, masks: Sequence[np.ndarray]) -> Matrix:
    """Pre-activations of layer ``len(masks)`` on the region with these activation bits.

    Parameters
    ----------
    net
        From :func:`restrict`.
    masks
        One bool array ``(neurons,)`` per layer before; all hidden layers give the output layer.

    Returns
    -------
    fmpz_mat ``(d + 1, neurons)``, row 0 constant: the true forms times ``2**net.scales[layer]``.
    """
    found = net.inputs * net.weights[0] + net.biases[0]
    for layer, mask in enumerate(masks, start=1):
        found = extend(net, layer, found, mask)
    return found


def column(forms: Matrix, neuron: int) -> Form:
    """The form of one neuron."""
    return [forms[row, neuron] for row in range(forms.nrows())]


def hyperplane(coefficients: np.ndarray) -> Form:
    """The form ``c_0 + c_1 u_1 + ...`` of floats, times a positive power of two."""
    return [flint().fmpz(number) for number in integers(coefficients)[0]]


def meet(planes: Sequence[Form]) -> Point | None:
    """The point where ``d`` forms vanish, in lowest terms; None if there is no or not one only."""
    found = _kernel(planes)
    if found is None or found[0] == 0:
        return None
    divisor = reduce(lambda a, b: a.gcd(b), found)
    if found[0] < 0:
        divisor = -divisor
    return tuple(entry // divisor for entry in found)


def _kernel(planes: Sequence[Form]) -> Form | None:
    """A vector that spans the kernel of ``(d, d + 1)``; None if that has more dimensions."""
    if len(planes) == 1:
        ((a, b),) = planes
        return [b, -a]
    if len(planes) == 2:
        (a, b, c), (d, e, f) = planes
        return [b * f - c * e, c * d - a * f, a * e - b * d]
    basis, nullity = flint().fmpz_mat([list(plane) for plane in planes]).nullspace()
    return [basis[row, 0] for row in range(basis.nrows())] if nullity == 1 else None


def sign(point: Point, form: Form) -> int:
    """-1, 0 or 1: the sign of a form at a point."""
    value = sum(p * c for p, c in zip(point, form, strict=True))
    return (value > 0) - (value < 0)


def at(point: Point, forms: Matrix) -> list[Any]:
    """The forms at a point: integers, the true values times ``point[0] * 2**scale``."""
    return (flint().fmpz_mat(1, len(point), point) * forms).entries()


def signs(point: Point, forms: Matrix) -> np.ndarray:
    """-1, 0 or 1 for every column of ``forms``: int8 ``(neurons,)``."""
    return signs_of(at(point, forms))


def signs_of(values: Sequence[Any]) -> np.ndarray:
    """-1, 0 or 1 for each integer, as int8."""
    return np.array([(value > 0) - (value < 0) for value in values], np.int8)


def rounded(values: Sequence[Any], denominator: Any, scale: int) -> np.ndarray:
    """``values / denominator * 2**-scale``, each rounded once to float64; beyond it infinite."""
    below = int(denominator) << max(scale, 0)
    return np.array([_quotient(int(value) << max(-scale, 0), below) for value in values])


def _quotient(above: int, below: int) -> float:
    try:
        return above / below
    except OverflowError:
        return np.inf if above > 0 else -np.inf


def compare_along(form: Form, first: Point, second: Point) -> int:
    """-1, 0 or 1: whether ``form`` is smaller, equal or larger at the first point.

    On a segment of the slice, with a form that rises along it, that is the order of the points.
    """
    one = sum(p * c for p, c in zip(first, form, strict=True)) * second[0]
    two = sum(p * c for p, c in zip(second, form, strict=True)) * first[0]
    return (one > two) - (one < two)
