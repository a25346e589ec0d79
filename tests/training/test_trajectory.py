"""One trajectory: checkpoints, dtypes, freezing, stagnation, minibatches."""

import itertools

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import optax
import pytest

from jaxlab.networks.mlp import Layer
from jaxlab.training import (
    Policy,
    dynamic_scaling,
    from_optax,
    gradient_descent,
    log_checkpoints,
    mean_squared_error,
    metrics,
    perturbed_gradient_descent,
    train,
)

KEY = jax.random.key(0)


def network(dtype="float32", widths=(1, 4, 4, 1)):
    keys = jax.random.split(jax.random.key(7), len(widths) - 1)
    shapes = itertools.pairwise(widths)
    draws = [
        jax.random.normal(k, shape, jnp.float32) for k, shape in zip(keys, shapes, strict=True)
    ]
    return tuple(Layer(w.astype(dtype), (0.1 * w[0]).astype(dtype)) for w in draws)


def curve(points=16):
    x = jnp.linspace(-1.0, 1.0, points, dtype=jnp.float32)[:, None]
    return x, x * x


def fit(policy, update=None, checkpoints=(0, 5), measured=None, loss=None, **options):
    return train(
        loss or mean_squared_error(policy),
        network(policy.parameters),
        curve(),
        update or gradient_descent(0.05),
        policy=policy,
        checkpoints=checkpoints,
        metrics={"loss": metrics.loss} if measured is None else measured,
        key=KEY,
        **options,
    )


def test_log_checkpoints_start_at_zero_end_at_last_and_increase():
    for last in (0, 1, 2, 7, 1000, 12345):
        steps = log_checkpoints(last, 5)
        assert steps[0] == 0
        assert steps[-1] == last
        assert np.all(np.diff(steps) > 0)
    assert log_checkpoints(1000, 1) == (0, 1, 10, 100, 1000)
    with pytest.raises(ValueError, match="last: got -1"):
        log_checkpoints(-1)


@pytest.mark.parametrize("name", ["fp16", "mixed", "gradient"])
def test_training_lowers_the_loss_and_keeps_every_dtype(x64_both, name):
    wide = "float64" if x64_both else "float32"
    policy = {
        "mixed": Policy.mixed("bf16"),
        "gradient": Policy.gradient("fp16", wide),
    }.get(name) or Policy.native(name)
    seen = {}

    def dtypes(snapshot):
        seen.update(
            params=snapshot.params[0].bias.dtype,
            gradient=snapshot.gradient[0].bias.dtype,
            updates=snapshot.updates[0].bias.dtype,
            loss=snapshot.loss.dtype,
            data=snapshot.data[0].dtype,
        )
        return ()

    history = fit(policy, measured={"loss": metrics.loss, "dtypes": dtypes}, checkpoints=(0, 30))
    assert history.metrics["loss"].dtype == jnp.dtype(wide)
    assert history.metrics["loss"][1] < history.metrics["loss"][0]
    assert {leaf.dtype for leaf in jax.tree.leaves(history.params)} == {policy.parameters}
    assert seen == {
        "params": policy.parameters,
        "gradient": policy.update,
        "updates": policy.update,
        "loss": policy.compute,
        "data": policy.compute,
    }
    assert (history.status, history.failed_at, history.skipped) == (0, -1, 0)


def test_float64_parameters_are_refused_without_x64():
    with pytest.raises(ValueError, match=r"policy\.update|policy\.parameters"):
        train(
            lambda p, b: p,
            jnp.float32(0),
            (),
            gradient_descent(0.1),
            policy=Policy.native("fp64"),
            checkpoints=(0,),
            metrics={},
            key=KEY,
        )


@pytest.mark.parametrize("name", ["fp32", pytest.param("bf16", marks=pytest.mark.slow)])
def test_log_spaced_checkpoints_equal_dense_ones_bitwise(name):
    steps = log_checkpoints(12, 3)
    assert len(steps) < 9
    measured = {"loss": metrics.loss, "params": lambda snapshot: snapshot.params}
    policy = Policy.native(name)
    sparse = jax.jit(lambda: fit(policy, checkpoints=steps, measured=measured))()
    dense = jax.jit(lambda: fit(policy, checkpoints=tuple(range(13)), measured=measured))()
    jax.tree.map(
        lambda a, b: np.testing.assert_array_equal(a, b[np.array(steps)]),
        sparse.metrics,
        dense.metrics,
    )
    jax.tree.map(np.testing.assert_array_equal, sparse.params, dense.params)
    np.testing.assert_array_equal(sparse.steps, steps)


def test_bfloat16_stagnates_where_the_update_is_below_half_an_ulp():
    history = train(
        lambda p, b: p,
        jnp.bfloat16(1),
        (),
        gradient_descent(1e-3),
        policy=Policy.native("bfloat16"),
        checkpoints=(0, 50, 100),
        metrics={"stagnated": metrics.stagnated_share},
        key=KEY,
    )
    assert history.params == 1
    np.testing.assert_array_equal(history.metrics["stagnated"], [1, 1, 1])
    assert history.status == 0


@pytest.mark.parametrize("name", ["adam", "momentum"])
def test_optax_trains_under_strict_promotion(x64_both, name):
    transformation = optax.adam(0.02) if name == "adam" else optax.sgd(0.02, momentum=0.9)
    policy = Policy.native("bf16") if x64_both else Policy.mixed("fp16")
    history = fit(policy, from_optax(transformation), checkpoints=(0, 20))
    assert history.metrics["loss"][1] < history.metrics["loss"][0]
    assert history.status == 0


