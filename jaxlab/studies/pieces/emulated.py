"""Part (e): training with truly rounded gradients, beside the noise model and the control.

Same-seed triples in float64 storage. The *control* rounds nothing beyond float64. An *emulated* run
rounds every operation of the gradient once to p bits ("gradient"), or every operation of the step,
its stored parameters included ("step"). A *noise* run multiplies every entry of the exact gradient
by ``1 + epsilon U``, which is what the paper puts in the place of rounding.

Either emulated gradient is taken at the parameters rounded to p bits, as on a machine of that
format. The starts have 8 bits, so below p = 8 even the first gradient is that of other parameters.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import PyTree

from jaxlab import regions, training
from jaxlab.arithmetic import Format, rounded
from jaxlab.studies._parts import Part, Variable, named_key
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell, Values
from jaxlab.studies.pieces.config import Config
from jaxlab.studies.pieces.models import MODELS, data, loss, repeated, starts
from jaxlab.studies.pieces.trained import countable

QUANTILES = (0.5, 0.9, 0.99)
LOUD = (-4, -2, 0)
"""Noise levels 2**-k far above any unit roundoff: does any of them do what rounding does?"""

SHARES = ("within u", "wrong sign", "to zero", "from zero")
_FLOAT64 = training.Policy.native("float64")


def template(config: Config) -> xr.Dataset:
    """Final counts per arm, rate and seed; errors of the rounded gradients at the start."""
    run = ("emulated_rate", "emulated_seed")
    model, by_precision = ("emulated_model",), ("emulated_model", "precision")
    return empty(
        {
            "emulated_model": config.emulated_models,
            "precision": config.emulated_precisions,
            "noise_exponent": (*LOUD, *config.emulated_precisions),
            "scope": config.emulated_scopes,
            "emulated_rate": config.emulated_learning_rates,
            "emulated_seed": range(config.emulated_seeds),
            "error_quantile": QUANTILES,
            "entry": SHARES,
        },
        {
            "starting_pieces": Variable(
                (*model, "emulated_seed"), int, "affine pieces before training"
            ),
            "exact_pieces": Variable((*model, *run), int, "affine pieces after float64 training"),
            "noisy_pieces": Variable(
                (*model, "noise_exponent", *run),
                int,
                "affine pieces after training with relative noise of size 2^-noise_exponent",
            ),
            "rounded_pieces": Variable(
                (*by_precision, "scope", *run),
                int,
                f"affine pieces after emulated training ({config.emulated_exponent_bits} exponent "
                "bits)",
            ),
            "gradient_error": Variable(
                (*by_precision, "error_quantile"),
                float,
                "quantile of the relative error of the nonzero entries of the first gradient",
                "u",
            ),
            "gradient_share": Variable(
                (*by_precision, "entry"),
                float,
                "share of the nonzero entries of the first gradient (from zero: of its zeros)",
            ),
            "sign_correlation": Variable(
                (*by_precision, "emulated_seed"),
                float,
                "mean product of the signs of two relative errors in one weight or bias array",
            ),
        },
    )


def cells(config: Config) -> list[Cell]:
    """Per model one cell for the control and all noise levels, and one per precision."""
    return [
        Cell(name.replace(" ", "-"), index)
        for i, model in enumerate(config.emulated_models)
        for name, index in (
            (f"{model}-noise", {"emulated_model": i}),
            *(
                (f"{model}-p{p}", {"emulated_model": i, "precision": j})
                for j, p in enumerate(config.emulated_precisions)
            ),
        )
    ]


def compute(config: Config, cell: Cell) -> Values:
    """Train one arm on all rates and seeds at once, and count in float64."""
    name = config.emulated_models[cell.index["emulated_model"]]
    if "precision" not in cell.index:
        return _unrounded(config, name)
    precision = config.emulated_precisions[cell.index["precision"]]
    return _rounded(config, name, precision)


def _unrounded(config: Config, name: str) -> Values:
    levels = (*LOUD, *config.emulated_precisions)
    arms = (1 + len(levels)) * len(config.emulated_learning_rates)
    history = train(config, name, loss(name, _FLOAT64), noisy_descent(config), range(arms))
    shape = (1 + len(levels), len(config.emulated_learning_rates), -1)
    pieces = _count(name, history.params).reshape(shape)
    return {
        "starting_pieces": _count(name, _starts(config, name)[1]),
        "exact_pieces": pieces[0],
        "noisy_pieces": pieces[1:],
    }


def _rounded(config: Config, name: str, precision: int) -> Values:
    fmt = Format.ieee(exponent_bits=config.emulated_exponent_bits, precision=precision)
    rates = config.emulated_learning_rates
    inexact = _rounded_loss(name, fmt)
    updates = {"gradient": training.gradient_descent, "step": rounded_descent(fmt)}
    pieces, first = [], None
    for scope in config.emulated_scopes:
        history = train(config, name, inexact, updates[scope], rates)
        pieces.append(_count(name, history.params).reshape(len(rates), -1))
        first = history.metrics["gradient"]
    seeds = config.emulated_seeds
    gradient = jax.tree.map(lambda leaf: np.asarray(leaf)[:seeds, 0], first)
    exact = _exact_gradient(name)(_starts(config, name)[1], _data(config, name))
    return {
        "rounded_pieces": np.stack(pieces),
        **gradient_errors(gradient, exact, fmt.unit_roundoff),
    }


def gradient_errors(gradient: PyTree, exact: PyTree, u: float) -> Values:
    """How far rounded gradients are from what the noise model assumes.

    The model: nonzero entries have relative errors in ``(-u, u)``, independent of one another, and
    zero entries stay zero.

    Parameters
    ----------
    gradient, exact
        Pytrees of the same structure, every leaf with the same leading axis of seeds.
    u
        Unit roundoff of the format.

    Returns
    -------
    ``gradient_error`` (in ``u``), ``gradient_share`` and ``sign_correlation`` (NaN where no array
    has two entries in error), as the template describes them; all entries of all seeds count alike.

    Examples
    --------
    >>> exact = (np.array([[1.0, 2.0, 0.0]]),)
    >>> found = gradient_errors((np.array([[1.5, 3.0, 0.0]]),), exact, 0.25)
    >>> found["gradient_error"], found["gradient_share"], found["sign_correlation"]
    (array([2., 2., 2.]), array([0., 0., 0., 0.]), array([1.]))
    """
    pairs = [
        [np.asarray(leaf).reshape(len(leaf), -1) for leaf in leaves]
        for leaves in zip(jax.tree.leaves(gradient), jax.tree.leaves(exact), strict=True)
    ]
    got, true = (np.concatenate(leaves, axis=1) for leaves in zip(*pairs, strict=True))
    there = true != 0
    relative = np.abs(got - true)[there] / np.abs(true)[there] / u
    shares = (relative <= 1, (got * np.sign(true))[there] < 0, got[there] == 0, got[~there] != 0)
    return {
        "gradient_error": np.quantile(relative, QUANTILES, method="inverted_cdf"),
        "gradient_share": np.array([np.mean(share) if share.size else 0.0 for share in shares]),
        "sign_correlation": _sign_correlation(pairs),
    }


def _sign_correlation(pairs: list[list[np.ndarray]]) -> np.ndarray:
    """Mean of ``s_i s_j`` over pairs of one array, per seed; from ``(sum s)^2 - sum s^2``."""
    products = count = 0
    for got, true in pairs:
        signs = np.sign(got - true) * np.sign(true)
        size = np.abs(signs).sum(axis=1)
        products = products + signs.sum(axis=1) ** 2 - size
        count = count + size * (size - 1)
    with np.errstate(invalid="ignore"):
        return np.asarray(products) / np.asarray(count)


def train(
    config: Config,
    name: str,
    objective: Callable[..., jax.Array],
    update: Callable[..., Any],
    arms: Any,
) -> training.History:
    """Every arm on every seed; ``update`` is called with the number that stands for the arm."""
    arms = np.asarray(arms, np.float64)
    keys, start = repeated(_starts(config, name), len(arms))
    return training.ensemble(
        objective,
        start,
        _data(config, name),
        update,
        policy=_FLOAT64,
        checkpoints=(0, config.training_steps),
        metrics=_METRICS,
        keys=keys,
        learning_rate=jnp.asarray(np.repeat(arms, config.emulated_seeds)),
    )


def _starts(config: Config, name: str) -> tuple[jax.Array, Any]:
    keys = jax.random.split(named_key(config.seed, f"emulated-{name}"), config.emulated_seeds)
    return keys, starts(name, config)(keys)


def _data(config: Config, name: str) -> tuple[jax.Array, jax.Array]:
    x, y = data(config, MODELS[name])
    return jnp.asarray(x), jnp.asarray(y[0])


def _first_gradient(snapshot: training.Snapshot) -> PyTree:
    return snapshot.gradient


_METRICS = {"gradient": _first_gradient}


@functools.lru_cache(maxsize=8)
def noisy_descent(config: Config) -> Callable[[jax.Array], training.Update]:
    """Noise level and rate from the number of an arm, so that one program serves them all.

    The first level is 0, the control, whose steps are bitwise those of plain gradient descent.
    """
    epsilons = [0.0, *(2.0**-k for k in (*LOUD, *config.emulated_precisions))]
    grid = np.array([(e, r) for e in epsilons for r in config.emulated_learning_rates])

    def update(arm: jax.Array) -> training.Update:
        epsilon, rate = jnp.asarray(grid)[arm.astype(jnp.int32)]
        return training.perturbed_gradient_descent(rate, epsilon, biases_only=False)

    return update


@functools.lru_cache(maxsize=64)
def _rounded_loss(name: str, fmt: Format) -> Callable[..., jax.Array]:
    return rounded(loss(name, _FLOAT64), fmt)


@functools.lru_cache(maxsize=64)
def rounded_descent(fmt: Format) -> Callable[[jax.Array], training.Update]:
    """Gradient descent that rounds the rate, the product, the sum and the stored parameters."""

    def update(rate: jax.Array) -> training.Update:
        descent = training.gradient_descent(rate)
        return descent._replace(step=rounded(descent.step, fmt), apply=rounded(descent.apply, fmt))

    return update


@functools.lru_cache(maxsize=8)
def _exact_gradient(name: str) -> Callable[[Any, Any], PyTree]:
    return jax.jit(jax.vmap(jax.grad(loss(name, _FLOAT64)), in_axes=(0, None)))


def _count(name: str, trainables: Any) -> np.ndarray:
    networks = jax.jit(jax.vmap(MODELS[name].network))(trainables)
    return countable(regions.line.count(networks, 0.0, 1.0).pieces)


PART = Part("emulated", template, cells, compute)
