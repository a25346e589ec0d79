"""Part (e): training with truly rounded gradients, beside the noise model and the control.

Same-seed triples in float64 storage. The *control* rounds nothing beyond float64. An *emulated* run
rounds every operation of the gradient once to p bits ("gradient"), or every operation of the step,
its stored parameters included ("step"). A *noise* run multiplies every entry of the exact gradient
by ``1 + epsilon U``, which is what the paper puts in the place of rounding.

Either emulated gradient is taken at the parameters and data rounded to p bits, as on a machine of
that format. Errors of the first gradient are against the exact one at these rounded values: the
starts have 8 bits, so below p = 8 the gradient at the starts themselves is that of other networks.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import PyTree

from jaxlab import training
from jaxlab.arithmetic import Format, round_to, rounded
from jaxlab.studies._parts import Part, Variable, named_key
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell, Values
from jaxlab.studies.pieces.config import Config
from jaxlab.studies.pieces.counting import NO_COUNT, count
from jaxlab.studies.pieces.models import MODELS, data, loss, repeated, starts
from jaxlab.training.updates import is_bias

QUANTILES = (0.5, 0.9, 0.99)
LOUD = (-4, -2, 0)
"""Noise levels 2**-k far above any unit roundoff: does any of them do what rounding does?"""

SHARES = ("within u", "wrong sign", "to zero", "from zero")
LEAVES = ("all", "biases")
_FLOAT64 = training.Policy.native("float64")


def template(config: Config) -> xr.Dataset:
    """Final counts per arm, rate and seed; errors of the rounded gradients at the start."""
    run = ("emulated_rate", "emulated_seed")
    model, by_precision = ("emulated_model",), ("emulated_model", "precision")
    ended = "affine pieces after training ({}), -2 if a step is not finite"
    return empty(
        {
            "emulated_model": config.emulated_models,
            "precision": config.emulated_precisions,
            "noise_exponent": (*LOUD, *config.emulated_precisions),
            "scope": config.emulated_scopes,
            "emulated_rate": config.emulated_learning_rates,
            "emulated_seed": range(config.emulated_seeds),
            "error_quantile": QUANTILES,
            "leaves": LEAVES,
            "entry": SHARES,
        },
        {
            "starting_pieces": Variable(
                (*model, "emulated_seed"), int, "affine pieces before training"
            ),
            "exact_pieces": Variable((*model, *run), int, ended.format("float64")),
            "noisy_pieces": Variable(
                (*model, "noise_exponent", *run),
                int,
                ended.format("relative noise of size 2^-noise_exponent"),
            ),
            "rounded_pieces": Variable(
                (*by_precision, "scope", *run),
                int,
                ended.format(f"emulated, {config.emulated_exponent_bits} exponent bits"),
            ),
            "gradient_error": Variable(
                (*by_precision, "leaves", "error_quantile"),
                float,
                "quantile of the relative error of the nonzero entries of the first gradient, "
                "against the exact one at the rounded start and data",
                "u",
            ),
            "gradient_share": Variable(
                (*by_precision, "leaves", "entry"),
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
    pieces = final_pieces(name, history).reshape(shape)
    return {
        "starting_pieces": _pieces(name, _starts(config, name)[1]),
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
        pieces.append(final_pieces(name, history).reshape(len(rates), -1))
        first = history.metrics["gradient"]
    seeds = config.emulated_seeds
    gradient = jax.tree.map(lambda leaf: np.asarray(leaf)[:seeds, 0], first)
    # As the rounded loss sees them: else the rounding of its arguments would pass for its error.
    exact = _exact_gradient(name)(*_round_all((_starts(config, name)[1], _data(config, name)), fmt))
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
    ``gradient_error`` (in ``u``) and ``gradient_share``, for all leaves and for those called
    ``bias`` (NaN where there is no such entry), and ``sign_correlation`` (NaN where no array has
    two entries in error), as the template describes them; all entries of all seeds count alike.

    Examples
    --------
    >>> exact = (np.array([[1.0, 2.0, 0.0]]),)
    >>> found = gradient_errors((np.array([[1.5, 3.0, 0.0]]),), exact, 0.25)
    >>> found["gradient_error"][0], found["gradient_share"][0], found["sign_correlation"]
    (array([2., 2., 2.]), array([0., 0., 0., 0.]), array([1.]))
    """
    named = jax.tree.leaves_with_path(gradient)
    pairs = [
        [np.asarray(leaf).reshape(len(leaf), -1) for leaf in leaves]
        for leaves in zip([leaf for _, leaf in named], jax.tree.leaves(exact), strict=True)
    ]
    biases = [pair for (path, _), pair in zip(named, pairs, strict=True) if is_bias(path)]
    errors, shares = zip(*(_entry_errors(some, u) for some in (pairs, biases)), strict=True)
    return {
        "gradient_error": np.stack(errors),
        "gradient_share": np.stack(shares),
        "sign_correlation": _sign_correlation(pairs),
    }


def _entry_errors(pairs: list[list[np.ndarray]], u: float) -> tuple[np.ndarray, np.ndarray]:
    """Quantiles of the relative errors in ``u``, and shares, of all entries of some arrays."""
    got, true = (
        np.concatenate([np.zeros(0), *(pair[i].ravel() for pair in pairs)]) for i in (0, 1)
    )
    there = true != 0
    relative = np.abs(got - true)[there] / np.abs(true)[there] / u
    shares = (relative <= 1, (got * np.sign(true))[there] < 0, got[there] == 0, got[~there] != 0)
    errors = np.full(len(QUANTILES), np.nan)
    if relative.size:
        errors = np.quantile(relative, QUANTILES, method="inverted_cdf")
    return errors, np.array([np.mean(share) if share.size else np.nan for share in shares])


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


@functools.partial(jax.jit, static_argnames="fmt")
def _round_all(tree: PyTree, fmt: Format) -> PyTree:
    return jax.tree.map(lambda leaf: round_to(leaf, fmt), tree)


def final_pieces(name: str, history: training.History) -> np.ndarray:
    """Counts after training; a run that was frozen on the way has none."""
    return np.where(history.status, NO_COUNT, _pieces(name, history.params))


def _pieces(name: str, trainables: Any) -> np.ndarray:
    networks = jax.jit(jax.vmap(MODELS[name].network))(trainables)
    return count(networks, 0.0, 1.0).pieces


PART = Part("emulated", template, cells, compute)
