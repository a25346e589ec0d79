"""Starts of the collapse experiments: symmetric laws, and the randomised asymmetric one.

Lu et al.'s randomised asymmetric initialisation (RAI) puts one positive entry, of law Beta(2, 1),
in a random place among each neuron's weights and bias. The law itself is
:func:`jaxlab.networks.initialisers.randomised_asymmetric`; here is where its ``sigma`` comes from,
and how the first layer is drawn.

The paper (arXiv 1903.06733, section 4) was not at hand: ``shared/reference/collapse.md`` has the
law from memory. Public programs that cite the paper draw the same rows (``0.6007 / sqrt(inputs)``,
Beta(2, 1), a place among ``inputs + 1``), and one of them draws the first layer from a normal law
with zero biases. Which layers the published runs treated is not known: the study can try both.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from jaxtyping import Array, Key

from jaxlab.networks import Parameters, initialisers

SYMMETRIC: Mapping[str, initialisers.Initialiser] = {
    "normal, zero bias": initialisers.he(),
    "uniform, zero bias": initialisers.xavier(),
    "normal, normal bias": initialisers.gaussian(),
    "PyTorch": initialisers.pytorch(),
}
"""The symmetric laws of the reference's tables. Bias-free death does not depend on the scale."""


def growth(std: float) -> float:
    """Bound on the growth of the mean square from one RAI layer to the next.

    ``s**2 / 2 + 2 (2/3) s / sqrt(2 pi) + 1/2``, for equal widths and biases left out. With features
    ``v >= 0``, ``B`` of law Beta(2, 1) at place ``k`` and normal ``G`` of variance
    ``s**2 |v|**2 / n`` for the rest, ``relu(B v_k + G)**2 <= B**2 v_k**2 + 2 B v_k relu(G) +
    relu(G)**2``; then ``E B = 2/3``, ``E B**2 = 1/2``, ``E relu(G) = s |v| / sqrt(2 pi n)``, and
    ``sum v_k <= sqrt(n) |v|``.

    References
    ----------
    Derived for jaxlab. Its root ``growth(s) = 1`` is the published ``sigma``.

    Examples
    --------
    >>> round(growth(initialisers.balanced_std()), 12)
    1.0
    """
    return std**2 / 2 + 4 * std / (3 * math.sqrt(2 * math.pi)) + 0.5


def initialise_asymmetric(
    key: Key[Array, ""],
    widths: Sequence[int],
    first: initialisers.Initialiser | None = None,
    fmt: Any = "float64",
    *,
    grid: Any = None,
) -> Parameters:
    """Draw a network by RAI, in float64, and round it once to a format.

    Parameters
    ----------
    key, widths, fmt, grid
        As in :func:`jaxlab.networks.initialisers.initialise`.
    first
        Law of the first layer, for example ``initialisers.he()``; RAI as well if None.

    Returns
    -------
    Tuple of layers. The layers after the first do not depend on ``first``.

    Examples
    --------
    >>> import jax
    >>> params = initialise_asymmetric(jax.random.key(0), (1, 2, 2), initialisers.he())
    >>> [bool(layer.bias.any()) for layer in params]
    [False, True]
    """
    law = initialisers.randomised_asymmetric()
    params = initialisers.initialise(key, widths, law, fmt, grid=grid)
    if first is None:
        return params
    return initialisers.initialise(key, widths[:2], first, fmt, grid=grid) + params[1:]