def test_an_update_of_another_dtype_is_refused():
    update = from_optax(optax.sgd(0.1, momentum=0.9, accumulator_dtype=jnp.float32))
    with pytest.raises(ValueError, match=r"updates.*got float32, expected policy\.update"):
        fit(Policy.native("bf16"), update)


def test_a_nonfinite_run_freezes_and_leaves_its_neighbours_alone():
    # The gradient of the middle network explodes: its rate is too large.
    rates = jnp.array([0.05, 1e30, 0.02], jnp.float32)
    measured = {"params": lambda s: s.params, "loss": metrics.loss}

    def runs(rates):
        one = lambda rate: fit(  # noqa: E731
            Policy.native("fp32"), gradient_descent(rate), (0, 1, 2, 3, 9), measured
        )
        return jax.jit(jax.vmap(one))(rates)

    together, calm = runs(rates), runs(rates.at[1].set(0.05))
    np.testing.assert_array_equal(together.status, [0, 1, 0])
    failed_at = int(together.failed_at[1])
    assert 0 <= failed_at < 9
    for index in (0, 2):
        jax.tree.map(
            lambda a, b, i=index: np.testing.assert_array_equal(a[i], b[i]), together, calm
        )
    rows = [row for row, step in enumerate((0, 1, 2, 3, 9)) if step >= failed_at]
    for leaf, last in zip(
        jax.tree.leaves(together.metrics["params"]), jax.tree.leaves(together.params), strict=True
    ):
        assert np.all(np.isfinite(last))
        for row in rows:
            np.testing.assert_array_equal(leaf[1, row], last[1])


@pytest.mark.parametrize(
    "loss",
    [
        lambda p, b: jax.lax.stop_gradient(jnp.where(p > 2.5, jnp.inf, 0.0)) - p,  # the loss
        lambda p, b: -(p - 4) * jnp.where(p > 2.5, jnp.inf, 1.0),  # loss and gradient
        lambda p, b: -(p - 4) * jnp.where(p > 2.5, 3e38, 1.0),  # the new parameters alone
    ],
)
def test_loss_gradient_and_parameters_each_freeze_a_run(loss):
    history = train(
        loss,
        jnp.float32(0),
        (),
        gradient_descent(2.0),
        policy=Policy.native("fp32"),
        checkpoints=(0, 1, 10),
        metrics={},
        key=KEY,
    )
    assert (history.params, history.status, history.failed_at) == (4, 1, 2)


def test_minibatches_are_reproducible_and_cover_the_data():

    def batches(key, checkpoints):
        return train(
            lambda p, b: jnp.vdot(p, jnp.sum(b, axis=0)),
            jnp.zeros(8),
            jnp.eye(8),
            gradient_descent(-1.0),
            policy=Policy.native("fp32"),
            checkpoints=checkpoints,
            metrics={"gradient": lambda s: s.gradient},
            key=key,
            batch_size=3,
        )

    dense, sparse = batches(KEY, tuple(range(41))), batches(KEY, (0, 40))
    # The parameters count how often each example was drawn.
    assert np.sum(dense.params) == 120
    assert np.all(np.asarray(dense.params) > 0)
    np.testing.assert_array_equal(dense.params, sparse.params)
    drawn = dense.metrics["gradient"]
    np.testing.assert_array_equal(np.sum(drawn, axis=1), 3)
    np.testing.assert_array_equal(np.sum(drawn[:-1], axis=0), dense.params)
    assert not np.array_equal(dense.params, batches(jax.random.key(1), (0, 40)).params)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"checkpoints": (1, 2)}, "checkpoints: got"),
        ({"checkpoints": (0, 2, 2)}, "checkpoints: got"),
        ({"checkpoints": ()}, "checkpoints: got"),
        ({"params": jnp.bfloat16(0)}, r"params.*got bfloat16.*policy\.parameters"),
        ({"loss": lambda p, b: jnp.stack([p, p])}, r"loss: got float32\[2\]"),
        ({"loss": lambda p, b: p.astype(jnp.bfloat16)}, "loss: got bfloat16"),
        ({"key": jnp.zeros(2, jnp.uint32)}, "key"),
        ({"key": jax.random.split(KEY)}, "key"),
        ({"batch_size": 0}, "batch_size: got 0"),
        ({"batch_size": 2, "data": jnp.float32(0)}, "batch_size: got 2"),
    ],
)
def test_structural_errors_name_the_argument(change, message):
    arguments = {
        "loss": lambda p, b: p,
        "params": jnp.float32(0),
        "data": jnp.zeros(3),
        "update": gradient_descent(0.1),
        "policy": Policy.native("fp32"),
        "checkpoints": (0, 1),
        "metrics": {},
        "key": KEY,
    }
    # jaxtyping, on in the tests, may see the key first.
    with pytest.raises((ValueError, jaxtyping.TypeCheckError), match=message):
        train(**(arguments | change))


def test_training_lowers_for_cpu_cuda_and_tpu():
    policy = Policy.mixed("fp16")
    measured = {
        "norm": metrics.gradient_norm,
        "stagnated": metrics.stagnated_share,
        "dead": metrics.dead_share(curve()[0]),
        "smallest": metrics.gradient_smallest,
    }

    def run(params, key):
        return train(
            mean_squared_error(policy),
            params,
            curve(),
            perturbed_gradient_descent(0.1, 0.1),
            policy=policy,
            checkpoints=(0, 1, 5),
            metrics=measured,
            key=key,
            batch_size=4,
            scaling=dynamic_scaling(),
        )

    params = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), network())
    batched = jax.jit(jax.vmap(run))
    exported = jax.export.export(batched, platforms=("cpu", "cuda", "tpu"))(
        params, jax.random.split(KEY)
    )
    assert exported.platforms == ("cpu", "cuda", "tpu")
