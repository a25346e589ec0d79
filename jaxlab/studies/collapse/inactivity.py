"""Probability that a neuron of the first hidden layer is off on the whole domain.

A neuron ``x -> relu(w x + b)`` that is *inactive* on the domain adds nothing to the network there
and has no gradient. Weights are independent ``N(0, weight_std**2)`` and the bias is independent
``N(0, bias_std**2)``; zero biases are ``bias_std = 0``. In one dimension with ``r = 1`` and equal
deviations the values 1/4 and 3/8 hold for every symmetric law without atoms that weight and bias
share, for example for uniform ones: they need ``|w|`` and ``|b|`` exchangeable and nothing else.
"""

import math

from scipy import special


def symmetric_interval(
    radius: float = 1.0, weight_std: float = 1.0, bias_std: float = 1.0
) -> float:
    """On ``[-r, r]``: ``arctan(s_b / (r s_w)) / pi``.

    The neuron is off if ``b <= -r |w|``: a wedge of the plane.

    References
    ----------
    Derived for jaxlab (``shared/reference/collapse.md``, D5).

    Examples
    --------
    >>> symmetric_interval()
    0.25
    """
    return math.atan2(bias_std, _scale(radius, weight_std, bias_std)) / math.pi


def positive_interval(radius: float = 1.0, weight_std: float = 1.0, bias_std: float = 1.0) -> float:
    """On ``[0, r]``: ``1/4 + arctan(s_b / (r s_w)) / (2 pi)``, and 1/2 for zero biases.

    The neuron is off if ``b <= 0`` and ``b <= -r w``: a quadrant and half a wedge. Zero biases are
    not the limit of small ones, half of which are positive.

    References
    ----------
    Derived for jaxlab (``shared/reference/collapse.md``, D5).

    Examples
    --------
    >>> positive_interval()
    0.375
    """
    wedge = symmetric_interval(radius, weight_std, bias_std)
    return 0.25 + wedge / 2 if bias_std > 0 else 0.5


def ball(inputs: int, radius: float = 1.0, weight_std: float = 1.0, bias_std: float = 1.0) -> float:
    """On the ball of radius ``r`` in ``d`` dimensions: ``F(-r sqrt(d) s_w / s_b)``.

    ``F`` is Student's distribution function with ``d`` degrees of freedom: the neuron is off if
    ``b <= -r |w|``, and ``b / (|w| / sqrt(d))`` is Student's ``t`` up to scale. It is
    :func:`symmetric_interval` for ``d = 1``.

    Raises
    ------
    ValueError
        If ``inputs`` is not positive.

    References
    ----------
    Derived for jaxlab (``shared/reference/collapse.md``, D5).

    Examples
    --------
    >>> round(ball(2), 6), round(ball(10), 6)
    (0.146447, 0.00506)
    """
    if inputs < 1:
        raise ValueError(f"inputs: got {inputs}, expected at least 1")
    scale = _scale(radius, weight_std, bias_std)
    if bias_std == 0:
        return 0.0
    return float(special.stdtr(inputs, -scale * math.sqrt(inputs) / bias_std))


def _scale(radius: float, weight_std: float, bias_std: float) -> float:
    """``r s_w``, checked."""
    if radius <= 0 or weight_std <= 0 or bias_std < 0:
        raise ValueError(
            f"radius, weight_std, bias_std: got {radius}, {weight_std}, {bias_std}, "
            "expected the first two positive and the last not negative"
        )
    return radius * weight_std


def some_inactive(width: int, inactive: float) -> float:
    """Probability that a first layer has an inactive neuron: ``1 - (1 - p)**N``.

    It tends to one exponentially in the width, which is the mechanism by which Do, Hannibal and
    Jentzen show that training does not reach a global minimiser: a neuron is lost from the start.

    Parameters
    ----------
    width
        ``N``.
    inactive
        ``p`` of one neuron, less than 1.

    References
    ----------
    Derived for jaxlab (``shared/reference/collapse.md``, D5); the use is that of Do, Hannibal,
    Jentzen, arXiv 2410.10533 (second-hand).

    Examples
    --------
    >>> some_inactive(2, positive_interval())
    0.609375
    """
    return -math.expm1(width * math.log1p(-inactive))
