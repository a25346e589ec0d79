"""Probability that a random ReLU network is born dead: bounds, and the cases known exactly.

A hidden layer is *dead* on a domain if it outputs zero everywhere on it; the network is then
constant there. A network is *born dead* if one of its hidden layers is dead before training.

``hidden`` are the widths of the hidden layers. Lu et al. count layers of weights, so their ``L``
is ``len(hidden) + 1``; "10 layers of width 2" is ``[2] * 9``. *Bias-free* means that all biases are
zero. Every law here is for independent weights and biases that are symmetric about zero, the
weights without atoms (normal, uniform, PyTorch's default; scales may differ from layer to layer).
What needs more, the normal law or one law for both, says so.

Logarithms of probabilities are accurate to a few units in the last place, next to zero and next to
one alike.
"""

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple


class BornDead(NamedTuple):
    """A probability of being born dead, kept as the logarithm of its complement.

    Attributes
    ----------
    log_alive
        Natural logarithm of the probability of being alive, from ``-inf`` (surely dead) to 0.

    Examples
    --------
    >>> one_ray([2] * 10).probability, one_ray([2] * 10_000).log_alive
    (0.943686..., -2876.82...)
    """

    log_alive: float

    @property
    def probability(self) -> float:
        """Probability of being born dead."""
        return -math.expm1(self.log_alive)

    @property
    def log_probability(self) -> float:
        """Its logarithm, below 0 until the probability of being alive underflows."""
        if self.log_alive < -math.log(2):
            return math.log1p(-math.exp(self.log_alive))
        return math.log(-math.expm1(self.log_alive)) if self.log_alive < 0 else -math.inf


def born_dead(probability: float) -> BornDead:
    """A measured probability, for use with :mod:`jaxlab.studies.collapse.best_of`.

    Raises
    ------
    ValueError
        If ``probability`` is not between 0 and 1.

    Examples
    --------
    >>> born_dead(0.5).log_alive
    -0.693147...
    """
    if not 0 <= probability <= 1:
        raise ValueError(f"probability: got {probability}, expected between 0 and 1")
    return BornDead(math.log1p(-probability) if probability < 1 else -math.inf)


def _layers(deaths: Sequence[float]) -> BornDead:
    """Layers that die independently, each with its probability."""
    if 1 in deaths:
        return BornDead(-math.inf)
    return BornDead(math.fsum(math.log1p(-p) for p in deaths))


def _check(hidden: Sequence[int]) -> None:
    if not hidden or min(hidden) < 1:
        raise ValueError(f"hidden: got widths {list(hidden)}, expected one or more, all positive")


def negative_layer(hidden: Sequence[int], *, biases: bool = True) -> BornDead:
    """Lower bound on every domain: ``1 - prod_{j >= 2} (1 - 2**(-n_j (n_{j-1} + 1)))``.

    A layer after the first whose weights and biases are all negative outputs zero whatever comes
    in, and layers are independent. So depth kills unless it is small against ``2**(N (N + 1))``.

    Parameters
    ----------
    hidden
        Widths ``n_1, n_2, ...`` of the hidden layers.
    biases
        False for a bias-free network, with the exponent ``n_j n_{j-1}``.

    References
    ----------
    Derived for jaxlab (``shared/reference/collapse.md``, D1). The event is the one behind
    Cheridito, Jentzen, Rossmannek, J. Complexity 64 (2021) 101540, arXiv 2006.07075, as far as is
    remembered; the constant is not a quoted one.

    Examples
    --------
    >>> round(negative_layer([2] * 10).probability, 6)
    0.132149
    """
    _check(hidden)
    signs = [n * (m + biases) for m, n in itertools.pairwise(hidden)]
    return _layers([2.0**-k for k in signs])


def one_ray(hidden: Sequence[int]) -> BornDead:
    """Upper bound on every domain with a point ``x != 0``: ``1 - prod_j (1 - 2**-n_j)``.

    At one point that is alive so far, every pre-activation is symmetric and independent of the
    others, so a layer kills it with probability ``2**-n_j``; a dead network is dead at each point.
    *Exact* for bias-free networks on ``[0, b]``, where one point decides for its ray.

    References
    ----------
    Derived for jaxlab (``shared/reference/collapse.md``, D2). It is the upper bound attributed
    there to Lu, Shin, Su, Karniadakis, arXiv 1903.06733, and one minus the lower bound on being
    alive of Rister, Rubin, arXiv 2007.06192.

    Examples
    --------
    >>> one_ray([2, 2]).probability
    0.4375
    """
    _check(hidden)
    return _layers([2.0**-n for n in hidden])


