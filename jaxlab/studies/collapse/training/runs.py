"""Training runs of study `collapse`: many random starts of one network, and what became of each.

Training happens in one native dtype throughout. What a run is worth is then measured in float64:
the function of its parameters at every checkpoint, clipped to the range of the target as in the
algorithm of Cheridito, Jentzen and Rossmannek. Death is tested on all training points as the dtype
computes them, since that is what training sees.
"""

import functools
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int, Key

from jaxlab import training
from jaxlab.networks import Parameters, padded, stacked
from jaxlab.networks.initialisers import he, initialise
from jaxlab.networks.mlp import Layer, affine
from jaxlab.regions import death
from jaxlab.studies.collapse.initialisation import initialise_asymmetric
from jaxlab.studies.collapse.targets import Target, draw, published
from jaxlab.training.precision import convert_tree

STARTS: Mapping[str, Callable[..., Parameters]] = {
    "He": lambda key, widths, grid: initialise(key, widths, he(), grid=grid),
    "RAI": lambda key, widths, grid: initialise_asymmetric(key, widths, grid=grid),
}
"""He's law with zero biases, and the randomised asymmetric initialisation in every layer."""

_NODES = 1024
"""Nodes of the midpoint rule for the true errors, 32 along each axis in two dimensions."""


class Setting(NamedTuple):
    """One network and one way to train it; hashable.

    Attributes
    ----------
    target
        Name in :func:`jaxlab.studies.collapse.targets.published`.
    width, hidden
        Width and number of the hidden layers.
    deepest
        At least ``hidden``. Networks up to this depth train in one program, padded with identity
        layers, and begin alike: the start is cut out of the start of the deepest one.
    start
        Name in :data:`STARTS`.
    loss
        ``squared`` or ``absolute``.
    optimiser
        ``SGD`` or ``Adam``.
    learning_rate, epsilon
        Constant rate; Adam's epsilon (1e-8, the usual one, is zero in float16).
    fmt
        Native dtype of everything.
    grid
        Coarser format that start and data are rounded to first, or None.
    steps, batch, points
        Gradient steps, points in the minibatch of each, and training points in all.
    """

    target: str
    width: int
    hidden: int
    deepest: int
    start: str = "He"
    loss: str = "squared"
    optimiser: str = "Adam"
    learning_rate: float = 0.001
    epsilon: float = 1e-8
    fmt: str = "float32"
    grid: str | None = None
    steps: int = 1000
    batch: int = 64
    points: int = 3000

    @property
    def checkpoints(self) -> tuple[int, ...]:
        """Numbers of steps after which everything is measured."""
        return training.log_checkpoints(self.steps, per_decade=2)


class Runs(NamedTuple):
    """What became of the runs: arrays ``(runs, checkpoints)`` unless stated.

    Attributes
    ----------
    layer
        First hidden layer that is dead on the training points as computed, -1 if none is.
    constant
        Whether all outputs on the training points, as computed, are equal.
    permanent, tentative
        Neurons inactive on the training points that cannot come back, and that might: see
        :func:`jaxlab.regions.death.permanent`.
    level, spread
        Mean of the outputs on the training points, and largest difference between two of them.
    risk
        Root mean square error on the training points, of the clipped network.
    rmse, absolute
        Root mean square and mean absolute error on the domain, of the clipped network.
    still
        Whether the next step changes no parameter.
    kept
        Whether all parameters up to the layer that is dead at the start, and the weights after
        it, have the bits of the start; False for networks that start alive.
    taken
        ``(runs,)``: steps before one was not finite and the run was frozen, or all.
    steps
        ``(checkpoints,)``: where everything is measured.
    label_mean, label_median
        Of all training labels: the best constants on these points.
    """

    layer: Int[np.ndarray, "runs checkpoints"]
    constant: Bool[np.ndarray, "runs checkpoints"]
    permanent: Int[np.ndarray, "runs checkpoints"]
    tentative: Int[np.ndarray, "runs checkpoints"]
    level: Float[np.ndarray, "runs checkpoints"]
    spread: Float[np.ndarray, "runs checkpoints"]
    risk: Float[np.ndarray, "runs checkpoints"]
    rmse: Float[np.ndarray, "runs checkpoints"]
    absolute: Float[np.ndarray, "runs checkpoints"]
    still: Bool[np.ndarray, "runs checkpoints"]
    kept: Bool[np.ndarray, "runs checkpoints"]
    taken: Int[np.ndarray, " runs"]
    steps: tuple[int, ...]
    label_mean: float
    label_median: float


