"""Random initialisations: one float64 draw, rounded once to each format.

Draws of ``jax.random.normal`` in different dtypes from one key are unrelated numbers. Here a block
of float64 uniform numbers is drawn per network, every law is the inverse of its distribution
function applied to them, and the result is rounded: networks of one key in two formats start from
the same reals and differ by rounding alone.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from jaxlab.arithmetic import as_format, round_to
from jaxlab.arithmetic.draws import normal_quantile, uniform64
from jaxlab.networks.mlp import Layer, Parameters

BiasLaw = Callable[[Float[Array, " outputs"], int], Float[Array, " outputs"]]
"""``(uniform, inputs) -> bias`` in float64, from one uniform number per neuron."""

Initialiser = Callable[[Float[Array, "rows outputs"]], Layer]
"""``uniform -> Layer`` in float64, from ``inputs + 3`` uniform numbers per neuron: one per weight,
one for the bias, and two to spare (:func:`randomised_asymmetric` needs them)."""

_ROWS = 3  # beyond the inputs


def initialise(
    key: Key[Array, ""],
    widths: Sequence[int],
    initialiser: Initialiser,
    fmt: Any = "float64",
    *,
    grid: Any = None,
) -> Parameters:
    """Draw a network in float64 and round it once to a format.

    Parameters
    ----------
    key
        Typed key (``jax.random.key``).
    widths
        ``(inputs, hidden..., outputs)``, at least two.
    initialiser
        One of this module's laws, for example ``he()``.
    fmt
        Format of the result. Formats without a dtype of their own come in float64 arrays.
    grid
        Coarser format to round to first. With ``grid="bfloat16"`` networks in float16, bfloat16,
        float32 and float64 start from *identical* reals (as long as no entry is below float16's
        normal range).

    Returns
    -------
    Tuple of layers of dtype ``as_format(fmt).dtype``. Leading layers do not depend on what follows:
    ``widths`` that begin alike give layers that begin alike.

    Raises
    ------
    ValueError
        If fewer than two widths are given or one of them is not positive.

    Examples
    --------
    >>> import jax
    >>> half = initialise(jax.random.key(0), (1, 2, 1), he(), "float16")
    >>> wide = initialise(jax.random.key(0), (1, 2, 1), he(), "float32")
    >>> half[0].weight.dtype, bool((wide[0].weight.astype("float16") == half[0].weight).all())
    (dtype('float16'), True)
    """
    if len(widths) < 2 or min(widths) < 1:
        raise ValueError(f"widths: got {tuple(widths)}, expected two or more positive integers")
    fmt = as_format(fmt)

    def place(leaf: Float[Array, "..."]) -> Float[Array, "..."]:
        if grid is not None:
            leaf = round_to(leaf, grid)
        return round_to(leaf, fmt).astype(fmt.dtype or jnp.float64)

    shapes = [(inputs + _ROWS, outputs) for inputs, outputs in itertools.pairwise(widths)]
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    with jax.enable_x64(True):
        # One draw for the whole network: compiling the generator is what a draw costs.
        blocks = jnp.split(uniform64(key, (int(ends[-1]),)), ends[:-1])
        layers = [
            initialiser(block.reshape(shape)) for block, shape in zip(blocks, shapes, strict=True)
        ]
        return jax.tree.map(place, tuple(layers))


def zero_bias() -> BiasLaw:
    """Biases equal to zero.

    Examples
    --------
    >>> import jax
    >>> initialise(jax.random.key(0), (1, 2), he(zero_bias()), "float32")[0].bias
    Array([0., 0.], dtype=float32)
    """
    return lambda uniform, inputs: jnp.zeros_like(uniform)


def normal_bias(std: float = 1.0) -> BiasLaw:
    """Biases iid ``N(0, std**2)``.

    Examples
    --------
    >>> import jax
    >>> initialise(jax.random.key(0), (1, 2), he(normal_bias(0.1)), "float32")[0].bias.shape
    (2,)
    """
    return lambda uniform, inputs: std * normal_quantile(uniform)


def fan_in_bias(gain: float = math.sqrt(2.0)) -> BiasLaw:
    """Biases iid ``N(0, gain**2 / inputs)``: the law of He's weights when ``gain**2 = 2``.

    Examples
    --------
    >>> import jax
    >>> initialise(jax.random.key(0), (1, 2), he(fan_in_bias()), "float32")[0].bias.shape
    (2,)
    """
    return lambda uniform, inputs: gain / math.sqrt(inputs) * normal_quantile(uniform)


def _independent(
    weight: Callable[[Float[Array, "inputs outputs"]], Array], bias: BiasLaw
) -> Initialiser:
    """Weights by a quantile function, biases by their own law."""

    def draw(uniform: Float[Array, "rows outputs"]) -> Layer:
        inputs = uniform.shape[0] - _ROWS
        return Layer(weight(uniform[:inputs]), bias(uniform[inputs], inputs))

    return draw


def gaussian(weight_std: float = 1.0, bias: BiasLaw | None = None) -> Initialiser:
    """Weights iid ``N(0, weight_std**2)``; biases iid N(0, 1) unless another law is given.

    Examples
    --------
    >>> import jax
    >>> initialise(jax.random.key(0), (1, 4, 1), gaussian(), "float32")[0].weight.shape
    (1, 4)
    """
    law = normal_bias() if bias is None else bias
    return _independent(lambda uniform: weight_std * normal_quantile(uniform), law)


def he(bias: BiasLaw | None = None) -> Initialiser:
    """He's law: weights iid ``N(0, 2 / inputs)``, biases zero unless a law is given.

    References
    ----------
    He, Zhang, Ren, Sun, ICCV 2015, arXiv 1502.01852.

    Examples
    --------
    >>> import jax
    >>> initialise(jax.random.key(0), (1, 4, 1), he(fan_in_bias()), "float32")[0].bias.shape
    (4,)
    """
    law = zero_bias() if bias is None else bias
    return _independent(
        lambda uniform: math.sqrt(2 / uniform.shape[0]) * normal_quantile(uniform), law
    )


def xavier(bias: BiasLaw | None = None) -> Initialiser:
    """Glorot's uniform law ``U(±sqrt(6 / (inputs + outputs)))``, biases zero unless given.

    References
    ----------
    Glorot, Bengio, AISTATS 2010.

    Examples
    --------
    >>> import jax
    >>> initialise(jax.random.key(0), (1, 4, 1), xavier(), "float32")[1].weight.shape
    (4, 1)
    """
    law = zero_bias() if bias is None else bias
    return _independent(
        lambda uniform: math.sqrt(6 / sum(uniform.shape)) * (2.0 * uniform - 1.0), law
    )


def pytorch() -> Initialiser:
    """PyTorch's default for ``nn.Linear``: weights and biases iid ``U(±1/sqrt(inputs))``.

    Examples
    --------
    >>> import jax
    >>> params = initialise(jax.random.key(0), (4, 100, 1), pytorch(), "float32")
    >>> bool(abs(params[0].weight).max() <= 0.5)
    True
    """
    return _independent(
        lambda uniform: (2.0 * uniform - 1.0) / math.sqrt(uniform.shape[0]),
        lambda uniform, inputs: (2.0 * uniform - 1.0) / math.sqrt(inputs),
    )


def balanced_std() -> float:
    """RAI's ``sigma``, which keeps the mean square of the features from growing with depth.

    ``sqrt(1 + 8/(9 pi)) - 2 sqrt(2)/(3 sqrt(pi))``, the root of
    :func:`jaxlab.studies.collapse.initialisation.growth` at 1.

    Examples
    --------
    >>> round(balanced_std(), 6)
    0.600747
    """
    return math.sqrt(1 + 8 / (9 * math.pi)) - 2 * math.sqrt(2) / (3 * math.sqrt(math.pi))


def randomised_asymmetric(std: float | None = None) -> Initialiser:
    """Lu et al.'s randomised asymmetric initialisation against dying ReLU networks.

    Of each neuron's ``inputs`` weights and one bias, one entry chosen uniformly is drawn from
    Beta(2, 1) (positive), the others from ``N(0, std**2 / inputs)``; ``std`` is
    :func:`balanced_std` if None.

    References
    ----------
    Lu, Shin, Su, Karniadakis, Commun. Comput. Phys. 28 (2020) 1671-1706, arXiv 1903.06733.

    Examples
    --------
    >>> import jax
    >>> params = initialise(jax.random.key(0), (2, 3, 1), randomised_asymmetric(), "float32")
    >>> params[0].weight.shape, params[0].bias.shape
    ((2, 3), (3,))
    """
    deviation = balanced_std() if std is None else std

    def draw(uniform: Float[Array, "rows outputs"]) -> Layer:
        inputs, outputs = uniform.shape[0] - _ROWS, uniform.shape[1]
        entries = deviation / math.sqrt(inputs) * normal_quantile(uniform[: inputs + 1])
        chosen = (uniform[-2] * (inputs + 1)).astype(jnp.int32)
        beta = jnp.sqrt(uniform[-1])  # Beta(2, 1) has distribution function x**2 on [0, 1]
        entries = entries.at[chosen, jnp.arange(outputs, dtype=jnp.int32)].set(beta)
        return Layer(entries[:-1], entries[-1])

    return draw