def surviving_ray(hidden: Sequence[int]) -> BornDead:
    """Upper bound, bias-free on ``[-a, b]``: ``1 - prod_{j >= 2} (1 - 2**-n_j)``.

    The first layer never dies, for a neuron that is off for ``x > 0`` is on for ``x < 0``; so some
    ray reaches the second layer and :func:`one_ray` holds from there. Sharper than :func:`one_ray`,
    and *exact* for width 1, where one ray is all that is left: ``1 - 2**-(L - 2)``.

    References
    ----------
    Derived for jaxlab; not in the reference.

    Examples
    --------
    >>> surviving_ray([1, 1, 1]).probability
    0.75
    """
    _check(hidden)
    return _layers([2.0**-n for n in hidden[1:]])


def two_rays(hidden: Sequence[int]) -> BornDead:
    """Lower bound, bias-free on ``[-a, b]``: what happens to the rays ``x > 0`` and ``x < 0``.

    The first layer leaves two rays with probability ``1 - 2**(1 - n_1)``, else one. Features are
    not negative, so "off on this ray" is a decreasing event in a neuron's weights for both rays,
    and by Harris' inequality ``n`` neurons are all off on both with a probability ``q >= 4**-n``;
    both rays stay alive and distinct with probability ``1 - 2**(1 - n) - (n - 1) q``; one ray dies
    with probability ``2**-n``. A larger ``q`` only kills more, hence ``q = 4**-n`` bounds from
    below. *Exact* for up to two hidden layers, as the features of the two rays have no neuron in
    common after the first layer, and for width 1.

    (For the normal law the angle of the two rays decides, ``q = ((pi - angle) / 2 pi)**n``, and it
    is at most ``pi / 2``.) Equal widths have the closed form ``1 - a**m - c (a**m - d**m)``, with
    ``m = L - 2``, ``a = 1 - 2**-n``, ``d = 1 - 2**(1-n) - (n-1) 4**-n`` and
    ``c = (1 - 2**(1-n)) a / (1 + (n-1) 2**-n)``.

    References
    ----------
    Derived for jaxlab (``shared/reference/collapse.md``, 2.3); attributed there, from memory, to
    Lu, Shin, Su, Karniadakis, arXiv 1903.06733.

    Examples
    --------
    >>> round(two_rays([2] * 9).probability, 6)
    0.870256
    """
    _check(hidden)
    log_alive, pair = 0.0, 1 - 2.0 ** (1 - hidden[0])  # P(two rays, given alive)
    for n in hidden[1:]:
        both, one = 4.0**-n, 2.0**-n
        dying = pair * both + (1 - pair) * one
        log_alive += math.log1p(-dying)
        pair *= (1 - 2 * one - (n - 1) * both) / (1 - dying)
    return BornDead(log_alive)


def three_layers(first: int, second: int) -> Fraction:
    """Exact, bias-free on ``[-a, b]`` with two hidden layers (``L = 3``).

    ``(1 - 2**(1 - n_1)) 4**-n_2 + 2**(1 - n_1) 2**-n_2``, which is ``4**-n (3 - 2**(1 - n))`` for
    equal widths. After the first layer the two rays share no neuron, or one of them is dead.

    References
    ----------
    Derived for jaxlab (``shared/reference/collapse.md``, 2.3).

    Examples
    --------
    >>> three_layers(2, 2)
    Fraction(5, 32)
    """
    _check((first, second))
    single = Fraction(2, 2**first)
    return (1 - single) / 4**second + single / 2**second


def one_hidden_layer(width: int, inactive: float) -> BornDead:
    """Exact, one hidden layer on any domain: ``p**N``.

    Parameters
    ----------
    width
        ``N``.
    inactive
        ``p``: probability that one neuron is off on all of the domain, from
        :mod:`jaxlab.studies.collapse.inactivity`.

    References
    ----------
    Neurons are independent (``shared/reference/collapse.md``, 2.3).

    Examples
    --------
    >>> one_hidden_layer(2, 0.25).probability, one_hidden_layer(2, 0.375).probability
    (0.0625, 0.140625)
    """
    _check([width])
    return born_dead(inactive**width)
