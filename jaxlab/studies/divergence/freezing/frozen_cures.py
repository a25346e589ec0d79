"""Parts "stopping", "cures" and "schemes": what freezes the pair, what keeps it going, other steps.

*Stopping*: formats of ``p`` bits and 8 exponent bits, emulated in float64. In the arm "update" the
gradient is exact and the parameters are stored in ``p`` bits; in "gradient" every operation of the
gradient rounds and the parameters are float64; in "step" everything rounds.

*Cures*: parameters stored in 16 bits by :func:`jaxlab.training.low_precision`, with the exact
gradient at the stored parameters or with one of which every operation rounds to the same format.

*Schemes*: Adam, and gradient descent on minibatches, in float64. They are no flows.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr
from jaxtyping import Array

from jaxlab import training
from jaxlab.arithmetic import Format, as_format, rounded
from jaxlab.studies._parts import Part, Variable, named_key
from jaxlab.studies._parts import template as empty
from jaxlab.studies._study import Cell, Values
from jaxlab.studies.divergence.config import CONTROL, Config
from jaxlab.studies.divergence.freezing.frozen import (
    FORMS,
    MAIN,
    PARAMETERS,
    START,
    checkpoints,
    iterates,
    observe,
)
from jaxlab.studies.divergence.freezing.frozen_descent import Descent, descend
from jaxlab.studies.divergence.freezing.frozen_law import stopping_weight
from jaxlab.studies.divergence.problems import Pair, pair_risk

ARMS = ("gradient", "step")
BOUNDS = ("about to move", "just moved")
SOURCES = ("exact gradient", "computed gradient")
CURES = ("tenfold rate", "stochastic", "compensated", "float32 master")
SCHEMES = ("Adam", "minibatch")
ADAM_RATE, BATCH, POINTS = 5e-3, 100, 10_000
"""Settings of arXiv 2505.09572: Adam's rate, and the minibatch drawn from 10 000 points."""

ARRIVAL = 1.45
"""``a`` where descents from (1, 1) have come into the valley and turned along it."""

_FORMAT = functools.partial(Format.ieee, exponent_bits=8)
_slope = jax.grad(functools.partial(pair_risk, output=FORMS[MAIN]))


def stopping_template(config: Config) -> xr.Dataset:
    """Where descents in ``p`` bits stand at the end, and where they were predicted to stop."""
    end, arm = ("frozen_precision",), ("frozen_arm", "frozen_arm_precision")
    each = "frozen_parameter"
    steps = f"after {config.frozen_precision_steps} steps"
    fewer = f"after {config.frozen_arm_steps} steps"
    moved, period = "steps until the last one that moved", "period of the cycle found, 0 if none"
    return empty(
        {
            "frozen_rate": [config.frozen_rate],
            "frozen_precision": config.frozen_precisions,
            "frozen_bound": BOUNDS,
            "frozen_arm": ARMS,
            "frozen_arm_precision": config.frozen_arm_precisions,
            "frozen_parameter": PARAMETERS,
        },
        {
            "frozen_end": Variable((*end, each), float, f"parameters {steps}, exact gradient"),
            "frozen_end_gradient": Variable((*end, each), float, "gradient there, in float64"),
            "frozen_end_moved": Variable(end, int, moved),
            "frozen_end_period": Variable(end, int, period),
            "frozen_predicted": Variable(
                (*end, "frozen_bound"), float, "weight a where it must stop; NaN on arrival"
            ),
            "frozen_arm_end": Variable((*arm, each), float, f"parameters {fewer}"),
            "frozen_arm_moved": Variable(arm, int, moved),
            "frozen_arm_period": Variable(arm, int, period),
            "frozen_arm_control": Variable((each,), float, f"parameters {fewer}, {CONTROL}"),
        },
    )