def train(key: Key[Array, ""], setting: Setting, runs: int) -> Runs:
    """Train ``runs`` random starts and measure them; 64-bit types must be enabled.

    Parameters
    ----------
    key
        Typed key. Starts, data and minibatches follow from it; for one key and two formats they
        are the same up to rounding.
    setting
        Network and training.
    runs
        Number of starts.

    Examples
    --------
    >>> import jax
    >>> setting = Setting("x^2", 2, 30, 30, steps=1, points=8, batch=4)
    >>> with jax.enable_x64(True):
    ...     found = train(jax.random.key(0), setting, 5)
    >>> found.layer.shape, bool((found.layer >= 0).all()), bool(found.kept.all())
    ((5, 2), True, True)
    """
    target = published()[setting.target]
    start_key, data_key, run_key = jax.random.split(key, 3)
    widths = (target.inputs, *[setting.width] * setting.deepest, target.outputs)
    drawn = _starts(setting.start, widths, setting.grid)(jax.random.split(start_key, runs))
    starts = convert_tree(_cut(drawn, setting), jnp.dtype(setting.fmt))
    x, y = draw(data_key, target, setting.points, setting.fmt, grid=setting.grid)
    policy = training.Policy.native(setting.fmt)
    losses = {"squared": training.mean_squared_error, "absolute": training.mean_absolute_error}
    history = training.ensemble(
        losses[setting.loss](policy, jax.nn.relu, padded.apply),
        starts,
        (x, y),
        _update(setting.optimiser, setting.learning_rate, setting.epsilon),
        policy=policy,
        checkpoints=setting.checkpoints,
        metrics=_METRICS,
        keys=jax.random.split(run_key, runs),
        batch_size=setting.batch,
    )
    failed = np.asarray(history.failed_at, np.int64)
    labels = np.asarray(y).astype(np.float64)
    through = history.metrics["params"]
    measured = map(np.asarray, _observe(through, x, y, *_quadrature(target), policy))
    layer, *others = measured
    return Runs(
        layer,
        *others,
        still=np.asarray(history.metrics["still"]),
        kept=_kept(through.network, layer[:, 0], setting.hidden),
        taken=np.where(failed < 0, setting.steps, failed),
        steps=setting.checkpoints,
        label_mean=float(labels.mean()),
        label_median=float(np.median(labels)),
    )


@functools.lru_cache(maxsize=64)
def _starts(
    start: str, widths: tuple[int, ...], grid: str | None
) -> Callable[[Key[Array, " runs"]], Parameters]:
    """``keys -> networks`` in float64 with a leading axis, compiled."""
    return jax.jit(jax.vmap(lambda key: STARTS[start](key, widths, grid)))


def _cut(networks: Parameters, setting: Setting) -> padded.Padded:
    """The first hidden layers and the last layer, padded to the common depth."""
    layers = (*networks[: setting.hidden], networks[-1])
    return padded.pad(stacked.stack(layers), setting.deepest)


@functools.lru_cache(maxsize=64)
def _update(optimiser: str, rate: float, epsilon: float) -> training.Update:
    """The same arguments give the same object, so that compiled programs are found again."""
    if optimiser == "SGD":
        return training.gradient_descent(rate)
    return training.from_optax(optax.adam(rate, eps=epsilon))


def _params(snapshot: training.Snapshot) -> padded.Padded:
    return snapshot.params


def _still(snapshot: training.Snapshot) -> Bool[Array, ""]:
    """Whether the next step leaves every parameter as it is."""
    same = jax.tree.map(lambda a, b: jnp.all(a == b), snapshot.params, snapshot.proposed)
    return jnp.stack(jax.tree.leaves(same)).all()


_METRICS = {"params": _params, "still": _still}


