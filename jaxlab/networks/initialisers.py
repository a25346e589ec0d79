"""Random initialisations: one float64 draw, rounded once to each format.

Draws of ``jax.random.normal`` in different dtypes from one key are unrelated numbers. Here every
law is drawn in float64 and then rounded, so that networks of one key in two formats start from the
same reals and differ by rounding alone.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxlab.arithmetic import as_format, round_to
from jaxlab.arithmetic.draws import normal64, uniform64
from jaxlab.networks.mlp import Layer, Parameters

BiasLaw = Callable[[Key[Array, ""], int, int], Float[Array, " outputs"]]
"""``(key, inputs, outputs) -> bias`` in float64."""

Initialiser = Callable[[Key[Array, ""], int, int], Layer]
"""``(key, inputs, outputs) -> Layer`` in float64."""


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
    Tuple of layers of dtype ``as_format(fmt).dtype``.

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
    keys = jax.random.split(key, len(widths) - 1)

    def place(leaf: Float[Array, "..."]) -> Float[Array, "..."]:
        if grid is not None:
            leaf = round_to(leaf, grid)
        return round_to(leaf, fmt).astype(fmt.dtype or jnp.float64)

    with jax.enable_x64(True):
        layers = [initialiser(k, n, m) for k, n, m in zip(keys, widths, widths[1:], strict=False)]
        return jax.tree.map(place, tuple(layers))


def zero_bias() -> BiasLaw:
    """Biases equal to zero.

    Examples
    --------
    >>> import jax
    >>> initialise(jax.random.key(0), (1, 2), he(zero_bias()), "float32")[0].bias
    Array([0., 0.], dtype=float32)
    """
    return lambda key, inputs, outputs: jnp.zeros(outputs, jnp.float64)


def normal_bias(std: float = 1.0) -> BiasLaw:
    """Biases iid ``N(0, std**2)``.

    Examples
    --------
    >>> import jax
    >>> with jax.enable_x64(True):
    ...     normal_bias(0.1)(jax.random.key(0), 3, 2).shape
    (2,)
    """
    return lambda key, inputs, outputs: std * normal64(key, (outputs,))


def fan_in_bias(gain: float = math.sqrt(2.0)) -> BiasLaw:
    """Biases iid ``N(0, gain**2 / inputs)``: the law of He's weights when ``gain**2 = 2``.

    Examples
    --------
    >>> import jax
    >>> with jax.enable_x64(True):
    ...     fan_in_bias()(jax.random.key(0), 3, 2).shape
    (2,)
    """
    return lambda key, inputs, outputs: normal_bias(gain / math.sqrt(inputs))(key, inputs, outputs)


def gaussian(weight_std: float = 1.0, bias: BiasLaw | None = None) -> Initialiser:
    """Weights iid ``N(0, weight_std**2)``; biases iid N(0, 1) unless another law is given.

    Examples
    --------
    >>> import jax
    >>> initialise(jax.random.key(0), (1, 4, 1), gaussian(), "float32")[0].weight.shape
    (1, 4)
    """
    law = normal_bias() if bias is None else bias

    def draw(key: Key[Array, ""], inputs: int, outputs: int) -> Layer:
        for_weight, for_bias = jax.random.split(key)
        weight = weight_std * normal64(for_weight, (inputs, outputs))
        return Layer(weight, law(for_bias, inputs, outputs))

    return draw


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
    return lambda key, inputs, outputs: gaussian(math.sqrt(2 / inputs), law)(key, inputs, outputs)


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

    def draw(key: Key[Array, ""], inputs: int, outputs: int) -> Layer:
        for_weight, for_bias = jax.random.split(key)
        bound = math.sqrt(6 / (inputs + outputs))
        weight = bound * (2.0 * uniform64(for_weight, (inputs, outputs)) - 1.0)
        return Layer(weight, law(for_bias, inputs, outputs))

    return draw


def pytorch() -> Initialiser:
    """PyTorch's default for ``nn.Linear``: weights and biases iid ``U(±1/sqrt(inputs))``.

    Examples
    --------
    >>> import jax
    >>> params = initialise(jax.random.key(0), (4, 100, 1), pytorch(), "float32")
    >>> bool(abs(params[0].weight).max() <= 0.5)
    True
    """

    def draw(key: Key[Array, ""], inputs: int, outputs: int) -> Layer:
        bound = 1 / math.sqrt(inputs)
        entries = bound * (2.0 * uniform64(key, (inputs + 1, outputs)) - 1.0)
        return Layer(entries[:-1], entries[-1])

    return draw


# sigma of Lu et al., section 4: it balances the asymmetric entry's second moment.
_ASYMMETRIC_STD = -2 * math.sqrt(2) / (3 * math.sqrt(math.pi)) + math.sqrt(1 + 8 / (9 * math.pi))


def randomised_asymmetric(std: float = _ASYMMETRIC_STD) -> Initialiser:
    """Lu et al.'s randomised asymmetric initialisation against dying ReLU networks.

    Of each neuron's ``inputs`` weights and one bias, one entry chosen uniformly is drawn from
    Beta(2, 1) (positive), the others from ``N(0, std**2 / inputs)``; ``std`` is 0.6007 by default.

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

    def draw(key: Key[Array, ""], inputs: int, outputs: int) -> Layer:
        for_normal, for_choice, for_beta = jax.random.split(key, 3)
        scale = std / math.sqrt(inputs)
        entries = scale * normal64(for_normal, (inputs + 1, outputs))
        chosen = jax.random.randint(for_choice, (outputs,), 0, inputs + 1, jnp.int32)
        # Beta(2, 1) has distribution function x**2 on [0, 1].
        beta = jnp.sqrt(uniform64(for_beta, (outputs,)))
        entries = entries.at[chosen, jnp.arange(outputs)].set(beta)
        return Layer(entries[:-1], entries[-1])

    return draw