def stopping_cells(config: Config) -> list[Cell]:
    """One cell per precision and arm, and the control."""
    return [
        Cell("control", {}),
        *(Cell(f"p{p}", {"frozen_precision": i}) for i, p in enumerate(config.frozen_precisions)),
        *(
            Cell(f"{arm}-p{p}", {"frozen_arm": i, "frozen_arm_precision": j})
            for i, arm in enumerate(ARMS)
            for j, p in enumerate(config.frozen_arm_precisions)
        ),
    ]


def stopping_compute(config: Config, cell: Cell) -> Values:
    """Descend in one arm until nothing moves."""
    rate = config.frozen_rate
    last = np.array([config.frozen_arm_steps])
    if cell.name == "control":
        return {"frozen_arm_control": iterates(_run(_slope, _gradient_descent, rate, last))[0]}
    if "frozen_precision" in cell.index:
        precision = config.frozen_precisions[cell.index["frozen_precision"]]
        last = np.array([config.frozen_precision_steps])
        found = _run(_slope, _stored(_FORMAT(precision=precision)), rate, last)
        end = iterates(found)[0]
        return {
            "frozen_end": end,
            "frozen_end_gradient": observe(end)["gradient"],
            "frozen_end_moved": np.asarray(found.moved),
            "frozen_end_period": np.asarray(found.period),
            "frozen_predicted": np.array(stopping_weight(precision, rate, ARRIVAL)),
        }
    fmt = _FORMAT(precision=config.frozen_arm_precisions[cell.index["frozen_arm_precision"]])
    arm = ARMS[cell.index["frozen_arm"]]
    update = _gradient_descent if arm == "gradient" else _rounded_descent(fmt)
    found = _run(rounded(_slope, fmt), update, rate, last)
    return {
        "frozen_arm_end": iterates(found)[0],
        "frozen_arm_moved": np.asarray(found.moved),
        "frozen_arm_period": np.asarray(found.period),
    }


def _run(
    gradient: Callable[[Pair], Pair],
    update: Callable[[Any], training.Update],
    rate: float,
    steps: np.ndarray,
    key: Array | None = None,
) -> Descent:
    """From (1, 1), carried in float64."""
    start = Pair(*(jnp.asarray(p, CONTROL) for p in START))
    program = jax.jit(lambda key: descend(gradient, start, update(rate), jnp.asarray(steps), key))
    return program(named_key(0, "frozen") if key is None else key)


def _gradient_descent(rate: Any) -> training.Update:
    return training.gradient_descent(rate)


def _stored(fmt: Format, **options: Any) -> Callable[[Any], training.Update]:
    """Gradient descent in float64 whose parameters are stored in a format."""

    def update(rate: Any) -> training.Update:
        return training.low_precision(optax.sgd(rate), fmt, arithmetic=CONTROL, **options)

    return update


def _rounded_descent(fmt: Format) -> Callable[[Any], training.Update]:
    def update(rate: Any) -> training.Update:
        descent = training.gradient_descent(rate)
        return descent._replace(step=rounded(descent.step, fmt), apply=rounded(descent.apply, fmt))

    return update


def cures_template(config: Config) -> xr.Dataset:
    """Iterates at the last decades, by format, source of the gradient, cure and key."""
    where = ("frozen_stored", "frozen_source", "frozen_cure", "frozen_key", "frozen_cure_time")
    return empty(
        {
            "frozen_stored": config.frozen_stored,
            "frozen_source": SOURCES,
            "frozen_cure": CURES,
            "frozen_key": range(config.frozen_keys),
            "frozen_cure_time": config.frozen_rate * checkpoints(config.frozen_arm_steps, 1),
            "frozen_parameter": PARAMETERS,
        },
        {
            "frozen_cured": Variable(
                (*where, "frozen_parameter"), float, "parameters; one run where nothing is drawn"
            ),
        },
    )


def cures_cells(config: Config) -> list[Cell]:
    """One cell per format, source and cure."""
    return [
        Cell(
            f"{fmt}-{source.split()[0]}-{cure.replace(' ', '-')}",
            {"frozen_stored": i, "frozen_source": j, "frozen_cure": k},
        )
        for i, fmt in enumerate(config.frozen_stored)
        for j, source in enumerate(SOURCES)
        for k, cure in enumerate(CURES)
    ]