def _quadrature(
    target: Target,
) -> tuple[Float[Array, "nodes inputs"], Float[Array, "nodes outputs"]]:
    """Nodes of the midpoint rule on the target's domain, and the values there, in float64."""
    axis = round(_NODES ** (1 / target.inputs))
    nodes = (np.arange(axis) + 0.5) / axis * (target.high - target.low) + target.low
    grid = np.stack(np.meshgrid(*[nodes] * target.inputs, indexing="ij"), axis=-1)
    x = jnp.asarray(grid.reshape(-1, target.inputs))
    return x, target.function(x)


@functools.partial(jax.jit, static_argnames="policy")
def _observe(networks: padded.Padded, x, y, nodes, values, policy: training.Policy):
    """The measurements of :class:`Runs` that need the network function, in its order."""
    exact = jnp.float64
    low, high = values.min(), values.max()

    def one(member: padded.Padded):
        network = member.network
        found, computed = through(network, x, policy)
        own = jnp.concatenate([jnp.ones(1, bool), member.own > 0])[:, None]
        permanent = jnp.stack(death.permanent(found)) & own
        inactive = jnp.stack(found.inactive) & own
        wide = convert_tree(network, exact)
        outputs = stacked.apply(wide, x.astype(exact))
        residual = jnp.clip(outputs, low, high) - y.astype(exact)
        error = jnp.clip(stacked.apply(wide, nodes), low, high) - values
        return (
            found.layer,
            (computed == computed[:1]).all(),
            permanent.sum(dtype=jnp.int32),
            (inactive & ~permanent).sum(dtype=jnp.int32),
            outputs.mean(),
            (outputs.max(axis=0) - outputs.min(axis=0)).max(),
            jnp.sqrt((residual * residual).mean()),
            jnp.sqrt((error * error).mean()),
            jnp.abs(error).mean(),
        )

    return jax.lax.map(jax.vmap(one), networks)


def through(
    network: stacked.Stacked, x: Float[Array, "points inputs"], policy: training.Policy
) -> tuple[death.Death, Float[Array, "points outputs"]]:
    """:func:`jaxlab.regions.death.on_data` and the outputs, in one loop over the layers.

    Parameters
    ----------
    network
        One network, in ``policy.compute``.
    x
        Points, of that dtype.
    policy
        ``accumulate`` is used.

    Returns
    -------
    Death, and the outputs as computed.
    """

    def forward(x: Array, layer: Layer) -> tuple[Array, tuple[Array, Array]]:
        values = affine(layer, x, accumulate=policy.accumulate)
        return jax.nn.relu(values), ((values <= 0).all(axis=0), values.max(axis=0))

    x, first = forward(x, network.first)
    x, rest = jax.lax.scan(forward, x, network.hidden)
    inactive, largest = (jnp.concatenate([a[None], b]) for a, b in zip(first, rest, strict=True))
    dead = inactive.all(axis=1)
    layer = jnp.where(dead.any(), jnp.argmax(dead).astype(jnp.int32), jnp.int32(-1))
    found = death.Death(layer, tuple(inactive), tuple(largest), jnp.bool_(False))
    return found, affine(network.last, x, accumulate=policy.accumulate)


def _kept(
    networks: stacked.Stacked, born: Int[np.ndarray, " runs"], hidden: int
) -> Bool[np.ndarray, "runs checkpoints"]:
    """:attr:`Runs.kept` of networks ``(runs, checkpoints)`` with their dead layers at the start."""
    *layers, last = stacked.unstack(networks)
    kept = np.broadcast_to((born >= 0)[:, None], last.bias.shape[:2])
    for depth, layer in enumerate((*layers[:hidden], last)):
        same_weight, same_bias = (_same(np.asarray(leaf)) for leaf in layer)
        kept = kept & (same_weight | (depth > born + 1)[:, None])
        kept = kept & (same_bias | (depth > born)[:, None])
    return kept


def _same(leaf: np.ndarray) -> Bool[np.ndarray, "runs checkpoints"]:
    """Whether an array has, bit by bit, its values of the first checkpoint."""
    bits = np.ascontiguousarray(leaf).view(f"u{leaf.dtype.itemsize}")
    return (bits == bits[:, :1]).all(axis=tuple(range(2, leaf.ndim)))
