"""How large the network is that a FIRENET unrolls to."""

from typing import NamedTuple


class NetworkSize(NamedTuple):
    """Layers and widths.

    Attributes
    ----------
    affine_layers
        ``3 n p + 1``.
    widths
        Of input, hidden layers and output: ``3 n p + 2`` numbers.
    """

    affine_layers: int
    widths: tuple[int, ...]


def network_size(
    measurements: int, coefficients: int, restarts: int, iterations: int
) -> NetworkSize:
    """Layers and widths of theorem 3 of Colbrook, Antun, Hansen 2022 (arXiv 2101.08286).

    Every iteration is three hidden layers: of width ``2N + m`` for the soft threshold, ``2(N + m)``
    for the squares in the norm, and ``2N + m + 1`` for the gate ``min(1, 1 / norm)``; affine maps
    have a skip connection from the measurements.

    Parameters
    ----------
    measurements, coefficients
        ``m`` and ``N``.
    restarts, iterations
        ``n`` and ``p``.

    Returns
    -------
    NetworkSize

    Raises
    ------
    ValueError
        If an argument is not positive.

    Examples
    --------
    >>> network_size(2, 3, restarts=1, iterations=2)
    NetworkSize(affine_layers=7, widths=(2, 8, 10, 9, 8, 10, 9, 3))
    """
    arguments = locals().items()
    if wrong := {name: value for name, value in arguments if value < 1}:
        raise ValueError(f"{', '.join(wrong)}: got {wrong}, expected positive numbers")
    n, m = coefficients, measurements
    widths = (m, *(2 * n + m, 2 * (n + m), 2 * n + m + 1) * (restarts * iterations), n)
    return NetworkSize(len(widths) - 1, widths)