def cures_compute(config: Config, cell: Cell) -> Values:
    """Descend with one cure, with as many keys as there are if it draws random numbers."""
    fmt = as_format(config.frozen_stored[cell.index["frozen_stored"]])
    source, cure = SOURCES[cell.index["frozen_source"]], CURES[cell.index["frozen_cure"]]
    gradient = _slope if source == SOURCES[0] else rounded(_slope, fmt)
    options = {
        "stochastic": {"rounding": "stochastic"},
        "compensated": {"rounding": "compensated"},
        "float32 master": {"master": "float32"},
    }
    steps, rate = checkpoints(config.frozen_arm_steps, 1), config.frozen_rate
    if cure == "tenfold rate":
        steps, rate = steps // 10, 10 * rate
    keys = jax.random.split(named_key(config.seed, "frozen-cures"), config.frozen_keys)
    drawn = keys if cure == "stochastic" else keys[:1]
    start = Pair(*(jnp.asarray(p, CONTROL) for p in START))
    update = _stored(fmt, **options.get(cure, {}))(rate)

    @jax.jit
    def run(keys: Array) -> Descent:
        return jax.lax.map(
            lambda key: descend(gradient, start, update, jnp.asarray(steps), key), keys
        )

    points = iterates(run(drawn))
    return {"frozen_cured": np.broadcast_to(points, (len(keys), *points.shape[1:]))}


def schemes_template(config: Config) -> xr.Dataset:
    """Iterates of the discrete schemes, and how far their steps are from being stable."""
    at = ("frozen_scheme", "frozen_scheme_step")
    return empty(
        {
            "frozen_scheme": SCHEMES,
            "frozen_scheme_step": checkpoints(config.frozen_scheme_steps),
            "frozen_parameter": PARAMETERS,
        },
        {
            "frozen_scheme_iterate": Variable((*at, "frozen_parameter"), float, "parameters"),
            "frozen_scheme_curvature": Variable(
                at, float, "rate times the largest Hessian eigenvalue, in float64"
            ),
        },
    )


def schemes_cells(config: Config) -> list[Cell]:
    """One cell per scheme."""
    return [Cell(name, {"frozen_scheme": i}) for i, name in enumerate(SCHEMES)]


def schemes_compute(config: Config, cell: Cell) -> Values:
    """Train in float64 and measure the curvature at the checkpoints."""
    minibatch = cell.name == "minibatch"
    rate = config.frozen_rate if minibatch else ADAM_RATE
    key = named_key(config.seed, f"frozen-{cell.name}")
    draw, run = jax.random.split(key)
    points = jax.random.uniform(draw, (POINTS,), CONTROL, -1, 1)

    def loss(params: Pair, x: Array) -> Array:
        residual = FORMS[MAIN](params, x) - x * x
        return jnp.mean(residual * residual)

    optimiser = training.from_optax(optax.adam(rate))
    history = jax.jit(
        lambda start: training.train(
            loss,
            start,
            points,
            training.gradient_descent(rate) if minibatch else optimiser,
            policy=training.Policy.native(CONTROL),
            checkpoints=tuple(int(s) for s in checkpoints(config.frozen_scheme_steps)),
            metrics={"params": lambda snapshot: jnp.stack(snapshot.params)},
            key=run,
            batch_size=BATCH,
        )
    )(Pair(*(jnp.asarray(p, CONTROL) for p in START)))
    at = np.asarray(history.metrics["params"])
    return {
        "frozen_scheme_iterate": at,
        "frozen_scheme_curvature": rate * observe(at)["curvature"],
    }


PARTS = (
    Part("frozen-stopping", stopping_template, stopping_cells, stopping_compute),
    Part("frozen-cures", cures_template, cures_cells, cures_compute),
    Part("frozen-schemes", schemes_template, schemes_cells, schemes_compute),
)
