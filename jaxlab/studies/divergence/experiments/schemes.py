"""Discrete optimisers of part `published`, which are compared with the flow and are none.

Gradient descent of rate ``lr`` is Euler's method for the flow, stable where the largest eigenvalue
of the Hessian stays below ``2/lr``. The authors' scheme adds the noise of a bootstrap and float32's
rounding; Adam does not follow the gradient at all, and its steps have no time of the flow.
"""

import functools
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from jaxlab import training
from jaxlab.flows import spectrum
from jaxlab.networks import Parameters, cast
from jaxlab.studies._parts import named_key
from jaxlab.studies.divergence import polynomials
from jaxlab.studies.divergence.experiments import authors
from jaxlab.training import metrics

POINTS = 10_000
"""Points that the authors draw once per run."""


class Scheme(NamedTuple):
    """One discrete optimiser.

    Attributes
    ----------
    fmt
        Native dtype of everything.
    rate
        Learning rate.
    batch
        Indices drawn with replacement in each step from :data:`POINTS` random points; None for
        the quadrature risk of the flow.
    adam
        Whether it is Adam.
    """

    fmt: str
    rate: float = authors.RATE
    batch: int | None = None
    adam: bool = False


SCHEMES: Mapping[str, Scheme] = {
    "GD float64": Scheme("float64"),
    "GD float32": Scheme("float32"),
    "GD bfloat16": Scheme("bfloat16"),
    "bootstrap float32": Scheme("float32", batch=POINTS),
    "Adam float32": Scheme("float32", rate=5e-3, batch=100, adam=True),
}
"""``bootstrap float32`` and ``Adam float32`` are the authors'."""


class Seen(NamedTuple):
    """A stored network, judged in float64 by the quadrature risk of the flow.

    Attributes
    ----------
    loss, norm, gradient_norm
        Risk, and Euclidean norms of parameters and gradient.
    largest, least
        Extreme eigenvalues of the Hessian.
    """

    loss: Float[Array | np.ndarray, "*times"]
    norm: Float[Array | np.ndarray, "*times"]
    gradient_norm: Float[Array | np.ndarray, "*times"]
    largest: Float[Array | np.ndarray, "*times"]
    least: Float[Array | np.ndarray, "*times"]


def observe(problem: str, activation: str, networks: Parameters) -> Seen:
    """Judge networks one by one; 64-bit types must be enabled.

    Parameters
    ----------
    problem, activation
        Names in :data:`polynomials.PROBLEMS` and :data:`problems.ACTIVATIONS`.
    networks
        In any native dtype, with a leading axis ``times``.
    """
    one = _observer(problem, activation)
    count = networks[0].bias.shape[0]
    each = [one(jax.tree.map(lambda leaf, k=k: leaf[k], networks)) for k in range(count)]
    return Seen(*(np.array(values) for values in zip(*each, strict=True)))


@functools.cache
def _observer(problem: str, activation: str) -> Callable[[Parameters], Seen]:
    data = polynomials.quadrature_data(problem)
    risk = polynomials.risk(activation)

    def one(params: Parameters) -> Seen:
        value, gradient = jax.value_and_grad(risk)(params, data)
        ends = spectrum.extremes(lambda p: risk(p, data), params, named_key(0, "Lanczos"))
        return Seen(value, metrics.norm(params), metrics.norm(gradient), ends.largest, ends.least)

    compiled = jax.jit(one)
    return lambda params: compiled(cast(params, jnp.float64))


def run(
    seed: int, problem: str, activation: str, scheme: str, starts: int, steps: tuple[int, ...]
) -> dict[str, np.ndarray]:
    """Train from the flow's starts and measure; 64-bit types must be enabled.

    Parameters
    ----------
    seed
        Starts, points and minibatches follow from it.
    problem, activation, scheme
        Names in :data:`polynomials.PROBLEMS`, :data:`problems.ACTIVATIONS`, :data:`SCHEMES`.
    starts
        How many.
    steps
        After which to measure, from 0.

    Returns
    -------
    Fields of :class:`Seen` and ``stagnated``, the share of nonzero updates lost in rounding, each
    ``(starts, steps)``.
    """
    fmt, rate, batch, adam = SCHEMES[scheme]
    networks = [polynomials.start(seed, problem, number) for number in range(starts)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *networks)
    key = named_key(seed, f"published {problem} {scheme}")
    data, axes = polynomials.quadrature_data(problem), None
    if batch is not None:
        drawn = [
            polynomials.sample(jax.random.fold_in(key, number), problem, POINTS)
            for number in range(starts)
        ]
        data, axes = jax.tree.map(lambda *leaves: jnp.stack(leaves), *drawn), 0
    history = training.ensemble(
        polynomials.risk(activation),
        cast(stacked, jnp.dtype(fmt)),
        data,
        _update(rate, adam),
        policy=training.Policy.native(fmt),
        checkpoints=steps,
        metrics=_METRICS,
        keys=jax.random.split(key, starts),
        batch_size=batch,
        data_axes=axes,
    )
    flat = jax.tree.map(
        lambda leaf: np.asarray(leaf).reshape(-1, *leaf.shape[2:]), history.metrics["params"]
    )
    seen = observe(problem, activation, flat)
    found = {name: values.reshape(starts, -1) for name, values in seen._asdict().items()}
    return found | {"stagnated": np.asarray(history.metrics["stagnated"])}


def _params(snapshot: training.Snapshot) -> Parameters:
    return snapshot.params


_METRICS = {"params": _params, "stagnated": metrics.stagnated_share}


@functools.cache
def _update(rate: float, adam: bool) -> training.Update:
    """The same arguments give the same object, so that compiled programs are found again."""
    return training.from_optax(optax.adam(rate)) if adam else training.gradient_descent(rate)
