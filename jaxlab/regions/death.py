"""Death of ReLU networks: a layer that is off everywhere makes the network constant.

A neuron is *inactive* on a domain if its pre-activation is at most 0 everywhere on it, a hidden
layer is *dead* if all its neurons are, and a network is *born dead* if it starts with a dead layer.
Then it is constant on the domain, and with ``relu'(0) = 0`` the gradient of every parameter up to
and including the dead layer is zero there (Lu et al.). Layers count from 0, the first hidden one.

What the tests decide:

* :func:`on_interval`: exactly, on a whole segment. A pre-activation is piecewise affine along it,
  so its largest value is at a knot.
* :func:`on_data`: on a finite data set, the network as it is computed: what training sees.
* :func:`on_samples`: random points of a segment. Dead on the segment implies dead on the sample,
  not the other way round: it overestimates death.
* :func:`count`: millions of random networks, exactly, without storing them.

References
----------
Lu, Shin, Su, Karniadakis, Dying ReLU and initialization, Commun. Comput. Phys. 28 (2020)
1671-1706, arXiv 1903.06733. Rister, Rubin, arXiv 2007.06192. Cheridito, Jentzen, Rossmannek,
J. Complexity 64 (2021) 101540, arXiv 2006.07075.
"""

import os
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int32, Int64, Key

from jaxlab.arithmetic import as_format
from jaxlab.networks import mlp
from jaxlab.networks.initialisers import Initialiser
from jaxlab.regions._death import count as _death_count
from jaxlab.regions._death import draws as _death_draws
from jaxlab.regions._death.report import Report as Report
from jaxlab.regions._death.report import permanent as permanent
from jaxlab.regions._death.report import report as report
from jaxlab.regions._line import ensembles as _count
from jaxlab.regions._line import kernel as _kernel
from jaxlab.regions._line import sweep as _sweep

_End = np.ndarray | Sequence[float] | float


class Death(NamedTuple):
    """What the tests of one network return; under ``vmap`` every leaf has a leading axis.

    Attributes
    ----------
    layer
        The first dead hidden layer, -1 if there is none.
    inactive
        By hidden layer: whether each neuron is inactive on the whole domain; where it is
        NaN or positive infinity anywhere it is not.
    largest
        By hidden layer: the largest pre-activation of each neuron over the domain.
    overflow
        There were more regions than ``capacity``: nothing is decided from that layer on, and
        ``layer`` is -1 unless an earlier one is dead.
    """

    layer: Int32[Array, ""]
    inactive: tuple[Bool[Array, " _"], ...]
    largest: tuple[Float[Array, " _"], ...]
    overflow: Bool[Array, ""]


@partial(jax.jit, static_argnames="capacity")
def on_interval(
    params: mlp.Parameters,
    start: Float[Array, " inputs"],
    stop: Float[Array, " inputs"],
    capacity: int = 64,
) -> Death:
    """Test one network on the segment from ``start`` to ``stop``: pure, fixed shapes, vmappable.

    Knots are those of :mod:`jaxlab.regions.line`, and so is the tolerance: a largest pre-activation
    of at most ``2**-42`` (float64; ``2**-22`` in float32) of its possible size counts as 0.

    Parameters
    ----------
    params
        Layers of one network, float32 or float64; ReLU after all but the last.
    start, stop
        Ends ``(inputs,)`` of the segment, of the parameters' dtype.
    capacity
        Largest number of regions it can hold; static.

    Raises
    ------
    ValueError
        If there is no hidden layer, widths or dtypes disagree, or ``capacity < 1``.

    Examples
    --------
    Without biases a neuron with a negative weight is inactive for positive inputs:

    >>> import jax.numpy as jnp
    >>> from jaxlab.networks.mlp import Layer
    >>> params = (Layer(-jnp.ones((1, 2)), jnp.zeros(2)), Layer(jnp.ones((2, 1)), jnp.zeros(1)))
    >>> int(on_interval(params, jnp.zeros(1), jnp.ones(1)).layer)
    0
    >>> int(on_interval(params, -jnp.ones(1), jnp.ones(1)).layer)
    -1
    """
    _check(params, start=start, stop=stop)
    if capacity < 1:
        raise ValueError(f"capacity: got {capacity}, expected at least 1")
    if params[0].weight.dtype not in (jnp.float32, jnp.float64):
        raise ValueError(
            f"params: got dtype {params[0].weight.dtype}, expected float32 or float64 "
            "(cast up first: it is exact)"
        )
    plan = _kernel.even_plan(mlp.widths(params), capacity)
    knots = _sweep.first_knots(start, stop)
    inactive, largest, overflow = [], [], []
    for layer, room in zip(params[:-1], plan, strict=True):
        product = _sweep.matmul(knots.hidden, layer.weight)
        values = product + jnp.broadcast_to(layer.bias, product.shape)
        most = jnp.abs(knots.hidden).max(axis=0)[None]
        scale = _sweep.matmul(most, jnp.abs(layer.weight)) + jnp.abs(layer.bias)[None]
        threshold = jnp.where(jnp.isfinite(scale), scale * _sweep.tolerance(scale.dtype), 0)
        largest.append(values.max(axis=0))
        inactive.append((values <= jnp.broadcast_to(threshold, values.shape)).all(axis=0))
        overflow.append(knots.overflow)
        knots = _sweep.through_layer(knots, layer, *room)
    return _death(inactive, largest, overflow)


