"""Ensembles: the same bits for every chunk, number of networks and number of devices."""

import functools
import json
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.networks.mlp import Layer
from jaxlab.training import (
    Policy,
    ensemble,
    gradient_descent,
    mean_squared_error,
    metrics,
    perturbed_gradient_descent,
    train,
)

MEASURED = {"loss": metrics.loss}
STEPS = (0, 1, 7)


def network(key, widths=(1, 16, 16, 1)):
    layers = []
    for index, width in enumerate(widths[:-1]):
        draw = jax.random.fold_in(key, index)
        weight = jax.random.normal(draw, (width, widths[index + 1]), jnp.float32)
        layers.append(Layer(weight * 0.4, weight[0] * 0.1))
    return tuple(layers)


def curve(points=64):
    x = jnp.linspace(-1.0, 1.0, points, dtype=jnp.float32)[:, None]
    return x, jnp.sin(3 * x)


def many(count, points=64, **options):
    policy = Policy.native("float32")
    keys = jax.random.split(jax.random.key(0), 40)[:count]
    params = jax.jit(jax.vmap(network))(jax.random.split(jax.random.key(1), 40))
    rates = jnp.linspace(0.01, 0.1, 40, dtype=jnp.float32)[:count]
    return ensemble(
        mean_squared_error(policy),
        jax.tree.map(lambda leaf: leaf[:count], params),
        options.pop("data", curve(points)),
        options.pop("update", gradient_descent),
        policy=policy,
        checkpoints=STEPS,
        metrics=MEASURED,
        keys=keys,
        learning_rate=rates,
        **options,
    )


def digest(history):
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(history)]
    return [leaf.tobytes().hex() for leaf in leaves]


def same(one, other):
    jax.tree.map(np.testing.assert_array_equal, one, other)


@functools.cache
def reference():
    return many(37)


@pytest.mark.parametrize(
    "chunk",
    [1, 16, pytest.param(3, marks=pytest.mark.slow), pytest.param(37, marks=pytest.mark.slow)],
)
def test_every_chunk_size_gives_the_same_bits(chunk):
    same(many(37, chunk=chunk), reference())


def test_the_number_of_networks_changes_no_bit_of_a_network():
    few, all_of_them = many(5), reference()
    same(few[1:], jax.tree.map(lambda leaf: leaf[:5], all_of_them[1:]))


@pytest.mark.slow
@pytest.mark.parametrize("points", [17, 100, 256])
def test_chunks_agree_bitwise_for_other_numbers_of_points(points):
    one = many(40, points, chunk=40)
    for chunk in (1, 2, 8, 13, 32):
        same(many(40, points, chunk=chunk), one)


def test_eight_devices_give_the_bits_of_one():
    code = (
        "import json, sys, jax; from tests_training_ensemble import digest, many; "
        "assert jax.local_device_count() == 8; json.dump(digest(many(37)), sys.stdout)"
    )
    bootstrap = (
        "import importlib.util, sys; "
        f"spec = importlib.util.spec_from_file_location('tests_training_ensemble', {__file__!r}); "
        "module = importlib.util.module_from_spec(spec); "
        "sys.modules['tests_training_ensemble'] = module; spec.loader.exec_module(module); "
    )
    environment = os.environ | {
        "XLA_FLAGS": os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8",
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run(
        [sys.executable, "-c", bootstrap + code],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == digest(reference())


def test_a_network_in_an_ensemble_follows_its_own_trajectory():
    history = reference()
    policy, index = Policy.native("float32"), 4
    params = jax.jit(jax.vmap(network))(jax.random.split(jax.random.key(1), 40))
    rate = jnp.linspace(0.01, 0.1, 40, dtype=jnp.float32)[index]
    alone = jax.jit(
        lambda params: train(
            mean_squared_error(policy),
            params,
            curve(),
            gradient_descent(rate),
            policy=policy,
            checkpoints=STEPS,
            metrics=MEASURED,
            key=jax.random.key(0),
        )
    )(jax.tree.map(lambda leaf: leaf[index], params))
    # Another program, so other fusions: equal within float32 rounding, not bitwise.
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a[index], b, rtol=1e-4, atol=1e-5),
        history[1:],
        alone[1:],
    )


def test_data_per_network_equals_shared_data_and_prefixes_mix_both():
    x, y = curve()
    own = jnp.broadcast_to(y, (5, *y.shape))
    shared, mixed = many(5), many(5, data=(x, own), data_axes=(None, 0))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), mixed, shared)


def test_noise_differs_between_networks_and_repeats_with_the_keys():
    update = functools.partial(perturbed_gradient_descent, epsilon=0.5)
    keys = jax.random.split(jax.random.key(0), 2)
    params = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), network(jax.random.key(2)))
    policy = Policy.mixed("bfloat16")
    runs = [
        ensemble(
            mean_squared_error(policy),
            params,
            curve(),
            update,
            policy=policy,
            checkpoints=(0, 3),
            metrics={},
            keys=keys,
            learning_rate=jnp.full(2, 0.05, jnp.float32),
            batch_size=4,
        )
        for _ in range(2)
    ]
    same(*runs)
    assert not np.array_equal(runs[0].params[0].bias[0], runs[0].params[0].bias[1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"chunk": 0}, "chunk: got 0"),
        ({"update": gradient_descent(0.1)}, "update: got an Update with learning_rate"),
        ({"data_axes": 1}, "data_axes: got"),
        ({"data_axes": 0}, "data: got a leaf of shape"),
    ],
)
def test_structural_errors_name_the_argument(change, message):
    with pytest.raises(ValueError, match=message):
        many(5, **change)


def test_an_ensemble_inside_jit_is_refused():
    with pytest.raises(ValueError, match="host call"):
        jax.jit(
            lambda params: (
                ensemble(
                    lambda p, b: p,
                    params,
                    (),
                    gradient_descent(0.1),
                    policy=Policy.native("fp32"),
                    checkpoints=(0,),
                    metrics={},
                    keys=jax.random.split(jax.random.key(0), 2),
                ).params
            )
        )(jnp.zeros(2))
