"""Networks written down by hand, whose affine pieces are known exactly.

All weights are dyadic (except in :func:`milkert_hyde_laine`), so that the networks evaluate
*exactly* in any binary format that holds the abscissae: they show no rounding error by themselves.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxlab.networks.mlp import Layer, Parameters


def _network(layers: Sequence[tuple[Sequence[Sequence[float]], Sequence[float]]]) -> Parameters:
    with jax.enable_x64(True):
        return tuple(
            Layer(jnp.asarray(np.array(w, np.float64)), jnp.asarray(np.array(b, np.float64)))
            for w, b in layers
        )


def _check_depth(depth: int, most: int) -> None:
    if not 1 <= depth <= most:
        raise ValueError(f"depth: got {depth}, expected 1 to {most}")


def sawtooth(depth: int) -> Parameters:
    """Telgarsky's sawtooth ``h_L``, the ``L``-fold composition of the hat on [0, 1].

    ``h_1(x) = relu(2x) - relu(4x - 2)``. On [0, 1] it has ``2**L`` affine pieces of slope
    ``±2**L``; on [-1, 2] it has ``2**L + 2`` for ``L >= 2`` and 3 for ``L = 1``.

    Parameters
    ----------
    depth
        Hidden layers ``L``, 1 to 1000; each has two neurons.

    Returns
    -------
    float64 parameters of widths ``(1, 2, ..., 2, 1)``.

    Raises
    ------
    ValueError
        If ``depth`` is out of range.

    References
    ----------
    Telgarsky, COLT 2016, arXiv 1602.04485; Petersen, Zech, Mathematical theory of deep learning,
    Lemma 6.5, arXiv 2407.18384.

    Examples
    --------
    >>> import jax, jaxlab as jl
    >>> with jax.enable_x64(True):
    ...     [float(jl.networks.apply(sawtooth(3), jnp.array([x]))[0]) for x in (0.125, 0.25)]
    [1.0, 0.0]
    """
    _check_depth(depth, 1000)
    first = ([[2, 4]], [0, -2])
    hidden = ([[2, 4], [-2, -4]], [0, -2])
    return _network([first, *[hidden] * (depth - 1), ([[1], [-1]], [0])])


def slope_normalised_sawtooth(depth: int) -> Parameters:
    """The sawtooth with every internal slope equal to ±1, of amplitude ``2**-L``.

    ``z_0 = x``, ``z_{j+1} = relu(z_j) - 2 relu(z_j - 2**-(j+1))``: also ``2**L`` pieces on [0, 1],
    but the pre-activations' derivatives with respect to the input stay bounded by 1, which is
    assumption (B) of Karner, Kazeev, Petersen (2024). The ordinary sawtooth violates it.

    Parameters
    ----------
    depth
        Hidden layers ``L``, 1 to 1000; each has two neurons.

    Returns
    -------
    float64 parameters of widths ``(1, 2, ..., 2, 1)``.

    Raises
    ------
    ValueError
        If ``depth`` is out of range.

    References
    ----------
    Assumption (B): Karner, Kazeev, Petersen, Adv. Comput. Math. 50 (2024) 14,
    doi 10.1007/s10444-024-10106-x. The construction is jaxlab's.

    Examples
    --------
    >>> import jax, jaxlab as jl
    >>> with jax.enable_x64(True):
    ...     float(jl.networks.apply(slope_normalised_sawtooth(3), jnp.array([0.125]))[0])
    0.125
    """
    _check_depth(depth, 1000)
    hidden = [([[1, 1], [-2, -2]], [0, -(2.0**-j)]) for j in range(2, depth + 1)]
    return _network([([[1, 1]], [0, -0.5]), *hidden, ([[1], [-2]], [0])])


def yarotsky_square(depth: int) -> Parameters:
    """Yarotsky's ``s_n``, the interpolant of ``x**2`` at the multiples of ``2**-n`` on [0, 1].

    ``s_n(x) = x - sum_{j=1..n} h_j(x) / 4**j`` with the sawtooths ``h_j``. It has ``2**n`` pieces,
    sup error exactly ``4**-(n+1)`` and squared L2 error ``16**-n / 30`` on [0, 1].

    Parameters
    ----------
    depth
        Hidden layers ``n``, 1 to 500; each has three neurons.

    Returns
    -------
    float64 parameters of widths ``(1, 3, ..., 3, 1)``.

    Raises
    ------
    ValueError
        If ``depth`` is out of range.

    References
    ----------
    Yarotsky, Neural Networks 94 (2017) 103-114, arXiv 1610.01145.

    Examples
    --------
    >>> import jax, jaxlab as jl
    >>> with jax.enable_x64(True):
    ...     float(jl.networks.apply(yarotsky_square(2), jnp.array([0.75]))[0])
    0.5625
    """
    _check_depth(depth, 500)
    # Neurons: relu(2 h), relu(4 h - 2) with h = h_{j-1}, and the partial sum s_{j-1} >= 0.
    first = ([[2, 4, 1]], [0, -2, 0])
    hidden = [
        ([[2, 4, -(4.0**-j)], [-2, -4, 4.0**-j], [0, 0, 1]], [0, -2, 0]) for j in range(1, depth)
    ]
    last = ([[-(4.0**-depth)], [4.0**-depth], [1]], [0])
    return _network([first, *hidden, last])


def milkert_hyde_laine(peaks: Float[Array, " depth"]) -> Parameters:
    """A network with ``2**d`` affine pieces on [0, 1] for *every* value of its ``d`` parameters.

    ``F = sum_i s_i T_i ∘ ... ∘ T_1`` where ``T_i`` is the triangle function on [0, 1] with its
    peak of height 1 at ``a_i``, and ``s_i = s_{i-1} (1 - a_i) a_{i+1}``, ``s_0 = 1``. Trained
    through the peaks (for example ``peaks = sigmoid(theta)``), gradient descent cannot lose a piece
    as long as rounding keeps the peaks inside (0, 1): the contrast to training weights and biases.
    With all peaks 1/2, ``x - F(x)`` is Yarotsky's ``s_d``.

    Parameters
    ----------
    peaks
        ``a_1, ..., a_d`` in (0, 1), of any floating-point dtype; differentiable.

    Returns
    -------
    Parameters of widths ``(1, 3, ..., 3, 1)`` in the dtype of ``peaks``.

    Raises
    ------
    ValueError
        If ``peaks`` is empty.

    Notes
    -----
    The recursion of the scales is published; the last scale needs ``a_{d+1}``, which is taken
    as 1/2 here. Except for peaks of 1/2 the weights are not representable: rounded to a format, the
    triangles overshoot or miss their corners by an ulp, which *adds* narrow pieces.

    References
    ----------
    Milkert, Hyde, Laine, arXiv 2311.18022.

    Examples
    --------
    >>> import jaxlab as jl
    >>> int(jl.regions.line.count(milkert_hyde_laine(jnp.full(3, 0.5)), 0.0, 1.0).pieces)
    8
    """
    depth = peaks.shape[0]
    if depth < 1:
        raise ValueError("peaks: got an empty array, expected at least one peak")
    one, zero = jnp.ones((), peaks.dtype), jnp.zeros((), peaks.dtype)
    following = jnp.append(peaks[1:], jnp.asarray(0.5, peaks.dtype))
    scales = jnp.cumprod((one - peaks) * following)
    # Neurons: relu(t), relu(t - a) with t = T_{i-1} ∘ ... (x), and the partial sum F_{i-1} >= 0.
    # T(t) = relu(t) / a - relu(t - a) / (a (1 - a)).
    layers = []
    rows = [jnp.stack([one, one, zero])]  # the input feeds t; the partial sum starts at 0
    for i in range(depth):
        layers.append(Layer(jnp.stack(rows), jnp.stack([zero, -peaks[i], zero])))
        rise = one / peaks[i]
        fall = -rise / (one - peaks[i])
        rows = [
            jnp.stack([rise, rise, scales[i] * rise]),
            jnp.stack([fall, fall, scales[i] * fall]),
            jnp.stack([zero, zero, one]),
        ]
    last = jnp.stack([row[2:] for row in rows])
    return (*layers, Layer(last, jnp.zeros(1, peaks.dtype)))
