"""Every public kernel lowers for cpu, cuda and tpu, on a machine that has none of the latter."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxlab as jl

PLATFORMS = ("cpu", "cuda", "tpu")
WIDTHS = (1, 4, 4, 1)


def network(key, widths=WIDTHS):
    law = jl.networks.initialisers.he(jl.networks.initialisers.fan_in_bias())
    return jl.networks.initialise(key, widths, law, "float32")


def train(key):
    policy = jl.training.Policy.native("float32")
    x = jnp.linspace(0.0, 1.0, 9)[:, None]
    return jl.training.train(
        jl.training.mean_squared_error(policy),
        network(key),
        (x, x * x),
        jl.training.perturbed_gradient_descent(0.1, 0.01),
        policy=policy,
        checkpoints=(0, 2),
        metrics={"loss": jl.training.metrics.loss, "lost": jl.training.metrics.stagnated_share},
        key=key,
    ).metrics


def shallow(key):
    draw = (jax.random.normal(key, shape) for shape in ((3,), (3,), (3,), ()))
    return jl.flows.relu_risk.Shallow(*draw)


def affine_risk(params):
    return jl.flows.relu_risk.risk(params, jl.flows.relu_risk.affine(1.0, 0.0))


def flow(key, solver):
    return jl.flows.integrate(
        affine_risk, shallow(key), np.array([0.0, 1.0]), rtol=1e-4, solver=solver
    )


def operator():
    inverse = jl.inverse
    sampled = inverse.operators.restricted(inverse.transforms.walsh(2), np.eye(8, dtype=bool))
    return inverse.operators.compose(sampled, inverse.wavelets.synthesis(2, 2, 2))


def reconstruct(y, form="step"):
    return jl.inverse.firenet(operator(), y, lam=0.1, restarts=2, iterations=3, form=form).solution


def image(key):
    return jax.random.normal(key, (8, 8))


KERNELS = {
    "round_to": lambda key: jl.arithmetic.round_to(jnp.ones(3), "bfloat16"),
    "round_to, stochastic": lambda key: jl.arithmetic.round_to(
        jnp.ones(3), "float16", "stochastic", key
    ),
    "initialise": network,
    "randomised_asymmetric": lambda key: jl.networks.initialise(
        key, WIDTHS, jl.networks.initialisers.randomised_asymmetric(), "bfloat16"
    ),
    "apply": lambda key: jl.networks.apply(network(key), jnp.ones((3, 1))),
    "stacked.apply": lambda key: jl.networks.stacked.apply(
        jl.networks.stacked.stack(network(key)), jnp.ones((3, 1))
    ),
    "targets.draw": lambda key: jl.studies.collapse.targets.draw(
        key, jl.studies.collapse.targets.absolute_value(1.0), 5, "bfloat16"
    ),
    "initialise_asymmetric": lambda key: jl.studies.collapse.initialisation.initialise_asymmetric(
        key, WIDTHS, jl.networks.initialisers.he(), "float16"
    ),
    "relu_risk": lambda key: jax.value_and_grad(affine_risk)(shallow(key)),
    "smooth_relu": lambda key: jl.flows.smooth_relu.gradient(
        shallow(key), jl.flows.relu_risk.affine(1.0, 0.0), 10.0
    ),
    "quadrature": lambda key: jl.flows.quadrature.risk(
        network(key, (2, *WIDTHS[1:])),
        jl.networks.apply,
        lambda x: x[:, :1],
        jl.flows.quadrature.box((0.0, 0.0), (1.0, 1.0), 3),
    ),
    "invariants": lambda key: (
        jl.flows.invariants.balancedness(shallow(key)),
        jl.flows.invariants.balancedness_change(shallow(key), 0.1),
        jl.flows.invariants.lyapunov(shallow(key), 1.0),
        jl.flows.invariants.lyapunov_change(jnp.ones(()), shallow(key), 0.1),
    ),
    "extremes": lambda key: jl.flows.spectrum.extremes(affine_risk, shallow(key), key, 4),
    "integrate, implicit": partial(flow, solver=jl.flows.implicit()),
    "integrate, explicit": partial(flow, solver=jl.flows.explicit()),
    "milkert_hyde_laine": lambda key: jl.networks.constructions.milkert_hyde_laine(
        jax.random.uniform(key, (3,))
    ),
    "patterns": lambda key: jl.regions.patterns.patterns(network(key), jnp.ones((3, 1))),
    "breakpoints": lambda key: jl.regions.line.breakpoints(
        network(key), jnp.zeros(1), jnp.ones(1), 16
    ),
    "regions on a plane": lambda key: jl.regions.plane.regions(
        network(key, (2, *WIDTHS[1:])), jnp.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), 50
    ),
    "train": train,
    "fourier": lambda key: jl.inverse.transforms.fourier(2).adjoint(image(key)),
    "ellipses": lambda key: jl.inverse.images.ellipses(key, 8),
    "psnr": lambda key: jl.inverse.images.psnr(image(key), jnp.ones((8, 8))),
    "operator norm": lambda key: (
        jl.inverse.operators.norm(key, operator(), image(key)),
        jl.inverse.operators.adjoint_defect(key, operator(), image(key)),
    ),
    "firenet": lambda key: reconstruct(image(key)),
    "firenet, gradient": lambda key: jax.grad(lambda y: jnp.sum(reconstruct(y, "data") ** 2))(
        image(key)
    ),
    "firenet, rounded": lambda key: jl.arithmetic.rounded(reconstruct, "bf16")(image(key)),
    "objective": lambda key: jl.inverse.objective(operator(), image(key), image(key), 0.1),
    "worst case": lambda key: jl.inverse.perturbations.worst_case(
        key, reconstruct, image(key), radius=0.1, steps=2, rate=0.1, momentum=0.9, restarts=2
    ),
    "lista": lambda key: jl.inverse.lista.apply(
        jl.inverse.lista.init(key, np.ones((2, 3)), 2), np.ones((2, 3)), jnp.ones(2)
    ),
    "unet": lambda key: jl.inverse.unet.apply(
        jl.inverse.unet.init(key, features=2, levels=2), image(key)
    ),
}


@pytest.fixture
def no_callbacks(monkeypatch):
    """diffrax checks traced times by a callback to the host, which no export can hold."""
    monkeypatch.setattr("equinox._errors.EQX_ON_ERROR", "off")


@pytest.mark.usefixtures("no_callbacks")
@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
def test_the_kernel_lowers_alone_and_batched(kernel):
    key = jax.random.key(0)
    keys = jax.random.split(key, 2)
    jax.export.export(jax.jit(kernel), platforms=PLATFORMS)(key)
    jax.export.export(jax.jit(jax.vmap(kernel)), platforms=PLATFORMS)(keys)