@jax.jit
def on_data(params: mlp.Parameters, xs: Float[Array, "points inputs"]) -> Death:
    """Test one network on a data set, as it is computed: every sign is that of the float.

    A bias-free network of one input is dead on ``[a, b]`` exactly if it is dead on the data set
    ``{a, b}``: it is positively homogeneous, so each side of 0 is one ray and one point decides.

    Parameters
    ----------
    params
        Layers of one network, of any floating dtype.
    xs
        Inputs ``(points, inputs)`` of that dtype, at least one.

    Raises
    ------
    ValueError
        If there is no hidden layer or no point, or widths or dtypes disagree.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from jaxlab.networks.mlp import Layer
    >>> hidden = Layer(jnp.array([[1.0, -1.0]]), jnp.zeros(2))
    >>> params = (hidden, Layer(jnp.ones((2, 1)), jnp.zeros(1)))
    >>> found = on_data(params, jnp.array([[1.0], [2.0]]))
    >>> int(found.layer), found.inactive[0].tolist(), found.largest[0].tolist()
    (-1, [False, True], [2.0, -1.0])
    """
    _check(params, xs=xs[0] if len(xs) else xs)
    inactive, largest = [], []
    for layer in params[:-1]:
        xs = mlp.affine(layer, xs)
        largest.append(xs.max(axis=0))
        inactive.append((xs <= 0).all(axis=0))  # a maximum may lose a NaN, a comparison does not
        xs = jax.nn.relu(xs)
    return _death(inactive, largest, [jnp.bool_(False)] * len(largest))


def on_samples(
    key: Key[Array, ""],
    params: mlp.Parameters,
    start: Float[Array, " inputs"],
    stop: Float[Array, " inputs"],
    samples: int,
) -> Death:
    """The sampled test: :func:`on_data` at uniform points of a segment.

    An active point proves a neuron active; a neuron without one may still be active elsewhere.

    Raises
    ------
    ValueError
        As :func:`on_data`.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> from jaxlab.networks.mlp import Layer
    >>> hidden = Layer(jnp.ones((1, 1)), jnp.full(1, -0.999))
    >>> params = (hidden, Layer(jnp.ones((1, 1)), jnp.zeros(1)))
    >>> ends = jnp.zeros(1), jnp.ones(1)
    >>> int(on_samples(jax.random.key(0), params, *ends, 10).layer)
    0
    >>> int(on_interval(params, *ends).layer)
    -1
    """
    _check(params, start=start, stop=stop)
    along = jax.random.uniform(key, (samples, 1), start.dtype)
    return on_data(params, start[None] + along * (stop - start)[None])


def _death(inactive, largest, overflow) -> Death:
    dead = jnp.stack([bits.all() for bits in inactive]) & ~jnp.stack(overflow)
    layer = jnp.where(dead.any(), jnp.argmax(dead).astype(jnp.int32), jnp.int32(-1))
    overflows = (layer < 0) & overflow[-1]
    return Death(layer, tuple(inactive), tuple(largest), overflows)


def _check(params: mlp.Parameters, **points: Array) -> None:
    inputs = mlp.widths(params)[0]
    if len(params) < 2:
        raise ValueError(f"params: got {len(params)} layer, expected a hidden layer at least")
    dtype = params[0].weight.dtype
    for name, point in points.items():
        if point.shape != (inputs,):
            raise ValueError(f"{name}: got shape {point.shape}, expected ({inputs},) per point")
    leaves = [(f"params[{i}]", leaf) for i, layer in enumerate(params) for leaf in layer]
    for name, leaf in [*points.items(), *leaves]:
        if leaf.dtype != dtype:
            raise ValueError(f"{name}: got dtype {leaf.dtype}, expected {dtype} (params[0].weight)")


class Counted(NamedTuple):
    """What :func:`count` returns.

    Attributes
    ----------
    networks, dead
        How many were drawn, and how many of them have a dead hidden layer.
    by_layer
        ``(hidden layers,)``: how many have this as their first dead layer. As leading layers do not
        depend on what follows, its running total counts the dead of every smaller depth.
    inactive
        ``(width + 1,)``: how many have so many inactive neurons in the first hidden layer.
    in_doubt
        How many were decided in rational arithmetic, floats having left them in doubt.
    """

    networks: int
    dead: int
    by_layer: Int64[np.ndarray, " layers"]
    inactive: Int64[np.ndarray, " neurons"]
    in_doubt: int


