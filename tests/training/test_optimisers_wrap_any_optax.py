"""Whatever optax makes runs on low-precision parameters; in wide formats the bits are its own."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxlab.arithmetic import as_format, round_to
from jaxlab.training import low_precision
from jaxlab.training.optimisers import Moment

KEY = jax.random.key(0)
SCHEDULE = optax.cosine_decay_schedule(0.05, 40)
TRANSFORMATIONS = {
    "sgd": optax.sgd(0.05),
    "momentum": optax.sgd(0.02, momentum=0.9, nesterov=True),
    "adam": optax.adam(0.05),
    "adamw, schedule": optax.adamw(SCHEDULE, weight_decay=1e-3),
    "lion": optax.lion(0.05),
    "rmsprop": optax.rmsprop(0.05, momentum=0.5, centered=True),
    "clipped adam": optax.chain(optax.clip_by_global_norm(1.0), optax.adam(0.05)),
    "injected adam": optax.inject_hyperparams(optax.adam)(0.05),
    "injected schedule": optax.inject_hyperparams(optax.adamw)(SCHEDULE),
    "by label": optax.partition(
        {"a": optax.adam(0.05), "b": optax.sgd(0.05, momentum=0.9)}, {"w": "a", "b": "b"}
    ),
    "every other step": optax.MultiSteps(optax.adam(0.05), 2),
    "factored": optax.adafactor(0.05, min_dim_size_to_factor=2),
    "l-bfgs": optax.chain(optax.scale_by_lbfgs(memory_size=2), optax.scale(-0.3)),
}


def start(dtype="float32"):
    return {"w": jnp.asarray([[1.0, -2.0], [0.5, 1.5]], dtype), "b": jnp.asarray([1.0], dtype)}


def loss(params):
    """Half the squared distance to 0.25, in float32."""
    return sum(jnp.sum(jnp.square(p.astype(jnp.float32) - 0.25)) / 2 for p in params.values())


def descend(optimiser, params, steps=30):
    """The last parameters and the state after each step."""

    def step(carry, _):
        params, state = carry
        gradient = jax.grad(loss)(params)
        updates, state = optimiser.step(gradient, state, params)
        params, state = optimiser.apply(params, updates, state)
        return (params, state), state

    return jax.jit(lambda p: jax.lax.scan(step, (p, optimiser.init(KEY, p)), None, length=steps))(
        params
    )


# Every other transformation in one format, and slowly all in all three: compiling takes long.
CASES = [
    pytest.param(kind, name, marks=() if (index + 2 * shift) % 6 == 0 else pytest.mark.slow)
    for index, kind in enumerate(TRANSFORMATIONS)
    for shift, name in enumerate(("bfloat16", "float16", "e4m3"))
]


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_every_transformation_lowers_the_loss_on_narrow_parameters_and_moments(kind, name):
    fmt = as_format(name)
    optimiser = low_precision(
        TRANSFORMATIONS[kind],
        fmt,
        moments=fmt,
        scaled_moments=True,
        update=fmt,
        rounding="compensated",
    )
    params = start("float32" if name == "e4m3" else name)
    (last, state), _ = descend(optimiser, params)
    assert loss(last) < 0.5 * loss(params)
    for before, after in zip(jax.tree.leaves(params), jax.tree.leaves(last), strict=True):
        assert after.dtype == before.dtype
        np.testing.assert_array_equal(after, jnp.asarray(round_to(after, fmt)))
    inner = jax.tree.leaves(state.inner, is_leaf=lambda leaf: isinstance(leaf, Moment))
    moments = [leaf.values for leaf in inner if isinstance(leaf, Moment)]
    assert bool(moments) == (kind != "sgd")
    for values in moments:
        assert values.dtype == params["w"].dtype
        np.testing.assert_array_equal(values, jnp.asarray(round_to(values, fmt)))


@pytest.mark.parametrize("kind", TRANSFORMATIONS)
def test_in_the_formats_of_the_arithmetic_the_bits_are_those_of_optax(kind):
    transformation, params = TRANSFORMATIONS[kind], start()
    wrapped = low_precision(transformation, "float32", moments="float32", update="float32")
    kept, state = params, wrapped.init(KEY, params)
    with jax.numpy_dtype_promotion("standard"):
        plain, own = params, transformation.init(params)
        update = jax.jit(transformation.update)
    for _ in range(5):
        gradient = jax.grad(loss)(plain)
        with jax.numpy_dtype_promotion("standard"):
            expected, own = update(gradient, own, plain)
            plain = optax.apply_updates(plain, expected)
        updates, state = wrapped.step(gradient, state, kept)
        kept, state = wrapped.apply(kept, updates, state)
        jax.tree.map(np.testing.assert_array_equal, (updates, kept), (expected, plain))
    jax.tree.map(np.testing.assert_array_equal, state.inner, own)


def test_float64_formats_give_the_bits_of_optax_in_float64(x64):
    transformation, params = optax.adamw(0.1), start("float64")
    wrapped = low_precision(transformation, "float64", arithmetic="float64")
    kept, state = params, wrapped.init(KEY, params)
    plain, own = params, transformation.init(params)
    update = jax.jit(lambda *arguments: transformation.update(*arguments))
    with jax.numpy_dtype_promotion("standard"):
        for _ in range(5):
            gradient = jax.tree.map(jnp.sin, plain)
            expected, own = update(gradient, own, plain)
            plain = optax.apply_updates(plain, expected)
            updates, state = wrapped.step(gradient, state, kept)
            kept, state = wrapped.apply(kept, updates, state)
    jax.tree.map(np.testing.assert_array_equal, (kept, state.inner), (plain, own))


def test_hyper_parameters_are_data_and_stay_in_the_arithmetic():
    # 0.999 is 1 in bfloat16, where optax's injected Adam divides by zero.
    optimiser = low_precision(
        optax.inject_hyperparams(optax.adam)(0.1), "bfloat16", moments="bfloat16"
    )
    params = {"w": jnp.ones((), jnp.bfloat16)}  # a scalar, as the hyper-parameters are
    state = optimiser.init(KEY, params)
    assert state.inner.hyperparams["b2"] == np.float32(0.999)
    assert state.inner.inner_state[0].nu["w"].values.dtype == jnp.bfloat16
    gradient = {"w": jnp.float32(0.5)}
    _, state = optimiser.step(gradient, state, params)
    state.inner.hyperparams["learning_rate"] = jnp.float32(0.025)
    updates, state = optimiser.step(gradient, state, params)
    np.testing.assert_allclose(updates["w"], -0.025, rtol=0.01)  # moments have 8 bits


def test_weight_decay_sees_the_master_copy():
    optimiser = low_precision(optax.add_decayed_weights(0.5), "bfloat16", master="float32")
    params = jnp.float32(1 + 2.0**-12)  # a bfloat16 parameter is 1, carried by float32
    state = optimiser.init(KEY, params)
    updates, _ = optimiser.step(jnp.float32(0), state, jnp.float32(1))
    assert updates == 0.5 * (1 + 2.0**-12)
