"""Low-precision optimisers in training and ensembles: formats, loss scaling, control, same bits."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxlab.arithmetic import as_format, round_to
from jaxlab.training import (
    Policy,
    dynamic_scaling,
    ensemble,
    gradient_descent,
    low_precision,
    metrics,
    train,
)
from jaxlab.training import scaling as scalings
from jaxlab.training.optimisers import lost_share

KEY = jax.random.key(0)
RATE = 0.05
HALF = Policy("float16", "float16", "float32", "float32")
BRAIN = Policy("bfloat16", "bfloat16", "float32", "float32")
MEASURED = {"loss": metrics.loss, "params": lambda snapshot: snapshot.params}


def regression():
    """16 points, 8 features of +-1, targets of weights between -0.5 and 0.5."""
    rng = np.random.default_rng(0)
    x = rng.choice([-1.0, 1.0], (16, 8)).astype(np.float32)
    return jnp.asarray(x), jnp.asarray(x @ rng.uniform(-0.5, 0.5, 8).astype(np.float32))


def squares(w, batch):
    """The mean of the squared residuals, in the dtype of the weights."""
    x, y = batch
    residual = jnp.dot(x, w, precision=jax.lax.Precision.HIGHEST) - y
    return jnp.mean(residual * residual)


def fit(policy, optimiser, steps=100, loss=squares, **options):
    return train(
        loss,
        jnp.ones(8, policy.parameters),
        regression(),
        optimiser,
        policy=policy,
        checkpoints=(0, steps // 2, steps),
        metrics=MEASURED,
        key=KEY,
        **options,
    )


def adam(**options):
    return low_precision(optax.adam(RATE), **options)


@pytest.mark.parametrize(
    ("policy", "options"),
    [
        (BRAIN, {"rounding": "compensated", "moments": "bfloat16"}),
        (BRAIN, {"rounding": "stochastic"}),
        (BRAIN, {"master": "float32", "update": "bfloat16"}),
        (HALF, {"moments": "float16", "scaled_moments": True}),
    ],
    ids=str,
)
def test_training_ends_near_its_float64_control(x64, policy, options):
    low = jax.jit(lambda: fit(policy, adam(parameters=policy.parameters, **options)))()
    wide = adam(parameters="float64", arithmetic="float64")
    control = jax.jit(lambda: fit(Policy.native("float64"), wide))()
    assert low.status == 0
    assert low.params.dtype == policy.parameters
    assert control.metrics["loss"][-1] < 0.01 * control.metrics["loss"][0]
    # At steps 0, 50 and 100.
    np.testing.assert_allclose(low.metrics["loss"], control.metrics["loss"], rtol=0.05, atol=2e-4)


def test_emulated_parameters_stay_in_their_format_on_a_float32_carrier():
    optimiser = adam(parameters="e4m3", moments="e5m2", scaled_moments=True, rounding="stochastic")
    history = jax.jit(lambda: fit(Policy.mixed("bfloat16"), optimiser))()
    weights = history.metrics["params"]
    assert weights.dtype == jnp.float32
    np.testing.assert_array_equal(weights, jnp.asarray(round_to(weights, "e4m3")))
    assert np.unique(np.asarray(weights)).size > 3
    assert history.metrics["loss"][-1] < 0.2 * history.metrics["loss"][0]


@pytest.mark.parametrize(
    ("parameters", "policy", "rounding"),
    [
        ("e4m3", Policy.native("float32"), "nearest_even"),
        ("e4m3", Policy.native("float32"), "stochastic"),
        ("bfloat16", BRAIN, "nearest_even"),
        ("bfloat16", BRAIN, "stochastic"),
    ],
)
def test_the_share_of_stagnated_updates_is_that_of_the_optimisers_own_addition(
    parameters, policy, rounding
):
    # The float32 that carries e4m3 would lose none of them, and the optimiser counts its last step.
    descent = low_precision(optax.sgd(2.0**-4), parameters, rounding=rounding)
    history = train(
        squares,
        jnp.full(8, 0.75, policy.parameters),
        regression(),
        descent,
        policy=policy,
        checkpoints=tuple(range(9)),
        metrics={"ahead": metrics.stagnated_share, "behind": lost_share},
        key=KEY,
    )
    ahead, behind = (np.asarray(history.metrics[name]) for name in ("ahead", "behind"))
    np.testing.assert_array_equal(ahead[:-1], behind[1:])
    assert 0 < ahead.max() <= 1


def test_plain_descent_in_float32_formats_is_bitwise_gradient_descent():
    policy = Policy.native("float32")
    wrapped = low_precision(optax.sgd(0.05), "float32")
    got, expected = (
        jax.jit(lambda update=update: fit(policy, update))()
        for update in (wrapped, gradient_descent(0.05))
    )
    jax.tree.map(np.testing.assert_array_equal, got, expected)


def test_dynamic_loss_scaling_skips_overflow_and_then_trains():
    # float16 gradients that overflow at the first scales: steps are skipped, then it learns.
    inner = adam(parameters="float16", moments="float16", scaled_moments=True)
    history = jax.jit(
        lambda: fit(
            HALF,
            inner,
            loss=lambda w, batch: squares(w, batch) * jnp.array(64, w.dtype),
            scaling=dynamic_scaling(2.0**15, growth_interval=20),
        )
    )()
    assert history.status == 0
    assert 0 < history.skipped < 30
    assert history.metrics["loss"][-1] < 0.01 * history.metrics["loss"][0]


@pytest.mark.parametrize("growth_interval", [2, 5])
def test_the_scale_stays_a_power_of_two_beside_a_loop_of_ones_own(growth_interval):
    scaling = dynamic_scaling(2.0**15, growth_interval)
    optimiser = adam(parameters="float16", moments="float16", scaled_moments=True)
    gradient = jnp.array([1e-2, 3.0, 40.0], jnp.float32)  # ratios within 2**19

    def step(carry, _):
        params, state, scale = carry
        scaled = (gradient * jnp.broadcast_to(scale.scale, gradient.shape)).astype(jnp.float16)
        overflow = ~jnp.all(jnp.isfinite(scaled))
        unscaled = scalings.unscale(scaled.astype(jnp.float32), scale)
        updates, after = optimiser.step(unscaled, state, params)
        moved, after = optimiser.apply(params, updates, after)
        params, state = jax.lax.cond(overflow, lambda: (params, state), lambda: (moved, after))
        scale = scalings.adjust(scale, overflow, scaling, 2.0**15)
        return (params, state, scale), (scale.scale, overflow, state.inner[0].count)

    params = jnp.ones(3, jnp.float16)
    first = params, optimiser.init(KEY, params), scalings.start(scaling)
    run = jax.jit(lambda: jax.lax.scan(step, first, None, length=40))
    (params, *_), (scales, overflows, counts) = run()
    mantissas, _ = np.frexp(np.asarray(scales))
    np.testing.assert_array_equal(mantissas, 0.5)
    np.testing.assert_array_equal(counts, np.cumsum(~np.asarray(overflows)))
    assert 0 < np.sum(overflows) < 20
    assert np.unique(scales).size > 2
    np.testing.assert_allclose(params, 1 - RATE * float(counts[-1]), rtol=0.02)


def test_an_ensemble_gives_each_network_the_bits_of_its_own_training():
    keys = jax.random.split(KEY, 5)
    rates = jnp.linspace(0.005, 0.03, 5, dtype=jnp.float32)

    def optimiser(rate):
        return low_precision(
            optax.sgd(rate, momentum=0.9),
            "bfloat16",
            moments="bfloat16",
            moments_rounding="stochastic",
            rounding="stochastic",
        )

    def run(count):
        return ensemble(
            squares,
            jnp.ones((count, 8), jnp.bfloat16),
            regression(),
            optimiser,
            policy=BRAIN,
            checkpoints=(0, 10),
            metrics=MEASURED,
            keys=keys[:count],
            learning_rate=rates[:count],
        )

    many, few = run(5), run(2)
    jax.tree.map(
        lambda a, b: np.testing.assert_array_equal(a[:2], b), tuple(many[1:]), tuple(few[1:])
    )
    assert np.unique(np.asarray(many.params, np.float32), axis=0).shape[0] == 5
    assert np.all(many.metrics["loss"][:, -1] < many.metrics["loss"][:, 0])


@pytest.mark.parametrize(
    "rounding",
    [
        pytest.param("nearest_even", marks=pytest.mark.slow),
        pytest.param("compensated", marks=pytest.mark.slow),
        "stochastic",
    ],
)
def test_a_loop_gives_the_same_bits_eagerly_compiled_and_batched(rounding):
    optimiser = low_precision(
        optax.adamw(0.01),
        "bfloat16",
        moments="float16",
        scaled_moments=True,
        moments_rounding="stochastic",
        rounding=rounding,
    )
    rng = np.random.default_rng(0)
    params = {"w": jnp.asarray(rng.normal(size=(2, 40)), jnp.bfloat16)}
    gradient = {"w": jnp.asarray(rng.normal(size=(2, 40)), jnp.bfloat16)}
    keys = jax.random.split(KEY)

    def loop(key, params, gradient):
        state = optimiser.init(key, params)
        for _ in range(2):
            updates, state = optimiser.step(gradient, state, params)
            params, state = optimiser.apply(params, updates, state)
        return params, state._replace(key=())

    batched = jax.jit(jax.vmap(loop))(keys, params, gradient)
    for row in range(2):
        one = keys[row], {"w": params["w"][row]}, {"w": gradient["w"][row]}
        eager, compiled = loop(*one), jax.jit(loop)(*one)
        jax.tree.map(np.testing.assert_array_equal, eager, compiled)
        jax.tree.map(lambda a, b, row=row: np.testing.assert_array_equal(a, b[row]), eager, batched)


def test_a_step_lowers_for_cpu_cuda_and_tpu():
    optimiser = low_precision(
        optax.adam(0.01),
        as_format("e4m3"),
        moments="float16",
        moments_rounding="stochastic",
        scaled_moments=True,
        update="bfloat16",
        master="float32",
        rounding="stochastic",
    )

    def step(key, params):
        state = optimiser.init(key, params)
        updates, state = optimiser.step(params, state, params)
        params, state = optimiser.apply(params, updates, state)
        return params, state._replace(key=())

    platforms = ("cpu", "cuda", "tpu")
    arguments = jax.random.split(KEY), jnp.ones((2, 5))
    assert jax.export.export(jax.jit(jax.vmap(step)), platforms=platforms)(*arguments)