def count(
    key: Key[Array, ""],
    widths: Sequence[int],
    law: Initialiser,
    start: _End,
    stop: _End,
    networks: int,
    *,
    fmt: Any = "float64",
    rays: bool = False,
) -> Counted:
    """Draw random networks, test each exactly on a segment, and count the dead, on all cores.

    Networks are drawn in float64 and rounded to ``fmt``, so that counts in two formats differ by
    rounding alone, and what is tested is the exact function of the rounded parameters. Each is a
    function of ``key`` and its number, see :func:`networks`. No capacity limits the regions. A
    network is tested in float64; where the decision hangs on a pre-activation within ``2**-42`` of
    its possible size, in rational arithmetic.

    Memory does not grow with ``networks``: a chunk holds ``2**17 / width**2`` of them. Measured on
    two cores, ten million of width 2 and 10 hidden layers: 17 to 21 s with biases, 8 to 9 s on
    rays, a peak of 0.42 GB with all of JAX.

    Parameters
    ----------
    key
        Typed key of any generator; two words of it are the key of Threefry counters.
    widths
        ``(inputs, hidden..., outputs)``, each at most 1000, at most 4096 hidden layers.
    law
        One of :mod:`jaxlab.networks.initialisers`, compiled once for each law object.
    start, stop
        Ends of the segment: scalars or ``(inputs,)``.
    networks
        From 1 to ``2**32``.
    fmt
        Format of the parameters.
    rays
        The network is tested at the two ends alone: several times faster, and exact for networks of
        one input without biases (:func:`on_data` has the reason).

    Raises
    ------
    ValueError
        If ``widths`` has no hidden layer or is too large, an end does not fit, ``networks`` is out
        of range, or ``rays`` is asked for with biases or more than one input.

    Examples
    --------
    On ``[0, b]`` a bias-free network is one ray: 1 - (3/4)**2 = 0.4375 of width 2 and depth 2 die.

    >>> import jax
    >>> from jaxlab.networks import initialisers
    >>> found = count(jax.random.key(0), (1, 2, 2, 1), initialisers.he(), 0.0, 1.0, 4000, rays=True)
    >>> found.networks, abs(found.dead / 4000 - 0.4375) < 0.03
    (4000, True)
    """
    family = _family(widths, law, fmt, cut=not rays)
    if rays and family.widths[0] != 1:
        raise ValueError(f"rays: got {family.widths[0]} inputs, expected one")
    if not 1 <= networks <= 2**32:
        raise ValueError(f"networks: got {networks}, expected 1 to 2**32")
    inputs = family.widths[0]
    ends = np.stack(
        [_count.end_point("start", start, inputs), _count.end_point("stop", stop, inputs)]
    )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    tally = _death_count.count(family, _death_draws.words(key), ends, networks, cores or 1)
    return Counted(networks, int(tally.by_layer.sum()), *tally)


def networks(
    key: Key[Array, ""],
    widths: Sequence[int],
    law: Initialiser,
    numbers: np.ndarray | Sequence[int],
    *,
    fmt: Any = "float64",
) -> mlp.Parameters:
    """The networks that :func:`count` tests under these numbers, as an ensemble on the device.

    Returns
    -------
    Layers with a leading axis, of dtype ``as_format(fmt).dtype`` (float64 for formats without).

    Raises
    ------
    ValueError
        As :func:`count`.

    Examples
    --------
    >>> import jax
    >>> from jaxlab.networks import initialisers
    >>> params = networks(jax.random.key(0), (1, 2, 1), initialisers.he(), [7, 8], fmt="float32")
    >>> params[0].weight.shape
    (2, 1, 2)
    """
    family = _family(widths, law, fmt, cut=True)
    wanted = np.asarray(numbers, np.uint32)
    layers = []
    with jax.enable_x64(True):
        for depth in range(len(family.widths) - 1):
            drawn = _death_count.draw(family, _death_draws.words(key), wanted, depth)
            leaves = (np.moveaxis(leaf, -1, 0) for leaf in drawn)
            layers.append(
                mlp.Layer(*(jnp.asarray(leaf, family.fmt.dtype or jnp.float64) for leaf in leaves))
            )
    return tuple(layers)


def _family(widths: Sequence[int], law: Initialiser, fmt: Any, cut: bool) -> _death_count.Family:
    sizes = tuple(widths)
    if len(sizes) < 3 or not all(1 <= size <= _death_draws.WIDEST for size in sizes):
        raise ValueError(
            f"widths: got {sizes}, expected (inputs, hidden..., outputs), "
            f"each from 1 to {_death_draws.WIDEST}"
        )
    if len(sizes) - 2 >= _death_draws.DEEPEST:
        raise ValueError(f"widths: got {len(sizes) - 2} hidden layers, expected below 4096")
    return _death_count.Family(sizes, law, as_format(fmt), cut)
